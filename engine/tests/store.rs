//! The store: what is written reads back, in another process too; what is not ours is refused.

use std::time::Instant;

use orrery_domain::{FailureClass, RunId, device::DeviceChoice, run::RunState};
use orrery_engine::{Workspace, runs, store::Store};

use crate::fake::{config, dataset, profile, put, workspace};

#[test]
fn records_read_back_as_they_were() {
    let (_folder, workspace, mut store) = workspace();
    let dataset = dataset(&workspace);
    let profile = profile(&dataset, Some("y"));
    assert_eq!(store.put_dataset(&dataset, &profile).expect("written"), dataset);
    let mut run = runs::record_of(&RunId("r-1".into()), &dataset, &config("quick"), Some("name"));
    run.note = "a note".into();
    store.add_run(&run).expect("written");
    store.set_default_device(DeviceChoice::Gpu(1)).expect("written");

    let mut again = Store::open(&workspace).expect("opened again");
    assert_eq!(again.datasets().expect("read"), [(dataset.clone(), false)]);
    assert_eq!(again.profile(&dataset.id, Some("y")).expect("read"), Some(profile));
    assert_eq!(again.profile(&dataset.id, None).expect("read"), None);
    assert_eq!(again.run(&run.id).expect("read"), Some(run));
    assert_eq!(again.default_device().expect("read"), DeviceChoice::Gpu(1));
    assert!(again.integrity().expect("read").is_empty());
}

#[test]
fn the_same_import_is_the_same_dataset_and_brings_a_deleted_one_back() {
    let (_folder, workspace, mut store) = workspace();
    let first = dataset(&workspace);
    store.put_dataset(&first, &profile(&first, None)).expect("written");
    store.mark_dataset(&first.id, true).expect("marked");
    let mut second = first.clone();
    second.imported_at += 100.0;
    assert_eq!(store.put_dataset(&second, &profile(&first, None)).expect("written"), first);
    assert_eq!(store.datasets().expect("read"), [(first, false)]);
}

#[test]
fn only_what_changed_is_read_again() {
    let (_folder, workspace, mut store) = workspace();
    let dataset = dataset(&workspace);
    let run = |id: &str| runs::record_of(&RunId(id.into()), &dataset, &config("quick"), None);
    store.add_run(&run("one")).expect("written");
    let before = store.changes_since(0).expect("read");
    assert_eq!(before.runs.len(), 1);
    let mut other = Store::open(&workspace).expect("another connection");
    let version = store.data_version().expect("read");
    other.add_run(&run("two")).expect("written");
    assert_ne!(store.data_version().expect("read"), version, "another's write is noticed");
    let changes = store.changes_since(before.revision).expect("read");
    assert_eq!(changes.runs.iter().map(|run| run.id.0.as_str()).collect::<Vec<_>>(), ["two"]);
    assert!(store.changes_since(changes.revision).expect("read").is_empty());
}

#[test]
fn writers_in_parallel_lose_nothing() {
    let (_folder, workspace, mut store) = workspace();
    let dataset = dataset(&workspace);
    let run = runs::record_of(&RunId("shared".into()), &dataset, &config("quick"), None);
    store.add_run(&run).expect("written");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut store = Store::open(&workspace).expect("opened");
                for _ in 0..25 {
                    let added = store.update_run(&run.id, |run| {
                        run.note.push('x');
                        true
                    });
                    assert!(added.expect("written").is_some());
                }
            });
        }
    });
    assert_eq!(store.run(&run.id).expect("read").expect("there").note.len(), 100);
}

#[test]
fn a_hundred_thousand_runs_are_read_at_once() {
    let (_folder, workspace, mut store) = workspace();
    let dataset = dataset(&workspace);
    let mut all = Vec::new();
    for index in 0..100_000 {
        let mut run = runs::record_of(&RunId(format!("r-{index:06}")), &dataset, &config("quick"), None);
        run.state = RunState::Finished;
        all.push(run);
    }
    store.add_runs(&all).expect("written");
    let began = Instant::now();
    let changes = store.changes_since(0).expect("read");
    let took = began.elapsed();
    assert_eq!(changes.runs.len(), all.len());
    println!("100,000 runs read in {took:?}");
    assert!(took.as_secs_f64() < 3.0, "{took:?}");
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let workspace = Workspace::open(folder.path()).expect("a workspace");
    let refused = |class: FailureClass, words: &str| {
        let failure = Store::open(&workspace).expect_err("refused");
        assert!(failure.class == class && failure.message.contains(words), "{failure:?}");
    };
    put(workspace.database(), "no database at all, but long enough to be one".repeat(100));
    refused(FailureClass::Data, "no database");
    std::fs::remove_file(workspace.database()).expect("removed");
    let foreign = rusqlite::Connection::open(workspace.database()).expect("made");
    foreign.execute_batch("CREATE TABLE theirs (x); PRAGMA application_id = 7;").expect("made");
    drop(foreign);
    refused(FailureClass::Client, "another program");
    std::fs::remove_file(workspace.database()).expect("removed");
    drop(Store::open(&workspace).expect("a new one"));
    let newer = rusqlite::Connection::open(workspace.database()).expect("opened");
    newer.pragma_update(None, "user_version", 99).expect("set");
    drop(newer);
    refused(FailureClass::Client, "newer Orrery");
}
