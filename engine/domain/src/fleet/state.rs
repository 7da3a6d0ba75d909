//! The fleet as the window may draw it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    conformance::Conformance,
    deployment::{Deployment, Rollout},
    drill::Drill,
    endpoint::EndpointStatus,
    event::FleetEvent,
    gateway::GatewayStatus,
    region::RegionView,
    simulation::Simulation,
};
use crate::{explain::Explanation, failure::Failure, units::UnixSecs};

/// A gateway's account of itself, or why there is none.
pub type GatewayAnswer = Result<Arc<GatewayStatus>, Failure>;

/// Latency from a vantage point to an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyCell {
    /// Who looked.
    pub vantage: String,
    /// At which endpoint.
    pub endpoint: String,
    /// Seconds; `None` where nothing answered.
    pub secs: Option<f64>,
    /// When.
    pub at: UnixSecs,
}

/// An input or output of a deployed model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSchema {
    /// Name.
    pub name: String,
    /// Datatype, as the protocol names it (`FP32`, `BYTES`).
    pub datatype: String,
    /// Shape; -1 is any length.
    pub shape: Vec<i64>,
}

/// The latest answer to [`super::FleetCommand::TryEndpoint`] or its schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TryEndpointState {
    /// Endpoint.
    pub endpoint: String,
    /// Model.
    pub model: String,
    /// Version asked.
    pub version: Option<String>,
    /// What it takes; empty until known.
    pub inputs: Vec<TensorSchema>,
    /// What it gives.
    pub outputs: Vec<TensorSchema>,
    /// The outputs as text, by name; `None` before a row was asked or while it thinks.
    pub answer: Option<Result<Vec<(String, String)>, Failure>>,
    /// Whether an answer is awaited.
    pub waiting: bool,
    /// Seconds that the answer took.
    pub secs: Option<f64>,
    /// What each column added to the answer, or why that is not known; `None` where the server is not one of ours, or before a row was
    /// asked.
    #[serde(default)]
    pub explanation: Option<Result<Explanation, Failure>>,
}

/// Everything known of the fleet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FleetState {
    /// Regions by priority.
    pub regions: Arc<Vec<RegionView>>,
    /// Endpoints by region and name, gateways among them.
    pub endpoints: Arc<Vec<Arc<EndpointStatus>>>,
    /// Each gateway's account of itself, by the endpoint's name, with when it came or why it did not.
    pub gateways: Arc<Vec<(String, GatewayAnswer)>>,
    /// What runs where.
    pub deployments: Arc<Vec<Deployment>>,
    /// Rollouts, the newest first.
    pub rollouts: Arc<Vec<Arc<Rollout>>>,
    /// The latest plan that was asked for.
    pub planned: Option<Arc<Rollout>>,
    /// Drills, the newest first.
    pub drills: Arc<Vec<Arc<Drill>>>,
    /// Events, the newest first; at most 500.
    pub events: Arc<Vec<FleetEvent>>,
    /// Latencies between vantage points and endpoints.
    pub latencies: Arc<Vec<LatencyCell>>,
    /// The latest conformance reports, by endpoint.
    pub conformance: Arc<Vec<Arc<Conformance>>>,
    /// The latest simulation, or why there is none; with its gateway's name.
    pub simulation: Option<Arc<(String, Result<Simulation, Failure>)>>,
    /// The latest try-it answer.
    pub tried: Option<Arc<TryEndpointState>>,
    /// Whether polling goes on.
    pub polling: bool,
}
