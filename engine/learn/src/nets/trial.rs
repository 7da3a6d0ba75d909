//! Trial: a fixed small training workload that a device is checked and measured with.

use std::time::Instant;

use burn::tensor::Device;
use orrery_domain::{
    Failure,
    training::{HyperParameters, ModelKind, Optimizer, Task},
};

use super::{
    Architecture, Encoded, FitSettings, Loss, OutputScale, Rows,
    backprop::{Parts, Work},
    batch::{Gatherer, Noise},
    bin_edges,
    graph::Dropout,
    initial_weights,
    optimizer::Slots,
};
use crate::faults;

/// Numeric inputs of the workload.
const INPUTS: usize = 64;
/// Rows a step.
const ROWS: usize = 256;
/// Steps measured at most.
const MOST_STEPS: u64 = 400;
/// Steps not measured: kernels are compiled and memory is taken in them.
const WARM_STEPS: u64 = 2;
/// Rows and width of the networks that are only checked.
const FEW_ROWS: usize = 48;
const NARROW: u32 = 40;

/// An MLP of 3 x 256 on 64 inputs, batches of 256, `AdamW`: the same on every device and in every version.
pub(crate) struct Trial {
    arch: Architecture,
    loss: Loss,
    x: Encoded,
    y: Vec<f32>,
}

/// How far a device's gradients are from the reference's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GradientError {
    /// Largest difference relative to the largest entry of its tensor; infinite where a gradient is missing or not finite.
    pub relative: f64,
    /// The tensor that shows it.
    pub tensor: String,
}

impl Trial {
    /// The workload that devices are measured with.
    pub fn new() -> Self {
        let x = noise(ROWS, INPUTS);
        let hyper = HyperParameters {
            width: Some(256),
            depth: Some(3),
            dropout: Some(0.0),
            ..HyperParameters::default()
        };
        let logits = OutputScale::Logits;
        let arch = Architecture::design(ModelKind::Mlp, &hyper, INPUTS, Vec::new(), 1, logits, Vec::new());
        Self { y: classes(&x, 2), arch, loss: Loss::Binary, x }
    }

    /// Small networks that together use every operation of every family: embedded numbers and categories, one output and
    /// several, layer normalization, members.
    fn families() -> Vec<Self> {
        [ModelKind::Mlp, ModelKind::Resnet, ModelKind::Tabm]
            .into_iter()
            .flat_map(|kind| [(kind, 1), (kind, 3)])
            .map(|(kind, outputs)| {
                let hyper = HyperParameters {
                    width: Some(NARROW),
                    depth: Some(2),
                    members: Some(3),
                    dropout: Some(0.0),
                    ..HyperParameters::default()
                };
                let mut x = noise(FEW_ROWS, 7);
                for (row, values) in x.values.chunks_exact_mut(7).enumerate() {
                    values[4] = f32::from(u8::from(row % 3 == 0));
                    (values[5], values[6]) = ((row % 5) as f32, (row % 11) as f32);
                }
                let logits = OutputScale::Logits;
                let arch =
                    Architecture::design(kind, &hyper, 5, vec![5, 11], outputs, logits, bin_edges(&x, 5));
                let loss = if outputs == 1 { Loss::Binary } else { Loss::Multiclass };
                Self { y: classes(&x, outputs.max(2)), arch, loss, x }
            })
            .collect()
    }

    fn slots(&self) -> Slots {
        Slots::new(&self.arch, initial_weights(&self.arch, 0), Optimizer::AdamW)
    }

    fn gradients(&self, slots: &Slots, device: &Device, parts: Parts) -> Result<Vec<Vec<f32>>, Failure> {
        let batch: Vec<u32> = (0..self.x.rows as u32).collect();
        let work = Work {
            arch: &self.arch,
            slots,
            loss: self.loss,
            rows: Rows { x: &self.x, y: &self.y, weight: None },
            teacher: None,
            rounding: None,
            gatherer: &Gatherer::new(&self.arch),
            weight_scale: 1.0,
            dropout: Dropout::default(),
            augment: None,
            device,
        };
        Ok(work.slopes(&batch, parts)?.1)
    }

    /// The largest difference between a device's gradients and the reference device's, over the measured workload and a
    /// small network of every family.
    pub fn gradient_error(device: &Device, reference: &Device) -> Result<GradientError, Failure> {
        let mut worst = GradientError { relative: 0.0, tensor: String::new() };
        for trial in Self::families().into_iter().chain([Self::new()]) {
            let (slots, whole) = (trial.slots(), Parts::InTurn(trial.x.rows));
            let mut ours = trial.gradients(&slots, device, whole)?;
            faults::spoil(&mut ours);
            let theirs = trial.gradients(&slots, reference, whole)?;
            for (slot, name) in slots.iter().map(|(name, ..)| name).enumerate() {
                let relative = match (ours.get(slot), theirs.get(slot)) {
                    (Some(ours), Some(theirs)) => difference(ours, theirs),
                    _ => f64::INFINITY,
                };
                if relative.is_nan() || relative > worst.relative {
                    let tensor = format!(
                        "{name} of the {} with {} outputs",
                        trial.arch.family.kind().title(),
                        trial.arch.outputs
                    );
                    worst = GradientError { relative, tensor };
                }
            }
        }
        Ok(worst)
    }

    /// Training rows a second over about `secs` seconds after a warm-up; at least two steps are measured.
    pub fn rows_per_sec(&self, device: &Device, secs: f64) -> Result<f64, Failure> {
        let parts = if *device == crate::device::cpu() { Parts::SideBySide } else { Parts::InTurn(ROWS) };
        let mut settings =
            FitSettings::resolve(ModelKind::Mlp, &HyperParameters::default(), ROWS, Task::Binary);
        settings.clip_norm = 1.0;
        let mut slots = self.slots();
        let mut start = Instant::now();
        for step in 0..WARM_STEPS + MOST_STEPS {
            if step == WARM_STEPS {
                start = Instant::now();
            }
            let gradients = self.gradients(&slots, device, parts)?;
            let slices: Vec<&[f32]> = gradients.iter().map(Vec::as_slice).collect();
            slots.step(&slices, &settings, step, settings.learning_rate);
            let measured = (step + 1).saturating_sub(WARM_STEPS);
            if measured >= 2 && start.elapsed().as_secs_f64() > secs {
                return Ok(measured as f64 * ROWS as f64 / start.elapsed().as_secs_f64());
            }
        }
        Ok(MOST_STEPS as f64 * ROWS as f64 / start.elapsed().as_secs_f64())
    }
}

/// Uniform noise in -1 to 1. `[rows, cols]`
fn noise(rows: usize, cols: usize) -> Encoded {
    let mut noise = Noise::new(0, Noise::ORDER, 0);
    let values = (0..rows * cols).map(|_| (noise.uniform() * 2.0 - 1.0) as f32).collect();
    Encoded { rows, cols, values }
}

/// A class for each row that follows from its first two inputs.
fn classes(x: &Encoded, count: usize) -> Vec<f32> {
    let class = |row: &[f32]| (f32::midpoint(row[0] * row[1], 1.0) * count as f32) as usize;
    (0..x.rows).map(|row| class(x.row(row)).min(count - 1) as f32).collect()
}

/// Largest difference of an entry, relative to the reference's largest.
fn difference(ours: &[f32], theirs: &[f32]) -> f64 {
    if ours.len() != theirs.len() {
        return f64::INFINITY;
    }
    let scale = theirs.iter().fold(f32::MIN_POSITIVE, |top, value| top.max(value.abs()));
    let errors = ours.iter().zip(theirs).map(|(a, b)| f64::from((a - b).abs() / scale));
    errors.fold(0.0, |top: f64, error| if error <= top { top } else { error })
}
