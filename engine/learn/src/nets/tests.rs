//! Whole-network tests: gradients, resuming, pausing, ensembles and files.

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use orrery_domain::{
    FailureClass,
    device::DeviceChoice,
    job::JobEvent,
    run::RunState,
    training::{HyperParameters, ModelKind, Optimizer, Task},
};
use prost::Message;

use super::{
    backprop::{Parts, Work},
    batch::{Gatherer, Noise},
    graph::Dropout,
    optimizer::Slots,
    *,
};
use crate::control::{Interrupt, JobControl, Unwatched, Wish};

/// Puts bytes into a file, whatever was in it.
pub(super) fn put(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::File::create(path).expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("written");
}

const FAMILIES: [Family; 4] = [Family::Linear, Family::Mlp, Family::Resnet, Family::Tabm];

/// A small architecture with every kind of input: 3 numbers, 2 categories.
pub(super) fn small(family: Family, outputs: usize) -> Architecture {
    let tabm = family == Family::Tabm;
    Architecture {
        family,
        numeric: 3,
        category_sizes: vec![4, 3],
        embedding: 2,
        outputs,
        width: 8,
        depth: if family == Family::Linear { 0 } else { 2 },
        hidden: Vec::new(),
        dropout: 0.2,
        members: if tabm { 4 } else { 1 },
        ple_edges: if tabm {
            vec![vec![-1.0, 0.0, 1.0], Vec::new(), vec![-1.0, -0.5, 0.0, 0.5]]
        } else {
            Vec::new()
        },
        ple_width: if tabm { 3 } else { 0 },
        output: OutputScale::Logits,
        image: None,
    }
}

/// Rows of [`small`]'s inputs and a class that depends on a number and on a category.
pub(super) fn rows(count: usize, seed: u64) -> (Encoded, Vec<f32>) {
    let mut noise = Noise::new(seed, 99, 0);
    let mut values = Vec::new();
    let mut truth = Vec::new();
    for _ in 0..count {
        let numbers = [0, 1, 2].map(|_| (noise.uniform() * 4.0 - 2.0) as f32);
        let codes = [(noise.uniform() * 4.0).floor() as f32, (noise.uniform() * 3.0).floor() as f32];
        truth.push(f32::from(u8::from((numbers[0] > 0.0) ^ (codes[0] >= 2.0))));
        values.extend(numbers.into_iter().chain(codes));
    }
    (Encoded { rows: count, cols: 5, values }, truth)
}

pub(super) fn settings(epochs: u32) -> FitSettings {
    let hyper = HyperParameters {
        epochs: Some(epochs),
        batch_size: Some(32),
        learning_rate: Some(0.01),
        patience: Some(0),
        ..Default::default()
    };
    FitSettings { seed: 5, ..FitSettings::resolve(ModelKind::Mlp, &hyper, 200, Task::Binary) }
}

/// Wishes by the number of times it was asked, and remembers what was said.
pub(super) struct Script {
    asked: AtomicU64,
    wish: fn(u64) -> Wish,
    said: Mutex<Vec<JobEvent>>,
}

impl Script {
    pub(super) fn new(wish: fn(u64) -> Wish) -> Self {
        Self { asked: AtomicU64::new(0), wish, said: Mutex::new(Vec::new()) }
    }

    pub(super) fn said(&self) -> Vec<JobEvent> {
        self.said.lock().expect("no panic while speaking").clone()
    }
}

impl JobControl for Script {
    fn emit(&self, event: JobEvent) {
        self.said.lock().expect("no panic while speaking").push(event);
    }

    fn wish(&self) -> Wish {
        (self.wish)(self.asked.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

pub(super) fn run(
    arch: &Architecture,
    settings: &FitSettings,
    dir: &Path,
    control: &dyn JobControl,
) -> Result<FitOutcome, Interrupt> {
    let ((x, y), (vx, vy)) = (rows(200, 1), rows(100, 2));
    let train = Rows { x: &x, y: &y, weight: None };
    let valid = Rows { x: &vx, y: &vy, weight: None };
    fitted(arch, train, valid, settings, DeviceChoice::Cpu.into(), dir, control)
}

/// Fits two classes from the architecture's first weights.
pub(super) fn fitted(
    arch: &Architecture,
    train: Rows<'_>,
    valid: Rows<'_>,
    settings: &FitSettings,
    means: Means,
    checkpoints: &Path,
    control: &dyn JobControl,
) -> Result<FitOutcome, Interrupt> {
    let loss = Loss::Binary;
    Fit { arch, start: None, loss, train, valid, teacher: None, rounding: None, settings, means, checkpoints }
        .run(control)
}

pub(super) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn every_family_learns_what_depends_on_a_number_and_a_category() {
    for family in [Family::Mlp, Family::Resnet, Family::Tabm] {
        let dir = folder();
        let arch = Architecture { dropout: 0.0, width: 16, ..small(family, 1) };
        let outcome = run(&arch, &settings(60), dir.path(), &Unwatched).expect("it trains");
        assert!(outcome.best_valid_loss < 0.35, "{family:?}: {}", outcome.best_valid_loss);
        assert_eq!(outcome.parameters, parameter_count(&arch));
        assert_eq!(outcome.steps, 60 * 6, "200 rows give 6 full batches of 32");
    }
}

/// Gradients against central differences of the loss, one entry of each tensor.
#[test]
fn gradients_of_every_family_are_slopes_of_the_loss() {
    let device = crate::device::cpu();
    let (x, _) = rows(16, 4);
    let batch: Vec<u32> = (0..16).collect();
    let truth: Vec<f32> = (0..16).map(|row| (row % 3) as f32).collect();
    let weight: Vec<f32> = (0..16).map(|row| 0.5 + row as f32 / 16.0).collect();
    for family in FAMILIES {
        let arch = Architecture { dropout: 0.0, output: OutputScale::Logits, ..small(family, 3) };
        let mut slots = Slots::new(&arch, initial_weights(&arch, 3), Optimizer::AdamW);
        let loss = |slots: &Slots| {
            let work = Work {
                arch: &arch,
                slots,
                loss: Loss::Multiclass,
                rows: Rows { x: &x, y: &truth, weight: Some(&weight) },
                teacher: None,
                rounding: None,
                gatherer: &Gatherer::new(&arch),
                weight_scale: 1.0,
                dropout: Dropout::default(),
                augment: None,
                device: &device,
            };
            work.slopes(&batch, Parts::InTurn(5)).expect("the CPU computes")
        };
        let (_, found) = loss(&slots);
        for (index, gradient) in found.iter().enumerate() {
            let entry = slots.0[index].value.len() / 2;
            let before = slots.0[index].value[entry];
            let mut at = |shift: f32| {
                slots.0[index].value[entry] = before + shift;
                loss(&slots).0
            };
            let measured = (at(4e-3) - at(-4e-3)) / 8e-3;
            slots.0[index].value[entry] = before;
            let slope = f64::from(gradient[entry]);
            assert!(
                (measured - slope).abs() < 2e-3 + 0.02 * slope.abs(),
                "{family:?} {}: {measured} {slope}",
                slots.0[index].name
            );
        }
    }
}

#[test]
fn a_stopped_fit_resumes_to_the_same_bits() {
    for family in [Family::Mlp, Family::Tabm] {
        let (whole, parts) = (folder(), folder());
        let arch = small(family, 1);
        let settings = settings(4);
        let unbroken = run(&arch, &settings, whole.path(), &Unwatched).expect("it trains");
        let stop = Script::new(|asked| if asked == 9 { Wish::Stop } else { Wish::Continue });
        assert_eq!(run(&arch, &settings, parts.path(), &stop), Err(Interrupt::Stopped));
        assert!(stop.said().contains(&JobEvent::Checkpoint { step: 9 }));
        let resumed = run(&arch, &settings, parts.path(), &Unwatched).expect("it resumes");
        assert_eq!(unbroken.weights, resumed.weights, "{family:?}");
        assert_eq!(unbroken.best_valid_loss.to_bits(), resumed.best_valid_loss.to_bits());
        // Called once more, a finished fit has nothing left to do.
        let again = run(&arch, &settings, parts.path(), &Script::new(|_| Wish::Cancel)).expect("done");
        assert_eq!(again.weights, unbroken.weights);
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over_with_a_warning() {
    let (whole, parts) = (folder(), folder());
    let (arch, settings) = (small(Family::Mlp, 1), settings(4));
    let unbroken = run(&arch, &settings, whole.path(), &Unwatched).expect("it trains");
    for at in [5, 12] {
        let stop: fn(u64) -> Wish = if at == 5 {
            |asked| if asked == 5 { Wish::Stop } else { Wish::Continue }
        } else {
            |asked| if asked == 7 { Wish::Cancel } else { Wish::Continue }
        };
        assert!(run(&arch, &settings, parts.path(), &Script::new(stop)).is_err(), "stopped at {at}");
    }
    let mut files: Vec<_> = std::fs::read_dir(parts.path())
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 2, "two checkpoints are kept");
    let mut bytes = std::fs::read(&files[1]).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    put(&files[1], &bytes);
    let listener = Script::new(|_| Wish::Continue);
    let resumed = run(&arch, &settings, parts.path(), &listener).expect("it resumes");
    assert!(listener.said().iter().any(|event| matches!(event, JobEvent::Warning { .. })));
    assert_eq!(resumed.weights, unbroken.weights);
    // Other settings are another fit: its checkpoints are not used.
    let other = FitSettings { seed: 6, ..settings };
    assert_eq!(run(&arch, &other, parts.path(), &Unwatched).expect("it trains").steps, unbroken.steps);
}

#[test]
fn a_pause_is_said_and_waited_out() {
    let dir = folder();
    let control = Script::new(|asked| if (3..6).contains(&asked) { Wish::Pause } else { Wish::Continue });
    run(&small(Family::Mlp, 1), &settings(1), dir.path(), &control).expect("it goes on");
    let states: Vec<RunState> = control
        .said()
        .into_iter()
        .filter_map(|event| if let JobEvent::State { state, .. } = event { Some(state) } else { None })
        .collect();
    assert_eq!(states, [RunState::Paused, RunState::Running]);
}

#[test]
fn early_stopping_keeps_the_best_weights() {
    let dir = folder();
    let settings = FitSettings { patience: 2, learning_rate: 0.3, ..settings(40) };
    let arch = small(Family::Mlp, 1);
    let outcome = run(&arch, &settings, dir.path(), &Unwatched).expect("it trains");
    assert!(outcome.stopped_early && outcome.epochs < 40.0);
    let (x, y) = rows(100, 2);
    let scores = Scorer::new(&arch, &outcome.weights).expect("they fit").score(&x).expect("they score");
    let floats: Vec<f32> = scores.iter().map(|&score| score as f32).collect();
    let (loss, _) = Loss::Binary.mean(&floats, 1, &y, None, None);
    assert!((loss - outcome.best_valid_loss).abs() < 1e-6);
}

#[test]
fn a_loss_that_is_not_finite_fails_with_its_step() {
    let dir = folder();
    let settings = FitSettings { learning_rate: 1e30, warmup: 0.0, clip_norm: 0.0, ..settings(3) };
    let Err(Interrupt::Failed(failure)) = run(&small(Family::Mlp, 1), &settings, dir.path(), &Unwatched)
    else {
        panic!("it must fail")
    };
    assert_eq!(failure.class, FailureClass::Model);
    assert!(failure.message.contains("at step") && failure.message.contains("learning rate"));
}

/// What is reported is the logarithm of odds of the members' mean probability, of their mean softmax, or their mean.
#[test]
fn an_ensemble_averages_probabilities() {
    let arch = Architecture { members: 2, ..small(Family::Tabm, 1) };
    let odds = score::combine(&arch, &[0.0, 800.0, 2.0, 700.0]);
    let mean = f64::midpoint(0.5, loss::sigmoid(2.0));
    assert!((loss::sigmoid(odds[0]) - mean).abs() < 1e-12);
    assert!(odds[1].is_finite() && odds[1] > 600.0, "{}", odds[1]);
    let arch = Architecture { members: 2, ..small(Family::Tabm, 3) };
    let logs = score::combine(&arch, &[0.0, 0.0, 0.0, 9.0, 0.0, -9.0]);
    assert!((logs.iter().map(|log| log.exp()).sum::<f64>() - 1.0).abs() < 1e-12);
    let arch = Architecture {
        members: 2,
        output: OutputScale::Value { mean: 0.0, std: 1.0, log: false },
        ..small(Family::Tabm, 1)
    };
    assert_eq!(score::combine(&arch, &[1.0, 2.0, 3.0, 6.0]), [2.0, 4.0]);
}

#[test]
fn saved_networks_load_and_score_the_same_and_damage_is_a_failure() {
    for (family, outputs) in FAMILIES.into_iter().zip([1, 3, 1, 3]) {
        let dir = folder();
        let arch = small(family, outputs);
        let weights = initial_weights(&arch, 8);
        save(dir.path(), &arch, &weights).expect("it is written");
        let (x, _) = rows(700, 3);
        let ours = Scorer::new(&arch, &weights).expect("they fit").score(&x).expect("they score");
        let theirs =
            Scorer::load(dir.path(), DeviceChoice::Cpu).expect("it loads").score(&x).expect("they score");
        assert_eq!((ours.len(), &ours), (700 * outputs, &theirs));
        assert!(Scorer::load(&dir.path().join("nowhere"), DeviceChoice::Cpu).is_err());
        put(&dir.path().join("weights.safetensors"), b"{}");
        assert_eq!(
            Scorer::load(dir.path(), DeviceChoice::Cpu).expect_err("damaged").class,
            FailureClass::Model
        );
        let mut fewer = weights.clone();
        fewer.remove("head.bias");
        assert_eq!(Scorer::new(&arch, &fewer).expect_err("incomplete").class, FailureClass::Model);
    }
}

/// Every value a node reads is a constant, the input, or an earlier node's output; names and shapes are the contract's.
#[test]
fn onnx_graphs_decode_and_are_in_order() {
    for (family, outputs) in FAMILIES.into_iter().zip([1, 3, 1, 3]) {
        let mut arch = small(family, outputs);
        if family == Family::Resnet {
            arch.output = OutputScale::Value { mean: 10.0, std: 2.0, log: true };
        }
        let bytes = onnx::export(&arch, &initial_weights(&arch, 1));
        let model = onnx::proto::ModelProto::decode(bytes.as_slice()).expect("it decodes");
        let graph = model.graph.expect("a graph");
        let mut known: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        known.push("x");
        for node in &graph.node {
            assert!(node.input.iter().all(|name| known.contains(&name.as_str())), "{family:?} {node:?}");
            known.extend(node.output.iter().map(String::as_str));
        }
        assert_eq!((graph.input[0].name.as_str(), graph.output.len()), ("x", 1));
        assert_eq!(graph.output[0].name, if family == Family::Resnet { "value" } else { "logits" });
        for tensor in &graph.initializer {
            let size: i64 = tensor.dims.iter().product();
            let bytes = if tensor.data_type == Some(onnx::proto::FLOAT) { 4 } else { 8 };
            assert_eq!(tensor.raw_data.len() as i64, size * bytes, "{}", tensor.name);
        }
    }
}
