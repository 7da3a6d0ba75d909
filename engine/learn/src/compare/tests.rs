//! Tests of whole comparisons, of models trained on a small table.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use orrery_domain::{
    Failure, ModelRef,
    compare::{Better, CompareData, CompareReport, CompareSettings, RowsOrigin, SignificanceTest},
    job::JobEvent,
    metric::MetricId,
    model::ModelCard,
    training::{ModelKind, Task},
};

use super::{CompareJob, compare, cross_validate::TRAINING};
use crate::{
    control::{Interrupt, JobControl, Unwatched, Wish},
    model::read_card,
    train::{
        self, TrainJob,
        tests::{job, table},
    },
};

/// What is different in a model's request.
type Change<'a> = &'a dyn Fn(&mut TrainJob);

/// A workspace of trained models.
struct Bench {
    dir: tempfile::TempDir,
    models: Vec<(ModelRef, PathBuf)>,
    data: CompareData,
}

impl Bench {
    /// Trains a model a kind and change of its request.
    fn new(target: &str, models: &[(ModelKind, Change<'_>)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        table(600).write_arrow(&dir.path().join("00.arrow")).expect("written");
        let mut data = None;
        let trained = models.iter().enumerate().map(|(place, (kind, change))| {
            let folder = dir.path().join(format!("{place}"));
            std::fs::create_dir_all(folder.join("run/checkpoints")).expect("made");
            let mut training = job(&folder, target, *kind);
            change(&mut training);
            train::run(&training, &Unwatched).expect("trained");
            data = Some(CompareData::Dataset { dataset: Box::new(training.dataset.clone()) });
            let model = ModelRef { name: "m".to_owned(), version: place as u32 + 1 };
            (model, folder.join("run/model"))
        });
        let models = trained.collect();
        Self { models, data: data.expect("a model"), dir }
    }

    fn compare(&self, settings: &CompareSettings) -> Result<CompareReport, Failure> {
        self.on(&self.data, settings)
    }

    fn on(&self, data: &CompareData, settings: &CompareSettings) -> Result<CompareReport, Failure> {
        of(&self.models, data, self.dir.path(), settings)
    }
}

fn of(
    models: &[(ModelRef, PathBuf)],
    data: &CompareData,
    folder: &Path,
    settings: &CompareSettings,
) -> Result<CompareReport, Failure> {
    let kept = folder.join("kept");
    let job = CompareJob { models, data, blobs: folder, kept: Some(&kept), settings };
    compare(&job, &Unwatched).map_err(|interrupt| match interrupt {
        Interrupt::Failed(failure) => failure,
        other => panic!("a failure was expected: {other}"),
    })
}

fn as_is(_: &mut TrainJob) {}

#[test]
fn versions_are_judged_on_their_test_rows_alone_and_alike_ones_are_not_distinguishable() {
    let bench =
        Bench::new("big", &[(ModelKind::Gbt, &as_is), (ModelKind::Linear, &as_is), (ModelKind::Gbt, &as_is)]);
    let settings =
        CompareSettings { min_slice_rows: 20, slice_columns: vec!["kind".to_owned()], ..Default::default() };
    let report = bench.compare(&settings).expect("compared");
    assert_eq!((report.task, report.metric), (Task::Binary, MetricId::Auroc));
    assert_eq!(
        (report.rows.origin, report.rows.used, report.rows.trained_on),
        (RowsOrigin::TestRows, 120, 480)
    );
    for (model, (_, folder)) in report.models.iter().zip(&bench.models) {
        // The very rows, predictions and resamples that the training was judged by.
        let card = read_card(folder).expect("sound");
        assert_eq!(model.metrics, card.test, "{}", model.model);
        assert!(model.latency.median_secs > 0.0 && model.latency.requests == 200 && model.bytes > 1000);
        assert!(model.calibration.as_ref().is_some_and(|found| found.brier.is_some()));
        let asked = model.slices.as_ref().expect("looked").asked.iter();
        let asked: Vec<(String, u64)> = asked.map(|slice| (slice.title(), slice.rows)).collect();
        assert_eq!(asked, kinds_to_judge(&card));
    }
    assert!(report.models.iter().any(|model| model.on_front));
    assert_eq!(report.pairs.len(), 3);
    let twins = &report.pairs[1];
    assert_eq!((twins.a.version, twins.b.version, twins.verdict.better), (1, 3, Better::NotDistinguishable));
    assert_eq!(twins.verdict.test, SignificanceTest::DeLong);
    assert!(
        twins.verdict.message.contains("not distinguishable on these 120 rows"),
        "{}",
        twins.verdict.message
    );
    let trees = twins.architecture.trees.expect("both are trees");
    assert!(trees.a == trees.same && trees.b == trees.same && twins.architecture.settings.is_empty());
    let mixed = &report.pairs[0];
    assert!(mixed.architecture.settings.iter().any(|diff| diff.name == "model"));
    assert!(mixed.mcnemar.is_some() && mixed.delong.is_some() && mixed.metrics.len() == 8);
    assert!(report.pairs.iter().all(|pair| pair.verdict.p_adjusted >= pair.verdict.p));
    let text = serde_json::to_string(&report).expect("JSON");
    assert_eq!(serde_json::from_str::<CompareReport>(&text).expect("reads back"), report);
}

/// Counted by hand: the kinds that 20 of the test rows have, ten of either class of 'big' among them.
fn kinds_to_judge(card: &ModelCard) -> Vec<(String, u64)> {
    let table = table(600);
    let cell = |name: &str, row: u32| {
        let column = table.position(name).expect("a column");
        table.text(column, row as usize).expect("a value")
    };
    let mut counts: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for row in train::rows_again(card, &table).expect("the same table").test {
        counts.entry(cell("kind", row)).or_default()[usize::from(cell("big", row) == "yes")] += 1;
    }
    let judged = counts.into_iter().filter(|(_, [no, yes])| no + yes >= 20 && *no >= 10 && *yes >= 10);
    judged.map(|(kind, [no, yes])| (format!("kind = {kind}"), no + yes)).collect()
}

/// Green rows whose value was moved by 5: both models are far off on these and nowhere else, whatever else there is to slice by.
#[test]
fn the_slice_that_was_spoiled_is_the_worst_one() {
    let bench = Bench::new("value", &[(ModelKind::Linear, &as_is), (ModelKind::Gbt, &as_is)]);
    let table = table(240);
    let cell =
        |name: &str, row: usize| table.text(table.position(name).expect("a column"), row).unwrap_or_default();
    let mut lines = vec!["x,kind,value".to_owned()];
    for row in 0..table.rows() {
        let (x, kind) = (cell("x", row), cell("kind", row));
        let value: f64 = cell("value", row).parse().expect("a number");
        let moved = if kind == "green" { value + 5.0 } else { value };
        lines.push(format!("{x},{kind},{moved}"));
    }
    let path = bench.dir.path().join("spoiled.csv");
    crate::model::write_atomic(&path, lines.join("\n").as_bytes()).expect("written");
    let settings =
        CompareSettings { min_slice_rows: 20, slice_columns: vec!["kind".to_owned()], ..Default::default() };
    let report = bench.on(&CompareData::File { file: path }, &settings).expect("compared");
    for model in &report.models {
        let found = model.slices.as_ref().expect("looked");
        assert_eq!((found.metric, found.min_rows), (MetricId::Rmse, 20));
        let worst = &found.worst[0];
        // Of the spoiled rows a part may by chance be worse still than all of them.
        assert!(worst.title().starts_with("kind = green") && worst.rows <= 80, "{found:?}");
        assert!(found.worst.iter().all(|slice| slice.title().contains("kind = green")), "{found:?}");
        let value = worst.value.value.expect("a value");
        assert!((value - 5.0).abs() < 0.5 && value > worst.rest, "{worst:?}");
        assert!(worst.p < 1e-12 && worst.p <= worst.p_adjusted && worst.p_adjusted < 1e-9, "{worst:?}");
        // All three kinds were asked for, and the others are no worse than the rest.
        let asked: Vec<(String, u64)> = found.asked.iter().map(|slice| (slice.title(), slice.rows)).collect();
        let all = ["blue", "green", "red"].map(|kind| (format!("kind = {kind}"), 80));
        assert_eq!(asked, all);
        let green = &found.asked[1];
        assert!(green.value.value.is_some_and(|value| value > 4.0 * green.rest), "{green:?}");
        assert!(found.asked.iter().all(|slice| slice.title() == "kind = green" || slice.p > 0.5));
    }
}

#[test]
fn a_worse_model_loses_and_the_weights_of_two_seeds_are_apart() {
    let weak = |job: &mut TrainJob| {
        job.config.exclude.push("x".to_owned());
    };
    let seeded = |job: &mut TrainJob| job.config.hyper.learning_rate = Some(0.02);
    let bench = Bench::new(
        "value",
        &[(ModelKind::Mlp, &as_is), (ModelKind::Mlp, &seeded), (ModelKind::Linear, &weak)],
    );
    let report =
        bench.compare(&CompareSettings { min_slice_rows: 20, ..Default::default() }).expect("compared");
    assert_eq!(report.metric, MetricId::Rmse);
    let lost = &report.pairs[1];
    assert_eq!((lost.verdict.better, lost.verdict.test), (Better::A, SignificanceTest::PairedBootstrap));
    assert!(lost.verdict.message.starts_with("m:1 is better than m:3: RMSE"), "{}", lost.verdict.message);
    assert_eq!(lost.architecture.only_a_features, ["x"]);
    assert!(lost.mcnemar.is_none() && lost.delong.is_none());
    let mlps = &report.pairs[0].architecture;
    assert!(mlps.tensors.len() >= 4 && mlps.tensors.iter().all(|diff| diff.a == diff.b));
    assert!(mlps.tensors.iter().any(|diff| diff.relative_distance.is_some_and(|apart| apart > 0.0)));
    assert_eq!(mlps.settings.len(), 1, "{:?}", mlps.settings);
    // What the weak model cannot see shows where it is worst.
    let slices = report.models[2].slices.as_ref().expect("looked");
    assert!(slices.metric == MetricId::Rmse && slices.looked_at > 10);
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_reason() {
    let few = |job: &mut TrainJob| job.config.hyper.test_share = Some(0.01);
    let few_others = |job: &mut TrainJob| {
        job.config.hyper.test_share = Some(0.01);
        job.config.seed = 1;
    };
    let bench = Bench::new("big", &[(ModelKind::Linear, &few), (ModelKind::Linear, &few_others)]);
    let settings = CompareSettings::default();
    let refused = |outcome: Result<CompareReport, Failure>, part: &str| {
        let message = outcome.expect_err("refused").message;
        assert!(message.contains(part), "{message}");
    };
    refused(bench.compare(&settings), "no test row in common");
    let folder = bench.dir.path();
    refused(of(&bench.models[..1], &bench.data, folder, &settings), "2 to 8 versions, and 1 were given");
    let twice = [bench.models[0].clone(), bench.models[0].clone()];
    refused(of(&twice, &bench.data, folder, &settings), "given twice");
    let wrong = CompareSettings { metric: Some(MetricId::Rmse), ..Default::default() };
    refused(bench.compare(&wrong), "rmse is no metric of one of two classes");
    let file = |text: &str| {
        let path = folder.join("rows.csv");
        crate::model::write_atomic(&path, text.as_bytes()).expect("written");
        CompareData::File { file: path }
    };
    refused(bench.on(&file("x,kind\n1,red\n2,blue\n"), &settings), "'big' is missing");
    refused(bench.on(&file("x,big\n1,yes\n2,no\n"), &settings), "'kind' is missing");
    refused(bench.on(&file("x,kind,big\n1,red,\n2,blue,\n"), &settings), "No row to compare on has a value");
    refused(bench.on(&file("x,kind,big\n1,red,maybe\n2,blue,no\n"), &settings), "no class of this model");
    let sliced = CompareSettings { slice_columns: vec!["sort".to_owned()], ..Default::default() };
    refused(bench.on(&file("x,kind,big\n1,red,yes\n2,blue,no\n"), &sliced), "no column 'sort' to slice by");
    let crossed = CompareSettings { cross_validate: true, ..Default::default() };
    refused(bench.on(&file("x,kind,big\n1,red,yes\n2,blue,no\n"), &crossed), "trains on an imported dataset");

    let other = Bench::new("grade", &[(ModelKind::Linear, &as_is)]);
    let mixed =
        [bench.models[0].clone(), (ModelRef { name: "g".to_owned(), version: 1 }, other.models[0].1.clone())];
    refused(of(&mixed, &bench.data, folder, &settings), "m:1 predicts 'big' and g:1 'grade'");
    let turned = |job: &mut TrainJob| job.config.positive = Some("no".to_owned());
    let turned = Bench::new("big", &[(ModelKind::Linear, &turned)]);
    let mixed = [
        bench.models[0].clone(),
        (ModelRef { name: "t".to_owned(), version: 1 }, turned.models[0].1.clone()),
    ];
    refused(
        of(&mixed, &bench.data, folder, &settings),
        "knows the classes [no, yes] of 'big' and t:1 [yes, no]",
    );

    // One row of one class: nothing to tell apart, and nothing breaks.
    let report = bench.on(&file("x,kind,big\n1,red,yes\n"), &settings).expect("compared");
    assert_eq!(report.pairs[0].verdict.better, Better::NotDistinguishable);
    assert!(report.message.contains("AUROC is not defined"), "{}", report.message);
}

#[test]
fn five_times_two_trainings_tell_a_weak_request_from_a_good_one() {
    let weak = |job: &mut TrainJob| job.config.exclude.push("kind".to_owned());
    let bench = Bench::new("value", &[(ModelKind::Linear, &as_is), (ModelKind::Linear, &weak)]);
    let settings = CompareSettings { cross_validate: true, min_slice_rows: 20, ..Default::default() };
    let report = bench.compare(&settings).expect("compared");
    let found = report.pairs[0].cross_validated.as_ref().expect("trained");
    assert_eq!((found.differences.len(), found.better), (5, Better::A));
    assert!(found.f_p.expect("varies") < 0.05 && found.mean > 0.0, "{found:?}");
    let left = std::fs::read_dir(bench.dir.path().join("kept")).expect("there");
    assert_eq!(left.count(), 20, "the figures of every training, and no copy of the rows");
}

/// Counts the trainings that are begun, and wishes something from the last allowed one on.
struct Counted {
    begun: AtomicUsize,
    allowed: usize,
    then: Wish,
}

impl Counted {
    fn new(allowed: usize, then: Wish) -> Self {
        Self { begun: AtomicUsize::new(0), allowed, then }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }
}

impl JobControl for Counted {
    fn emit(&self, event: JobEvent) {
        if matches!(event, JobEvent::Progress { progress, .. } if progress.phase == TRAINING) {
            self.begun.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn wish(&self) -> Wish {
        if self.begun() >= self.allowed { self.then } else { Wish::Continue }
    }
}

#[test]
fn an_interrupted_cross_validation_goes_on_where_it_was_and_finds_the_same() {
    let weak = |job: &mut TrainJob| job.config.exclude.push("kind".to_owned());
    let bench = Bench::new("value", &[(ModelKind::Linear, &as_is), (ModelKind::Linear, &weak)]);
    let settings = CompareSettings { cross_validate: true, min_slice_rows: 20, ..Default::default() };
    let folder = bench.dir.path();
    let folds = folder.join("folds");
    let job = CompareJob {
        models: &bench.models,
        data: &bench.data,
        blobs: folder,
        kept: Some(&folds),
        settings: &settings,
    };
    let kept = || {
        let entries = std::fs::read_dir(&folds).expect("there").flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("fold-")).count()
    };
    let ended = |allowed, then| {
        let control = Counted::new(allowed, then);
        let outcome = compare(&job, &control);
        (control.begun(), outcome)
    };
    let (begun, outcome) = ended(usize::MAX, Wish::Continue);
    let unbroken = outcome.expect("compared");
    assert_eq!((begun, kept()), (20, 20));
    std::fs::remove_dir_all(&folds).expect("removed");

    // Stopped in the eighth training: seven are kept. Cancelled in the next but two: two more. One of these is damaged.
    let (begun, outcome) = ended(8, Wish::Stop);
    assert_eq!((begun, outcome.err()), (8, Some(Interrupt::Stopped)));
    let (begun, outcome) = ended(3, Wish::Cancel);
    assert_eq!((begun, outcome.err()), (3, Some(Interrupt::Cancelled)));
    assert!(kept() == 9 && !folds.join("work").exists());
    let damaged = folds.join("fold-1-0-0.json");
    let mut bytes = std::fs::read(&damaged).expect("kept");
    *bytes.last_mut().expect("not empty") ^= 1;
    crate::model::write_atomic(&damaged, &bytes).expect("written");
    let (begun, outcome) = ended(usize::MAX, Wish::Continue);
    let broken = outcome.expect("compared");
    assert_eq!((begun, kept()), (20 - 9 + 1, 20));
    let of = |report: &CompareReport| report.pairs[0].cross_validated.clone().expect("trained");
    assert_eq!(of(&broken), of(&unbroken));

    // The same folder, and versions the other way round: these figures are not theirs.
    let turned: Vec<_> = bench.models.iter().rev().cloned().collect();
    let control = Counted::new(1, Wish::Stop);
    let outcome = compare(&CompareJob { models: &turned, ..job }, &control);
    assert_eq!((control.begun(), outcome.err()), (1, Some(Interrupt::Stopped)));
}
