//! Explanation as a job: what was computed when it ended early is kept, and the same request goes on from there.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use orrery_domain::{
    Failure, FailureClass, ModelRef,
    compare::CompareData,
    dataset::Dataset,
    explain::{ExplainReport, ExplainSettings},
    job::JobEvent,
    run::Progress,
};
use orrery_learn::{
    control::{Interrupt, JobControl, check},
    explain::ExplainJob,
};

use super::{
    Work,
    kept::{self, Kept},
};
use crate::workspace::Workspace;

/// Begins the names of the folders.
const KIND: &str = "explain";
/// Explanations that ended early and are kept.
const MOST: usize = 8;
/// How long the same explanation, which was just cancelled, may take to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at it.
const NAP: Duration = Duration::from_millis(50);

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
    let kept = claim(wanted, &workspace, control)?;
    kept::forget(&workspace, KIND, MOST);
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
    let goes_on = match &result {
        Ok(_) => false,
        Err(Interrupt::Cancelled | Interrupt::Stopped) => true,
        Err(Interrupt::Failed(failure)) => failure.class == FailureClass::Capacity,
    };
    if !goes_on {
        kept.remove();
    }
    result
}

/// The request's folder, once nobody else works on the same.
fn claim(wanted: &Wanted<'_>, workspace: &Workspace, control: &dyn JobControl) -> Result<Kept, Interrupt> {
    let begin = Instant::now();
    let dataset = wanted.trained_on.map(|dataset| &dataset.id);
    let request = (wanted.model, wanted.data, dataset, wanted.settings, wanted.out);
    loop {
        if let Some(kept) = Kept::open(workspace, KIND, &request)? {
            return Ok(kept);
        }
        if begin.elapsed() > PATIENCE {
            let message = format!(
                "The same explanation of {} is being computed already. Wait for it, or cancel it.",
                wanted.model
            );
            return Err(Failure::new(FailureClass::Client, message).into());
        }
        let phase = "Waiting for the end of the same explanation".to_owned();
        control.emit(JobEvent::Progress { progress: Progress { phase, ..Progress::default() }, kind: None });
        check(control)?;
        std::thread::sleep(NAP);
    }
}
