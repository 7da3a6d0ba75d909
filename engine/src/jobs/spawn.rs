//! The parent's side of a job: starts the child, hears its events, steers it, and says how it ended.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use orrery_domain::{
    Failure, FailureClass,
    device::DeviceChoice,
    job::{JobEvent, JobSpec, Steering},
};
use orrery_policy::ending::{self, Ending};
use serde::Serialize;

use crate::{files, workspace::Workspace};

/// Longest line a child may say; what is longer goes to its log.
const LINE_BYTES: u64 = 256 << 20;

/// How much of a child's log is looked at to class its death.
const TAIL_BYTES: u64 = 4 << 10;

/// How often a waiting parent looks whether it is to cancel.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is not JSON on standard output is kept up to here.
const NOISE_BYTES: u64 = 1 << 20;

/// One start of a job.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The spec file.
    pub spec: PathBuf,
    /// Where its standard error goes.
    pub log: PathBuf,
    /// Orders in the control file before this offset are old.
    pub control_from: u64,
    /// Whether it goes on without this process.
    pub detached: bool,
    /// Whether it computes on a graphics adapter.
    pub on_gpu: bool,
}

/// How to start a child: the program and its arguments, without its pipes.
#[derive(Clone)]
pub struct Launcher(Arc<dyn Fn(&Launch) -> Command + Send + Sync>);

impl std::fmt::Debug for Launcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Launcher")
    }
}

impl Launcher {
    /// A launcher that makes its commands with `make`.
    pub fn new(make: impl Fn(&Launch) -> Command + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// Starts this very program as `job run SPEC`.
    ///
    /// # Errors
    /// When the program's own file cannot be found.
    pub fn this_program() -> Result<Self, Failure> {
        let program = this_program()?;
        Ok(Self::new(move |launch| {
            let mut command = Command::new(&program);
            command.args(["job", "run"]).arg(&launch.spec);
            command.arg("--control-from").arg(launch.control_from.to_string());
            if launch.detached {
                command.arg("--detached");
            }
            command
        }))
    }
}

impl Launcher {
    /// The same launcher, whose children have one more variable in their environment.
    #[must_use]
    pub fn with_env(self, name: &'static str, value: String) -> Self {
        Self::new(move |launch| {
            let mut command = (self.0)(launch);
            command.env(name, &value);
            command
        })
    }
}

/// This program's own file.
///
/// # Errors
/// When the system does not tell it.
pub fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::new(
            FailureClass::Bug,
            format!("This program cannot find its own file: {error}. Start it again by its full path."),
        )
    })
}

/// What a parent hears of a child.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// It said something.
    Event(Box<JobEvent>),
    /// It is gone. Always the last.
    Ended(Ending),
}

/// A running child. Dropping it closes the child's standard input: it writes a checkpoint and ends.
#[derive(Debug)]
pub struct Job {
    input: Sender<String>,
    feeder: Option<std::thread::JoinHandle<()>>,
    process: Arc<Mutex<Child>>,
    pid: u32,
}

impl Job {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Steers it.
    pub fn steer(&self, order: Steering) {
        self.ask(&order);
    }

    /// Sends a line of JSON to its standard input. A child that is gone hears nothing.
    pub fn ask(&self, request: &impl Serialize) {
        match serde_json::to_string(request) {
            Ok(line) => {
                if self.input.send(line).is_err() {
                    log::debug!("the job {} is gone", self.pid);
                }
            }
            Err(error) => log::error!("a request is no JSON: {error}"),
        }
    }

    /// Lets it go on when this process ends. Returns when it was told.
    pub fn let_go(self) {
        self.steer(Steering::Detach);
        let Self { input, feeder, .. } = self;
        drop(input);
        if feeder.is_some_and(|feeder| feeder.join().is_err()) {
            log::error!("a job could not be told to go on");
        }
    }

    /// Ends it at once, without a checkpoint.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = process.kill() {
            log::debug!("the job {} could not be killed: {error}", self.pid);
        }
    }
}

/// Writes a spec for a job that is no run and says how to start it. The folder is removed with [`clear`].
///
/// # Errors
/// When the disk refuses.
pub fn prepare(workspace: &Workspace, spec: &JobSpec) -> Result<Launch, Failure> {
    let folder = workspace.jobs().join(crate::runs::fresh_id());
    files::create_private(&folder)?;
    write_spec(&folder.join("spec.json"), spec)?;
    let on_gpu = match spec {
        JobSpec::ProbeDevice { device } => matches!(device, DeviceChoice::Gpu(_)),
        JobSpec::ListDevices { .. } => true,
        _ => false,
    };
    Ok(Launch {
        spec: folder.join("spec.json"),
        log: folder.join("stderr.log"),
        control_from: 0,
        detached: false,
        on_gpu,
    })
}

/// Writes a spec file.
///
/// # Errors
/// When the disk refuses.
pub fn write_spec(path: &Path, spec: &JobSpec) -> Result<(), Failure> {
    let bytes = serde_json::to_vec_pretty(spec)
        .map_err(|error| Failure::new(FailureClass::Bug, format!("The job's spec is no JSON: {error}.")))?;
    files::write_atomic(path, &bytes)
}

/// Removes what [`prepare`] made.
pub fn clear(launch: &Launch) {
    if let Some(folder) = launch.spec.parent()
        && let Err(error) = std::fs::remove_dir_all(folder)
    {
        log::debug!("a job's folder stays behind: {error} ({})", folder.display());
    }
}

/// Starts a child. `hear` is called from another thread, in order, the ending last.
///
/// # Errors
/// When the process cannot be started.
pub fn start(
    launcher: &Launcher,
    launch: &Launch,
    hear: impl FnMut(Heard) + Send + 'static,
) -> Result<Job, Failure> {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&launch.log)
        .map_err(|error| files::failure("The job's log could not be opened", &error, &launch.log))?;
    let mut command = (launcher.0)(launch);
    command.env("BURN_DEVICE", "flex").stderr(log);
    if launch.detached {
        command.stdin(Stdio::null()).stdout(Stdio::null());
    } else {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
    }
    own_group(&mut command);
    let mut child = command.spawn().map_err(|error| {
        Failure::new(
            FailureClass::Capacity,
            format!("The job's process could not be started: {error}. Close other programs and try again."),
        )
    })?;
    let (input, lines) = channel();
    let feeder = child.stdin.take().map(|stdin| std::thread::spawn(move || feed(stdin, &lines)));
    let stdout = child.stdout.take();
    let pid = child.id();
    let process = Arc::new(Mutex::new(child));
    let listener = Listener { log: launch.log.clone(), on_gpu: launch.on_gpu, settled: false, noise: 0 };
    let reaped = Arc::clone(&process);
    std::thread::spawn(move || listener.listen(stdout, &reaped, hear));
    Ok(Job { input, feeder, process, pid })
}

/// Runs a job to its end on this thread; `hear` sees its events. When `cancel` becomes true the job is cancelled. Returns the
/// event that settled it.
///
/// # Errors
/// The child's own failure, or what its death means.
pub fn complete(
    launcher: &Launcher,
    workspace: &Workspace,
    spec: &JobSpec,
    end: &AtomicBool,
    mut hear: impl FnMut(&JobEvent),
) -> Result<JobEvent, Failure> {
    let launch = prepare(workspace, spec)?;
    let (sender, heard) = channel();
    let job = start(launcher, &launch, move |message| {
        // The receiver lives as long as this call.
        if sender.send(message).is_err() {
            log::debug!("nobody waits for a job any more");
        }
    })?;
    let mut last = None;
    loop {
        if end.load(Ordering::Relaxed) {
            job.steer(if keeps(spec) { Steering::Stop } else { Steering::Cancel });
        }
        let message = match heard.recv_timeout(LOOK_EVERY) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        match message {
            Heard::Event(event) => {
                hear(&event);
                if ending::settles(&event) {
                    last = Some(*event);
                }
            }
            Heard::Ended(how) => {
                let death = ending::classify(&how);
                clear(&launch);
                return match (last, death) {
                    (Some(JobEvent::Failed { failure, .. }), _) | (None, Some(failure)) => Err(failure),
                    (Some(event), _) => Ok(event),
                    (None, None) => Err(Failure::new(FailureClass::Bug, "The job ended without a result.")),
                };
            }
        }
    }
    Err(Failure::new(FailureClass::Bug, "The job's listener ended before the job."))
}

/// Whether what a job has trained, measured or computed is there when the same is asked again.
fn keeps(spec: &JobSpec) -> bool {
    match spec {
        JobSpec::Compare { settings, .. } => settings.cross_validate,
        other => matches!(
            other,
            JobSpec::Compress { .. }
                | JobSpec::Explain { .. }
                | JobSpec::Search { .. }
                | JobSpec::Tune { .. }
        ),
    }
}

/// A terminal's Ctrl-C must reach this process only: it tells the child to checkpoint.
fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    {
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        std::os::windows::process::CommandExt::creation_flags(
            command,
            CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW,
        );
    }
}

/// Writes lines to a child's standard input until the job is dropped or the child stops reading.
fn feed(mut stdin: ChildStdin, lines: &Receiver<String>) {
    for mut line in lines {
        line.push('\n');
        if let Err(error) = stdin.write_all(line.as_bytes()) {
            log::debug!("a job reads no orders any more: {error}");
            return;
        }
    }
}

/// Hears one child to its end.
struct Listener {
    log: PathBuf,
    on_gpu: bool,
    settled: bool,
    noise: u64,
}

impl Listener {
    fn listen(mut self, stdout: Option<impl Read>, process: &Mutex<Child>, mut hear: impl FnMut(Heard)) {
        if let Some(stdout) = stdout {
            let mut reader = BufReader::with_capacity(64 << 10, stdout);
            let mut line = Vec::new();
            while let Ok(1..) = (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line) {
                if let Some(event) = self.understand(&line) {
                    hear(Heard::Event(Box::new(event)));
                }
                line.clear();
            }
        }
        let status = wait(process);
        hear(Heard::Ended(Ending {
            code: status.and_then(|status| status.code()),
            signal: status.and_then(signal),
            settled: self.settled,
            log_tail: files::tail_text(&self.log, TAIL_BYTES),
            on_gpu: self.on_gpu,
        }));
    }

    /// The event of a line, or `None`: then the line goes to the log.
    fn understand(&mut self, line: &[u8]) -> Option<JobEvent> {
        let Ok(event) = serde_json::from_slice::<JobEvent>(line) else {
            self.keep(line);
            return None;
        };
        if ending::settles(&event) {
            self.settled = true;
        } else if ending::unsettles(&event) {
            self.settled = false;
        }
        Some(event)
    }

    fn keep(&mut self, line: &[u8]) {
        self.noise += line.len() as u64;
        if self.noise > NOISE_BYTES || line.trim_ascii().is_empty() {
            return;
        }
        let appended =
            std::fs::OpenOptions::new().append(true).open(&self.log).and_then(|mut log| log.write_all(line));
        if let Err(error) = appended {
            log::debug!("a job's output could not be logged: {error}");
        }
    }
}

/// Waits for a child without keeping others from killing it meanwhile.
fn wait(process: &Mutex<Child>) -> Option<ExitStatus> {
    loop {
        let waited = process.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
        match waited {
            Ok(Some(status)) => return Some(status),
            Ok(None) => std::thread::sleep(Duration::from_millis(3)),
            Err(error) => {
                log::warn!("a job's end cannot be known: {error}");
                return None;
            }
        }
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i32> {
    None
}

#[cfg(test)]
mod tests {
    use orrery_domain::compare::{CompareData, CompareSettings};

    use super::*;

    #[test]
    fn a_cross_validation_that_is_ended_keeps_its_training() {
        let compared = |cross_validate| JobSpec::Compare {
            home: PathBuf::new(),
            models: Vec::new(),
            data: CompareData::File { file: PathBuf::new() },
            settings: CompareSettings { cross_validate, ..CompareSettings::default() },
        };
        assert!(keeps(&compared(true)) && !keeps(&compared(false)));
    }
}
