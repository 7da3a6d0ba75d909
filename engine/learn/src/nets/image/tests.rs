//! Image networks against a slow oracle in doubles, written as loops over their definition, and against ONNX.

use orrery_domain::{
    device::DeviceChoice,
    image::{Augmentation, ImageShape},
    training::{HyperParameters, ModelKind, Optimizer, Task},
};

use super::{
    super::{
        Architecture, Augment, Encoded, Fit, FitSettings, Imitation, Loss, OutputScale, Rows, Scorer,
        Teacher, Weights,
        backprop::{Parts, Work},
        batch::{Gatherer, Noise},
        graph::Dropout,
        initial_weights,
        optimizer::Slots,
        tests::{Script, fitted, folder},
    },
    steps::{Conv, Ending, Plan, Step},
};
use crate::control::{Interrupt, Unwatched, Wish};

const SHAPES: [(u32, u32, u32); 3] = [(8, 8, 1), (7, 5, 3), (17, 16, 1)];

pub(super) fn network(
    kind: ModelKind,
    (width, height, channels): (u32, u32, u32),
    outputs: usize,
) -> Architecture {
    let hyper = HyperParameters { width: Some(4), depth: Some(3), dropout: Some(0.0), ..Default::default() };
    let shape = ImageShape { width, height, channels };
    Architecture::design(kind, &hyper, shape.values(), Vec::new(), outputs, OutputScale::Logits, Vec::new())
        .over(shape)
}

pub(super) fn networks(outputs: usize) -> impl Iterator<Item = Architecture> {
    let kinds = [ModelKind::Cnn, ModelKind::ResnetCnn];
    kinds.into_iter().flat_map(move |kind| SHAPES.map(|shape| network(kind, shape, outputs)))
}

pub(super) fn pictures(arch: &Architecture, rows: usize, seed: u64) -> Encoded {
    let mut noise = Noise::new(seed, 99, 1);
    let values = (0..rows * arch.numeric).map(|_| (noise.uniform() * 4.0 - 2.0) as f32).collect();
    Encoded { rows, cols: arch.numeric, values }
}

/// Weights with no exact symmetries: norms begin at 1 and 0, biases at 0.
pub(super) fn weights(arch: &Architecture, seed: u64) -> Weights {
    let mut noise = Noise::new(seed, 98, 2);
    let mut weights = initial_weights(arch, seed);
    for (_, values) in weights.values_mut() {
        for value in values.iter_mut() {
            *value += (noise.uniform() * 0.2 - 0.1) as f32;
        }
    }
    weights
}

/// A picture in doubles: channels, height, width, values.
#[derive(Clone)]
struct Picture(usize, usize, usize, Vec<f64>);

impl Picture {
    fn at(&self, channel: usize, y: isize, x: isize) -> f64 {
        let inside = (0..self.1 as isize).contains(&y) && (0..self.2 as isize).contains(&x);
        if inside { self.3[(channel * self.1 + y as usize) * self.2 + x as usize] } else { 0.0 }
    }

    fn made(
        channels: usize,
        height: usize,
        width: usize,
        value: impl Fn(usize, isize, isize) -> f64,
    ) -> Self {
        let mut values = Vec::new();
        for channel in 0..channels {
            for y in 0..height as isize {
                values.extend((0..width as isize).map(|x| value(channel, y, x)));
            }
        }
        Self(channels, height, width, values)
    }
}

fn convolved(weights: &Doubles, conv: &Conv, from: &Picture) -> Picture {
    let (weight, bias) =
        (&weights[&format!("{}.weight", conv.name)], &weights[&format!("{}.bias", conv.name)]);
    let (size, reach) = (conv.kernel, (conv.kernel / 2) as isize);
    Picture::made(conv.outputs, from.1, from.2, |out, y, x| {
        let mut sum = bias[out];
        for input in 0..conv.inputs {
            for (dy, dx) in (0..size).flat_map(|dy| (0..size).map(move |dx| (dy, dx))) {
                let factor = weight[((out * conv.inputs + input) * size + dy) * size + dx];
                sum += factor * from.at(input, y + dy as isize - reach, x + dx as isize - reach);
            }
        }
        sum
    })
}

pub(super) type Doubles = std::collections::BTreeMap<String, Vec<f64>>;

pub(super) fn doubles(weights: &Weights) -> Doubles {
    let wide = |values: &Vec<f32>| values.iter().map(|value| f64::from(*value)).collect();
    weights.iter().map(|(name, (_, values))| (name.clone(), wide(values))).collect()
}

/// Raw outputs of one picture.
fn oracle(arch: &Architecture, weights: &Doubles, row: &[f32]) -> Vec<f64> {
    let plan = Plan::of(arch).expect("it is an image network");
    let shape = plan.shape;
    let values = row.iter().map(|value| f64::from(*value)).collect();
    let mut now = Picture(shape.channels as usize, shape.height as usize, shape.width as usize, values);
    let mut kept = now.clone();
    for step in &plan.steps {
        now = match step {
            Step::Conv(conv) => convolved(weights, conv, &now),
            Step::Relu => Picture::made(now.0, now.1, now.2, |c, y, x| now.at(c, y, x).max(0.0)),
            Step::Pool => Picture::made(now.0, now.1 / 2, now.2 / 2, |c, y, x| {
                let four = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(dy, dx)| now.at(c, 2 * y + dy, 2 * x + dx));
                four.into_iter().fold(f64::NEG_INFINITY, f64::max)
            }),
            Step::Norm { name, channels, groups } => {
                let size = channels / groups;
                let of_group = |group: usize| {
                    let plane = now.1 * now.2;
                    let values = &now.3[group * size * plane..(group + 1) * size * plane];
                    let mean = values.iter().sum::<f64>() / values.len() as f64;
                    let variance =
                        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
                    (mean, (variance + 1e-5).sqrt())
                };
                let (gamma, beta) = (&weights[&format!("{name}.gamma")], &weights[&format!("{name}.beta")]);
                Picture::made(now.0, now.1, now.2, |c, y, x| {
                    let (mean, deviation) = of_group(c / size);
                    (now.at(c, y, x) - mean) / deviation * gamma[c] + beta[c]
                })
            }
            Step::Keep => {
                kept = now.clone();
                now
            }
            Step::Add(shortcut) => {
                let other =
                    shortcut.as_ref().map_or_else(|| kept.clone(), |conv| convolved(weights, conv, &kept));
                Picture::made(now.0, now.1, now.2, |c, y, x| now.at(c, y, x) + other.at(c, y, x))
            }
        };
    }
    let plane = now.1 * now.2;
    let mut x: Vec<f64> = match plan.ending {
        Ending::Flatten => now.3,
        Ending::Mean => now.3.chunks(plane).map(|values| values.iter().sum::<f64>() / plane as f64).collect(),
    };
    for (at, layer) in plan.layers.iter().enumerate() {
        if at > 0 {
            for value in &mut x {
                *value = value.max(0.0);
            }
        }
        let weight = &weights[&format!("{}.weight", layer.name)];
        let mut out = weights[&format!("{}.bias", layer.name)].clone();
        for (input, value) in x.iter().enumerate() {
            out.iter_mut()
                .enumerate()
                .for_each(|(at, sum)| *sum += value * weight[input * layer.outputs + at]);
        }
        x = out;
    }
    x
}

/// Mean cross entropy of some classes.
pub(super) fn oracle_loss(arch: &Architecture, weights: &Doubles, x: &Encoded, truth: &[f32]) -> f64 {
    let row = |row: usize| {
        let out = oracle(arch, weights, x.row(row));
        let norm = out.iter().map(|value| value.exp()).sum::<f64>().ln();
        norm - out[truth[row] as usize]
    };
    (0..x.rows).map(row).sum::<f64>() / x.rows as f64
}

#[test]
fn outputs_are_those_of_the_definition() {
    for arch in networks(3) {
        let weights = weights(&arch, 4);
        let x = pictures(&arch, 5, 7);
        let found = Scorer::new(&arch, &weights).expect("they fit").score(&x).expect("they score");
        let wide = doubles(&weights);
        let expected: Vec<f64> = (0..x.rows).flat_map(|row| oracle(&arch, &wide, x.row(row))).collect();
        let largest = expected.iter().fold(1.0_f64, |top, value| top.max(value.abs()));
        assert!(expected.iter().any(|value| (value - expected[0]).abs() > 1e-3), "it says something");
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 2e-5 * largest, "{:?} {found} {expected}", arch.image);
        }
    }
}

#[test]
fn gradients_are_slopes_of_the_oracles_loss() {
    let device = crate::device::cpu();
    for arch in networks(3) {
        let weights = weights(&arch, 9);
        let x = pictures(&arch, 6, 3);
        let truth: Vec<f32> = (0..6_u8).map(|row| f32::from(row % 3)).collect();
        let slots = Slots::new(&arch, weights.clone(), Optimizer::AdamW);
        let work = Work {
            arch: &arch,
            slots: &slots,
            loss: Loss::Multiclass,
            rows: Rows { x: &x, y: &truth, weight: None },
            teacher: None,
            rounding: None,
            gatherer: &Gatherer::new(&arch),
            weight_scale: 1.0,
            dropout: Dropout::default(),
            augment: None,
            device: &device,
        };
        let (loss, found) = work.slopes(&[0, 1, 2, 3, 4, 5], Parts::InTurn(4)).expect("it computes");
        let mut wide = doubles(&weights);
        assert!((loss - oracle_loss(&arch, &wide, &x, &truth)).abs() < 1e-5);
        for (slot, gradient) in slots.0.iter().zip(&found) {
            let largest = gradient.iter().fold(1e-3_f32, |top, value| top.max(value.abs()));
            for entry in [0, gradient.len() / 3, gradient.len() - 1] {
                let mut at = |shift: f64| {
                    let before = wide[&slot.name][entry];
                    wide.get_mut(&slot.name).expect("it is there")[entry] = before + shift;
                    let loss = oracle_loss(&arch, &wide, &x, &truth);
                    wide.get_mut(&slot.name).expect("it is there")[entry] = before;
                    loss
                };
                let measured = (at(1e-6) - at(-1e-6)) / 2e-6;
                let error = (measured - f64::from(gradient[entry])).abs();
                assert!(
                    error < 1e-3 * f64::from(largest),
                    "{:?} {:?} {}: {measured} {}",
                    arch.family,
                    arch.image,
                    slot.name,
                    gradient[entry]
                );
            }
        }
    }
}

#[test]
fn exports_answer_as_the_networks_do_whatever_the_batch() {
    use crate::onnx::{Elements, OnnxModel, OnnxTensor};
    let folder = folder();
    for arch in networks(3) {
        let weights = weights(&arch, 2);
        let path = folder.path().join("model.onnx");
        super::super::tests::put(&path, &super::super::onnx::export(&arch, &weights));
        let model = OnnxModel::load(&path).expect("it is served");
        let scorer = Scorer::new(&arch, &weights).expect("they fit");
        for rows in [1, 3, 20] {
            let x = pictures(&arch, rows, rows as u64);
            let expected = scorer.score(&x).expect("they score");
            let given = OnnxTensor { shape: vec![rows, x.cols], elements: Elements::Floats(x.values) };
            let found = model.run(&[given]).expect("an answer");
            assert_eq!(found[0].shape, [rows, 3]);
            let Elements::Floats(found) = &found[0].elements else { panic!("{found:?}") };
            for (found, expected) in found.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-4, "{:?}: {found} {expected}", arch.family);
            }
        }
    }
}

/// Two classes of pictures: a line that falls, or one that rises.
pub(super) fn lines(count: usize, seed: u64) -> (Encoded, Vec<f32>) {
    let mut noise = Noise::new(seed, 97, 0);
    let (mut values, mut truth) = (Vec::new(), Vec::new());
    for row in 0..count {
        let rises = row % 2 == 1;
        let shift = noise.below(3) as i32 - 1;
        for (y, x) in (0..8).flat_map(|y| (0..8).map(move |x| (y, x))) {
            let line = if rises { 7 - y } else { y };
            let on = (line + shift - x).abs() == 0;
            values.push(f32::from(u8::from(on)) + (noise.uniform() * 0.2) as f32);
        }
        truth.push(f32::from(u8::from(rises)));
    }
    (Encoded { rows: count, cols: 64, values }, truth)
}

fn settings(kind: ModelKind, epochs: u32) -> FitSettings {
    let hyper = HyperParameters {
        epochs: Some(epochs),
        batch_size: Some(40),
        learning_rate: Some(0.01),
        ..Default::default()
    };
    let shape = ImageShape { width: 8, height: 8, channels: 1 };
    let augment = Augment {
        shape,
        amounts: Augmentation { erase: Some(0.2), ..Augmentation::default() }.amounts(),
        fill: 0.0,
    };
    let settings = FitSettings::resolve(kind, &hyper, 200, Task::Binary);
    FitSettings { seed: 3, augment: Some(augment), ..settings }
}

#[test]
fn a_stopped_fit_with_varied_pictures_resumes_to_the_same_bits_and_learns() {
    let ((x, y), (valid_x, valid_y)) = (lines(200, 1), lines(100, 2));
    let train = Rows { x: &x, y: &y, weight: None };
    let valid = Rows { x: &valid_x, y: &valid_y, weight: None };
    for kind in [ModelKind::Cnn, ModelKind::ResnetCnn] {
        let arch = Architecture { dropout: 0.2, ..network(kind, (8, 8, 1), 1) };
        let settings = settings(kind, 12);
        let fit = |folder: &std::path::Path, control: &dyn crate::control::JobControl| {
            fitted(&arch, train, valid, &settings, DeviceChoice::Cpu.into(), folder, control)
        };
        let (whole, parts) = (folder(), folder());
        let unbroken = fit(whole.path(), &Unwatched).expect("it trains");
        let stop = Script::new(|asked| if asked == 8 { Wish::Stop } else { Wish::Continue });
        assert_eq!(fit(parts.path(), &stop), Err(Interrupt::Stopped));
        let resumed = fit(parts.path(), &Unwatched).expect("it resumes");
        assert_eq!(unbroken.weights, resumed.weights, "{kind:?}");
        assert!(unbroken.best_valid_loss < 0.3, "{kind:?}: {}", unbroken.best_valid_loss);
        let plain = FitSettings { augment: None, ..settings };
        let other = folder();
        let without = fitted(&arch, train, valid, &plain, DeviceChoice::Cpu.into(), other.path(), &Unwatched);
        assert_ne!(without.expect("it trains").weights, unbroken.weights, "pictures are varied");
    }
}

/// All training pictures are said to be of one class: what the classes look like is known from the teacher alone.
#[test]
fn a_small_network_learns_pictures_from_its_teacher() {
    let ((x, y), (valid_x, valid_y)) = (lines(200, 1), lines(100, 2));
    let outputs: Vec<f32> = y.iter().map(|class| 6.0 * class - 3.0).collect();
    let nothing = vec![0.0; y.len()];
    let settings = FitSettings { augment: None, ..settings(ModelKind::Cnn, 15) };
    let valid_loss = |share: f64| {
        let arch = Architecture { depth: 2, ..network(ModelKind::Cnn, (8, 8, 1), 1) };
        let imitation = Imitation::Soft { temperature: 2.0 };
        let teacher = Teacher { outputs: &outputs, features: 0, features_weight: 0.0, share, imitation };
        let checkpoints = folder();
        let fit = Fit {
            arch: &arch,
            start: None,
            loss: Loss::Binary,
            train: Rows { x: &x, y: &nothing, weight: None },
            valid: Rows { x: &valid_x, y: &valid_y, weight: None },
            teacher: Some(teacher),
            rounding: None,
            settings: &settings,
            means: DeviceChoice::Cpu.into(),
            checkpoints: checkpoints.path(),
        };
        fit.run(&Unwatched).expect("it trains").best_valid_loss
    };
    let (taught, alone) = (valid_loss(1.0), valid_loss(0.0));
    assert!(taught < 0.4 && alone > 0.5, "{taught} {alone}");
}
