//! Golden files: every test against scipy, statsmodels, mlxtend and pROC's published figures (`tests/peers/paired_tests.py`).

use std::path::Path;

use orrery_domain::{compare::Calibration, metric::MetricId, training::Task};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    benjamini_hochberg, delong, five_by_two, holm,
    intervals::{student, welch_sf},
    mcnemar::{corrected, exact_p},
    of_shares, wilson,
};
use crate::metrics::{BootstrapSettings, Predictions, Replicates, Truth};

#[derive(Deserialize)]
struct Golden<G, E> {
    cases: Vec<Case<G, E>>,
}

#[derive(Deserialize)]
struct Case<G, E> {
    given: G,
    expected: E,
}

fn cases<G: DeserializeOwned, E: DeserializeOwned>(name: &str) -> Vec<(G, E)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/golden/compare_{name}.json"));
    let text = std::fs::read_to_string(path).expect("golden files are in the repository");
    let golden: Golden<G, E> = serde_json::from_str(&text).expect("a golden file");
    golden.cases.into_iter().map(|case| (case.given, case.expected)).collect()
}

#[track_caller]
fn near(ours: f64, expected: f64, tolerance: f64) {
    assert!((ours - expected).abs() <= tolerance * expected.abs().max(1.0), "{ours}, expected {expected}");
}

#[derive(Deserialize)]
struct Disagreements {
    only_a: u64,
    only_b: u64,
}

#[derive(Deserialize)]
struct McNemarExpected {
    exact_p: f64,
    chi_square: f64,
    chi_square_p: f64,
}

#[test]
fn mcnemar_is_statsmodels() {
    for (given, expected) in cases::<Disagreements, McNemarExpected>("mcnemar") {
        near(exact_p(given.only_a, given.only_b), expected.exact_p, 1e-10);
        let (statistic, p) = corrected(given.only_a, given.only_b);
        near(statistic, expected.chi_square, 1e-12);
        near(p, expected.chi_square_p, 1e-10);
        // Small ones to their own size.
        assert!((p / expected.chi_square_p - 1.0).abs() < 1e-6, "{p}, expected {}", expected.chi_square_p);
    }
}

#[derive(Deserialize)]
struct Scores {
    a: Vec<f64>,
    b: Vec<f64>,
    positive: Vec<bool>,
}

#[derive(Deserialize)]
struct DeLongExpected {
    a: f64,
    b: f64,
    variance_a: f64,
    variance_b: f64,
    z: f64,
    p: f64,
    low: f64,
    high: f64,
}

#[test]
fn delong_is_its_definition_and_what_proc_publishes() {
    let by_definition = cases::<Scores, DeLongExpected>("delong");
    let published = cases::<Scores, DeLongExpected>("delong_proc");
    assert_eq!(published.len(), 3);
    for (given, expected) in by_definition.iter().chain(&published) {
        let found = delong(&given.a, &given.b, &given.positive).expect("both classes");
        near(found.a.value.expect("defined"), expected.a, 1e-12);
        near(found.b.value.expect("defined"), expected.b, 1e-12);
        near(found.z.expect("varies"), expected.z, 1e-9);
        near(found.p, expected.p, 1e-10);
        near(found.difference.low.expect("interval"), expected.low, 1e-10);
        near(found.difference.high.expect("interval"), expected.high, 1e-10);
        let variance =
            |scores| super::Placements::of(scores, &given.positive).expect("both classes").variance();
        near(variance(&given.a), expected.variance_a, 1e-12);
        near(variance(&given.b), expected.variance_b, 1e-12);
    }
}

#[derive(Deserialize)]
struct Pair {
    metric: MetricId,
    truth: Vec<f64>,
    a: Vec<f64>,
    b: Vec<f64>,
    resamples: u32,
}

/// scipy's, and where the figures of another bootstrap of `resamples` lie: four standard errors of both together.
#[derive(Deserialize)]
struct BootstrapExpected {
    a: f64,
    b: f64,
    low_between: (f64, f64),
    high_between: (f64, f64),
    share_below: f64,
    share_off: f64,
}

#[test]
fn the_paired_bootstrap_is_scipys_within_the_error_of_resampling() {
    let cases = cases::<Pair, BootstrapExpected>("bootstrap");
    assert_eq!(cases.len(), 3);
    for (given, expected) in cases {
        let codes: Vec<u32> = given.truth.iter().map(|value| *value as u32).collect();
        let classes = ["no".to_owned(), "yes".to_owned()];
        let values = given.metric == MetricId::Rmse;
        let truth = if values {
            Truth::Values(&given.truth)
        } else {
            Truth::Classes { codes: &codes, classes: &classes }
        };
        let settings = BootstrapSettings { resamples: given.resamples, seed: 0 };
        let task = if values { Task::Regression } else { Task::Binary };
        let measured = |answers: &[f64]| {
            let predictions = if values {
                Predictions::Values(answers.to_vec())
            } else {
                let both = answers.iter().flat_map(|chance| [1.0 - chance, *chance]).collect();
                Predictions::Probabilities { classes: 2, values: both }
            };
            Replicates::new(task, &truth, &predictions, 0.5, &settings)
        };
        let differences = measured(&given.a).differences(&measured(&given.b));
        let found = differences.iter().find(|found| found.metric == given.metric).expect("defined");
        near(found.a, expected.a, 1e-12);
        near(found.b, expected.b, 1e-12);
        let (low, high, p) = found.interval.expect("resampled");
        let between = |value: f64, (from, to): (f64, f64)| value >= from && value <= to;
        assert!(between(low, expected.low_between), "{low}, scipy {:?}", expected.low_between);
        assert!(between(high, expected.high_between), "{high}, scipy {:?}", expected.high_between);
        let scipys = 2.0 * expected.share_below.min(1.0 - expected.share_below);
        assert!((p - scipys).abs() <= 2.0 * expected.share_off, "{p}, scipy {scipys}");
    }
}

#[derive(Deserialize)]
struct Differences {
    differences: [[f64; 2]; 5],
}

#[derive(Deserialize)]
struct FiveByTwoExpected {
    t: f64,
    t_p: f64,
    f: f64,
    f_p: f64,
}

#[test]
fn five_by_two_is_mlxtends() {
    for (given, expected) in cases::<Differences, FiveByTwoExpected>("five_by_two") {
        let found = five_by_two(&given.differences);
        let ((t, t_p), (f, f_p)) = (found.t.expect("varies"), found.f.expect("varies"));
        near(t, expected.t, 1e-10);
        near(t_p, expected.t_p, 1e-9);
        near(f, expected.f, 1e-10);
        near(f_p, expected.f_p, 1e-9);
    }
}

#[derive(Deserialize)]
struct Ps {
    p: Vec<f64>,
}

#[derive(Deserialize)]
struct Adjusted {
    holm: Vec<f64>,
    benjamini_hochberg: Vec<f64>,
}

#[test]
fn corrections_are_statsmodels() {
    for (given, expected) in cases::<Ps, Adjusted>("corrections") {
        for (ours, theirs) in
            [(holm(&given.p), expected.holm), (benjamini_hochberg(&given.p), expected.benjamini_hochberg)]
        {
            assert_eq!(ours.len(), theirs.len());
            ours.iter().zip(&theirs).for_each(|(ours, theirs)| near(*ours, *theirs, 1e-12));
        }
    }
}

#[derive(Deserialize)]
struct Share {
    hits: u64,
    rows: u64,
}

#[derive(Deserialize)]
struct Bounds {
    low: f64,
    high: f64,
}

#[test]
fn wilson_is_statsmodels() {
    for (given, expected) in cases::<Share, Bounds>("wilson") {
        let (low, high) = wilson(given.hits, given.rows);
        near(low, expected.low, 1e-12);
        near(high, expected.high, 1e-12);
    }
}

#[derive(Deserialize)]
struct Forecasts {
    predicted: Vec<f64>,
    hits: Vec<bool>,
}

#[derive(Deserialize)]
struct CalibrationExpected {
    ece: f64,
    largest: f64,
    brier: f64,
    reliability: f64,
    resolution: f64,
    uncertainty: f64,
    rows: Vec<u64>,
}

#[test]
fn calibration_is_its_definition_and_its_brier_score_scikit_learns() {
    for (given, expected) in cases::<Forecasts, CalibrationExpected>("calibration") {
        let Calibration { ece, largest, bins, brier, .. } =
            of_shares(&given.predicted, &given.hits, "x").expect("defined");
        near(ece, expected.ece, 1e-12);
        near(largest, expected.largest, 1e-12);
        let parts = brier.expect("shares");
        near(parts.brier, expected.brier, 1e-12);
        near(parts.reliability, expected.reliability, 1e-12);
        near(parts.resolution, expected.resolution, 1e-12);
        near(parts.uncertainty, expected.uncertainty, 1e-12);
        assert_eq!(bins.iter().map(|bin| bin.rows).collect::<Vec<_>>(), expected.rows);
    }
}

#[derive(Deserialize)]
struct Losses {
    here: Vec<f64>,
    rest: Vec<f64>,
}

#[derive(Deserialize)]
struct WelchExpected {
    p: f64,
    low: f64,
    high: f64,
}

#[test]
fn welch_and_student_are_scipys() {
    let moments = |values: &[f64]| {
        let rows = values.len() as f64;
        let mean = values.iter().sum::<f64>() / rows;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (rows - 1.0), rows)
    };
    for (given, expected) in cases::<Losses, WelchExpected>("welch") {
        let (here, rest) = (moments(&given.here), moments(&given.rest));
        near(welch_sf(here, rest), expected.p, 1e-9);
        let (low, high) = student(here.0, here.1, here.2);
        near(low, expected.low, 1e-9);
        near(high, expected.high, 1e-9);
    }
}
