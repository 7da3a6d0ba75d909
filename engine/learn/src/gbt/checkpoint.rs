//! Checkpoints of boosted trees: the trees so far.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use super::forest::Tree;
use crate::{
    control::{Interrupt, JobControl},
    train::keep,
};

/// Begins the names of the files.
pub(super) const PREFIX: &str = "trees";

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
    /// Whether the learning rate was halved, because the numbers had gone wrong.
    #[serde(default)]
    pub halved: bool,
}

impl State {
    /// The state before the first tree.
    pub fn fresh(fingerprint: String) -> Self {
        Self {
            fingerprint,
            trees: Vec::new(),
            best_rounds: 0,
            best_loss: None,
            stale_chunks: 0,
            secs: 0.0,
            done: false,
            halved: false,
        }
    }
}

/// Rounds grown at the newest sound checkpoint in a folder; 0 where there is none.
pub(crate) fn step(folder: &Path) -> u64 {
    keep::step::<State>(folder, PREFIX)
}

/// Writes a state at `round`; returns the time waited for room.
///
/// # Errors
/// Those of [`keep::write`].
pub(super) fn write(
    folder: &Path,
    round: usize,
    state: &State,
    control: &dyn JobControl,
) -> Result<Duration, Interrupt> {
    keep::write(folder, PREFIX, round as u64, state, control)
}

/// The newest state that is whole and of this fingerprint, and a sentence for each that was passed over.
pub(super) fn read(folder: &Path, fingerprint: &str) -> (Option<State>, Vec<String>) {
    keep::read(folder, PREFIX, |state: &State| state.fingerprint == fingerprint)
}
