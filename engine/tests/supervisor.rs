//! The supervisor as the window sees it: commands in, snapshots out, everything else in other threads and processes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use orrery_domain::{
    Command, DatasetId, Engine, ModelRef, Snapshot,
    compare::{CompareSettings, CompareSource},
    compress::{CompressMethod, QuantizeConfig},
    dataset::ImportOptions,
    run::{Run, RunState},
    snapshot::{JobKind, JobOutcome, Severity},
};
use orrery_engine::{Supervisor, Workspace, runs, store::Store};

use crate::fake::{config, launcher, new_run, put, wait_until, workspace};

fn open(workspace: &Workspace) -> Supervisor {
    Supervisor::start(workspace.clone(), launcher()).expect("started")
}

/// Waits until a snapshot is as wanted.
fn wait_for(engine: &Supervisor, what: &str, is_so: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let snapshot = engine.snapshot();
        if is_so(&snapshot) {
            return snapshot;
        }
        assert!(Instant::now() < end, "waited in vain: {what}: {:?} {:?}", snapshot.notices, snapshot.runs);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A workspace with one imported dataset, and its window.
fn with_dataset() -> (tempfile::TempDir, Workspace, Supervisor) {
    let (folder, workspace, _store) = workspace();
    let engine = open(&workspace);
    let file = folder.path().join("things.csv");
    put(&file, "a,y\n1,2\n");
    engine.send(Command::ImportFile { file, options: ImportOptions::default() });
    wait_for(&engine, "the dataset", |snapshot| {
        snapshot.datasets.iter().any(|entry| entry.profile.is_some())
            && matches!(snapshot.jobs[0].outcome, Some(JobOutcome::Imported { .. }))
    });
    (folder, workspace, engine)
}

fn train(engine: &Supervisor, script: &str) {
    let dataset = engine.snapshot().datasets[0].dataset.id.clone();
    engine.send(Command::Train { dataset, config: Box::new(config(script)), name: None });
}

fn states(snapshot: &Snapshot) -> Vec<RunState> {
    snapshot.runs.iter().map(|run| run.state).collect()
}

#[test]
fn a_file_becomes_a_model_and_answers_a_row() {
    let (_folder, _workspace, engine) = with_dataset();
    let wakes = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&wakes);
    engine.on_change(Box::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    let before = engine.snapshot().revision;
    train(&engine, "quick");
    let snapshot = wait_for(&engine, "the model", |snapshot| !snapshot.models.is_empty());
    let snapshot = if states(&snapshot) == [RunState::Finished] {
        snapshot
    } else {
        wait_for(&engine, "the end", |snapshot| states(snapshot) == [RunState::Finished])
    };
    let published = engine.snapshot().revision - before;
    assert!(wakes.load(Ordering::Relaxed) >= 1 && published < 100, "{published}");
    let model = snapshot.models[0].model.clone();
    engine.send(Command::WatchRuns { runs: vec![snapshot.runs[0].id.clone()] });
    let curves = wait_for(&engine, "the curves", |snapshot| {
        snapshot.series.values().any(|series| series.values().any(|points| points.len() == 5))
    });
    assert_eq!(curves.series.len(), 1);
    engine.send(Command::LoadModel { model: model.clone() });
    wait_for(&engine, "the card", |snapshot| snapshot.models[0].card.is_some());
    engine.send(Command::TryRow { model, row: vec![("a".into(), Some("1".into()))], explain: false });
    let answered = wait_for(&engine, "the answer", |snapshot| {
        snapshot.try_row.as_ref().is_some_and(|state| state.answer.is_some())
    });
    let answer = answered.try_row.clone().expect("asked").answer.clone().expect("answered");
    assert!(answer.expect("no failure").prediction.starts_with("1 of "));
    engine.close();
}

#[test]
fn one_training_at_a_time_and_every_order_is_obeyed() {
    let (_folder, _workspace, engine) = with_dataset();
    train(&engine, "slow");
    wait_for(&engine, "the first run", |snapshot| states(snapshot) == [RunState::Running]);
    train(&engine, "slow");
    let both = wait_for(&engine, "the queue", |snapshot| snapshot.runs.len() == 2);
    assert_eq!(states(&both), [RunState::Queued, RunState::Running]);
    let (second, first) = (both.runs[0].id.clone(), both.runs[1].id.clone());
    engine.send(Command::PauseRun { run: first.clone() });
    wait_for(&engine, "the second to take the place of the paused one", |snapshot| {
        states(snapshot) == [RunState::Running, RunState::Paused]
    });
    engine.send(Command::CancelRun { run: second });
    engine.send(Command::ResumeRun { run: first.clone() });
    wait_for(&engine, "both obey", |snapshot| states(snapshot) == [RunState::Cancelled, RunState::Running]);
    engine.send(Command::DeleteRun { run: first.clone() });
    let refused = wait_for(&engine, "a refusal", |snapshot| {
        snapshot.notices.iter().any(|notice| notice.message.contains("cancel it first"))
    });
    assert!(refused.runs.iter().all(|run| !run.deleted));
    engine.send(Command::RenameRun { run: first, name: "renamed".into() });
    wait_for(&engine, "the name", |snapshot| snapshot.runs[1].name == "renamed");
    engine.close();
}

#[test]
fn what_is_deleted_can_be_undone_from_its_notice() {
    let (_folder, _workspace, engine) = with_dataset();
    train(&engine, "quick");
    let done = wait_for(&engine, "the end", |snapshot| {
        states(snapshot) == [RunState::Finished] && snapshot.models.len() == 1
    });
    let (dataset, run, model) =
        (done.datasets[0].dataset.id.clone(), done.runs[0].id.clone(), done.models[0].model.clone());
    engine.send(Command::DeleteDataset { dataset });
    engine.send(Command::DeleteRun { run });
    engine.send(Command::DeleteModel { model });
    let gone = |snapshot: &Snapshot, wanted: bool| {
        let flags = [snapshot.datasets[0].deleted, snapshot.runs[0].deleted, snapshot.models[0].deleted];
        flags == [wanted; 3]
    };
    let deleted = wait_for(&engine, "all to be deleted", |snapshot| {
        gone(snapshot, true) && snapshot.notices.iter().filter(|notice| notice.undo.is_some()).count() == 3
    });
    for undo in deleted.notices.iter().filter_map(|notice| notice.undo.clone()) {
        engine.send(undo);
    }
    wait_for(&engine, "all to be back", |snapshot| gone(snapshot, false));
    engine.close();
}

#[test]
fn a_second_window_only_looks() {
    let (_folder, workspace, engine) = with_dataset();
    let second = open(&workspace);
    let seen = wait_for(&second, "the dataset", |snapshot| !snapshot.datasets.is_empty());
    assert!(seen.workspace.read_only && !engine.snapshot().workspace.read_only);
    let before = seen.notices.len();
    second.send(Command::DeleteDataset { dataset: seen.datasets[0].dataset.id.clone() });
    let told = wait_for(&second, "a refusal", |snapshot| snapshot.notices.len() > before);
    assert!(told.notices[0].message.contains("only looks") && !told.datasets[0].deleted);
    train(&engine, "quick");
    wait_for(&second, "what the first one does", |snapshot| states(snapshot) == [RunState::Finished]);
    second.close();
    engine.close();
}

#[test]
fn what_another_process_does_is_seen_within_a_second() {
    let (_folder, workspace, engine) = with_dataset();
    let mut store = Store::open(&workspace).expect("another connection");
    let began = Instant::now();
    let run = new_run(&workspace, &mut store, "quick");
    wait_for(&engine, "the other's run", |snapshot| snapshot.runs.iter().any(|known| known.id == run.id));
    let took = began.elapsed();
    assert!(took < Duration::from_millis(1500), "{took:?}");
    engine.close();
}

#[test]
fn closing_the_window_stops_runs_with_a_checkpoint_or_lets_them_go() {
    let (_folder, workspace, engine) = with_dataset();
    train(&engine, "slow");
    wait_for(&engine, "the run", |snapshot| states(snapshot) == [RunState::Running]);
    engine.send(Command::SaveWindowState { state: "kept".into() });
    engine.close();
    let store = Store::open(&workspace).expect("opened");
    let run: Run = store.open_runs().expect("read").remove(0);
    assert_eq!(run.state, RunState::Paused);

    let again = open(&workspace);
    assert_eq!(again.snapshot().window_state.as_deref(), Some("kept"), "before the first frame");
    wait_for(&again, "the paused run", |snapshot| states(snapshot) == [RunState::Paused]);
    again.send(Command::ResumeRun { run: run.id.clone() });
    wait_for(&again, "it to go on", |snapshot| states(snapshot) == [RunState::Running]);
    again.send(Command::Shutdown { keep_jobs: true });
    again.close();
    assert!(runs::is_alive(&workspace, &run.id).expect("asked"), "it goes on by itself");

    let third = open(&workspace);
    wait_for(&third, "progress from its log", |snapshot| {
        snapshot.runs.first().is_some_and(|run| run.state == RunState::Running && run.progress.step > 0)
    });
    third.send(Command::CancelRun { run: run.id.clone() });
    wait_for(&third, "it to obey", |snapshot| states(snapshot) == [RunState::Cancelled]);
    wait_until("the process to end", || !runs::is_alive(&workspace, &run.id).expect("asked"));
    third.close();
}

#[test]
fn a_killed_child_does_not_take_the_window_with_it() {
    let (_folder, workspace, engine) = with_dataset();
    train(&engine, "panic");
    let failed = wait_for(&engine, "the failure", |snapshot| states(snapshot) == [RunState::Failed]);
    assert!(failed.notices.iter().any(|notice| notice.severity == Severity::Error));
    train(&engine, "starve");
    let done = wait_for(&engine, "the second try to end well", |snapshot| {
        states(snapshot) == [RunState::Finished, RunState::Failed]
    });
    assert!(
        done.notices.iter().any(|notice| notice.message.contains("half the rows at once")),
        "{:?}",
        done.notices
    );
    assert!(workspace.run(&done.runs[0].id).join("tried-again").exists());
    engine.close();
}

#[test]
fn a_comparison_is_a_job_whose_answer_or_failure_is_in_the_snapshot() {
    let (_folder, _workspace, engine) = with_dataset();
    let dataset = engine.snapshot().datasets[0].dataset.id.clone();
    let models: Vec<ModelRef> = ["m:1", "m:2"].map(|name| name.parse().expect("a name")).to_vec();
    let source = CompareSource::Dataset { dataset };
    let settings = CompareSettings::default();
    engine.send(Command::Compare {
        models: models.clone(),
        source: source.clone(),
        settings: settings.clone(),
    });
    let answered = wait_for(&engine, "an answer", |snapshot| {
        snapshot.comparison.as_ref().is_some_and(|asked| asked.answer.is_some())
    });
    let asked = answered.comparison.as_ref().expect("asked");
    assert_eq!((&asked.models, &asked.source, asked.job), (&models, &source, answered.jobs[0].id));
    let failure = asked.answer.as_ref().and_then(|answer| answer.as_ref().err()).expect("scripted to fail");
    assert_eq!(failure.message, "Nothing is compared here.");
    let unknown = CompareSource::Dataset { dataset: DatasetId("feedbeef".to_owned()) };
    engine.send(Command::Compare { models, source: unknown, settings });
    wait_for(&engine, "a notice", |snapshot| {
        snapshot.notices.iter().any(|notice| notice.message.contains("feedbeef"))
    });
    engine.close();
}

#[test]
fn one_compression_at_a_time_and_the_others_wait_for_it() {
    let (_folder, _workspace, engine) = with_dataset();
    train(&engine, "quick");
    let made = wait_for(&engine, "the model", |snapshot| !snapshot.models.is_empty());
    let model = made.models[0].model.clone();
    let ask = |epochs: u32| {
        let method = CompressMethod::Quantize(QuantizeConfig { epochs, ..QuantizeConfig::default() });
        engine.send(Command::Compress { model: model.clone(), method: Box::new(method) });
    };
    // The newest first.
    let jobs = |snapshot: &Snapshot| -> Vec<(u64, bool, Option<JobOutcome>)> {
        let ours = snapshot.jobs.iter().filter(|job| matches!(job.kind, JobKind::Compress { .. }));
        ours.map(|job| (job.id, job.progress.phase.starts_with("Waiting"), job.outcome.clone())).collect()
    };
    ask(1);
    wait_for(&engine, "the first", |snapshot| jobs(snapshot).len() == 1);
    ask(0);
    ask(2);
    let queued = wait_for(&engine, "the queue", |snapshot| jobs(snapshot).len() == 3);
    let [(third, true, None), (second, true, None), (first, false, None)] = jobs(&queued)[..] else {
        panic!("{:?}", jobs(&queued))
    };
    // The very same is not made twice.
    ask(1);
    wait_for(&engine, "a refusal", |snapshot| {
        snapshot.notices.iter().any(|notice| notice.message.contains("goes on or waits already"))
    });
    assert_eq!(jobs(&engine.snapshot()).len(), 3);
    let outcome = |snapshot: &Snapshot, id: u64| {
        jobs(snapshot).into_iter().find(|job| job.0 == id).and_then(|(.., outcome)| outcome)
    };
    engine.send(Command::CancelJob { job: third });
    let left = wait_for(&engine, "the third to leave", |snapshot| outcome(snapshot, third).is_some());
    assert_eq!(outcome(&left, third), Some(JobOutcome::Cancelled));
    assert!(outcome(&left, first).is_none() && outcome(&left, second).is_none());
    // Its place is taken by the one that waits.
    engine.send(Command::CancelJob { job: first });
    let done = wait_for(&engine, "the second", |snapshot| outcome(snapshot, second).is_some());
    assert_eq!(outcome(&done, first), Some(JobOutcome::Cancelled));
    let Some(JobOutcome::Failed { failure }) = outcome(&done, second) else { panic!("scripted to fail") };
    assert_eq!(failure.message, "Nothing is compressed here.");
    engine.close();
}

#[test]
fn jobs_can_be_cancelled_and_failures_are_notices() {
    let (folder, _workspace, engine) = with_dataset();
    let file = folder.path().join("endless.csv");
    put(&file, "endless");
    engine.send(Command::ImportFile { file, options: ImportOptions::default() });
    let going = wait_for(&engine, "the job", |snapshot| {
        snapshot.jobs.first().is_some_and(|job| job.outcome.is_none())
    });
    engine.send(Command::CancelJob { job: going.jobs[0].id });
    wait_for(&engine, "its end", |snapshot| snapshot.jobs[0].outcome == Some(JobOutcome::Cancelled));
    engine.send(Command::ImportFile { file: "/nowhere.csv".into(), options: ImportOptions::default() });
    let failed = wait_for(&engine, "a failure", |snapshot| {
        matches!(snapshot.jobs[0].outcome, Some(JobOutcome::Failed { .. }))
    });
    assert!(failed.notices.iter().any(|notice| notice.severity == Severity::Error));
    let target = folder.path().join("saved.svg");
    engine.send(Command::SaveFile { path: target.clone(), bytes: b"<svg/>".to_vec() });
    wait_until("the file", || target.exists());
    engine.send(Command::ProbeDevices);
    let probed = wait_for(&engine, "the devices", |snapshot| {
        snapshot.jobs.iter().any(|job| job.outcome == Some(JobOutcome::Probed))
    });
    assert!(probed.device_advice.is_some() && probed.devices.len() == 1);
    engine.close();
}
