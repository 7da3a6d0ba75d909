//! Parquet out: the table's columns and the added ones, texts as plain strings.

use std::{fs::File, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions},
    compute::cast,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
};
use orrery_domain::dataset::ColumnType;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};

use super::columns::Added;
use crate::table::{Table, arrow_type};

/// Writes batches of rows into one file.
pub(super) struct Writer {
    schema: SchemaRef,
    writer: ArrowWriter<File>,
}

impl Writer {
    /// Begins a file with the columns of `table` and those added to it.
    pub(super) fn new(file: File, table: &Table, added: &[Added]) -> Result<Self, ParquetError> {
        let kept = table.schema.iter().map(|column| (&column.name, column.kind));
        let fields: Vec<Field> = kept
            .chain(added.iter().map(|column| (&column.name, column.kind)))
            .map(|(name, kind)| Field::new(name, stored(kind), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(131_072))
            .build();
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))?;
        Ok(Self { schema, writer })
    }

    /// Adds rows. `added` are `[columns][rows]`.
    pub(super) fn write(&mut self, table: &Table, added: &[ArrayRef]) -> Result<(), ParquetError> {
        let columns = table
            .batch
            .columns()
            .iter()
            .chain(added)
            .zip(self.schema.fields())
            .map(|(column, field)| cast(column, field.data_type()))
            .collect::<Result<Vec<_>, ArrowError>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(table.rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        self.writer.write(&batch)
    }

    /// Writes the footer.
    pub(super) fn finish(self) -> Result<(), ParquetError> {
        self.writer.close().map(|_| ())
    }
}

/// Dictionaries and long texts leave as plain strings, which every reader knows.
fn stored(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Category | ColumnType::Text => DataType::Utf8,
        _ => arrow_type(kind),
    }
}
