//! Surface: every setting of a space, measured; what a search is replayed on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Figure, Goals, Interval, TuneReport, TuneSpace, Workload};

/// A space measured by brute force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Surface {
    /// What was measured, for people.
    pub title: String,
    /// On which machine and when, for people.
    pub machine: String,
    /// The space.
    pub space: TuneSpace,
    /// The load.
    pub workload: Workload,
    /// The figures of a cell, in order.
    pub figures: Vec<Figure>,
    /// A cell for every setting, in the space's order; an empty one could not be measured.
    pub cells: Vec<Vec<f64>>,
    /// Numbers of settings whose measurement is noisy.
    pub noisy: Vec<usize>,
    /// The same settings measured once more, after all of them had been: what judges a choice that was made by `cells`, and the other way
    /// round. Empty where it was not.
    #[serde(default)]
    pub again: Vec<Vec<f64>>,
}

impl Surface {
    /// Of a tuning that measured every setting, and another that did it again; `None` where one is missing.
    pub fn of(title: &str, machine: &str, report: &TuneReport, again: Option<&TuneReport>) -> Option<Self> {
        let first = Self::once(title, machine, report)?;
        let Some(again) = again else { return Some(first) };
        let second = Self::once(title, machine, again)?;
        let same = first.space == second.space && first.figures == second.figures;
        same.then_some(Self { again: second.cells, ..first })
    }

    fn once(title: &str, machine: &str, report: &TuneReport) -> Option<Self> {
        let space = report.request.space.clone();
        let figures: Vec<Figure> = Figure::ALL
            .into_iter()
            .filter(|figure| report.measurements.iter().any(|found| found.figures.contains_key(figure)))
            .collect();
        let mut cells = Vec::with_capacity(space.len());
        let mut noisy = Vec::new();
        for number in 0..space.len() {
            let setting = space.setting(number);
            let found = report.measurements.iter().find(|found| found.setting == setting)?;
            // Four digits are more than a measurement is worth.
            let short = |value: f64| format!("{value:.3e}").parse().unwrap_or(value);
            let cell: Option<Vec<f64>> =
                figures.iter().map(|figure| found.value(*figure).map(short)).collect();
            if !found.steady && found.failure.is_none() {
                noisy.push(number);
            }
            cells.push(cell.unwrap_or_default());
        }
        let (title, machine) = (title.to_owned(), machine.to_owned());
        let workload = report.request.workload;
        Some(Self { title, machine, space, workload, figures, cells, noisy, again: Vec::new() })
    }

    /// The two measurements the other way round; `None` where there is one.
    pub fn turned(&self) -> Option<Self> {
        let turned = |this: Self| Self { cells: this.again, again: this.cells, ..this };
        (!self.again.is_empty()).then(|| turned(self.clone()))
    }

    /// What the second measurement says of a setting.
    pub fn judged(&self, number: usize, figure: Figure) -> Option<f64> {
        let at = self.figures.iter().position(|one| *one == figure)?;
        self.again.get(number)?.get(at).copied()
    }

    /// Figures of a setting.
    pub fn at(&self, number: usize) -> BTreeMap<Figure, Interval> {
        let cell = self.cells.get(number).map(Vec::as_slice).unwrap_or_default();
        self.figures.iter().copied().zip(cell.iter().copied().map(Interval::exact)).collect()
    }

    /// The best setting's number and objective; `None` where no setting keeps the bounds.
    pub fn optimum(&self, goals: &Goals) -> Option<(usize, f64)> {
        let all = (0..self.cells.len()).filter_map(|number| {
            let figures = self.at(number);
            let worth = goals.worth(&figures)?;
            Some((number, worth, figures[&goals.objective].value))
        });
        let best = all.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        Some((best.0, best.2))
    }

    /// The bound that this share of all settings keeps.
    pub fn quantile(&self, figure: Figure, share: f64) -> Option<f64> {
        let mut values: Vec<f64> =
            (0..self.cells.len()).filter_map(|number| Some(self.at(number).get(&figure)?.value)).collect();
        values.sort_by(f64::total_cmp);
        let share = if figure.more_is_better() { 1.0 - share } else { share };
        values.get(((values.len().checked_sub(1)?) as f64 * share).round() as usize).copied()
    }

    /// Why it cannot be replayed; `None`: it can.
    pub fn refusal(&self) -> Option<String> {
        if let Some(why) = self.space.refusal() {
            return Some(why);
        }
        let again = if self.again.is_empty() { self.cells.len() } else { self.again.len() };
        for cells in [self.cells.len(), again] {
            if cells != self.space.len() {
                return Some(format!("{cells} cells do not fit {} settings.", self.space.len()));
            }
        }
        let sound = |cell: &Vec<f64>| {
            cell.is_empty()
                || cell.len() == self.figures.len()
                    && cell.iter().all(|value| value.is_finite() && *value > 0.0)
        };
        (!self.cells.iter().chain(&self.again).all(sound))
            .then(|| "A cell does not hold one number above 0 a figure.".to_owned())
    }
}

/// How a search went on a surface, over seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The surface.
    pub surface: String,
    /// The goals.
    pub goals: Goals,
    /// Settings of the surface.
    pub settings: usize,
    /// Settings measured.
    pub measurements: usize,
    /// The optimum of the objective.
    pub optimum: f64,
    /// Share of the optimum that the search found, a seed each.
    pub shares: Vec<f64>,
    /// Share that as many settings drawn at random found, a seed each.
    pub random: Vec<f64>,
    /// Where all was measured twice: what the search chose by one measurement over what brute force would have chosen by the same, both
    /// judged by the other; a seed each. The best of many noisy figures is partly a lucky one: only so is it known what a choice is worth.
    pub judged: Vec<f64>,
    /// The same of as many settings drawn at random.
    pub random_judged: Vec<f64>,
}

impl Replay {
    /// The mean of shares.
    pub fn mean(shares: &[f64]) -> f64 {
        shares.iter().sum::<f64>() / shares.len().max(1) as f64
    }
}
