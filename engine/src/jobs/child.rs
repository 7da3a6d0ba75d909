//! The child's side of `orrery job run SPEC`: does one job, says how it goes, and never dies without a word.

use std::{
    any::Any,
    fs::File,
    io::BufReader,
    panic,
    path::{Path, PathBuf},
    sync::Arc,
};

use orrery_domain::{
    Failure, FailureClass, ModelRef, RunId,
    dataset::Dataset,
    device::DeviceChoice,
    job::{JobEvent, JobSpec, TrainSummary},
    run::RunState,
    search::TrialPart,
    training::TrainConfig,
};
use orrery_learn::{
    control::{Interrupt, JobControl},
    faults, room,
    train::TrainJob,
};
use orrery_policy::ending;

use super::{Control, Work, compare, compress, explain, lines::Tail, rung::ToRung, search, session, tune};
use crate::{files, registry, runs, store::Store, workspace::Workspace};

/// Exit code of a job that a person ended.
pub const CANCELLED: u8 = 130;

/// How a job is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// Its spec file.
    pub spec: PathBuf,
    /// Whether it goes on without a parent.
    pub detached: bool,
    /// Orders in the run's control file before this offset are old; `None`: all that are there now.
    pub control_from: Option<u64>,
}

/// The job's thread: deep recursion in a backward pass must not meet the main thread's small stack.
const STACK_BYTES: usize = 64 << 20;

/// Does the job of a spec file with this process' standard input and output; returns the exit code.
pub fn run(start: &Start, work: &dyn Work) -> u8 {
    panic::set_hook(Box::new(|info| {
        // Standard error may be closed; a message that nobody can read is no reason to abort.
        let _closed = std::io::Write::write_all(&mut std::io::stderr(), format!("{info}\n").as_bytes());
    }));
    let control = Control::new(std::io::stdout(), start.detached);
    let spec = match read_spec(&start.spec) {
        Ok(spec) => spec,
        Err(failure) => return fail(&control, None, failure),
    };
    match spec {
        JobSpec::Train { home, run, dataset, config, model_name, device, passes, part } => {
            let wanted = Wanted { home, run, dataset, config, model_name, device, passes, part };
            train(start, control, &wanted, work)
        }
        JobSpec::Session { home, model } => serve(&control, &home, &model, work),
        other => {
            let control = Arc::new(control);
            if !start.detached {
                control.hear(BufReader::new(std::io::stdin()));
            }
            if let JobSpec::Search { home, search } = &other {
                search::watch(&control, home, search);
            }
            finish(&control, None, guarded(|| batch(&other, work, &*control)))
        }
    }
}

/// What a training spec asks for.
struct Wanted {
    home: PathBuf,
    run: RunId,
    dataset: Box<Dataset>,
    config: Box<TrainConfig>,
    model_name: String,
    device: DeviceChoice,
    passes: u32,
    part: Option<TrialPart>,
}

fn read_spec(path: &Path) -> Result<JobSpec, Failure> {
    let bytes =
        std::fs::read(path).map_err(|error| files::failure("The job's spec cannot be read", &error, path))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(
            FailureClass::Client,
            format!("The job's spec is not valid: {error}. ({})", path.display()),
        )
    })
}

/// Says a failure and gives its exit code.
fn fail(control: &Control, run: Option<RunId>, failure: Failure) -> u8 {
    let code = ending::exit_code(failure.class);
    control.emit(JobEvent::Failed { run, failure });
    control.flush();
    code
}

/// Says how a job ended and gives its exit code.
fn finish(control: &Control, run: Option<RunId>, outcome: Result<JobEvent, Interrupt>) -> u8 {
    let (event, code) = match outcome {
        Ok(event) => (event, 0),
        Err(Interrupt::Failed(failure)) => return fail(control, run, failure),
        Err(Interrupt::Cancelled) => {
            (JobEvent::State { state: RunState::Cancelled, reason: None }, CANCELLED)
        }
        Err(Interrupt::Stopped) => {
            let reason =
                run.map(|run| format!("Stopped with a checkpoint. `orrery runs resume {run}` goes on."));
            (JobEvent::State { state: RunState::Paused, reason }, CANCELLED)
        }
    };
    control.emit(event);
    control.flush();
    code
}

/// Runs work on a thread of its own and turns a panic into a failure.
fn guarded<T: Send>(work: impl FnOnce() -> Result<T, Interrupt> + Send) -> Result<T, Interrupt> {
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("job".into()).stack_size(STACK_BYTES);
        match worker.spawn_scoped(scope, work) {
            Ok(handle) => handle.join().unwrap_or_else(|panic| Err(panic_failure(&*panic).into())),
            Err(error) => Err(Failure::new(
                FailureClass::Capacity,
                format!(
                    "The job's thread could not be started: {error}. Close other programs and try again."
                ),
            )
            .into()),
        }
    })
}

/// The failure a panic means.
pub(crate) fn panic_failure(panic: &(dyn Any + Send)) -> Failure {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Failure::new(
        FailureClass::Bug,
        format!("The job met a fault of this program: {said}. Its log says where; please report it."),
    )
}

/// Every job that works once and ends, but for training.
fn batch(spec: &JobSpec, work: &dyn Work, control: &dyn JobControl) -> Result<JobEvent, Interrupt> {
    match spec {
        JobSpec::Import { home, file, options, budget } => {
            let workspace = Workspace::open(home)?;
            let (dataset, profile) = work.import(file, options, budget, &workspace.blobs(), control)?;
            let dataset = Store::open(&workspace)?.put_dataset(&dataset, &profile)?;
            faults::kill("import");
            Ok(JobEvent::Imported { dataset: Box::new(dataset), profile: Box::new(profile) })
        }
        JobSpec::Profile { home, dataset, target } => {
            let workspace = Workspace::open(home)?;
            let profile = work.profile(dataset, &workspace.blob(dataset), target.as_deref(), control)?;
            Store::open(&workspace)?.put_profile(&profile)?;
            Ok(JobEvent::Profiled { profile: Box::new(profile) })
        }
        JobSpec::Evaluate { home, model, file } => {
            let folder = Workspace::open(home)?.model(model);
            let (metrics, rows) = work.evaluate(&folder, file, control)?;
            Ok(JobEvent::Evaluated { metrics, rows })
        }
        JobSpec::Predict { home, model, file, out } => {
            let folder = Workspace::open(home)?.model(model);
            Ok(JobEvent::Predicted { report: work.predict(&folder, file, out, control)? })
        }
        JobSpec::Compare { home, models, data, settings } => {
            let wanted = compare::Wanted { home, models, data, settings };
            let report = compare::compare(&wanted, work, control)?;
            Ok(JobEvent::Compared { report: Box::new(report) })
        }
        JobSpec::Explain { home, model, data, trained_on, settings, out } => {
            let (trained_on, out) = (trained_on.as_deref(), out.as_ref());
            let wanted = explain::Wanted { home, model, data, trained_on, settings, out };
            let report = explain::explain(&wanted, work, control)?;
            Ok(JobEvent::Explained { report: Box::new(report) })
        }
        JobSpec::Compress { home, model, dataset, method, model_name, run } => {
            let wanted = compress::Wanted { home, model, dataset, method, model_name, run };
            let report = compress::compress(&wanted, work, control)?;
            Ok(JobEvent::Compressed { report: Box::new(report) })
        }
        JobSpec::Search { home, search } => {
            Ok(JobEvent::Searched { search: Box::new(search::search(home, search, control)?) })
        }
        JobSpec::Tune { home, id, request, noisy_again } => {
            let wanted = tune::Wanted { home, id, request, noisy_again: *noisy_again };
            Ok(JobEvent::Tuned { report: Box::new(tune::tune(&wanted, control)?) })
        }
        JobSpec::ListDevices { .. } => Ok(JobEvent::Devices { devices: work.list_devices() }),
        JobSpec::ProbeDevice { device } => Ok(JobEvent::Probed { device: work.probe_device(*device)? }),
        JobSpec::Train { .. } | JobSpec::Session { .. } => {
            Err(Failure::new(FailureClass::Bug, "A training or a session is no batch job.").into())
        }
    }
}

/// A session: loads the model on the job's thread and answers there.
fn serve(control: &Control, home: &Path, model: &ModelRef, work: &dyn Work) -> u8 {
    let requests = session::requests(BufReader::new(std::io::stdin()));
    let outcome = guarded(move || {
        let folder = Workspace::open(home)?.model(model);
        let answerer = work.load(&folder)?;
        session::answer(&answerer, &requests, control);
        Ok(())
    });
    match outcome {
        Ok(()) => {
            control.flush();
            0
        }
        Err(Interrupt::Failed(failure)) => fail(control, None, failure),
        Err(Interrupt::Cancelled | Interrupt::Stopped) => CANCELLED,
    }
}

/// A training run: owns the run's folder from here to its end.
fn train(start: &Start, control: Control, wanted: &Wanted, work: &dyn Work) -> u8 {
    let run = Some(wanted.run.clone());
    let (workspace, lock, store) = match own(wanted) {
        Ok(owned) => owned,
        // Another process has the run, or its folder is out of reach: its log is not ours to write.
        Err(failure) => return fail(&control, run, failure),
    };
    let folder = workspace.run(&wanted.run);
    let from = start.control_from.unwrap_or_else(|| Tail::length(&folder.join("control")));
    let control = match record(wanted, control, &workspace, store) {
        Ok(control) => Arc::new(control),
        Err(failure) => return fail(&Control::new(std::io::stdout(), start.detached), run, failure),
    };
    if start.detached {
        // Nobody steers through standard input, and its end means nothing.
    } else {
        control.hear(BufReader::new(std::io::stdin()));
    }
    control.watch(&folder, from);
    let outcome = guarded(|| trained(wanted, &workspace, work, &*control));
    let code = finish(&control, run, outcome);
    // Only now is the run anybody's: its end is in the log and in the store.
    drop(lock);
    code
}

/// Opens the workspace and takes the run's lock.
fn own(wanted: &Wanted) -> Result<(Workspace, File, Store), Failure> {
    let workspace = Workspace::open(&wanted.home)?;
    files::create_private(&workspace.run(&wanted.run))?;
    let Some(lock) = patient_claim(&workspace, &wanted.run)? else {
        return Err(Failure::new(
            FailureClass::Transient,
            format!(
                "The run '{}' is already going on in another process. Steer it with `orrery runs pause|resume|cancel`.",
                wanted.run
            ),
        ));
    };
    let store = Store::open(&workspace)?;
    Ok((workspace, lock, store))
}

/// Takes the run's lock; somebody who only looks whether it is free holds it for a moment.
fn patient_claim(workspace: &Workspace, run: &RunId) -> Result<Option<File>, Failure> {
    for _ in 0..20 {
        if let Some(lock) = workspace.claim_run(run)? {
            return Ok(Some(lock));
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    Ok(None)
}

/// Begins to keep the run's log and record.
fn record(
    wanted: &Wanted,
    control: Control,
    workspace: &Workspace,
    mut store: Store,
) -> Result<Control, Failure> {
    let run = if let Some(run) = store.run(&wanted.run)? {
        run
    } else {
        // A spec that came from elsewhere (a cluster, a copy of the folder) makes its own record.
        let run = runs::record_of(&wanted.run, &wanted.dataset, &wanted.config, None);
        store.add_run(&run)?;
        run
    };
    control.recording(run, &workspace.run(&wanted.run), store)
}

/// Trains and registers the model; a run whose model was registered before a crash only says so again.
fn trained(
    wanted: &Wanted,
    workspace: &Workspace,
    work: &dyn Work,
    control: &dyn JobControl,
) -> Result<JobEvent, Interrupt> {
    let mut store = Store::open(workspace)?;
    let folder = workspace.run(&wanted.run);
    let dataset_name = &wanted.dataset.name;
    let registered =
        || registry::registered(workspace, &mut store, &wanted.run, dataset_name).map_err(Interrupt::from);
    let summary = if let Some(summary) = room::patiently(&folder, control, registered, || {})? {
        summary
    } else {
        files::create_private(&folder.join("checkpoints"))?;
        let job = TrainJob {
            run: wanted.run.clone(),
            run_dir: folder.clone(),
            blob: workspace.blob(&wanted.dataset),
            dataset: (*wanted.dataset).clone(),
            config: (*wanted.config).clone(),
            device: wanted.device,
            passes: wanted.passes,
            part: wanted.part.clone(),
        };
        let until = wanted.part.as_ref().and_then(|part| part.until);
        let (mut summary, card) = match until {
            Some(until) => work.train(&job, &ToRung::new(control, until, job.config.model))?,
            None => work.train(&job, control)?,
        };
        // A trial's model stays with its run: it was not judged on the test rows.
        if job.part.as_ref().is_some_and(|part| !part.chosen) {
            return Ok(JobEvent::Finished { run: wanted.run.clone(), summary: Box::new(finite(summary)) });
        }
        let staged = folder.join("model");
        let name = &wanted.model_name;
        let register = || {
            let store = &mut store;
            registry::register(workspace, store, &staged, name, &card, &wanted.run, dataset_name)
                .map_err(Interrupt::from)
        };
        // The finished model waits in the run's folder: nothing of it is lost while the disk is full.
        summary.model = Some(room::patiently(&folder, control, register, || {})?);
        summary
    };
    Ok(JobEvent::Finished { run: wanted.run.clone(), summary: Box::new(finite(summary)) })
}

/// JSON has no infinity: a rate over no time at all is no rate.
fn finite(mut summary: TrainSummary) -> TrainSummary {
    for figure in [&mut summary.samples_per_sec, &mut summary.train_secs] {
        if !figure.is_finite() {
            *figure = 0.0;
        }
    }
    summary
}
