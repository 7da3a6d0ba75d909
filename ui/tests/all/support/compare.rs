//! A comparison as it looks when it is done, for the harness.

use orrery_domain::{
    DatasetId, ModelRef,
    compare::{
        Architecture, ArchitectureDiff, Better, BrierParts, Calibration, CompareReport, CompareSettings,
        CompareSource, ComparedModel, ComparedPair, ComparedRows, Condition, DeLong, Latency, McNemar,
        MetricComparison, ReliabilityBin, RowsOrigin, SettingDiff, SignificanceTest, Slice, SliceSearch,
        TensorDiff, Verdict,
    },
    metric::{MetricId, MetricValue},
    snapshot::CompareState,
    training::{ModelKind, Task},
};

fn value(value: f64, half: f64) -> MetricValue {
    MetricValue { value: Some(value), low: Some(value - half), high: Some(value + half) }
}

fn calibration(tilt: f64) -> Calibration {
    let bin = |place: i32| {
        let predicted = 0.03 + 0.06 * f64::from(place);
        let observed = (predicted + tilt * (predicted - 0.4)).clamp(0.0, 1.0);
        ReliabilityBin {
            predicted,
            observed,
            low: (observed - 0.02).max(0.0),
            high: observed + 0.02,
            rows: 4365,
        }
    };
    let brier = BrierParts {
        brier: 0.146,
        reliability: 0.0011 + tilt.abs() / 100.0,
        resolution: 0.039,
        uncertainty: 0.183,
        within_bins: 0.0009,
    };
    let bins = (0..15).map(bin).collect();
    Calibration {
        of: "probability of true".to_owned(),
        ece: 0.012 + tilt.abs() / 10.0,
        largest: 0.031,
        bins,
        brier: Some(brier),
    }
}

fn slice(conditions: &[(&str, &str)], rows: u64, here: f64, p: f64) -> Slice {
    let condition = |(column, value): &(&str, &str)| Condition {
        column: (*column).to_owned(),
        value: (*value).to_owned(),
    };
    Slice {
        conditions: conditions.iter().map(condition).collect(),
        rows,
        value: value(here, 0.011),
        rest: 0.81,
        p: p / 40.0,
        p_adjusted: p,
    }
}

fn model(
    name: &str,
    version: u32,
    kind: ModelKind,
    auroc: f64,
    micros: f64,
    bytes: u64,
    on_front: bool,
) -> ComparedModel {
    let metrics = [(MetricId::Auroc, auroc), (MetricId::Accuracy, 0.79), (MetricId::LogLoss, 0.451)];
    let worst = vec![
        slice(&[("origin", "= LGA"), ("sched_hour", "below 9")], 3120, auroc - 0.061, 0.000_02),
        slice(&[("carrier", "= US")], 4011, auroc - 0.034, 0.003),
    ];
    ComparedModel {
        model: ModelRef { name: name.to_owned(), version },
        kind,
        metrics: metrics.into_iter().map(|(id, at)| (id, value(at, 0.004))).collect(),
        calibration: Some(calibration(if kind == ModelKind::Tabm { 0.12 } else { -0.04 })),
        slices: Some(SliceSearch {
            metric: MetricId::Auroc,
            looked_at: 618,
            min_rows: 50,
            worst,
            asked: Vec::new(),
        }),
        latency: Latency { median_secs: micros / 1e6, p95_secs: micros * 1.6 / 1e6, requests: 200 },
        bytes,
        on_front,
        architecture: Architecture { parameters: 41_200, settings: Vec::new(), tensors: Vec::new() },
    }
}

fn metric(metric: MetricId, a: f64, b: f64, half: f64, better: Better, p: f64) -> MetricComparison {
    MetricComparison { metric, rows: 65_469, a, b, difference: value(b - a, half), better, p: Some(p) }
}

fn pair(a: &ComparedModel, b: &ComparedModel, better: Better, p: f64, message: &str) -> ComparedPair {
    let setting = |name: &str, a: &str, b: &str| SettingDiff {
        name: name.to_owned(),
        a: Some(a.to_owned()),
        b: Some(b.to_owned()),
    };
    let auroc = |model: &ComparedModel| model.metrics[&MetricId::Auroc].value.unwrap_or_default();
    ComparedPair {
        a: a.model.clone(),
        b: b.model.clone(),
        verdict: Verdict {
            metric: MetricId::Auroc,
            test: SignificanceTest::DeLong,
            p: Some(p / 2.0),
            p_adjusted: Some(p),
            better,
            message: message.to_owned(),
        },
        metrics: vec![
            metric(MetricId::Auroc, auroc(a), auroc(b), 0.003, better, p),
            metric(MetricId::Accuracy, 0.791, 0.7902, 0.0021, Better::NotDistinguishable, 0.46),
            metric(MetricId::LogLoss, 0.451, 0.4572, 0.0024, better, p),
        ],
        mcnemar: Some(McNemar {
            both_right: 49_120,
            only_a: 2671,
            only_b: 2618,
            both_wrong: 11_060,
            exact: false,
            chi_square: Some(0.511),
            p: 0.4747,
        }),
        delong: Some(DeLong {
            a: value(auroc(a), 0.004),
            b: value(auroc(b), 0.004),
            difference: value(auroc(b) - auroc(a), 0.003),
            z: Some(-9.21),
            p: p / 2.0,
        }),
        cross_validated: None,
        architecture: ArchitectureDiff {
            settings: vec![
                setting("model", a.kind.title(), b.kind.title()),
                setting("request.seed", "0", "4"),
                setting("request.hyper.learning_rate", "0.05", "0.002"),
            ],
            only_a_features: vec!["wind_speed".to_owned()],
            only_b_features: Vec::new(),
            tensors: vec![
                TensorDiff {
                    name: "head.bias".to_owned(),
                    a: None,
                    b: Some(vec![8, 1]),
                    relative_distance: None,
                },
                TensorDiff {
                    name: "layers.0.weight".to_owned(),
                    a: Some(vec![96, 128]),
                    b: Some(vec![96, 128]),
                    relative_distance: Some(1.31),
                },
            ],
            trees: None,
        },
    }
}

/// The report of three versions of the flights' models.
pub fn report() -> CompareReport {
    let models = vec![
        model("flights-gbt", 3, ModelKind::Gbt, 0.809, 92.0, 3_400_000, true),
        model("flights-tabm", 1, ModelKind::Tabm, 0.795, 410.0, 620_000, true),
        model("flights-gbt", 2, ModelKind::Gbt, 0.8082, 131.0, 3_900_000, false),
    ];
    let better = "flights-gbt:3 is better than flights-tabm:1: AUROC 0.8090 against 0.7950 (difference 0.01400, 95% interval \
                  0.01100 to 0.01700; DeLong's test p < 0.0001, < 0.0001 after Holm's correction over 3 pairs).";
    let level = "flights-gbt:3 and flights-gbt:2 are not distinguishable on these 65,469 rows: AUROC 0.8090 against 0.8082.";
    let pairs = vec![
        pair(&models[0], &models[1], Better::A, 0.000_01, better),
        pair(&models[0], &models[2], Better::NotDistinguishable, 0.31, level),
        pair(&models[1], &models[2], Better::B, 0.000_01, "flights-gbt:2 is better than flights-tabm:1."),
    ];
    CompareReport {
        task: Task::Binary,
        target: "late".to_owned(),
        metric: MetricId::Auroc,
        rows: ComparedRows {
            source: "flights_delay".to_owned(),
            origin: RowsOrigin::TestRows,
            used: 65_469,
            trained_on: 263_052,
            without_target: 0,
        },
        message: "flights-gbt:3 has the best AUROC (0.8090), but flights-gbt:2 is not distinguishable from it on these rows."
            .to_owned(),
        models,
        pairs,
        warnings: vec!["Left out 3 rows that could not be read.".to_owned()],
    }
}

/// The same as the window's latest comparison.
pub fn state(dataset: DatasetId) -> CompareState {
    let report = report();
    CompareState {
        job: 7,
        models: report.models.iter().map(|model| model.model.clone()).collect(),
        source: CompareSource::Dataset { dataset },
        settings: CompareSettings::default(),
        answer: Some(Ok(report)),
    }
}
