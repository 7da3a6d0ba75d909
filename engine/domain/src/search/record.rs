//! A search as the workspace keeps it: the request, its course, and the model that came of it.

use serde::{Deserialize, Serialize};

use super::trial::Course;
use crate::{
    dataset::Dataset,
    failure::Failure,
    ids::{ModelRef, RunId},
    metric::{MetricId, Metrics},
    training::{Task, TrainConfig},
    units::UnixSecs,
};

/// Where a search stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchState {
    /// Its trials are in training; or its process died, and it can be resumed.
    Running,
    /// Stopped; it can be resumed.
    Paused,
    /// Done.
    Finished,
    /// It cannot go on.
    Failed,
    /// Ended by a person; it can be resumed.
    Cancelled,
}

impl SearchState {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a training run is to a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialPart {
    /// The search.
    pub search: String,
    /// The trial's number.
    pub trial: u32,
    /// Whether it is the search's choice: judged on the test rows and registered. Other trials are not.
    pub chosen: bool,
    /// Epochs (networks) or trees after which it stops with a checkpoint; `None`: at its end.
    #[serde(default)]
    pub until: Option<u64>,
}

/// A request for a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchRequest {
    /// The dataset.
    pub dataset: Box<Dataset>,
    /// What every trial's training is asked for, beside what is chosen.
    pub config: Box<TrainConfig>,
    /// Name for the model that is chosen.
    pub model_name: String,
    /// What is searched for; `None`: the task's primary metric.
    pub metric: Option<MetricId>,
}

/// How much of the qualities' variance a parameter explains by itself (functional ANOVA).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The parameter.
    pub parameter: String,
    /// Share of the variance, 0 to 1.
    pub share: f64,
    /// Standard deviation of that over the forest's trees.
    pub deviation: f64,
}

/// A search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// Id, as runs have them; `[a-z0-9-]`.
    pub id: String,
    /// The request.
    pub request: SearchRequest,
    /// Where it stands.
    pub state: SearchState,
    /// Its trials.
    pub course: Course,
    /// Task, once a trial has told.
    pub task: Option<Task>,
    /// Trials at once.
    pub at_once: u32,
    /// Seconds that its processes have worked.
    pub elapsed_secs: f64,
    /// The trial that was chosen, and the run that judges it on the test rows.
    pub chosen: Option<(u32, RunId)>,
    /// The model that came of it.
    pub model: Option<ModelRef>,
    /// Its metrics on the test rows.
    pub test: Option<Metrics>,
    /// What matters to the quality, most first; empty where too little was tried.
    #[serde(default)]
    pub importance: Vec<Importance>,
    /// Why it ended early, or badly.
    pub failure: Option<Failure>,
    /// When it was asked for.
    pub created_at: UnixSecs,
    /// When it was last written.
    pub changed_at: UnixSecs,
}

impl Search {
    /// The metric that is searched for, once it is known.
    pub fn metric(&self) -> Option<MetricId> {
        self.request.metric.or_else(|| self.task.map(MetricId::primary))
    }
}
