//! Scores: a trained network applied to rows, on the CPU.

use std::path::Path;

use burn::tensor::Device;
use orrery_domain::{Failure, FailureClass, device::DeviceChoice};
use rayon::prelude::*;

use super::{
    Architecture, Encoded, OutputScale, Weights,
    batch::{Gatherer, HostBatch},
    graph::{self, Dropout, Inputs, Network},
    image::Plan,
    listed,
    loss::softplus,
};
use crate::faults::{self, Fault};

/// Rows a batch, over all members.
const BATCH: usize = 4096;
/// Fewest rows a batch where memory suffices.
const FEWEST: usize = 64;
/// Values of the largest layer of a batch of pictures.
const VALUES: usize = 1 << 20;

/// A trained network, ready to score.
#[derive(Debug)]
pub struct Scorer {
    pub(super) arch: Architecture,
    pub(super) network: Network,
    pub(super) gatherer: Gatherer,
    pub(super) device: Device,
}

impl Scorer {
    /// A scorer on the CPU.
    ///
    /// # Errors
    /// A model failure when the weights are not the architecture's.
    pub fn new(arch: &Architecture, weights: &Weights) -> Result<Self, Failure> {
        Self::on(arch, weights, DeviceChoice::Cpu)
    }

    /// A scorer on a device.
    ///
    /// # Errors
    /// As [`Self::new`], and a hardware failure when there is no such device or it cannot be opened.
    pub fn on(arch: &Architecture, weights: &Weights, choice: DeviceChoice) -> Result<Self, Failure> {
        check(arch, weights)?;
        let device = crate::device::open(choice)?;
        let network = Network::new(arch, listed(weights), None, &device);
        Ok(Self { arch: arch.clone(), network, gatherer: Gatherer::new(arch), device })
    }

    /// A scorer that computes as a quantized network would.
    #[cfg(test)]
    pub(crate) fn rounded(
        arch: &Architecture,
        weights: &Weights,
        rounding: super::rounding::Rounding,
    ) -> Result<Self, Failure> {
        let mut scorer = Self::new(arch, weights)?;
        scorer.network =
            Network::new(arch, listed(weights), Some(&std::sync::Arc::new(rounding)), &scorer.device);
        Ok(scorer)
    }

    /// A scorer of what [`super::save`] wrote into a folder, on a device.
    ///
    /// # Errors
    /// As [`Self::on`], and a model failure when the file is missing, damaged or of another program.
    pub fn load(dir: &Path, choice: DeviceChoice) -> Result<Self, Failure> {
        let (arch, weights) = super::load(dir)?;
        Self::on(&arch, &weights, choice)
    }

    /// The architecture.
    pub fn architecture(&self) -> &Architecture {
        &self.arch
    }

    /// Reported outputs, row-major `[rows, outputs]`: the log-odds of the positive class, a logit a class, or a number in
    /// the target's unit.
    ///
    /// # Errors
    /// A client failure when the rows have other columns than the architecture, a hardware failure when the device is lost.
    pub fn score(&self, x: &Encoded) -> Result<Vec<f64>, Failure> {
        let cols = self.arch.numeric + self.arch.category_sizes.len();
        if x.cols != cols || x.values.len() != x.rows * x.cols {
            return Err(Failure::new(
                FailureClass::Client,
                format!(
                    "The model takes {cols} input columns but was given {}. Encode the rows with the model's own preprocessing.",
                    x.cols
                ),
            ));
        }
        if faults::happens(Fault::LostDevice, "score") {
            return Err(lost(&"it was made to go away"));
        }
        let size = rows_at_once(&self.arch);
        let raw = combined(&self.arch, &self.network, &self.gatherer, x, &self.device, size)?;
        Ok(raw.into_iter().map(|raw| self.arch.output.report(raw)).collect())
    }
}

/// Rows a batch whose activations are small enough to stay in cache.
pub(super) fn rows_at_once(arch: &Architecture) -> usize {
    if let Some(plan) = Plan::of(arch) {
        return (VALUES / plan.largest().max(1)).clamp(1, BATCH);
    }
    (BATCH / arch.members.max(1)).max(FEWEST)
}

/// Raw outputs of all rows, members already combined, in batches of `size` rows; on the processor side by side.
/// `[rows, outputs]`
pub(super) fn combined(
    arch: &Architecture,
    network: &Network,
    gatherer: &Gatherer,
    x: &Encoded,
    device: &Device,
    size: usize,
) -> Result<Vec<f64>, Failure> {
    let size = size.max(1);
    let rows: Vec<u32> = (0..x.rows as u32).collect();
    let one = |rows: &[u32]| -> Result<Vec<f64>, Failure> {
        Ok(combine(arch, &raw_outputs(arch, network, &gatherer.gather(x, rows), device)?))
    };
    if (1..=size).contains(&rows.len()) {
        // Nothing to divide: other threads need not wake for it.
        return one(&rows);
    }
    let outputs: Result<Vec<Vec<f64>>, Failure> = if *device == crate::device::cpu() {
        rows.par_chunks(size).map(one).collect()
    } else {
        rows.chunks(size).map(one).collect()
    };
    Ok(outputs?.concat())
}

/// Raw outputs of one batch. `[members, rows, outputs]`
fn raw_outputs(
    arch: &Architecture,
    network: &Network,
    batch: &HostBatch,
    device: &Device,
) -> Result<Vec<f32>, Failure> {
    let inputs = Inputs::new(batch, network.tables(), device);
    let output = graph::forward(arch, network, &inputs, &mut Dropout::default());
    read(output.try_into_data())
}

/// The floats of a tensor that was read, or the device's failure.
pub(super) fn read(
    data: Result<burn::tensor::TensorData, impl std::fmt::Debug>,
) -> Result<Vec<f32>, Failure> {
    let data = data.map_err(|error| lost(&error))?;
    data.try_into_vec_as::<f32>().map_err(|error| lost(&error))
}

fn lost(what: &dyn std::fmt::Debug) -> Failure {
    Failure::new(
        FailureClass::Hardware,
        format!(
            "The device did not deliver its result: {what:?}. Go on from the last checkpoint, or choose the CPU."
        ),
    )
}

/// One output a row from the members': the log-odds of the mean probability, the logarithm of the mean probabilities, or
/// the mean. `[members, rows, outputs]` to `[rows, outputs]`, still on the network's own scale.
pub(super) fn combine(arch: &Architecture, raw: &[f32]) -> Vec<f64> {
    let (members, outputs) = (arch.members.max(1), arch.outputs);
    if members == 1 {
        return raw.iter().map(|&value| f64::from(value)).collect();
    }
    let size = raw.len() / members;
    let member = |index: usize| raw[index * size..(index + 1) * size].iter().map(|&value| f64::from(value));
    match arch.output {
        OutputScale::Value { .. } => {
            let mut mean = vec![0.0; size];
            for index in 0..members {
                mean.iter_mut().zip(member(index)).for_each(|(sum, value)| *sum += value / members as f64);
            }
            mean
        }
        OutputScale::Logits if outputs == 1 => {
            // ln p = -softplus(-z) and ln (1 - p) = -softplus(z): stable where the mean probability rounds to 0 or 1.
            let (mut yes, mut no) = (LogSum::new(size), LogSum::new(size));
            for index in 0..members {
                yes.add(member(index).map(|z| -softplus(-z)));
                no.add(member(index).map(|z| -softplus(z)));
            }
            yes.values().zip(no.values()).map(|(yes, no)| yes - no).collect()
        }
        OutputScale::Logits => {
            let mut sum = LogSum::new(size);
            for index in 0..members {
                let logits: Vec<f64> = member(index).collect();
                sum.add(logits.chunks_exact(outputs).flat_map(|row| {
                    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let norm = top + row.iter().map(|z| (z - top).exp()).sum::<f64>().ln();
                    row.iter().map(move |z| z - norm).collect::<Vec<_>>()
                }));
            }
            sum.values().map(|value| value - (members as f64).ln()).collect()
        }
    }
}

/// Elementwise running logarithm of a sum of exponentials.
struct LogSum {
    top: Vec<f64>,
    sum: Vec<f64>,
}

impl LogSum {
    fn new(size: usize) -> Self {
        Self { top: vec![f64::NEG_INFINITY; size], sum: vec![0.0; size] }
    }

    fn add(&mut self, values: impl Iterator<Item = f64>) {
        for ((top, sum), value) in self.top.iter_mut().zip(&mut self.sum).zip(values) {
            if value > *top {
                *sum = *sum * (*top - value).exp() + 1.0;
                *top = value;
            } else {
                *sum += (value - *top).exp();
            }
        }
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.top.iter().zip(&self.sum).map(|(top, sum)| top + sum.ln())
    }
}

/// Whether the weights are the architecture's.
pub(super) fn check(arch: &Architecture, weights: &Weights) -> Result<(), Failure> {
    let wrong = |what: String| {
        Err(Failure::new(
            FailureClass::Model,
            format!(
                "The weights do not fit the model's architecture: {what}. Train or import the model again."
            ),
        ))
    };
    if arch.outputs == 0 || arch.inputs() == 0 || arch.members == 0 {
        return wrong("it has no inputs or no outputs".to_owned());
    }
    for spec in arch.specs() {
        match weights.get(&spec.name) {
            None => return wrong(format!("`{}` is missing", spec.name)),
            Some((shape, values))
                if *shape != spec.shape || values.len() != shape.iter().product::<usize>() =>
            {
                return wrong(format!("`{}` has shape {shape:?} instead of {:?}", spec.name, spec.shape));
            }
            Some((_, values)) if values.iter().any(|value| !value.is_finite()) => {
                return wrong(format!("`{}` holds numbers that are not finite", spec.name));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
