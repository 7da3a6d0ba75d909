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
    ///
    /// The defaults were tried on tables of 40,000 and 260,000 rows: numbers like many small leaves and slow
    /// steps on varying rows, classes like leaves of a hundred rows or more.
    pub fn resolve(hyper: &HyperParameters, rows: usize, number: bool, seed: u64) -> Self {
        let small = |most: f64| (rows as f64 / 10_000.0).clamp(1.0, most);
        // A leaf should hold a few dozen rows: a small table gets small trees.
        let (trees, leaves, rate) = if number { (1000, 255, 0.04) } else { (500, 127, 0.08) };
        let leaves = (rows / 40).clamp(4, leaves);
        Self {
            trees: hyper.trees.map_or(trees, |trees| trees.max(1) as usize),
            leaves: hyper.leaves.map_or(leaves, |leaves| leaves.clamp(2, 4096) as usize),
            learning_rate: hyper.learning_rate.filter(|rate| *rate > 0.0).unwrap_or(rate),
            l2: hyper.weight_decay.unwrap_or(if number { 3.0 } else { 1.0 }).max(0.0),
            min_leaf_weight: hyper.min_leaf_weight.unwrap_or(if number { 3.0 } else { small(20.0) }),
            bins: 255,
            feature_share: hyper.feature_share.unwrap_or(if number { 0.8 } else { 0.6 }),
            row_share: hyper.row_share.unwrap_or(if number { 0.8 } else { 1.0 }),
            chunk: 10,
            patience: hyper.patience.map_or(8, |patience| patience as usize),
            seed,
        }
    }
}
