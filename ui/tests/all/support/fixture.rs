//! A workspace as it looks after a week of work, for harness and demo: every page has something to show.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use orrery_domain::{
    DatasetId, Failure, FailureClass, ModelRef, RunId, Snapshot,
    curves::{CalibrationBin, ClassCurves, CurvePoint, Curves, ThresholdRow},
    dataset::{BadRow, ColumnSchema, ColumnType, Dataset, FileFormat, ImportOptions, SourceFile},
    device::DeviceChoice,
    metric::{MetricId, MetricValue, Metrics},
    model::{Baseline, CARD_FORMAT, Lineage, ModelCard, ModelFile, SplitCounts, Verdict},
    profile::{
        ColumnProfile, DataWarning, Histogram, NumericSummary, Profile, Remedy, ValueCount, WarningKind,
    },
    run::{Progress, Run, RunState, SeriesId, SeriesPoint},
    snapshot::{
        DatasetEntry, DeviceAdvice, JobEntry, JobKind, ModelEntry, Notice, RunSeries, Severity, WorkspaceInfo,
    },
    training::{ModelKind, Split, Task, TrainConfig},
};

#[path = "compare.rs"]
pub mod compare;
#[path = "compressed.rs"]
mod compressed;
#[path = "devices.rs"]
mod devices;
#[path = "explained.rs"]
pub mod explained;
#[path = "fleet.rs"]
pub mod fleet;
#[path = "searched.rs"]
mod searched;
#[path = "tuned.rs"]
pub mod tuned;

/// The fixture's "now": 2026-11-22 06:31 UTC.
pub const NOW: f64 = 1_795_329_060.0;
const HOUR: f64 = 3600.0;

fn hash(text: &str) -> String {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let word = |round: u8| {
        for byte in text.bytes().chain([round]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        format!("{state:016x}")
    };
    (0..4).map(word).collect()
}

fn column(name: &str, kind: ColumnType) -> ColumnSchema {
    ColumnSchema { name: name.to_owned(), kind, overridden: false }
}

fn dataset(name: &str, path: &str, rows: u64, columns: Vec<ColumnSchema>, imported_at: f64) -> Dataset {
    let id = hash(name);
    Dataset {
        id: DatasetId(id.clone()),
        name: name.to_owned(),
        source: SourceFile {
            path: path.to_owned(),
            bytes: rows * 58,
            hash: hash(path),
            format: if path.ends_with("parquet") { FileFormat::Parquet } else { FileFormat::Csv },
        },
        options: ImportOptions::default(),
        rows,
        columns,
        blob: id,
        blob_bytes: rows * 44,
        bad_rows: 3,
        bad_row_list: vec![
            BadRow { line: 1204, reason: "It has 9 fields where the header has 10.".to_owned() },
            BadRow { line: 88_012, reason: "It has 11 fields where the header has 10.".to_owned() },
            BadRow { line: 88_013, reason: "A quote is never closed.".to_owned() },
        ],
        warnings: Vec::new(),
        imported_at,
    }
}

/// The flights dataset.
pub fn flights() -> Dataset {
    use ColumnType::{Boolean, Category, Datetime, Float, Integer};
    let columns = vec![
        column("late", Boolean),
        column("carrier", Category),
        column("origin", Category),
        column("dest", Category),
        column("distance", Float),
        column("sched_hour", Integer),
        column("weekday", Integer),
        column("wind_speed", Float),
        column("flight", Integer),
        column("time_hour", Datetime),
    ];
    dataset("flights_delay", "/data/flights_delay.parquet", 328_521, columns, NOW - 20.0 * HOUR)
}

fn diamonds() -> Dataset {
    use ColumnType::{Category, Float, Integer};
    let columns = vec![
        column("price", Integer),
        column("carat", Float),
        column("cut", Category),
        column("color", Category),
        column("clarity", Category),
        column("depth", Float),
        column("table", Float),
    ];
    dataset("diamonds", "/data/diamonds.csv", 53_940, columns, NOW - 90.0 * HOUR)
}

fn bell(bins: usize, rows: u64, skew: f64) -> Vec<u64> {
    let weight = |bin: usize| {
        let x = (bin as f64 + 0.5) / bins as f64 * 6.0 - 3.0 + skew;
        (-0.5 * x * x).exp()
    };
    let total: f64 = (0..bins).map(weight).sum();
    (0..bins).map(|bin| (weight(bin) / total * rows as f64) as u64).collect()
}

fn profile_column(schema: &ColumnSchema, rows: u64, index: usize) -> ColumnProfile {
    let numeric = matches!(schema.kind, ColumnType::Integer | ColumnType::Float | ColumnType::Datetime);
    let (low, high) = if schema.kind == ColumnType::Datetime {
        (1.357e9, 1.3885e9)
    } else {
        (0.0, 100.0 * (index + 1) as f64)
    };
    let missing = if index % 4 == 3 { rows / 37 } else { 0 };
    let words = match schema.name.as_str() {
        "late" => vec!["false", "true"],
        "carrier" => vec!["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX"],
        "origin" => vec!["EWR", "JFK", "LGA"],
        _ => vec!["ORD", "ATL", "LAX", "BOS", "MCO", "CLT", "SFO", "FLL"],
    };
    let top = words.iter().enumerate().map(|(rank, word)| ValueCount {
        value: (*word).to_owned(),
        count: (rows - missing) / (rank as u64 + 2) / 2,
    });
    ColumnProfile {
        name: schema.name.clone(),
        kind: schema.kind,
        missing,
        distinct: if numeric { 900 + 31 * index as u64 } else { words.len() as u64 },
        numeric: numeric.then(|| NumericSummary {
            min: low,
            max: high,
            mean: low + (high - low) * 0.48,
            std: Some((high - low) * 0.17),
            quantiles: [0.1, 0.35, 0.48, 0.6, 0.85].map(|share| low + (high - low) * share),
            zeros: rows / 400,
        }),
        histogram: numeric.then(|| Histogram {
            edges: (0..=24).map(|edge| low + (high - low) * f64::from(edge) / 24.0).collect(),
            counts: bell(24, rows - missing, index as f64 * 0.3 - 1.0),
        }),
        top_values: if numeric { Vec::new() } else { top.collect() },
        text_length: (!numeric).then_some((3, 5)),
    }
}

fn profile(dataset: &Dataset, target: &str) -> Profile {
    let columns: Vec<ColumnProfile> = dataset
        .columns
        .iter()
        .enumerate()
        .map(|(index, schema)| profile_column(schema, dataset.rows, index))
        .collect();
    let preview = (0..40)
        .map(|row| {
            let cell = |(index, schema): (usize, &ColumnSchema)| match schema.kind {
                ColumnType::Boolean => Some(if row % 4 == 0 { "true" } else { "false" }.to_owned()),
                ColumnType::Category => Some(["UA", "JFK", "ORD", "LAX"][(row + index) % 4].to_owned()),
                ColumnType::Datetime => Some(format!("2013-01-{:02}T0{}:00:00Z", row % 28 + 1, row % 9)),
                _ if row == 7 => None,
                _ => Some(format!("{}", row * 17 + index * 3)),
            };
            dataset.columns.iter().enumerate().map(cell).collect()
        })
        .collect();
    Profile {
        dataset: dataset.id.clone(),
        rows: dataset.rows,
        duplicate_rows: 12,
        columns,
        warnings: vec![
            DataWarning {
                column: Some("flight".to_owned()),
                kind: WarningKind::IdLike,
                message: "Nearly every row has its own value, so a model would learn rows by heart."
                    .to_owned(),
                remedy: Some(Remedy::Exclude { column: "flight".to_owned() }),
            },
            DataWarning {
                column: None,
                kind: WarningKind::Imbalance { class: "true".to_owned(), share: 0.24 },
                message: "Only 24% of the rows are 'true'.".to_owned(),
                remedy: Some(Remedy::WeightClasses),
            },
        ],
        preview,
        target: Some(target.to_owned()),
        task: Some(Task::Binary),
        pictures: None,
    }
}

fn value(value: f64, spread: f64) -> MetricValue {
    MetricValue { value: Some(value), low: Some(value - spread), high: Some(value + spread) }
}

fn binary_metrics(shift: f64) -> Metrics {
    [
        (MetricId::Auroc, value(0.8061 - shift, 0.0041)),
        (MetricId::Accuracy, value(0.8123 - shift / 2.0, 0.0029)),
        (MetricId::BalancedAccuracy, value(0.6632 - shift, 0.0038)),
        (MetricId::AveragePrecision, value(0.5907 - shift, 0.0062)),
        (MetricId::F1, value(0.4881 - shift, 0.0070)),
        (MetricId::LogLoss, value(0.4236 + shift / 2.0, 0.0036)),
        (MetricId::Brier, value(0.1362 + shift / 4.0, 0.0014)),
        (MetricId::Ece, value(0.0121, 0.0030)),
    ]
    .into()
}

fn regression_metrics() -> Metrics {
    [
        (MetricId::Rmse, value(531.4, 14.2)),
        (MetricId::Mae, value(266.9, 5.1)),
        (MetricId::R2, value(0.9823, 0.0011)),
        (MetricId::MedianAe, value(118.3, 3.3)),
    ]
    .into()
}

fn roc(power: f64) -> Vec<CurvePoint> {
    (0..=100)
        .map(|step| {
            let x = f64::from(step) / 100.0;
            CurvePoint { x, y: x.powf(power), threshold: Some(1.0 - x) }
        })
        .collect()
}

/// Curves of a binary model.
pub fn binary_curves() -> Curves {
    let positives = 15_700_u64;
    let negatives = 50_004_u64;
    let thresholds = (0..=100)
        .map(|step| {
            let threshold = f64::from(step) / 100.0;
            let tp = (positives as f64 * (1.0 - threshold).powf(0.9) * (1.0 - 0.4 * threshold)) as u64;
            let fp = (negatives as f64 * (1.0 - threshold).powf(3.2)) as u64;
            ThresholdRow { threshold, tp, fp, tn: negatives - fp, fn_: positives - tp }
        })
        .collect();
    let pr = (0..=100)
        .map(|step| {
            let recall = f64::from(step) / 100.0;
            CurvePoint { x: recall, y: 0.93 - 0.69 * recall.powf(1.6), threshold: Some(1.0 - recall) }
        })
        .collect();
    let calibration = (0..15)
        .map(|bin| {
            let predicted = (f64::from(bin) + 0.5) / 15.0;
            let observed = (predicted + 0.04 * (predicted * 6.3).sin()).clamp(0.0, 1.0);
            CalibrationBin { predicted, observed, count: 14_000 / (bin as u64 + 1) }
        })
        .collect();
    Curves::Classification {
        classes: vec![ClassCurves { class: "true".to_owned(), roc: roc(0.24), pr, calibration }],
        labels: vec!["false".to_owned(), "true".to_owned()],
        confusion: vec![vec![47_310, 2_694], vec![9_639, 6_061]],
        thresholds,
    }
}

fn regression_curves() -> Curves {
    let residuals = (0..600)
        .map(|point| {
            let x = 400.0 + f64::from(point) * 28.0;
            let noise = (f64::from(point) * 12.9898).sin() * 43_758.547;
            let noise = noise - noise.floor() - 0.5;
            CurvePoint { x, y: noise * (200.0 + x * 0.12), threshold: None }
        })
        .collect();
    Curves::Regression {
        residuals,
        edges: (0..=40).map(|edge| f64::from(edge - 20) * 100.0).collect(),
        counts: bell(40, 10_788, 0.0),
    }
}

fn card(model: &ModelRef, dataset: &Dataset, kind: ModelKind, task: Task, target: &str) -> ModelCard {
    let binary = task == Task::Binary;
    let test = if binary { binary_metrics(0.0) } else { regression_metrics() };
    let linear = if binary {
        binary_metrics(0.061)
    } else {
        [
            (MetricId::Rmse, value(1128.0, 31.0)),
            (MetricId::Mae, value(741.0, 9.0)),
            (MetricId::R2, value(0.9201, 0.0040)),
        ]
        .into()
    };
    let metric = MetricId::primary(task);
    let features: Vec<ColumnSchema> =
        dataset.columns.iter().filter(|column| column.name != target).cloned().collect();
    let importance = features
        .iter()
        .enumerate()
        .map(|(index, column)| (column.name.clone(), 0.11 / (index as f64 + 1.0).powf(1.3)))
        .collect();
    let files = [
        ("preprocess.json", 18_204),
        ("trees.json", 4_802_113),
        ("model.onnx", 1_204_882),
        ("curves.json", 61_204),
    ]
    .map(|(name, bytes)| ModelFile { name: name.to_owned(), bytes, hash: hash(name) });
    ModelCard {
        format: CARD_FORMAT,
        program: "orrery 0.1.0".to_owned(),
        model: Some(model.clone()),
        kind,
        task,
        target: target.to_owned(),
        classes: if binary { vec!["false".to_owned(), "true".to_owned()] } else { Vec::new() },
        threshold: binary.then_some(0.5),
        features,
        importance,
        parameters: 126_000,
        rows: SplitCounts {
            train: dataset.rows * 6 / 10,
            valid: dataset.rows / 5,
            test: dataset.rows / 5,
            without_target: 0,
        },
        test,
        valid: BTreeMap::new(),
        baselines: vec![
            Baseline { name: "linear".to_owned(), test: linear },
            Baseline {
                name: if binary { "majority" } else { "mean" }.to_owned(),
                test: if binary {
                    binary_metrics(0.3061)
                } else {
                    [(MetricId::Rmse, value(3998.0, 60.0))].into()
                },
            },
        ],
        verdict: Some(Verdict {
            metric,
            against: "linear".to_owned(),
            difference: value(if binary { 0.061 } else { -596.6 }, if binary { 0.003 } else { 22.0 }),
            better: Some(true),
            message: if binary {
                "Better than the linear baseline: AUROC is 0.0610 higher (95% interval 0.0580 to 0.0640)."
                    .to_owned()
            } else {
                "Better than the linear baseline: RMSE is 597 lower (95% interval 575 to 619).".to_owned()
            },
        }),
        candidates: Vec::new(),
        device: "AMD EPYC 9B45".to_owned(),
        threads: 2,
        samples_per_sec: 118_400.0,
        train_secs: 19.4,
        seed: 0,
        config: TrainConfig::new(target),
        lineage: Lineage {
            source: dataset.source.clone(),
            dataset: dataset.id.clone(),
            run: RunId(format!("{}-{}", model.name, model.version)),
            search: None,
        },
        compressions: Vec::new(),
        notes: Vec::new(),
        files: files.to_vec(),
        created_at: NOW - 18.0 * HOUR,
    }
}

fn model(
    name: &str,
    version: u32,
    dataset: &Dataset,
    kind: ModelKind,
    task: Task,
    target: &str,
) -> ModelEntry {
    let model = ModelRef { name: name.to_owned(), version };
    let card = card(&model, dataset, kind, task, target);
    let metric = MetricId::primary(task);
    ModelEntry {
        kind,
        task,
        target: target.to_owned(),
        dataset_name: dataset.name.clone(),
        primary: (metric, card.test[&metric].clone()),
        bytes: card.files.iter().map(|file| file.bytes).sum(),
        created_at: card.created_at - f64::from(10 - version) * HOUR,
        compressed_from: None,
        quantized: false,
        deleted: false,
        card: Some(Arc::new(card)),
        curves: Some(Arc::new(if task == Task::Regression { regression_curves() } else { binary_curves() })),
        model,
    }
}

fn run(id: &str, state: RunState, kind: ModelKind, dataset: &Dataset, target: &str, hours_ago: f64) -> Run {
    let done = match state {
        RunState::Queued => 0.0,
        RunState::Running => 0.63,
        RunState::Paused => 0.41,
        RunState::Failed => 0.22,
        RunState::Cancelled => 0.35,
        RunState::Finished => 1.0,
    };
    let running = state == RunState::Running;
    let mut config = TrainConfig::new(target);
    config.model = kind;
    config.split = Split::Auto;
    Run {
        id: RunId(id.to_owned()),
        name: id.to_owned(),
        note: if running { "Wider, to see whether width still helps".to_owned() } else { String::new() },
        state,
        dataset: dataset.id.clone(),
        dataset_name: dataset.name.clone(),
        config,
        task: Some(if target == "price" { Task::Regression } else { Task::Binary }),
        kind,
        progress: Progress {
            phase: if running { "training".to_owned() } else { state.name().to_owned() },
            fraction: Some(done),
            step: (done * 3200.0) as u64,
            steps: 3200,
            epoch: done * 20.0,
            rows_per_sec: running.then_some(41_200.0),
            secs_left: running.then_some(100.0),
            memory_bytes: running.then_some(612 << 20),
            cpu_cores: running.then_some(1.94),
        },
        device: Some("AMD EPYC 9B45".to_owned()),
        failure: (state == RunState::Failed).then(|| {
            Failure::new(
                FailureClass::Model,
                "The loss was not a number at step 704, three times in a row. Try a learning rate of 0.0005 or less.",
            )
            .keeping("The checkpoint of step 700 is kept; resume goes on from it.")
        }),
        model: (state == RunState::Finished).then(|| ModelRef { name: id.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit()).to_owned(), version: 3 }),
        test: (state == RunState::Finished).then(|| if target == "price" { regression_metrics() } else { binary_metrics(0.0) }),
        best_valid_loss: Some(0.4211),
        created_at: NOW - hours_ago * HOUR,
        started_at: Some(NOW - hours_ago * HOUR + 2.0),
        ended_at: state.is_final().then_some(NOW - hours_ago * HOUR + 400.0),
        deleted: false,
    }
}

/// Curves of a run.
pub fn series(points: u64, offset: f64) -> RunSeries {
    let line = |make: &dyn Fn(f64) -> f64| {
        (0..points)
            .map(|step| SeriesPoint { step: step * 10, secs: step as f64 * 0.4, value: make(step as f64) })
            .collect::<orrery_domain::series::Series>()
    };
    [
        (SeriesId::TrainLoss, line(&|x| 0.41 + offset + 0.3 * (-x / 40.0).exp() + 0.012 * (x * 1.7).sin())),
        (SeriesId::ValidLoss, line(&|x| 0.425 + offset + 0.28 * (-x / 45.0).exp())),
        (SeriesId::ValidMetric, line(&|x| 0.79 - offset - 0.2 * (-x / 35.0).exp())),
        (
            SeriesId::LearningRate,
            line(&|x| 0.001 * (0.5 + 0.5 * (x / points as f64 * std::f64::consts::PI).cos())),
        ),
        (SeriesId::RowsPerSec, line(&|x| 41_000.0 + 900.0 * (x * 0.6).sin())),
    ]
    .into()
}

fn notices() -> Vec<Notice> {
    vec![
        Notice {
            id: 3,
            severity: Severity::Ok,
            message: "flights-gbt:3 is trained: AUROC 0.8061 on the test rows.".to_owned(),
            undo: None,
            at: NOW - 900.0,
        },
        Notice {
            id: 2,
            severity: Severity::Error,
            message: "Run flights-mlp-2 failed: the loss was not a number at step 704. Its last checkpoint is kept.".to_owned(),
            undo: None,
            at: NOW - 2.0 * HOUR,
        },
        Notice {
            id: 1,
            severity: Severity::Info,
            message: "diamonds:1 is in the bin.".to_owned(),
            undo: Some(orrery_domain::Command::RestoreModel { model: ModelRef { name: "diamonds".to_owned(), version: 1 } }),
            at: NOW - 5.0 * HOUR,
        },
    ]
}

/// A busy workspace.
pub fn busy() -> Snapshot {
    let (flights, diamonds) = (flights(), diamonds());
    let runs = vec![
        run("flights-tabm-4", RunState::Running, ModelKind::Tabm, &flights, "late", 0.1),
        run("flights-gbt-3", RunState::Finished, ModelKind::Gbt, &flights, "late", 18.0),
        run("flights-mlp-2", RunState::Failed, ModelKind::Mlp, &flights, "late", 2.0),
        run("flights-resnet-1", RunState::Paused, ModelKind::Resnet, &flights, "late", 22.0),
        run("diamonds-gbt-3", RunState::Finished, ModelKind::Gbt, &diamonds, "price", 40.0),
        run("diamonds-linear-1", RunState::Cancelled, ModelKind::Linear, &diamonds, "price", 41.0),
    ];
    let series: BTreeMap<RunId, Arc<RunSeries>> = runs
        .iter()
        .take(3)
        .enumerate()
        .map(|(index, run)| (run.id.clone(), Arc::new(series(220, index as f64 * 0.02))))
        .collect();
    let mut old = model("diamonds", 1, &diamonds, ModelKind::Linear, Task::Regression, "price");
    old.deleted = true;
    let network = model("flights-tabm", 1, &flights, ModelKind::Tabm, Task::Binary, "late");
    let smaller = compressed::of(&network);
    let models = vec![
        model("flights-gbt", 3, &flights, ModelKind::Gbt, Task::Binary, "late"),
        model("flights-gbt", 2, &flights, ModelKind::Gbt, Task::Binary, "late"),
        network,
        model("diamonds-gbt", 3, &diamonds, ModelKind::Gbt, Task::Regression, "price"),
        old,
        smaller,
    ];
    let searches = searched::all(&flights, &models[0], NOW);
    let entries = [(&flights, "late"), (&diamonds, "price")].map(|(dataset, target)| DatasetEntry {
        dataset: Arc::new(dataset.clone()),
        profile: Some(Arc::new(profile(dataset, target))),
        deleted: false,
    });
    let mut progress = Progress { phase: "reading".to_owned(), fraction: Some(0.28), ..Progress::default() };
    (progress.rows_per_sec, progress.secs_left) = (Some(910_000.0), Some(3.0));
    let kind = JobKind::Import { file: PathBuf::from("/data/flights-3m.parquet") };
    let job = JobEntry { id: 9, kind, progress, started_at: NOW - 1.0, outcome: None };
    Snapshot {
        revision: 1,
        now: NOW,
        workspace: Arc::new(WorkspaceInfo {
            home: PathBuf::from("/home/ada/orrery"),
            read_only: false,
            disk_bytes: Some(1_940_000_000),
            free_bytes: Some(412_000_000_000),
        }),
        datasets: Arc::new(entries.to_vec()),
        runs: Arc::new(runs.into_iter().map(Arc::new).collect()),
        series: Arc::new(series),
        models: Arc::new(models),
        searches: Arc::new(searches),
        jobs: Arc::new(vec![job]),
        devices: Arc::new(devices::all()),
        device_advice: Some(Arc::new(DeviceAdvice {
            choice: DeviceChoice::Cpu,
            reason: "The CPU measured 118k rows/s; no other device is usable.".to_owned(),
        })),
        default_device: DeviceChoice::Auto,
        notices: Arc::new(notices()),
        comparison: Some(Arc::new(compare::state(flights.id.clone()))),
        explanation: Some(Arc::new(explained::state(flights.id.clone(), explained::attributions()))),
        tunings: Arc::new(vec![Arc::new(tuned::report("7f3a", 19)), Arc::new(tuned::failed("61c0"))]),
        servings: Arc::new(tuned::servings()),
        fleet: Arc::new(fleet::busy()),
        ..Snapshot::default()
    }
}

/// A workspace that was just made.
pub fn empty() -> Snapshot {
    Snapshot {
        now: NOW,
        workspace: Arc::new(WorkspaceInfo {
            home: PathBuf::from("/home/ada/orrery"),
            ..WorkspaceInfo::default()
        }),
        devices: Arc::new(devices::all()),
        ..Snapshot::default()
    }
}
