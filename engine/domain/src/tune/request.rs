//! Request: what a tuning is asked to find, under which load, and how long it may measure.

use serde::{Deserialize, Serialize};

use super::{Goals, TuneSpace};
use crate::ids::ModelRef;

/// The load under which a setting is measured: clients that ask again as soon as they are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Clients, each with a connection of its own, 1 to 256.
    pub clients: u32,
    /// Rows of a request, 1 to 4,096.
    pub rows: u32,
}

impl Default for Workload {
    fn default() -> Self {
        Self { clients: 8, rows: 4 }
    }
}

impl Workload {
    /// In words.
    pub fn words(self) -> String {
        let rows = if self.rows == 1 { "1 row".to_owned() } else { format!("{} rows", self.rows) };
        match self.clients {
            1 => format!("1 client, {rows} a request"),
            clients => format!("{clients} clients, {rows} a request"),
        }
    }
}

/// How long a setting is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Seconds of one repetition.
    pub secs: f64,
    /// Fewest repetitions, 3 or more.
    pub fewest: u32,
    /// Most repetitions: then it is noisy.
    pub most: u32,
    /// Widest half interval of a steady figure, as a share of it.
    pub doubt: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { secs: 0.4, fewest: 3, most: 12, doubt: 0.05 }
    }
}

/// What a person asks: axes without values get those that suit the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneAsk {
    /// The model, with the version that it is about.
    pub model: ModelRef,
    /// What is wanted.
    pub goals: Goals,
    /// The load.
    pub workload: Workload,
    /// How long each is measured.
    pub pace: Pace,
    /// Versions; none: this one and those quantized from it.
    pub versions: Option<Vec<ModelRef>>,
    /// Most rows that are computed together.
    pub batch_rows: Option<Vec<u32>>,
    /// Threads an instance.
    pub threads: Option<Vec<u32>>,
    /// Instances.
    pub instances: Option<Vec<u32>>,
    /// Microseconds that a request waits for others.
    pub delay_micros: Option<Vec<u64>>,
    /// Most settings that are measured; none: 8 of 100.
    pub max_measurements: Option<u32>,
    /// Seed of the search's choices.
    pub seed: u64,
}

impl TuneAsk {
    /// Everything as usual.
    pub fn new(model: ModelRef, goals: Goals) -> Self {
        Self {
            model,
            goals,
            workload: Workload::default(),
            pace: Pace::default(),
            versions: None,
            batch_rows: None,
            threads: None,
            instances: None,
            delay_micros: None,
            max_measurements: None,
            seed: 0,
        }
    }

    /// The request, on a machine of so many cores; `quantized` are the versions quantized from the model.
    pub fn request(&self, quantized: Vec<ModelRef>, cores: u32) -> TuneRequest {
        let mut versions = self
            .versions
            .clone()
            .unwrap_or_else(|| std::iter::once(self.model.clone()).chain(quantized).collect());
        versions.sort();
        versions.dedup();
        let usual = TuneSpace::of(versions, cores);
        let space = TuneSpace {
            batch_rows: self.batch_rows.clone().unwrap_or(usual.batch_rows),
            threads: self.threads.clone().unwrap_or(usual.threads),
            instances: self.instances.clone().unwrap_or(usual.instances),
            delay_micros: self.delay_micros.clone().unwrap_or(usual.delay_micros),
            versions: usual.versions,
        };
        TuneRequest {
            model: self.model.clone(),
            max_measurements: self
                .max_measurements
                .unwrap_or_else(|| TuneRequest::usual_measurements(&space)),
            space,
            goals: self.goals.clone(),
            workload: self.workload,
            pace: self.pace,
            seed: self.seed,
        }
    }
}

/// What a tuning is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneRequest {
    /// The model, with the version that it is about.
    pub model: ModelRef,
    /// What may be chosen.
    pub space: TuneSpace,
    /// What is wanted.
    pub goals: Goals,
    /// The load.
    pub workload: Workload,
    /// How long each is measured.
    pub pace: Pace,
    /// Most settings that are measured, the one in force now included.
    pub max_measurements: u32,
    /// Seed of the search's choices.
    pub seed: u64,
}

impl TuneRequest {
    /// Most measurements where not all settings are measured.
    pub const MOST: u32 = 200;

    /// Measurements for a space where nobody says how many: 8 of 100 settings, 4 at least.
    pub fn usual_measurements(space: &TuneSpace) -> u32 {
        u32::try_from(space.len() * 8 / 100).unwrap_or(Self::MOST).clamp(4, Self::MOST)
    }

    /// Whether another request goes on with what this one measured: all is the same but for how much is measured.
    pub fn goes_on_as(&self, other: &Self) -> bool {
        *self == Self { max_measurements: self.max_measurements, ..other.clone() }
    }

    /// Why it cannot be done; `None`: it can.
    pub fn refusal(&self) -> Option<String> {
        if let Some(why) = self.space.refusal() {
            return Some(why);
        }
        if self.space.versions[0].name != self.model.name {
            return Some("The versions are another model's.".to_owned());
        }
        if !(1..=256).contains(&self.workload.clients) {
            return Some("1 to 256 clients are possible.".to_owned());
        }
        if !(1..=4096).contains(&self.workload.rows) {
            return Some("1 to 4,096 rows a request are possible.".to_owned());
        }
        if !(self.pace.secs >= 0.05 && self.pace.secs <= 60.0) {
            return Some("A repetition takes 0.05 to 60 s.".to_owned());
        }
        if self.pace.fewest < 3 || self.pace.most < self.pace.fewest || self.pace.most > 1000 {
            return Some("3 to 1,000 repetitions are possible.".to_owned());
        }
        if !(self.pace.doubt > 0.0 && self.pace.doubt < 1.0) {
            return Some("An interval is within more than 0 and less than 100 %.".to_owned());
        }
        if self.max_measurements < 2 {
            return Some("2 measurements at least are needed.".to_owned());
        }
        let all = self.max_measurements as usize >= self.space.len();
        (self.max_measurements > Self::MOST && !all)
            .then(|| format!("Up to {} measurements are possible, or all {}.", Self::MOST, self.space.len()))
    }
}
