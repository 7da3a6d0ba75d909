//! Simulations: recorded traffic through each strategy, on paper.

use serde::{Deserialize, Serialize};

use super::gateway::{LatencyFigures, StrategyId};

/// What one strategy would have done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimulationRow {
    /// Strategy.
    pub strategy: StrategyId,
    /// Latency, seconds.
    pub latency: LatencyFigures,
    /// Share of requests that failed, 0 to 1.
    pub error_ratio: f64,
    /// Price of the traffic, in the configuration's currency.
    pub cost: f64,
    /// Share of requests by endpoint, in the configuration's order, 0 to 1.
    pub shares: Vec<(String, f64)>,
}

/// A simulation of every strategy on the same traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// Requests replayed.
    pub requests: u64,
    /// Seconds that the recording spans.
    pub secs: f64,
    /// One row a strategy.
    pub rows: Vec<SimulationRow>,
}
