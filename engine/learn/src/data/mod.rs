//! Data: files in, typed tables and profiles out.

mod read;
mod task;

use std::path::Path;

use orrery_domain::{
    Failure, FailureClass,
    dataset::{Dataset, ImportBudget, ImportOptions},
    profile::Profile,
};

pub use self::{
    read::{ReadReport, read_table},
    task::detect_task,
};
use crate::{
    control::{Interrupt, JobControl},
    table::Table,
};

/// Reads `file` into `blobs` (as `<hash>.arrow`) and profiles it.
///
/// # Errors
/// A data failure that says what is wrong with the file and what to do, a capacity failure when a budget is spent, or an
/// interruption.
pub fn import(
    file: &Path,
    _options: &ImportOptions,
    _budget: &ImportBudget,
    _blobs: &Path,
    _control: &dyn JobControl,
) -> Result<(Dataset, Profile), Interrupt> {
    Err(Failure::new(FailureClass::Bug, format!("Not built: import of {}", file.display())).into())
}

/// Profiles a table; with `target`, also what depends on one.
///
/// # Errors
/// A client failure when `target` is no column, or an interruption.
pub fn profile(
    _dataset: &Dataset,
    _table: &Table,
    _target: Option<&str>,
    _control: &dyn JobControl,
) -> Result<Profile, Interrupt> {
    Err(Failure::new(FailureClass::Bug, "Not built: profile").into())
}

/// There is no such column; here are those there are.
fn unknown_column(table: &Table, name: &str) -> Failure {
    let mut names: Vec<&str> = table.schema.iter().take(30).map(|column| column.name.as_str()).collect();
    if table.schema.len() > names.len() {
        names.push("…");
    }
    Failure::new(
        FailureClass::Client,
        format!("There is no column '{name}'. The columns are: {}.", names.join(", ")),
    )
}
