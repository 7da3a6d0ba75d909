//! Gateways: their admin API, typed.

use std::time::Duration;

use orrery_domain::{
    Failure, FailureClass,
    fleet::{GatewayStatus, Guards, Simulation, StrategyId},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Reply, Server};

/// Longest that a question may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest that a change may take: it is written and synced first.
const CHANGE_PATIENCE: Duration = Duration::from_secs(15);

/// A gateway's account of itself.
///
/// # Errors
/// Why there is none.
pub async fn status(server: &Server) -> Result<GatewayStatus, Failure> {
    let reply = server.get("/api/gateway/status", PATIENCE).await?;
    read(&reply, "the gateway's status")
}

/// Reads an answer that must have gone well.
fn read<T: serde::de::DeserializeOwned>(reply: &Reply, what: &str) -> Result<T, Failure> {
    well(reply, what)?;
    serde_json::from_slice(&reply.body)
        .map_err(|error| Failure::new(FailureClass::Data, format!("{what} cannot be read: {error}.")))
}

fn well(reply: &Reply, what: &str) -> Result<(), Failure> {
    if reply.status.is_success() {
        return Ok(());
    }
    let class = match reply.status.as_u16() {
        401 | 403 => FailureClass::Auth,
        400..=499 => FailureClass::Client,
        _ => FailureClass::Transient,
    };
    Err(Failure::new(class, format!("{what} was answered with {}.", reply.complaint())))
}

async fn change(server: &Server, method: Method, path: &str, body: Option<Value>) -> Result<(), Failure> {
    let path = format!("/api/gateway/{path}");
    let body = body.map(|body| body.to_string().into_bytes());
    let reply = server.ask(method, &path, body, None, CHANGE_PATIENCE).await?;
    well(&reply, "The change of the gateway")
}

/// Switches the strategy, with its defaults.
///
/// # Errors
/// Why it was not done.
pub async fn set_strategy(server: &Server, strategy: StrategyId) -> Result<(), Failure> {
    change(server, Method::PUT, "strategy", Some(json!({ "name": strategy.name() }))).await
}

/// Takes an endpoint out of the traffic, or puts it back.
///
/// # Errors
/// Why it was not done.
pub async fn drain(server: &Server, endpoint: &str, drained: bool) -> Result<(), Failure> {
    change(server, Method::PUT, &format!("endpoints/{endpoint}"), Some(json!({ "drained": drained }))).await
}

/// Records traffic, or stops.
///
/// # Errors
/// Why it was not done.
pub async fn record(server: &Server, on: bool) -> Result<(), Failure> {
    change(server, Method::PUT, "recording", Some(json!({ "recording": on }))).await
}

/// A canary as the gateway takes it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct CanaryOrder {
    /// The version that has the rest.
    pub primary: String,
    /// The version that is tried.
    pub canary: String,
    /// Percents it goes through.
    pub stages: Vec<u32>,
    /// Seconds each lasts at least.
    pub stage_secs: f64,
    /// What ends it.
    pub guards: Guards,
}

/// Starts a canary, which the gateway then drives.
///
/// # Errors
/// Why it was not done.
pub async fn start_canary(server: &Server, model: &str, order: &CanaryOrder) -> Result<(), Failure> {
    let body = serde_json::to_value(order).unwrap_or_default();
    change(server, Method::PUT, &format!("canaries/{model}"), Some(body)).await
}

/// Takes a canary to its next stage now.
///
/// # Errors
/// Why it was not done.
pub async fn promote(server: &Server, model: &str) -> Result<(), Failure> {
    change(server, Method::POST, &format!("canaries/{model}/promote"), None).await
}

/// Ends a canary: the primary serves.
///
/// # Errors
/// Why it was not done.
pub async fn roll_back(server: &Server, model: &str) -> Result<(), Failure> {
    change(server, Method::POST, &format!("canaries/{model}/rollback"), None).await
}

/// Cuts every connection of the gateway to a region's endpoints, new ones too, as a broken network would; or mends them.
///
/// # Errors
/// Why it was not done.
pub async fn cut(server: &Server, region: &str, on: bool) -> Result<(), Failure> {
    change(server, Method::PUT, &format!("regions/{region}"), Some(json!({ "cut": on }))).await
}

/// Replays the recorded traffic through every strategy, at the gateway.
///
/// # Errors
/// Why there is no simulation.
pub async fn simulate(server: &Server) -> Result<Simulation, Failure> {
    let reply = server.get("/api/gateway/simulation", CHANGE_PATIENCE).await?;
    read(&reply, "the simulation")
}
