//! Profiles.
use orrery_domain::{Failure, FailureClass, dataset::Dataset, profile::Profile};

use crate::{
    control::{Interrupt, JobControl},
    table::Table,
};

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
