//! Trial: a stranger's file is first loaded by a process of its own, with bounds on memory and time. What it breaks is that process.

use std::{
    io::Read,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use orrery_domain::{Failure, FailureClass};
use orrery_learn::onnx::OnnxModel;

/// Longest that a trial may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// Time between two looks whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Memory that a trial may take beside [`FILE_TIMES`] the file's bytes.
#[cfg(unix)]
const MEMORY_BYTES: u64 = 4 << 30;
/// Times its own bytes that a file's weights may take: as read, parsed and packed.
#[cfg(unix)]
const FILE_TIMES: u64 = 8;

/// Loads a file in this process, which is the trial's: its memory is bounded first (where the system can).
///
/// # Errors
/// As [`OnnxModel::load`].
pub fn here(file: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        let limit = MEMORY_BYTES.saturating_add(bytes.saturating_mul(FILE_TIMES));
        let allowed = getrlimit(Resource::As).maximum;
        let limit = allowed.map_or(limit, |most| most.min(limit));
        if let Err(error) = setrlimit(Resource::As, Rlimit { current: Some(limit), maximum: allowed }) {
            log::warn!("the trial's memory could not be bounded: {error}");
        }
    }
    OnnxModel::load(file).map(drop)
}

/// Lets `program` try the file in a child, and waits for it.
///
/// # Errors
/// A model failure that says why the file cannot be served; a capacity failure when no process can be started.
pub fn in_child(program: &Path, file: &Path) -> Result<(), Failure> {
    let failed =
        |class, why: String| Err(Failure::new(class, format!("{} cannot be served: {why}.", file.display())));
    let started = Command::new(program)
        .args(["--json", "job", "try"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return failed(FailureClass::Capacity, format!("no trial could be started ({error})")),
    };
    let end = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => std::thread::sleep(LOOK_EVERY),
            other => {
                if let Err(error) = child.kill().and_then(|()| child.wait().map(drop)) {
                    log::warn!("a trial could not be ended: {error}");
                }
                let why = match other {
                    Err(error) => format!("its trial could not be watched ({error})"),
                    Ok(_) => format!("its trial did not end within {} s", PATIENCE.as_secs()),
                };
                return failed(FailureClass::Model, why);
            }
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    if let Some(out) = child.stdout.take()
        && let Err(error) = out.take(64 << 10).read_to_string(&mut said)
    {
        log::debug!("what a trial said cannot be read: {error}");
    }
    match serde_json::from_str::<Failure>(said.trim()) {
        Ok(failure) => Err(failure),
        Err(_silent) => {
            failed(FailureClass::Model, format!("the runtime broke down on it ({})", ended(status)))
        }
    }
}

/// How a process ended that said nothing.
fn ended(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal {signal}");
    }
    status.to_string()
}
