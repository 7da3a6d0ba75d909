//! Backpropagation: the loss of one batch and its gradient with respect to every parameter.

use burn::tensor::{Device, Tensor, TensorData};
use orrery_domain::Failure;

use super::{
    Architecture, Loss,
    batch::HostBatch,
    graph::{self, Dropout, Inputs, Params},
    optimizer::Slots,
    score::read,
};

/// A batch with its truth.
#[derive(Clone, Debug)]
pub(super) struct Example {
    /// Inputs.
    pub batch: HostBatch,
    /// Class index or standardized target. `[rows]`
    pub truth: Vec<f32>,
    /// Weights of mean 1 over all training rows. `[rows]`
    pub weight: Option<Vec<f32>>,
}

/// Mean loss, and one gradient a slot in the slots' order; no gradients where the loss is not finite.
///
/// `dropout.device` must be the tracked form of the device to compute on.
///
/// # Errors
/// A hardware failure when the device does not deliver.
pub(super) fn gradients(
    arch: &Architecture,
    slots: &Slots,
    example: Example,
    loss: Loss,
    dropout: &mut Dropout,
) -> Result<(f64, Vec<Vec<f32>>), Failure> {
    let tracked: &Device = dropout.device;
    let params = Params::new(slots.iter(), tracked, true);
    let inputs = Inputs::new(arch, example.batch, tracked);
    let output = graph::forward(arch, &params, &inputs, dropout);
    let shape = output.dims();
    let raw = read(output.clone().inner().try_into_data())?;
    let (mean, slope) = loss.mean(&raw, arch.outputs, &example.truth, example.weight.as_deref());
    if !mean.is_finite() {
        return Ok((mean, Vec::new()));
    }
    // The loss lives on the host; its slope at the outputs is all the graph needs to know of it.
    let slope = Tensor::<3>::from_data(TensorData::new(slope, shape), tracked);
    let mut found = (output * slope).sum().backward();
    let gradients = slots.0.iter().map(|slot| match params.leaf(&slot.name).grad_remove(&mut found) {
        Some(gradient) => read(gradient.try_into_data()),
        None => Ok(vec![0.0; slot.value.len()]),
    });
    Ok((mean, gradients.collect::<Result<_, _>>()?))
}
