//! Search: which setting to measure next, so that few measurements find a setting near the best. Pure state: what was told is all it
//! knows, and the same telling and seed always ask the same.
//!
//! First a Latin hypercube over the axes (`McKay`, Beckman and Conover 1979), the widest spread of some; then the setting with the
//! largest expected improvement times the probability that it keeps the bounds (Gardner et al. 2014, "Bayesian Optimization with
//! Inequality Constraints"), by a Gaussian process of each figure's logarithm. Every third time, the setting with the best mean.

use std::collections::BTreeMap;

use orrery_domain::tune::{Figure, Goals, Interval, TuneSpace};
use orrery_policy::traffic::{Random as _, SplitMix64};
use serde::{Deserialize, Serialize};

use super::process::{Expected, Process};

/// Hypercubes of which the one with the widest spread is taken.
const CUBES: usize = 64;
/// Every so many asks after the hypercube go to the best mean.
const GREEDY_EVERY: usize = 3;

/// A search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Searcher {
    space: TuneSpace,
    goals: Goals,
    seed: u64,
    /// Most measurements, what was told at first included.
    budget: usize,
    /// Numbers of settings and their figures, as told; none where a setting could not be measured.
    told: Vec<(usize, Option<BTreeMap<Figure, f64>>)>,
}

impl Searcher {
    /// A search that knows nothing.
    pub fn new(space: TuneSpace, goals: Goals, budget: usize, seed: u64) -> Self {
        Self { space, goals, seed, budget, told: Vec::new() }
    }

    /// Measurements told.
    pub fn told(&self) -> usize {
        self.told.len()
    }

    /// Tells a measurement; without figures where the setting could not be measured. What is off the space teaches nothing.
    pub fn tell(&mut self, number: usize, figures: Option<&BTreeMap<Figure, Interval>>) {
        if number < self.space.len() && !self.knows(number) {
            let plain = |figures: &BTreeMap<Figure, Interval>| {
                figures.iter().map(|(figure, found)| (*figure, found.value)).collect()
            };
            self.told.push((number, figures.map(plain)));
        }
    }

    /// The setting to measure next; `None` when the budget is spent or everything is measured.
    pub fn ask(&self) -> Option<usize> {
        if self.told.len() >= self.budget.min(self.space.len()) {
            return None;
        }
        if self.budget >= self.space.len() {
            // All of them, in an order that mixes what drifts with time into all axes.
            let mut all: Vec<usize> = (0..self.space.len()).collect();
            SplitMix64::new(self.seed).shuffle(&mut all);
            return all.into_iter().find(|number| !self.knows(*number));
        }
        let first = self.first();
        if let Some(number) =
            first.iter().find(|number| !self.knows(**number)).filter(|_| self.told.len() < first.len())
        {
            return Some(*number);
        }
        self.promising().or_else(|| (0..self.space.len()).find(|number| !self.knows(*number)))
    }

    fn knows(&self, number: usize) -> bool {
        self.told.iter().any(|(told, _)| *told == number)
    }

    /// A hypercube of a third of the budget, the same at every asking.
    fn first(&self) -> Vec<usize> {
        let wanted = (self.budget / 3).clamp(3, 10).min(self.budget);
        let mut draw = SplitMix64::new(self.seed);
        let cubes = (0..CUBES).map(|_| self.cube(wanted, &mut draw));
        let spread = |cube: &Vec<usize>| {
            let points: Vec<Vec<f64>> = cube.iter().map(|number| self.point(*number)).collect();
            let pairs =
                points.iter().enumerate().flat_map(|(at, a)| points[..at].iter().map(move |b| apart(a, b)));
            pairs.fold(f64::INFINITY, f64::min)
        };
        let best = cubes.map(|cube| (spread(&cube), cube)).reduce(|a, b| if b.0 > a.0 { b } else { a });
        best.map(|(_, cube)| cube).unwrap_or_default()
    }

    /// Settings in which every value of an axis stands about equally often.
    fn cube(&self, wanted: usize, draw: &mut SplitMix64) -> Vec<usize> {
        let lengths = self.space.lengths();
        let columns: Vec<Vec<usize>> = lengths
            .iter()
            .map(|length| {
                // Spread over the axis where it has more values than there are settings.
                let shift = draw.below(wanted as u64) as usize;
                let mut column: Vec<usize> = (0..wanted)
                    .map(|at| {
                        if *length >= wanted { (at * length + shift) / wanted } else { (at + shift) % length }
                    })
                    .map(|place| place.min(length - 1))
                    .collect();
                draw.shuffle(&mut column);
                column
            })
            .collect();
        (0..wanted)
            .map(|at| {
                columns.iter().zip(lengths).fold(0, |number, (column, length)| number * length + column[at])
            })
            .collect()
    }

    /// A setting as a point of the unit cube: places on the axes that have several values, versions as an axis each.
    fn point(&self, number: usize) -> Vec<f64> {
        let (places, lengths) = (self.space.places(number), self.space.lengths());
        let versions = lengths[0];
        let mut point: Vec<f64> = match versions {
            1 => Vec::new(),
            2 => vec![places[0] as f64],
            _ => (0..versions).map(|at| f64::from(u8::from(places[0] == at))).collect(),
        };
        for (place, length) in places.iter().zip(lengths).skip(1) {
            if length > 1 {
                point.push(*place as f64 / (length - 1) as f64);
            }
        }
        point
    }

    /// A figure's process, and whether more of it is better; `None` where fewer than two settings have it.
    fn process(&self, figure: Figure) -> Option<Process> {
        let seen = self.told.iter().filter_map(|(number, figures)| {
            let value = *figures.as_ref()?.get(&figure)?;
            (value > 0.0 && value.is_finite()).then(|| (self.point(*number), value.ln()))
        });
        let (points, values): (Vec<Vec<f64>>, Vec<f64>) = seen.unzip();
        if points.len() < 2 { None } else { Process::fit(&points, &values) }
    }

    /// The setting that promises most.
    fn promising(&self) -> Option<usize> {
        let turned = |expected: Expected| Expected {
            mean: if self.goals.objective.more_is_better() { expected.mean } else { -expected.mean },
            ..expected
        };
        let objective = self.process(self.goals.objective)?;
        let limits: Vec<_> =
            self.goals.limits.iter().filter_map(|limit| Some((limit, self.process(limit.figure)?))).collect();
        let best = self.best();
        let greedy = best.is_some()
            && (self.told.len() - self.first().len().min(self.told.len())) % GREEDY_EVERY == GREEDY_EVERY - 1;
        let score = |number: usize| {
            let point = self.point(number);
            let expected = turned(objective.at(&point));
            let kept: f64 = limits
                .iter()
                .map(|(limit, process)| {
                    let at_most = process.at(&point).at_most(limit.bound.max(f64::MIN_POSITIVE).ln());
                    if limit.figure.more_is_better() { 1.0 - at_most } else { at_most }
                })
                .product();
            match best {
                Some(_) if greedy && kept >= 0.5 => expected.mean,
                Some(_) if greedy => f64::NEG_INFINITY,
                Some(best) => expected.improvement(best) * kept,
                // Nothing keeps the bounds yet: what does so most likely comes first.
                None => kept,
            }
        };
        let unknown = (0..self.space.len()).filter(|number| !self.knows(*number));
        let found =
            unknown.map(|number| (number, score(number))).reduce(|a, b| if b.1 > a.1 { b } else { a });
        found.map(|(number, _)| number)
    }

    /// Logarithm of the best objective told that keeps the bounds, turned so that more is better.
    fn best(&self) -> Option<f64> {
        let worths = self.told.iter().filter_map(|(_, figures)| {
            let figures: BTreeMap<Figure, Interval> =
                figures.as_ref()?.iter().map(|(figure, value)| (*figure, Interval::exact(*value))).collect();
            let worth = self.goals.worth(&figures)?;
            Some(if worth > 0.0 { worth.ln() } else { -(-worth).ln() })
        });
        worths.reduce(f64::max)
    }
}

/// Square of the distance.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}
