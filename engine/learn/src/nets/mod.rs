//! Networks: encoded rows in, trained weights out, and the scores, files and ONNX graphs made of them.
//!
//! ```text
//! Architecture ─┬─► fit (own loop on burn, checkpoints) ─► Weights ─┬─► Scorer ─► reported outputs
//!               └─ FitSettings                                      └─► save ─► weights.safetensors, model.onnx
//! ```
//!
//! A network is a list of named tensors ([`Weights`]) and one function that turns them and a batch into outputs
//! (`graph`); there is no module tree, so what is trained, checkpointed, saved, scored and exported is the same list.

mod backprop;
mod batch;
pub(crate) mod checkpoint;
pub(crate) mod codes;
mod design;
mod embed;
mod fit;
mod graph;
mod image;
mod judge;
mod loss;
pub mod onnx;
mod optimizer;
mod params;
mod path;
mod progress;
pub(crate) mod rounding;
mod score;
mod settings;
mod store;
mod teacher;
pub(crate) mod trial;
mod units;

#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use orrery_domain::{image::ImageShape, training::ModelKind};
use serde::{Deserialize, Serialize};

pub use design::bin_edges;
pub use fit::{Fit, FitOutcome, Means, Start};
pub use image::Augment;
pub(crate) use image::cost;
pub use loss::Loss;
pub use params::{initial_weights, parameter_count};
pub use path::{Baseline, PathPoint, Slopes};
pub use score::Scorer;
pub use settings::FitSettings;
pub(crate) use store::save_codes;
pub use store::{load, save};
pub use teacher::{Imitation, Teacher, with_features, without_features};
pub(crate) use units::slopes;
pub use units::{Unit, Units};

/// Rows as a network reads them, row-major `[rows, cols]`: first the numeric columns (scaled numbers and indicators), then
/// one column a category feature holding its code as a float, 0 being the bucket of the unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// Rows.
    pub rows: usize,
    /// Columns: [`Architecture::numeric`] plus one a category feature.
    pub cols: usize,
    /// Values, all finite. `[rows * cols]`
    pub values: Vec<f32>,
}

impl Encoded {
    /// One row. `[cols]`
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.cols..(row + 1) * self.cols]
    }

    /// The rows of these indices, in their order.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.cols);
        for &row in rows {
            values.extend_from_slice(self.row(row));
        }
        Self { rows: rows.len(), cols: self.cols, values }
    }
}

/// What a network is built of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Inputs straight to outputs. `head.weight` `[inputs, outputs]`, `head.bias` `[outputs]`.
    Linear,
    /// Multilayer perceptron with `ReLU`.
    Mlp,
    /// Residual blocks of Gorishniy et al. 2021 ("Revisiting deep learning models for tabular data"), with layer
    /// normalization in place of batch normalization, so that training and prediction compute the same function.
    Resnet,
    /// Gorishniy et al. 2024, "`TabM`": members that share weights and differ by rank-one adapters.
    Tabm,
    /// Convolutions and pooling over a picture, then one hidden layer.
    Cnn,
    /// Residual blocks of convolutions over a picture, with group normalization.
    ResnetCnn,
}

impl Family {
    /// The kind of model it is.
    pub fn kind(self) -> ModelKind {
        match self {
            Self::Linear => ModelKind::Linear,
            Self::Mlp => ModelKind::Mlp,
            Self::Resnet => ModelKind::Resnet,
            Self::Tabm => ModelKind::Tabm,
            Self::Cnn => ModelKind::Cnn,
            Self::ResnetCnn => ModelKind::ResnetCnn,
        }
    }
}

/// Raw network output to reported output; part of the graph that is exported.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scale", rename_all = "snake_case")]
pub enum OutputScale {
    /// Reported as they are: one log-odds of the positive class, or one logit a class.
    Logits,
    /// A number in the target's unit: `mean + std * raw`, then `exp` of it if the target was trained in logarithms.
    Value {
        /// Mean of the (transformed) training target.
        mean: f64,
        /// Its standard deviation.
        std: f64,
        /// Whether the target was transformed by the natural logarithm.
        log: bool,
    },
}

impl OutputScale {
    /// The raw output of a reported one.
    pub fn raw(self, reported: f64) -> f64 {
        match self {
            Self::Logits => reported,
            Self::Value { mean, std, log } => {
                let value = if log { reported.max(f64::MIN_POSITIVE).ln() } else { reported };
                (value - mean) / std
            }
        }
    }

    /// The reported output of a raw one.
    pub fn report(self, raw: f64) -> f64 {
        match self {
            Self::Logits => raw,
            Self::Value { mean, std, log } => {
                let value = mean + std * raw;
                if log { value.exp() } else { value }
            }
        }
    }
}

/// Everything that fixes the function a network computes, its weights excepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// Family.
    pub family: Family,
    /// Numeric inputs.
    pub numeric: usize,
    /// Codes of each category feature, the unknown bucket included; empty where categories came in one-hot.
    pub category_sizes: Vec<usize>,
    /// Width of a category's embedding.
    pub embedding: usize,
    /// Outputs: 1 for two classes (log-odds of the positive) and for numbers, else one a class.
    pub outputs: usize,
    /// Width of the hidden layers; for pictures, channels of the first convolution.
    pub width: usize,
    /// Hidden layers, residual blocks, or stages of convolutions.
    pub depth: usize,
    /// Units of each hidden layer, or of each residual block's inner layer, where pruning has made them differ; for pictures, the channels
    /// of each convolution and the units of the hidden layer in the order of their steps, a stream's once. Empty: as `width` has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<usize>,
    /// Dropout probability after each hidden layer, 0 to below 1.
    pub dropout: f64,
    /// Members of the ensemble; 1 but for `TabM`.
    pub members: usize,
    /// Ascending bin edges of each numeric column's piecewise-linear embedding; empty: the column enters as it is (so do
    /// all columns where there is no entry at all).
    pub ple_edges: Vec<Vec<f32>>,
    /// Width of a numeric column's embedding.
    pub ple_width: usize,
    /// What becomes of the raw output.
    pub output: OutputScale,
    /// Shape of the pictures that the numeric inputs are, one channel after the other, each line by line; `None` for tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageShape>,
}

/// Named tensors: shape and row-major values.
pub type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Names, shapes and values.
fn listed(weights: &Weights) -> impl Iterator<Item = (&str, &[usize], &[f32])> {
    weights.iter().map(|(name, (shape, values))| (name.as_str(), shape.as_slice(), values.as_slice()))
}

/// Rows with their truth.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Inputs.
    pub x: &'a Encoded,
    /// Class index, or target in the network's own (standardized) scale. `[rows]`
    pub y: &'a [f32],
    /// Weight of each row, 0 or more; `None`: all 1. `[rows]`
    pub weight: Option<&'a [f32]>,
}
