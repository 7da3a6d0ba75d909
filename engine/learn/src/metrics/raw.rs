//! Raw outputs into predictions: log-odds, logits or values.

use orrery_domain::training::Task;

use super::Predictions;

/// Turns a model's raw outputs, row-major `[rows, outputs]`, into predictions without overflow.
///
/// Binary: one output is the log-odds of the positive class, two are logits. Several classes: logits. Regression: one output
/// in the target's unit. Values that are not finite stay so and are caught by [`Predictions::check`].
pub fn from_raw(task: Task, raw: &[f64], outputs: usize) -> Predictions {
    match (task, outputs) {
        (Task::Regression, _) => Predictions::Values(raw.iter().step_by(outputs.max(1)).copied().collect()),
        (Task::Binary, 1) => Predictions::Probabilities {
            classes: 2,
            values: raw.iter().flat_map(|odds| [logistic(-odds), logistic(*odds)]).collect(),
        },
        _ => {
            let mut values = raw.to_vec();
            for row in values.chunks_mut(outputs.max(1)) {
                softmax(row);
            }
            Predictions::Probabilities { classes: outputs.max(1), values }
        }
    }
}

/// `1 / (1 + exp(-x))`; its argument is never exponentiated upwards.
fn logistic(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}

/// Exponentials of one row over their sum, shifted by the largest. A row of logits with an infinity becomes NaN.
fn softmax(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in row.iter_mut() {
        *value = (*value - largest).exp();
        sum += *value;
    }
    for value in row.iter_mut() {
        *value /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probabilities(task: Task, raw: &[f64], outputs: usize) -> Vec<f64> {
        match from_raw(task, raw, outputs) {
            Predictions::Probabilities { values, .. } => values,
            Predictions::Values(_) => panic!("probabilities expected"),
        }
    }

    #[test]
    fn extreme_log_odds_neither_overflow_nor_lose_the_small_side() {
        let p = probabilities(Task::Binary, &[0.0, 800.0, -800.0, 40.0], 1);
        assert_eq!(&p[..6], &[0.5, 0.5, 0.0, 1.0, 1.0, 0.0]);
        assert!((p[6] / (-40.0_f64).exp() - 1.0).abs() < 1e-12 && p[7] <= 1.0);
    }

    #[test]
    fn softmax_ignores_a_common_shift_and_agrees_with_the_logistic_function() {
        let plain = probabilities(Task::Multiclass, &[1.0, 2.0, 3.0], 3);
        let shifted = probabilities(Task::Multiclass, &[1001.0, 1002.0, 1003.0], 3);
        assert_eq!(plain, shifted);
        assert!((plain.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        let two = probabilities(Task::Binary, &[0.3, 1.5], 2);
        let one = probabilities(Task::Binary, &[1.2], 1);
        assert!(two.iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-15));
    }

    #[test]
    fn what_is_not_finite_is_refused_with_its_row() {
        let failure = from_raw(Task::Binary, &[0.0, f64::NAN, f64::NAN], 1).check().expect_err("not finite");
        assert!(failure.message.contains("2 of 3 rows") && failure.message.contains("row 2"), "{failure}");
        assert!(from_raw(Task::Multiclass, &[1.0, f64::INFINITY], 2).check().is_err());
        assert!(from_raw(Task::Regression, &[1.0, f64::INFINITY], 1).check().is_err());
        assert!(from_raw(Task::Regression, &[], 1).check().is_ok());
    }
}
