//! Checkpoints of boosted trees: the trees so far, sealed with a hash, the last two kept.

use std::path::{Path, PathBuf};

use orrery_domain::Failure;
use serde::{Deserialize, Serialize};

use super::forest::Tree;
use crate::train::files;

/// Everything a boosting loop needs to go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// What it was computed from: data, rows, settings. Another run's state is not used.
    pub fingerprint: String,
    /// Trees in order, `outputs` a round.
    pub trees: Vec<Tree>,
    /// Rounds of the best validation loss.
    pub best_rounds: usize,
    /// That loss.
    pub best_loss: Option<f64>,
    /// Chunks since then.
    pub stale_chunks: usize,
    /// Seconds of growing so far.
    pub secs: f64,
    /// Whether growing has ended.
    pub done: bool,
}

fn path(folder: &Path, round: usize) -> PathBuf {
    folder.join(format!("trees-{round:06}.checkpoint"))
}

/// Checkpoints there are, newest first.
fn list(folder: &Path) -> Vec<(usize, PathBuf)> {
    let mut found: Vec<(usize, PathBuf)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let round = name.to_str()?.strip_prefix("trees-")?.strip_suffix(".checkpoint")?.parse().ok()?;
            Some((round, entry.path()))
        })
        .collect();
    found.sort_by_key(|(round, _)| std::cmp::Reverse(*round));
    found
}

/// Rounds grown at the newest sound checkpoint in a folder, whatever it is of; 0 where there is none.
pub(crate) fn step(folder: &Path) -> u64 {
    let sound =
        |(round, path): (usize, PathBuf)| files::read_sealed::<State>(&path).ok().map(|_| round as u64);
    list(folder).into_iter().find_map(sound).unwrap_or(0)
}

/// Writes a state at `round` and removes all but the last two.
///
/// # Errors
/// A capacity failure when the disk does not take it.
pub(super) fn write(folder: &Path, round: usize, state: &State) -> Result<(), Failure> {
    let path = path(folder, round);
    let written = files::write_checkpoint(&path, &files::seal(&path, state)?);
    written.map_err(|error| files::unwritten(&error, &path))?;
    for (_, old) in list(folder).into_iter().skip(2) {
        if let Err(error) = std::fs::remove_file(&old) {
            log::debug!("old checkpoint stays: {error} ({})", old.display());
        }
    }
    Ok(())
}

/// The newest state that is whole and of this fingerprint, and a sentence for each damaged one that was passed over.
pub(super) fn read(folder: &Path, fingerprint: &str) -> (Option<State>, Vec<String>) {
    files::clear_unfinished(folder);
    let mut warnings = Vec::new();
    for (_, path) in list(folder) {
        match files::read_sealed::<State>(&path) {
            Ok(state) if state.fingerprint == fingerprint => return (Some(state), warnings),
            Ok(_) => warnings.push(format!(
                "A checkpoint belongs to another request and was passed over. ({})",
                path.display()
            )),
            Err(what) => warnings.push(format!(
                "A checkpoint is damaged ({what}); training goes on from the one before. ({})",
                path.display()
            )),
        }
    }
    (None, warnings)
}
