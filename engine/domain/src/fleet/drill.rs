//! Drills: a region is taken out on purpose, and what that cost is measured.

use serde::{Deserialize, Serialize};

use crate::units::UnixSecs;

/// How far a drill is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillPhase {
    /// Traffic is measured while all is well.
    Baseline,
    /// The region's traffic is cut; nobody has noticed yet.
    Cut,
    /// It was noticed; traffic moves away.
    Shifting,
    /// The other regions carry everything.
    Shifted,
    /// The region is put back.
    Recovering,
    /// All is as before; the report is filed.
    Done,
    /// It could not be done or was ended; the region was put back.
    Failed,
}

/// A drill and its report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drill {
    /// Id.
    pub id: String,
    /// Region taken out.
    pub region: String,
    /// Gateway whose traffic was cut, by endpoint name.
    pub gateway: String,
    /// How far it is.
    pub phase: DrillPhase,
    /// Why, in words.
    pub reason: String,
    /// When it began.
    pub started_at: UnixSecs,
    /// When it ended.
    pub ended_at: Option<UnixSecs>,
    /// Seconds from the cut until the region counted as ill.
    pub detection_secs: Option<f64>,
    /// Seconds from the cut until the other regions carried everything.
    pub shift_secs: Option<f64>,
    /// Seconds from putting it back until it carried its share again.
    pub recovery_secs: Option<f64>,
    /// Requests that callers sent from the cut to the end.
    pub requests: Option<u64>,
    /// Of these, failed.
    pub failures: Option<u64>,
    /// What was done, in order: when, and what.
    pub steps: Vec<(UnixSecs, String)>,
}
