//! Triton's statistics extension: counts and times of each model since the server's start.

use serde::{Deserialize, Serialize};

use super::lenient;

/// `GET v2/models[/NAME[/versions/VERSION]]/stats`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StatisticsResponse {
    /// One entry for each version of each model.
    pub model_stats: Vec<ModelStatistics>,
}

/// How often something happened, and how long it took in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// How often.
    #[serde(default)]
    pub count: u64,
    /// How long in all, nanoseconds.
    #[serde(default, rename = "ns")]
    pub total_nanos: u64,
}

/// Statistics of one version of a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModelStatistics {
    /// The model's name.
    pub name: String,
    /// The version.
    #[serde(default, deserialize_with = "lenient")]
    pub version: String,
    /// The last inference, milliseconds since 1970; 0 for none yet.
    #[serde(default, rename = "last_inference")]
    pub last_inference_millis: u64,
    /// Inferences, a batch of n counted n times.
    #[serde(default)]
    pub inference_count: u64,
    /// Executions of the model, a batch counted once.
    #[serde(default)]
    pub execution_count: u64,
    /// Requests by outcome and stage.
    pub inference_stats: InferStatistics,
    /// Executions by size of batch.
    #[serde(default, deserialize_with = "lenient")]
    pub batch_stats: Vec<BatchStatistics>,
    /// Memory that the model holds.
    #[serde(default, deserialize_with = "lenient")]
    pub memory_usage: Vec<MemoryUsage>,
}

/// Requests by outcome and stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InferStatistics {
    /// Requests answered, end to end.
    #[serde(default)]
    pub success: Tally,
    /// Requests failed, end to end.
    #[serde(default)]
    pub fail: Tally,
    /// Waiting for a free instance.
    #[serde(default)]
    pub queue: Tally,
    /// Preparing inputs.
    #[serde(default)]
    pub compute_input: Tally,
    /// Running the model.
    #[serde(default)]
    pub compute_infer: Tally,
    /// Taking outputs out.
    #[serde(default)]
    pub compute_output: Tally,
    /// Answers from the response cache.
    #[serde(default)]
    pub cache_hit: Tally,
    /// Answers put into the response cache.
    #[serde(default)]
    pub cache_miss: Tally,
}

/// Executions with one size of batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BatchStatistics {
    /// Rows of the batch.
    pub batch_size: u64,
    /// Preparing inputs.
    #[serde(default)]
    pub compute_input: Tally,
    /// Running the model.
    #[serde(default)]
    pub compute_infer: Tally,
    /// Taking outputs out.
    #[serde(default)]
    pub compute_output: Tally,
}

/// Memory of one kind that a model holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MemoryUsage {
    /// The kind, such as `CPU`, `CPU_PINNED` or `GPU`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which one of its kind.
    #[serde(default)]
    pub id: u64,
    /// Bytes.
    pub byte_size: u64,
}
