//! The work a child can do, behind a trait so that tests can script it.

use std::path::Path;

use orrery_domain::{
    Failure,
    compare::CompareReport,
    compress::CompressReport,
    dataset::{Dataset, ImportBudget, ImportOptions},
    device::{Device, DeviceChoice},
    explain::ExplainReport,
    job::{PredictReport, RowPrediction, RowRequest, TrainSummary},
    metric::Metrics,
    model::ModelCard,
    profile::Profile,
};
use orrery_learn::{
    compare::CompareJob,
    compress::CompressJob,
    control::{Interrupt, JobControl},
    explain::ExplainJob,
    table::Table,
    train::TrainJob,
};

/// Answers one row after another, with a model that stays loaded.
pub type RowAnswerer = Box<dyn Fn(&RowRequest) -> Result<RowPrediction, Failure>>;

/// What a child process does, without the process around it.
pub trait Work: Sync {
    /// Imports a file, see [`orrery_learn::data::import`].
    ///
    /// # Errors
    /// A failure or an interruption.
    fn import(
        &self,
        file: &Path,
        options: &ImportOptions,
        budget: &ImportBudget,
        blobs: &Path,
        control: &dyn JobControl,
    ) -> Result<(Dataset, Profile), Interrupt>;

    /// Profiles an imported table.
    ///
    /// # Errors
    /// A failure or an interruption.
    fn profile(
        &self,
        dataset: &Dataset,
        blob: &Path,
        target: Option<&str>,
        control: &dyn JobControl,
    ) -> Result<Profile, Interrupt>;

    /// Trains, see [`orrery_learn::train::run`].
    ///
    /// # Errors
    /// A failure or an interruption.
    fn train(&self, job: &TrainJob, control: &dyn JobControl)
    -> Result<(TrainSummary, ModelCard), Interrupt>;

    /// Measures a model on a file.
    ///
    /// # Errors
    /// A failure or an interruption.
    fn evaluate(
        &self,
        model: &Path,
        file: &Path,
        control: &dyn JobControl,
    ) -> Result<(Metrics, u64), Interrupt>;

    /// Predicts on a file.
    ///
    /// # Errors
    /// A failure or an interruption.
    fn predict(
        &self,
        model: &Path,
        file: &Path,
        out: &Path,
        control: &dyn JobControl,
    ) -> Result<PredictReport, Interrupt>;

    /// Compares models, see [`orrery_learn::compare::compare`].
    ///
    /// # Errors
    /// A failure or an interruption.
    fn compare(&self, job: &CompareJob<'_>, control: &dyn JobControl) -> Result<CompareReport, Interrupt>;

    /// Explains a model's answers, see [`orrery_learn::explain::run`].
    ///
    /// # Errors
    /// A failure or an interruption.
    fn explain(&self, job: &ExplainJob<'_>, control: &dyn JobControl) -> Result<ExplainReport, Interrupt>;

    /// Compresses a model, see [`orrery_learn::compress::run`].
    ///
    /// # Errors
    /// A failure or an interruption.
    fn compress(
        &self,
        job: &CompressJob,
        control: &dyn JobControl,
    ) -> Result<(CompressReport, ModelCard), Interrupt>;

    /// Every device of this machine, not probed.
    fn list_devices(&self) -> Vec<Device>;

    /// Checks and measures one device.
    ///
    /// # Errors
    /// When there is no such device.
    fn probe_device(&self, choice: DeviceChoice) -> Result<Device, Failure>;

    /// Loads a model for a session.
    ///
    /// # Errors
    /// When the model cannot be loaded.
    fn load(&self, model: &Path) -> Result<RowAnswerer, Failure>;
}

/// The real work.
#[derive(Clone, Copy, Debug, Default)]
pub struct LearnWork;

impl Work for LearnWork {
    fn import(
        &self,
        file: &Path,
        options: &ImportOptions,
        budget: &ImportBudget,
        blobs: &Path,
        control: &dyn JobControl,
    ) -> Result<(Dataset, Profile), Interrupt> {
        orrery_learn::data::import(file, options, budget, blobs, control)
    }

    fn profile(
        &self,
        dataset: &Dataset,
        blob: &Path,
        target: Option<&str>,
        control: &dyn JobControl,
    ) -> Result<Profile, Interrupt> {
        let table = Table::read_arrow(blob, &dataset.columns)?;
        orrery_learn::data::profile(dataset, &table, target, control)
    }

    fn train(
        &self,
        job: &TrainJob,
        control: &dyn JobControl,
    ) -> Result<(TrainSummary, ModelCard), Interrupt> {
        orrery_learn::train::run(job, control)
    }

    fn evaluate(
        &self,
        model: &Path,
        file: &Path,
        control: &dyn JobControl,
    ) -> Result<(Metrics, u64), Interrupt> {
        orrery_learn::predict::evaluate_file(model, file, control)
    }

    fn predict(
        &self,
        model: &Path,
        file: &Path,
        out: &Path,
        control: &dyn JobControl,
    ) -> Result<PredictReport, Interrupt> {
        orrery_learn::predict::predict_file(model, file, out, control)
    }

    fn compare(&self, job: &CompareJob<'_>, control: &dyn JobControl) -> Result<CompareReport, Interrupt> {
        orrery_learn::compare::compare(job, control)
    }

    fn explain(&self, job: &ExplainJob<'_>, control: &dyn JobControl) -> Result<ExplainReport, Interrupt> {
        orrery_learn::explain::run(job, control)
    }

    fn compress(
        &self,
        job: &CompressJob,
        control: &dyn JobControl,
    ) -> Result<(CompressReport, ModelCard), Interrupt> {
        orrery_learn::compress::run(job, control)
    }

    fn list_devices(&self) -> Vec<Device> {
        orrery_learn::device::list()
    }

    fn probe_device(&self, choice: DeviceChoice) -> Result<Device, Failure> {
        orrery_learn::device::probe(choice)
    }

    fn load(&self, model: &Path) -> Result<RowAnswerer, Failure> {
        let predictor = orrery_learn::predict::Predictor::load(model)?;
        Ok(Box::new(move |asked| {
            if asked.explain { predictor.explained_row(&asked.row) } else { predictor.row(&asked.row) }
        }))
    }
}
