//! Golden files: every metric against scikit-learn's value on the same predictions (`tests/peers/sklearn_metrics.py`).

use std::path::{Path, PathBuf};

use orrery_domain::{metric::MetricId, training::Task};
use serde::Deserialize;

use super::{Predictions, Truth, evaluate_at};

/// How far a metric may be from scikit-learn's.
const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Golden {
    task: Task,
    classes: Vec<String>,
    #[serde(default)]
    threshold: Option<f64>,
    truth: Vec<f64>,
    predictions: Vec<f64>,
    expected: std::collections::BTreeMap<MetricId, Option<f64>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

#[test]
fn every_metric_equals_scikit_learns() {
    let mut files = 0;
    for entry in std::fs::read_dir(folder()).expect("golden files are in the repository") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !(name.starts_with("metrics_") && path.extension().is_some_and(|ending| ending == "json")) {
            continue;
        }
        files += 1;
        let text = std::fs::read_to_string(&path).expect("readable");
        let golden: Golden = serde_json::from_str(&text).expect("a golden file");
        check(&name, &golden);
    }
    assert!(files >= 6, "{files} golden files of metrics");
}

fn check(name: &str, golden: &Golden) {
    let codes: Vec<u32> = golden.truth.iter().map(|code| *code as u32).collect();
    let (truth, predictions) = if golden.task == Task::Regression {
        (Truth::Values(&golden.truth), Predictions::Values(golden.predictions.clone()))
    } else {
        (
            Truth::Classes { codes: &codes, classes: &golden.classes },
            Predictions::Probabilities { classes: golden.classes.len(), values: golden.predictions.clone() },
        )
    };
    let metrics = evaluate_at(golden.task, &truth, &predictions, golden.threshold.unwrap_or(0.5), None);
    assert_eq!(metrics.len(), golden.expected.len(), "{name}");
    for (id, expected) in &golden.expected {
        let ours = metrics[id].value;
        let agree = match (ours, expected) {
            (Some(ours), Some(expected)) => (ours - expected).abs() <= TOLERANCE * expected.abs().max(1.0),
            (None, None) => true,
            _ => false,
        };
        assert!(agree, "{name}: {} is {ours:?}, scikit-learn says {expected:?}", id.name());
    }
}
