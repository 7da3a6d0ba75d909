//! Pair: two models' predictions of the same rows, tested.

use orrery_domain::{
    compare::{Better, DeLong, McNemar, MetricComparison, SignificanceTest},
    metric::{MetricId, MetricValue},
    training::Task,
};

use super::{delong::delong, mcnemar::mcnemar};
use crate::metrics::{Difference, Predictions, Replicates, decide};

/// A model's predictions with what was measured on them.
pub(crate) struct Measured {
    /// Predictions. `[rows]`
    pub predictions: Predictions,
    /// Its threshold, for two classes.
    pub threshold: Option<f64>,
    /// Metrics on resamples.
    pub replicates: Replicates,
}

/// What the tests of two models give.
pub(crate) struct Tested {
    pub metrics: Vec<MetricComparison>,
    pub mcnemar: Option<McNemar>,
    pub delong: Option<DeLong>,
}

/// Tests two models. `codes` are the classes of the rows; empty for numbers.
pub(crate) fn test(task: Task, codes: &[u32], rows: u64, a: &Measured, b: &Measured) -> Tested {
    let metrics = a.replicates.differences(&b.replicates).iter().map(|found| compared(found, rows)).collect();
    let both_right = right(a, codes).zip(right(b, codes));
    let delong = (task == Task::Binary).then(|| {
        let positive: Vec<bool> = codes.iter().map(|code| *code == 1).collect();
        delong(&positives(&a.predictions), &positives(&b.predictions), &positive)
    });
    Tested { metrics, mcnemar: both_right.map(|(a, b)| mcnemar(a, b)), delong: delong.flatten() }
}

impl Tested {
    /// The test that decides by a metric, and its p: `DeLong`'s for AUROC, `McNemar`'s for accuracy, else the paired bootstrap's.
    pub fn decisive(&self, metric: MetricId) -> (SignificanceTest, Option<f64>) {
        match (metric, &self.delong, &self.mcnemar) {
            (MetricId::Auroc, Some(found), _) => (SignificanceTest::DeLong, Some(found.p)),
            (MetricId::Accuracy, _, Some(found)) => (SignificanceTest::McNemar, Some(found.p)),
            _ => (SignificanceTest::PairedBootstrap, self.metric(metric).and_then(|found| found.p)),
        }
    }

    /// The comparison by a metric.
    pub fn metric(&self, metric: MetricId) -> Option<&MetricComparison> {
        self.metrics.iter().find(|found| found.metric == metric)
    }
}

fn compared(found: &Difference, rows: u64) -> MetricComparison {
    MetricComparison {
        metric: found.metric,
        rows,
        a: found.a,
        b: found.b,
        difference: MetricValue {
            value: Some(found.b - found.a),
            low: found.interval.map(|(low, ..)| low),
            high: found.interval.map(|(_, high, _)| high),
        },
        better: better(found.second_is_better()),
        p: found.interval.map(|(.., p)| p),
    }
}

/// Which of two is better.
pub(crate) fn better(second: Option<bool>) -> Better {
    match second {
        Some(true) => Better::B,
        Some(false) => Better::A,
        None => Better::NotDistinguishable,
    }
}

/// Whether each row's class was predicted; `None` for numbers.
pub(crate) fn right(measured: &Measured, codes: &[u32]) -> Option<Vec<bool>> {
    let Predictions::Probabilities { classes, values } = &measured.predictions else { return None };
    let rows = values.chunks_exact(*classes).zip(codes);
    Some(rows.map(|(row, code)| decide(row, measured.threshold) == *code as usize).collect())
}

/// The score of each row: the positive class' probability, or the number itself.
pub(crate) fn positives(predictions: &Predictions) -> Vec<f64> {
    match predictions {
        Predictions::Probabilities { classes, values } => {
            values.iter().skip(1).step_by(*classes).copied().collect()
        }
        Predictions::Values(values) => values.clone(),
    }
}
