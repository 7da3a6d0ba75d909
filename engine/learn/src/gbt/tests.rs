//! Tests of boosted trees: learning, resuming, stopping, and what a damaged file does.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use orrery_domain::{job::JobEvent, training::HyperParameters};

use super::*;
use crate::{
    control::{Interrupt, JobControl, Unwatched, Wish},
    prepare::TreeMatrix,
    train::keep,
};

/// A table with two informative columns, one of them with gaps, and one of noise.
fn table(rows: usize) -> (TreeMatrix, Vec<f64>) {
    let noise = |i: usize, k: usize| ((i * 7919 + k * 104_729) % 1009) as f64 / 1009.0;
    let mut values: Vec<f64> = (0..3).flat_map(|k| (0..rows).map(move |i| noise(i, k))).collect();
    let y = (0..rows)
        .map(|i| {
            let curve = (values[i] * 6.0).sin() + if values[rows + i] > 0.6 { 1.0 } else { 0.0 };
            curve + 0.3 * noise(i, 5)
        })
        .collect();
    for i in (0..rows).step_by(11) {
        values[i] = f64::NAN;
    }
    (TreeMatrix { rows, cols: 3, values }, y)
}

fn part(x: &TreeMatrix, rows: std::ops::Range<usize>) -> TreeMatrix {
    let values = (0..x.cols).flat_map(|c| x.values[c * x.rows..][rows.clone()].to_vec()).collect::<Vec<_>>();
    TreeMatrix { rows: rows.len(), cols: x.cols, values }
}

fn settings(trees: usize) -> GbtSettings {
    let hyper = HyperParameters { trees: Some(trees as u32), leaves: Some(15), ..Default::default() };
    GbtSettings { row_share: 0.8, ..GbtSettings::resolve(&hyper, 2000, false, 7) }
}

struct Case {
    objective: Objective,
    classes: Vec<String>,
    train: (TreeMatrix, Vec<f64>),
    valid: (TreeMatrix, Vec<f64>),
}

fn case(objective: Objective, rows: usize) -> Case {
    let (x, y) = table(rows);
    let y: Vec<f64> = match objective {
        Objective::Squared => y,
        Objective::Binary => y.iter().map(|y| f64::from(u8::from(*y > 0.6))).collect(),
        Objective::OneVsRest => y.iter().map(|y| (y.clamp(0.0, 1.9) * 1.5).floor()).collect(),
    };
    let classes = match objective {
        Objective::Squared => vec![],
        Objective::Binary => vec!["no", "yes"],
        Objective::OneVsRest => vec!["a", "b", "c"],
    };
    let cut = rows * 4 / 5;
    Case {
        objective,
        classes: classes.into_iter().map(str::to_owned).collect(),
        train: (part(&x, 0..cut), y[..cut].to_vec()),
        valid: (part(&x, cut..rows), y[cut..].to_vec()),
    }
}

fn grow(
    case: &Case,
    settings: &GbtSettings,
    folder: &Path,
    control: &dyn JobControl,
) -> Result<GbtOutcome, Interrupt> {
    let ones = vec![1.0; case.train.1.len()];
    let features = ["a", "b", "c"].map(str::to_owned);
    let job = GbtJob {
        objective: case.objective,
        classes: &case.classes,
        features: &features,
        log: false,
        train: Labelled { x: &case.train.0, y: &case.train.1, weight: &ones },
        valid: Labelled { x: &case.valid.0, y: &case.valid.1, weight: &ones[..case.valid.1.len()] },
        settings,
        folder,
        source: "test",
        budget_secs: None,
    };
    fit(&job, control)
}

/// Stops at the n-th look, once.
struct StopAt(AtomicUsize);

impl JobControl for StopAt {
    fn emit(&self, _event: JobEvent) {}

    fn wish(&self) -> Wish {
        match self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(1) => Wish::Stop,
            _ => Wish::Continue,
        }
    }
}

/// Keeps the warnings.
#[derive(Default)]
struct Warnings(std::sync::Mutex<Vec<String>>);

impl JobControl for Warnings {
    fn emit(&self, event: JobEvent) {
        if let JobEvent::Warning { message } = event {
            self.0.lock().expect("no panic").push(message);
        }
    }

    fn wish(&self) -> Wish {
        Wish::Continue
    }
}

#[test]
fn every_objective_learns() {
    for objective in [Objective::Squared, Objective::Binary, Objective::OneVsRest] {
        let case = case(objective, 3000);
        let folder = tempfile::tempdir().expect("a folder");
        let grown = grow(&case, &settings(60), folder.path(), &Unwatched).expect("grown");
        let scores = grown.forest.score(&case.valid.0);
        let outputs = grown.forest.outputs();
        let right = case.valid.1.iter().zip(scores.chunks(outputs)).filter(|(y, scores)| match objective {
            Objective::Squared => (**y - scores[0]).abs() < 0.25,
            Objective::Binary => (scores[0] > 0.0) == (**y > 0.5),
            Objective::OneVsRest => {
                let sum: f64 = scores.iter().map(|score| score.exp()).sum();
                assert!((sum - 1.0).abs() < 1e-9, "probabilities sum to {sum}");
                scores.iter().all(|score| *score <= scores[**y as usize])
            }
        });
        let share = right.count() as f64 / case.valid.1.len() as f64;
        assert!(share > 0.85, "{objective:?}: {share}");
    }
}

#[test]
fn a_stopped_and_resumed_run_is_bit_for_bit_an_unbroken_one() {
    for objective in [Objective::Squared, Objective::OneVsRest] {
        let case = case(objective, 2000);
        let settings = settings(25);
        let [whole, broken] = [0; 2].map(|_| tempfile::tempdir().expect("a folder"));
        let unbroken = grow(&case, &settings, whole.path(), &Unwatched).expect("grown");
        for stop in [1, 8, 5] {
            let stopped = grow(&case, &settings, broken.path(), &StopAt(AtomicUsize::new(stop)));
            assert!(matches!(stopped, Err(Interrupt::Stopped)));
        }
        let resumed = grow(&case, &settings, broken.path(), &Unwatched).expect("grown");
        assert!(unbroken.forest.trees.len() > 3);
        assert_eq!(unbroken.forest, resumed.forest);
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over_with_a_warning() {
    let case = case(Objective::Binary, 1000);
    let settings = settings(30);
    let [whole, broken] = [0; 2].map(|_| tempfile::tempdir().expect("a folder"));
    let unbroken = grow(&case, &settings, whole.path(), &Unwatched).expect("grown");
    for stop in [5, 9, 6] {
        grow(&case, &settings, broken.path(), &StopAt(AtomicUsize::new(stop))).expect_err("stopped");
    }
    let mut files: Vec<_> =
        std::fs::read_dir(broken.path()).expect("readable").flatten().map(|f| f.path()).collect();
    files.sort();
    assert_eq!(files.len(), 2, "the last two are kept: {files:?}");
    let mut bytes = std::fs::read(&files[1]).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    crate::train::files::write_bytes(&files[1], &bytes).expect("writable");
    let warnings = Warnings::default();
    let resumed = grow(&case, &settings, broken.path(), &warnings).expect("grown");
    let warnings = warnings.0.into_inner().expect("no panic");
    assert!(warnings.len() == 1 && warnings[0].contains("damaged"), "{warnings:?}");
    assert_eq!(unbroken.forest, resumed.forest);
}

/// Also where no validation row tells, and the training loss is not due yet.
#[cfg(feature = "fault-injection")]
#[test]
fn one_gradient_that_is_not_finite_costs_the_same_as_a_loss_that_is_not() {
    use crate::{faults::planned, threads};

    for (objective, validated) in [(Objective::Squared, false), (Objective::Binary, true)] {
        let mut case = case(objective, 800);
        if !validated {
            case.valid = (TreeMatrix { rows: 0, cols: 3, values: vec![] }, vec![]);
        }
        let [by_loss, by_gradient] = ["nan-loss@step:7", "nan-gradient@step:7"].map(|fault| {
            let (folder, warnings) = (tempfile::tempdir().expect("a folder"), Warnings::default());
            // The plan is this thread's, and growing goes to a thread of the pool: to this one, here.
            let grown =
                threads::alone(|| planned(fault, || grow(&case, &settings(12), folder.path(), &warnings)));
            let said = warnings.0.into_inner().expect("no panic").join(" ");
            assert!(said.contains("not finite after 7 rounds"), "{fault}: {said}");
            assert!(said.contains("half the learning rate"), "{fault}: {said}");
            grown.expect("it goes on").forest
        });
        assert_eq!(by_gradient, by_loss, "{objective:?}");
        assert!(by_gradient.trees.iter().flat_map(|tree| &tree.value).all(|value| value.is_finite()));
        let folder = tempfile::tempdir().expect("a folder");
        let twice = "nan-gradient@step:7,nan-gradient@step:9";
        let failed =
            threads::alone(|| planned(twice, || grow(&case, &settings(12), folder.path(), &Unwatched)));
        let Err(Interrupt::Failed(failure)) = failed else { panic!("it must fail: {failed:?}") };
        assert_eq!(failure.class, orrery_domain::FailureClass::Model);
        assert!(failure.message.contains("9 rounds") && failure.kept.is_some(), "{failure:?}");
    }
}

#[test]
fn two_hundred_damaged_checkpoints_fall_back_to_the_one_before() {
    let (case, folder) = (case(Objective::OneVsRest, 400), tempfile::tempdir().expect("a folder"));
    let settings = GbtSettings { leaves: 4, ..settings(12) };
    for stop in [5, 9] {
        grow(&case, &settings, folder.path(), &StopAt(AtomicUsize::new(stop))).expect_err("stopped");
    }
    let (newest, _) = keep::read::<checkpoint::State>(folder.path(), checkpoint::PREFIX, |_| true);
    let fingerprint = newest.expect("one is kept").fingerprint;
    let latest = || checkpoint::read(folder.path(), &fingerprint);
    keep::damages::assert_passed_over(folder.path(), checkpoint::PREFIX, latest);
    // Another request's is no damage: it is passed over, and said to be another's.
    let (none, warnings) = checkpoint::read(folder.path(), "another request");
    assert!(none.is_none() && warnings.len() == 2, "{warnings:?}");
    assert!(warnings.iter().all(|warning| warning.contains("another request")), "{warnings:?}");
}

#[test]
fn growing_stops_early_and_keeps_the_best_rounds() {
    let mut case = case(Objective::Binary, 600);
    // Noise only: the first trees are the best.
    let flip = |y: &mut Vec<f64>| {
        y.iter_mut().enumerate().for_each(|(i, y)| *y = f64::from(u8::from((i * 31) % 7 < 3)));
    };
    flip(&mut case.train.1);
    flip(&mut case.valid.1);
    let settings = GbtSettings { patience: 2, ..settings(400) };
    let folder = tempfile::tempdir().expect("a folder");
    let grown = grow(&case, &settings, folder.path(), &Unwatched).expect("grown");
    assert!(grown.rounds < 100, "{}", grown.rounds);
    assert!(grown.forest.trees.len() <= grown.rounds - 2 * settings.chunk + settings.chunk);
}

#[test]
fn a_request_reaches_the_trees() {
    let case = case(Objective::Squared, 500);
    let most_leaves = |min_leaf_weight: Option<f64>| {
        let hyper = HyperParameters {
            trees: Some(10),
            leaves: Some(64),
            min_leaf_weight,
            row_share: Some(1.0),
            feature_share: Some(1.0),
            ..Default::default()
        };
        let settings = GbtSettings::resolve(&hyper, 500, true, 7);
        assert_eq!((settings.row_share, settings.feature_share), (1.0, 1.0));
        let folder = tempfile::tempdir().expect("a folder");
        let forest = grow(&case, &settings, folder.path(), &Unwatched).expect("grown").forest;
        let leaves = |tree: &Tree| tree.left.iter().filter(|left| **left == 0).count();
        forest.trees.iter().map(leaves).max().expect("trees")
    };
    // The second derivative of a squared error is the row's weight: 400 rows of weight 1 fill at most 4 leaves of 100.
    assert!(most_leaves(Some(100.0)) <= 4);
    assert!(most_leaves(None) > 4);
}

#[test]
fn weights_act_like_repeated_rows() {
    let mut case = case(Objective::Squared, 500);
    let settings = GbtSettings { row_share: 1.0, feature_share: 1.0, patience: 0, ..settings(5) };
    let [a, b] = [0; 2].map(|_| tempfile::tempdir().expect("a folder"));
    let features = ["a", "b", "c"].map(str::to_owned);
    let fit_with = |x: &TreeMatrix, y: &[f64], weight: &[f64], folder: &Path| {
        let none = TreeMatrix { rows: 0, cols: 3, values: vec![] };
        let job = GbtJob {
            objective: Objective::Squared,
            classes: &[],
            features: &features,
            log: false,
            train: Labelled { x, y, weight },
            valid: Labelled { x: &none, y: &[], weight: &[] },
            settings: &settings,
            folder,
            source: "test",
            budget_secs: None,
        };
        fit(&job, &Unwatched).expect("grown").forest
    };
    // Few distinct values, so that bins are the values themselves and not weighted quantiles.
    case.train.0.values.iter_mut().for_each(|v| *v = (*v * 50.0).round());
    let (x, y) = &case.train;
    let double: Vec<f64> = (0..y.len()).map(|i| if i % 3 == 0 { 2.0 } else { 1.0 }).collect();
    let rows: Vec<usize> = (0..y.len()).chain((0..y.len()).step_by(3)).collect();
    let repeated = TreeMatrix {
        rows: rows.len(),
        cols: 3,
        values: (0..3).flat_map(|c| rows.iter().map(move |r| x.values[c * x.rows + r])).collect(),
    };
    let repeated_y: Vec<f64> = rows.iter().map(|r| y[*r]).collect();
    let weighted = fit_with(x, y, &double, a.path());
    let doubled = fit_with(&repeated, &repeated_y, &vec![1.0; rows.len()], b.path());
    let difference = weighted
        .score(x)
        .into_iter()
        .zip(doubled.score(x))
        .fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn a_forest_is_read_back_and_a_broken_one_refused() {
    let case = case(Objective::OneVsRest, 800);
    let folder = tempfile::tempdir().expect("a folder");
    let forest = grow(&case, &settings(5), folder.path(), &Unwatched).expect("grown").forest;
    forest.save(folder.path()).expect("saved");
    let read = GbtScorer::load(folder.path()).expect("loaded");
    assert_eq!(read.forest, forest);
    let mut broken = forest.clone();
    broken.trees[0].left[0] = 0;
    broken.trees[0].value[0] = 0.0;
    broken.trees[1].right[0] = 999_999;
    broken.save(folder.path()).expect("saved");
    assert!(Forest::load(folder.path()).is_err());
}
