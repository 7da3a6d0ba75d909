//! Backpropagation: the loss of one batch and its gradient with respect to every parameter.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use orrery_domain::Failure;
use rayon::prelude::*;

use super::{
    Architecture, Augment, Loss, Rows,
    batch::Gatherer,
    embed::TABLES,
    graph::{self, Dropout, Inputs, Network},
    optimizer::Slots,
    rounding::Rounding,
    score::read,
    teacher::Teacher,
};

/// Fewest rows that are worth a thread of their own.
const FEWEST_ROWS: usize = 32;

/// Mean loss of a batch, and one gradient a slot in the slots' order; none where the loss is not finite.
pub(super) type Slopes = (f64, Vec<Vec<f32>>);

/// How a batch is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// Parts of so many rows, one after the other.
    InTurn(usize),
    /// A part for each thread of the processor, side by side. One part a thread on one core each is nearly as fast as its
    /// arithmetic; threads that share every single operation wait for each other most of the time.
    SideBySide,
}

/// What gradients are computed of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work<'a> {
    /// Architecture.
    pub arch: &'a Architecture,
    /// Its weights.
    pub slots: &'a Slots,
    /// Loss.
    pub loss: Loss,
    /// All training rows.
    pub rows: Rows<'a>,
    /// What another model says of them, where it is followed.
    pub teacher: Option<Teacher<'a>>,
    /// What the network rounds on its way forward.
    pub rounding: Option<&'a Arc<Rounding>>,
    /// Gathers them.
    pub gatherer: &'a Gatherer,
    /// What their weights are multiplied by.
    pub weight_scale: f32,
    /// Dropout.
    pub dropout: Dropout,
    /// How the pictures are varied; `None`: they are taken as they are.
    pub augment: Option<Augment>,
    /// Device, not tracked.
    pub device: &'a Device,
}

impl Work<'_> {
    /// Mean loss and gradients over a batch of these rows; parts add up to the same but for rounding, whatever their number.
    ///
    /// # Errors
    /// A hardware failure when the device does not deliver.
    pub fn slopes(&self, batch: &[u32], parts: Parts) -> Result<Slopes, Failure> {
        let network = Network::new(self.arch, self.slots.iter(), self.rounding, self.device);
        let (size, side_by_side) = match parts {
            Parts::InTurn(size) => (size.max(1), false),
            Parts::SideBySide => (
                batch.len().div_ceil(rayon::current_num_threads()).max(FEWEST_ROWS),
                batch.len() > FEWEST_ROWS,
            ),
        };
        let part = |(index, rows): (usize, &[u32])| {
            let dropout = Dropout { part: (index * size, batch.len()), ..self.dropout };
            self.part(&network, rows, dropout, rows.len() as f64 / batch.len() as f64)
        };
        let mut sum: Option<Slopes> = None;
        if side_by_side {
            let found: Result<Vec<Slopes>, Failure> = batch.par_chunks(size).enumerate().map(part).collect();
            found?.into_iter().for_each(|slopes| add(&mut sum, slopes));
        } else {
            for rows in batch.chunks(size).enumerate() {
                add(&mut sum, part(rows)?);
            }
        }
        let (loss, gradients) = sum.unwrap_or_default();
        Ok(if loss.is_finite() { (loss, gradients) } else { (loss, Vec::new()) })
    }

    /// A part's `share` of the batch's mean loss and gradients; no gradients where the loss is not finite.
    fn part(
        &self,
        network: &Network,
        rows: &[u32],
        mut dropout: Dropout,
        share: f64,
    ) -> Result<Slopes, Failure> {
        let network = network.tracked();
        let mut batch = self.gatherer.gather(self.rows.x, rows);
        if let Some(augment) = self.augment {
            augment.apply(&mut batch.plain, dropout.part.0, (dropout.seed, dropout.step));
        }
        let truth: Vec<f32> = rows.iter().map(|&row| self.rows.y[row as usize]).collect();
        let weigh = |weight: &[f32]| -> Vec<f32> {
            rows.iter().map(|&row| weight[row as usize] * self.weight_scale).collect()
        };
        let weight = self.rows.weight.map(weigh);
        let mut inputs = Inputs::new(&batch, network.tables(), self.device);
        inputs.embedded = inputs.embedded.map(|embedded| embedded.autodiff().require_grad());
        let output = graph::forward(self.arch, &network, &inputs, &mut dropout);
        let shape = output.dims();
        let raw = read(output.clone().inner().try_into_data())?;
        let outputs = self.arch.outputs;
        let taught = self.teacher.map(|teacher| (teacher, teacher.of(rows, outputs)));
        let teacher = taught.as_ref().map(|(teacher, outputs)| teacher.with(outputs));
        let (loss, mut slope) = self.loss.mean(&raw, outputs, &truth, weight.as_deref(), teacher.as_ref());
        if !loss.is_finite() {
            return Ok((loss, Vec::new()));
        }
        // The loss lives on the host; its slope at the outputs is all the graph needs to know of it.
        for slope in &mut slope {
            *slope *= share as f32;
        }
        let slope = Tensor::<3>::from_data(TensorData::new(slope, shape), self.device);
        let mut found = (output * slope).sum().backward();
        let mut tables = match inputs.embedded.as_ref().and_then(|embedded| embedded.grad_remove(&mut found))
        {
            Some(slopes) => network.tables().backward(&batch, &read(slopes.try_into_data())?),
            None => Default::default(),
        };
        let gradients = self.slots.0.iter().map(|slot| {
            let table = TABLES.iter().position(|name| *name == slot.name);
            match (table, network.leaf(&slot.name).and_then(|leaf| leaf.grad_remove(&mut found))) {
                (Some(table), _) => Ok(std::mem::take(&mut tables[table])),
                (None, Some(gradient)) => read(gradient.try_into_data()),
                (None, None) => Ok(vec![0.0; slot.value.len()]),
            }
        });
        Ok((share * loss, gradients.collect::<Result<_, _>>()?))
    }
}

/// Adds a part's share.
fn add(sum: &mut Option<Slopes>, (loss, gradients): Slopes) {
    let Some((total, slots)) = sum else {
        *sum = Some((loss, gradients));
        return;
    };
    *total += loss;
    slots.par_iter_mut().zip(&gradients).for_each(|(slot, part)| {
        slot.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    });
}
