//! Compression as a job: the new version is made beside the registry, measured, judged, and only then registered.

use std::path::{Path, PathBuf};

use orrery_domain::{
    ModelRef, RunId,
    compress::{CompressMethod, CompressReport},
    dataset::Dataset,
    job::JobEvent,
    run::Progress,
};
use orrery_learn::{
    compress::CompressJob,
    control::{Interrupt, JobControl, check},
};

use super::{
    Work,
    kept::{Kept, remove},
    measure,
    spawn::this_program,
};
use crate::{files, registry, runs, store::Store, workspace::Workspace};

/// What a compression's spec asks for.
pub struct Wanted<'a> {
    pub home: &'a PathBuf,
    pub model: &'a ModelRef,
    pub dataset: &'a Dataset,
    pub method: &'a CompressMethod,
    pub model_name: &'a str,
    pub run: &'a RunId,
}

/// A folder that is gone with the value, unless it was moved away.
struct Staged(PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Compresses a model, measures it beside the one that it came from, and registers it. What was trained when it ended early stays for the
/// next time that the same is asked.
///
/// # Errors
/// A failure or an interruption; the registry is then as it was.
pub fn compress(
    wanted: &Wanted<'_>,
    work: &dyn Work,
    control: &dyn JobControl,
) -> Result<CompressReport, Interrupt> {
    let workspace = Workspace::open(wanted.home)?;
    let request = (wanted.model, wanted.method, &wanted.dataset.id);
    let what = format!("compression of {}", wanted.model);
    let kept = Kept::claim(&workspace, "compress", &request, &what, control)?;
    let result = made(wanted, &workspace, kept.folder(), work, control);
    kept.end(&result);
    result
}

fn made(
    wanted: &Wanted<'_>,
    workspace: &Workspace,
    kept: &Path,
    work: &dyn Work,
    control: &dyn JobControl,
) -> Result<CompressReport, Interrupt> {
    let staged = Staged(workspace.jobs().join(runs::fresh_id()));
    files::create_private(&staged.0)?;
    let job = CompressJob {
        from: wanted.model.clone(),
        folder: workspace.model(wanted.model),
        others: wanted.method.others().iter().map(|model| workspace.model(model)).collect(),
        staged: staged.0.clone(),
        work: kept.to_path_buf(),
        blob: workspace.blob(wanted.dataset),
        dataset: wanted.dataset.clone(),
        run: wanted.run.clone(),
        method: wanted.method.clone(),
    };
    let (mut report, mut card) = work.compress(&job, control)?;
    let program = this_program()?;
    let speed = |folder: &Path, phase: &str| {
        let progress = Progress { phase: phase.to_owned(), fraction: Some(0.97), ..Progress::default() };
        control.emit(JobEvent::Progress { progress, kind: None });
        check(control)?;
        let found = measure::in_child(&program, folder);
        if let Err(failure) = &found {
            control.emit(JobEvent::Warning { message: failure.message.clone() });
        }
        Ok::<_, Interrupt>(found.ok())
    };
    report.before.speed = speed(&job.folder, "Measuring the speed before")?;
    report.after.speed = speed(&staged.0, "Measuring the speed after")?;
    report.findings = report.find();
    if let Some(made) = card.compressions.last_mut() {
        made.report = report.clone();
    }
    check(control)?;
    let mut store = Store::open(workspace)?;
    let name = &wanted.dataset.name;
    let model =
        registry::register(workspace, &mut store, &staged.0, wanted.model_name, &card, wanted.run, name)?;
    report.model = Some(model);
    Ok(report)
}
