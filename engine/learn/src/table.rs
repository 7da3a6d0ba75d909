//! Tables: typed Arrow columns in memory, as an import leaves them and everything else reads them.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, PrimitiveArray, RecordBatch},
    datatypes::{
        ArrowPrimitiveType, DataType, Field, Float64Type, Int32Type, Int64Type, Schema, TimeUnit,
        TimestampMicrosecondType,
    },
};
use orrery_domain::dataset::{ColumnSchema, ColumnType};

mod file;
mod labels;

/// A table. Every column has the one Arrow type of its [`ColumnType`], see [`arrow_type`].
#[derive(Clone, Debug)]
pub struct Table {
    /// Columns in the file's order.
    pub schema: Vec<ColumnSchema>,
    /// Their values, one batch.
    pub batch: RecordBatch,
}

/// A column as classes: every distinct present value in sort order (numbers by value), and each row's index into them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Distinct values as text.
    pub classes: Vec<String>,
    /// Index of each row's value; `None` where missing. `[rows]`
    pub codes: Vec<Option<u32>>,
}

/// The Arrow type a column type is stored as.
pub fn arrow_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Category => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        ColumnType::Text => DataType::LargeUtf8,
        ColumnType::Datetime => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

/// The text of a number as a class name: whole numbers without a decimal point.
pub fn number_text(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{}", value as i64) } else { format!("{value}") }
}

/// The text of a time in microseconds since 1970 UTC, as `2013-01-31 17:05:00`.
pub fn datetime_text(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros)
        .map_or_else(|| micros.to_string(), |time| time.naive_utc().to_string())
}

/// Values as numbers; NaN where missing. `[rows]`
fn numbers_of<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    number: impl Fn(T::Native) -> f64,
) -> Vec<f64> {
    if array.null_count() == 0 {
        return array.values().iter().map(|value| number(*value)).collect();
    }
    array.iter().map(|value| value.map_or(f64::NAN, &number)).collect()
}

impl Table {
    /// Puts columns together.
    ///
    /// # Panics
    /// When lengths or Arrow types do not fit the schema: the caller's fault.
    pub fn new(schema: Vec<ColumnSchema>, columns: Vec<ArrayRef>) -> Self {
        let fields: Vec<Field> =
            schema.iter().map(|column| Field::new(&column.name, arrow_type(column.kind), true)).collect();
        let rows = columns.first().map_or(0, Array::len);
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
            .expect("columns fit their schema");
        Self { schema, batch }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// Position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.schema.iter().position(|column| column.name == name)
    }

    /// The same table, with NaN in columns of numbers as missing values: as a request's rows say them.
    #[must_use]
    pub fn with_gaps(&self) -> Self {
        let column = |values: &ArrayRef| -> ArrayRef {
            match values.as_any().downcast_ref::<Float64Array>() {
                Some(numbers) => {
                    let present = |value: Option<f64>| value.filter(|value| !value.is_nan());
                    Arc::new(numbers.iter().map(present).collect::<Float64Array>())
                }
                None => Arc::clone(values),
            }
        };
        Self::new(self.schema.clone(), self.batch.columns().iter().map(column).collect())
    }

    /// A column as numbers: NaN where missing, 0 and 1 for booleans, seconds since 1970 for dates, the position among the
    /// dictionary's values for categories, NaN for text. `[rows]`
    pub fn numbers(&self, column: usize) -> Vec<f64> {
        let array = self.batch.column(column);
        match self.schema[column].kind {
            ColumnType::Integer => numbers_of(array.as_primitive::<Int64Type>(), |v| v as f64),
            ColumnType::Float => numbers_of(array.as_primitive::<Float64Type>(), |v| v),
            ColumnType::Boolean => {
                let array: &BooleanArray = array.as_boolean();
                array.iter().map(|v| v.map_or(f64::NAN, f64::from)).collect()
            }
            ColumnType::Datetime => {
                numbers_of(array.as_primitive::<TimestampMicrosecondType>(), |v| v as f64 / 1e6)
            }
            ColumnType::Category => numbers_of(array.as_dictionary::<Int32Type>().keys(), f64::from),
            ColumnType::Text => vec![f64::NAN; array.len()],
        }
    }

    /// One value as text; `None` where missing.
    pub fn text(&self, column: usize, row: usize) -> Option<String> {
        let array = self.batch.column(column);
        if array.is_null(row) {
            return None;
        }
        Some(match self.schema[column].kind {
            ColumnType::Integer => array.as_primitive::<Int64Type>().value(row).to_string(),
            ColumnType::Float => number_text(array.as_primitive::<Float64Type>().value(row)),
            ColumnType::Boolean => array.as_boolean().value(row).to_string(),
            ColumnType::Datetime => {
                datetime_text(array.as_primitive::<TimestampMicrosecondType>().value(row))
            }
            ColumnType::Category => {
                let array = array.as_dictionary::<Int32Type>();
                let key = array.keys().value(row) as usize;
                array.values().as_string::<i32>().value(key).to_owned()
            }
            ColumnType::Text => array.as_string::<i64>().value(row).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_missing() {
        let schema = vec![ColumnSchema { name: "x".to_owned(), kind: ColumnType::Float, overridden: false }];
        let table = Table::new(schema, vec![Arc::new(Float64Array::from(vec![1.5, f64::NAN]))]);
        assert_eq!(table.text(0, 1).as_deref(), Some("NaN"));
        let found = table.with_gaps();
        assert_eq!((found.text(0, 0).as_deref(), found.text(0, 1)), (Some("1.5"), None));
        assert!(found.numbers(0)[1].is_nan() && found.schema == table.schema);
    }
}
