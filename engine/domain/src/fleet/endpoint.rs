//! Endpoints: servers that speak the Open Inference Protocol v2, and what was seen of each.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::gateway::{BreakerView, LatencyFigures};
use crate::units::UnixSecs;

/// A server as a person set it up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetEndpoint {
    /// Its name, which is its id: as a region's.
    pub name: String,
    /// Where it answers: `http://…` or `https://…`, without `/v2`.
    pub url: String,
    /// The region it is in.
    pub region: String,
    /// Share of the traffic within its level, 1 to 1,000,000.
    #[serde(default = "one")]
    pub weight: u32,
    /// File that holds its key; the key itself is kept nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// What it is: a server, or a gateway with our admin API.
    #[serde(default)]
    pub role: EndpointRole,
}

fn one() -> u32 {
    1
}

/// What stands at an endpoint's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointRole {
    /// A server with models.
    #[default]
    Server,
    /// An `orrery gateway`.
    Gateway,
}

/// Which server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerKind {
    /// `orrery node`.
    Orrery,
    /// NVIDIA Triton.
    Triton,
    /// Seldon `MLServer`.
    MlServer,
    /// `KServe`'s Python server.
    KServe,
    /// Something else that speaks v2, or nothing is known yet.
    #[default]
    Unknown,
}

impl ServerKind {
    /// Its name in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Orrery => "Orrery",
            Self::Triton => "Triton",
            Self::MlServer => "MLServer",
            Self::KServe => "KServe",
            Self::Unknown => "Unknown",
        }
    }
}

/// How an endpoint is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing heard yet, or not contacted.
    #[default]
    Unknown,
    /// Ready, by a quorum of those who look.
    Healthy,
    /// It answers, but not all is well (a model is not ready, vantage points disagree).
    Degraded,
    /// Not ready, by a quorum.
    Unhealthy,
}

/// What one vantage point saw of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// Who looked: `window`, or the name of a gateway or node.
    pub vantage: String,
    /// When.
    pub at: UnixSecs,
    /// Whether it was ready.
    pub healthy: bool,
    /// Seconds that the look took; `None` where nothing answered.
    pub latency_secs: Option<f64>,
    /// What was wrong; empty where nothing was.
    pub reason: String,
}

/// A model version that a server says it has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSeen {
    /// Model.
    pub name: String,
    /// Version, as the server names it; empty where it names none.
    pub version: String,
    /// State, as the server says (`READY`, `UNAVAILABLE`).
    pub state: String,
    /// Why, where it says.
    pub reason: String,
    /// Whether a probe inference confirmed it; `None` where none was made.
    pub proved: Option<bool>,
}

/// An endpoint with what is known of it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// As set up.
    pub endpoint: FleetEndpoint,
    /// How it is doing.
    pub health: Health,
    /// Why, in words.
    pub reason: String,
    /// Which server it is.
    pub server: ServerKind,
    /// The server's own name and version, as it says.
    pub server_version: Option<String>,
    /// Who saw what, the window first.
    pub sightings: Vec<Sighting>,
    /// Latency of the status calls, seconds, over the last minute.
    pub latency: LatencyFigures,
    /// Share of its requests that failed over the last minute, 0 to 1; from its metrics.
    pub error_ratio: Option<f64>,
    /// Requests a second over the last minute; from its metrics.
    pub requests_per_sec: Option<f64>,
    /// Memory of its process, bytes; from its metrics.
    pub memory_bytes: Option<u64>,
    /// How much of what it may carry is under way, 0 to 1; from the gateway.
    pub saturation: Option<f64>,
    /// Its breaker at the gateway.
    pub breaker: Option<BreakerView>,
    /// What it serves.
    pub models: Vec<ModelSeen>,
    /// When that was last read; `None` where it was not yet.
    pub models_at: Option<UnixSecs>,
    /// Latencies of the last looks of the window, seconds, oldest first; `None` where nothing answered. At most 60.
    pub recent: Vec<Option<f64>>,
}

impl EndpointStatus {
    /// An endpoint of which nothing is known.
    pub fn unknown(endpoint: FleetEndpoint) -> Self {
        Self {
            endpoint,
            health: Health::Unknown,
            reason: "Not contacted yet.".to_owned(),
            server: ServerKind::Unknown,
            server_version: None,
            sightings: Vec::new(),
            latency: LatencyFigures::default(),
            error_ratio: None,
            requests_per_sec: None,
            memory_bytes: None,
            saturation: None,
            breaker: None,
            models: Vec::new(),
            models_at: None,
            recent: Vec::new(),
        }
    }
}
