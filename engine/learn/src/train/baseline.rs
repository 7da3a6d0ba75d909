//! Baselines: what a model must beat to be worth anything.

use orrery_domain::training::Task;

use super::{parts::Part, request::Request};
use crate::metrics::Predictions;

/// Name of the baseline that knows no features.
pub(super) fn constant_name(task: Task) -> &'static str {
    match task {
        Task::Regression => "mean",
        Task::Binary | Task::Multiclass => "majority",
    }
}

/// The baseline that knows no features, for `rows` rows: the training rows' mean, or their class shares (whose largest is the majority class).
pub(super) fn constant(request: &Request, train: &Part, rows: usize, log: bool) -> Predictions {
    let count = train.y.len().max(1) as f64;
    if request.task == Task::Regression {
        let mean = train.y.iter().map(|y| if log { y.exp() } else { *y }).sum::<f64>() / count;
        return Predictions::Values(vec![mean; rows]);
    }
    let classes = request.classes.len();
    let mut shares = vec![0.0; classes];
    for y in &train.y {
        shares[*y as usize] += 1.0 / count;
    }
    // Sums of many small shares drift; probabilities must not.
    let sum: f64 = shares.iter().sum();
    for share in &mut shares {
        *share /= sum;
    }
    Predictions::Probabilities { classes, values: shares.repeat(rows) }
}
