//! Laws: what every metric must obey whatever the rows, and the hostile cases.

use orrery_domain::{
    metric::{MetricId, MetricValue, Metrics},
    training::Task,
};
use proptest::prelude::*;

use super::{BootstrapSettings, Predictions, Truth, evaluate, evaluate_at, from_raw};

fn names(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("c{class}")).collect()
}

fn measure(codes: &[u32], classes: usize, probabilities: Vec<f64>) -> Metrics {
    let names = names(classes);
    let task = if classes == 2 { Task::Binary } else { Task::Multiclass };
    let predictions = Predictions::Probabilities { classes, values: probabilities };
    let settings = BootstrapSettings { resamples: 50, seed: 1 };
    evaluate(task, &Truth::Classes { codes, classes: &names }, &predictions, Some(&settings))
}

fn value(metrics: &Metrics, id: MetricId) -> Option<f64> {
    metrics[&id].value
}

#[test]
fn one_class_in_the_truth_leaves_ranking_undefined_and_the_rest_defined() {
    let metrics = measure(&[0, 0, 0], 2, vec![0.9, 0.1, 0.6, 0.4, 0.2, 0.8]);
    assert_eq!(value(&metrics, MetricId::Auroc), None);
    assert_eq!(value(&metrics, MetricId::AveragePrecision), None);
    assert_eq!(value(&metrics, MetricId::Accuracy), Some(2.0 / 3.0));
    assert_eq!(value(&metrics, MetricId::F1), Some(0.0));
    let never = measure(&[0, 0], 2, vec![0.9, 0.1, 0.8, 0.2]);
    assert_eq!(value(&never, MetricId::F1), None, "neither true nor predicted");
}

#[test]
fn constant_predictions_rank_at_chance() {
    let metrics = measure(&[0, 1, 0, 1, 1], 2, [0.3, 0.7].repeat(5));
    assert_eq!(value(&metrics, MetricId::Auroc), Some(0.5));
    assert_eq!(value(&metrics, MetricId::AveragePrecision), Some(0.6));
    assert_eq!(value(&metrics, MetricId::BalancedAccuracy), Some(0.5));
}

#[test]
fn perfect_predictions_are_perfect_and_log_loss_is_clipped_as_scikit_learn_does() {
    let metrics = measure(&[0, 1, 2], 3, vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    for id in [MetricId::Auroc, MetricId::Accuracy, MetricId::F1, MetricId::AveragePrecision] {
        assert_eq!(value(&metrics, id), Some(1.0), "{id:?}");
    }
    assert!(value(&metrics, MetricId::LogLoss).expect("defined") < 1e-15);
    let wrong = measure(&[0, 1], 2, vec![0.0, 1.0, 1.0, 0.0]);
    assert!((value(&wrong, MetricId::LogLoss).expect("defined") + f64::EPSILON.ln()).abs() < 1e-12);
}

#[test]
fn what_does_not_fit_or_is_not_finite_is_none_everywhere() {
    let cases = [
        measure(&[], 2, vec![]),
        measure(&[0, 1], 2, vec![f64::NAN, 0.5, 0.5, 0.5]),
        measure(&[0, 1], 2, vec![0.5, 0.5]),
        measure(&[0, 7], 2, vec![0.5; 4]),
    ];
    let nothing = MetricValue { value: None, low: None, high: None };
    for metrics in cases {
        assert_eq!(metrics.len(), 8);
        assert!(metrics.values().all(|value| *value == nothing), "{metrics:?}");
    }
    let metrics = evaluate(
        Task::Regression,
        &Truth::Values(&[1.0, f64::NAN]),
        &Predictions::Values(vec![1.0, 1.0]),
        None,
    );
    assert!(metrics.len() == 4 && metrics.values().all(|value| *value == nothing));
}

#[test]
fn the_threshold_moves_what_is_decided_and_not_what_is_ranked() {
    let names = names(2);
    let truth = Truth::Classes { codes: &[0, 0, 1, 1], classes: &names };
    let predictions = from_raw(Task::Binary, &[-3.0, -1.0, -0.5, 2.0], 1);
    let at = |threshold| evaluate_at(Task::Binary, &truth, &predictions, threshold, None);
    assert_eq!(value(&at(0.5), MetricId::Accuracy), Some(0.75));
    assert_eq!(value(&at(0.3), MetricId::Accuracy), Some(1.0));
    assert_eq!(value(&at(0.3), MetricId::Auroc), value(&at(0.5), MetricId::Auroc));
}

#[test]
fn a_large_table_with_a_thousand_resamples_is_quick() {
    let rows = 65_000;
    let codes: Vec<u32> = (0..rows).map(|row| u32::from(row * 7919 % 100 < 24)).collect();
    let values: Vec<f64> = (0..rows)
        .map(|row| (f64::from(row) * 0.618).fract() * 0.7 + f64::from(codes[row as usize]) * 0.2)
        .flat_map(|p| [1.0 - p, p])
        .collect();
    let names = names(2);
    let truth = Truth::Classes { codes: &codes, classes: &names };
    let predictions = Predictions::Probabilities { classes: 2, values };
    let begin = std::time::Instant::now();
    let metrics = evaluate(Task::Binary, &truth, &predictions, Some(&BootstrapSettings::default()));
    let secs = begin.elapsed().as_secs_f64();
    let auroc = &metrics[&MetricId::Auroc];
    let (low, high) = (auroc.low.expect("interval"), auroc.high.expect("interval"));
    assert!(high - low < 0.02 && low < auroc.value.expect("value") && auroc.value.expect("value") < high);
    // About 0.7 s on two free cores; the bound leaves room for a busy machine.
    assert!(secs < 20.0, "{secs} s");
}

proptest! {
    #[test]
    fn metrics_are_finite_in_range_and_inside_their_intervals(
        rows in proptest::collection::vec((0_u32..3, 0_u8..20, 0_u8..20, 1_u8..20), 1..60),
        binary in proptest::bool::ANY,
    ) {
        let k = if binary { 2 } else { 3 };
        let codes: Vec<u32> = rows.iter().map(|row| row.0 % k as u32).collect();
        let probabilities = rows.iter().flat_map(|(_, a, b, c)| {
            let parts = [f64::from(*a), f64::from(*c), f64::from(*b)];
            let sum: f64 = parts[..k].iter().sum();
            parts[..k].iter().map(|part| part / sum).collect::<Vec<_>>()
        }).collect();
        let metrics = measure(&codes, k, probabilities);
        for (id, metric) in &metrics {
            for number in [metric.value, metric.low, metric.high].into_iter().flatten() {
                prop_assert!(number.is_finite() && number >= 0.0, "{id:?} {metric:?}");
                prop_assert!(*id == MetricId::LogLoss || number <= 2.0 + 1e-12, "{id:?} {metric:?}");
            }
            if let (Some(low), Some(high)) = (metric.low, metric.high) {
                prop_assert!(low <= high && metric.value.is_some());
            }
        }
    }

    #[test]
    fn regression_metrics_scale_with_the_unit(
        rows in proptest::collection::vec((-100.0..100.0_f64, -100.0..100.0_f64), 2..50),
    ) {
        let measure = |scale: f64| {
            let truth: Vec<f64> = rows.iter().map(|row| row.0 * scale).collect();
            let predicted = rows.iter().map(|row| row.1 * scale).collect();
            evaluate(Task::Regression, &Truth::Values(&truth), &Predictions::Values(predicted), None)
        };
        let (plain, scaled) = (measure(1.0), measure(1000.0));
        for id in [MetricId::Rmse, MetricId::Mae, MetricId::MedianAe] {
            let (a, b) = (value(&plain, id).expect("defined"), value(&scaled, id).expect("defined"));
            prop_assert!((a * 1000.0 - b).abs() <= b * 1e-9);
        }
        if let (Some(a), Some(b)) = (value(&plain, MetricId::R2), value(&scaled, MetricId::R2)) {
            prop_assert!((a - b).abs() < 1e-9 * a.abs().max(1.0));
        }
    }
}
