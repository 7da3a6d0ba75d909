//! Goals: the figure that a tuning makes best, and the bounds that others must keep.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Interval;
use crate::words;

/// What is measured of a served model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Rows answered a second.
    Throughput,
    /// Median time from a request to its answer, seconds.
    P50,
    /// Time that 95 of 100 requests stay below, seconds.
    P95,
    /// Time that 99 of 100 requests stay below, seconds.
    P99,
    /// The most memory that the serving process had, bytes.
    Memory,
    /// Processor cores in use by the serving process.
    Cpu,
}

impl Figure {
    /// Every figure.
    pub const ALL: [Self; 6] = [Self::Throughput, Self::P50, Self::P95, Self::P99, Self::Memory, Self::Cpu];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Memory => "memory",
            Self::Cpu => "cpu",
        }
    }

    /// Its name in a table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Throughput => "Rows a second",
            Self::P50 => "Median latency",
            Self::P95 => "95% latency",
            Self::P99 => "99% latency",
            Self::Memory => "Peak memory",
            Self::Cpu => "CPU cores",
        }
    }

    /// Whether more of it is better.
    pub fn more_is_better(self) -> bool {
        self == Self::Throughput
    }

    /// The goal of making it best, in words.
    pub fn goal(self) -> &'static str {
        match self {
            Self::Throughput => "Most rows a second",
            Self::P50 => "Lowest median latency",
            Self::P95 => "Lowest 95% latency",
            Self::P99 => "Lowest 99% latency",
            Self::Memory => "Least memory",
            Self::Cpu => "Fewest CPU cores",
        }
    }

    /// Its unit on the command line and in the window, and how many of the stored unit that is.
    pub fn unit(self) -> (&'static str, f64) {
        match self {
            Self::Throughput => ("rows/s", 1.0),
            Self::P50 | Self::P95 | Self::P99 => ("ms", 1e-3),
            Self::Memory => ("MiB", 1_048_576.0),
            Self::Cpu => ("cores", 1.0),
        }
    }

    /// Decimals that a value is written with in its unit.
    fn digits(self, value: f64) -> usize {
        match (value / self.unit().1).abs() {
            0.0..10.0 => 2,
            10.0..100.0 => 1,
            _ => 0,
        }
    }

    /// A value in its unit, thousands grouped.
    pub fn number(self, value: f64) -> String {
        words::decimals(value / self.unit().1, self.digits(value))
    }

    /// A value and half its interval, in its unit.
    pub fn interval(self, found: &Interval) -> String {
        let half = (found.high - found.low) / 2.0 / self.unit().1;
        format!("{} ± {}", self.number(found.value), words::decimals(half, self.digits(found.value)))
    }

    /// A value in words, with its unit.
    pub fn words(self, value: f64) -> String {
        format!("{} {}", self.number(value), self.unit().0)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Figure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|figure| figure.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|figure| figure.name()).collect();
            format!("'{text}' is no figure: {} are", names.join(", "))
        })
    }
}

/// A bound that a figure must keep: throughput at least this, everything else at most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Which.
    pub figure: Figure,
    /// The bound, in the figure's stored unit (rows a second, seconds, bytes, cores).
    pub bound: f64,
}

impl Limit {
    /// Whether a value keeps it.
    pub fn keeps(&self, value: f64) -> bool {
        if self.figure.more_is_better() { value >= self.bound } else { value <= self.bound }
    }

    /// In words.
    pub fn words(&self) -> String {
        let sign = if self.figure.more_is_better() { "≥" } else { "≤" };
        format!("{} {sign} {}", self.figure.title(), self.figure.words(self.bound))
    }
}

impl FromStr for Limit {
    type Err = String;

    /// `p95=5ms`, `memory=200MiB`, `cpu=1.5`, `throughput=500`; without a unit the figure's own one is meant.
    fn from_str(text: &str) -> Result<Self, String> {
        let (figure, bound) = text
            .split_once('=')
            .ok_or_else(|| format!("'{text}' is no bound: write FIGURE=VALUE, as p95=5ms"))?;
        let figure: Figure = figure.trim().parse()?;
        let bound = bound.trim();
        let digits = bound.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(bound.len());
        let (number, unit) = bound.split_at(digits);
        let (own, size) = figure.unit();
        let size = match (figure, unit.trim()) {
            (_, "") => size,
            (_, unit) if unit == own => size,
            (Figure::P50 | Figure::P95 | Figure::P99, "s") => 1.0,
            (Figure::P50 | Figure::P95 | Figure::P99, "us" | "µs") => 1e-6,
            (Figure::Memory, "GiB") => 1_073_741_824.0,
            (Figure::Memory, "MB") => 1e6,
            (_, other) => return Err(format!("'{other}' is no unit of {figure}: use {own}")),
        };
        let value = number.parse::<f64>().ok().filter(|value| *value > 0.0 && value.is_finite());
        let value = value.ok_or_else(|| format!("'{number}' is no number above 0"))?;
        Ok(Self { figure, bound: value * size })
    }
}

/// What a tuning is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goals {
    /// Made best.
    pub objective: Figure,
    /// Kept by whatever is chosen.
    #[serde(default)]
    pub limits: Vec<Limit>,
}

impl Default for Goals {
    fn default() -> Self {
        Self { objective: Figure::Throughput, limits: Vec::new() }
    }
}

impl Goals {
    /// In words.
    pub fn words(&self) -> String {
        let limits: Vec<String> = self.limits.iter().map(Limit::words).collect();
        match limits.as_slice() {
            [] => self.objective.goal().to_owned(),
            limits => format!("{} with {}", self.objective.goal(), limits.join(", ")),
        }
    }

    /// Every figure that matters: these decide whether a measurement is steady.
    pub fn figures(&self) -> impl Iterator<Item = Figure> {
        std::iter::once(self.objective).chain(self.limits.iter().map(|limit| limit.figure))
    }

    /// Whether every bound is kept; a figure that was not measured keeps none.
    pub fn kept(&self, figures: &BTreeMap<Figure, Interval>) -> bool {
        self.limits
            .iter()
            .all(|limit| figures.get(&limit.figure).is_some_and(|found| limit.keeps(found.value)))
    }

    /// The objective, turned so that more is better; `None` where a bound is broken or it was not measured.
    pub fn worth(&self, figures: &BTreeMap<Figure, Interval>) -> Option<f64> {
        let value = figures.get(&self.objective)?.value;
        let turned = if self.objective.more_is_better() { value } else { -value };
        (self.kept(figures) && value.is_finite()).then_some(turned)
    }

    /// How much of the optimum a value of the objective is, 0 to 1.
    pub fn share(&self, found: f64, optimum: f64) -> f64 {
        let share = if self.objective.more_is_better() { found / optimum } else { optimum / found };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_in_their_units() {
        let read = |text: &str| text.parse::<Limit>();
        assert_eq!(read("p95=5ms"), Ok(Limit { figure: Figure::P95, bound: 5e-3 }));
        assert_eq!(read("p95=5"), Ok(Limit { figure: Figure::P95, bound: 5e-3 }));
        assert_eq!(read("p50=250us"), Ok(Limit { figure: Figure::P50, bound: 250.0 * 1e-6 }));
        assert_eq!(read("memory=2GiB"), Ok(Limit { figure: Figure::Memory, bound: 2_147_483_648.0 }));
        assert_eq!(read("cpu=1.5"), Ok(Limit { figure: Figure::Cpu, bound: 1.5 }));
        for wrong in ["p95", "p95=", "p95=-1ms", "speed=5", "cpu=1ms", "p95=1e400"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_written_in_their_units_with_thousands_grouped() {
        assert_eq!(Figure::Throughput.words(123_456.7), "123,457 rows/s");
        assert_eq!(Figure::P95.words(0.003_21), "3.21 ms");
        assert_eq!(Figure::P99.words(2.5), "2,500 ms");
        assert_eq!(Figure::Memory.number(104_857_600.0), "100");
        let found = Interval { value: 20_000.0, low: 18_500.0, high: 21_500.0 };
        assert_eq!(Figure::Throughput.interval(&found), "20,000 ± 1,500");
    }

    #[test]
    fn what_breaks_a_bound_is_worth_nothing() {
        let figures = |throughput, p95| {
            BTreeMap::from([
                (Figure::Throughput, Interval::exact(throughput)),
                (Figure::P95, Interval::exact(p95)),
            ])
        };
        let limit = Limit { figure: Figure::P95, bound: 0.005 };
        let goals = Goals { objective: Figure::Throughput, limits: vec![limit] };
        assert_eq!(goals.worth(&figures(100.0, 0.004)), Some(100.0));
        assert_eq!(goals.worth(&figures(900.0, 0.006)), None);
        let memory = Limit { figure: Figure::Memory, bound: 1.0 };
        let unknown = Goals { objective: Figure::Throughput, limits: vec![memory] };
        assert_eq!(unknown.worth(&figures(100.0, 0.004)), None, "what was not measured is not kept");
        let least = Goals { objective: Figure::P95, limits: Vec::new() };
        assert!(least.worth(&figures(1.0, 0.001)) > least.worth(&figures(1.0, 0.002)));
        assert!((least.share(0.002, 0.001) - 0.5).abs() < 1e-12);
    }
}
