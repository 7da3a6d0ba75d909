//! Keeping: checkpoints as sealed JSON, named by their step, the last two kept, damaged ones passed over and said.

#[cfg(test)]
pub(crate) mod damages;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};

use super::files;
use crate::{
    control::{Interrupt, JobControl},
    room,
};

/// Checkpoints kept.
const KEEP: usize = 2;

/// Checkpoints there are, newest first.
fn list(folder: &Path, prefix: &str) -> Vec<(u64, PathBuf)> {
    let mut found: Vec<(u64, PathBuf)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let step = name.to_str()?.strip_prefix(prefix)?.strip_prefix('-')?.strip_suffix(".checkpoint")?;
            Some((step.parse().ok()?, entry.path()))
        })
        .collect();
    found.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
    found
}

/// Writes a state at `step` and removes all but the last two. Waits where the disk is full; returns the time waited.
///
/// # Errors
/// A capacity failure when the disk does not take it, or an interruption while it was full.
pub(crate) fn write<T: Serialize>(
    folder: &Path,
    prefix: &str,
    step: u64,
    state: &T,
    control: &dyn JobControl,
) -> Result<Duration, Interrupt> {
    let path = folder.join(format!("{prefix}-{step:06}.checkpoint"));
    let bytes = files::seal(&path, state)?;
    let waited = room::write(&path, bytes.len(), control, || files::write_checkpoint(&path, &bytes))?;
    for (_, old) in list(folder, prefix).into_iter().skip(KEEP) {
        if let Err(error) = std::fs::remove_file(&old) {
            log::debug!("old checkpoint stays: {error} ({})", old.display());
        }
    }
    Ok(waited)
}

/// The newest state that is whole and wanted, and a sentence for each that was passed over.
pub(crate) fn read<T: DeserializeOwned>(
    folder: &Path,
    prefix: &str,
    wanted: impl Fn(&T) -> bool,
) -> (Option<T>, Vec<String>) {
    files::clear_unfinished(folder);
    let mut warnings = Vec::new();
    for (_, path) in list(folder, prefix) {
        match files::read_sealed::<T>(&path) {
            Ok(state) if wanted(&state) => return (Some(state), warnings),
            Ok(_) => warnings.push(format!(
                "A checkpoint belongs to another request and was passed over. ({})",
                path.display()
            )),
            Err(what) => warnings.push(files::damaged(&path, &what)),
        }
    }
    (None, warnings)
}

/// Step of the newest sound checkpoint in a folder; 0 where there is none.
pub(crate) fn step<T: DeserializeOwned>(folder: &Path, prefix: &str) -> u64 {
    let sound = |(step, path): (u64, PathBuf)| files::read_sealed::<T>(&path).ok().map(|_| step);
    list(folder, prefix).into_iter().find_map(sound).unwrap_or(0)
}
