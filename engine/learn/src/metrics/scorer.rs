//! Scorer: truth and predictions made ready once, so that metrics of any resample are one pass.

use orrery_domain::{metric::MetricId, training::Task};

use super::{Predictions, Truth, classes::ClassScorer, values::ValueScorer};

/// A classifier's or a regression's rows, sorted.
pub(super) enum Scorer {
    /// Two or more classes.
    Classes(ClassScorer),
    /// A number.
    Values(ValueScorer),
}

impl Scorer {
    /// `None` when predictions and truth do not fit each other or the task, are empty, or are not finite.
    pub(super) fn new(
        task: Task,
        truth: &Truth<'_>,
        predictions: &Predictions,
        threshold: f64,
    ) -> Option<Self> {
        match (task, truth, predictions) {
            (
                Task::Binary | Task::Multiclass,
                Truth::Classes { codes, classes: names },
                Predictions::Probabilities { classes, values },
            ) => {
                let fits = names.len() == *classes && (task == Task::Multiclass || *classes == 2);
                let threshold = (*classes == 2).then_some(threshold);
                (fits && all_finite(values))
                    .then(|| ClassScorer::new(codes, *classes, values, threshold))
                    .flatten()
                    .map(Self::Classes)
            }
            (Task::Regression, Truth::Values(truth), Predictions::Values(values)) => (all_finite(truth)
                && all_finite(values))
            .then(|| ValueScorer::new(truth, values))
            .flatten()
            .map(Self::Values),
            _ => None,
        }
    }

    /// Every metric of the task where row `i` counts `counts[i]` times.
    pub(super) fn measure(&self, counts: &[u32]) -> Vec<(MetricId, Option<f64>)> {
        match self {
            Self::Classes(scorer) => scorer.measure(counts),
            Self::Values(scorer) => scorer.measure(counts),
        }
    }

    /// The task's primary metric where row `i` counts `counts[i]` times.
    pub(super) fn primary(&self, counts: &[u32]) -> Option<f64> {
        match self {
            Self::Classes(scorer) => scorer.auroc(counts),
            Self::Values(scorer) => scorer.rmse(counts),
        }
    }

    /// Passes over the rows a measurement makes.
    pub(super) fn work(&self) -> usize {
        match self {
            Self::Classes(scorer) => scorer.work(),
            Self::Values(_) => 2,
        }
    }
}

fn all_finite(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_finite())
}
