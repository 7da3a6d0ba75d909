//! Measurement of a model's speed and memory: in a process of its own, which loads it from disk and does nothing else.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use orrery_domain::{Failure, FailureClass, compress::ModelSpeed};
use orrery_learn::{compress, predict::Predictor};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Measures a model folder in this process, which must have done nothing before.
///
/// # Errors
/// Those of loading and computing.
pub fn here(folder: &Path) -> Result<ModelSpeed, Failure> {
    let before = resident();
    let model = Predictor::load(folder)?;
    let mut speed = compress::speed(&model)?;
    speed.added_memory_bytes = before.zip(resident()).map(|(before, after)| after.saturating_sub(before));
    speed.peak_memory_bytes = peak();
    Ok(speed)
}

/// Measures a model folder in a child of `program`.
///
/// # Errors
/// A capacity failure when no process can be started; what the child says.
pub fn in_child(program: &Path, folder: &Path) -> Result<ModelSpeed, Failure> {
    let failed = |why: String| {
        Failure::new(FailureClass::Capacity, format!("The model's speed was not measured: {why}."))
    };
    let output = Command::new(program)
        .args(["--json", "job", "measure"])
        .arg(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if let Ok(speed) = serde_json::from_slice(&output.stdout) {
        return Ok(speed);
    }
    Err(serde_json::from_slice::<Failure>(&output.stdout)
        .unwrap_or_else(|_| failed(output.status.to_string())))
}

/// Memory of this process, bytes.
fn resident() -> Option<u64> {
    let mut system = System::new().ok()?;
    let pid = Pid::from_u32(std::process::id());
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
    system.process(pid).map(sysinfo::Process::memory)
}

/// The most memory that this process ever had, bytes; where Linux tells it.
fn peak() -> Option<u64> {
    peak_of("self")
}

/// The most memory that a process (its id, or `self`) ever had, bytes; where Linux tells it.
pub fn peak_of(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
