//! Vantage points: what a node sees of the endpoints that its own workspace has set up, as it tells others.

use serde::{Deserialize, Serialize};

use super::endpoint::Sighting;
use crate::units::UnixSecs;

/// Characters of a reason that are taken over.
const LONGEST_REASON: usize = 300;

/// What one look at an endpoint found, as a vantage point tells it.
///
/// Times are ages: the clocks of two machines need not agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VantageLook {
    /// The endpoint's address, as it is set up there.
    pub url: String,
    /// Seconds since the look.
    pub age_secs: f64,
    /// Whether it was ready.
    pub healthy: bool,
    /// Seconds that the look took; `None` where nothing answered.
    pub latency_secs: Option<f64>,
    /// What was wrong; empty where nothing was.
    pub reason: String,
}

impl VantageLook {
    /// The look as a sighting by `vantage`, heard at `now`. An age that is no age counts as an old one.
    pub fn sighting(self, vantage: &str, now: UnixSecs) -> Sighting {
        let age = if self.age_secs.is_nan() { f64::INFINITY } else { self.age_secs.max(0.0) };
        Sighting {
            vantage: vantage.to_owned(),
            at: now - age,
            healthy: self.healthy,
            latency_secs: self.latency_secs.filter(|secs| secs.is_finite() && *secs >= 0.0),
            reason: self.reason.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect(),
        }
    }
}

/// What a vantage point sees: the answer to `GET /api/fleet/sightings`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VantageReport {
    /// The last look at each endpoint.
    pub sightings: Vec<VantageLook>,
}
