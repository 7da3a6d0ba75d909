//! Conformance: what a server supports of the protocol, and where it says what is not so.

use serde::{Deserialize, Serialize};

use super::endpoint::ServerKind;
use crate::units::UnixSecs;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// As the protocol says.
    Conforms,
    /// Not offered.
    Unsupported,
    /// It answers otherwise than the protocol says.
    Deviates,
    /// It says something that a probe disproves.
    Untrue,
    /// It could not be checked.
    Unchecked,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConformanceCheck {
    /// What was checked: a short name (`server metadata`, `binary tensors`).
    pub name: String,
    /// What was found.
    pub finding: Finding,
    /// What was seen, in words.
    pub detail: String,
}

/// A server's report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conformance {
    /// Endpoint, by name or address.
    pub endpoint: String,
    /// When.
    pub at: UnixSecs,
    /// Which server it is.
    pub server: ServerKind,
    /// Its own name and version.
    pub server_version: Option<String>,
    /// The checks, in order.
    pub checks: Vec<ConformanceCheck>,
}
