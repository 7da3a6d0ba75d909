//! Compression as a job: the new version is made beside the registry, measured, judged, and only then registered.

use std::path::{Path, PathBuf};

use orrery_domain::{
    ModelRef, RunId,
    compress::{CompressReport, QuantizeConfig},
    dataset::Dataset,
    job::JobEvent,
    run::Progress,
};
use orrery_learn::{
    control::{Interrupt, JobControl, check},
    quantize::QuantizeJob,
};

use super::{Work, measure, spawn::this_program};
use crate::{files, registry, runs, store::Store, workspace::Workspace};

/// What a quantization's spec asks for.
pub struct Wanted<'a> {
    pub home: &'a PathBuf,
    pub model: &'a ModelRef,
    pub dataset: &'a Dataset,
    pub config: &'a QuantizeConfig,
    pub model_name: &'a str,
    pub run: &'a RunId,
}

/// A folder that is gone with the value, unless it was moved away.
struct Staged(PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        if self.0.exists()
            && let Err(error) = std::fs::remove_dir_all(&self.0)
        {
            log::warn!("what was left of a compression stays in {}: {error}", self.0.display());
        }
    }
}

/// Quantizes a model, measures it beside the one that it came from, and registers it.
///
/// # Errors
/// A failure or an interruption; the registry is then as it was.
pub fn quantize(
    wanted: &Wanted<'_>,
    work: &dyn Work,
    control: &dyn JobControl,
) -> Result<CompressReport, Interrupt> {
    let workspace = Workspace::open(wanted.home)?;
    let staged = Staged(workspace.jobs().join(runs::fresh_id()));
    files::create_private(&staged.0)?;
    let job = QuantizeJob {
        from: wanted.model.clone(),
        folder: workspace.model(wanted.model),
        staged: staged.0.clone(),
        blob: workspace.blob(wanted.dataset),
        dataset: wanted.dataset.clone(),
        run: wanted.run.clone(),
        config: wanted.config.clone(),
    };
    let (mut report, mut card) = work.quantize(&job, control)?;
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
    report.notes = report.sentences();
    if let Some(made) = &mut card.compression {
        made.report = report.clone();
    }
    check(control)?;
    let mut store = Store::open(&workspace)?;
    let name = &wanted.dataset.name;
    let model =
        registry::register(&workspace, &mut store, &staged.0, wanted.model_name, &card, wanted.run, name)?;
    report.model = Some(model);
    Ok(report)
}
