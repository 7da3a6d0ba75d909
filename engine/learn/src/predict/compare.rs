//! Comparison of two models on the same rows: where they differ, and whether one is better beyond chance.

use orrery_domain::{
    Failure,
    compare::{Better, ComparedRow, Comparison, MetricComparison, Said},
    metric::MetricId,
    training::Task,
};

use super::{Predictor, evaluate::Known};
use crate::{
    compare::{Measured, Tested, check_alike, client, test_pair},
    metrics::{BootstrapSettings, DEFAULT_THRESHOLD, Predictions, Replicates, Truth},
    table::{Table, number_text},
};

/// Numbers are the same when they differ by less than this share of the larger.
const SAME: f64 = 1e-6;

/// The rows of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct ComparedRows<'a> {
    /// Columns of the first model. `[rows]`
    pub a: &'a Table,
    /// Columns of the second. `[rows]`
    pub b: &'a Table,
    /// A table that has the target's column, missing where it is not known. `[rows]`
    pub target: Option<&'a Table>,
}

impl Predictor {
    /// Compares this model (the first) with another on the same rows.
    ///
    /// # Errors
    /// A client failure when the models have other tasks, targets or classes, or there is no row; a data failure when a row does not
    /// fit, or its target is no class of the models.
    pub fn compare(&self, other: &Self, rows: ComparedRows<'_>) -> Result<Comparison, Failure> {
        let (a, b) = (self.card(), other.card());
        check_alike((&"the first version", a), (&"the second", b))?;
        if rows.a.rows() == 0 {
            return Err(client("There is no row to compare on. Give one row at least."));
        }
        let first = self.predict_table(rows.a)?.0;
        let second = other.predict_table(rows.b)?.0;
        let predictions: Vec<ComparedRow> = self
            .said(&first)
            .zip(other.said(&second))
            .enumerate()
            .map(|(row, (a, b))| ComparedRow { row: row as u64, a, b })
            .collect();
        let differences = differences(&first, &second);
        let same = predictions
            .iter()
            .filter(|row| {
                if a.classes.is_empty() {
                    close(row.a.value, row.b.value)
                } else {
                    row.a.prediction == row.b.prediction
                }
            })
            .count() as u64;
        let tested = match rows.target {
            Some(target) => self.judged(other, target, &first, &second)?,
            None => None,
        };
        let metric = tested.as_ref().and_then(|found| found.metric(MetricId::primary(a.task))).cloned();
        let (metrics, mcnemar, delong) =
            tested.map_or_else(Default::default, |found| (found.metrics, found.mcnemar, found.delong));
        let many = predictions.len() as u64;
        Ok(Comparison {
            rows: many,
            same,
            mean_difference: differences.iter().sum::<f64>() / differences.len() as f64,
            largest_difference: differences.iter().copied().fold(0.0, f64::max),
            message: sentence(metric.as_ref(), same, many),
            metric,
            metrics,
            mcnemar,
            delong,
            predictions,
        })
    }

    /// What the model says of each row.
    fn said<'a>(&'a self, predictions: &'a Predictions) -> Box<dyn Iterator<Item = Said> + 'a> {
        match predictions {
            Predictions::Values(values) => {
                Box::new(values.iter().map(|value| Said { prediction: number_text(*value), value: *value }))
            }
            Predictions::Probabilities { classes, values } => {
                Box::new(values.chunks_exact(*classes).map(|row| {
                    let class = self.class(row);
                    let shown = if *classes == 2 { 1 } else { class };
                    Said { prediction: self.card.classes[class].clone(), value: row[shown] }
                }))
            }
        }
    }

    /// The tests on the rows whose target is known; none where there is no such row.
    fn judged(
        &self,
        other: &Self,
        target: &Table,
        first: &Predictions,
        second: &Predictions,
    ) -> Result<Option<Tested>, Failure> {
        let Some(column) = target.position(&self.card.target) else { return Ok(None) };
        let known = Known::of(self, target, column, "the rows that were given")?;
        if known.kept.is_empty() {
            return Ok(None);
        }
        let task = self.card.task;
        let truth = match task {
            Task::Regression => Truth::Values(&known.values),
            Task::Binary | Task::Multiclass => {
                Truth::Classes { codes: &known.codes, classes: &self.card.classes }
            }
        };
        let measured = |model: &Self, predictions: &Predictions| {
            let predictions = of_rows(predictions, &known.kept);
            let threshold = model.card.threshold.unwrap_or(DEFAULT_THRESHOLD);
            let settings = BootstrapSettings::default();
            let replicates = Replicates::new(task, &truth, &predictions, threshold, &settings);
            Measured { predictions, threshold: (task == Task::Binary).then_some(threshold), replicates }
        };
        let (first, second) = (measured(self, first), measured(other, second));
        Ok(Some(test_pair(task, &known.codes, known.kept.len() as u64, &first, &second)))
    }
}

/// Predictions of some rows.
fn of_rows(all: &Predictions, rows: &[usize]) -> Predictions {
    match all {
        Predictions::Values(values) => Predictions::Values(rows.iter().map(|row| values[*row]).collect()),
        Predictions::Probabilities { classes, values } => Predictions::Probabilities {
            classes: *classes,
            values: rows.iter().flat_map(|row| values[row * classes..][..*classes].iter().copied()).collect(),
        },
    }
}

/// Half the sum of the probabilities' absolute differences (total variation), or that of the numbers. `[rows]`
fn differences(a: &Predictions, b: &Predictions) -> Vec<f64> {
    match (a, b) {
        (
            Predictions::Probabilities { classes, values },
            Predictions::Probabilities { values: other, .. },
        ) => values
            .chunks_exact(*classes)
            .zip(other.chunks_exact(*classes))
            .map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0)
            .collect(),
        (Predictions::Values(a), Predictions::Values(b)) => {
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).collect()
        }
        // The tasks are the same.
        _ => Vec::new(),
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= SAME * a.abs().max(b.abs())
}

fn sentence(metric: Option<&MetricComparison>, same: u64, rows: u64) -> String {
    let agree = format!("They agree on {same} of {rows} rows.");
    let Some(found) = metric else {
        return format!("{agree} Without the target of the rows, it cannot be said which is better.");
    };
    let what = match found.better {
        Better::A => "The first version is better",
        Better::B => "The second version is better",
        Better::NotDistinguishable => "They are not distinguishable on these rows",
    };
    let title = found.metric.title();
    let interval = match (found.difference.low, found.difference.high) {
        (Some(low), Some(high)) => {
            format!(", difference {:.4} (95% interval {low:.4} to {high:.4})", found.b - found.a)
        }
        _ => ", too few rows for an interval".to_owned(),
    };
    format!("{what}: {title} {:.4} and {:.4}{interval}. {agree}", found.a, found.b)
}
