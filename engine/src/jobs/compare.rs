//! Comparison as a job: what a cross-validation had trained when it ended early is kept, and the same goes on from there.

use std::path::{Path, PathBuf};

use orrery_domain::{
    ModelRef,
    compare::{CompareData, CompareReport, CompareSettings},
};
use orrery_learn::{
    compare::CompareJob,
    control::{Interrupt, JobControl},
};

use super::{Work, kept::Kept};
use crate::workspace::Workspace;

/// What a comparison's spec asks for.
pub struct Wanted<'a> {
    pub home: &'a Path,
    pub models: &'a [ModelRef],
    pub data: &'a CompareData,
    pub settings: &'a CompareSettings,
}

/// Compares models. What a cross-validation had trained when a person or a failure ended it, or when the process was killed, stays for
/// the next time that the same versions are cross-validated on the same dataset.
///
/// # Errors
/// A failure or an interruption.
pub fn compare(
    wanted: &Wanted<'_>,
    work: &dyn Work,
    control: &dyn JobControl,
) -> Result<CompareReport, Interrupt> {
    let workspace = Workspace::open(wanted.home)?;
    let models: Vec<(ModelRef, PathBuf)> =
        wanted.models.iter().map(|model| (model.clone(), workspace.model(model))).collect();
    let kept = match wanted.data {
        CompareData::Dataset { dataset } if wanted.settings.cross_validate => {
            // The trainings are the same whatever metric decides and however the rows are sliced.
            let request = (wanted.models, &dataset.id);
            Some(Kept::claim(&workspace, "cross-validation", &request, "cross-validation", control)?)
        }
        _ => None,
    };
    let blobs = workspace.blobs();
    let job = CompareJob {
        models: &models,
        data: wanted.data,
        blobs: &blobs,
        kept: kept.as_ref().map(Kept::folder),
        settings: wanted.settings,
    };
    let result = work.compare(&job, control);
    if let Some(kept) = kept {
        kept.end(&result);
    }
    result
}
