//! Forest: boosted trees as plain arrays, their file format, and their scores.

use std::path::Path;

use orrery_domain::{Failure, FailureClass};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::prepare::TreeMatrix;

/// The version of `trees.json` that this program writes.
pub const FORMAT: u32 = 1;

/// Name of the file in a model folder.
pub const FILE: &str = "trees.json";

/// Rows scored together: their features stay in the cache while every tree passes.
const BLOCK: usize = 256;

/// What the trees were grown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Log-odds of the second class.
    Binary,
    /// One log-odds a class against the rest.
    OneVsRest,
    /// A number.
    Squared,
}

/// `trees.json`. The raw output `k` of a row is `base[k] + scale * (sum of the leaf values of the trees with output k)`, trees in order.
///
/// The reported score is: `binary`, the raw output, the log-odds of `classes[1]`; `one_vs_rest`, one natural logarithm of a probability a class,
/// where the probabilities are `1 / (1 + exp(-raw))` divided by their sum; `squared`, the raw output, or `exp` of it if `log`.
///
/// In a tree, node 0 is the root; a node whose `left` is 0 is a leaf with its `value`. At another node a row goes to `missing` when its feature is NaN,
/// to `left` when the feature is below `threshold`, else to `right`. Features are numbered as in `features`, the columns that `preprocess.json` makes for
/// trees. Leaf values include the learning rate. `cover` is the sum of the second derivatives of the loss over the training rows in the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    /// Format of the file.
    pub format: u32,
    /// What the trees were grown for.
    pub objective: Objective,
    /// Class names (empty for a number). Binary: negative, then positive.
    pub classes: Vec<String>,
    /// Names of the features.
    pub features: Vec<String>,
    /// Shrinkage that the leaf values include.
    pub learning_rate: f64,
    /// Raw output without any tree. `[outputs]`
    pub base: Vec<f64>,
    /// Factor of the leaf values.
    pub scale: f64,
    /// Whether the target was transformed by the natural logarithm.
    pub log: bool,
    /// Trees, in the order they were grown.
    pub trees: Vec<Tree>,
}

/// One tree. All arrays have one entry a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// The output it adds to.
    pub output: u32,
    /// Feature a node asks about; 0 at leaves.
    pub feature: Vec<u32>,
    /// Values below go left; 0 at leaves.
    pub threshold: Vec<f64>,
    /// Node for values below the threshold; 0 at leaves.
    pub left: Vec<u32>,
    /// Node for other values; 0 at leaves.
    pub right: Vec<u32>,
    /// Node for missing values; 0 at leaves.
    pub missing: Vec<u32>,
    /// Value of a leaf; 0 elsewhere.
    pub value: Vec<f64>,
    /// Sum of second derivatives in the node.
    pub cover: Vec<f64>,
}

impl Tree {
    /// The tree that forust grew, for `output`.
    pub fn from_grown(grown: &forust_ml::tree::Tree, output: u32) -> Self {
        let mut tree = Self { output, ..Self::default() };
        for node in &grown.nodes {
            let inner = |value: usize| if node.is_leaf { 0 } else { value as u32 };
            tree.feature.push(inner(node.split_feature));
            tree.threshold.push(if node.is_leaf { 0.0 } else { node.split_value });
            tree.left.push(inner(node.left_child));
            tree.right.push(inner(node.right_child));
            tree.missing.push(inner(node.missing_node));
            tree.value.push(if node.is_leaf { f64::from(node.weight_value) } else { 0.0 });
            tree.cover.push(f64::from(node.hessian_sum));
        }
        tree
    }

    /// Number of leaves.
    pub fn leaves(&self) -> usize {
        self.left.iter().filter(|child| **child == 0).count()
    }

    /// The value of the leaf a row reaches, where `feature(f)` is the row's feature `f`.
    pub fn leaf_value(&self, feature: impl Fn(usize) -> f64) -> f64 {
        let mut node = 0;
        while self.left[node] != 0 {
            let value = feature(self.feature[node] as usize);
            let next = if value.is_nan() {
                self.missing[node]
            } else if value < self.threshold[node] {
                self.left[node]
            } else {
                self.right[node]
            };
            node = next as usize;
        }
        self.value[node]
    }

    /// Whether every node's children come after it, so that a walk ends, and every feature exists.
    fn is_sound(&self, features: usize, outputs: usize) -> bool {
        let nodes = self.left.len();
        let lengths = [
            self.feature.len(),
            self.threshold.len(),
            self.right.len(),
            self.missing.len(),
            self.value.len(),
            self.cover.len(),
        ];
        nodes > 0
            && lengths.iter().all(|length| *length == nodes)
            && (self.output as usize) < outputs
            && (0..nodes).all(|node| {
                let leaf = self.left[node] == 0;
                let later = |child: u32| child as usize > node && (child as usize) < nodes;
                let inner = later(self.left[node])
                    && later(self.right[node])
                    && later(self.missing[node])
                    && (self.feature[node] as usize) < features
                    && !self.threshold[node].is_nan();
                (leaf && self.value[node].is_finite()) || (!leaf && inner)
            })
    }
}

impl Forest {
    /// Outputs of a row.
    pub fn outputs(&self) -> usize {
        self.base.len()
    }

    /// Leaves of all trees.
    pub fn leaves(&self) -> u64 {
        self.trees.iter().map(|tree| tree.leaves() as u64).sum()
    }

    /// Raw outputs. `[rows, outputs]`, row-major.
    pub fn raw(&self, x: &TreeMatrix) -> Vec<f64> {
        let outputs = self.outputs();
        let mut scores = vec![0.0; x.rows * outputs];
        scores.par_chunks_mut(BLOCK * outputs).enumerate().for_each(|(block, scores)| {
            let (first, rows) = (block * BLOCK, scores.len() / outputs);
            let mut values = vec![0.0; rows * x.cols];
            for column in 0..x.cols {
                let from = &x.values[column * x.rows + first..][..rows];
                for (row, value) in from.iter().enumerate() {
                    values[row * x.cols + column] = *value;
                }
            }
            for tree in &self.trees {
                for row in 0..rows {
                    let features = &values[row * x.cols..][..x.cols];
                    scores[row * outputs + tree.output as usize] +=
                        tree.leaf_value(|feature| features[feature]);
                }
            }
            for row in scores.chunks_exact_mut(outputs) {
                for (score, base) in row.iter_mut().zip(&self.base) {
                    *score = base + self.scale * *score;
                }
            }
        });
        scores
    }

    /// Reported scores, see [`Forest`]. `[rows, outputs]`, row-major.
    pub fn score(&self, x: &TreeMatrix) -> Vec<f64> {
        let mut scores = self.raw(x);
        match self.objective {
            Objective::Binary => {}
            Objective::Squared => {
                if self.log {
                    for score in &mut scores {
                        *score = score.exp();
                    }
                }
            }
            Objective::OneVsRest => {
                scores.chunks_exact_mut(self.outputs()).for_each(super::loss::one_vs_rest);
            }
        }
        scores
    }

    /// Writes `trees.json` into a model folder.
    ///
    /// # Errors
    /// A capacity failure when the disk does not take it.
    pub fn save(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(FILE);
        let bytes = serde_json::to_vec(self).map_err(|error| {
            Failure::new(
                FailureClass::Bug,
                format!("The trees have no JSON form: {error}. ({})", path.display()),
            )
        })?;
        crate::train::files::write_bytes(&path, &bytes)
    }

    /// Reads `trees.json` of a model folder.
    ///
    /// # Errors
    /// A model failure when it is missing, damaged or of another format.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let failed = |what: &dyn std::fmt::Display| {
            Failure::new(
                FailureClass::Model,
                format!(
                    "The model's trees cannot be read: {what}. Restore the model from a copy or train it again. ({})",
                    path.display()
                ),
            )
        };
        let bytes = std::fs::read(&path).map_err(|error| failed(&error))?;
        let forest: Self = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
        if forest.format != FORMAT {
            return Err(failed(&format!(
                "they have format {}, and this program reads format {FORMAT}",
                forest.format
            )));
        }
        let (features, outputs) = (forest.features.len(), forest.outputs());
        let fits = match forest.objective {
            Objective::Binary => outputs == 1 && forest.classes.len() == 2,
            Objective::Squared => outputs == 1 && forest.classes.is_empty(),
            Objective::OneVsRest => outputs > 1 && forest.classes.len() == outputs,
        };
        if !fits || !forest.trees.iter().all(|tree| tree.is_sound(features, outputs)) {
            return Err(failed(&"a tree is not sound"));
        }
        Ok(forest)
    }
}
