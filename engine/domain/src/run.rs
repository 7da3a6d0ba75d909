//! Runs: one training, from the request to its end.

use serde::{Deserialize, Serialize};

use crate::{
    failure::Failure,
    ids::{DatasetId, ModelRef, RunId},
    metric::Metrics,
    training::{ModelKind, Task, TrainConfig},
    units::UnixSecs,
};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waiting for its child process.
    Queued,
    /// Computing.
    Running,
    /// Checkpointed and waiting; no process need be alive.
    Paused,
    /// Done: a model is registered.
    Finished,
    /// Ended by a failure.
    Failed,
    /// Ended by a person.
    Cancelled,
}

impl RunState {
    /// Whether it never changes again.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Cancelled)
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// What it is doing: a few words.
    pub phase: String,
    /// Work done, 0 to 1; `None` if it cannot be known.
    pub fraction: Option<f64>,
    /// Optimizer steps or trees done.
    pub step: u64,
    /// Optimizer steps or trees planned.
    pub steps: u64,
    /// Passes over the training rows done, with fractions.
    pub epoch: f64,
    /// Rows a second, over the last few seconds.
    pub rows_per_sec: Option<f64>,
    /// Seconds left, estimated.
    pub secs_left: Option<f64>,
    /// Memory of the process, bytes.
    pub memory_bytes: Option<u64>,
    /// Cores in use by the process, over the last few seconds.
    pub cpu_cores: Option<f64>,
}

/// What a curve shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesId {
    /// Training loss, mean since the last point.
    TrainLoss,
    /// Validation loss.
    ValidLoss,
    /// Primary metric on the validation rows.
    ValidMetric,
    /// Learning rate.
    LearningRate,
    /// Global gradient norm before clipping.
    GradientNorm,
    /// Rows a second.
    RowsPerSec,
}

/// A point of a run's curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// Step.
    pub step: u64,
    /// Seconds of training when it was taken.
    pub secs: f64,
    /// Value.
    pub value: f64,
}

/// A run as its table row and header show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Id.
    pub id: RunId,
    /// Name, given or made.
    pub name: String,
    /// A person's note.
    pub note: String,
    /// Where it stands.
    pub state: RunState,
    /// Dataset.
    pub dataset: DatasetId,
    /// The dataset's name.
    pub dataset_name: String,
    /// The request.
    pub config: TrainConfig,
    /// Task, once known.
    pub task: Option<Task>,
    /// Family that is or was trained (`auto` resolves to one).
    pub kind: ModelKind,
    /// Progress.
    pub progress: Progress,
    /// Device as the driver names it, once known.
    pub device: Option<String>,
    /// Why it ended badly.
    pub failure: Option<Failure>,
    /// The model it made.
    pub model: Option<ModelRef>,
    /// Test metrics of that model.
    pub test: Option<Metrics>,
    /// Best validation loss so far.
    pub best_valid_loss: Option<f64>,
    /// When it was asked for.
    pub created_at: UnixSecs,
    /// When it began to compute.
    pub started_at: Option<UnixSecs>,
    /// When it ended.
    pub ended_at: Option<UnixSecs>,
    /// Whether a person deleted it (kept for undo).
    #[serde(default)]
    pub deleted: bool,
}
