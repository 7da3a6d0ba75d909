//! Reading: a file of any format in, one typed table and a report of what happened out.

use std::path::Path;

use orrery_domain::{
    Failure, FailureClass,
    dataset::{BadRow, ImportBudget, ImportOptions, SourceFile},
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

/// Reads `file` into a typed table. Types in `options` win over what the values look like; a value that does not fit such a
/// type becomes missing and is counted in a warning. A type for a column the file does not have is reported, not refused.
///
/// # Errors
/// A data failure that says what is wrong with the file and what to do, a capacity failure when `budget` is spent, or an
/// interruption.
pub fn read_table(
    file: &Path,
    _options: &ImportOptions,
    _budget: &ImportBudget,
    _control: &dyn JobControl,
) -> Result<(Table, ReadReport), Interrupt> {
    Err(Failure::new(FailureClass::Bug, format!("Not built: reading {}", file.display())).into())
}
