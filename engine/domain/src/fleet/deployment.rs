//! Deployments: which version of a model runs where, and the rollouts that change it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::gateway::LatencyFigures;
use crate::{ids::ModelRef, units::UnixSecs};

/// What a version gets of a model's traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionShare {
    /// Version, as the servers name it.
    pub version: String,
    /// Percent of the model's requests, 0 to 100; `None` where no gateway splits them.
    pub percent: Option<u32>,
    /// Endpoints that have it, by name.
    pub endpoints: Vec<String>,
    /// Of these, ready and proved by a probe inference.
    pub ready: usize,
}

/// A model that runs in the fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Model, as the servers name it.
    pub model: String,
    /// Its versions, the newest first.
    pub versions: Vec<VersionShare>,
    /// Whether this workspace made it; otherwise it was found and adopted.
    pub ours: bool,
    /// The version before the present one, to go back to.
    pub previous: Option<String>,
    /// Requests a second over the last minute, where a gateway counts them.
    pub requests_per_sec: Option<f64>,
    /// Latency, where a gateway measures it.
    pub latency: LatencyFigures,
    /// When it last changed.
    pub changed_at: Option<UnixSecs>,
}

/// What ends a canary.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guards {
    /// The canary's share of failures may be this much above the primary's, 0 to 1; more ends it where chance does not explain it.
    pub max_error_ratio_above: f64,
    /// Chance that the guard on failures ends a canary that fails no more than the primary, over the whole rollout, 0.000001 to 0.5
    /// (the alpha of its tests).
    pub significance_level: f64,
    /// The canary's p95 may be this many times the primary's, 1 to 100.
    pub max_p95_ratio: f64,
    /// The predictions' population stability index may be this much, 0 to 10 (0.25 is the usual bound for a shift).
    pub max_drift: f64,
    /// A stage is judged after so many requests to the canary, 1 to 1,000,000.
    pub min_requests: u64,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            max_error_ratio_above: 0.01,
            significance_level: 0.05,
            max_p95_ratio: 1.5,
            max_drift: 0.25,
            min_requests: 50,
        }
    }
}

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutPlan {
    /// The model version of the registry.
    pub model: ModelRef,
    /// Endpoints to load it on, by name; empty: all that can load it.
    pub endpoints: Vec<String>,
    /// Percents of the canary, ascending, ending in 100.
    pub stages: Vec<u32>,
    /// Seconds a stage lasts at least.
    pub stage_secs: f64,
    /// What ends it.
    pub guards: Guards,
}

impl RolloutPlan {
    /// The default rollout of a model: 1, 5, 25, 100 percent, a minute each.
    pub fn new(model: ModelRef) -> Self {
        Self {
            model,
            endpoints: Vec::new(),
            stages: vec![1, 5, 25, 100],
            stage_secs: 60.0,
            guards: Guards::default(),
        }
    }
}

/// Where a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// Only the difference is known; nothing was changed.
    Planned,
    /// The version is uploaded and loaded beside the present one.
    Loading,
    /// It is asked probe inferences.
    Warming,
    /// The gateway gives it a share.
    Canary,
    /// Everything goes to it and it was verified.
    Done,
    /// A guard or a person ended it; the version before serves.
    RolledBack,
    /// It could not be done; the version before serves.
    Failed,
}

/// One step of a rollout's record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutStep {
    /// When.
    pub at: UnixSecs,
    /// What was done, or would be.
    pub what: String,
    /// Whether it went well; `None` for what is only planned.
    pub ok: Option<bool>,
    /// More, in words.
    pub detail: String,
}

/// One look at the guards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuardReading {
    /// When.
    pub at: UnixSecs,
    /// Percent that the canary had.
    pub percent: u32,
    /// The canary's share of failures less the primary's; `None` without requests.
    pub error_ratio_above: Option<f64>,
    /// The canary's p95 over the primary's.
    pub p95_ratio: Option<f64>,
    /// Population stability index of the predictions.
    pub drift: Option<f64>,
    /// Requests to the canary in this stage.
    pub requests: u64,
}

/// What a server had of a model before a rollout of it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerBefore {
    /// The version that answered where none was named; `None` where none did.
    pub served: Option<String>,
    /// Versions that answered, ascending, where a load replaces all of a model (Triton); empty elsewhere.
    pub versions: Vec<u32>,
}

/// A rollout, with its record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Id.
    pub id: String,
    /// What was asked for.
    pub plan: RolloutPlan,
    /// The version that served before; `None` where there was none.
    pub from: Option<String>,
    /// What each server had before it, by endpoint: kept before anything is changed there. Empty in records of earlier releases.
    #[serde(default)]
    pub before: BTreeMap<String, ServerBefore>,
    /// Where it stands.
    pub state: RolloutState,
    /// Which stage, counted from 0.
    pub stage: usize,
    /// Why it stands there, in words.
    pub reason: String,
    /// When it began.
    pub started_at: UnixSecs,
    /// When it ended.
    pub ended_at: Option<UnixSecs>,
    /// What was done, in order.
    pub steps: Vec<RolloutStep>,
    /// What the guards saw, in order; the last 500.
    pub readings: Vec<GuardReading>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_an_earlier_release_is_read_and_a_server_s_state_before_is_kept() {
        let old = r#"{"id":"r-1","plan":{"model":"m:2","endpoints":[],"stages":[100],"stage_secs":1.0,
            "guards":{"max_error_ratio_above":0.01,"significance_level":0.001,"max_p95_ratio":2.0,"max_drift":0.2,"min_requests":10}},
            "from":"1","state":"loading","stage":0,"reason":"","started_at":1.0,"ended_at":null,"steps":[],"readings":[]}"#;
        let mut rollout: Rollout = serde_json::from_str(old).expect("read");
        assert!(rollout.before.is_empty());
        let before = ServerBefore { served: Some("1".to_owned()), versions: vec![1] };
        rollout.before.insert("east".to_owned(), before);
        let kept = serde_json::to_string(&rollout).expect("written");
        assert_eq!(serde_json::from_str::<Rollout>(&kept).expect("read"), rollout);
    }
}
