//! Calibration: whether what a model says comes true as often as it says, in bins of equally many rows.

use serde::{Deserialize, Serialize};

/// A bin of the reliability curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Mean prediction: a probability, or a number in the target's unit.
    pub predicted: f64,
    /// Share of rows where it came true, or mean of the true numbers.
    pub observed: f64,
    /// Lower end of the 95 % interval of `observed` (Wilson's for shares, normal for means).
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Rows.
    pub rows: u64,
}

/// Murphy's decomposition (1973) of the Brier score over the bins: `reliability - resolution + uncertainty + within_bins`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrierParts {
    /// The score, 0 to 1.
    pub brier: f64,
    /// Mean squared gap between prediction and observation of the bins; 0 is best.
    pub reliability: f64,
    /// How far the bins' observations are from their mean; more is better.
    pub resolution: f64,
    /// Variance of what was observed: nothing a model can change.
    pub uncertainty: f64,
    /// What the bins hide (Stephenson, Coelho and Jolliffe 2008): variance less covariance inside them.
    pub within_bins: f64,
}

/// How well a model is calibrated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// What is predicted: the positive class (binary), the predicted class' confidence (several), or the number.
    pub of: String,
    /// Expected calibration error over the bins: a probability, or in the target's unit.
    pub ece: f64,
    /// The largest gap of a bin.
    pub largest: f64,
    /// At most 15 bins of equally many rows by prediction; equal predictions are never parted.
    pub bins: Vec<ReliabilityBin>,
    /// The Brier score's parts, for classes.
    pub brier: Option<BrierParts>,
}
