//! The snapshot: everything the window may draw, at one moment.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    compare::{CompareReport, CompareSettings, CompareSource},
    compress::CompressMethod,
    curves::Curves,
    dataset::Dataset,
    device::{Device, DeviceChoice},
    explain::{ExplainMethod, ExplainReport, ExplainSettings},
    failure::Failure,
    fleet::FleetState,
    ids::{DatasetId, ModelRef, RunId},
    job::{PredictReport, RowPrediction},
    metric::{MetricId, MetricValue},
    model::ModelCard,
    profile::Profile,
    run::{Progress, Run, SeriesId},
    search::Search,
    series::Series,
    serving::Serving,
    training::{Forecast, ModelKind, Task, TrainConfig},
    tune::{TuneReport, TuneRequest},
    units::UnixSecs,
};

/// Where the window stands towards the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceInfo {
    /// Its folder.
    pub home: PathBuf,
    /// Another window has it: this one only looks.
    pub read_only: bool,
    /// Bytes of all blobs, runs and models; `None` until counted.
    pub disk_bytes: Option<u64>,
    /// Free bytes of the disk it is on.
    pub free_bytes: Option<u64>,
}

/// A dataset in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetEntry {
    /// The record.
    pub dataset: Arc<Dataset>,
    /// Its profile, where loaded.
    pub profile: Option<Arc<Profile>>,
    /// Deleted, kept for undo.
    pub deleted: bool,
}

/// A model version in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelEntry {
    /// Name and version.
    pub model: ModelRef,
    /// Family.
    pub kind: ModelKind,
    /// Task.
    pub task: Task,
    /// Target.
    pub target: String,
    /// Dataset name.
    pub dataset_name: String,
    /// Primary test metric.
    pub primary: (MetricId, MetricValue),
    /// Bytes of its folder.
    pub bytes: u64,
    /// When it was made.
    pub created_at: UnixSecs,
    /// The model it was made from, where it was: by compression.
    #[serde(default)]
    pub compressed_from: Option<ModelRef>,
    /// Whether its matrices are whole numbers of few bits.
    #[serde(default)]
    pub quantized: bool,
    /// Deleted, kept for undo.
    pub deleted: bool,
    /// The card, where loaded.
    pub card: Option<Arc<ModelCard>>,
    /// The curves, where loaded.
    pub curves: Option<Arc<Curves>>,
}

impl ModelEntry {
    /// Whether it can be compressed this way.
    pub fn can_be_compressed(&self, method: &CompressMethod) -> bool {
        !self.deleted && method.refusal(self.kind, self.quantized).is_none()
    }
}

/// What a job that is not a run does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobKind {
    /// Import of a file.
    Import {
        /// File.
        file: PathBuf,
    },
    /// Profile of a dataset.
    Profile {
        /// Dataset.
        dataset: DatasetId,
    },
    /// Prediction on a file.
    Predict {
        /// Model.
        model: ModelRef,
        /// File.
        file: PathBuf,
    },
    /// Comparison of models.
    Compare {
        /// Models.
        models: Vec<ModelRef>,
    },
    /// Explanation of a model's answers.
    Explain {
        /// Model.
        model: ModelRef,
        /// Method; none: the model's own.
        method: Option<ExplainMethod>,
    },
    /// Compression of a model.
    Compress {
        /// Model.
        model: ModelRef,
        /// How.
        method: Box<CompressMethod>,
    },
    /// Search of settings.
    Search {
        /// The search's id.
        search: String,
    },
    /// Tuning of how a model is served.
    Tune {
        /// Id of the tuning.
        tuning: String,
        /// Request.
        request: Box<TuneRequest>,
    },
    /// Device probe.
    Probe,
}

/// A job that is not a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobEntry {
    /// Number, counted from the start of the program.
    pub id: u64,
    /// What it does.
    pub kind: JobKind,
    /// How far it is.
    pub progress: Progress,
    /// When it began.
    pub started_at: UnixSecs,
    /// How it ended; `None` while it goes on.
    pub outcome: Option<JobOutcome>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum JobOutcome {
    /// A dataset is there.
    Imported {
        /// It.
        dataset: DatasetId,
    },
    /// A profile is there.
    Profiled,
    /// A prediction is there.
    Predicted {
        /// How it went.
        report: Box<PredictReport>,
    },
    /// A comparison is there.
    Compared,
    /// An explanation is there.
    Explained,
    /// A smaller model is there.
    Compressed {
        /// It.
        model: ModelRef,
    },
    /// A search did what its plan asked for.
    Searched,
    /// A tuning is finished.
    Tuned {
        /// Its id.
        tuning: String,
    },
    /// Devices are known.
    Probed,
    /// It failed.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// A person ended it.
    Cancelled,
}

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good news.
    Ok,
    /// News.
    Info,
    /// Look at it.
    Warning,
    /// Something failed.
    Error,
}

/// A message for the person, with what undoes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Number.
    pub id: u64,
    /// How grave.
    pub severity: Severity,
    /// What happened and what to do next.
    pub message: String,
    /// A command that undoes it.
    pub undo: Option<crate::Command>,
    /// When.
    pub at: UnixSecs,
}

/// The answer to the latest [`crate::Command::Forecast`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastState {
    /// Dataset asked about.
    pub dataset: DatasetId,
    /// Request asked about.
    pub config: Box<TrainConfig>,
    /// The forecast, or why there is none.
    pub answer: Result<Forecast, Failure>,
}

/// The answer to the latest [`crate::Command::TryRow`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TryRowState {
    /// Model asked.
    pub model: ModelRef,
    /// `None` while the session thinks.
    pub answer: Option<Result<RowPrediction, Failure>>,
}

/// The latest [`crate::Command::Compare`] and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompareState {
    /// The job that computes it.
    pub job: u64,
    /// Models asked about.
    pub models: Vec<ModelRef>,
    /// Rows asked about.
    pub source: CompareSource,
    /// How it was asked.
    pub settings: CompareSettings,
    /// What was found; `None` while the job goes on, or where it was cancelled.
    pub answer: Option<Result<CompareReport, Failure>>,
}

/// The latest [`crate::Command::Explain`] and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainState {
    /// The job that computes it.
    pub job: u64,
    /// Model asked about.
    pub model: ModelRef,
    /// Rows asked about.
    pub source: CompareSource,
    /// How it was asked.
    pub settings: ExplainSettings,
    /// What was found; `None` while the job goes on, or where it was cancelled.
    pub answer: Option<Result<ExplainReport, Failure>>,
}

/// A run's curves.
pub type RunSeries = BTreeMap<SeriesId, Series>;

/// A policy's choice of device, with its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceAdvice {
    /// The device `auto` means now.
    pub choice: DeviceChoice,
    /// Why: a sentence.
    pub reason: String,
}

/// Everything the window may draw. Nested `Arc`s: a new snapshot shares what did not change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Counts published snapshots.
    pub revision: u64,
    /// Now, as the supervisor saw it.
    pub now: UnixSecs,
    /// The workspace.
    pub workspace: Arc<WorkspaceInfo>,
    /// Datasets, newest first.
    pub datasets: Arc<Vec<DatasetEntry>>,
    /// Runs, newest first.
    pub runs: Arc<Vec<Arc<Run>>>,
    /// Curves of the watched runs.
    pub series: Arc<BTreeMap<RunId, Arc<RunSeries>>>,
    /// Model versions, newest first.
    pub models: Arc<Vec<ModelEntry>>,
    /// Searches, newest first.
    pub searches: Arc<Vec<Arc<Search>>>,
    /// Jobs that are no runs: those going on and the last 20 ended, newest first.
    pub jobs: Arc<Vec<JobEntry>>,
    /// Devices, the CPU first; empty until known.
    pub devices: Arc<Vec<Device>>,
    /// What `auto` means.
    pub device_advice: Option<Arc<DeviceAdvice>>,
    /// The device new requests begin with.
    pub default_device: DeviceChoice,
    /// Messages, newest first.
    pub notices: Arc<Vec<Notice>>,
    /// Latest forecast.
    pub forecast: Option<Arc<ForecastState>>,
    /// Latest try-it answer.
    pub try_row: Option<Arc<TryRowState>>,
    /// Latest comparison.
    pub comparison: Option<Arc<CompareState>>,
    /// Latest explanation.
    pub explanation: Option<Arc<ExplainState>>,
    /// Tunings, newest first; none until [`crate::Command::LoadTunings`].
    pub tunings: Arc<Vec<Arc<TuneReport>>>,
    /// What was applied to models, by name; read with the tunings.
    pub servings: Arc<BTreeMap<String, Serving>>,
    /// The fleet.
    pub fleet: Arc<FleetState>,
    /// The window's own state as it was last saved; read once at start.
    pub window_state: Option<Arc<str>>,
}
