//! Replicates: every metric of a model on all rows and on every resample, so that intervals and paired differences cost no more.

use orrery_domain::{
    metric::{MetricId, MetricValue, Metrics},
    training::Task,
};

use super::{
    BootstrapSettings, Predictions, Truth,
    bootstrap::{interval, replicate},
    scorer::Scorer,
};

/// A model's metrics on all rows and on resamples of them. The same rows and settings give the same resamples, whatever the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Replicates {
    /// On all rows, in the order of [`MetricId::of`].
    values: Vec<(MetricId, Option<f64>)>,
    /// On each resample. `[resamples][metrics]`
    drawn: Vec<Vec<Option<f64>>>,
}

/// How two models differ in a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Metric.
    pub metric: MetricId,
    /// The first's value.
    pub a: f64,
    /// The second's.
    pub b: f64,
    /// 95 % interval of the second's less the first's, and the two-sided p that they are equal.
    pub interval: Option<(f64, f64, f64)>,
}

impl Replicates {
    /// Measures a model. Where truth and predictions do not fit each other or are not finite, no metric has a value.
    pub fn new(
        task: Task,
        truth: &Truth<'_>,
        predictions: &Predictions,
        threshold: f64,
        settings: &BootstrapSettings,
    ) -> Self {
        let Some(scorer) = Scorer::new(task, truth, predictions, threshold) else {
            let values = MetricId::of(task).iter().map(|id| (*id, None)).collect();
            return Self { values, drawn: Vec::new() };
        };
        let values = scorer.measure(&vec![1; truth.rows()]);
        let drawn = replicate(truth.rows(), scorer.work(), settings, |counts| {
            scorer.measure(counts).into_iter().map(|(_, value)| value).collect()
        });
        Self { values, drawn }
    }

    /// The metrics with their intervals.
    pub fn metrics(&self) -> Metrics {
        let with_interval = |(place, (id, value)): (usize, &(MetricId, Option<f64>))| {
            let bounds = value.and_then(|_| interval(self.drawn.iter().map(|drawn| drawn[place])));
            let (low, high) = bounds.unzip();
            (*id, MetricValue { value: *value, low, high })
        };
        self.values.iter().enumerate().map(with_interval).collect()
    }

    /// How another model, measured on the same rows with the same settings, differs from this one: the metrics that are defined for
    /// both. The p is twice the smaller share of resamples on either side of 0, each count one more than it is (Davison and Hinkley
    /// 1997, section 4.2.3).
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let both = self.values.iter().zip(&other.values).enumerate();
        both.filter_map(|(place, ((metric, a), (_, b)))| {
            let (a, b) = ((*a)?, (*b)?);
            let drawn = self.drawn.iter().zip(&other.drawn);
            let differences: Vec<Option<f64>> =
                drawn.map(|(first, second)| Some(second[place]? - first[place]?)).collect();
            let interval = interval(differences.iter().copied())
                .map(|(low, high)| (low, high, two_sided(differences.iter().flatten())));
            Some(Difference { metric: *metric, a, b, interval })
        })
        .collect()
    }
}

fn two_sided<'a>(differences: impl Iterator<Item = &'a f64>) -> f64 {
    let (mut below, mut above, mut all) = (1_u32, 1_u32, 1_u32);
    for difference in differences {
        all += 1;
        below += u32::from(*difference <= 0.0);
        above += u32::from(*difference >= 0.0);
    }
    (2.0 * f64::from(below.min(above)) / f64::from(all)).min(1.0)
}

impl Difference {
    /// Whether the second is better or worse: only where the interval leaves out 0.
    pub fn second_is_better(&self) -> Option<bool> {
        let sign = if self.metric.higher_is_better() { 1.0 } else { -1.0 };
        let (low, high, _) = self.interval?;
        match (low * sign, high * sign) {
            (a, b) if a > 0.0 && b > 0.0 => Some(true),
            (a, b) if a < 0.0 && b < 0.0 => Some(false),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::paired;
    use super::*;

    const SETTINGS: BootstrapSettings = BootstrapSettings { resamples: 400, seed: 5 };

    #[test]
    fn a_difference_is_that_of_the_paired_bootstrap_for_every_metric() {
        let truth: Vec<f64> = (0..300).map(|row| (f64::from(row) * 0.7).sin() * 10.0).collect();
        let off = |by: f64| {
            Predictions::Values(
                truth.iter().enumerate().map(|(row, value)| value + by * (row as f64 * 1.3).cos()).collect(),
            )
        };
        let (good, poor) = (off(1.0), off(3.0));
        let rows = Truth::Values(&truth);
        let measured = |predictions| Replicates::new(Task::Regression, &rows, predictions, 0.5, &SETTINGS);
        let found = measured(&poor).differences(&measured(&good));
        assert_eq!(found.len(), 4);
        let rmse = found[0];
        let known = paired(Task::Regression, &rows, &good, &poor, &SETTINGS).expect("defined");
        let (low, high, p) = rmse.interval.expect("resampled");
        assert_eq!(known.bounds, Some((low, high)));
        assert_eq!((known.against, known.model), (rmse.a, rmse.b));
        assert!(p < 0.01 && rmse.second_is_better() == Some(true));
        let same = measured(&good).differences(&measured(&good));
        assert!(same.iter().all(|found| found.second_is_better().is_none()));
        assert!(same.iter().all(|found| (found.interval.expect("resampled").2 - 1.0).abs() < 1e-12));
    }

    #[test]
    fn what_does_not_fit_has_no_difference() {
        let rows = Truth::Values(&[1.0, 2.0]);
        let none = Replicates::new(Task::Regression, &rows, &Predictions::Values(vec![1.0]), 0.5, &SETTINGS);
        assert!(none.differences(&none).is_empty());
        assert!(none.metrics().values().all(|value| value.value.is_none()));
    }
}
