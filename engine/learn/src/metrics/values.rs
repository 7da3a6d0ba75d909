//! Values: the metrics of a regression, for any row counts.

use orrery_domain::metric::MetricId;

/// Everything about a regression's test rows that does not depend on how often each row counts.
pub(super) struct ValueScorer {
    /// True minus predicted value. `[rows]`
    errors: Vec<f64>,
    /// True value minus the mean of all true values, so that squares do not cancel. `[rows]`
    centred: Vec<f64>,
    /// Rows by rising absolute error. `[rows]`
    order: Vec<u32>,
}

impl ValueScorer {
    /// Sorts the rows. `None` when there are none or the lengths differ.
    pub(super) fn new(truth: &[f64], predicted: &[f64]) -> Option<Self> {
        if truth.is_empty() || truth.len() != predicted.len() {
            return None;
        }
        let mean = truth.iter().sum::<f64>() / truth.len() as f64;
        let errors: Vec<f64> =
            truth.iter().zip(predicted).map(|(truth, predicted)| truth - predicted).collect();
        let mut order: Vec<u32> = (0..truth.len() as u32).collect();
        order.sort_unstable_by(|a, b| errors[*a as usize].abs().total_cmp(&errors[*b as usize].abs()));
        Some(Self { errors, centred: truth.iter().map(|value| value - mean).collect(), order })
    }

    /// Root mean squared error alone.
    pub(super) fn rmse(&self, counts: &[u32]) -> Option<f64> {
        let (mut rows, mut square) = (0.0, 0.0);
        for (count, error) in counts.iter().zip(&self.errors) {
            let weight = f64::from(*count);
            rows += weight;
            square += weight * error * error;
        }
        Some((square / rows).sqrt()).filter(|value| value.is_finite())
    }

    /// Every regression metric, in the order of [`MetricId::REGRESSION`].
    pub(super) fn measure(&self, counts: &[u32]) -> Vec<(MetricId, Option<f64>)> {
        let (mut rows, mut square, mut absolute) = (0.0, 0.0, 0.0);
        let (mut shift, mut spread) = (0.0, 0.0);
        for (row, count) in counts.iter().enumerate() {
            let weight = f64::from(*count);
            let (error, centred) = (self.errors[row], self.centred[row]);
            rows += weight;
            square += weight * error * error;
            absolute += weight * error.abs();
            shift += weight * centred;
            spread += weight * centred * centred;
        }
        let total = spread - shift * shift / rows;
        // A constant truth leaves rounding noise here, not exactly 0.
        let varies = total > spread.max(f64::MIN_POSITIVE) * 1e-12 && self.varies(counts);
        MetricId::REGRESSION
            .into_iter()
            .map(|id| {
                let value = match id {
                    MetricId::Rmse => Some((square / rows).sqrt()),
                    MetricId::Mae => Some(absolute / rows),
                    MetricId::R2 => varies.then(|| 1.0 - square / total),
                    MetricId::MedianAe => self.median(counts),
                    _ => None,
                };
                (id, value.filter(|value| value.is_finite()))
            })
            .collect()
    }

    /// Whether the counted rows hold two different true values.
    fn varies(&self, counts: &[u32]) -> bool {
        let mut counted =
            counts.iter().zip(&self.centred).filter(|(count, _)| **count > 0).map(|(_, value)| value);
        counted.next().is_some_and(|first| counted.any(|value| (value - first).abs() > 0.0))
    }

    /// Median absolute error: the mean of the two middle ones where their number is even.
    fn median(&self, counts: &[u32]) -> Option<f64> {
        let rows: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let (lower, upper) = (rows.checked_sub(1)? / 2, rows / 2);
        let mut passed = 0;
        let mut below = None;
        for row in &self.order {
            passed += u64::from(counts[*row as usize]);
            if passed > lower && below.is_none() {
                below = Some(self.errors[*row as usize].abs());
            }
            if passed > upper {
                return below.map(|below| f64::midpoint(below, self.errors[*row as usize].abs()));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(id: MetricId, truth: &[f64], predicted: &[f64], counts: &[u32]) -> Option<f64> {
        let scorer = ValueScorer::new(truth, predicted).expect("fits");
        scorer.measure(counts).into_iter().find(|(found, _)| *found == id).and_then(|(_, value)| value)
    }

    #[test]
    fn the_median_takes_the_middle_or_the_mean_of_two() {
        let truth = [0.0, 0.0, 0.0, 0.0];
        let predicted = [1.0, -2.0, 4.0, 10.0];
        assert_eq!(value(MetricId::MedianAe, &truth, &predicted, &[1, 1, 1, 1]), Some(3.0));
        assert_eq!(value(MetricId::MedianAe, &truth, &predicted, &[1, 1, 1, 0]), Some(2.0));
        assert_eq!(value(MetricId::MedianAe, &truth, &predicted, &[0, 0, 0, 3]), Some(10.0));
    }

    #[test]
    fn r2_of_a_constant_truth_is_undefined_and_large_offsets_do_not_spoil_it() {
        assert_eq!(value(MetricId::R2, &[0.1, 0.1, 0.1], &[1.0, 2.0, 3.0], &[1, 1, 1]), None);
        assert_eq!(value(MetricId::R2, &[5.0], &[5.0], &[1]), None);
        let truth: Vec<f64> = (0..100).map(|i| 1e9 + f64::from(i % 10)).collect();
        let predicted: Vec<f64> = truth.iter().map(|value| value + 1.0).collect();
        let r2 = value(MetricId::R2, &truth, &predicted, &[1; 100]).expect("defined");
        assert!((r2 - (1.0 - 1.0 / 8.25)).abs() < 1e-9, "{r2}");
    }

    #[test]
    fn values_too_large_to_square_are_undefined_not_infinite() {
        assert_eq!(value(MetricId::Rmse, &[1e300, 0.0], &[-1e300, 0.0], &[1, 1]), None);
    }
}
