//! Leaks: columns that alone predict the target on rows they were not fitted on.
//!
//! Each column gets two small predictors fitted on one half of (at most 40,000 of) the rows and scored on the other: the target's
//! mean or class shares by value or quantile bin, and, for numbers from numbers, interpolation between the means at neighbouring
//! values, which follows any steep curve.

use std::collections::HashMap;

use orrery_domain::{
    dataset::ColumnType,
    profile::{DataWarning, Remedy, WarningKind},
    training::Task,
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::{
    control::{Interrupt, JobControl, check},
    table::Table,
};

/// AUROC or R2 from which a column is called leaking; for several classes also the share of right classes.
const LEAKS_FROM: f64 = 0.98;

/// Rows of each half at most.
const MOST_ROWS: usize = 20_000;

/// Rows of each half at least.
const LEAST_ROWS: usize = 25;

/// Scored rows that a class needs.
const LEAST_OF_A_CLASS: usize = 5;

/// Classes at most.
const MOST_CLASSES: usize = 50;

/// Quantile bins at most.
const MOST_BINS: usize = 200;

/// Rows that the overall mean counts for in a bin's mean.
const PRIOR_ROWS: f64 = 1.0;

/// A warning for each leaking column.
///
/// # Errors
/// An interruption.
pub(super) fn warnings(
    table: &Table,
    target: usize,
    task: Task,
    control: &dyn JobControl,
) -> Result<Vec<DataWarning>, Interrupt> {
    let Some(truth) = Truth::of(table, target, task) else {
        return Ok(Vec::new());
    };
    let found = (0..table.schema.len())
        .into_par_iter()
        .filter(|column| *column != target && table.schema[*column].kind != ColumnType::Text)
        .map(|column| {
            check(control)?;
            Ok(truth.score(table, column).filter(|score| *score >= LEAKS_FROM).map(|score| (column, score)))
        })
        .collect::<Result<Vec<_>, Interrupt>>()?;
    let what = if task == Task::Regression { "R2" } else { "AUROC" };
    let target = &table.schema[target].name;
    Ok(found
        .into_iter()
        .flatten()
        .map(|(column, score)| {
            let name = table.schema[column].name.clone();
            DataWarning {
                message: format!(
                    "'{name}' alone predicts '{target}' ({what} {score:.3} on rows it was not fitted on). If it is not known \
                     when predictions are made, leave it out."
                ),
                kind: WarningKind::Leaking { score },
                remedy: Some(Remedy::Exclude { column: name.clone() }),
                column: Some(name),
            }
        })
        .collect())
}

/// The target on the rows that are used.
struct Truth {
    /// Rows that are fitted on.
    fit: Vec<u32>,
    /// Rows that are scored.
    score: Vec<u32>,
    /// One indicator a class (two classes need one), or the value itself. `[outputs][rows]`
    outputs: Vec<Vec<f64>>,
    /// Class of each row; empty for numbers.
    classes: Vec<u32>,
}

impl Truth {
    fn of(table: &Table, target: usize, task: Task) -> Option<Self> {
        let (outputs, classes, mut rows) = if task == Task::Regression {
            let values = table.numbers(target);
            let rows =
                (0..values.len() as u32).filter(|row| values[*row as usize].is_finite()).collect::<Vec<_>>();
            (vec![values], Vec::new(), rows)
        } else {
            let labels = table.labels(target);
            if labels.classes.len() > MOST_CLASSES {
                return None;
            }
            let rows =
                (0..labels.codes.len() as u32).filter(|row| labels.codes[*row as usize].is_some()).collect();
            let classes: Vec<u32> = labels.codes.iter().map(|code| code.unwrap_or_default()).collect();
            let first = u32::from(labels.classes.len() == 2);
            let outputs = (first..labels.classes.len() as u32)
                .map(|class| classes.iter().map(|own| f64::from(u8::from(*own == class))).collect())
                .collect();
            (outputs, classes, rows)
        };
        rows.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
        rows.truncate(MOST_ROWS * 2);
        let score = rows.split_off(rows.len() / 2);
        (rows.len() >= LEAST_ROWS).then_some(Self { fit: rows, score, outputs, classes })
    }

    /// The better of the column's predictors.
    fn score(&self, table: &Table, column: usize) -> Option<f64> {
        let values = table.numbers(column);
        let bins = if table.schema[column].kind == ColumnType::Category {
            values.iter().map(|value| if value.is_nan() { None } else { Some(*value as u32) }).collect()
        } else {
            self.bins(&values)
        };
        let predictions: Vec<Vec<f64>> =
            self.outputs.iter().map(|output| self.by_bin(&bins, output)).collect();
        if !self.classes.is_empty() {
            return self.classification_score(&predictions);
        }
        let truth: Vec<f64> = self.score.iter().map(|row| self.outputs[0][*row as usize]).collect();
        let by_bin = r_squared(&truth, &predictions[0]);
        if matches!(table.schema[column].kind, ColumnType::Category | ColumnType::Boolean) {
            return by_bin;
        }
        let by_neighbour = r_squared(&truth, &self.by_neighbours(&values))?;
        by_bin.map(|by_bin| by_bin.max(by_neighbour))
    }

    /// Each row's quantile bin, by the fitted rows; `None` where missing.
    fn bins(&self, values: &[f64]) -> Vec<Option<u32>> {
        let mut sorted: Vec<f64> =
            self.fit.iter().map(|row| values[*row as usize]).filter(|value| !value.is_nan()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let count = MOST_BINS.min(self.fit.len() / 10).max(2);
        let mut distinct = sorted.clone();
        distinct.dedup();
        let edges: Vec<f64> = if distinct.len() <= count {
            distinct
        } else {
            let mut edges: Vec<f64> = (1..count).map(|bin| sorted[bin * sorted.len() / count]).collect();
            edges.dedup();
            edges
        };
        values
            .iter()
            .map(|value| (!value.is_nan()).then(|| edges.partition_point(|edge| edge <= value) as u32))
            .collect()
    }

    /// Predictions for the scored rows: the fitted rows' mean of `output` in the row's bin, drawn to the overall mean.
    fn by_bin(&self, bins: &[Option<u32>], output: &[f64]) -> Vec<f64> {
        let mean = self.fit.iter().map(|row| output[*row as usize]).sum::<f64>() / self.fit.len() as f64;
        let mut sums: HashMap<Option<u32>, (f64, f64)> = HashMap::new();
        for row in &self.fit {
            let sum = sums.entry(bins[*row as usize]).or_default();
            *sum = (sum.0 + output[*row as usize], sum.1 + 1.0);
        }
        let predict = |row: &u32| match sums.get(&bins[*row as usize]) {
            Some((sum, count)) => (sum + mean * PRIOR_ROWS) / (count + PRIOR_ROWS),
            None => mean,
        };
        self.score.iter().map(predict).collect()
    }

    /// Predictions for the scored rows: linear between the fitted rows' means at the two neighbouring values.
    #[expect(clippy::float_cmp, reason = "the very same value of the column is meant")]
    fn by_neighbours(&self, values: &[f64]) -> Vec<f64> {
        let output = &self.outputs[0];
        let mean = self.fit.iter().map(|row| output[*row as usize]).sum::<f64>() / self.fit.len() as f64;
        let mut points: Vec<(f64, f64)> = self
            .fit
            .iter()
            .map(|row| (values[*row as usize], output[*row as usize]))
            .filter(|(value, _)| value.is_finite())
            .collect();
        points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let points: Vec<(f64, f64)> = points
            .chunk_by(|a, b| a.0 == b.0)
            .map(|run| (run[0].0, run.iter().map(|(_, y)| y).sum::<f64>() / run.len() as f64))
            .collect();
        let predict = |row: &u32| {
            let value = values[*row as usize];
            let (Some(first), Some(last)) = (points.first(), points.last()) else { return mean };
            if !value.is_finite() {
                return mean;
            }
            let after = points.partition_point(|(x, _)| *x < value);
            match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
                (_, Some((x, y))) if *x == value => *y,
                (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * ((value - x0) / (x1 - x0)),
                (None, _) => first.1,
                (_, None) => last.1,
            }
        };
        self.score.iter().map(predict).collect()
    }

    /// Mean one-vs-rest AUROC; with several classes only if the likeliest class is nearly always right too.
    fn classification_score(&self, predictions: &[Vec<f64>]) -> Option<f64> {
        let mut scores = Vec::new();
        for (output, prediction) in self.outputs.iter().zip(predictions) {
            let truth: Vec<bool> = self.score.iter().map(|row| output[*row as usize] > 0.5).collect();
            let positive = truth.iter().filter(|value| **value).count();
            if positive.min(truth.len() - positive) >= LEAST_OF_A_CLASS {
                scores.push(auroc(&truth, prediction));
            }
        }
        if scores.is_empty() {
            return None;
        }
        if predictions.len() > 1 {
            let likeliest = |index: usize| {
                (0..predictions.len())
                    .max_by(|a, b| predictions[*a][index].total_cmp(&predictions[*b][index]))
            };
            let right = (0..self.score.len())
                .filter(|index| likeliest(*index) == Some(self.classes[self.score[*index] as usize] as usize))
                .count();
            if (right as f64) < LEAKS_FROM * self.score.len() as f64 {
                return None;
            }
        }
        Some(scores.iter().sum::<f64>() / scores.len() as f64)
    }
}

/// Coefficient of determination; `None` when the truth does not vary.
fn r_squared(truth: &[f64], prediction: &[f64]) -> Option<f64> {
    let mean = truth.iter().sum::<f64>() / truth.len() as f64;
    let total: f64 = truth.iter().map(|value| (value - mean).powi(2)).sum();
    let rest: f64 = truth.iter().zip(prediction).map(|(value, guess)| (value - guess).powi(2)).sum();
    (total > 0.0).then(|| 1.0 - rest / total)
}

/// Area under the ROC curve by ranks; ties share their mean rank.
#[expect(clippy::float_cmp, reason = "ties are equal scores")]
fn auroc(truth: &[bool], score: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..truth.len()).collect();
    order.sort_unstable_by(|a, b| score[*a].total_cmp(&score[*b]));
    let (mut ranks, mut before) = (0.0, 0.0);
    for run in order.chunk_by(|a, b| score[*a] == score[*b]) {
        let positive = run.iter().filter(|index| truth[**index]).count() as f64;
        ranks += positive * (before + f64::midpoint(run.len() as f64, 1.0));
        before += run.len() as f64;
    }
    let positive = truth.iter().filter(|value| **value).count() as f64;
    let negative = truth.len() as f64 - positive;
    (ranks - positive * (positive + 1.0) / 2.0) / (positive * negative)
}
