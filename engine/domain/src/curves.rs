//! Curves: how a model errs, ready to draw.

use serde::{Deserialize, Serialize};

/// A point of a curve; `threshold` is the score at and above which a row counts as positive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Horizontal value.
    pub x: f64,
    /// Vertical value.
    pub y: f64,
    /// Threshold, where the curve has one and it is finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// A bin of the calibration curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Mean predicted probability.
    pub predicted: f64,
    /// Share of rows of the class.
    pub observed: f64,
    /// Rows.
    pub count: u64,
}

/// What a threshold would give (binary), in `0..=1`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdRow {
    /// Probability at and above which a row is called positive.
    pub threshold: f64,
    /// True positives.
    pub tp: u64,
    /// False positives.
    pub fp: u64,
    /// True negatives.
    pub tn: u64,
    /// False negatives.
    pub fn_: u64,
}

/// The curves of one class against the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassCurves {
    /// The class.
    pub class: String,
    /// False positive rate against true positive rate, at most 512 points, exact corners kept.
    pub roc: Vec<CurvePoint>,
    /// Recall against precision, at most 512 points.
    pub pr: Vec<CurvePoint>,
    /// Calibration in 15 equal-width bins, empty ones left out.
    pub calibration: Vec<CalibrationBin>,
}

/// Everything drawn about a model's test rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Curves {
    /// Two or more classes.
    Classification {
        /// One a class (binary: the positive class only).
        classes: Vec<ClassCurves>,
        /// Class names in the order of `confusion`.
        labels: Vec<String>,
        /// Rows by class. `[true class][predicted class]`
        confusion: Vec<Vec<u64>>,
        /// 101 thresholds 0.00 to 1.00 (binary only, else empty).
        thresholds: Vec<ThresholdRow>,
    },
    /// A number.
    Regression {
        /// Predicted value against residual (true - predicted): a sample of at most 2,000 test rows.
        residuals: Vec<CurvePoint>,
        /// Edges of the residual histogram.
        edges: Vec<f64>,
        /// Its counts.
        counts: Vec<u64>,
    },
}
