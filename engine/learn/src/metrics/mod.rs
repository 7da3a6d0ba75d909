//! Metrics: how good predictions are, with intervals, curves and an honest comparison with baselines.
//!
//! ```text
//! Truth + Predictions ──► scorer (sorted once) ──► evaluate ──► Metrics, each with a 95 % bootstrap interval
//!                                │                 verdict ──► better than the best baseline, or not distinguishable
//!                                └─────────────── curves ──► ROC, PR, calibration, confusion, residuals
//! ```
//!
//! Definitions are scikit-learn's; `tests/peers/sklearn_metrics.py` holds both to 1e-6 of each other. A metric that has no value
//! on the rows at hand (one class only, nothing to divide by, predictions that are not finite) is `None`, never 0 or NaN.

mod bootstrap;
mod classes;
mod curves;
mod decimate;
mod ranking;
mod raw;
mod replicates;
mod scorer;
mod values;
mod verdict;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod laws;

use orrery_domain::{
    Failure, FailureClass,
    metric::{MetricId, MetricValue, Metrics},
    training::Task,
};

pub(crate) use self::{bootstrap::quantile, classes::decide, verdict::figure};
pub use self::{
    curves::curves,
    raw::from_raw,
    replicates::{Difference, Replicates},
    verdict::{Paired, paired, verdict},
};

/// What the rows really are.
#[derive(Clone, Copy, Debug)]
pub enum Truth<'a> {
    /// Classes.
    Classes {
        /// Index of each row's class. `[rows]`
        codes: &'a [u32],
        /// Class names in output order; binary: negative, positive.
        classes: &'a [String],
    },
    /// Numbers in the target's unit. `[rows]`
    Values(&'a [f64]),
}

impl Truth<'_> {
    /// Rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Classes { codes, .. } => codes.len(),
            Self::Values(values) => values.len(),
        }
    }
}

/// What a model says the rows are.
#[derive(Clone, Debug, PartialEq)]
pub enum Predictions {
    /// Probabilities of the classes.
    Probabilities {
        /// Classes; 2 for a binary task (negative, positive).
        classes: usize,
        /// Row-major, each row summing to 1. `[rows, classes]`
        values: Vec<f64>,
    },
    /// Numbers in the target's unit. `[rows]`
    Values(Vec<f64>),
}

impl Predictions {
    /// Rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Probabilities { classes, values } => values.len() / (*classes).max(1),
            Self::Values(values) => values.len(),
        }
    }

    /// Refuses predictions that are not finite.
    ///
    /// # Errors
    /// A model failure that counts the rows concerned and names the first.
    pub fn check(&self) -> Result<(), Failure> {
        let (width, values) = match self {
            Self::Probabilities { classes, values } => ((*classes).max(1), values),
            Self::Values(values) => (1, values),
        };
        let mut bad = values
            .chunks(width)
            .enumerate()
            .filter(|(_, row)| row.iter().any(|value| !value.is_finite()))
            .map(|(index, _)| index + 1);
        let Some(first) = bad.next() else { return Ok(()) };
        Err(Failure::new(
            FailureClass::Model,
            format!(
                "The model's output is not a finite number for {} of {} rows, the first being row {first}. Train again with a \
                 lower learning rate, or exclude columns with extreme values.",
                bad.count() + 1,
                self.rows(),
            ),
        ))
    }
}

/// How intervals are made: 95 % percentile bootstrap over rows (Efron and Tibshirani 1993, section 13.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootstrapSettings {
    /// Resamples. Beyond about 4 million rows (times classes) fewer are drawn, but at least 100: there the interval is
    /// narrow and its ends need less precision than the waiting costs.
    pub resamples: u32,
    /// Seed; the same seed gives the same interval whatever the number of threads.
    pub seed: u64,
}

impl Default for BootstrapSettings {
    fn default() -> Self {
        Self { resamples: 1000, seed: 0 }
    }
}

/// Probability at and above which the positive class is predicted when a model carries no threshold.
pub const DEFAULT_THRESHOLD: f64 = 0.5;

/// Every metric of the task, each with its interval when `bootstrap` is given.
///
/// Macro averages over classes take the classes that occur in the truth (F1: in truth or prediction), as scikit-learn does
/// for recall and F1. Predictions that do not fit the truth or are not finite give `None` for every metric: call
/// [`Predictions::check`] first to say why.
pub fn evaluate(
    task: Task,
    truth: &Truth<'_>,
    predictions: &Predictions,
    bootstrap: Option<&BootstrapSettings>,
) -> Metrics {
    evaluate_at(task, truth, predictions, DEFAULT_THRESHOLD, bootstrap)
}

/// As [`evaluate`], predicting the positive class of a binary task at and above `threshold`.
pub fn evaluate_at(
    task: Task,
    truth: &Truth<'_>,
    predictions: &Predictions,
    threshold: f64,
    bootstrap: Option<&BootstrapSettings>,
) -> Metrics {
    let Some(settings) = bootstrap else {
        let undefined = MetricValue { value: None, low: None, high: None };
        let ids = MetricId::of(task);
        return match scorer::Scorer::new(task, truth, predictions, threshold) {
            Some(scorer) => scorer
                .measure(&vec![1; truth.rows()])
                .into_iter()
                .map(|(id, value)| (id, MetricValue { value, low: None, high: None }))
                .collect(),
            None => ids.iter().map(|id| (*id, undefined.clone())).collect(),
        };
    };
    Replicates::new(task, truth, predictions, threshold, settings).metrics()
}
