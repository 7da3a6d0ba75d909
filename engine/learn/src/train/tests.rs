//! Tests of whole trainings: every family on a small table, stopped and resumed, and requests that must be refused.

use std::{path::Path, sync::Mutex};

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, StringArray},
    compute::cast,
};
use orrery_domain::{
    DatasetId, FailureClass,
    dataset::{ColumnSchema, ColumnType, FileFormat, ImportOptions, SourceFile},
    metric::MetricId,
    run::SeriesId,
    training::{CategoryEncoding, HyperParameters, Split, TargetTransform, Task},
};

use super::*;
use crate::{
    control::{Unwatched, Wish},
    model,
    table::arrow_type,
};

/// A dataset's record with these columns.
pub(crate) fn dataset_of(rows: u64, columns: &[(&str, ColumnType)]) -> Dataset {
    Dataset {
        id: DatasetId("0123456789abcdef".to_owned()),
        name: "made".to_owned(),
        source: SourceFile {
            path: "made.csv".to_owned(),
            bytes: 1,
            hash: "00".to_owned(),
            format: FileFormat::Csv,
        },
        options: ImportOptions::default(),
        rows,
        columns: columns
            .iter()
            .map(|(name, kind)| ColumnSchema { name: (*name).to_owned(), kind: *kind, overridden: false })
            .collect(),
        blob: "00".to_owned(),
        blob_bytes: rows * 8 * columns.len() as u64,
        bad_rows: 0,
        bad_row_list: Vec::new(),
        warnings: Vec::new(),
        imported_at: 0.0,
    }
}

/// Rows whose value and class follow from two columns, one number and one category.
pub(crate) fn table(rows: usize) -> Table {
    let noise = |i: usize, k: usize| ((i * 7919 + k * 104_729) % 1009) as f64 / 1009.0;
    let x: Vec<Option<f64>> = (0..rows).map(|i| (i % 17 != 0).then(|| noise(i, 1))).collect();
    let kind: Vec<&str> = (0..rows).map(|i| ["red", "green", "blue"][(i * 31) % 3]).collect();
    let value: Vec<f64> = (0..rows)
        .map(|i| {
            let lift = [0.0, 1.0, 3.0][(i * 31) % 3];
            1.0 + 2.0 * x[i].unwrap_or(0.5) + lift + 0.2 * noise(i, 2)
        })
        .collect();
    let price: Vec<f64> = value.iter().map(|v| v.exp()).collect();
    let big: Vec<&str> = value.iter().map(|v| if *v > 3.2 { "yes" } else { "no" }).collect();
    let grade: Vec<&str> = value
        .iter()
        .map(|v| {
            if *v < 2.6 {
                "low"
            } else if *v < 4.0 {
                "middle"
            } else {
                "high"
            }
        })
        .collect();
    let weight: Vec<i64> = (0..rows).map(|i| 1 + (i % 3) as i64).collect();
    let text = |values: Vec<&str>| -> ArrayRef {
        let plain = StringArray::from(values);
        cast(&plain, &arrow_type(ColumnType::Category)).expect("castable")
    };
    let columns: Vec<(&str, ColumnType, ArrayRef)> = vec![
        ("x", ColumnType::Float, std::sync::Arc::new(Float64Array::from(x))),
        ("kind", ColumnType::Category, text(kind)),
        ("value", ColumnType::Float, std::sync::Arc::new(Float64Array::from(value))),
        ("price", ColumnType::Float, std::sync::Arc::new(Float64Array::from(price))),
        ("big", ColumnType::Category, text(big)),
        ("grade", ColumnType::Category, text(grade)),
        ("weight", ColumnType::Integer, std::sync::Arc::new(Int64Array::from(weight))),
    ];
    let schema = columns
        .iter()
        .map(|(name, kind, _)| ColumnSchema { name: (*name).to_owned(), kind: *kind, overridden: false })
        .collect();
    Table::new(schema, columns.into_iter().map(|(_, _, array)| array).collect())
}

/// A job that trains `target` from `x` and `kind`.
pub(crate) fn job(folder: &Path, target: &str, kind: ModelKind) -> TrainJob {
    let table = table(600);
    let blob = folder.join("table.arrow");
    table.write_arrow(&blob).expect("written");
    let columns: Vec<(&str, ColumnType)> =
        table.schema.iter().map(|column| (column.name.as_str(), column.kind)).collect();
    let mut config = TrainConfig::new(target);
    config.model = kind;
    config.exclude = ["value", "price", "big", "grade", "weight"]
        .into_iter()
        .filter(|name| *name != target)
        .map(str::to_owned)
        .collect();
    config.hyper = HyperParameters {
        epochs: Some(8),
        batch_size: Some(32),
        width: Some(16),
        depth: Some(1),
        members: Some(2),
        trees: Some(30),
        leaves: Some(7),
        ..HyperParameters::default()
    };
    if kind.is_network() {
        config.hyper.learning_rate = Some(0.01);
    }
    TrainJob {
        run: RunId("run-1".to_owned()),
        run_dir: folder.join("run"),
        blob,
        dataset: dataset_of(600, &columns),
        config,
        passes: 1,
        part: None,
        device: DeviceChoice::Cpu,
    }
}

/// Keeps what was said, and stops after a number of looks.
struct Watched {
    said: Mutex<Vec<JobEvent>>,
    looks: Mutex<usize>,
}

impl Watched {
    fn new(looks: usize) -> Self {
        Self { said: Mutex::new(Vec::new()), looks: Mutex::new(looks) }
    }

    fn events(self) -> Vec<JobEvent> {
        self.said.into_inner().expect("no panic")
    }
}

impl JobControl for Watched {
    fn emit(&self, event: JobEvent) {
        self.said.lock().expect("no panic").push(event);
    }

    fn wish(&self) -> Wish {
        let mut looks = self.looks.lock().expect("no panic");
        *looks = looks.saturating_sub(1);
        if *looks == 0 { Wish::Stop } else { Wish::Continue }
    }
}

fn value(summary: &TrainSummary, metric: MetricId) -> f64 {
    summary.test[&metric].value.expect("defined")
}

#[test]
fn every_family_trains_every_task_and_leaves_a_whole_folder() {
    for kind in ModelKind::ALL.into_iter().filter(|kind| !kind.is_for_images()) {
        for (target, metric, least) in
            [("big", MetricId::Auroc, 0.85), ("grade", MetricId::Auroc, 0.8), ("value", MetricId::R2, 0.4)]
        {
            let folder = tempfile::tempdir().expect("a folder");
            let job = job(folder.path(), target, kind);
            let watched = Watched::new(usize::MAX);
            let (summary, card) = run(&job, &watched).expect("trained");
            let events = watched.events();
            assert!(matches!(events[0], JobEvent::Started { .. }), "{:?}", events[0]);
            let curves = |id| {
                events.iter().any(|event| match event {
                    JobEvent::Points { series } => series.iter().any(|(series, _)| *series == id),
                    _ => false,
                })
            };
            assert!(curves(SeriesId::TrainLoss), "{kind:?}");
            let reached = value(&summary, metric);
            assert!(reached > least, "{kind:?} on {target}: {reached}");
            let model = job.run_dir.join("model");
            model::verify(&model).expect("whole");
            assert_eq!(model::read_card(&model).expect("readable"), card);
            let names: Vec<&str> = card.baselines.iter().map(|b| b.name.as_str()).collect();
            let linear_too = card.kind != ModelKind::Linear;
            assert_eq!(names.contains(&"linear"), linear_too, "{names:?}");
            assert_eq!(card.features.len(), 2);
            assert_eq!(card.importance.len(), 2);
            assert_eq!(card.candidates.len(), if kind == ModelKind::Auto { 3 } else { 0 });
            assert!(card.rows.train > card.rows.valid && card.rows.valid > 0 && card.rows.test > 0);
            // Asked again, a finished run answers from its folder.
            let (again, _) = run(&job, &Unwatched).expect("finished before");
            assert_eq!(again, summary);
        }
    }
}

#[test]
fn a_run_stopped_anywhere_ends_as_an_unbroken_one() {
    for kind in [ModelKind::Gbt, ModelKind::Mlp, ModelKind::Auto] {
        let [whole, broken] = [0; 2].map(|_| tempfile::tempdir().expect("a folder"));
        let unbroken = run(&job(whole.path(), "big", kind), &Unwatched).expect("trained").0;
        let broken = job(broken.path(), "big", kind);
        let mut stops = 0;
        let resumed = loop {
            let watched = Watched::new(9 + 11 * stops);
            match run(&broken, &watched) {
                Err(Interrupt::Stopped) => stops += 1,
                other => break other.expect("trained").0,
            }
            assert!(stops < 200, "{kind:?} makes no progress");
        };
        assert!(stops > 1, "{kind:?}");
        assert_eq!(resumed.test, unbroken.test, "{kind:?}");
        assert_eq!(resumed.kind, unbroken.kind);
    }
}

#[test]
fn weights_class_weights_log_target_and_one_hot_are_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut weighted = job(folder.path(), "price", ModelKind::Linear);
    weighted.config.weight = Some("weight".to_owned());
    weighted.config.exclude.retain(|name| name != "weight");
    weighted.config.target_transform = TargetTransform::Log;
    let (summary, card) = run(&weighted, &Unwatched).expect("trained");
    // Linear in the logarithm: without the transform this is far away.
    assert!(value(&summary, MetricId::R2) > 0.95, "{:?}", summary.test);
    assert!(card.features.iter().all(|column| column.name != "weight"));

    let folder = tempfile::tempdir().expect("a folder");
    let mut balanced = job(folder.path(), "big", ModelKind::Mlp);
    balanced.config.class_weights = true;
    balanced.config.positive = Some("no".to_owned());
    balanced.config.categories = CategoryEncoding::OneHot;
    let (summary, card) = run(&balanced, &Unwatched).expect("trained");
    assert_eq!(card.classes, ["yes", "no"]);
    assert!(value(&summary, MetricId::Auroc) > 0.9);
}

#[test]
fn test_rows_change_nothing_that_is_fitted() {
    let folders = [0; 2].map(|_| tempfile::tempdir().expect("a folder"));
    let mut rules = Vec::new();
    for (other, folder) in folders.iter().enumerate() {
        let mut job = job(folder.path(), "value", ModelKind::Gbt);
        let mut table = table(600);
        let part: Vec<&str> = (0..600).map(|i| if i % 5 == 0 { "test" } else { "train" }).collect();
        let part = cast(&StringArray::from(part), &arrow_type(ColumnType::Category)).expect("castable");
        let mut arrays = table.batch.columns().to_vec();
        if other == 1 {
            let x: Vec<f64> = table.numbers(0);
            let wild = (0..600).map(|i| if i % 5 == 0 { 1e6 * i as f64 } else { x[i] });
            let wild = wild.map(|x| (!x.is_nan()).then_some(x));
            arrays[0] = std::sync::Arc::new(wild.collect::<Float64Array>());
            let kinds = (0..600).map(|i| {
                if i % 5 == 0 { "never seen".to_owned() } else { table.text(1, i).expect("present") }
            });
            arrays[1] = cast(&StringArray::from_iter_values(kinds), &arrow_type(ColumnType::Category))
                .expect("castable");
        }
        arrays.push(part);
        table.schema.push(ColumnSchema {
            name: "part".to_owned(),
            kind: ColumnType::Category,
            overridden: false,
        });
        let table = Table::new(table.schema, arrays);
        table.write_arrow(&job.blob).expect("written");
        job.dataset.columns = table.schema;
        job.config.split = Split::Column { column: "part".to_owned() };
        run(&job, &Unwatched).expect("trained");
        let read = |name: &str| std::fs::read(job.run_dir.join("model").join(name)).expect("readable");
        rules.push((read("preprocess.json"), read("trees.json")));
    }
    assert_eq!(rules[0].0, rules[1].0, "preprocess.json");
    assert_eq!(rules[0].1, rules[1].1, "trees.json");
}

/// A change to a good request, and what its refusal says.
type Case<'a> = (&'a dyn Fn(&mut TrainConfig), FailureClass, &'a str);

#[test]
fn wrong_requests_are_refused_before_anything_is_trained() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |change: &dyn Fn(&mut TrainConfig)| {
        let mut job = job(folder.path(), "value", ModelKind::Gbt);
        change(&mut job.config);
        match run(&job, &Unwatched) {
            Err(Interrupt::Failed(failure)) => failure,
            other => panic!("must be refused: {other:?}"),
        }
    };
    let cases: [Case; 9] = [
        (&|c| c.target = "valeu".to_owned(), FailureClass::Client, "Did you mean 'value'?"),
        (&|c| c.exclude.push("nothing".to_owned()), FailureClass::Client, "no column 'nothing'"),
        (&|c| c.positive = Some("3".to_owned()), FailureClass::Client, "two classes"),
        (&|c| c.weight = Some("kind".to_owned()), FailureClass::Client, "weights are numbers"),
        (&|c| c.hyper.learning_rate = Some(-1.0), FailureClass::Client, "learning rate"),
        (&|c| c.hyper.valid_share = Some(1.5), FailureClass::Client, "validation share"),
        (
            &|c| {
                c.target = "grade".to_owned();
                c.exclude.retain(|name| name != "grade");
                c.task = Some(Task::Regression);
            },
            FailureClass::Client,
            "needs numbers",
        ),
        (
            &|c| {
                c.target = "grade".to_owned();
                c.exclude.retain(|name| name != "grade");
                c.task = Some(Task::Binary);
            },
            FailureClass::Client,
            "has 3 values",
        ),
        (
            &|c| {
                c.target = "big".to_owned();
                c.exclude.retain(|name| name != "big");
                c.positive = Some("maybe".to_owned());
            },
            FailureClass::Client,
            "'no' and 'yes'",
        ),
    ];
    for (change, class, words) in cases {
        let failure = refused(change);
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.message.contains(words), "{failure}");
    }
}

/// The trial that chooses `auto`'s epochs says nothing: on a full disk it may not wait unheard, the run does and says why.
#[cfg(feature = "fault-injection")]
#[test]
fn a_full_disk_in_the_trial_of_a_network_pauses_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let job = job(folder.path(), "big", ModelKind::Auto);
    let watched = Watched::new(usize::MAX);
    // Trees are grown on other threads, which this plan does not reach: the first checkpoint is the trial's.
    let (_, card) = crate::faults::planned("disk-full@checkpoint:1,disk-full@room:1", || run(&job, &watched))
        .expect("it goes on by itself");
    assert_eq!(card.candidates.len(), 3, "none was given up: {:?}", card.candidates);
    let events = watched.events();
    let said = events.iter().any(|event| {
        matches!(event, JobEvent::State { reason: Some(reason), .. } if reason.contains("Free some space"))
    });
    assert!(said, "{events:?}");
    assert!(!job.run_dir.join("trial").exists(), "nothing is left of the trial");
}
