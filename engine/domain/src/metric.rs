//! Metrics: which there are, what they mean, which way is better.

use serde::{Deserialize, Serialize};

use crate::{training::Task, units::Unit};

/// A quality metric. Definitions are scikit-learn's; ECE is Naeini et al. 2015 with 15 equal-width bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricId {
    /// Share of right classes.
    Accuracy,
    /// Mean of the classes' recalls.
    BalancedAccuracy,
    /// Area under the ROC curve; one-vs-rest, macro for several classes.
    Auroc,
    /// Average precision; one-vs-rest, macro for several classes.
    AveragePrecision,
    /// Mean negative log-likelihood.
    LogLoss,
    /// F1 of the positive class; macro for several classes.
    F1,
    /// Brier score (binary: mean squared error of the positive probability; several classes: summed over classes).
    Brier,
    /// Expected calibration error of the predicted class' confidence.
    Ece,
    /// Root mean squared error.
    Rmse,
    /// Mean absolute error.
    Mae,
    /// Coefficient of determination.
    R2,
    /// Median absolute error.
    MedianAe,
}

impl MetricId {
    /// The classification metrics.
    pub const CLASSIFICATION: [Self; 8] = [
        Self::Auroc,
        Self::Accuracy,
        Self::BalancedAccuracy,
        Self::AveragePrecision,
        Self::F1,
        Self::LogLoss,
        Self::Brier,
        Self::Ece,
    ];
    /// The regression metrics.
    pub const REGRESSION: [Self; 4] = [Self::Rmse, Self::Mae, Self::R2, Self::MedianAe];

    /// Those of a task.
    pub fn of(task: Task) -> &'static [Self] {
        match task {
            Task::Binary | Task::Multiclass => &Self::CLASSIFICATION,
            Task::Regression => &Self::REGRESSION,
        }
    }

    /// The metric that says first how good a model of that task is.
    pub fn primary(task: Task) -> Self {
        match task {
            Task::Binary | Task::Multiclass => Self::Auroc,
            Task::Regression => Self::Rmse,
        }
    }

    /// Name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::Auroc => "auroc",
            Self::AveragePrecision => "average_precision",
            Self::LogLoss => "log_loss",
            Self::F1 => "f1",
            Self::Brier => "brier",
            Self::Ece => "ece",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::R2 => "r2",
            Self::MedianAe => "median_ae",
        }
    }

    /// Name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Accuracy => "Accuracy",
            Self::BalancedAccuracy => "Balanced accuracy",
            Self::Auroc => "AUROC",
            Self::AveragePrecision => "Average precision",
            Self::LogLoss => "Log loss",
            Self::F1 => "F1",
            Self::Brier => "Brier score",
            Self::Ece => "ECE",
            Self::Rmse => "RMSE",
            Self::Mae => "MAE",
            Self::R2 => "R²",
            Self::MedianAe => "Median absolute error",
        }
    }

    /// Whether a larger value is better.
    pub fn higher_is_better(self) -> bool {
        matches!(
            self,
            Self::Accuracy
                | Self::BalancedAccuracy
                | Self::Auroc
                | Self::AveragePrecision
                | Self::F1
                | Self::R2
        )
    }

    /// Its unit, where the target's unit is `target`.
    pub fn unit(self, target: &str) -> Unit {
        match self {
            Self::LogLoss => Unit::Nats,
            Self::Rmse | Self::Mae | Self::MedianAe => Unit::Target(target.to_owned()),
            _ => Unit::Ratio,
        }
    }
}

/// A metric's value with its 95 % bootstrap interval (percentile method). `None`: not defined on these rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricValue {
    /// Value on all rows.
    pub value: Option<f64>,
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// Metrics by id, in the order of [`MetricId::of`].
pub type Metrics = std::collections::BTreeMap<MetricId, MetricValue>;
