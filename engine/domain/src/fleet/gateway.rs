//! What a gateway says of itself: `GET /api/gateway/status`.

use serde::{Deserialize, Serialize};

use super::{deployment::Guards, endpoint::Health, event::FleetEvent};
use crate::units::UnixSecs;

/// A strategy by name: the `name` of the configuration's `strategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrategyId {
    /// In turn, by weight.
    WeightedRoundRobin,
    /// The less busy of two drawn at random.
    #[default]
    LeastRequest,
    /// The faster of two drawn at random, by peak-sensitive round-trip time.
    PeakEwma,
    /// The same endpoint for the same key.
    Maglev,
    /// At random, the more likely the cheaper.
    CostWeighted,
}

impl StrategyId {
    /// Every strategy.
    pub const ALL: [Self; 5] =
        [Self::WeightedRoundRobin, Self::LeastRequest, Self::PeakEwma, Self::Maglev, Self::CostWeighted];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::WeightedRoundRobin => "weighted_round_robin",
            Self::LeastRequest => "least_request",
            Self::PeakEwma => "peak_ewma",
            Self::Maglev => "maglev",
            Self::CostWeighted => "cost_weighted",
        }
    }

    /// Its name in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::WeightedRoundRobin => "Weighted round robin",
            Self::LeastRequest => "Least request",
            Self::PeakEwma => "Peak EWMA",
            Self::Maglev => "Consistent hash (Maglev)",
            Self::CostWeighted => "Cost-weighted",
        }
    }

    /// The strategy of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == name)
    }
}

/// Quantiles of measured latencies, seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyFigures {
    /// Median.
    pub p50: Option<f64>,
    /// 95 of 100 are faster.
    pub p95: Option<f64>,
    /// 99 of 100 are faster.
    pub p99: Option<f64>,
}

/// A breaker's state as its gateway sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BreakerView {
    /// `closed`, `open`, `half_open`, `forced_open`, `disabled` or `metrics_only`.
    pub state: String,
    /// Since when.
    pub since: UnixSecs,
    /// Seconds until it probes; `None` where it does not wait.
    pub retry_in_secs: Option<f64>,
    /// Why it is so, in words; empty for a closed one.
    pub reason: String,
    /// Share of failures in its window, 0 to 1.
    pub failure_ratio: Option<f64>,
}

/// An endpoint as its gateway sees it. Rates and quantiles are over the last minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatewayEndpoint {
    /// Name.
    pub name: String,
    /// Address.
    pub url: String,
    /// Region.
    pub region: String,
    /// Failover level.
    pub priority: u32,
    /// Weight.
    pub weight: u32,
    /// Active and passive health.
    pub health: Health,
    /// Why, in words.
    pub reason: String,
    /// Seconds it is still ejected by outlier detection; `None` where it is not.
    pub ejected_for_secs: Option<f64>,
    /// Its breaker.
    pub breaker: BreakerView,
    /// Requests under way.
    pub active: u32,
    /// Most requests that may be.
    pub max_requests: u32,
    /// Requests sent since the start.
    pub requests: u64,
    /// Of these, failed (5xx, broken or too late).
    pub failures: u64,
    /// Requests a second.
    pub requests_per_sec: f64,
    /// Share of all requests that went here, 0 to 1; `None` without requests.
    pub share: Option<f64>,
    /// Share that failed, 0 to 1; `None` without requests.
    pub error_ratio: Option<f64>,
    /// Latency of its answers.
    pub latency: LatencyFigures,
    /// Seconds of the last active health check; `None` where it failed or none was made.
    pub check_secs: Option<f64>,
    /// Taken out by a person or a drill: gets nothing.
    pub drained: bool,
}

/// A failover level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelView {
    /// Its priority.
    pub priority: u32,
    /// What it takes of the traffic, percent.
    pub percent: u32,
    /// Whether it is in panic.
    pub panic: bool,
    /// Endpoints.
    pub endpoints: u32,
    /// Of these, healthy.
    pub healthy: u32,
}

/// A canary that a gateway drives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CanaryView {
    /// Model.
    pub model: String,
    /// The version that has the rest.
    pub primary: String,
    /// The version that is tried.
    pub canary: String,
    /// Percent of the model's requests that go to it, 0 to 100.
    pub percent: u32,
    /// Percents it goes through.
    pub stages: Vec<u32>,
    /// Which of them it is at, counted from 0.
    pub stage: usize,
    /// Seconds each lasts at least.
    pub stage_secs: f64,
    /// What ends it.
    pub guards: Guards,
    /// `running`, `promoted`, `rolled_back` or `paused`.
    pub state: String,
    /// Why, in words.
    pub reason: String,
    /// Requests to the canary in this stage.
    pub canary_requests: u64,
    /// Of these, failed.
    pub canary_failures: u64,
    /// Requests to the primary in this stage.
    pub primary_requests: u64,
    /// Of these, failed.
    pub primary_failures: u64,
    /// The canary's latency in this stage.
    pub canary_latency: LatencyFigures,
    /// The primary's.
    pub primary_latency: LatencyFigures,
    /// Population stability index between both versions' predictions; `None` before there are enough.
    pub drift: Option<f64>,
    /// When it began.
    pub started_at: UnixSecs,
}

/// A service-level objective and how fast its budget is spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SloView {
    /// Name.
    pub name: String,
    /// Share of good requests to reach, percent.
    pub objective_percent: f64,
    /// Times too fast, over the last hour; `None` without requests.
    pub burn_hour: Option<f64>,
    /// The same over 6 hours.
    pub burn_6_hours: Option<f64>,
    /// The same over 3 days.
    pub burn_3_days: Option<f64>,
    /// Alert that is on: `page` or `ticket`.
    pub alert: Option<String>,
    /// Since when.
    pub alert_since: Option<UnixSecs>,
}

/// A gateway's account of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatewayStatus {
    /// Its name.
    pub name: String,
    /// Program version.
    pub version: String,
    /// When this was written.
    pub at: UnixSecs,
    /// Seconds since its start.
    pub uptime_secs: f64,
    /// Counts changes of its configuration.
    pub revision: u64,
    /// The strategy in use.
    pub strategy: StrategyId,
    /// Requests since the start.
    pub requests: u64,
    /// Of these, answered with a failure of ours or an endpoint's.
    pub failures: u64,
    /// Tries after one that failed.
    pub retries: u64,
    /// Tries sent beside one that took long.
    #[serde(default)]
    pub hedges: u64,
    /// Of these, answered first.
    #[serde(default)]
    pub hedges_won: u64,
    /// Requests a second over the last minute.
    pub requests_per_sec: f64,
    /// Latency as callers see it, over the last minute.
    pub latency: LatencyFigures,
    /// Endpoints.
    pub endpoints: Vec<GatewayEndpoint>,
    /// Levels, the first served first.
    pub levels: Vec<LevelView>,
    /// Canaries, the newest first; ended ones are kept for a while.
    pub canaries: Vec<CanaryView>,
    /// Objectives.
    pub slos: Vec<SloView>,
    /// What happened lately, newest first; at most 100.
    pub events: Vec<FleetEvent>,
    /// Whether traffic is recorded.
    pub recording: bool,
}
