//! Runs as processes: owned by one, steered by many, killed, found again, registered once.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
    sync::mpsc::{Receiver, channel},
};

use orrery_domain::{
    FailureClass, RunId,
    job::{JobEvent, JobSpec, Steering},
    run::RunState,
};
use orrery_engine::{
    Workspace,
    jobs::{Heard, Job, lines::Appender, spawn},
    registry, runs,
    store::Store,
};
use orrery_policy::{ending, ending::Ending, lifecycle::Order, retry::Again};

use crate::fake::{child_command, launcher, new_run, put, wait_until, workspace};

/// Starts a run's child.
fn start(workspace: &Workspace, run: &RunId) -> (Job, Receiver<Heard>) {
    let launch = runs::launch(workspace, run, false).expect("a spec");
    let (sender, heard) = channel();
    let job = spawn::start(&launcher(), &launch, move |message| drop(sender.send(message))).expect("started");
    (job, heard)
}

/// Hears a child to its end.
fn end_of(heard: &Receiver<Heard>) -> (Vec<JobEvent>, Ending) {
    let mut events = Vec::new();
    for message in heard {
        match message {
            Heard::Event(event) => events.push(*event),
            Heard::Ended(how) => return (events, how),
        }
    }
    panic!("the child's end was not told");
}

fn state(store: &Store, run: &RunId) -> RunState {
    store.run(run).expect("read").expect("there").state
}

fn wait_for_state(store: &Store, run: &RunId, wanted: RunState) {
    wait_until(wanted.name(), || state(store, run) == wanted);
}

#[test]
fn a_run_that_ends_well_is_registered_and_recorded() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "quick");
    let (_job, heard) = start(&workspace, &run.id);
    let (events, how) = end_of(&heard);
    assert_eq!((how.code, ending::classify(&how)), (Some(0), None));
    assert!(matches!(events.first(), Some(JobEvent::Started { .. })), "{events:?}");
    let Some(JobEvent::Finished { summary, .. }) = events.last() else { panic!("{events:?}") };
    let model = summary.model.clone().expect("registered");
    assert_eq!(model.to_string(), "things-gbt:1");
    let record = store.run(&run.id).expect("read").expect("there");
    assert_eq!((record.state, record.model), (RunState::Finished, Some(model.clone())));
    assert_eq!(record.best_valid_loss, Some(0.2));
    let card = registry::read_card(&workspace.model(&model)).expect("a card");
    assert_eq!((card.model, card.lineage.run), (Some(model), run.id.clone()));
    assert!(!workspace.run(&run.id).join("model").exists(), "the staged folder was moved");
    let replayed = runs::settle(&workspace, &mut store, &run.id, None).expect("settled").expect("free");
    assert_eq!(replayed.state, RunState::Finished, "the log adds up to the record");
}

#[test]
fn a_run_has_one_owner() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "slow");
    let (first, heard_first) = start(&workspace, &run.id);
    wait_for_state(&store, &run.id, RunState::Running);
    wait_until("the first child to have the run", || runs::is_alive(&workspace, &run.id).expect("asked"));
    let (_second, heard_second) = start(&workspace, &run.id);
    let (events, how) = end_of(&heard_second);
    let Some(JobEvent::Failed { failure, .. }) = events.last() else { panic!("{events:?}") };
    assert!(failure.message.contains("another process") && how.code == Some(1), "{failure:?}");
    assert_eq!(state(&store, &run.id), RunState::Running, "the owner's record is untouched");
    first.steer(Steering::Cancel);
    assert_eq!(end_of(&heard_first).1.code, Some(130));
    let starts = runs::events(&workspace, &run.id);
    assert_eq!(starts.iter().filter(|logged| matches!(logged.event, JobEvent::Started { .. })).count(), 1);
}

#[test]
fn a_parent_that_goes_leaves_a_run_that_can_go_on() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "slow");
    let (job, heard) = start(&workspace, &run.id);
    wait_until("a first point", || runs::events(&workspace, &run.id).len() > 2);
    drop(job);
    let (events, how) = end_of(&heard);
    assert_eq!(how.code, Some(130), "{events:?}");
    assert_eq!(state(&store, &run.id), RunState::Paused);
    let saved = fs::read_to_string(workspace.run(&run.id).join("checkpoints/step")).expect("a checkpoint");
    let next =
        runs::prepare_resume(&workspace, &mut store, &run.id, RunState::Running, None).expect("resumable");
    assert_eq!(next, run.id);
    let (job, heard) = start(&workspace, &run.id);
    let Ok(Heard::Event(event)) = heard.recv() else { panic!("no event") };
    let JobEvent::Started { from_step, .. } = *event else { panic!("{event:?}") };
    assert_eq!(from_step.to_string(), saved);
    job.steer(Steering::Cancel);
    end_of(&heard);
    assert_eq!(state(&store, &run.id), RunState::Cancelled);
}

#[test]
fn another_process_steers_through_the_control_file() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "slow");
    let (_job, heard) = start(&workspace, &run.id);
    wait_until("a first point", || runs::events(&workspace, &run.id).len() > 2);
    let mut other = Store::open(&workspace).expect("another connection");
    for (order, wanted) in [
        (Order::Pause, RunState::Paused),
        (Order::Resume, RunState::Running),
        (Order::Cancel, RunState::Cancelled),
    ] {
        assert_eq!(runs::order(&workspace, &mut other, &run.id, order).expect("told"), runs::Ordered::Told);
        wait_for_state(&store, &run.id, wanted);
    }
    end_of(&heard);
    let refused = runs::order(&workspace, &mut other, &run.id, Order::Pause).expect_err("it has ended");
    assert_eq!(refused.class, FailureClass::Client);
}

#[test]
fn an_old_order_does_not_end_a_resumed_run() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "quick");
    let control = workspace.run(&run.id).join("control");
    Appender::open(&control).expect("opened").append(&Steering::Cancel, true).expect("written");
    let (_job, heard) = start(&workspace, &run.id);
    end_of(&heard);
    assert_eq!(state(&store, &run.id), RunState::Finished);
}

#[test]
fn a_killed_run_is_found_and_goes_on_from_its_checkpoint() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "slow");
    let (job, heard) = start(&workspace, &run.id);
    wait_until("a first point", || runs::events(&workspace, &run.id).len() > 2);
    put(workspace.run(&run.id).join("checkpoints/step"), "2");
    job.kill();
    let (_, how) = end_of(&heard);
    assert_eq!(how.signal, Some(9));
    assert_eq!(ending::classify(&how).expect("a death").class, FailureClass::Capacity);
    assert_eq!(state(&store, &run.id), RunState::Running, "nobody has settled it yet");
    let (changed, alive) = runs::reconcile(&workspace, &mut store).expect("reconciled");
    assert_eq!((changed.len(), alive.len()), (1, 0));
    assert_eq!(state(&store, &run.id), RunState::Paused);
    let (job, heard) = start(&workspace, &run.id);
    let Ok(Heard::Event(event)) = heard.recv() else { panic!("no event") };
    assert!(matches!(*event, JobEvent::Started { from_step: 2, .. }), "{event:?}");
    drop(job);
    end_of(&heard);
}

#[test]
fn a_run_out_of_memory_is_tried_once_more_with_half_the_rows_at_once() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "starve");
    let (_job, heard) = start(&workspace, &run.id);
    let (_, how) = end_of(&heard);
    let again = runs::after_end(&workspace, &mut store, &run.id, &how).expect("judged");
    assert_eq!(again, Some(Again::Passes(2)));
    let (_job, heard) = start(&workspace, &run.id);
    let (events, how) = end_of(&heard);
    assert!(matches!(events.first(), Some(JobEvent::Started { from_step: 3, .. })), "{events:?}");
    assert_eq!(runs::after_end(&workspace, &mut store, &run.id, &how).expect("judged"), None);
    assert_eq!(state(&store, &run.id), RunState::Finished);
    let killed = Ending { signal: Some(9), ..Ending::default() };
    let once = runs::try_again(&workspace, &run.id, &ending::classify(&killed).expect("a death"));
    assert_eq!(once.expect("judged"), None, "only once");
}

#[test]
fn a_panic_is_a_failed_run_with_its_message() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "panic");
    let (_job, heard) = start(&workspace, &run.id);
    let (_, how) = end_of(&heard);
    assert_eq!(how.code, Some(1));
    let record = store.run(&run.id).expect("read").expect("there");
    let failure = record.failure.expect("why");
    assert_eq!((record.state, failure.class), (RunState::Failed, FailureClass::Bug));
    assert!(failure.message.contains("scripted panic"), "{}", failure.message);
    let next =
        runs::prepare_resume(&workspace, &mut store, &run.id, RunState::Queued, None).expect("a new run");
    assert_ne!(next, run.id, "a finished record never changes");
    assert_eq!(state(&store, &run.id), RunState::Failed);
}

#[test]
fn a_crash_between_the_folder_and_the_record_registers_once() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "quick");
    let (_job, heard) = start(&workspace, &run.id);
    end_of(&heard);
    // As if the process had died after the rename: the version is reserved, the folder there, the record not.
    let database = rusqlite::Connection::open(workspace.database()).expect("opened");
    database.execute("UPDATE models SET json = NULL", []).expect("forgotten");
    fs::remove_file(workspace.run(&run.id).join("events.jsonl")).expect("forgotten");
    let (_job, heard) = start(&workspace, &run.id);
    let (events, _) = end_of(&heard);
    let Some(JobEvent::Finished { summary, .. }) = events.last() else { panic!("{events:?}") };
    assert_eq!(summary.model.as_ref().expect("registered").version, 1);
    assert_eq!(store.models().expect("read").len(), 1);
    assert!(
        !events.iter().any(|event| matches!(event, JobEvent::Started { .. })),
        "nothing is trained twice"
    );
}

#[test]
fn runs_that_end_together_get_versions_of_their_own() {
    let (_folder, workspace, mut store) = workspace();
    let runs: Vec<RunId> = (0..4).map(|_| new_run(&workspace, &mut store, "quick").id).collect();
    let children: Vec<_> = runs.iter().map(|run| start(&workspace, run)).collect();
    for (_, heard) in &children {
        end_of(heard);
    }
    let mut versions: Vec<u32> =
        store.models().expect("read").iter().map(|entry| entry.model.version).collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4]);
}

#[test]
fn a_closed_standard_output_neither_stops_nor_kills_a_run() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "quick");
    let mut command = child_command(&workspace.run(&run.id).join("spec.json"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
    // Waiting for a child closes its standard input, which would tell it that its parent is gone.
    let _parent = child.stdin.take();
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    // The test harness around the child must have said its own lines before the pipe closes.
    while !line.contains("started") {
        line.clear();
        assert!(reader.read_line(&mut line).expect("readable") > 0, "it ended before it began");
    }
    drop(reader);
    assert!(child.wait().expect("ended").success());
    assert_eq!(state(&store, &run.id), RunState::Finished);
}

#[test]
fn a_job_let_go_outlives_its_parent() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "quick");
    let (job, _heard) = start(&workspace, &run.id);
    job.let_go();
    wait_for_state(&store, &run.id, RunState::Finished);
}

#[test]
fn a_spec_that_is_no_spec_is_wrong_usage() {
    let (folder, workspace, _store) = workspace();
    let spec = folder.path().join("spec.json");
    put(&spec, "{\"job\":\"dance\"}");
    let output = child_command(&spec).stdin(Stdio::null()).output().expect("ran");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"class\":\"client\""));
    let spec = JobSpec::ListDevices { home: workspace.home().to_path_buf() };
    let never = std::sync::atomic::AtomicBool::new(false);
    let event = spawn::complete(&launcher(), &workspace, &spec, &never, |_| {}).expect("listed");
    assert!(matches!(event, JobEvent::Devices { devices } if devices.len() == 1));
    assert_eq!(fs::read_dir(workspace.jobs()).expect("listed").count(), 0, "nothing stays behind");
}

#[test]
fn deleted_models_and_runs_come_back() {
    let (_folder, workspace, mut store) = workspace();
    let run = new_run(&workspace, &mut store, "quick");
    let (_job, heard) = start(&workspace, &run.id);
    end_of(&heard);
    let model = store.run(&run.id).expect("read").expect("there").model.expect("registered");
    registry::delete(&workspace, &mut store, &model).expect("deleted");
    assert!(!workspace.model(&model).exists() && registry::find(&mut store, "things-gbt").is_err());
    registry::restore(&workspace, &mut store, &model).expect("restored");
    assert_eq!(registry::find(&mut store, "things-gbt").expect("there").model, model);
    let out = tempfile::tempdir().expect("a folder");
    let to = registry::export(&workspace, &model, out.path()).expect("exported");
    assert!(to.join("card.json").exists());
    runs::delete(&workspace, &mut store, &run.id).expect("deleted");
    assert!(!workspace.run(&run.id).exists());
    runs::restore(&workspace, &mut store, &run.id).expect("restored");
    assert!(workspace.run(&run.id).join("events.jsonl").exists());
}
