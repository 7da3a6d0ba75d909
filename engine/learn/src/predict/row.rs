//! One row: texts by column in, a prediction with its warnings out.

use std::{sync::Arc, time::Instant};

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, TimestampMicrosecondArray, types::Int32Type,
};
use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnSchema, ColumnType},
    job::RowPrediction,
};

use super::Predictor;
use crate::{
    control::{Interrupt, Unwatched},
    explain::ExplainRequest,
    metrics::Predictions,
    prepare::{TransformReport, column::date_from_text},
    table::{Table, number_text},
};

impl Predictor {
    /// Predicts one row given as texts by column; a column left out, `None` or empty is missing.
    ///
    /// # Errors
    /// A client failure that names the column whose text does not fit its type.
    pub fn row(&self, row: &[(String, Option<String>)]) -> Result<RowPrediction, Failure> {
        let begin = Instant::now();
        let table = self.single_row(row)?;
        let (predictions, report) = self.predict_table(&table)?;
        let mut warnings = oddities(&report);
        warnings.extend(
            row.iter()
                .filter(|(name, _)| !self.knows(name))
                .map(|(name, _)| format!("The model does not use the column '{name}'.")),
        );
        let (prediction, value, probabilities) = match &predictions {
            Predictions::Values(values) => (number_text(values[0]), Some(values[0]), Vec::new()),
            Predictions::Probabilities { values, .. } => (
                self.card.classes[self.class(values)].clone(),
                None,
                self.card.classes.iter().cloned().zip(values.iter().copied()).collect(),
            ),
        };
        let secs = begin.elapsed().as_secs_f64();
        Ok(RowPrediction { prediction, value, probabilities, warnings, secs, explanation: None })
    }

    /// As [`Self::row`], with what each column added, by the model's own method; where that cannot be said, a warning says why.
    ///
    /// # Errors
    /// As [`Self::row`].
    pub fn explained_row(&self, row: &[(String, Option<String>)]) -> Result<RowPrediction, Failure> {
        let begin = Instant::now();
        let mut found = self.row(row)?;
        match self.explain(&self.single_row(row)?, &ExplainRequest::default(), &Unwatched) {
            Ok(explanation) => found.explanation = Some(Box::new(explanation)),
            Err(Interrupt::Failed(failure)) => found.warnings.push(failure.message),
            Err(other) => found.warnings.push(other.to_string()),
        }
        found.secs = begin.elapsed().as_secs_f64();
        Ok(found)
    }

    /// The row as the model's table.
    fn single_row(&self, row: &[(String, Option<String>)]) -> Result<Table, Failure> {
        let mut schema = Vec::with_capacity(self.card.features.len());
        let mut columns = Vec::with_capacity(self.card.features.len());
        for feature in &self.card.features {
            let text = row
                .iter()
                .rev()
                .find(|(name, _)| *name == feature.name)
                .and_then(|(_, text)| text.as_deref())
                .filter(|text| !text.trim().is_empty());
            let (kind, value) = single(feature, text)?;
            schema.push(ColumnSchema { kind, ..feature.clone() });
            columns.push(value);
        }
        Ok(Table::new(schema, columns))
    }

    /// Whether a column of that name is a feature or the target.
    pub(super) fn knows(&self, name: &str) -> bool {
        name == self.card.target || self.card.features.iter().any(|feature| feature.name == name)
    }
}

/// A text as a column of one row, and the type it is stored as: numbers are always floats.
fn single(feature: &ColumnSchema, text: Option<&str>) -> Result<(ColumnType, ArrayRef), Failure> {
    let unfit = || {
        Failure::new(
            FailureClass::Client,
            format!(
                "'{}' is no value for '{}': its type is {}. Change it, or leave it empty for \"missing\".",
                text.unwrap_or_default(),
                feature.name,
                feature.kind.name()
            ),
        )
    };
    let trimmed = text.map(str::trim);
    Ok(match feature.kind {
        ColumnType::Integer | ColumnType::Float => {
            let parse =
                |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or_else(unfit);
            (ColumnType::Float, Arc::new(Float64Array::from(vec![trimmed.map(parse).transpose()?])))
        }
        ColumnType::Boolean => {
            let parse = |text: &str| boolean(text).ok_or_else(unfit);
            (ColumnType::Boolean, Arc::new(BooleanArray::from(vec![trimmed.map(parse).transpose()?])))
        }
        ColumnType::Datetime => {
            let parse =
                |text: &str| date_from_text(text).map(|secs| (secs * 1e6).round() as i64).ok_or_else(unfit);
            let micros = trimmed.map(parse).transpose()?;
            (ColumnType::Datetime, Arc::new(TimestampMicrosecondArray::from(vec![micros])))
        }
        ColumnType::Category | ColumnType::Text => {
            let values: DictionaryArray<Int32Type> = std::iter::once(text).collect();
            (ColumnType::Category, Arc::new(values))
        }
    })
}

/// The words for true and false that an import knows too.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

fn oddities(report: &TransformReport) -> Vec<String> {
    let unseen = report.unseen.iter().map(|(column, _)| {
        format!("The value of '{column}' did not occur in training; it counts as \"other\".")
    });
    let outside = report.out_of_range.iter().map(|(column, _)| {
        format!("The value of '{column}' is outside the range seen in training; the prediction is an extrapolation.")
    });
    unseen.chain(outside).collect()
}
