//! Training: a request and a table in, a model folder and its card out.
//!
//! ```text
//! request ─check─► split ─► prepare ─► fit (auto: several, within a budget) ─► judge on test rows ─► run_dir/model/
//!                                       │
//!                                       └─ run_dir/checkpoints/: a journal of what is done, one folder a family
//! ```
//!
//! Test rows are read once, at the end, for the figures on the card; nothing is chosen or fitted with them.

pub(crate) mod again;
mod baseline;
pub(crate) mod files;
mod finish;
mod fit;
mod fit_linear;
mod forecast;
mod importance;
mod journal;
pub(crate) mod keep;
mod outlook;
mod parts;
pub(crate) mod pictures;
mod plan;
mod request;
mod scope;
mod scorer;
pub(crate) mod steer;

#[cfg(test)]
pub(crate) mod tests;

use std::{cell::RefCell, path::PathBuf};

use orrery_domain::{
    Failure, FailureClass, RunId,
    dataset::Dataset,
    device::{Device, DeviceChoice},
    job::{JobEvent, TrainSummary},
    model::ModelCard,
    profile::Profile,
    search::TrialPart,
    training::{Forecast, ModelKind, TrainConfig},
    words::count,
};

use self::{fit::Bench, journal::Journal, steer::steer};
use crate::{
    control::{Interrupt, JobControl},
    device, room,
    split::SplitRows,
    table::Table,
};

/// Everything a training run works with.
#[derive(Clone, Debug)]
pub struct TrainJob {
    /// Run.
    pub run: RunId,
    /// Its folder: checkpoints go to `checkpoints/`, the finished model to `model/`.
    pub run_dir: PathBuf,
    /// The imported table.
    pub blob: PathBuf,
    /// The dataset's record.
    pub dataset: Dataset,
    /// The request.
    pub config: TrainConfig,
    /// The device that was chosen.
    pub device: DeviceChoice,
    /// Parts that a batch is computed in, at least; more than 1 where memory was short before.
    pub passes: u32,
    /// What it is to a search, where it is a trial of one. A trial that is not the chosen one is judged on the validation rows alone.
    pub part: Option<TrialPart>,
}

impl TrainJob {
    /// Whether the test rows are left alone, and the baselines with them.
    fn is_trial(&self) -> bool {
        self.part.as_ref().is_some_and(|part| !part.chosen)
    }
}

/// Trains, or goes on from the last checkpoint in the run's folder. The finished model version (without a name yet) is in
/// `run_dir/model/`; the summary's `model` is `None` until the registry has named it.
///
/// # Errors
/// A failure with its class, or an interruption after a checkpoint.
pub fn run(job: &TrainJob, control: &dyn JobControl) -> Result<(TrainSummary, ModelCard), Interrupt> {
    if let Some(finished) = finish::already(job) {
        return Ok(finished);
    }
    let table = Table::read_arrow(&job.blob, &job.dataset.columns)?;
    let request = request::check(&job.config, &table)?;
    let parts = parts::divide(&job.config, &request, &table)?;
    drop(table);
    let (bench, notes) = Bench::new(job, &request, &parts)?;
    let (journal, warning) = Journal::open(&job.run_dir.join("checkpoints"), &fingerprint(job));
    control.emit(started(job, &bench, &journal)?);
    for message in notes.into_iter().chain(parts.left_out.clone()).chain(warning) {
        control.emit(JobEvent::Warning { message });
    }
    steer(control, || Ok(()))?;
    let journal = RefCell::new(journal);
    let order = plan::order(job.config.model);
    let fits = room::patiently(
        &job.run_dir,
        control,
        || plan::fit_all(&bench, &mut journal.borrow_mut(), control),
        || control.emit(JobEvent::RolledBack { step: journal.borrow().step(&order) }),
    )?;
    let (journal, candidates) = (journal.into_inner(), fits.candidates);
    let finish = || finish::finish(&bench, &journal, &fits.kept, candidates.clone(), control);
    room::patiently(&job.run_dir, control, finish, || {})
}

/// The rows of a table by their use in a model's training, found again: the same table and request give the same.
///
/// # Errors
/// A client failure when the request does not fit the table, a data failure when a part comes out empty or the test rows are not as
/// many as the card says.
pub(crate) fn rows_again(card: &ModelCard, table: &Table) -> Result<SplitRows, Failure> {
    let request = request::check(&card.config, table)?;
    let found = parts::rows_of(&card.config, &request, table)?;
    if found.test.len() as u64 == card.rows.test {
        return Ok(found);
    }
    Err(Failure::new(
        FailureClass::Data,
        format!(
            "The model's test rows cannot be found again: its split gives {} of them, and its card says {}. Use a file of other rows.",
            count(found.test.len() as u64),
            count(card.rows.test)
        ),
    ))
}

/// The first event of a run.
fn started(job: &TrainJob, bench: &Bench<'_>, journal: &Journal) -> Result<JobEvent, Failure> {
    let kind = job.config.model;
    let on_cpu = matches!(kind, ModelKind::Gbt | ModelKind::Linear);
    Ok(JobEvent::Started {
        run: job.run.clone(),
        task: bench.request.task,
        kind,
        device: device::name(if on_cpu { DeviceChoice::Cpu } else { job.device }),
        train_rows: bench.parts.counts.train,
        parameters: bench.parameters(kind)?,
        from_step: journal.step(&plan::order(kind)),
    })
}

/// What the checkpoints belong to.
fn fingerprint(job: &TrainJob) -> String {
    let config = serde_json::to_string(&job.config).unwrap_or_default();
    let text = format!("{} {} {config} {}", job.dataset.id, job.dataset.blob, env!("CARGO_PKG_VERSION"));
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// What a run is expected to need. Fast: reads nothing but its arguments.
///
/// # Errors
/// A client failure when the request does not fit the dataset (no such target, one class, …).
pub fn forecast(
    dataset: &Dataset,
    profile: Option<&Profile>,
    config: &TrainConfig,
    devices: &[Device],
) -> Result<Forecast, Failure> {
    forecast::forecast(dataset, profile, config, devices)
}
