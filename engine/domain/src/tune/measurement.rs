//! Measurement: the figures of one setting, each with the interval of its repetitions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Figure, TuneSetting};

/// A value and the 95% interval of it over repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Mean over repetitions.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// A value without any doubt.
    pub fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }

    /// Half the interval, as a share of the value; infinite where the value is 0 and the interval is not.
    pub fn doubt(&self) -> f64 {
        let half = (self.high - self.low) / 2.0;
        if half == 0.0 { 0.0 } else { half / self.value.abs() }
    }
}

/// What was measured of one setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneMeasurement {
    /// The setting.
    pub setting: TuneSetting,
    /// Figures; one that this system does not tell is left out. None where the setting could not be measured.
    pub figures: BTreeMap<Figure, Interval>,
    /// Repetitions.
    pub repeats: u32,
    /// Whether the goals can be judged by it: the objective's interval is within what was asked, and those of bounded figures are, or lie
    /// on one side of their bound. If not, it is noisy.
    pub steady: bool,
    /// Figures whose own interval is wider than was asked, whether the goals need them or not.
    #[serde(default)]
    pub noisy: Vec<Figure>,
    /// Seconds it took, the start of the process included.
    pub secs: f64,
    /// Why there are no figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl TuneMeasurement {
    /// Figures whose half interval is wider than this share of them.
    pub fn wider_than(&self, doubt: f64) -> Vec<Figure> {
        let wide = self.figures.iter().filter(|(_, found)| found.doubt() > doubt);
        wide.map(|(figure, _)| *figure).collect()
    }

    /// Whether a figure's own interval is wider than was asked.
    pub fn is_noisy(&self, figure: Figure) -> bool {
        self.noisy.contains(&figure)
    }

    /// A figure's value.
    pub fn value(&self, figure: Figure) -> Option<f64> {
        self.figures.get(&figure).map(|found| found.value)
    }
}
