//! Commands about the fleet.

use serde::{Deserialize, Serialize};

use super::{deployment::RolloutPlan, endpoint::FleetEndpoint, gateway::StrategyId, region::Region};

/// A request about the fleet. What comes of it arrives in [`super::FleetState`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fleet", rename_all = "snake_case")]
pub enum FleetCommand {
    /// Add a region, or change the one of that name. Enabling it is what lets its endpoints be contacted.
    PutRegion {
        /// Region.
        region: Region,
    },
    /// Remove a region that has no endpoints.
    RemoveRegion {
        /// Its name.
        region: String,
    },
    /// Add an endpoint, or change the one of that name.
    PutEndpoint {
        /// Endpoint.
        endpoint: FleetEndpoint,
    },
    /// Remove an endpoint from the fleet; the server itself is left alone.
    RemoveEndpoint {
        /// Its name.
        endpoint: String,
    },
    /// Begin to poll: a page of the fleet is open.
    Watch {
        /// Whether one is.
        open: bool,
    },
    /// Check what a server supports.
    Conform {
        /// Endpoint, by name.
        endpoint: String,
    },
    /// Say what a rollout would do; nothing is changed.
    PlanRollout {
        /// Plan.
        plan: Box<RolloutPlan>,
    },
    /// Roll out.
    StartRollout {
        /// Plan.
        plan: Box<RolloutPlan>,
    },
    /// Take rollouts up whose process ended before they did.
    ResumeRollouts {
        /// The model whose rollout it is, at once; `None`: every one, now and whenever one is found while the fleet is watched.
        model: Option<String>,
    },
    /// Go to the next stage now.
    PromoteRollout {
        /// Rollout.
        rollout: String,
    },
    /// End a rollout; the version before serves.
    RollBackRollout {
        /// Rollout.
        rollout: String,
    },
    /// Serve the version before the present one again.
    RollBackDeployment {
        /// Model.
        model: String,
    },
    /// Ask a deployed model one row.
    TryEndpoint {
        /// Endpoint, by name.
        endpoint: String,
        /// Model.
        model: String,
        /// Version; `None`: the server's choice.
        version: Option<String>,
        /// Values by input, as text.
        row: Vec<(String, Option<String>)>,
    },
    /// Load the schema of a deployed model into [`super::FleetState::tried`], for the form.
    DescribeEndpoint {
        /// Endpoint, by name.
        endpoint: String,
        /// Model.
        model: String,
        /// Version.
        version: Option<String>,
    },
    /// Replay recorded traffic through every strategy.
    Simulate {
        /// Gateway, by endpoint name.
        gateway: String,
    },
    /// Switch a gateway's strategy.
    SetStrategy {
        /// Gateway, by endpoint name.
        gateway: String,
        /// Strategy.
        strategy: StrategyId,
    },
    /// Record a gateway's traffic (times, statuses, endpoints; no bodies), or stop.
    Record {
        /// Gateway, by endpoint name.
        gateway: String,
        /// Whether to.
        on: bool,
    },
    /// Take an endpoint out of a gateway's traffic, or put it back.
    Drain {
        /// Gateway, by endpoint name.
        gateway: String,
        /// The gateway's endpoint.
        endpoint: String,
        /// Whether to.
        on: bool,
    },
    /// Take a region out and measure what happens.
    StartDrill {
        /// Gateway, by endpoint name.
        gateway: String,
        /// Region.
        region: String,
    },
    /// End the drill that goes on; its region is put back.
    CancelDrill,
}
