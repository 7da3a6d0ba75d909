//! Runs on disk and in the store: made, steered from any process, resumed, settled after a death, deleted.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use orrery_domain::{
    Failure, FailureClass, ModelRef, RunId,
    dataset::Dataset,
    device::DeviceChoice,
    job::{JobEvent, JobSpec, Steering},
    run::{Progress, Run, RunState},
    search::TrialPart,
    training::TrainConfig,
};
use orrery_policy::{
    ending, lifecycle,
    lifecycle::Order,
    names,
    retry::{self, Again},
};

use crate::{
    files,
    jobs::{Launch, LoggedEvent, lines::Appender, lines::Tail, now, spawn},
    store::Store,
    workspace::{self, Workspace},
};

/// A new run's child has this long to take its lock before it counts as dead.
const BIRTH: f64 = 15.0;

/// A new id: the time in UTC and four random characters, so that ids sort by age.
pub fn fresh_id() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let moment = chrono::Utc::now();
    let seed = format!("{:?} {} {count}", moment, std::process::id());
    let random = blake3::hash(seed.as_bytes()).to_hex();
    format!("{}-{}", moment.format("%Y%m%d-%H%M%S"), &random.as_str()[..4])
}

/// The record of a run that is about to begin.
pub fn record_of(id: &RunId, dataset: &Dataset, config: &TrainConfig, name: Option<&str>) -> Run {
    let name = name.map_or_else(|| format!("{} {}", dataset.name, config.model.name()), str::to_owned);
    Run {
        id: id.clone(),
        name,
        note: String::new(),
        state: RunState::Queued,
        dataset: dataset.id.clone(),
        dataset_name: dataset.name.clone(),
        config: config.clone(),
        task: config.task,
        kind: config.model,
        progress: Progress::default(),
        device: None,
        failure: None,
        model: None,
        test: None,
        best_valid_loss: None,
        created_at: now(),
        started_at: None,
        ended_at: None,
        deleted: false,
    }
}

/// What a new run is made of.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Dataset.
    pub dataset: Dataset,
    /// Request.
    pub config: TrainConfig,
    /// Name of the model; `None` makes one.
    pub name: Option<String>,
    /// The device that `config.device` means now.
    pub device: DeviceChoice,
    /// `Queued` to wait for its turn, `Running` where its child is started at once.
    pub state: RunState,
}

/// Makes a run: its folder, its spec and its record.
///
/// # Errors
/// When the model's name is not legal, or the disk or the store refuses.
pub fn create(workspace: &Workspace, store: &mut Store, new: &NewRun) -> Result<Run, Failure> {
    create_as(workspace, store, new, &RunId(fresh_id()), None)
}

/// Makes a run of that id, which may be a part of a search.
///
/// # Errors
/// When the model's name is not legal, the id is taken, or the disk or the store refuses.
pub fn create_as(
    workspace: &Workspace,
    store: &mut Store,
    new: &NewRun,
    id: &RunId,
    part: Option<TrialPart>,
) -> Result<Run, Failure> {
    let model_name = match &new.name {
        Some(name) => {
            ModelRef::check_name(name)
                .map_err(|error| Failure::new(FailureClass::Client, error.to_string()))?;
            name.clone()
        }
        None => names::model_name(&new.dataset.name, new.config.model),
    };
    let mut run = record_of(id, &new.dataset, &new.config, new.name.as_deref());
    run.state = new.state;
    let spec = JobSpec::Train {
        home: workspace.home().to_path_buf(),
        run: id.clone(),
        dataset: Box::new(new.dataset.clone()),
        config: Box::new(new.config.clone()),
        model_name,
        device: new.device,
        passes: 1,
        part,
    };
    files::create_private(&workspace.run(id))?;
    spawn::write_spec(&workspace.run(id).join("spec.json"), &spec)?;
    store.add_run(&run)?;
    Ok(run)
}

/// Writes what a run's process knows of it into its record; what a person wrote on the record stays.
///
/// # Errors
/// When the store cannot be written.
pub fn put(store: &mut Store, live: &Run) -> Result<Option<Run>, Failure> {
    store.update_run(&live.id, |run| {
        let (name, note) = (std::mem::take(&mut run.name), std::mem::take(&mut run.note));
        *run = Run { name, note, deleted: run.deleted, ..live.clone() };
        true
    })
}

/// How to start (or go on with) a run's child.
///
/// # Errors
/// When the run's spec is gone.
pub fn launch(workspace: &Workspace, run: &RunId, detached: bool) -> Result<Launch, Failure> {
    let folder = workspace.run(run);
    let on_gpu = matches!(spec(workspace, run)?, JobSpec::Train { device: DeviceChoice::Gpu(_), .. });
    Ok(Launch {
        spec: folder.join("spec.json"),
        log: folder.join("stderr.log"),
        control_from: Tail::length(&folder.join("control")),
        detached,
        on_gpu,
    })
}

/// A run's spec.
///
/// # Errors
/// When it is gone or damaged.
pub fn spec(workspace: &Workspace, run: &RunId) -> Result<JobSpec, Failure> {
    let path = workspace.run(run).join("spec.json");
    let bytes = std::fs::read(&path)
        .map_err(|error| files::failure("The run's spec cannot be read", &error, &path))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(
            FailureClass::Data,
            format!("The run's spec is damaged: {error}. Start a new run. ({})", path.display()),
        )
    })
}

/// Everything a run has said.
pub fn events(workspace: &Workspace, run: &RunId) -> Vec<LoggedEvent> {
    Tail::new(workspace.run(run).join("events.jsonl"), 0).read_all()
}

/// Whether a process has the run now.
///
/// # Errors
/// When its lock cannot be asked.
pub fn is_alive(workspace: &Workspace, run: &RunId) -> Result<bool, Failure> {
    if !workspace.run(run).exists() {
        return Ok(false);
    }
    workspace.claim_run(run).map(|claim| claim.is_none())
}

/// The record a run's own log adds up to.
fn replay(workspace: &Workspace, record: &Run) -> Run {
    let mut run = Run {
        state: RunState::Queued,
        failure: None,
        model: None,
        started_at: None,
        ended_at: None,
        best_valid_loss: None,
        progress: Progress::default(),
        ..record.clone()
    };
    for logged in events(workspace, &record.id) {
        lifecycle::fold(&mut run, &logged.event, logged.at);
    }
    run
}

/// Brings the record of a run whose process is gone in line with its log, and ends it properly where the process could not:
/// with `cause` as failed, without one as paused, to be resumed. Returns the record, or `None` where a process has the run.
///
/// # Errors
/// When the disk or the store refuses.
pub fn settle(
    workspace: &Workspace,
    store: &mut Store,
    id: &RunId,
    cause: Option<Failure>,
) -> Result<Option<Run>, Failure> {
    let Some(record) = store.run(id)? else { return Err(workspace::no_run(id)) };
    if !workspace.run(id).exists() {
        return Ok(Some(record));
    }
    let Some(_lock) = workspace.claim_run(id)? else { return Ok(None) };
    let mut run = replay(workspace, &record);
    if !run.state.is_final() && run.state != RunState::Paused {
        let event = match cause {
            Some(failure) if failure.class != FailureClass::Transient => {
                let failure = failure.keeping("The last checkpoint, the log and all points of the curves.");
                JobEvent::Failed { run: Some(id.clone()), failure }
            }
            Some(failure) => JobEvent::State { state: RunState::Paused, reason: Some(failure.message) },
            None => JobEvent::State {
                state: RunState::Paused,
                reason: Some(
                    "Its process ended without a word. Resume it to go on from the last checkpoint."
                        .to_owned(),
                ),
            },
        };
        append(workspace, &mut run, event)?;
    }
    put(store, &run)
}

/// Appends an event to a run's log and applies it. The caller holds the lock.
fn append(workspace: &Workspace, run: &mut Run, event: JobEvent) -> Result<(), Failure> {
    let at = now();
    lifecycle::fold(run, &event, at);
    Appender::open(&workspace.run(&run.id).join("events.jsonl"))?.append(&LoggedEvent { at, event }, true)
}

/// What a person's order came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// The run's process was told.
    Told,
    /// Done here: no process had the run.
    Done,
}

/// Pauses or cancels a run from any process: through its control file where a process has it, else on its record.
///
/// # Errors
/// When there is no such run, it cannot be asked of it, or the disk refuses.
pub fn order(workspace: &Workspace, store: &mut Store, id: &RunId, order: Order) -> Result<Ordered, Failure> {
    let (steering, state) = match order {
        Order::Pause => (Steering::Pause, RunState::Paused),
        Order::Resume => (Steering::Resume, RunState::Running),
        Order::Cancel | Order::Delete => (Steering::Cancel, RunState::Cancelled),
    };
    let record = store.run(id)?.filter(|run| !run.deleted).ok_or_else(|| workspace::no_run(id))?;
    if let Some(refusal) = lifecycle::refusal(order, record.state) {
        return Err(Failure::new(FailureClass::Client, refusal));
    }
    let Some(lock) = workspace.claim_run(id)? else {
        Appender::open(&workspace.run(id).join("control"))?.append(&steering, true)?;
        return Ok(Ordered::Told);
    };
    let mut run = replay(workspace, &record);
    if run.state.is_final() {
        put(store, &run)?;
        let refusal = lifecycle::refusal(order, run.state).unwrap_or_default();
        return Err(Failure::new(FailureClass::Client, refusal));
    }
    if order != Order::Resume {
        append(workspace, &mut run, JobEvent::State { state, reason: None })?;
        put(store, &run)?;
    }
    drop(lock);
    Ok(Ordered::Done)
}

/// Makes a run ready to go on, and says which one goes on: itself where it was paused; where it failed or was cancelled, a new
/// run that begins at its last checkpoint, for finished records never change. It computes where it did before, or `on` another
/// device.
///
/// # Errors
/// When there is no such run, it cannot be resumed, its table is gone, or the disk refuses.
pub fn prepare_resume(
    workspace: &Workspace,
    store: &mut Store,
    id: &RunId,
    state: RunState,
    on: Option<DeviceChoice>,
) -> Result<RunId, Failure> {
    let record = store.run(id)?.filter(|run| !run.deleted).ok_or_else(|| workspace::no_run(id))?;
    if let Some(refusal) = lifecycle::refusal(Order::Resume, record.state) {
        return Err(Failure::new(FailureClass::Client, refusal));
    }
    let mut spec = spec(workspace, id)?;
    let JobSpec::Train { dataset, config, model_name, device, .. } = &mut spec else {
        return Err(Failure::new(FailureClass::Data, format!("The spec of '{id}' is no training.")));
    };
    let moved = on.is_some_and(|on| std::mem::replace(device, on) != on);
    if !workspace.blob(dataset).exists() {
        return Err(Failure::new(
            FailureClass::Data,
            format!(
                "The run's table is gone: the dataset '{}' was deleted. Restore it or import the file again: {}",
                dataset.name, dataset.source.path
            ),
        ));
    }
    if !lifecycle::resumes_as_new(record.state) {
        if moved {
            spawn::write_spec(&workspace.run(id).join("spec.json"), &spec)?;
        }
        store.update_run(id, |run| {
            run.state = state;
            true
        })?;
        return Ok(id.clone());
    }
    let new = NewRun {
        dataset: (**dataset).clone(),
        config: (**config).clone(),
        name: Some(model_name.clone()),
        device: *device,
        state,
    };
    let run = create(workspace, store, &new)?;
    let from = workspace.run(id).join("checkpoints");
    if from.exists() {
        files::copy_folder(&from, &workspace.run(&run.id).join("checkpoints"))?;
    }
    let note = format!("Goes on from the last checkpoint of {id}.");
    store.update_run(&run.id, |run| {
        run.name.clone_from(&record.name);
        run.note = note;
        true
    })?;
    Ok(run.id)
}

/// Where a run that died may be tried once more: changes its spec and says what it is tried with.
///
/// # Errors
/// When the disk refuses.
pub fn try_again(workspace: &Workspace, id: &RunId, cause: &Failure) -> Result<Option<Again>, Failure> {
    let mut spec = spec(workspace, id)?;
    let mark = workspace.run(id).join("tried-again");
    let JobSpec::Train { config, device, passes, .. } = &mut spec else { return Ok(None) };
    let Some(again) = retry::again(cause, config, *device, *passes, mark.exists()) else { return Ok(None) };
    match again {
        Again::Passes(more) => *passes = more,
        Again::Cpu => *device = DeviceChoice::Cpu,
    }
    files::write_atomic(&mark, cause.message.as_bytes())?;
    spawn::write_spec(&workspace.run(id).join("spec.json"), &spec)?;
    warn(workspace, id, format!("{} {}", cause.message, again.says()))?;
    Ok(Some(again))
}

/// Writes a warning into the log of a run that no process has; where one has it, the log is that one's.
///
/// # Errors
/// When the disk refuses.
pub fn warn(workspace: &Workspace, id: &RunId, message: String) -> Result<(), Failure> {
    let Some(_lock) = workspace.claim_run(id)? else { return Ok(()) };
    let logged = LoggedEvent { at: now(), event: JobEvent::Warning { message } };
    Appender::open(&workspace.run(id).join("events.jsonl"))?.append(&logged, true)
}

/// What the end of a run's child comes to: `Some` where it is to be started again, and with what.
///
/// # Errors
/// When the disk or the store refuses.
pub fn after_end(
    workspace: &Workspace,
    store: &mut Store,
    id: &RunId,
    how: &ending::Ending,
) -> Result<Option<Again>, Failure> {
    let death = ending::classify(how);
    if let Some(cause) = &death
        && let Some(again) = try_again(workspace, id, cause)?
    {
        return Ok(Some(again));
    }
    // A child that is not quite gone yet still has its lock for a moment.
    for _ in 0..50 {
        if settle(workspace, store, id, death.clone())?.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(None)
}

/// Settles every open run whose process is gone; returns those it changed, and the ids of those alive in other processes.
/// `queued_too`: whether the caller owns the queue (then queued runs are left to it).
///
/// # Errors
/// When the store cannot be read.
pub fn reconcile(workspace: &Workspace, store: &mut Store) -> Result<(Vec<Run>, Vec<RunId>), Failure> {
    let (mut changed, mut alive) = (Vec::new(), Vec::new());
    for run in store.open_runs()? {
        let newborn =
            run.state == RunState::Running && run.started_at.is_none() && now() - run.created_at < BIRTH;
        if run.state == RunState::Queued || newborn {
            continue;
        }
        match settle(workspace, store, &run.id, None) {
            Ok(None) => alive.push(run.id),
            Ok(Some(settled)) if settled.state != run.state => changed.push(settled),
            Ok(Some(_)) => {}
            // One damaged run must not keep the others from being found.
            Err(failure) => log::warn!("the run '{}' could not be settled: {failure}", run.id),
        }
    }
    Ok((changed, alive))
}

/// Renames a run.
///
/// # Errors
/// When there is no such run or the name is empty.
pub fn rename(store: &mut Store, id: &RunId, name: &str) -> Result<Run, Failure> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 200 {
        return Err(Failure::new(FailureClass::Client, "A run's name has 1 to 200 characters."));
    }
    change(store, id, |run| name.clone_into(&mut run.name))
}

/// Writes a note on a run.
///
/// # Errors
/// When there is no such run.
pub fn note(store: &mut Store, id: &RunId, note: &str) -> Result<Run, Failure> {
    change(store, id, |run| note.clone_into(&mut run.note))
}

fn change(store: &mut Store, id: &RunId, change: impl FnOnce(&mut Run)) -> Result<Run, Failure> {
    let changed = store.update_run(id, |run| {
        change(run);
        true
    })?;
    changed.ok_or_else(|| workspace::no_run(id))
}

/// Deletes a run that computes no more: its folder goes to the bin, its model stays.
///
/// # Errors
/// When there is no such run, it is still going on, or the disk refuses.
pub fn delete(workspace: &Workspace, store: &mut Store, id: &RunId) -> Result<(), Failure> {
    let record = store.run(id)?.ok_or_else(|| workspace::no_run(id))?;
    if let Some(refusal) = lifecycle::refusal(Order::Delete, record.state) {
        return Err(Failure::new(FailureClass::Client, refusal));
    }
    if is_alive(workspace, id)? {
        let message = format!("The run '{id}' has a process that waits. Cancel it first.");
        return Err(Failure::new(FailureClass::Client, message));
    }
    change(store, id, |run| run.deleted = true)?;
    files::move_entry(&workspace.run(id), &workspace.binned_run(id))
}

/// Brings a deleted run back.
///
/// # Errors
/// When there is no such run, or the disk refuses.
pub fn restore(workspace: &Workspace, store: &mut Store, id: &RunId) -> Result<(), Failure> {
    files::move_entry(&workspace.binned_run(id), &workspace.run(id))?;
    change(store, id, |run| run.deleted = false).map(drop)
}

/// Finds a run by its id or a unique beginning or ending of it.
///
/// # Errors
/// A client failure when there is none or more than one.
pub fn find(store: &mut Store, text: &str) -> Result<Run, Failure> {
    if let Some(run) = store.run(&RunId(text.to_owned()))? {
        return Ok(run);
    }
    let mut found: Vec<Run> = store
        .runs()?
        .into_iter()
        .filter(|run| text.len() >= 4 && (run.id.0.starts_with(text) || run.id.0.ends_with(text)))
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(run), true) => Ok(run),
        (Some(_), false) => Err(Failure::new(
            FailureClass::Client,
            format!("More than one run fits '{text}': write its whole id."),
        )),
        (None, _) => Err(workspace::no_run(&RunId(text.to_owned()))),
    }
}
