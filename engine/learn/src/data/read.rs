//! Reading: a file of any format in, one typed table and a report of what happened out.

use std::path::Path;

use orrery_domain::{
    Failure, FailureClass,
    dataset::{BadRow, FileFormat, ImportBudget, ImportOptions, SourceFile},
    words::count,
};

use super::{
    columnar, gzip,
    pictures::{folder, idx},
    source, text, textual,
};
use crate::{
    control::{Interrupt, JobControl},
    table::Table,
};

/// What a person should know about a file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadReport {
    /// The file.
    pub source: SourceFile,
    /// Rows left out.
    pub bad_rows: u64,
    /// The first of them (at most 1,000).
    pub bad_row_list: Vec<BadRow>,
    /// Encodings, renamed columns, values that did not fit a type, …: sentences.
    pub warnings: Vec<String>,
    /// Columns of `options.types` that the file does not have; whether that is a failure is for the caller to say.
    pub unknown_types: Vec<String>,
}

/// Rows and what was said while reading them.
pub(super) struct Content {
    pub(super) table: Table,
    pub(super) bad_rows: u64,
    pub(super) bad_row_list: Vec<BadRow>,
}

/// What every reader works with.
pub(super) struct Reading<'a> {
    pub(super) path: &'a Path,
    pub(super) options: &'a ImportOptions,
    pub(super) budget: &'a ImportBudget,
    pub(super) control: &'a dyn JobControl,
    pub(super) warnings: Vec<String>,
}

impl Reading<'_> {
    /// A data failure that ends with the path.
    pub(super) fn failure(&self, message: impl std::fmt::Display) -> Failure {
        Failure::new(FailureClass::Data, format!("{message} ({})", self.path.display()))
    }

    /// A capacity failure that ends with the path.
    pub(super) fn over_budget(&self, message: impl std::fmt::Display) -> Failure {
        Failure::new(FailureClass::Capacity, format!("{message} ({})", self.path.display()))
    }

    /// Refuses more columns than the budget has.
    pub(super) fn check_columns(&self, columns: usize) -> Result<(), Failure> {
        if columns as u64 <= u64::from(self.budget.columns) {
            return Ok(());
        }
        Err(self.over_budget(format_args!(
            "The file has {} columns, and an import may have {}. Leave some out.",
            count(columns as u64),
            count(u64::from(self.budget.columns))
        )))
    }

    /// Refuses more rows than the budget has.
    pub(super) fn check_rows(&self, rows: u64) -> Result<(), Failure> {
        if rows <= self.budget.rows {
            return Ok(());
        }
        Err(self.over_budget(format_args!(
            "The file has at least {} rows, and an import may have {}. Take a sample of it.",
            count(rows),
            count(self.budget.rows)
        )))
    }

    /// Refuses more memory than the budget has.
    pub(super) fn check_memory(&self, bytes: u64) -> Result<(), Failure> {
        if bytes <= self.budget.memory_bytes {
            return Ok(());
        }
        Err(self.over_budget(format_args!(
            "Reading the file takes more than the {} MB of memory that an import may use. Allow it more, or take a sample.",
            self.budget.memory_bytes >> 20
        )))
    }
}

/// Reads `file` into a typed table. Types in `options` win over what the values look like; a value that does not fit such a
/// type becomes missing and is counted in a warning. A type for a column the file does not have is reported, not refused.
///
/// # Errors
/// A data failure that says what is wrong with the file and what to do, a capacity failure when `budget` is spent, or an
/// interruption.
pub fn read_table(
    file: &Path,
    options: &ImportOptions,
    budget: &ImportBudget,
    control: &dyn JobControl,
) -> Result<(Table, ReadReport), Interrupt> {
    Opened::new(file, budget, control)?.read(file, options, budget, control)
}

/// A file or a folder whose bytes were read and hashed.
pub(super) enum Opened {
    /// A file.
    File(Box<source::Source>),
    /// A folder of pictures.
    Folder(Box<folder::Listing>),
}

impl Opened {
    /// Reads what is at `path`.
    ///
    /// # Errors
    /// As [`read_table`].
    pub(super) fn new(
        path: &Path,
        budget: &ImportBudget,
        control: &dyn JobControl,
    ) -> Result<Self, Interrupt> {
        if path.is_dir() {
            return Ok(Self::Folder(Box::new(folder::list(path, budget, control)?)));
        }
        Ok(Self::File(Box::new(source::read(path, budget, control)?)))
    }

    /// The hash of its bytes; more can be fed to it.
    pub(super) fn hasher(&self) -> &blake3::Hasher {
        match self {
            Self::File(source) => &source.hasher,
            Self::Folder(listing) => &listing.hasher,
        }
    }

    /// Its rows.
    ///
    /// # Errors
    /// As [`read_table`].
    pub(super) fn read(
        self,
        path: &Path,
        options: &ImportOptions,
        budget: &ImportBudget,
        control: &dyn JobControl,
    ) -> Result<(Table, ReadReport), Interrupt> {
        match self {
            Self::File(source) => read_source(*source, path, options, budget, control),
            Self::Folder(listing) => {
                let mut reading = Reading { path, options, budget, control, warnings: Vec::new() };
                let source = (listing.bytes, listing.hasher.clone(), FileFormat::Images);
                let content = listing.decode(&mut reading)?;
                report(reading, content, source)
            }
        }
    }
}

/// Reads a file whose bytes are there.
fn read_source(
    source: source::Source,
    file: &Path,
    options: &ImportOptions,
    budget: &ImportBudget,
    control: &dyn JobControl,
) -> Result<(Table, ReadReport), Interrupt> {
    let source::Source { bytes, hasher, labels } = source;
    let file_bytes = bytes.len() as u64;
    let mut reading = Reading { path: file, options, budget, control, warnings: Vec::new() };
    let bytes = gzip::unpacked(bytes, budget, control, &mut reading.warnings, file)?;
    let mut format = source::format_of(&bytes, file)?;
    let content = match format {
        FileFormat::Parquet => columnar::parquet(bytes, &mut reading)?,
        FileFormat::Arrow => columnar::arrow(bytes, &mut reading)?,
        FileFormat::Idx => idx::read(&bytes, labels, &mut reading)?,
        FileFormat::Csv | FileFormat::JsonLines | FileFormat::Images => {
            let text = text::with_newlines(text::decode(bytes, &mut reading.warnings, file)?);
            // Once more: UTF-16 hides it.
            format = source::format_of(text.as_bytes(), file)?;
            if format == FileFormat::JsonLines {
                textual::json(text, &mut reading)?
            } else {
                format = FileFormat::Csv;
                textual::csv(text, &mut reading)?
            }
        }
    };
    report(reading, content, (file_bytes, hasher, format))
}

/// What was read, with what is to be said of it.
fn report(
    reading: Reading<'_>,
    content: Content,
    (file_bytes, hasher, format): (u64, blake3::Hasher, FileFormat),
) -> Result<(Table, ReadReport), Interrupt> {
    let Content { table, bad_rows, bad_row_list } = content;
    let (file, options) = (reading.path, reading.options);
    if table.rows() == 0 {
        return Err(nothing_left(&reading, bad_rows, &bad_row_list).into());
    }
    let mut unknown_types: Vec<String> =
        options.types.keys().filter(|name| table.position(name).is_none()).cloned().collect();
    unknown_types.sort_unstable();
    let source = SourceFile {
        path: file.display().to_string(),
        bytes: file_bytes,
        hash: hasher.finalize().to_hex().to_string(),
        format,
    };
    let warnings = reading.warnings;
    Ok((table, ReadReport { source, bad_rows, bad_row_list, warnings, unknown_types }))
}

fn nothing_left(reading: &Reading<'_>, bad_rows: u64, list: &[BadRow]) -> Failure {
    match list.first() {
        Some(first) => reading.failure(format_args!(
            "None of the {} rows can be read. Line {}: {} Mend the file or name its delimiter.",
            count(bad_rows),
            first.line,
            first.reason
        )),
        None => reading.failure("The file has columns but no rows. Choose another."),
    }
}
