//! Tables: typed Arrow columns in memory, as an import leaves them and everything else reads them.

use std::{fs::File, path::Path, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch,
        TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Int32Type, Schema, TimeUnit},
    ipc::{reader::FileReader, writer::FileWriter},
};
use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnSchema, ColumnType},
};
use rayon::prelude::*;

mod labels;

/// Rows that are written at a time.
const WRITTEN_ROWS: usize = 1 << 16;

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

    /// A column as numbers: NaN where missing, 0 and 1 for booleans, seconds since 1970 for dates, the position among the
    /// dictionary's values for categories, NaN for text. `[rows]`
    pub fn numbers(&self, column: usize) -> Vec<f64> {
        let array = self.batch.column(column);
        match self.schema[column].kind {
            ColumnType::Integer => {
                let array: &Int64Array = array.as_primitive();
                array.iter().map(|v| v.map_or(f64::NAN, |v| v as f64)).collect()
            }
            ColumnType::Float => {
                let array: &Float64Array = array.as_primitive();
                array.iter().map(|v| v.unwrap_or(f64::NAN)).collect()
            }
            ColumnType::Boolean => {
                let array: &BooleanArray = array.as_boolean();
                array.iter().map(|v| v.map_or(f64::NAN, f64::from)).collect()
            }
            ColumnType::Datetime => {
                let array: &TimestampMicrosecondArray = array.as_primitive();
                array.iter().map(|v| v.map_or(f64::NAN, |v| v as f64 / 1e6)).collect()
            }
            ColumnType::Category => {
                let array = array.as_dictionary::<Int32Type>();
                array.keys().iter().map(|v| v.map_or(f64::NAN, f64::from)).collect()
            }
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
            ColumnType::Integer => array.as_primitive::<arrow::datatypes::Int64Type>().value(row).to_string(),
            ColumnType::Float => {
                number_text(array.as_primitive::<arrow::datatypes::Float64Type>().value(row))
            }
            ColumnType::Boolean => array.as_boolean().value(row).to_string(),
            ColumnType::Datetime => {
                let micros = array.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(row);
                datetime_text(micros)
            }
            ColumnType::Category => {
                let array = array.as_dictionary::<Int32Type>();
                let key = array.keys().value(row) as usize;
                array.values().as_string::<i32>().value(key).to_owned()
            }
            ColumnType::Text => array.as_string::<i64>().value(row).to_owned(),
        })
    }

    /// Writes the table beside `path`, syncs it and renames it.
    ///
    /// # Errors
    /// A capacity failure when the disk does not take it.
    pub fn write_arrow(&self, path: &Path) -> Result<(), Failure> {
        let (file, _, _) = self.write_temporary(path.parent().unwrap_or(Path::new(".")))?;
        file.persist(path).map_err(|error| unwritten(&error, path))?;
        Ok(())
    }

    /// Writes the table to `<folder>/<hash>.arrow` and returns the BLAKE3 hash of that file and its size in bytes.
    ///
    /// # Errors
    /// A capacity failure when the disk does not take it.
    pub fn write_blob(&self, folder: &Path) -> Result<(String, u64), Failure> {
        let (file, hash, bytes) = self.write_temporary(folder)?;
        let path = folder.join(format!("{hash}.arrow"));
        file.persist(&path).map_err(|error| unwritten(&error, &path))?;
        Ok((hash, bytes))
    }

    /// A synced temporary file that holds the table, its hash and its size.
    fn write_temporary(&self, folder: &Path) -> Result<(tempfile::NamedTempFile, String, u64), Failure> {
        let failed = |error: &dyn std::fmt::Display| unwritten(error, folder);
        let file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
        let sink = Hashing { inner: file.as_file(), hasher: blake3::Hasher::new(), bytes: 0 };
        let buffered = std::io::BufWriter::with_capacity(1 << 20, sink);
        let mut writer =
            FileWriter::try_new(buffered, &self.batch.schema()).map_err(|error| failed(&error))?;
        // The writer copies what it is given.
        for start in (0..self.rows().max(1)).step_by(WRITTEN_ROWS) {
            let part = self.batch.slice(start, WRITTEN_ROWS.min(self.rows() - start));
            writer.write(&part).map_err(|error| failed(&error))?;
            crate::faults::kill("write");
        }
        writer.finish().map_err(|error| failed(&error))?;
        let buffered = writer.into_inner().map_err(|error| failed(&error))?;
        let Hashing { hasher, bytes, .. } = buffered.into_inner().map_err(|error| failed(&error))?;
        crate::faults::kill("table");
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        Ok((file, hasher.finalize().to_hex().to_string(), bytes))
    }

    /// Reads a table that [`Self::write_arrow`] wrote.
    ///
    /// # Errors
    /// A data failure when the file is missing, damaged or of another shape than `schema`.
    pub fn read_arrow(path: &Path, schema: &[ColumnSchema]) -> Result<Self, Failure> {
        let failed = |what: &dyn std::fmt::Display| {
            Failure::new(
                FailureClass::Data,
                format!(
                    "The imported table cannot be read: {what}. Import the file again. ({})",
                    path.display()
                ),
            )
        };
        let file = File::open(path).map_err(|error| failed(&error))?;
        let reader =
            FileReader::try_new(std::io::BufReader::new(file), None).map_err(|error| failed(&error))?;
        let arrow_schema = reader.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| failed(&error))?;
        let fits = arrow_schema.fields().len() == schema.len()
            && arrow_schema.fields().iter().zip(schema).all(|(field, column)| {
                *field.name() == column.name && *field.data_type() == arrow_type(column.kind)
            });
        if !fits {
            return Err(failed(&"its columns are not those of the dataset"));
        }
        let joined = |column: usize| {
            let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
            if parts.is_empty() {
                return Ok(arrow::array::new_empty_array(arrow_schema.field(column).data_type()));
            }
            arrow::compute::concat(&parts)
        };
        let columns = (0..schema.len()).into_par_iter().map(joined).collect::<Result<Vec<_>, _>>();
        let columns = columns.map_err(|error| failed(&error))?;
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(arrow_schema, columns, &options)
            .map_err(|error| failed(&error))?;
        Ok(Self { schema: schema.to_vec(), batch })
    }
}

fn unwritten(error: &dyn std::fmt::Display, path: &Path) -> Failure {
    Failure::new(
        FailureClass::Capacity,
        format!(
            "The table could not be written: {error}. Free some disk space and try again. ({})",
            path.display()
        ),
    )
}

/// Hashes and counts what passes through to a file.
struct Hashing<W> {
    inner: W,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<W: std::io::Write> std::io::Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
