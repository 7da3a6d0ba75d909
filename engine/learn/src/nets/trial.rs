//! Trial: a fixed small training workload that a device is checked and measured with.

use std::time::Instant;

use burn::tensor::Device;
use orrery_domain::{
    Failure,
    training::{HyperParameters, ModelKind, Optimizer, Task},
};

use super::{
    Architecture, Encoded, FitSettings, Loss, OutputScale,
    backprop::{Example, gradients},
    batch::{Gatherer, Noise},
    graph::Dropout,
    initial_weights,
    optimizer::Slots,
};

/// Numeric inputs of the workload.
const INPUTS: usize = 64;
/// Rows a step.
const ROWS: usize = 256;
/// Steps measured at most.
const MOST_STEPS: u64 = 400;
/// Steps not measured: kernels are compiled and memory is taken in them.
const WARM_STEPS: u64 = 2;

/// An MLP of 3 x 256 on 64 inputs, batches of 256, `AdamW`: the same on every device and in every version.
pub(crate) struct Trial {
    arch: Architecture,
    x: Encoded,
    y: Vec<f32>,
}

impl Trial {
    /// The workload.
    pub fn new() -> Self {
        let mut noise = Noise::new(0, Noise::ORDER, 0);
        let values: Vec<f32> = (0..ROWS * INPUTS).map(|_| (noise.uniform() * 2.0 - 1.0) as f32).collect();
        let x = Encoded { rows: ROWS, cols: INPUTS, values };
        let y = (0..ROWS).map(|row| f32::from(u8::from(x.row(row)[0] * x.row(row)[1] > 0.0))).collect();
        let hyper = HyperParameters {
            width: Some(256),
            depth: Some(3),
            dropout: Some(0.0),
            ..HyperParameters::default()
        };
        let arch = Architecture::design(
            ModelKind::Mlp,
            &hyper,
            INPUTS,
            Vec::new(),
            1,
            OutputScale::Logits,
            &Encoded::default(),
        );
        Self { arch, x, y }
    }

    fn slots(&self) -> Slots {
        Slots::new(&self.arch, initial_weights(&self.arch, 0), Optimizer::AdamW)
    }

    fn gradients(&self, slots: &Slots, tracked: &Device) -> Result<Vec<Vec<f32>>, Failure> {
        let rows: Vec<u32> = (0..ROWS as u32).collect();
        let batch = Gatherer::new(&self.arch).gather(&self.x, &rows);
        let example = Example { batch, truth: self.y.clone(), weight: None };
        Ok(gradients(&self.arch, slots, example, Loss::Binary, &mut Dropout::off(tracked))?.1)
    }

    /// Largest difference of a gradient from the reference device's, relative to the largest entry of its tensor;
    /// infinite where a gradient is missing or not finite.
    pub fn gradient_error(&self, device: &Device, reference: &Device) -> Result<f64, Failure> {
        let slots = self.slots();
        let ours = self.gradients(&slots, &device.clone().autodiff())?;
        let theirs = self.gradients(&slots, &reference.clone().autodiff())?;
        if ours.len() != theirs.len() {
            return Ok(f64::INFINITY);
        }
        let errors = ours.iter().zip(&theirs).map(|(ours, theirs)| {
            let scale = theirs.iter().fold(f32::MIN_POSITIVE, |top, value| top.max(value.abs()));
            let errors = ours.iter().zip(theirs).map(|(a, b)| f64::from((a - b).abs() / scale));
            // `max` would pass over a NaN.
            errors.fold(0.0, |top: f64, error| if error <= top { top } else { error })
        });
        Ok(errors.fold(0.0, |top: f64, error| if error <= top { top } else { error }))
    }

    /// Training rows a second over about `secs` seconds after a warm-up; at least two steps are measured.
    pub fn rows_per_sec(&self, device: &Device, secs: f64) -> Result<f64, Failure> {
        let tracked = device.clone().autodiff();
        let mut settings =
            FitSettings::resolve(ModelKind::Mlp, &HyperParameters::default(), ROWS, Task::Binary);
        settings.clip_norm = 1.0;
        let mut slots = self.slots();
        let mut start = Instant::now();
        for step in 0..WARM_STEPS + MOST_STEPS {
            if step == WARM_STEPS {
                start = Instant::now();
            }
            let gradients = self.gradients(&slots, &tracked)?;
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
