//! Events of the fleet: what happened, when, to what.

use serde::{Deserialize, Serialize};

use crate::{snapshot::Severity, units::UnixSecs};

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetEventKind {
    /// An endpoint's or region's health changed.
    Health,
    /// A breaker changed its state.
    Breaker,
    /// An endpoint was ejected or came back.
    Outlier,
    /// A configuration changed.
    Config,
    /// A rollout or canary moved.
    Rollout,
    /// A drill moved.
    Drill,
    /// An objective's alert came or went.
    Alert,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetEvent {
    /// When.
    pub at: UnixSecs,
    /// How grave.
    pub severity: Severity,
    /// What kind.
    pub kind: FleetEventKind,
    /// What it happened to: an endpoint, a region, a model, a gateway.
    pub subject: String,
    /// What happened, in words.
    pub message: String,
}
