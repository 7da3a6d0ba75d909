//! Training: a request and a table in, a model folder and its card out.

pub(crate) mod files;
pub(crate) mod steer;

use std::path::PathBuf;

use orrery_domain::{
    Failure, FailureClass, RunId,
    dataset::Dataset,
    device::{Device, DeviceChoice},
    job::TrainSummary,
    model::ModelCard,
    profile::Profile,
    training::{Forecast, TrainConfig},
};

use crate::control::{Interrupt, JobControl};

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
}

/// Trains, or goes on from the last checkpoint in the run's folder. The finished model version (without a name yet) is in
/// `run_dir/model/`; the summary's `model` is `None` until the registry has named it.
///
/// # Errors
/// A failure with its class, or an interruption after a checkpoint.
pub fn run(_job: &TrainJob, _control: &dyn JobControl) -> Result<(TrainSummary, ModelCard), Interrupt> {
    Err(Failure::new(FailureClass::Bug, "Not built: train").into())
}

/// What a run is expected to need. Fast: reads nothing but its arguments.
///
/// # Errors
/// A client failure when the request does not fit the dataset (no such target, one class, …).
pub fn forecast(
    _dataset: &Dataset,
    _profile: Option<&Profile>,
    _config: &TrainConfig,
    _devices: &[Device],
) -> Result<Forecast, Failure> {
    Err(Failure::new(FailureClass::Bug, "Not built: forecast"))
}
