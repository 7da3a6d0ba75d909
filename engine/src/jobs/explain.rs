//! Explanation as a job: what was computed when it ended early is kept, and the same request goes on from there.

use std::path::{Path, PathBuf};

use orrery_domain::{
    ModelRef,
    compare::CompareData,
    dataset::Dataset,
    explain::{ExplainReport, ExplainSettings},
};
use orrery_learn::{
    control::{Interrupt, JobControl},
    explain::ExplainJob,
};

use super::{Work, kept::Kept};
use crate::workspace::Workspace;

/// What an explanation's spec asks for.
pub struct Wanted<'a> {
    pub home: &'a Path,
    pub model: &'a ModelRef,
    pub data: &'a CompareData,
    pub trained_on: Option<&'a Dataset>,
    pub settings: &'a ExplainSettings,
    pub out: Option<&'a PathBuf>,
}

/// Explains a model's answers. What was computed when a person or a lack of room ended it, or when the process was killed, stays for the
/// next time that the same is asked.
///
/// # Errors
/// A failure or an interruption.
pub fn explain(
    wanted: &Wanted<'_>,
    work: &dyn Work,
    control: &dyn JobControl,
) -> Result<ExplainReport, Interrupt> {
    let workspace = Workspace::open(wanted.home)?;
    let dataset = wanted.trained_on.map(|dataset| &dataset.id);
    let request = (wanted.model, wanted.data, dataset, wanted.settings, wanted.out);
    let what = format!("explanation of {}", wanted.model);
    let kept = Kept::claim(&workspace, "explain", &request, &what, control)?;
    let (folder, blobs) = (workspace.model(wanted.model), workspace.blobs());
    let job = ExplainJob {
        model: wanted.model,
        folder: &folder,
        data: wanted.data,
        trained_on: wanted.trained_on,
        blobs: &blobs,
        settings: wanted.settings,
        out: wanted.out.map(PathBuf::as_path),
        pieces: kept.folder(),
    };
    let result = work.explain(&job, control);
    kept.end(&result);
    result
}
