//! Commands: everything a person (or a policy) can ask the engine to do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    compare::{CompareSettings, CompareSource},
    compress::CompressMethod,
    dataset::ImportOptions,
    device::DeviceChoice,
    explain::ExplainSettings,
    fleet::FleetCommand,
    ids::{DatasetId, ModelRef, RunId},
    search::{Plan, Space},
    training::TrainConfig,
    tune::TuneAsk,
};

/// A request to the engine. What comes of it arrives in the next snapshots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Import a file (and profile it).
    ImportFile {
        /// The file.
        file: PathBuf,
        /// How to read it.
        options: ImportOptions,
    },
    /// Import the sample that comes with the program.
    OpenSample,
    /// Load or compute the profile of a dataset, with `target` for what depends on one.
    LoadProfile {
        /// Dataset.
        dataset: DatasetId,
        /// Target.
        target: Option<String>,
    },
    /// Forget a dataset. Its runs and models stay.
    DeleteDataset {
        /// Dataset.
        dataset: DatasetId,
    },
    /// Bring a deleted dataset back.
    RestoreDataset {
        /// Dataset.
        dataset: DatasetId,
    },
    /// Answer with a forecast for this request ([`crate::snapshot::ForecastState`]).
    Forecast {
        /// Dataset.
        dataset: DatasetId,
        /// Request.
        config: Box<TrainConfig>,
    },
    /// Start training.
    Train {
        /// Dataset.
        dataset: DatasetId,
        /// Request.
        config: Box<TrainConfig>,
        /// Name of the model; `None` makes one from the dataset and the model kind.
        name: Option<String>,
    },
    /// Checkpoint and wait.
    PauseRun {
        /// Run.
        run: RunId,
    },
    /// Go on, in a new process if need be.
    ResumeRun {
        /// Run.
        run: RunId,
    },
    /// End a run, keeping its last checkpoint.
    CancelRun {
        /// Run.
        run: RunId,
    },
    /// Rename a run.
    RenameRun {
        /// Run.
        run: RunId,
        /// New name.
        name: String,
    },
    /// Write a note on a run.
    NoteRun {
        /// Run.
        run: RunId,
        /// The whole note.
        note: String,
    },
    /// Delete a run that is not running; its model stays.
    DeleteRun {
        /// Run.
        run: RunId,
    },
    /// Bring a deleted run back.
    RestoreRun {
        /// Run.
        run: RunId,
    },
    /// Load the curves of runs into the snapshot; others may be dropped.
    WatchRuns {
        /// Runs to show.
        runs: Vec<RunId>,
    },
    /// Load a model's card and curves into the snapshot.
    LoadModel {
        /// Model.
        model: ModelRef,
    },
    /// Set the probability at which the positive class is predicted.
    SetThreshold {
        /// Model.
        model: ModelRef,
        /// Probability, 0 to 1.
        threshold: f64,
    },
    /// Predict on a file.
    Predict {
        /// Model.
        model: ModelRef,
        /// File to read.
        file: PathBuf,
        /// File to write.
        out: PathBuf,
    },
    /// Compare models on the same rows; the answer is [`crate::snapshot::CompareState`].
    Compare {
        /// The models, two or more.
        models: Vec<ModelRef>,
        /// The rows.
        source: CompareSource,
        /// How.
        settings: CompareSettings,
    },
    /// Explain a model's answers; the answer is [`crate::snapshot::ExplainState`].
    Explain {
        /// The model.
        model: ModelRef,
        /// The rows.
        source: CompareSource,
        /// How.
        settings: Box<ExplainSettings>,
        /// A `.csv` file for all rows.
        out: Option<PathBuf>,
    },
    /// Make a smaller version of a model.
    Compress {
        /// Model.
        model: ModelRef,
        /// Request.
        method: Box<CompressMethod>,
    },
    /// Search settings for a model.
    Search {
        /// Dataset.
        dataset: DatasetId,
        /// What every trial is asked for, beside what is chosen.
        config: Box<TrainConfig>,
        /// What is chosen.
        space: Space,
        /// How.
        plan: Box<Plan>,
    },
    /// Go on with a search, with a larger budget where one is given.
    ResumeSearch {
        /// Its id.
        search: String,
        /// Trials in all.
        trials: Option<u32>,
        /// Seconds in all.
        secs: Option<f64>,
    },
    /// End a search, whichever process has it; its trials are kept.
    CancelSearch {
        /// Its id.
        search: String,
    },
    /// Find the best way to serve a model, going on with an unfinished tuning that asks the same.
    Tune {
        /// Request.
        ask: Box<TuneAsk>,
    },
    /// Go on with a tuning.
    ResumeTuning {
        /// Its id.
        tuning: String,
    },
    /// Read the workspace's tunings into the snapshot.
    LoadTunings,
    /// Serve a model as a tuning's measurement was made.
    ApplyTuning {
        /// Its id.
        tuning: String,
        /// Number of the measurement; none: the best.
        measurement: Option<usize>,
    },
    /// Serve a model as before the last tuning that was applied to it.
    UndoTuning {
        /// The model's name.
        model: String,
    },
    /// Predict one row in a session that stays warm.
    TryRow {
        /// Model.
        model: ModelRef,
        /// Values by column, as text.
        row: Vec<(String, Option<String>)>,
        /// Whether the answer is explained, too.
        explain: bool,
    },
    /// Copy a model version into a folder.
    ExportModel {
        /// Model.
        model: ModelRef,
        /// Folder.
        to: PathBuf,
    },
    /// Move a model version to the bin.
    DeleteModel {
        /// Model.
        model: ModelRef,
    },
    /// Bring it back.
    RestoreModel {
        /// Model.
        model: ModelRef,
    },
    /// Look for devices and measure them again.
    ProbeDevices,
    /// The device new requests begin with.
    SetDefaultDevice {
        /// Device.
        device: DeviceChoice,
    },
    /// End a job that is not a run (import, profile, predict).
    CancelJob {
        /// Its number in the snapshot.
        job: u64,
    },
    /// Take a notice off the list.
    DismissNotice {
        /// Its number.
        notice: u64,
    },
    /// Keep the window's own state (an opaque text), crash-safe.
    SaveWindowState {
        /// The text.
        state: String,
    },
    /// Write bytes the window made (a plot, a table) to a file a person picked.
    SaveFile {
        /// Where.
        path: PathBuf,
        /// What.
        bytes: Vec<u8>,
    },
    /// Something about the fleet.
    Fleet(FleetCommand),
    /// The window closes.
    Shutdown {
        /// `true` leaves running jobs to themselves; `false` stops them with a checkpoint.
        keep_jobs: bool,
    },
}
