//! A tuning for the fixture: figures of a made-up queue, one measurement noisy, one failed.

use std::collections::BTreeMap;

use orrery_domain::{
    ModelRef,
    serving::{AppliedServing, Serving, ServingSettings},
    tune::{Figure, Goals, Interval, Limit, TuneAsk, TuneMeasurement, TuneReport, TuneRequest, TuneSetting},
};

use super::NOW;

fn model(version: u32) -> ModelRef {
    ModelRef { name: "flights-tabm".to_owned(), version }
}

/// The request of the fixture's tuning.
pub fn request() -> TuneRequest {
    let limits = vec![Limit { figure: Figure::P95, bound: 0.006 }];
    let goals = Goals { objective: Figure::Throughput, limits };
    TuneAsk::new(model(1), goals).request(vec![model(2)], 4)
}

fn measured(setting: TuneSetting, at: usize) -> TuneMeasurement {
    let serving = setting.serving;
    let busy = f64::from(serving.instances * serving.threads.max(1)).min(8.0);
    let batch = f64::from(serving.batch_rows).min(32.0 / f64::from(serving.instances)).max(4.0);
    let row = if setting.model.version == 2 { 1.4e-5 } else { 2.3e-5 };
    let secs = (2.4e-4 + row * batch) * (busy / 4.0).max(1.0);
    let waits = serving.delay_micros as f64 * 1e-6;
    let throughput = f64::from(serving.instances) * batch / (secs + waits);
    let p95 = 1.35 * 32.0 / throughput;
    let noise = if at == 6 { 0.11 } else { 0.018 };
    let around = |value: f64| Interval { value, low: value * (1.0 - noise), high: value * (1.0 + noise) };
    let figures = [
        (Figure::Throughput, throughput),
        (Figure::P50, p95 * 0.71),
        (Figure::P95, p95),
        (Figure::P99, p95 * 1.6),
        (Figure::Memory, 4.1e7 + 3e6 * busy),
        (Figure::Cpu, (busy * 0.8).min(3.9)),
    ];
    TuneMeasurement {
        setting,
        figures: figures.into_iter().map(|(figure, value)| (figure, around(value))).collect(),
        repeats: if at == 6 { 12 } else { 3 },
        steady: at != 6,
        noisy: Vec::new(),
        secs: 2.1,
        failure: None,
    }
}

/// A tuning that has measured so many settings.
pub fn report(id: &str, measurements: usize) -> TuneReport {
    let request = request();
    let before = TuneSetting { model: model(1), serving: ServingSettings::default() };
    let space = &request.space;
    let mut all = vec![measured(before.clone(), 0)];
    all.extend((1..measurements).map(|at| measured(space.setting((at * 37) % space.len()), at)));
    if let Some(last) = all.get_mut(9) {
        last.figures.clear();
        last.failure = Some("the node did not start: its threads could not be started".to_owned());
    }
    TuneReport::of((id.to_owned(), NOW - 5400.0), request, before, all, true)
}

/// A tuning whose bound nothing keeps, ended before its time.
pub fn failed(id: &str) -> TuneReport {
    let mut request = request();
    request.goals.limits[0].bound = 1e-5;
    let before = TuneSetting { model: model(1), serving: ServingSettings::default() };
    let all = vec![measured(before.clone(), 0)];
    TuneReport::of((id.to_owned(), NOW - 90_000.0), request, before, all, false)
}

/// What is applied to the model.
fn serving() -> Serving {
    let settings = ServingSettings { batch_rows: 64, threads: 2, instances: 2, delay_micros: 0 };
    let applied = AppliedServing {
        at: NOW - 3600.0,
        tuning: "7f3a".to_owned(),
        version: 2,
        settings,
        served_before: None,
    };
    Serving { revision: 1, applied: vec![applied] }
}

/// By the model's name.
pub fn servings() -> BTreeMap<String, Serving> {
    BTreeMap::from([("flights-tabm".to_owned(), serving())])
}
