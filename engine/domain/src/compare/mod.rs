//! Comparison: model versions on the same rows, and whether one is better beyond chance.

mod architecture;
mod calibration;
mod report;
mod significance;
mod slice;

use serde::{Deserialize, Serialize};

use crate::metric::{MetricId, MetricValue};

pub use self::{
    architecture::{Architecture, ArchitectureDiff, SettingDiff, TensorDiff, TensorShape, TreesDiff},
    calibration::{BrierParts, Calibration, ReliabilityBin},
    report::{
        CompareData, CompareReport, CompareSettings, CompareSource, ComparedModel, ComparedPair,
        ComparedRows, Latency, RowsOrigin,
    },
    significance::{CrossValidated, DeLong, McNemar, SignificanceTest, Verdict},
    slice::{Condition, Slice, SliceSearch},
};

/// What a version says of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// The class, or the number as text.
    pub prediction: String,
    /// Two classes: probability of the positive one; several: of the predicted one; a number: the number.
    pub value: f64,
}

/// Both answers for a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedRow {
    /// The row's place among those that were given, from 0.
    pub row: u64,
    /// The first version's.
    pub a: Said,
    /// The second version's.
    pub b: Said,
}

/// Which version is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// The first.
    A,
    /// The second.
    B,
    /// They cannot be told apart on these rows.
    NotDistinguishable,
}

/// A metric of both, on the rows whose target is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricComparison {
    /// Metric.
    pub metric: MetricId,
    /// Rows whose target is known.
    pub rows: u64,
    /// The first version's.
    pub a: f64,
    /// The second version's.
    pub b: f64,
    /// Second less first, with a 95 % interval of the paired bootstrap (the same resampled rows for both).
    pub difference: MetricValue,
    /// Which is better: only where the interval leaves out 0.
    pub better: Better,
    /// Two-sided p of the paired bootstrap, not corrected for the number of metrics; none where there is no interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
}

/// Two versions on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Rows.
    pub rows: u64,
    /// Rows of which both say the same class, or numbers equal to six digits.
    pub same: u64,
    /// Mean absolute difference of the probabilities (half the sum over the classes: 0 to 1) or of the numbers.
    pub mean_difference: f64,
    /// The largest of them.
    pub largest_difference: f64,
    /// The metric; none where no row's target was given, or it is not defined on these rows.
    pub metric: Option<MetricComparison>,
    /// Every metric of the task that is defined on these rows; empty where no row's target was given.
    #[serde(default)]
    pub metrics: Vec<MetricComparison>,
    /// `McNemar`'s test of the predicted classes, where the target was given.
    #[serde(default)]
    pub mcnemar: Option<McNemar>,
    /// `DeLong`'s test of the two AUROCs: two classes, where rows of both were given.
    #[serde(default)]
    pub delong: Option<DeLong>,
    /// The result in words.
    pub message: String,
    /// Both answers, row by row.
    pub predictions: Vec<ComparedRow>,
}
