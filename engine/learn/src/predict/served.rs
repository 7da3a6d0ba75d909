//! Served: typed columns in, plain answers out, for whoever serves a model to programs.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, TimestampMicrosecondArray, types::Int32Type,
};
use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnSchema, ColumnType},
};

use super::{Predictor, columns::class_type, row::boolean};
use crate::{metrics::Predictions, prepare::column::date_from_text, table::Table};

/// A column of rows as a program gives it.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Numbers, or 0 and 1 for false and true; NaN: missing. `[rows]`
    Numbers(Vec<f64>),
    /// Texts, categories, ISO 8601 dates; empty: missing. `[rows]`
    Texts(Vec<String>),
}

impl Column {
    /// Rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// Whether another column's values can follow this one's.
    pub fn fits(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Adds the values of a column that fits.
    pub fn extend(&mut self, other: &Self) {
        match (self, other) {
            (Self::Numbers(values), Self::Numbers(more)) => values.extend(more),
            (Self::Texts(values), Self::Texts(more)) => values.extend_from_slice(more),
            (Self::Numbers(_), Self::Texts(_)) | (Self::Texts(_), Self::Numbers(_)) => {}
        }
    }
}

/// What is predicted for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Classes that are whole numbers. `[rows]`
    Integers(Vec<i64>),
    /// Classes true and false. `[rows]`
    Booleans(Vec<bool>),
    /// Classes that are words. `[rows]`
    Texts(Vec<String>),
    /// Numbers in the target's unit. `[rows]`
    Values(Vec<f64>),
}

impl Answer {
    /// Rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Booleans(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Values(values) => values.len(),
        }
    }

    /// The first rows; the rest stays.
    fn take(&mut self, rows: usize) -> Self {
        fn first<T>(values: &mut Vec<T>, rows: usize) -> Vec<T> {
            values.drain(..rows.min(values.len())).collect()
        }
        match self {
            Self::Integers(values) => Self::Integers(first(values, rows)),
            Self::Booleans(values) => Self::Booleans(first(values, rows)),
            Self::Texts(values) => Self::Texts(first(values, rows)),
            Self::Values(values) => Self::Values(first(values, rows)),
        }
    }
}

/// A prediction of several rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// The class, or the number.
    pub prediction: Answer,
    /// Row-major `[rows, classes]`, in the order of the card's classes; none for a number.
    pub probabilities: Option<Vec<f64>>,
}

impl Answers {
    /// Parts of so many rows each, in order.
    pub fn split(mut self, rows: &[usize]) -> Vec<Self> {
        let classes = self.probabilities.as_ref().map_or(0, |all| all.len() / self.prediction.rows().max(1));
        let part = |rows: &usize| Self {
            prediction: self.prediction.take(*rows),
            probabilities: self.probabilities.as_mut().map(|all| all.drain(..rows * classes).collect()),
        };
        rows.iter().map(part).collect()
    }
}

impl Predictor {
    /// The type of the predictions: integer, boolean or text for classes, else float.
    pub fn answer_type(&self) -> ColumnType {
        if self.card.classes.is_empty() { ColumnType::Float } else { class_type(&self.card.classes) }
    }

    /// Rows given as columns, one for every feature, in any order, as the model's table.
    ///
    /// # Errors
    /// A client failure that names the column which is missing, unknown, of another length or of an unfitting type.
    pub fn table(&self, columns: &[(String, Column)]) -> Result<Table, Failure> {
        if let Some((name, _)) = columns.iter().find(|(name, _)| !self.features().any(|f| f.name == *name)) {
            return Err(client(format!("The model has no input '{name}'. Leave it out.")));
        }
        let rows = columns.first().map_or(0, |(_, column)| column.rows());
        let mut schema = Vec::with_capacity(columns.len());
        let mut arrays = Vec::with_capacity(columns.len());
        for feature in self.features() {
            let mut given = columns.iter().filter(|(name, _)| *name == feature.name);
            let (Some((_, column)), None) = (given.next(), given.next()) else {
                return Err(client(format!("The input '{}' must be given once.", feature.name)));
            };
            if column.rows() != rows {
                return Err(client(format!(
                    "The input '{}' has {} rows, and another has {rows}.",
                    feature.name,
                    column.rows()
                )));
            }
            let (kind, array) = array(feature, column)?;
            schema.push(ColumnSchema { kind, ..feature.clone() });
            arrays.push(array);
        }
        Ok(Table::new(schema, arrays))
    }

    /// Predicts rows given as columns, one for every feature, in any order.
    ///
    /// # Errors
    /// As [`Self::table`].
    pub fn serve(&self, columns: &[(String, Column)]) -> Result<Answers, Failure> {
        let (predictions, _) = self.predict_table(&self.table(columns)?)?;
        Ok(match predictions {
            Predictions::Values(values) => {
                Answers { prediction: Answer::Values(values), probabilities: None }
            }
            Predictions::Probabilities { classes, values } => {
                let chosen =
                    values.chunks_exact(classes).map(|row| self.card.classes[self.class(row)].as_str());
                let prediction = match self.answer_type() {
                    ColumnType::Integer => {
                        Answer::Integers(chosen.map(|class| class.parse().unwrap_or_default()).collect())
                    }
                    ColumnType::Boolean => Answer::Booleans(chosen.map(|class| class == "true").collect()),
                    _ => Answer::Texts(chosen.map(str::to_owned).collect()),
                };
                Answers { prediction, probabilities: Some(values) }
            }
        })
    }

    /// Inputs, in the card's order.
    pub fn features(&self) -> impl Iterator<Item = &ColumnSchema> {
        self.card.features.iter()
    }
}

/// A column as the model's table takes it, and the type it is stored as.
fn array(feature: &ColumnSchema, column: &Column) -> Result<(ColumnType, ArrayRef), Failure> {
    let unfit = |text: &str| {
        client(format!(
            "'{text}' is no value for the input '{}': its type is {}.",
            feature.name,
            feature.kind.name()
        ))
    };
    let present = |text: &str| !text.trim().is_empty();
    Ok(match (feature.kind, column) {
        (ColumnType::Integer | ColumnType::Float | ColumnType::Boolean, Column::Numbers(values)) => {
            (ColumnType::Float, Arc::new(Float64Array::from(values.clone())))
        }
        (ColumnType::Integer | ColumnType::Float, Column::Texts(texts)) => {
            let number = |text: &String| match text.trim() {
                "" => Ok(f64::NAN),
                trimmed => trimmed.parse().map_err(|_wrong| unfit(text)),
            };
            let values = texts.iter().map(number).collect::<Result<Vec<f64>, _>>()?;
            (ColumnType::Float, Arc::new(Float64Array::from(values)))
        }
        (ColumnType::Boolean, Column::Texts(texts)) => {
            let value = |text: &String| {
                present(text).then(|| boolean(text.trim()).ok_or_else(|| unfit(text))).transpose()
            };
            let values = texts.iter().map(value).collect::<Result<Vec<Option<bool>>, _>>()?;
            (ColumnType::Boolean, Arc::new(BooleanArray::from(values)))
        }
        (ColumnType::Datetime, Column::Texts(texts)) => {
            let micros = |secs: f64| (secs * 1e6).round() as i64;
            let value = |text: &String| {
                let read = || date_from_text(text).map(micros).ok_or_else(|| unfit(text));
                present(text).then(read).transpose()
            };
            let values = texts.iter().map(value).collect::<Result<Vec<Option<i64>>, _>>()?;
            (ColumnType::Datetime, Arc::new(TimestampMicrosecondArray::from(values)))
        }
        (ColumnType::Category | ColumnType::Text, Column::Texts(texts)) => {
            let values: DictionaryArray<Int32Type> =
                texts.iter().map(|text| present(text).then_some(text.as_str())).collect();
            (ColumnType::Category, Arc::new(values))
        }
        (ColumnType::Datetime | ColumnType::Category | ColumnType::Text, Column::Numbers(_)) => {
            return Err(client(format!(
                "The input '{}' takes texts (BYTES), because its type is {}.",
                feature.name,
                feature.kind.name()
            )));
        }
    })
}

fn client(message: String) -> Failure {
    Failure::new(FailureClass::Client, message)
}
