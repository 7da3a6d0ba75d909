//! Parts: the table divided by the split, and weights that average to one over the training rows.

use arrow::{array::UInt32Array, compute::take};
use orrery_domain::{
    Failure, FailureClass,
    model::SplitCounts,
    training::{TargetTransform, Task, TrainConfig},
};

use rayon::prelude::*;

use super::request::Request;
use crate::{
    nets::OutputScale,
    split::{SplitRows, TEST_SHARE, VALID_SHARE, split},
    table::Table,
    target,
};

/// Rows from which on a smaller share is enough to stop early and to choose by.
const MANY_ROWS: usize = 20_000;
/// That share.
const SMALL_VALID_SHARE: f64 = 0.1;

/// Share of the rows that are not test rows held out for validation.
pub(super) fn valid_share(config: &TrainConfig, rows: usize) -> f64 {
    let usual = if rows < MANY_ROWS { VALID_SHARE } else { SMALL_VALID_SHARE };
    config.hyper.valid_share.unwrap_or(usual)
}

/// Rows of one use.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Feature columns.
    pub table: Table,
    /// Class number, or value (its logarithm where asked). `[rows]`
    pub y: Vec<f64>,
    /// Row weight times class weight. `[rows]`
    pub weight: Vec<f64>,
}

/// Training, validation and test rows.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub train: Part,
    pub valid: Part,
    /// Judges the finished model, and is not looked at before.
    pub test: Part,
    pub counts: SplitCounts,
    /// A sentence about the rows whose target is missing or not finite, where there are any.
    pub left_out: Option<String>,
}

/// These rows of these columns.
///
/// # Errors
/// A bug failure: columns and rows exist.
pub(super) fn take_rows(table: &Table, columns: &[String], rows: &[u32]) -> Result<Table, Failure> {
    let index = UInt32Array::from(rows.to_vec());
    let (schema, taken): (Vec<_>, Vec<_>) = table
        .schema
        .par_iter()
        .zip(table.batch.columns())
        .filter(|(column, _)| columns.contains(&column.name))
        .map(|(column, array)| (column.clone(), take(array, &index, None)))
        .unzip();
    let arrays = taken
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(FailureClass::Bug, format!("Rows could not be selected: {error}.")))?;
    Ok(Table::new(schema, arrays))
}

/// What becomes of a network's raw output: logits as they are, numbers by the training target's mean and standard deviation.
pub(super) fn output(request: &Request, y: &[f64], transform: TargetTransform) -> OutputScale {
    if request.task != Task::Regression {
        return OutputScale::Logits;
    }
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    let std = (y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / y.len() as f64).sqrt();
    let std = if std > 0.0 && std.is_finite() { std } else { 1.0 };
    OutputScale::Value { mean, std, log: transform == TargetTransform::Log }
}

/// Which rows are used for what.
///
/// # Errors
/// Those of the split.
pub(super) fn rows_of(config: &TrainConfig, request: &Request, table: &Table) -> Result<SplitRows, Failure> {
    let (valid, test) = (valid_share(config, table.rows()), config.hyper.test_share.unwrap_or(TEST_SHARE));
    split(table, request.target, request.task, &config.split, valid, test, config.seed)
}

/// Divides the table.
///
/// # Errors
/// Those of the split, and a data failure when all training weights are 0.
pub(super) fn divide(config: &TrainConfig, request: &Request, table: &Table) -> Result<Parts, Failure> {
    let rows = rows_of(config, request, table)?;
    let counts = SplitCounts {
        train: rows.train.len() as u64,
        valid: rows.valid.len() as u64,
        test: rows.test.len() as u64,
        without_target: rows.without_target.len() as u64,
    };
    let factor = weight_factors(config, request, &rows)?;
    let part = |rows: &[u32]| -> Result<Part, Failure> {
        let y: Vec<f64> = rows.iter().map(|row| request.y[*row as usize]).collect();
        let weight = rows
            .iter()
            .zip(&y)
            .map(|(row, y)| {
                let class = if request.task == Task::Regression { 0 } else { *y as usize };
                factor[class] * request.weight.as_ref().map_or(1.0, |weight| weight[*row as usize])
            })
            .collect();
        Ok(Part { table: take_rows(table, &request.features, rows)?, y, weight })
    };
    Ok(Parts {
        train: part(&rows.train)?,
        valid: part(&rows.valid)?,
        test: part(&rows.test)?,
        counts,
        left_out: target::left_out(table, request.target, &rows.without_target),
    })
}

/// For each class what its rows' weights are multiplied with (one entry for a number): balanced where asked, and so that training weights average to 1.
fn weight_factors(config: &TrainConfig, request: &Request, rows: &SplitRows) -> Result<Vec<f64>, Failure> {
    let classes = request.classes.len().max(1);
    let mut sums = vec![0.0; classes];
    for row in &rows.train {
        let row = *row as usize;
        let class = if request.task == Task::Regression { 0 } else { request.y[row] as usize };
        sums[class] += request.weight.as_ref().map_or(1.0, |weight| weight[row]);
    }
    let total: f64 = sums.iter().sum();
    if total <= 0.0 {
        let name = config.weight.as_deref().unwrap_or_default();
        return Err(Failure::new(
            FailureClass::Data,
            format!(
                "The weight column '{name}' is 0 in every training row, so there is nothing to learn from."
            ),
        ));
    }
    let rows = rows.train.len() as f64;
    let present = sums.iter().filter(|sum| **sum > 0.0).count() as f64;
    Ok(sums
        .iter()
        .map(|sum| if config.class_weights && *sum > 0.0 { rows / (present * sum) } else { rows / total })
        .collect())
}
