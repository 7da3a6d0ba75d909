//! Model versions: the card that says what a model is, where it came from and how good it was.

use serde::{Deserialize, Serialize};

use crate::{
    compress::{CompressMethod, Compression},
    dataset::{ColumnSchema, SourceFile},
    ids::{DatasetId, ModelRef, RunId},
    metric::{MetricId, Metrics},
    training::{ModelKind, Task, TrainConfig},
    units::UnixSecs,
};

/// The version of the card's format that this program writes.
pub const CARD_FORMAT: u32 = 1;

/// A baseline fitted on the same rows, and its test metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// `majority`, `mean` or `linear`.
    pub name: String,
    /// Test metrics.
    pub test: Metrics,
}

/// Whether the model beat its baselines: of the paired bootstrap interval of the primary metric's difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The metric compared.
    pub metric: MetricId,
    /// The best baseline.
    pub against: String,
    /// Model minus baseline, with a paired 95 % bootstrap interval.
    pub difference: crate::metric::MetricValue,
    /// `Some(true)` better, `Some(false)` worse, `None` not distinguishable.
    pub better: Option<bool>,
    /// A sentence that says so.
    pub message: String,
}

/// A file of a model version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Name inside the version's folder.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// BLAKE3, lower-case hex.
    pub hash: String,
}

/// From file to model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// The file.
    pub source: SourceFile,
    /// The dataset.
    pub dataset: DatasetId,
    /// The run.
    pub run: RunId,
    /// The search that chose it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchOrigin>,
}

/// The trial of a search that a model came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchOrigin {
    /// The search's id.
    pub search: String,
    /// The trial's number.
    pub trial: u32,
}

/// The rows each part of the split had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitCounts {
    /// Training rows.
    pub train: u64,
    /// Validation rows.
    pub valid: u64,
    /// Test rows.
    pub test: u64,
    /// Rows without a target, left out.
    pub without_target: u64,
}

/// `card.json`: everything a stranger should know about a model version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Format of this file.
    pub format: u32,
    /// The program that wrote it.
    pub program: String,
    /// Name and version; the registry fills them in.
    pub model: Option<ModelRef>,
    /// Family.
    pub kind: ModelKind,
    /// Task.
    pub task: Task,
    /// Target column.
    pub target: String,
    /// Class names in output order (empty for regression). Binary: negative, then positive.
    pub classes: Vec<String>,
    /// Probability at which the positive class is predicted (binary).
    pub threshold: Option<f64>,
    /// Feature columns, in the dataset's order.
    pub features: Vec<ColumnSchema>,
    /// Importance of each feature: fall of the primary metric when its validation values are shuffled. May be empty.
    #[serde(default)]
    pub importance: Vec<(String, f64)>,
    /// Trainable parameters, or leaves of all trees.
    pub parameters: u64,
    /// Rows by part.
    pub rows: SplitCounts,
    /// Test metrics.
    pub test: Metrics,
    /// Validation metrics (no intervals).
    pub valid: Metrics,
    /// Baselines.
    pub baselines: Vec<Baseline>,
    /// Whether it beat them.
    pub verdict: Option<Verdict>,
    /// Candidates that `auto` tried, with their validation loss, best first.
    #[serde(default)]
    pub candidates: Vec<(ModelKind, f64)>,
    /// Device name as the driver gives it.
    pub device: String,
    /// Threads used.
    pub threads: u32,
    /// Training rows a second, whole loop included.
    pub samples_per_sec: f64,
    /// Seconds of training.
    pub train_secs: f64,
    /// Seed.
    pub seed: u64,
    /// The request.
    pub config: TrainConfig,
    /// Lineage.
    pub lineage: Lineage,
    /// How it came from another model, where it did: one step after the other, the last one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compressions: Vec<Compression>,
    /// What befell its training: damaged checkpoints, numbers that went wrong, a device that was lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Files, this one excepted.
    pub files: Vec<ModelFile>,
    /// When it was made.
    pub created_at: UnixSecs,
}

impl ModelCard {
    /// Whether its matrices are whole numbers of few bits.
    pub fn is_quantized(&self) -> bool {
        self.since_distilled().any(|made| matches!(made.method, CompressMethod::Quantize(_)))
    }

    /// Whether its layers are computed in whole numbers.
    pub fn is_integer(&self) -> bool {
        self.integer_step().is_some()
    }

    /// The compression by which its layers are computed in whole numbers.
    pub fn integer_step(&self) -> Option<&Compression> {
        self.since_distilled().find(|made| made.method.is_integer())
    }

    /// Its compressions since it was last trained as a network of its own, the last one first.
    fn since_distilled(&self) -> impl Iterator<Item = &Compression> {
        let distilled = |made: &&Compression| matches!(made.method, CompressMethod::Distil(_));
        self.compressions.iter().rev().take_while(move |made| !distilled(made))
    }
}
