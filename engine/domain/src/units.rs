//! Units, and figures that say how they were obtained.

use serde::{Deserialize, Serialize};

/// What a number counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A plain count.
    Count,
    /// A share between 0 and 1, or another number without a unit.
    Ratio,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Training or prediction rows in a second.
    RowsPerSec,
    /// Natural-log units (log loss).
    Nats,
    /// The unit of the target column, as its owner named it, or empty where unknown.
    Target(String),
    /// The square of the target's unit.
    TargetSquared(String),
}

/// How a figure came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// It was measured, here.
    Measured,
    /// It was computed from a model of the thing, not from the thing.
    Estimated,
    /// Nobody knows.
    Unknown,
}

/// A number with its unit and its provenance. `None` is "no value yet", never 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The number, if there is one.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: Unit,
    /// How it was obtained.
    pub provenance: Provenance,
}

impl Figure {
    /// A measured figure.
    pub fn measured(value: f64, unit: Unit) -> Self {
        Self { value: Some(value), unit, provenance: Provenance::Measured }
    }

    /// An estimated figure.
    pub fn estimated(value: f64, unit: Unit) -> Self {
        Self { value: Some(value), unit, provenance: Provenance::Estimated }
    }

    /// A figure nobody has yet.
    pub fn unknown(unit: Unit) -> Self {
        Self { value: None, unit, provenance: Provenance::Unknown }
    }
}

/// Seconds since 1970-01-01 UTC, with fractions.
pub type UnixSecs = f64;
