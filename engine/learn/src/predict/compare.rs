//! Comparison of two models on the same rows: where they differ, and whether one is better beyond chance.

use orrery_domain::{
    Failure, FailureClass,
    compare::{Better, ComparedRow, Comparison, MetricComparison, Said},
    metric::MetricValue,
    training::Task,
};

use super::{Predictor, evaluate::Known};
use crate::{
    metrics::{BootstrapSettings, Paired, Predictions, Truth, paired},
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
        if a.task != b.task || a.target != b.target || a.classes != b.classes {
            return Err(client(format!(
                "The models cannot be compared: one predicts {}, the other {}. Choose two versions with the same target and \
                 classes.",
                a.target, b.target
            )));
        }
        if rows.a.rows() == 0 {
            return Err(client("There is no row to compare on. Give one row at least.".to_owned()));
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
        let metric = match rows.target {
            Some(target) => self.judged(target, &first, &second)?,
            None => None,
        };
        let many = predictions.len() as u64;
        Ok(Comparison {
            rows: many,
            same,
            mean_difference: differences.iter().sum::<f64>() / differences.len() as f64,
            largest_difference: differences.iter().copied().fold(0.0, f64::max),
            message: sentence(metric.as_ref(), same, many),
            metric,
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

    /// The first metric of the task on the rows whose target is known.
    fn judged(
        &self,
        target: &Table,
        first: &Predictions,
        second: &Predictions,
    ) -> Result<Option<MetricComparison>, Failure> {
        let Some(column) = target.position(&self.card.target) else { return Ok(None) };
        let known = Known::of(self, target, column, "the rows that were given")?;
        if known.kept.is_empty() {
            return Ok(None);
        }
        let truth = match self.card.task {
            Task::Regression => Truth::Values(&known.values),
            Task::Binary | Task::Multiclass => {
                Truth::Classes { codes: &known.codes, classes: &self.card.classes }
            }
        };
        let settings = BootstrapSettings::default();
        let (first, second) = (of_rows(first, &known.kept), of_rows(second, &known.kept));
        let Some(found) = paired(self.card.task, &truth, &second, &first, &settings) else { return Ok(None) };
        Ok(Some(comparison(&found, known.kept.len())))
    }
}

fn comparison(found: &Paired, rows: usize) -> MetricComparison {
    MetricComparison {
        metric: found.metric,
        rows: rows as u64,
        a: found.against,
        b: found.model,
        difference: MetricValue {
            value: Some(found.model - found.against),
            low: found.bounds.map(|(low, _)| low),
            high: found.bounds.map(|(_, high)| high),
        },
        better: match found.better {
            Some(true) => Better::B,
            Some(false) => Better::A,
            None => Better::NotDistinguishable,
        },
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

fn client(message: String) -> Failure {
    Failure::new(FailureClass::Client, message)
}
