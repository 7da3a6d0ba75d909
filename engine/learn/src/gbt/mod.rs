//! Gradient-boosted trees: histogram trees of forust, in a boosting loop of our own.
//!
//! ```text
//! TreeMatrix ──bins──► for each tree: derivatives ─► forust grows it ─► predictions move on
//!                        every chunk: losses, early stop, checkpoint, what a person wants
//!                                                            │
//!                                     Forest ──save──► trees.json ──load──► GbtScorer
//! ```
//!
//! forust's own loop cannot go on from a model, so a paused or killed run could not be resumed with it. Here the state is
//! the list of trees: predictions are their sum in order, so a resumed run is bit for bit an unbroken one.

mod boost;
pub(crate) mod checkpoint;
mod forest;
mod loss;
mod rows;
mod settings;

#[cfg(test)]
mod gates;
#[cfg(test)]
mod tests;

use std::path::Path;

use orrery_domain::Failure;

use crate::prepare::TreeMatrix;

pub use boost::{GbtJob, GbtOutcome, Labelled, fit};
pub use forest::{FILE, FORMAT, Forest, Objective, Tree};
pub use settings::GbtSettings;

/// A loaded forest.
#[derive(Clone, Debug)]
pub struct GbtScorer {
    forest: Forest,
}

impl GbtScorer {
    /// A scorer of these trees.
    pub fn new(forest: Forest) -> Self {
        Self { forest }
    }

    /// Loads `trees.json` of a model folder.
    ///
    /// # Errors
    /// A model failure when it is missing, damaged or of another format.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        Forest::load(folder).map(Self::new)
    }

    /// The trees.
    pub fn forest(&self) -> &Forest {
        &self.forest
    }

    /// Outputs of a row: 1 for two classes and for numbers, else one a class.
    pub fn outputs(&self) -> usize {
        self.forest.outputs()
    }

    /// Columns that [`Self::score`] takes.
    pub fn features(&self) -> usize {
        self.forest.features.len()
    }

    /// Scores: the log-odds of the positive class, the logarithm of each class' probability (so that a softmax gives the
    /// probabilities), or the target in its own unit. `[rows, outputs]`, row-major.
    pub fn score(&self, x: &TreeMatrix) -> Vec<f64> {
        self.forest.score(x)
    }
}
