//! Report: two or more model versions held against each other on the same rows.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    Architecture, ArchitectureDiff, Calibration, CrossValidated, DeLong, McNemar, MetricComparison,
    SliceSearch, Verdict,
};
use crate::{
    dataset::Dataset,
    ids::{DatasetId, ModelRef},
    metric::{MetricId, Metrics},
    training::{ModelKind, Task},
};

/// The rows to compare on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "data", rename_all = "snake_case")]
pub enum CompareData {
    /// Every row of a file.
    File {
        /// The file.
        file: PathBuf,
    },
    /// An imported dataset: of rows that a version was trained with only its test rows.
    Dataset {
        /// The dataset.
        dataset: Box<Dataset>,
    },
}

/// The rows a person names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum CompareSource {
    /// A file.
    File {
        /// It.
        file: PathBuf,
    },
    /// An imported dataset.
    Dataset {
        /// It.
        dataset: DatasetId,
    },
}

/// How to compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompareSettings {
    /// The metric that decides; `None`: the task's first.
    pub metric: Option<MetricId>,
    /// Fewest rows of a slice.
    pub min_slice_rows: u32,
    /// Columns whose slices are all listed.
    pub slice_columns: Vec<String>,
    /// Whether the configurations are trained ten times each, too (5x2 cross-validation).
    pub cross_validate: bool,
}

impl Default for CompareSettings {
    fn default() -> Self {
        Self { metric: None, min_slice_rows: 50, slice_columns: Vec::new(), cross_validate: false }
    }
}

/// Where the rows came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowsOrigin {
    /// Every row of what was given.
    All,
    /// The rows that are test rows of every version trained on this dataset.
    TestRows,
}

/// The rows that were used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedRows {
    /// The file, or the dataset's name.
    pub source: String,
    /// Which rows of it.
    pub origin: RowsOrigin,
    /// Rows used.
    pub used: u64,
    /// Rows left out because a version was trained or chosen with them.
    pub trained_on: u64,
    /// Rows left out for want of a target.
    pub without_target: u64,
}

/// How long one row takes, measured in one process: one after another, a row at a time, raw columns in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Median, seconds.
    pub median_secs: f64,
    /// 95th percentile, seconds.
    pub p95_secs: f64,
    /// Rows asked.
    pub requests: u32,
}

/// A version of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedModel {
    /// Name and version.
    pub model: ModelRef,
    /// Family.
    pub kind: ModelKind,
    /// Metrics on the rows, with 95 % bootstrap intervals.
    pub metrics: Metrics,
    /// Calibration; none where predictions leave it undefined.
    pub calibration: Option<Calibration>,
    /// Where it is worst; none where there are too few rows.
    pub slices: Option<SliceSearch>,
    /// Latency at batch size 1, measured.
    pub latency: Latency,
    /// Bytes of its folder, measured.
    pub bytes: u64,
    /// Whether no other version is at least as good in quality, latency and bytes, and better in one (Pareto front).
    pub on_front: bool,
    /// What it is built of.
    pub architecture: Architecture,
}

/// Two versions of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedPair {
    /// The first.
    pub a: ModelRef,
    /// The second.
    pub b: ModelRef,
    /// Whether one is better by the metric that decides.
    pub verdict: Verdict,
    /// Every metric that is defined, with a paired interval each; not corrected for their number.
    pub metrics: Vec<MetricComparison>,
    /// `McNemar`'s test, for classes.
    pub mcnemar: Option<McNemar>,
    /// `DeLong`'s test, for two classes.
    pub delong: Option<DeLong>,
    /// 5x2 cross-validation of the two configurations, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_validated: Option<CrossValidated>,
    /// How they are built differently.
    pub architecture: ArchitectureDiff,
}

/// Two or more versions on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompareReport {
    /// Task.
    pub task: Task,
    /// Target column.
    pub target: String,
    /// The metric that decides.
    pub metric: MetricId,
    /// The rows.
    pub rows: ComparedRows,
    /// The versions, in the order they were given.
    pub models: Vec<ComparedModel>,
    /// Every pair of them.
    pub pairs: Vec<ComparedPair>,
    /// The result in words.
    pub message: String,
    /// What a person should know about the rows and the versions.
    pub warnings: Vec<String>,
}
