//! Settings of boosted trees, with every default in one place.

use orrery_domain::training::HyperParameters;
use serde::{Deserialize, Serialize};

/// How trees are grown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GbtSettings {
    /// Most rounds; a round is one tree an output.
    pub trees: usize,
    /// Most leaves a tree.
    pub leaves: usize,
    /// Shrinkage.
    pub learning_rate: f64,
    /// Penalty on squared leaf values.
    pub l2: f64,
    /// Least sum of second derivatives in a leaf.
    pub min_leaf_weight: f64,
    /// Most bins a feature.
    pub bins: u16,
    /// Share of the features a tree may use.
    pub feature_share: f64,
    /// Share of the rows a tree is grown on.
    pub row_share: f64,
    /// Rounds between two looks at the losses.
    pub chunk: usize,
    /// Chunks without a better validation loss before growing stops; 0 never stops early.
    pub patience: usize,
    /// Seed of every random choice.
    pub seed: u64,
}

impl GbtSettings {
    /// The settings of a request for a table with `rows` training rows.
    pub fn resolve(hyper: &HyperParameters, rows: usize, seed: u64) -> Self {
        // A leaf should hold a few dozen rows at least: a small table gets small trees.
        let leaves = (rows / 40).clamp(4, 127);
        Self {
            trees: hyper.trees.map_or(500, |trees| trees.max(1) as usize),
            leaves: hyper.leaves.map_or(leaves, |leaves| leaves.clamp(2, 4096) as usize),
            learning_rate: hyper.learning_rate.filter(|rate| *rate > 0.0).unwrap_or(0.08),
            l2: hyper.weight_decay.unwrap_or(1.0).max(0.0),
            min_leaf_weight: 1.0,
            bins: 255,
            feature_share: 0.6,
            row_share: 1.0,
            chunk: 10,
            patience: hyper.patience.map_or(8, |patience| patience as usize),
            seed,
        }
    }
}
