//! Tables as files: Arrow IPC in one batch, written beside its place and renamed, read back into one buffer that the columns share.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray, new_empty_array},
    buffer::Buffer,
    datatypes::{Int32Type, Schema, SchemaRef},
    error::ArrowError,
    ipc::{
        Block,
        convert::fb_to_schema,
        reader::{FileDecoder, read_footer_length},
        root_as_footer,
        writer::FileWriter,
    },
};
use orrery_domain::{Failure, FailureClass, dataset::ColumnSchema};
use rayon::prelude::*;

use super::{Table, arrow_type};
use crate::{data::ipc, faults};

/// Fewest bytes that are worth a thread of their own.
const FEWEST_BYTES: usize = 1 << 22;

/// Fewest bytes of a block: the marker and the length of its header.
const BLOCK_HEAD: i64 = 8;

impl Table {
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
        let buffered = io::BufWriter::with_capacity(1 << 20, sink);
        let mut writer =
            FileWriter::try_new(buffered, &self.batch.schema()).map_err(|error| failed(&error))?;
        // One batch: it is written from where it lies, and whoever reads it has nothing to join.
        writer.write(&self.batch).map_err(|error| failed(&error))?;
        faults::kill("write");
        writer.finish().map_err(|error| failed(&error))?;
        let buffered = writer.into_inner().map_err(|error| failed(&error))?;
        let Hashing { hasher, bytes, .. } = buffered.into_inner().map_err(|error| failed(&error))?;
        faults::kill("table");
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        Ok((file, hasher.finalize().to_hex().to_string(), bytes))
    }

    /// Reads a table that [`Self::write_arrow`] wrote. Its columns lie in the file's bytes as they were read, but for those of
    /// files in several batches, which older versions wrote.
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
        let bytes = bytes_of(path).map_err(|error| failed(&error))?;
        // The decoder checks most of what it reads, but a damaged file may still make it panic.
        let read = catch_unwind(AssertUnwindSafe(|| batches(bytes, schema)));
        let (arrow_schema, batches) = read
            .unwrap_or_else(|_panic| Err("its decoder gave up".to_owned()))
            .map_err(|what| failed(&what))?;
        let columns = (0..schema.len())
            .into_par_iter()
            .map(|column| joined(&arrow_schema, &batches, column))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| failed(&error))?;
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(arrow_schema, columns, &options)
            .map_err(|error| failed(&error))?;
        Ok(Self { schema: schema.to_vec(), batch })
    }
}

/// The bytes of a file. Much of the time goes into giving the memory its pages, which threads do side by side.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let size = std::fs::metadata(path)?.len() as usize;
    let mut bytes = vec![0; size];
    let part = size.div_ceil(rayon::current_num_threads()).max(FEWEST_BYTES);
    bytes.par_chunks_mut(part).enumerate().try_for_each(|(index, bytes)| {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start((index * part) as u64))?;
        file.read_exact(bytes)
    })?;
    Ok(bytes)
}

/// The batches of an Arrow file with these columns, which stay where they lie among its bytes; or what is wrong with it, as the end of
/// a sentence.
fn batches(bytes: Vec<u8>, columns: &[ColumnSchema]) -> Result<(SchemaRef, Vec<RecordBatch>), String> {
    if !bytes.starts_with(b"ARROW1") {
        return Err("it is no Arrow file".to_owned());
    }
    // Nothing in it is packed: what is read takes no more than what lies there.
    ipc::check(&bytes, bytes.len() as u64)?;
    let words = |error: ArrowError| error.to_string();
    let bytes = Buffer::from_vec(bytes);
    let end = bytes.len().checked_sub(10).ok_or("it is too short")?;
    let tail = bytes[end..].first_chunk::<10>().ok_or("it is too short")?;
    let length = read_footer_length(*tail).map_err(words)?;
    let begin = end.checked_sub(length).ok_or("its footer is cut off")?;
    let footer =
        root_as_footer(&bytes[begin..end]).map_err(|error| format!("its footer is no footer ({error})"))?;
    let schema = footer.schema().ok_or("it names no columns")?;
    if !schema.endianness().equals_to_target_endianness() {
        return Err("a machine with another order of bytes wrote it".to_owned());
    }
    let schema: SchemaRef = Arc::new(fb_to_schema(schema));
    let fits = schema.fields().len() == columns.len()
        && schema.fields().iter().zip(columns).all(|(field, column)| {
            *field.name() == column.name && *field.data_type() == arrow_type(column.kind)
        });
    if !fits {
        return Err("its columns are not those of the dataset".to_owned());
    }
    let mut decoder = FileDecoder::new(Arc::clone(&schema), footer.version());
    for block in footer.dictionaries().into_iter().flatten() {
        decoder.read_dictionary(block, &part(&bytes, block)?).map_err(words)?;
    }
    let mut batches = Vec::new();
    for block in footer.recordBatches().into_iter().flatten() {
        batches.extend(decoder.read_record_batch(block, &part(&bytes, block)?).map_err(words)?);
    }
    Ok((schema, batches))
}

/// The bytes of a block.
fn part(bytes: &Buffer, block: &Block) -> Result<Buffer, String> {
    let (header, body) = (i64::from(block.metaDataLength()), block.bodyLength());
    let size = header.checked_add(body).filter(|_| header >= BLOCK_HEAD && body >= 0);
    let size = size.and_then(|size| usize::try_from(size).ok());
    usize::try_from(block.offset())
        .ok()
        .zip(size)
        .filter(|(at, size)| at.checked_add(*size).is_some_and(|end| end <= bytes.len()))
        .map(|(at, size)| bytes.slice_with_length(at, size))
        .ok_or_else(|| format!("a block would take {header} and {body} bytes"))
}

/// A column of all batches.
fn joined(schema: &Schema, batches: &[RecordBatch], column: usize) -> Result<ArrayRef, ArrowError> {
    let array = match batches {
        [] => new_empty_array(schema.field(column).data_type()),
        [one] => Arc::clone(one.column(column)),
        several => {
            let parts: Vec<&dyn Array> = several.iter().map(|batch| batch.column(column).as_ref()).collect();
            arrow::compute::concat(&parts)?
        }
    };
    Ok(own_categories(array))
}

/// A category column with distinct values of its own. Rows that are taken from a table share them with it: they would hold on to the
/// bytes of the whole file after everything else of it is gone.
fn own_categories(array: ArrayRef) -> ArrayRef {
    let Some(categories) = array.as_dictionary_opt::<Int32Type>() else { return array };
    let values: StringArray = categories.values().as_string::<i32>().iter().collect();
    Arc::new(categories.with_values(Arc::new(values)))
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

impl<W: io::Write> io::Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::NonNull;

    use arrow::{
        array::{BooleanArray, Float64Array, Int64Array, LargeStringArray, TimestampMicrosecondArray},
        compute::{cast, take},
    };
    use orrery_domain::dataset::ColumnType;

    use super::*;

    /// A column of every type, with gaps.
    fn table(rows: i64) -> Table {
        let gaps = |row: i64| row % 7 != 3;
        let kinds: StringArray =
            (0..rows).map(|row| gaps(row).then(|| ["red", "green", "naïve ☂"][row as usize % 3])).collect();
        let columns: [(&str, ColumnType, ArrayRef); 6] = [
            (
                "whole",
                ColumnType::Integer,
                Arc::new((0..rows).map(|r| gaps(r).then_some(r)).collect::<Int64Array>()),
            ),
            (
                "number",
                ColumnType::Float,
                Arc::new(Float64Array::from_iter_values((0..rows).map(|r| r as f64 / 3.0))),
            ),
            (
                "flag",
                ColumnType::Boolean,
                Arc::new((0..rows).map(|r| Some(r % 3 == 0)).collect::<BooleanArray>()),
            ),
            (
                "kind",
                ColumnType::Category,
                cast(&kinds, &arrow_type(ColumnType::Category)).expect("castable"),
            ),
            (
                "text",
                ColumnType::Text,
                Arc::new(LargeStringArray::from_iter_values((0..rows).map(|r| format!("row {r}")))),
            ),
            (
                "time",
                ColumnType::Datetime,
                Arc::new(TimestampMicrosecondArray::from_iter_values((0..rows).map(|r| r * 1_000_003))),
            ),
        ];
        let (schema, arrays) = columns
            .into_iter()
            .map(|(name, kind, array)| {
                (ColumnSchema { name: name.to_owned(), kind, overridden: false }, array)
            })
            .unzip();
        Table::new(schema, arrays)
    }

    /// Where the memory begins in which a column lies.
    fn memory(array: &dyn Array) -> NonNull<u8> {
        array.to_data().buffers()[0].data_ptr()
    }

    #[test]
    fn a_table_is_read_into_one_buffer_that_its_rows_do_not_hold_on_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("table.arrow");
        let made = table(1_000);
        made.write_arrow(&path).expect("written");
        let again = Table::read_arrow(&path, &made.schema).expect("read");
        assert_eq!(again.batch, made.batch);
        let columns = again.batch.columns();
        let file = memory(&columns[0]);
        assert!(columns.iter().all(|column| memory(column) == file), "no column was copied");
        let rows = arrow::array::UInt32Array::from_iter_values((0..1_000).step_by(3));
        let taken = columns.iter().map(|column| take(column, &rows, None).expect("taken"));
        for column in taken {
            assert_ne!(memory(&column), file);
            if let Some(categories) = column.as_dictionary_opt::<Int32Type>() {
                assert_ne!(memory(categories.values()), file);
            }
        }
    }

    #[test]
    fn tables_of_any_size_and_in_any_number_of_batches_read_back_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("table.arrow");
        for rows in [0, 1, 999] {
            let made = table(rows);
            for batch_rows in [1, 64, 1_000] {
                let file = File::create(&path).expect("a file");
                let mut writer = FileWriter::try_new(file, &made.batch.schema()).expect("begun");
                for start in (0..made.rows()).step_by(batch_rows) {
                    let part = made.batch.slice(start, batch_rows.min(made.rows() - start));
                    writer.write(&part).expect("written");
                }
                writer.finish().expect("whole");
                let again = Table::read_arrow(&path, &made.schema).expect("read");
                assert_eq!(again.batch, made.batch, "{rows} rows, {batch_rows} at a time");
            }
        }
    }

    /// Everything but the columns' own bytes: the headers of the messages and the footer.
    #[test]
    fn a_wrong_byte_anywhere_in_the_headers_is_a_failure_of_data_or_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("table.arrow");
        let made = table(4);
        made.write_arrow(&path).expect("written");
        let whole = std::fs::read(&path).expect("readable");
        let (end, mut headers) = (whole.len() - 10, Vec::new());
        let length = read_footer_length(*whole[end..].first_chunk().expect("ten bytes")).expect("a footer");
        let footer = root_as_footer(&whole[end - length..end]).expect("a footer");
        let blocks = footer.dictionaries().into_iter().chain(footer.recordBatches()).flatten();
        for block in blocks {
            let at = block.offset() as usize;
            headers.extend(at..at + block.metaDataLength() as usize);
        }
        assert!(headers.len() > 200, "a batch and its categories");
        headers.extend(end - length..whole.len());
        let mut refused = 0;
        for (place, byte) in headers.iter().flat_map(|at| [(*at, 0x80), (*at, 0xff), (*at, 1)]) {
            let mut bytes = whole.clone();
            bytes[place] ^= byte;
            io::Write::write_all(&mut File::create(&path).expect("a file"), &bytes).expect("written");
            if let Err(failure) = Table::read_arrow(&path, &made.schema) {
                assert_eq!(failure.class, FailureClass::Data, "byte {place}: {failure}");
                refused += 1;
            }
        }
        assert!(refused > headers.len() / 4, "{refused} of {}", headers.len());
    }

    /// A block that lies about where its body begins: the decoder would look behind its end.
    #[test]
    fn a_block_that_is_longer_or_shorter_than_its_message_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("table.arrow");
        let made = table(50);
        made.write_arrow(&path).expect("written");
        let whole = std::fs::read(&path).expect("readable");
        let end = whole.len() - 10;
        let length = read_footer_length(*whole[end..].first_chunk().expect("ten bytes")).expect("a footer");
        let footer = root_as_footer(&whole[end - length..end]).expect("a footer");
        let block = footer.recordBatches().expect("a batch").get(0);
        let (header, body) = (block.metaDataLength(), block.bodyLength());
        let at = whole.windows(block.0.len()).position(|bytes| bytes == block.0).expect("the block");
        for (header, body) in
            [(header, 8), (header + 64, body - 64), (header, 0), (8, 8), (-8, body), (header, -8)]
        {
            let mut bytes = whole.clone();
            bytes[at + 8..at + 12].copy_from_slice(&header.to_le_bytes());
            bytes[at + 16..at + 24].copy_from_slice(&body.to_le_bytes());
            let what = ipc::check(&bytes, u64::MAX).expect_err("its columns lie elsewhere");
            assert!(what.contains("would take"), "{what}");
        }
    }

    #[test]
    fn a_file_that_ends_anywhere_is_a_failure_of_data() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("table.arrow");
        let made = table(20);
        made.write_arrow(&path).expect("written");
        let whole = std::fs::read(&path).expect("readable");
        for length in 0..whole.len() {
            let mut file = File::create(&path).expect("a file");
            io::Write::write_all(&mut file, &whole[..length]).expect("written");
            let failure = Table::read_arrow(&path, &made.schema).expect_err("it is cut off");
            assert_eq!(failure.class, FailureClass::Data);
            assert!(failure.message.contains("Import the file again"), "{failure}");
        }
    }
}
