//! Jobs: what one child process is asked to do, and what it says while doing it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    compare::{CompareData, CompareReport, CompareSettings},
    compress::{CompressMethod, CompressReport},
    dataset::{Dataset, ImportBudget, ImportOptions},
    device::{Device, DeviceChoice},
    explain::{ExplainReport, ExplainSettings, Explanation},
    failure::Failure,
    ids::{ModelRef, RunId},
    metric::Metrics,
    model::{Baseline, Verdict},
    profile::Profile,
    run::{Progress, RunState, SeriesId, SeriesPoint},
    search::{Search, Trial, TrialPart},
    training::{ModelKind, Task, TrainConfig},
    tune::{TuneReport, TuneRequest},
};

/// What a child process does: the whole content of a spec file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case", deny_unknown_fields)]
pub enum JobSpec {
    /// Read a file into the workspace and profile it.
    Import {
        /// Workspace folder.
        home: PathBuf,
        /// The file.
        file: PathBuf,
        /// How to read it.
        options: ImportOptions,
        /// What it may use.
        budget: ImportBudget,
    },
    /// Profile an imported dataset.
    Profile {
        /// Workspace folder.
        home: PathBuf,
        /// The dataset.
        dataset: Box<Dataset>,
        /// Target, for what depends on one.
        target: Option<String>,
    },
    /// Train a model (or go on, if checkpoints are there).
    Train {
        /// Workspace folder.
        home: PathBuf,
        /// The run; its folder holds lock, control, events and checkpoints.
        run: RunId,
        /// The dataset.
        dataset: Box<Dataset>,
        /// The request.
        config: Box<TrainConfig>,
        /// Name for the model in the registry.
        model_name: String,
        /// The device that was chosen for it.
        device: DeviceChoice,
        /// Parts that a batch is computed in, one after another; more than 1 where memory was short.
        #[serde(default = "whole")]
        passes: u32,
        /// What it is to a search, where it is a trial of one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<TrialPart>,
    },
    /// Measure a model on a file with its target.
    Evaluate {
        /// Workspace folder.
        home: PathBuf,
        /// The model.
        model: ModelRef,
        /// The file.
        file: PathBuf,
    },
    /// Predict on a file.
    Predict {
        /// Workspace folder.
        home: PathBuf,
        /// The model.
        model: ModelRef,
        /// The file to read.
        file: PathBuf,
        /// The file to write (`.csv` or `.parquet`).
        out: PathBuf,
    },
    /// Compare models on the same rows.
    Compare {
        /// Workspace folder.
        home: PathBuf,
        /// The models, two or more.
        models: Vec<ModelRef>,
        /// The rows.
        data: CompareData,
        /// How.
        settings: CompareSettings,
    },
    /// Explain a model's answers.
    Explain {
        /// Workspace folder.
        home: PathBuf,
        /// The model.
        model: ModelRef,
        /// The rows.
        data: CompareData,
        /// The dataset that the model was trained on, where it is here.
        trained_on: Option<Box<Dataset>>,
        /// How.
        settings: Box<ExplainSettings>,
        /// The file to write (`.csv`).
        out: Option<PathBuf>,
    },
    /// Compress a model into a new version of it.
    Compress {
        /// Workspace folder.
        home: PathBuf,
        /// The model.
        model: ModelRef,
        /// The dataset it was trained on.
        dataset: Box<Dataset>,
        /// The request.
        method: Box<CompressMethod>,
        /// Name of the new model.
        model_name: String,
        /// Id of this work, which the new model's lineage names.
        run: RunId,
    },
    /// Search settings: start trials as runs, and hear them, until its plan is fulfilled. Its record is in the store.
    Search {
        /// Workspace folder.
        home: PathBuf,
        /// The search's id.
        search: String,
    },
    /// Measure ways to serve a model, and find the best (or go on with it).
    Tune {
        /// Workspace folder.
        home: PathBuf,
        /// Id of the tuning; its folder holds what is measured.
        id: String,
        /// The request.
        request: Box<TuneRequest>,
        /// Whether noisy measurements are made again.
        #[serde(default)]
        noisy_again: bool,
    },
    /// List the adapters of this machine, without using them.
    ListDevices {
        /// Workspace folder.
        home: PathBuf,
    },
    /// Check and measure one device.
    ProbeDevice {
        /// Which.
        device: DeviceChoice,
    },
    /// Session: load a model once, then answer rows on standard input until it ends or 60 s pass idle.
    Session {
        /// Workspace folder.
        home: PathBuf,
        /// The model.
        model: ModelRef,
    },
}

/// A batch at once.
fn whole() -> u32 {
    1
}

/// How a prediction on a file went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictReport {
    /// Rows predicted.
    pub rows: u64,
    /// The file written.
    pub out: PathBuf,
    /// Names of the columns added.
    pub added_columns: Vec<String>,
    /// Rows whose category was not seen in training, by column.
    pub unseen_categories: Vec<(String, u64)>,
    /// Rows outside the training range, by column.
    pub out_of_range: Vec<(String, u64)>,
    /// Columns of the file the model does not use.
    pub extra_columns: Vec<String>,
    /// Anything else a person should know.
    pub warnings: Vec<String>,
    /// Rows a second, model only.
    pub rows_per_sec: f64,
}

/// One row's prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowPrediction {
    /// The class or the value, as text.
    pub prediction: String,
    /// The value (regression).
    pub value: Option<f64>,
    /// Probability of each class.
    pub probabilities: Vec<(String, f64)>,
    /// What was odd about the row: unseen categories, values out of range.
    pub warnings: Vec<String>,
    /// Seconds it took inside the session.
    pub secs: f64,
    /// What each column added, where that was asked for and can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Box<Explanation>>,
}

/// A request to a session: one line of JSON on its standard input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowRequest {
    /// Echoed in the answer.
    pub request: u64,
    /// Values by column, as text; a column left out or `None` is missing.
    pub row: Vec<(String, Option<String>)>,
    /// Whether the answer is explained, too, by the model's own method.
    #[serde(default)]
    pub explain: bool,
}

/// What a training run ended with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainSummary {
    /// Model, once registered.
    pub model: Option<ModelRef>,
    /// Family trained.
    pub kind: ModelKind,
    /// Test metrics.
    pub test: Metrics,
    /// Baselines.
    pub baselines: Vec<Baseline>,
    /// Whether it beat them.
    pub verdict: Option<Verdict>,
    /// Training rows a second.
    pub samples_per_sec: f64,
    /// Device as the driver names it.
    pub device: String,
    /// Seconds of training.
    pub train_secs: f64,
}

/// What a child says: one JSON object a line, on standard output and (for runs) in `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum JobEvent {
    /// First line of a training run (again after each resume).
    Started {
        /// Run.
        run: RunId,
        /// Task.
        task: Task,
        /// Family being trained.
        kind: ModelKind,
        /// Device as the driver names it.
        device: String,
        /// Training rows.
        train_rows: u64,
        /// Trainable parameters.
        parameters: u64,
        /// Step it goes on from; 0 for a new run.
        from_step: u64,
    },
    /// Progress; may be dropped when nobody reads.
    Progress {
        /// How far.
        #[serde(flatten)]
        progress: Progress,
        /// The family now in training, for `auto`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<ModelKind>,
    },
    /// New points of curves.
    Points {
        /// By curve.
        series: Vec<(SeriesId, SeriesPoint)>,
    },
    /// The run changed state.
    State {
        /// Where it stands now.
        state: RunState,
        /// Why, if a person should know.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A checkpoint was written.
    Checkpoint {
        /// At this step.
        step: u64,
    },
    /// The run went back to a checkpoint: points of its curves after that step are taken back.
    RolledBack {
        /// Steps done there.
        step: u64,
    },
    /// Something a person should know.
    Warning {
        /// A sentence.
        message: String,
    },
    /// A training run ended well.
    Finished {
        /// Run.
        run: RunId,
        /// What it ended with.
        #[serde(flatten)]
        summary: Box<TrainSummary>,
    },
    /// An import ended well.
    Imported {
        /// The dataset.
        dataset: Box<Dataset>,
        /// Its profile.
        profile: Box<Profile>,
    },
    /// A profile ended well.
    Profiled {
        /// The profile.
        profile: Box<Profile>,
    },
    /// An evaluation ended well.
    Evaluated {
        /// Metrics.
        metrics: Metrics,
        /// Rows used.
        rows: u64,
    },
    /// A prediction ended well.
    Predicted {
        /// How it went.
        report: PredictReport,
    },
    /// A comparison ended well.
    Compared {
        /// What was found.
        report: Box<CompareReport>,
    },
    /// An explanation ended well.
    Explained {
        /// What was found.
        report: Box<ExplainReport>,
    },
    /// A compression ended well; its model is registered.
    Compressed {
        /// What came of it.
        report: Box<CompressReport>,
    },
    /// A trial of a search reached its rung; it stops there with a checkpoint.
    Rung {
        /// Epochs or trees done.
        resource: u64,
        /// Best validation loss up to there.
        loss: f64,
    },
    /// A trial of a search stands anew.
    Trial {
        /// It.
        trial: Box<Trial>,
        /// The best quality within the limits up to now.
        best: Option<f64>,
    },
    /// A search did what its plan asked for; its record is in the store.
    Searched {
        /// It.
        search: Box<Search>,
    },
    /// A tuning measured one more setting.
    TuneStep {
        /// All so far.
        report: Box<TuneReport>,
    },
    /// A tuning ended well.
    Tuned {
        /// What was found.
        report: Box<TuneReport>,
    },
    /// Devices found.
    Devices {
        /// All of them, the CPU first.
        devices: Vec<Device>,
    },
    /// A device probed.
    Probed {
        /// It, with its new state.
        device: Device,
    },
    /// A session's answer.
    Row {
        /// The request's number.
        request: u64,
        /// The answer.
        answer: Result<RowPrediction, Failure>,
    },
    /// The job failed.
    Failed {
        /// Run, if it was one.
        run: Option<RunId>,
        /// Why.
        #[serde(flatten)]
        failure: Failure,
    },
}

/// Steering: one JSON object a line, on a child's standard input or in `runs/<id>/control`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "steer", rename_all = "snake_case")]
pub enum Steering {
    /// Checkpoint and wait.
    Pause,
    /// Go on.
    Resume,
    /// Checkpoint and end as cancelled.
    Cancel,
    /// Checkpoint and end; the run stays resumable.
    Stop,
    /// Go on when the parent goes: the end of standard input then means nothing.
    Detach,
}
