//! The plan of a search: how it samples, what it spends, and when it is enough.

use serde::{Deserialize, Serialize};

/// How the next trial's values are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Tree-structured Parzen estimator, all parameters of a trial together (Bergstra et al. 2011; Falkner et al. 2018).
    #[default]
    Tpe,
    /// The same, each parameter by itself.
    IndependentTpe,
    /// At random.
    Random,
    /// Regularized evolution: the best of a few of the youngest is changed in one parameter (Real et al. 2019).
    Evolution,
}

impl Sampler {
    /// Every sampler.
    pub const ALL: [Self; 4] = [Self::Tpe, Self::IndependentTpe, Self::Random, Self::Evolution];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tpe => "tpe",
            Self::IndependentTpe => "independent-tpe",
            Self::Random => "random",
            Self::Evolution => "evolution",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tpe => "TPE",
            Self::IndependentTpe => "TPE, independent",
            Self::Random => "Random",
            Self::Evolution => "Evolution",
        }
    }

    /// The sampler of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sampler| sampler.name() == name)
    }
}

/// Which trials are trained to their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Every one.
    #[default]
    Full,
    /// Each begins with a small share; of those that got as far, the best third goes on (Li et al. 2018, "ASHA").
    Asha,
    /// The same in several brackets, which begin with larger and larger shares (Li et al. 2017, "Hyperband"), asynchronously.
    Hyperband,
}

impl Schedule {
    /// Every schedule.
    pub const ALL: [Self; 3] = [Self::Full, Self::Asha, Self::Hyperband];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Asha => "asha",
            Self::Hyperband => "hyperband",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Full => "Full trainings",
            Self::Asha => "ASHA",
            Self::Hyperband => "Hyperband",
        }
    }

    /// The schedule of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|schedule| schedule.name() == name)
    }
}

/// What the model that is chosen may need, as it is measured; `None`: anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Seconds for one row, the median.
    pub row_secs: Option<f64>,
    /// Bytes on disk.
    pub bytes: Option<u64>,
}

/// How a search goes about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// How values are chosen.
    pub sampler: Sampler,
    /// Which trials go to their end.
    pub schedule: Schedule,
    /// Trials in all.
    pub trials: u32,
    /// Seconds that it may take, over all its processes; `None`: as long as it takes.
    pub secs: Option<f64>,
    /// Enough when a trial within the limits is as good as this.
    pub goal: Option<f64>,
    /// Whether more is better of what is searched for.
    pub maximize: bool,
    /// What a trial may need.
    pub limits: Limits,
    /// Trials at once; `None`: as cores and memory allow.
    pub parallel: Option<u32>,
    /// Whether the time of a row is measured of every finished trial; where it is limited, it always is.
    pub measure: bool,
    /// Seed of every random choice.
    pub seed: u64,
    /// Rungs a schedule has, the full training among them: each is three times as long as the one before.
    pub rungs: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            sampler: Sampler::default(),
            schedule: Schedule::default(),
            trials: 30,
            secs: None,
            goal: None,
            maximize: false,
            limits: Limits::default(),
            parallel: None,
            measure: true,
            seed: 0,
            rungs: 3,
        }
    }
}

impl Plan {
    /// How much longer a rung is than the one before, and of how many trials one goes on.
    pub const ETA: u32 = 3;

    /// The rungs' shares of a full training, rising to 1.
    pub fn shares(&self) -> Vec<f64> {
        let rungs = if self.schedule == Schedule::Full { 1 } else { self.rungs.max(1) };
        (0..rungs).rev().map(|below| f64::from(Self::ETA).powi(-below.cast_signed())).collect()
    }

    /// Whether finished trials are measured.
    pub fn measures(&self) -> bool {
        self.measure || self.limits.row_secs.is_some()
    }

    /// Why it makes no sense, or `None`.
    pub fn fault(&self) -> Option<String> {
        let positive = |value: Option<f64>| value.is_none_or(|value| value.is_finite() && value > 0.0);
        if self.trials == 0 || self.trials > 100_000 {
            return Some("A search has 1 to 100,000 trials.".to_owned());
        }
        if !(2..=6).contains(&self.rungs) {
            return Some("A schedule has 2 to 6 rungs.".to_owned());
        }
        if !positive(self.secs) || !positive(self.limits.row_secs) || self.limits.bytes == Some(0) {
            return Some("A budget is more than 0.".to_owned());
        }
        if self.parallel == Some(0) {
            return Some("At least one trial at once.".to_owned());
        }
        self.goal.filter(|goal| !goal.is_finite()).map(|_| "A goal is a number.".to_owned())
    }
}
