//! Serving: how a node serves one model version, and the choice of it that a person applied.

use serde::{Deserialize, Serialize};

use crate::units::UnixSecs;

/// How a node serves one model version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServingSettings {
    /// Most rows that are computed together, 1 or more; a request of more rows goes alone.
    pub batch_rows: u32,
    /// Threads that each instance computes with; 0: those of the whole machine, which instances then share.
    pub threads: u32,
    /// Batches that are computed side by side, 1 to 256.
    pub instances: u32,
    /// Longest that a request waits for others to be computed with, microseconds.
    pub delay_micros: u64,
}

impl Default for ServingSettings {
    /// What a node does unless it is told otherwise.
    fn default() -> Self {
        Self { batch_rows: 1024, threads: 0, instances: 1, delay_micros: 0 }
    }
}

impl ServingSettings {
    /// Most instances of a version.
    pub const MOST_INSTANCES: u32 = 256;
    /// Most threads of an instance.
    pub const MOST_THREADS: u32 = 256;
    /// Longest delay, microseconds.
    pub const LONGEST_DELAY: u64 = 10_000_000;

    /// In words, for lists.
    pub fn words(&self) -> String {
        let threads = match self.threads {
            0 => "all threads".to_owned(),
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        let instances = if self.instances == 1 {
            "1 instance".to_owned()
        } else {
            format!("{} instances", self.instances)
        };
        let delay = match self.delay_micros {
            0 => "no delay".to_owned(),
            micros if micros % 1000 == 0 => format!("{} ms delay", micros / 1000),
            micros => format!("{micros} µs delay"),
        };
        format!("{instances}, {threads}, up to {} rows, {delay}", self.batch_rows)
    }

    /// Why a node cannot serve this way; `None`: it can.
    pub fn refusal(&self) -> Option<String> {
        if self.batch_rows == 0 {
            return Some("A batch has 1 row at least.".to_owned());
        }
        if !(1..=Self::MOST_INSTANCES).contains(&self.instances) {
            return Some(format!("A version has 1 to {} instances.", Self::MOST_INSTANCES));
        }
        if self.threads > Self::MOST_THREADS {
            return Some(format!("An instance has up to {} threads.", Self::MOST_THREADS));
        }
        (self.delay_micros > Self::LONGEST_DELAY)
            .then(|| format!("A request waits up to {} s for others.", Self::LONGEST_DELAY / 1_000_000))
    }
}

/// A choice of serving settings that was applied to a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppliedServing {
    /// When.
    pub at: UnixSecs,
    /// The tuning that it came from.
    pub tuning: String,
    /// The version that answers where none is named, and that these settings are for.
    pub version: u32,
    /// How it is served.
    pub settings: ServingSettings,
    /// The version that was made the answering one before; `None`: the newest was.
    pub served_before: Option<u32>,
}

/// What was applied to a model's name, the last one in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Serving {
    /// Counts changes, undoing ones too.
    pub revision: u64,
    /// Applied and not undone, oldest first.
    pub applied: Vec<AppliedServing>,
}

impl Serving {
    /// What is in force.
    pub fn in_force(&self) -> Option<&AppliedServing> {
        self.applied.last()
    }

    /// The settings of a version; `None`: what the node was told.
    pub fn of(&self, version: u32) -> Option<ServingSettings> {
        self.in_force().filter(|applied| applied.version == version).map(|applied| applied.settings)
    }
}
