//! Report: what a tuning has measured, and what follows from it.

use serde::{Deserialize, Serialize};

use super::{Figure, TuneMeasurement, TuneRequest, TuneSetting};
use crate::units::UnixSecs;

/// Where a tuning stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TuneStage {
    /// It ended before its time: it can be resumed, and what it measured can be applied.
    Unfinished,
    /// All was measured that was asked for.
    Finished,
}

/// A tuning: its request, its measurements, and what they say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneReport {
    /// Its id.
    pub id: String,
    /// When it was asked for.
    pub created_at: UnixSecs,
    /// The request.
    pub request: TuneRequest,
    /// Where it stands.
    pub stage: TuneStage,
    /// The setting that was in force when it began.
    pub before: TuneSetting,
    /// What was measured, in that order; the setting in force first.
    pub measurements: Vec<TuneMeasurement>,
    /// Number of the best measurement that keeps every bound.
    pub best: Option<usize>,
    /// Numbers of those that none beats in both throughput and 95% latency.
    pub front: Vec<usize>,
    /// What a person should know: sentences.
    pub findings: Vec<String>,
}

impl TuneReport {
    /// The report that measurements make.
    pub fn of(
        (id, created_at): (String, UnixSecs),
        request: TuneRequest,
        before: TuneSetting,
        mut measurements: Vec<TuneMeasurement>,
        finished: bool,
    ) -> Self {
        for found in &mut measurements {
            found.noisy = found.wider_than(request.pace.doubt);
        }
        let worth = |(number, found): (usize, &TuneMeasurement)| {
            request.goals.worth(&found.figures).map(|worth| (number, worth))
        };
        let best = measurements
            .iter()
            .enumerate()
            .filter_map(worth)
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        let stage = if finished { TuneStage::Finished } else { TuneStage::Unfinished };
        let front = front(&measurements);
        let best = best.map(|(number, _)| number);
        let mut report =
            Self { id, created_at, request, stage, before, measurements, best, front, findings: Vec::new() };
        report.findings = report.find();
        report
    }

    /// The best measurement.
    pub fn chosen(&self) -> Option<&TuneMeasurement> {
        self.measurements.get(self.best?)
    }

    /// What was measured of the setting in force.
    pub fn current(&self) -> Option<&TuneMeasurement> {
        self.measurements.iter().find(|found| found.setting == self.before)
    }

    fn find(&self) -> Vec<String> {
        let mut all = Vec::new();
        let goals = &self.request.goals;
        let objective = goals.objective;
        match (self.chosen(), self.current()) {
            (Some(best), Some(now)) if best.setting == now.setting => {
                all.push("Nothing that was measured is better than how it is served now.".to_owned());
            }
            (Some(best), now) => {
                let value = best.value(objective).unwrap_or_default();
                let compared = |before: &super::Interval| {
                    let apart = best
                        .figures
                        .get(&objective)
                        .is_some_and(|found| found.low > before.high || found.high < before.low);
                    let ratio = value / before.value;
                    let doubt = if apart { "" } else { "; the intervals overlap" };
                    format!(" ({ratio:.2} times the {} of now{doubt})", objective.words(before.value))
                };
                let before = now.and_then(|now| now.figures.get(&objective));
                let compared = before.map(compared).unwrap_or_default();
                all.push(format!("Best: {}, {}{compared}.", best.setting.words(), objective.words(value)));
            }
            (None, _) if self.measurements.is_empty() => all.push("Nothing was measured yet.".to_owned()),
            (None, _) => all.push(format!(
                "Nothing that was measured keeps {}. Ask for less, or measure more.",
                goals.limits.iter().map(super::Limit::words).collect::<Vec<_>>().join(" and ")
            )),
        }
        if let Some(now) = self.current().filter(|now| now.failure.is_none() && !goals.kept(&now.figures)) {
            let broken: Vec<String> = goals
                .limits
                .iter()
                .filter(|limit| !now.value(limit.figure).is_some_and(|value| limit.keeps(value)))
                .map(super::Limit::words)
                .collect();
            all.push(format!("As it is served now, it does not keep {}.", broken.join(" and ")));
        }
        let noisy = self.measurements.iter().filter(|found| !found.steady && found.failure.is_none()).count();
        if noisy > 0 {
            all.push(format!(
                "{noisy} of {} measurements are noisy: an interval that the goal needs stayed wider than {:.0}%. Close other programs and measure again.",
                self.measurements.len(),
                self.request.pace.doubt * 100.0
            ));
        }
        let partly = self.measurements.iter().filter(|found| found.steady && !found.noisy.is_empty()).count();
        if partly > 0 {
            all.push(format!(
                "{partly} of {} measurements have noisy figures that the goal does not need: each is marked where its interval is wider than {:.0}%.",
                self.measurements.len(),
                self.request.pace.doubt * 100.0
            ));
        }
        let failed = self.measurements.iter().filter(|found| found.failure.is_some()).count();
        if failed > 0 {
            all.push(format!("{failed} of {} settings could not be measured.", self.measurements.len()));
        }
        all
    }
}

/// Numbers of the measurements that no other beats in both throughput and 95% latency, by latency.
fn front(all: &[TuneMeasurement]) -> Vec<usize> {
    let pair = |found: &TuneMeasurement| Some((found.value(Figure::Throughput)?, found.value(Figure::P95)?));
    let points: Vec<(usize, f64, f64)> = all
        .iter()
        .enumerate()
        .filter_map(|(number, found)| pair(found).map(|(throughput, p95)| (number, throughput, p95)))
        .collect();
    let beaten = |(_, throughput, p95): &(usize, f64, f64)| {
        points
            .iter()
            .any(|(_, more, less)| more >= throughput && less <= p95 && (more > throughput || less < p95))
    };
    let mut front: Vec<(usize, f64, f64)> = points.iter().filter(|point| !beaten(point)).copied().collect();
    front.sort_by(|a, b| a.2.total_cmp(&b.2));
    front.into_iter().map(|(number, ..)| number).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        ids::ModelRef,
        tune::{Goals, Interval, Limit, Pace, TuneSpace, Workload},
    };

    fn request(goals: Goals) -> TuneRequest {
        let model = ModelRef { name: "m".to_owned(), version: 1 };
        TuneRequest {
            space: TuneSpace::of(vec![model.clone()], 2),
            model,
            goals,
            workload: Workload::default(),
            pace: Pace::default(),
            max_measurements: 8,
            seed: 0,
        }
    }

    fn found(request: &TuneRequest, number: usize, throughput: f64, p95: f64) -> TuneMeasurement {
        let around = |value: f64| Interval { value, low: value * 0.98, high: value * 1.02 };
        TuneMeasurement {
            setting: request.space.setting(number),
            figures: BTreeMap::from([(Figure::Throughput, around(throughput)), (Figure::P95, around(p95))]),
            repeats: 3,
            steady: number != 2,
            noisy: Vec::new(),
            secs: 1.0,
            failure: None,
        }
    }

    #[test]
    fn the_best_keeps_the_bounds_and_the_front_is_of_both() {
        let limit = Limit { figure: Figure::P95, bound: 0.003 };
        let request = request(Goals { objective: Figure::Throughput, limits: vec![limit] });
        let measured = [(0, 100.0, 0.002), (1, 200.0, 0.002_5), (2, 400.0, 0.009), (3, 150.0, 0.004)];
        let all: Vec<TuneMeasurement> =
            measured.into_iter().map(|(number, a, b)| found(&request, number, a, b)).collect();
        let before = request.space.setting(0);
        let report = TuneReport::of(("t".to_owned(), 0.0), request.clone(), before.clone(), all, true);
        assert_eq!(report.best, Some(1));
        assert_eq!(report.front, [0, 1, 2]);
        assert!(report.findings[0].contains("2.00 times"), "{:?}", report.findings);
        assert!(report.findings.iter().any(|words| words.contains("1 of 4 measurements are noisy")));
        assert!(report.measurements.iter().all(|found| found.noisy.is_empty()), "2% is no noise");
        let none = TuneReport::of(("t".to_owned(), 0.0), request.clone(), before.clone(), Vec::new(), false);
        assert_eq!((none.best, none.stage), (None, TuneStage::Unfinished));
        let broken = vec![found(&request, 2, 400.0, 0.009)];
        let broken = TuneReport::of(("t".to_owned(), 0.0), request, before, broken, true);
        assert!(broken.findings[0].contains("keeps 95% latency ≤ 3.00 ms"), "{:?}", broken.findings);
    }

    #[test]
    fn a_wide_interval_marks_its_own_figure_whatever_the_goal_needs() {
        let request = request(Goals { objective: Figure::Throughput, limits: Vec::new() });
        let before = request.space.setting(0);
        let mut all = vec![found(&request, 0, 100.0, 0.002), found(&request, 1, 200.0, 0.002)];
        all[1].figures.insert(Figure::P95, Interval { value: 0.002, low: 0.001_8, high: 0.002_2 });
        let report = TuneReport::of(("t".to_owned(), 0.0), request, before, all, true);
        assert!(report.measurements[1].steady && report.measurements[0].noisy.is_empty());
        assert_eq!(report.measurements[1].noisy, [Figure::P95]);
        assert!(report.measurements[1].is_noisy(Figure::P95));
        assert!(!report.measurements[1].is_noisy(Figure::Throughput));
        assert!(report.findings.iter().any(|words| words.contains("1 of 2 measurements have noisy figures")));
        let text = serde_json::to_string(&report).expect("JSON");
        assert!(text.contains(r#""noisy":["p95"]"#), "{text}");
    }
}
