//! Columnar formats: Parquet and Arrow IPC, whose columns have types already.

use std::{io::Cursor, panic::AssertUnwindSafe, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, LargeStringArray, RecordBatch,
        RecordBatchReader, TimestampMicrosecondArray,
    },
    compute::{cast, concat},
    datatypes::{
        DataType, Float64Type, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType, UInt64Type,
    },
    error::ArrowError,
    ipc::reader::{FileReader, StreamReader},
    util::display::{ArrayFormatter, FormatOptions},
};
use bytes::Bytes;
use orrery_domain::{
    Failure,
    dataset::{ColumnSchema, ColumnType},
    words::count,
};
use parquet::{arrow::arrow_reader::ParquetRecordBatchReaderBuilder, file::metadata::ParquetMetaData};
use rayon::prelude::*;

use super::{
    build::build,
    cells::Texts,
    header, ipc,
    piece::{Piece, Target, parse_as},
    progress::Meter,
    read::{Content, Reading},
    resolve::{Column, warn_about},
    value::{self, Missing, Style},
};
use crate::{
    control::Interrupt,
    table::{Table, datetime_text, number_text},
};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 1 << 16;

/// Reads a Parquet file.
///
/// # Errors
/// As [`super::read_table`].
pub(super) fn parquet(bytes: Vec<u8>, reading: &mut Reading<'_>) -> Result<Content, Interrupt> {
    guarded(reading, "Parquet", |reading| {
        let damaged = |error: &dyn std::fmt::Display| damaged(reading, "Parquet", error);
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).map_err(|error| damaged(&error))?;
        let rows = claimed_rows(builder.metadata(), reading)?;
        reading.check_columns(builder.schema().fields().len())?;
        let batches = builder.with_batch_size(BATCH_ROWS).build().map_err(|error| damaged(&error))?;
        let schema = batches.schema();
        collect(&schema, batches, Some(rows), reading, "Parquet")
    })
}

/// The rows that the file says it has.
fn claimed_rows(metadata: &ParquetMetaData, reading: &Reading<'_>) -> Result<u64, Failure> {
    let claimed = metadata.file_metadata().num_rows();
    let grouped = metadata.row_groups().iter().try_fold(0_i64, |sum, group| {
        Some(group.num_rows()).filter(|rows| *rows >= 0).and_then(|rows| sum.checked_add(rows))
    });
    let rows = u64::try_from(claimed).ok().filter(|_| grouped == Some(claimed));
    let Some(rows) = rows else {
        let grouped = grouped.map_or_else(|| "no possible number".to_owned(), |rows| rows.to_string());
        return Err(reading.failure(format_args!(
            "The Parquet file says that it has {claimed} rows, but its row groups say {grouped}: its metadata is damaged. Write \
             the file again."
        )));
    };
    if rows > reading.budget.rows {
        return Err(reading.over_budget(format_args!(
            "The Parquet file says that it has {} rows, and an import may have {}. Take a sample of it; if it is smaller \
             than that, its metadata is damaged: write the file again.",
            count(rows),
            count(reading.budget.rows)
        )));
    }
    Ok(rows)
}

/// Reads an Arrow IPC file or stream.
///
/// # Errors
/// As [`super::read_table`].
pub(super) fn arrow(bytes: Vec<u8>, reading: &mut Reading<'_>) -> Result<Content, Interrupt> {
    guarded(reading, "Arrow", |reading| {
        let damaged = |error: &dyn std::fmt::Display| damaged(reading, "Arrow", error);
        ipc::check(&bytes, reading.budget.memory_bytes).map_err(|error| damaged(&error))?;
        if bytes.starts_with(b"ARROW1") {
            let batches = FileReader::try_new(Cursor::new(bytes), None).map_err(|error| damaged(&error))?;
            collect(&batches.schema(), batches, None, reading, "Arrow")
        } else {
            let batches = StreamReader::try_new(Cursor::new(bytes), None).map_err(|error| damaged(&error))?;
            collect(&batches.schema(), batches, None, reading, "Arrow")
        }
    })
}

fn damaged(reading: &Reading<'_>, format: &str, error: &dyn std::fmt::Display) -> Failure {
    let error = error.to_string();
    if let Some((_, packing)) = error.split_once("Disabled feature at compile time: ") {
        return reading.failure(format_args!(
            "The {format} file is packed with {packing}, which is not read. Write it with zstd, snappy, LZ4 or gzip."
        ));
    }
    reading.failure(format_args!(
        "The {format} file is damaged, cut off or of a kind that is not read: {error}. Get the file again."
    ))
}

/// The decoders check most of what they read, but a damaged file can still make one panic.
fn guarded(
    reading: &mut Reading<'_>,
    format: &str,
    read: impl FnOnce(&mut Reading<'_>) -> Result<Content, Interrupt>,
) -> Result<Content, Interrupt> {
    match std::panic::catch_unwind(AssertUnwindSafe(|| read(reading))) {
        Ok(content) => content,
        Err(_panic) => Err(damaged(reading, format, &"its decoder gave up").into()),
    }
}

fn collect(
    schema: &SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    claimed: Option<u64>,
    reading: &mut Reading<'_>,
    format: &str,
) -> Result<Content, Interrupt> {
    reading.check_columns(schema.fields().len())?;
    let meter = Meter::new(reading.control, "Reading the values", claimed.unwrap_or(0));
    let (mut memory, mut seen) = (0, 0);
    let mut parts: Vec<Vec<ArrayRef>> = schema.fields().iter().map(|_| Vec::new()).collect();
    for batch in batches {
        let batch = batch.map_err(|error| damaged(reading, format, &error))?;
        memory += batch.get_array_memory_size() as u64;
        seen += batch.num_rows() as u64;
        reading.check_memory(memory)?;
        reading.check_rows(seen)?;
        for (part, array) in parts.iter_mut().zip(batch.columns()) {
            part.push(Arc::clone(array));
        }
        meter.advance(batch.num_rows() as u64, batch.num_rows() as u64)?;
    }
    if let Some(claimed) = claimed.filter(|claimed| *claimed != seen) {
        return Err(reading
            .failure(format_args!(
                "The {format} file says that it has {} rows, but it holds {}: its metadata or its pages are damaged. \
                 Write the file again.",
                count(claimed),
                count(seen)
            ))
            .into());
    }
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let names = header::unique_names(&names, &mut reading.warnings);
    if names.is_empty() {
        return Err(reading.failure("The file has no columns. Choose another.").into());
    }
    let missing = Missing::in_typed(&reading.options.null_tokens);
    let tokens = &reading.options.null_tokens;
    let types = &reading.options.types;
    let columns = names
        .into_par_iter()
        .zip(parts)
        .zip(schema.fields().par_iter())
        .map(|((name, parts), field)| {
            meter.advance(0, 0)?;
            let forced = types.get(&name).copied();
            let mut warnings = Vec::new();
            let array = joined(&parts, field.data_type())?;
            drop(parts);
            let (schema, array) = typed(name, array, forced, &missing, tokens, &mut warnings)?;
            Ok((schema, array, warnings))
        })
        .collect::<Result<Vec<_>, Stop>>()
        .map_err(|stop| match stop {
            Stop::Interrupt(interrupt) => interrupt,
            Stop::Arrow(error) => damaged(reading, format, &error).into(),
        })?;
    let (mut schema, mut arrays) = (Vec::new(), Vec::new());
    for (column, array, warnings) in columns {
        schema.push(column);
        arrays.push(array);
        reading.warnings.extend(warnings);
    }
    Ok(Content { table: Table::new(schema, arrays), bad_rows: 0, bad_row_list: Vec::new() })
}

/// Why a column could not be read.
enum Stop {
    Interrupt(Interrupt),
    Arrow(ArrowError),
}

impl From<Interrupt> for Stop {
    fn from(interrupt: Interrupt) -> Self {
        Self::Interrupt(interrupt)
    }
}

impl From<ArrowError> for Stop {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

fn joined(parts: &[ArrayRef], kind: &DataType) -> Result<ArrayRef, ArrowError> {
    if parts.is_empty() {
        return Ok(arrow::array::new_empty_array(kind));
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    concat(&parts)
}

/// One column as its type of ours; with `forced`, as that type.
fn typed(
    name: String,
    array: ArrayRef,
    forced: Option<ColumnType>,
    missing: &Missing,
    tokens: &[String],
    warnings: &mut Vec<String>,
) -> Result<(ColumnSchema, ArrayRef), ArrowError> {
    let (kind, array) = natural(&name, array, missing, warnings)?;
    let array = without_tokens(kind, array, tokens);
    if forced.is_none_or(|forced| forced == kind) && kind != ColumnType::Text {
        return Ok((ColumnSchema { name, kind, overridden: forced.is_some() }, array));
    }
    if forced == Some(ColumnType::Float) && kind == ColumnType::Integer {
        let array = cast(&array, &DataType::Float64)?;
        return Ok((ColumnSchema { name, kind: ColumnType::Float, overridden: true }, array));
    }
    let texts = StringTexts(as_texts(kind, &array));
    let parse = |kind: ColumnType, forced: bool| {
        parse_as(&texts, missing, Target { kind, style: Style::Point, order: None, forced })
    };
    let (kind, piece) = match forced {
        Some(kind) => (kind, parse(kind, true)),
        // Strings may be times that the format's writer did not know how to store.
        None => match parse(ColumnType::Datetime, false) {
            Some(piece) if texts.0.null_count() < texts.0.len() => (ColumnType::Datetime, Some(piece)),
            _ => (ColumnType::Text, parse(ColumnType::Text, false)),
        },
    };
    let rows = texts.0.len();
    let mut column = Column::new(name, forced, vec![piece.unwrap_or(Piece::Missing(rows))], Style::Point);
    column.kind = kind;
    warn_about(&column, warnings);
    Ok(build(column))
}

/// A column as the type that its own type says. Strings come out as text, dictionaries of strings as category.
fn natural(
    name: &str,
    array: ArrayRef,
    missing: &Missing,
    warnings: &mut Vec<String>,
) -> Result<(ColumnType, ArrayRef), ArrowError> {
    Ok(match array.data_type() {
        DataType::Boolean => (ColumnType::Boolean, array),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => (ColumnType::Integer, cast(&array, &DataType::Int64)?),
        DataType::UInt64 => {
            let huge = array.as_primitive::<UInt64Type>().iter().flatten().any(|v| i64::try_from(v).is_err());
            if huge {
                (ColumnType::Text, cast(&array, &DataType::LargeUtf8)?)
            } else {
                (ColumnType::Integer, cast(&array, &DataType::Int64)?)
            }
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let floats = cast(&array, &DataType::Float64)?;
            let present = floats.as_primitive::<Float64Type>().iter().map(|v| v.filter(|v| !v.is_nan()));
            (ColumnType::Float, Arc::new(present.collect::<Float64Array>()))
        }
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => (ColumnType::Float, cast(&array, &DataType::Float64)?),
        DataType::Date32 | DataType::Date64 => {
            let micros = cast(&array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            warn_of_far_times(name, array.null_count(), micros.null_count(), warnings);
            (ColumnType::Datetime, micros)
        }
        DataType::Timestamp(_, zone) => {
            let micros = cast(&array, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
            warn_of_far_times(name, array.null_count(), micros.null_count(), warnings);
            // The instants stay, in UTC.
            let micros = micros.as_primitive::<TimestampMicrosecondType>().clone();
            (ColumnType::Datetime, Arc::new(micros.with_timezone_opt(None::<String>)))
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            (ColumnType::Text, cast(&array, &DataType::LargeUtf8)?)
        }
        DataType::Dictionary(_, values) => {
            let words = matches!(**values, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
            let plain = cast(&array, &if words { DataType::LargeUtf8 } else { (**values).clone() })?;
            if !words {
                return natural(name, plain, missing, warnings);
            }
            let texts = StringTexts(plain.as_string::<i64>().clone());
            let target =
                Target { kind: ColumnType::Category, style: Style::Point, order: None, forced: true };
            let pieces = parse_as(&texts, missing, target).into_iter().collect();
            let mut column = Column::new(String::new(), Some(ColumnType::Category), pieces, Style::Point);
            column.kind = ColumnType::Category;
            (ColumnType::Category, build(column).1)
        }
        DataType::Null => (ColumnType::Float, Arc::new(Float64Array::new_null(array.len()))),
        other => {
            warnings.push(format!("'{name}' holds {other} values; they were read as text."));
            let formatter = ArrayFormatter::try_new(&array, &FormatOptions::default())?;
            let texts =
                (0..array.len()).map(|row| array.is_valid(row).then(|| formatter.value(row).to_string()));
            (ColumnType::Text, Arc::new(texts.collect::<LargeStringArray>()))
        }
    })
}

fn warn_of_far_times(name: &str, missing_before: usize, missing_now: usize, warnings: &mut Vec<String>) {
    if missing_now > missing_before {
        warnings.push(format!(
            "{} times in '{name}' lie further from 1970 than 292,000 years; they became missing.",
            missing_now - missing_before
        ));
    }
}

/// Numbers that a person said to mean "missing" become so.
fn without_tokens(kind: ColumnType, array: ArrayRef, tokens: &[String]) -> ArrayRef {
    let numbers: Vec<f64> = tokens
        .iter()
        .filter_map(|token| value::number(token, Style::Point).map(value::Number::value))
        .collect();
    if numbers.is_empty() {
        return array;
    }
    let keep = |value: f64| !numbers.contains(&value);
    match kind {
        ColumnType::Integer => {
            let values = array.as_primitive::<Int64Type>().iter();
            Arc::new(values.map(|v| v.filter(|v| keep(*v as f64))).collect::<Int64Array>())
        }
        ColumnType::Float => {
            let values = array.as_primitive::<Float64Type>().iter();
            Arc::new(values.map(|v| v.filter(|v| keep(*v))).collect::<Float64Array>())
        }
        _ => array,
    }
}

/// Every value as text.
fn as_texts(kind: ColumnType, array: &ArrayRef) -> LargeStringArray {
    match kind {
        ColumnType::Text => array.as_string::<i64>().clone(),
        ColumnType::Integer => {
            let values: &Int64Array = array.as_primitive();
            values.iter().map(|value| value.map(|value| value.to_string())).collect()
        }
        ColumnType::Float => {
            let values: &Float64Array = array.as_primitive();
            values.iter().map(|value| value.map(number_text)).collect()
        }
        ColumnType::Boolean => {
            let values: &BooleanArray = array.as_boolean();
            values.iter().map(|value| value.map(|value| value.to_string())).collect()
        }
        ColumnType::Datetime => {
            let values: &TimestampMicrosecondArray = array.as_primitive();
            values.iter().map(|value| value.map(datetime_text)).collect()
        }
        ColumnType::Category => {
            let values = array.as_dictionary::<arrow::datatypes::Int32Type>();
            let words = values.values().as_string::<i32>();
            values.keys().iter().map(|key| key.map(|key| words.value(key as usize))).collect()
        }
    }
}

/// Strings of a column.
struct StringTexts(LargeStringArray);

impl Texts for StringTexts {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, row: usize) -> Option<&str> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}
