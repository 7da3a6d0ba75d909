//! Tests of the methods on trained models: laws, slow oracles, and whole jobs.

use std::path::{Path, PathBuf};

use orrery_domain::{
    ModelRef,
    compare::{CompareData, RowsOrigin},
    dataset::Dataset,
    explain::{ExplainReport, ExplainSettings, Findings},
    metric::MetricId,
    training::{CategoryEncoding, ModelKind},
};

use super::{
    answers::{Answers as _, Output},
    players::Players,
    switch::{Sets, Switch},
    tests::{shapley, trained},
    *,
};
use crate::{
    control::Unwatched,
    train::tests::{job, table},
};

const SHAPLEY: [ExplainMethod; 3] =
    [ExplainMethod::ExactShapley, ExplainMethod::KernelShap, ExplainMethod::PermutationShap];

fn by(method: ExplainMethod) -> ExplainRequest {
    ExplainRequest { method: Some(method), ..ExplainRequest::default() }
}

/// Two columns have two orders: every Shapley method is exact, adds up, and agrees with the others, for every family and task.
#[test]
fn shapley_methods_agree_on_every_family() {
    for kind in [ModelKind::Gbt, ModelKind::Linear, ModelKind::Mlp, ModelKind::Tabm] {
        for target in ["big", "grade", "value"] {
            let (_folder, predictor) = trained(target, kind, CategoryEncoding::Embedding);
            let (rows, background) = (table(6), table(40));
            let around = Around { background: Some((&background, "rows")), folder: None };
            let found = SHAPLEY.map(|method| {
                let found =
                    predictor.explain_around(&rows, &by(method), around, &Unwatched).expect("explained");
                assert!(
                    found.check.passed && found.check.name == "additivity",
                    "{kind:?} {target}: {found:?}"
                );
                let against = Against::Background { rows: 40, of: "rows".to_owned(), seed: 0 };
                assert_eq!(found.against, Some(against));
                found
            });
            for other in &found[1..] {
                for (a, b) in found[0].rows.iter().zip(&other.rows) {
                    for ((_, a), (_, b)) in a.attributions.0.iter().zip(&b.attributions.0) {
                        assert!((a - b).abs() < 1e-4 * (1.0 + a.abs()), "{kind:?} {target}: {a} {b}");
                    }
                }
            }
            let own = predictor.explain(&rows, &ExplainRequest::default(), &Unwatched).expect("explained");
            for (a, b) in found[0].rows.iter().zip(&own.rows) {
                assert!(
                    (a.prediction - b.prediction).abs() < 1e-3 * (1.0 + b.prediction.abs()),
                    "{kind:?} {target}"
                );
            }
        }
    }
}

/// Switching whole columns, against a plain forward pass in 64 bits and Shapley's own sum over all sets of 10 columns.
#[test]
fn exact_shapley_is_an_independent_oracles() {
    let network = &super::golden::networks()[0];
    let found = network.explained(ExplainMethod::ExactShapley, None);
    for (row, found) in found.iter().enumerate() {
        let expected = shapley(10, |set| network.worth(row, set));
        let largest = expected.iter().fold(0.0_f64, |top, value| top.max(value.abs()));
        for (found, expected) in found.columns.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5 * largest, "{found} {expected}");
        }
    }
}

/// Values that a row shares with the background are not asked for twice, and that changes nothing.
#[test]
fn sets_that_differ_in_nothing_are_computed_once() {
    struct Counted(std::sync::atomic::AtomicUsize);
    impl answers::Answers for Counted {
        fn answers(&self, rows: &Rows) -> Result<Vec<f64>, Failure> {
            self.0.fetch_add(rows.len(), std::sync::atomic::Ordering::Relaxed);
            Ok((0..rows.len())
                .map(|row| rows.row(row).iter().map(|v| if v.is_nan() { 9.0 } else { *v }).product())
                .collect())
        }
    }
    for players in [3, 13, 140] {
        let model = Counted(0.into());
        let owners = (0..players).collect();
        let names = Players::new(owners, players, vec![true; players]);
        let mut row = vec![2.0; players];
        let mut other = vec![1.0; players];
        // The second column is the same, missing in both.
        (row[1], other[1]) = (f64::NAN, f64::NAN);
        let (x, background) = (Rows { cols: players, values: row }, Rows { cols: players, values: other });
        let switch = Switch { model: &model, players: &names, background: &background };
        let mut sets = Sets::new(players);
        for set in 0..8_usize {
            sets.push(|player| player < 3 && set >> player & 1 == 1);
        }
        let values = switch.values(&x, &[sets], &Unwatched).expect("values");
        assert_eq!(values[0], [9.0, 18.0, 9.0, 18.0, 18.0, 36.0, 18.0, 36.0]);
        let asked = model.0.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(asked, if players <= 128 { 4 } else { 8 });
    }
}

/// On a linear model LIME finds the weights: what the row's value adds against the background's mean.
#[test]
fn lime_is_right_where_the_model_is_linear() {
    let (_folder, predictor) = trained("value", ModelKind::Linear, CategoryEncoding::OneHot);
    let (rows, background) = (table(4), table(20));
    let around = Around { background: Some((&background, "rows")), folder: None };
    let request = ExplainRequest { samples: Some(2000), ..by(ExplainMethod::Lime) };
    let lime = predictor.explain_around(&rows, &request, around, &Unwatched).expect("explained");
    let exact = predictor
        .explain_around(&rows, &by(ExplainMethod::ExactShapley), around, &Unwatched)
        .expect("explained");
    assert!(lime.check.name == "surrogate_error" && lime.check.value < 1e-3, "{:?}", lime.check);
    for (lime, exact) in lime.rows.iter().zip(&exact.rows) {
        for ((_, lime), (_, exact)) in lime.attributions.0.iter().zip(&exact.attributions.0) {
            assert!((lime - exact).abs() < 0.01 * (1.0 + exact.abs()), "{lime} {exact}");
        }
    }
}

/// An additive model's parts foretell everything; wrong parts do not, and shuffled weights give others.
#[test]
fn further_checks_pass_what_is_right_and_fail_what_is_wrong() {
    let (folder, predictor) = trained("value", ModelKind::Linear, CategoryEncoding::Embedding);
    let model = folder.path().join("run/model");
    let background = table(60);
    let around = Around { background: Some((&background, "rows")), folder: Some(&model) };
    let request = ExplainRequest { checks: true, ..by(ExplainMethod::ExactShapley) };
    let found = predictor.explain_around(&table(5), &request, around, &Unwatched).expect("explained");
    let value = |name: &str| found.checks.iter().find(|check| check.name == name).expect(name).value;
    assert!(value("infidelity") < 1e-6 && value("sensitivity") < 0.2, "{:?}", found.checks);
    assert!(found.checks.iter().any(|check| check.name == "randomized_weights"), "{:?}", found.checks);

    let explained = predictor.explained();
    let players = explained.players();
    let (x, background) =
        (explained.encode(&table(5)).expect("encoded"), explained.encode(&background).expect("encoded"));
    let ask = Ask {
        explained: &explained,
        players: &players,
        method: ExplainMethod::ExactShapley,
        task: Task::Regression,
        class: 0,
        baseline: None,
        background: Some(&background),
        grid: None,
        samples: None,
        seed: 0,
    };
    let mut parts = ask.parts(&x, &Unwatched).expect("parts");
    assert!(checks::infidelity(&ask, &x, &parts, &Unwatched).expect("measured") < 1e-6);
    for row in &mut parts {
        row.columns.reverse();
    }
    let swapped = checks::infidelity(&ask, &x, &parts, &Unwatched).expect("measured");
    assert!(swapped > 0.5, "{swapped}");
}

/// A forest whose leaves are shuffled is explained in another way; the same weights in the same way.
#[test]
fn shuffled_weights_give_another_explanation() {
    for kind in [ModelKind::Gbt, ModelKind::Mlp] {
        let (folder, predictor) = trained("big", kind, CategoryEncoding::Embedding);
        let model = folder.path().join("run/model");
        let background = table(60);
        let around = Around { background: Some((&background, "rows")), folder: Some(&model) };
        let request = ExplainRequest { checks: true, ..ExplainRequest::default() };
        let found = predictor.explain_around(&table(8), &request, around, &Unwatched).expect("explained");
        let check = found.checks.iter().find(|check| check.name == "randomized_weights").expect("checked");
        assert!(check.value < 0.9, "{kind:?}: {check:?}");
    }
}

// ---- whole jobs

struct Bench {
    dir: tempfile::TempDir,
    model: ModelRef,
    dataset: Dataset,
}

impl Bench {
    fn new(target: &str, kind: ModelKind) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        table(600).write_arrow(&dir.path().join("00.arrow")).expect("written");
        let training = job(dir.path(), target, kind);
        crate::train::run(&training, &Unwatched).expect("trained");
        Self { model: ModelRef { name: "m".to_owned(), version: 1 }, dataset: training.dataset, dir }
    }

    fn run(&self, settings: &ExplainSettings, out: Option<&Path>) -> Result<ExplainReport, Failure> {
        let data = CompareData::Dataset { dataset: Box::new(self.dataset.clone()) };
        self.on(&data, settings, out)
    }

    fn on(
        &self,
        data: &CompareData,
        settings: &ExplainSettings,
        out: Option<&Path>,
    ) -> Result<ExplainReport, Failure> {
        self.under(data, settings, out, &Unwatched).map_err(|interrupt| match interrupt {
            Interrupt::Failed(failure) => failure,
            other => panic!("a failure was expected: {other}"),
        })
    }

    fn under(
        &self,
        data: &CompareData,
        settings: &ExplainSettings,
        out: Option<&Path>,
        control: &dyn JobControl,
    ) -> Result<ExplainReport, Interrupt> {
        let job = ExplainJob {
            model: &self.model,
            folder: &self.folder(),
            data,
            trained_on: Some(&self.dataset),
            blobs: self.dir.path(),
            settings,
            out,
            pieces: &self.pieces(),
        };
        super::run(&job, control)
    }

    fn pieces(&self) -> PathBuf {
        self.dir.path().join("pieces")
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("run/model")
    }
}

fn settings(method: ExplainMethod) -> ExplainSettings {
    ExplainSettings { method: Some(method), background: 30, ..ExplainSettings::default() }
}

#[test]
fn rows_are_test_rows_the_background_is_training_rows_and_a_file_holds_them_all() {
    let bench = Bench::new("big", ModelKind::Gbt);
    let out = bench.dir.path().join("parts.csv");
    let report = bench.run(&settings(ExplainMethod::KernelShap), Some(&out)).expect("explained");
    assert_eq!((report.origin, report.explained), (RowsOrigin::TestRows, 120));
    let Findings::Attributions(found) = &report.found else { panic!("{report:?}") };
    assert_eq!(found.rows.len(), 120);
    assert!(found.check.passed && found.checks.len() == 3, "{found:?}");
    let Some(Against::Background { rows: 30, of, seed: 0 }) = &found.against else { panic!("{found:?}") };
    assert_eq!(of, "the training rows of m:1");
    assert!(found.rows[60].row == 60 && found.rows[60].values.len() == 2, "{:?}", found.rows[60]);
    let text = std::fs::read_to_string(&out).expect("written");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("row,prediction,baseline,x,kind"));
    assert_eq!(lines.count(), 120);
    // The same seed gives the same rows and figures; some rows are a part of all.
    let again = bench.run(&settings(ExplainMethod::KernelShap), Some(&out)).expect("explained");
    assert_eq!(again.found, report.found);
    let some = ExplainSettings { rows: Some((60, 62)), checks: false, ..settings(ExplainMethod::KernelShap) };
    let Findings::Attributions(some) = bench.run(&some, None).expect("explained").found else { panic!() };
    assert_eq!(some.rows.iter().map(|row| row.row).collect::<Vec<_>>(), [60, 61]);
    assert_eq!(some.rows[0].attributions, found.rows[60].attributions);
}

#[test]
fn a_baseline_may_be_a_row_of_the_data() {
    let bench = Bench::new("value", ModelKind::Mlp);
    let request = ExplainSettings {
        baseline: BaselineChoice::Row(7),
        rows: Some((5, 9)),
        checks: false,
        ..settings(ExplainMethod::IntegratedGradients)
    };
    let Findings::Attributions(found) = bench.run(&request, None).expect("explained").found else { panic!() };
    assert_eq!(found.against, Some(Against::Row { row: 7 }));
    assert_eq!(found.rows.len(), 4);
    assert!(found.rows[2].attributions.0.iter().all(|(_, value)| *value == 0.0), "{:?}", found.rows[2]);
}

#[test]
fn importance_has_intervals_over_repeats_and_what_matters_comes_first() {
    let bench = Bench::new("value", ModelKind::Gbt);
    let report = bench.run(&settings(ExplainMethod::PermutationImportance), None).expect("explained");
    let Findings::Importance(found) = &report.found else { panic!("{report:?}") };
    assert_eq!((found.metric, found.repeats, report.explained), (MetricId::Rmse, 10, 120));
    // The kind lifts the value by up to 3, x by up to 2.
    assert_eq!(found.columns.iter().map(|c| c.column.as_str()).collect::<Vec<_>>(), ["kind", "x"]);
    for column in &found.columns {
        let value = &column.importance;
        assert!(value.low < value.value && value.value < value.high && value.low > Some(0.1), "{column:?}");
        assert_eq!(column.repeats.len(), 10);
    }
    assert!(found.check.passed && found.check.name == "repeat_spread", "{:?}", found.check);
    // An oracle: one shuffle by hand lies within a few deviations of the repeats.
    let mean = found.columns[0].importance.value.expect("a value");
    let spread = found.columns[0].repeats.iter().map(|r| (r - mean).abs()).fold(0.0, f64::max);
    assert!(spread < 0.5 * mean, "{spread} of {mean}");
}

#[test]
fn dependence_of_an_additive_model_is_its_term_and_has_no_interaction() {
    let bench = Bench::new("value", ModelKind::Linear);
    let report = bench.run(&settings(ExplainMethod::PartialDependence), None).expect("explained");
    let Findings::Dependence(found) = &report.found else { panic!("{report:?}") };
    assert!(found.check.passed && found.check.value < 1e-6, "{:?}", found.check);
    let x = found.columns.iter().find(|column| column.column == "x").expect("x");
    assert!(x.number && x.grid.len() > 10 && x.lines.len() == 30 && x.lines[0].len() == x.grid.len());
    let slope = |a: usize, b: usize| (x.grid[b].mean - x.grid[a].mean) / (x.grid[b].x - x.grid[a].x);
    let last = x.grid.len() - 1;
    assert!((slope(0, 1) - slope(0, last)).abs() < 0.02 * slope(0, last).abs(), "{:?}", x.grid);
    assert!((slope(0, last) - 2.0).abs() < 0.3, "the table's slope is 2");
    let kind = found.columns.iter().find(|column| column.column == "kind").expect("kind");
    let values: Vec<Option<&str>> = kind.grid.iter().map(|point| point.value.as_deref()).collect();
    assert_eq!(values, [Some("blue"), Some("green"), Some("red")]);
    assert!(
        kind.grid[0].mean > kind.grid[1].mean && kind.grid[1].mean > kind.grid[2].mean,
        "{:?}",
        kind.grid
    );
}

#[test]
fn counterfactuals_change_what_may_change_and_the_model_agrees() {
    let bench = Bench::new("big", ModelKind::Gbt);
    let report = bench.run(&settings(ExplainMethod::Counterfactual), None).expect("explained");
    let Findings::Counterfactuals(found) = &report.found else { panic!("{report:?}") };
    assert_eq!((found.rows.len(), found.check.passed), (10, true), "{found:?}");
    for row in &found.rows {
        let nearest = row.nearest.as_ref().expect("a change");
        assert_ne!(nearest.prediction, row.prediction);
        assert!(
            nearest.distance > 0.0 && !nearest.changes.is_empty() && nearest.changes.len() <= 2,
            "{row:?}"
        );
    }
    // Only x may change: nothing else does, and where x alone cannot do it the row is without one, which the check says.
    let only = ExplainSettings { columns: vec!["x".to_owned()], ..settings(ExplainMethod::Counterfactual) };
    let Findings::Counterfactuals(only) = bench.run(&only, None).expect("explained").found else { panic!() };
    let changes = || only.rows.iter().filter_map(|row| row.nearest.as_ref());
    assert!(changes().all(|nearest| nearest.changes.iter().all(|change| change.column == "x")), "{only:?}");
    let without = only.rows.iter().filter(|row| row.nearest.is_none()).count();
    assert_eq!(only.check.passed, without == 0);
    for (row, one) in only.rows.iter().zip(&found.rows) {
        if let (Some(narrow), Some(wide)) = (&row.nearest, &one.nearest) {
            assert!(wide.distance <= narrow.distance + 1e-9, "{wide:?} {narrow:?}");
        }
    }
    // A number is asked for by a bound.
    let bench = Bench::new("value", ModelKind::Linear);
    let request = |wanted: &str| ExplainSettings {
        wanted: Some(wanted.to_owned()),
        rows: Some((0, 4)),
        ..settings(ExplainMethod::Counterfactual)
    };
    let Findings::Counterfactuals(found) = bench.run(&request(">=4"), None).expect("explained").found else {
        panic!()
    };
    for row in &found.rows {
        let said: f64 = row
            .nearest
            .as_ref()
            .map_or(&row.prediction, |nearest| &nearest.prediction)
            .parse()
            .expect("a number");
        assert!(said >= 4.0 && row.already == row.nearest.is_none(), "{row:?}");
    }
    for (settings, words) in [
        (request("=4"), "no bound"),
        (settings(ExplainMethod::Counterfactual), "Say what it shall be"),
        (ExplainSettings { rows: Some((500, 600)), ..request(">=4") }, "There are no rows 500"),
        (ExplainSettings { columns: vec!["z".to_owned()], ..request(">=4") }, "no column 'z'"),
    ] {
        let refused = bench.run(&settings, None).expect_err("refused");
        assert!(refused.message.contains(words), "{}", refused.message);
    }
}

#[test]
fn a_job_that_is_stopped_leaves_no_file() {
    struct Gone;
    impl JobControl for Gone {
        fn emit(&self, _event: orrery_domain::job::JobEvent) {}

        fn wish(&self) -> crate::control::Wish {
            crate::control::Wish::Cancel
        }
    }
    let bench = Bench::new("big", ModelKind::Linear);
    let out = bench.dir.path().join("parts.csv");
    let data = CompareData::Dataset { dataset: Box::new(bench.dataset.clone()) };
    for method in
        [ExplainMethod::PermutationShap, ExplainMethod::PermutationImportance, ExplainMethod::Counterfactual]
    {
        let ended = bench.under(&data, &settings(method), Some(&out), &Gone);
        assert!(matches!(ended, Err(Interrupt::Cancelled)), "{method:?}");
        assert!(!out.exists());
    }
    let wrong = bench.run(&settings(ExplainMethod::KernelShap), Some(Path::new("parts.xlsx")));
    assert!(wrong.expect_err("refused").message.contains(".csv"));
}

/// Ends a job at its first word about rows or columns that are done, and hears what it says.
#[derive(Default)]
struct Once {
    ends: bool,
    heard: std::sync::Mutex<Vec<orrery_domain::job::JobEvent>>,
}

impl Once {
    fn said(&self, words: &str) -> bool {
        use orrery_domain::job::JobEvent;
        self.heard.lock().expect("not poisoned").iter().any(|event| match event {
            JobEvent::Progress { progress, .. } => progress.phase.contains(words),
            JobEvent::Warning { message } => message.contains(words),
            _ => false,
        })
    }
}

impl JobControl for Once {
    fn emit(&self, event: orrery_domain::job::JobEvent) {
        self.heard.lock().expect("not poisoned").push(event);
    }

    fn wish(&self) -> crate::control::Wish {
        use orrery_domain::job::JobEvent;
        let begun =
            |event: &JobEvent| matches!(event, JobEvent::Progress { progress, .. } if progress.step > 0);
        let ends = self.ends && self.heard.lock().expect("not poisoned").iter().any(begun);
        if ends { crate::control::Wish::Cancel } else { crate::control::Wish::Continue }
    }
}

/// What was computed before an explanation was ended is not computed again, and its end is that of an unbroken one, bit for bit:
/// also where a piece is damaged, and not where the rows are others.
#[test]
fn an_ended_explanation_goes_on_where_it_was() {
    let bench = Bench::new("big", ModelKind::Gbt);
    let data = CompareData::Dataset { dataset: Box::new(bench.dataset.clone()) };
    let out = bench.dir.path().join("parts.csv");
    for method in [
        ExplainMethod::PermutationShap,
        ExplainMethod::PermutationImportance,
        ExplainMethod::PartialDependence,
        ExplainMethod::Counterfactual,
    ] {
        let settings = settings(method);
        let unbroken = bench.run(&settings, Some(&out)).expect("explained");
        let file = std::fs::read(&out).expect("written");
        let ended = || {
            let control = Once { ends: true, ..Once::default() };
            let ended = bench.under(&data, &settings, Some(&out), &control);
            assert!(matches!(ended, Err(Interrupt::Cancelled)), "{method:?}");
            let first = bench.pieces().join("piece-000000000.checkpoint");
            std::fs::read(&first).map(|bytes| (first, bytes)).expect("what was computed is kept")
        };
        let again = |goes_on: bool, damaged: bool| {
            let control = Once::default();
            let report = bench.under(&data, &settings, Some(&out), &control).expect("explained");
            assert_eq!(report, unbroken, "{method:?}");
            assert!(std::fs::read(&out).expect("written") == file, "{method:?}");
            assert_eq!(
                (control.said("going on from what was kept"), control.said("damaged")),
                (goes_on, damaged),
                "{method:?}"
            );
            std::fs::remove_dir_all(bench.pieces()).expect("removed");
        };
        ended();
        again(true, false);
        let (first, mut bytes) = ended();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        crate::train::files::write_bytes(&first, &bytes).expect("written");
        again(false, true);
        // Another seed draws other rows: these pieces are not its own.
        let (first, bytes) = ended();
        let other = ExplainSettings { seed: 1, ..settings.clone() };
        let found = bench.run(&other, None).expect("explained");
        let control = Once::default();
        assert_eq!(bench.under(&data, &other, None, &control).expect("explained"), found);
        assert!(!control.said("going on from what was kept"), "{method:?}");
        crate::train::files::write_bytes(&first, &bytes).expect("written");
        again(true, false);
    }
}

/// Where the disk is full only its pieces may be what fills it: they go, and the file is written.
#[test]
#[cfg(feature = "fault-injection")]
fn a_full_disk_costs_the_pieces_and_not_the_file() {
    let bench = Bench::new("big", ModelKind::Gbt);
    let data = CompareData::Dataset { dataset: Box::new(bench.dataset.clone()) };
    let out = bench.dir.path().join("parts.csv");
    let settings = settings(ExplainMethod::PermutationShap);
    let unbroken = bench.run(&settings, Some(&out)).expect("explained");
    let ended = bench.under(&data, &settings, Some(&out), &Once { ends: true, ..Once::default() });
    assert!(matches!(ended, Err(Interrupt::Cancelled)));
    let pieces = || std::fs::read_dir(bench.pieces()).expect("a folder").count();
    assert!(pieces() > 0);
    let again = crate::faults::planned("disk-full@file", || bench.run(&settings, Some(&out)));
    assert_eq!((again.expect("explained"), pieces()), (unbroken, 0));
    let failed = crate::faults::planned("disk-full@file:1+", || bench.run(&settings, Some(&out)));
    assert_eq!(failed.expect_err("still full").class, orrery_domain::FailureClass::Capacity);
}

/// Names of columns come from files: a spreadsheet must not run them.
#[test]
fn formulas_in_a_file_are_neutralised() {
    let mut lines = file::Lines::new();
    lines.head(["=1+1", "plain"].into_iter()).expect("a head");
    let text = String::from_utf8(lines.bytes().expect("bytes")).expect("text");
    assert_eq!(text, "row,prediction,baseline,'=1+1,plain\n");
}

/// The explained output is the one that the checks and figures are about.
#[test]
fn outputs_are_the_answers_of_the_class() {
    let (_folder, predictor) = trained("grade", ModelKind::Mlp, CategoryEncoding::Embedding);
    let explained = predictor.explained();
    let x = explained.encode(&table(5)).expect("encoded");
    let of =
        |class| Output { explained: &explained, task: Task::Multiclass, class }.answers(&x).expect("answers");
    let shares: Vec<f64> = (0..3).flat_map(of).map(|z| 1.0 / (1.0 + (-z).exp())).collect();
    for row in 0..5 {
        let sum: f64 = (0..3).map(|class| shares[class * 5 + row]).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }
}
