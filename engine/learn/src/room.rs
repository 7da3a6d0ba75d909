//! Room: a job that finds the disk full pauses, says what to free, and goes on by itself once there is room.

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use orrery_domain::{FailureClass, job::JobEvent, run::RunState};

use crate::{
    control::{Interrupt, JobControl, Wish},
    faults::{self, Fault},
    train::files,
};

/// Between two tries.
const AGAIN_EVERY: Duration = Duration::from_secs(2);
/// Between two looks at what is wished.
const NAP: Duration = Duration::from_millis(50);

/// Writes `bytes` bytes to `path` with `write`, as often as it takes. Returns the time waited for room.
///
/// # Errors
/// A capacity failure when the disk refuses for another reason or the job may not wait, or an interruption while it was full.
pub fn write(
    path: &Path,
    bytes: usize,
    control: &dyn JobControl,
    mut write: impl FnMut() -> io::Result<()>,
) -> Result<Duration, Interrupt> {
    let refused = |error: &io::Error| Interrupt::from(files::unwritten(error, path));
    match write() {
        Ok(()) => return Ok(Duration::ZERO),
        Err(error) if !is_full(&error) || !control.may_wait() => return Err(refused(&error)),
        Err(_) => {}
    }
    let began = Instant::now();
    control.emit(JobEvent::State { state: RunState::Paused, reason: Some(reason(path, bytes)) });
    loop {
        let tried = Instant::now();
        while tried.elapsed() < AGAIN_EVERY {
            match control.wish() {
                Wish::Cancel => return Err(Interrupt::Cancelled),
                Wish::Stop => return Err(Interrupt::Stopped),
                Wish::Continue | Wish::Pause => std::thread::sleep(NAP),
            }
        }
        match write() {
            Ok(()) => break,
            Err(error) if !is_full(&error) => return Err(refused(&error)),
            Err(_) => {}
        }
    }
    control.emit(JobEvent::State { state: RunState::Running, reason: None });
    Ok(began.elapsed())
}

/// Does work that writes files in a folder or on its disk; where it fails because the disk is full, waits for room, calls
/// `back` and does it again. The work must go on from what it has kept.
///
/// # Errors
/// Those of the work, or an interruption while the disk was full.
pub fn patiently<T>(
    folder: &Path,
    control: &dyn JobControl,
    mut work: impl FnMut() -> Result<T, Interrupt>,
    mut back: impl FnMut(),
) -> Result<T, Interrupt> {
    loop {
        match work() {
            Err(Interrupt::Failed(failure)) if failure.class == FailureClass::Capacity => {
                // What was refused is no larger than what was kept of the same work before.
                let bytes = largest(folder).clamp(PROBE_BYTES, MOST_BYTES);
                let waited = write(&folder.join("model"), bytes, control, || probe(folder, bytes))?;
                if waited.is_zero() {
                    return Err(failure.into());
                }
                back();
            }
            outcome => return outcome,
        }
    }
}

/// Bytes that must fit before work goes on, at least.
const PROBE_BYTES: usize = 1 << 20;
/// And at most: checkpoints wait for their own room.
const MOST_BYTES: usize = 64 << 20;

/// Bytes of the largest file below a folder; what cannot be read counts nothing.
fn largest(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => largest(&entry.path()),
        Ok(data) => usize::try_from(data.len()).unwrap_or(usize::MAX),
        Err(_) => 0,
    });
    bytes.max().unwrap_or(0)
}

/// Whether the disk takes so many bytes.
fn probe(folder: &Path, bytes: usize) -> io::Result<()> {
    if faults::happens(Fault::DiskFull, "room") {
        return Err(io::ErrorKind::StorageFull.into());
    }
    let mut file = tempfile::tempfile_in(folder)?;
    let piece = vec![1; PROBE_BYTES];
    for from in (0..bytes).step_by(PROBE_BYTES) {
        io::Write::write_all(&mut file, &piece[..PROBE_BYTES.min(bytes - from)])?;
    }
    file.sync_all()
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Why the run waits, and for what.
fn reason(path: &Path, bytes: usize) -> String {
    let folder = path.parent().unwrap_or(path);
    format!(
        "The disk is full: {:.1} MB for a checkpoint or the model do not fit. Free some space there, for example by deleting runs and models that are not needed; the run goes on by itself then, or with `orrery runs resume`. ({})",
        bytes as f64 / 1e6,
        folder.display()
    )
}
