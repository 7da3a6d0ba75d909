//! Units: what can be taken out of a network, each with every number that goes with it.
//!
//! A unit of a hidden layer is a column of that layer's matrix, a row of the next one's and what is added and scaled between; a channel of
//! a residual stream reaches through every block (the dependency groups of Fang et al. 2023, "`DepGraph`"). Over pictures a unit is a
//! channel, or the channels that a normalization takes together.

use orrery_domain::{Failure, training::Optimizer};

use super::{
    Architecture, Family, Loss, Rows, Weights,
    backprop::{Parts, Work},
    batch::Gatherer,
    graph::Dropout,
    image::{self, Plan},
    optimizer::Slots,
};

/// An axis of a tensor that has equally many places for each of some units, those of the first one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The tensor's name.
    pub tensor: String,
    /// Its axis.
    pub axis: usize,
}

/// Units that are alike: a hidden layer's, or a residual stream's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// Name of the layer.
    pub name: String,
    /// How many there are.
    pub count: usize,
    /// What each of them counts for in [`Architecture::hidden`]: the channels that a normalization takes together, 1 elsewhere.
    pub size: usize,
    /// Where their numbers are.
    pub places: Vec<Unit>,
}

impl Units {
    fn new(name: impl Into<String>, count: usize, places: &[(String, usize)]) -> Self {
        let places = places.iter().map(|(tensor, axis)| Unit { tensor: tensor.clone(), axis: *axis });
        Self { name: name.into(), count, size: 1, places: places.collect() }
    }

    /// For each unit, the sum of what `of` makes of its numbers, given the tensor's name and the number's place in it.
    ///
    /// # Panics
    /// When a tensor is missing, which loading excludes.
    pub fn sums(&self, weights: &Weights, of: impl Fn(&str, usize) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.count];
        for Unit { tensor, axis } in &self.places {
            let (shape, values) = &weights[tensor];
            let owner = self.owner(shape, *axis);
            for at in 0..values.len() {
                sums[owner(at)] += of(tensor, at);
            }
        }
        sums
    }

    /// Which unit a number of a tensor of that shape is one of, by its place in it.
    pub(super) fn owner(&self, shape: &[usize], axis: usize) -> impl Fn(usize) -> usize + use<> {
        let inner: usize = shape[axis + 1..].iter().product();
        let (length, run) = (shape[axis], shape[axis] / self.count);
        move |at| at / inner % length / run
    }

    /// Sets every number of these units to 0.
    #[cfg(test)]
    pub(crate) fn silence(&self, weights: &mut Weights, silent: &[usize]) {
        for Unit { tensor, axis } in &self.places {
            let (shape, values) = weights.get_mut(tensor).expect("it is there");
            let owner = self.owner(shape, *axis);
            for (at, value) in values.iter_mut().enumerate() {
                if silent.contains(&owner(at)) {
                    *value = 0.0;
                }
            }
        }
    }
}

impl Architecture {
    /// The units that can be taken out, layer by layer; none for a linear model.
    pub fn removable(&self) -> Vec<Units> {
        let part = |name: String, axis: usize| (name, axis);
        match self.family {
            Family::Linear => Vec::new(),
            Family::Cnn | Family::ResnetCnn => {
                Plan::of(self).map_or_else(Vec::new, |plan| image::removable(&plan))
            }
            Family::Mlp | Family::Tabm => (0..self.depth)
                .map(|layer| {
                    let own = |tensor: &str| format!("layers.{layer}.{tensor}");
                    let next = |tensor: &str| format!("layers.{}.{tensor}", layer + 1);
                    let tabm = self.family == Family::Tabm;
                    let mut places = vec![part(own("weight"), 1), part(own("bias"), usize::from(tabm))];
                    if tabm {
                        places.push(part(own("s"), 1));
                    }
                    if layer + 1 == self.depth {
                        places.push(part("head.weight".to_owned(), usize::from(tabm)));
                    } else {
                        places.push(part(next("weight"), 0));
                        if tabm {
                            places.push(part(next("r"), 1));
                        }
                    }
                    Units::new(format!("layers.{layer}"), self.units(layer), &places)
                })
                .collect(),
            Family::Resnet => {
                let whole = |name: &str, axis: usize| part(name.to_owned(), axis);
                let mut stream = vec![
                    whole("input.weight", 1),
                    whole("input.bias", 0),
                    whole("norm.gamma", 0),
                    whole("norm.beta", 0),
                    whole("head.weight", 0),
                ];
                let mut all = Vec::new();
                for block in 0..self.depth {
                    let own = |tensor: &str, axis: usize| part(format!("blocks.{block}.{tensor}"), axis);
                    stream.extend([
                        own("norm.gamma", 0),
                        own("norm.beta", 0),
                        own("expand.weight", 0),
                        own("contract.weight", 1),
                        own("contract.bias", 0),
                    ]);
                    let places = [own("expand.weight", 1), own("expand.bias", 0), own("contract.weight", 0)];
                    all.push(Units::new(format!("blocks.{block}"), self.units(block), &places));
                }
                all.push(Units::new("stream", self.width, &stream));
                all
            }
        }
    }

    /// The architecture with so many units in each group of [`Self::removable`].
    ///
    /// # Panics
    /// When there is not one count for each.
    #[must_use]
    pub fn with_units(&self, counts: &[usize]) -> Self {
        if self.family.kind().is_for_images() {
            return self.with_channels(counts);
        }
        let mut hidden = counts[..self.depth].to_vec();
        let width = if self.family == Family::Resnet {
            counts[self.depth]
        } else {
            hidden.iter().copied().max().unwrap_or(self.width)
        };
        let usual = Self { width, hidden: Vec::new(), ..self.clone() };
        if (0..self.depth).all(|layer| usual.units(layer) == hidden[layer]) {
            hidden.clear();
        }
        Self { hidden, ..usual }
    }

    /// As [`Self::with_units`], over pictures: the width stays the one that the stages are designed by.
    fn with_channels(&self, counts: &[usize]) -> Self {
        let designed = Self { hidden: Vec::new(), ..self.clone() };
        let units = designed.removable();
        let pruned = units.iter().zip(counts).any(|(units, count)| units.count != *count);
        let hidden = units.iter().zip(counts).map(|(units, count)| units.size * count);
        Self { hidden: if pruned { hidden.collect() } else { Vec::new() }, ..designed }
    }

    /// The network with these units alone, ascending, one list for each group of [`Self::removable`].
    ///
    /// # Panics
    /// When there is not one list for each, or a unit that does not exist.
    pub fn keep(&self, weights: &Weights, kept: &[Vec<usize>]) -> (Self, Weights) {
        let counts: Vec<usize> = kept.iter().map(Vec::len).collect();
        let mut made = weights.clone();
        for (units, kept) in self.removable().iter().zip(kept) {
            for Unit { tensor, axis } in &units.places {
                let (shape, values) = &made[tensor];
                let (shape, values) = select(shape, values, (*axis, units.count), kept);
                made.insert(tensor.clone(), (shape, values));
            }
        }
        (self.with_units(&counts), made)
    }
}

/// The places of some of so many units along an axis.
fn select(
    shape: &[usize],
    values: &[f32],
    (axis, units): (usize, usize),
    kept: &[usize],
) -> (Vec<usize>, Vec<f32>) {
    let run = shape[axis] / units;
    let inner = run * shape[axis + 1..].iter().product::<usize>();
    let block = units * inner;
    let taken = values
        .chunks_exact(block.max(1))
        .flat_map(|block| kept.iter().flat_map(move |at| &block[at * inner..][..inner]))
        .copied()
        .collect();
    let mut shape = shape.to_vec();
    shape[axis] = kept.len() * run;
    (shape, taken)
}

/// Gradients of the mean loss over some rows, on the processor, by name and in the weights' layout.
///
/// # Errors
/// Those of computing; a model failure where the loss is not finite.
pub(crate) fn slopes(
    arch: &Architecture,
    weights: &Weights,
    loss: Loss,
    rows: Rows<'_>,
    batch: &[u32],
) -> Result<Weights, Failure> {
    let slots = Slots::new(arch, weights.clone(), Optimizer::Sgd);
    let (gatherer, device) = (Gatherer::new(arch), crate::device::cpu());
    let work = Work {
        arch,
        slots: &slots,
        loss,
        rows,
        teacher: None,
        rounding: None,
        gatherer: &gatherer,
        weight_scale: 1.0,
        dropout: Dropout::default(),
        augment: None,
        device: &device,
    };
    let (found, gradients) = work.slopes(batch, Parts::SideBySide)?;
    if !found.is_finite() {
        let message = "The loss of the network is not finite on its training rows. Train it again.";
        return Err(Failure::new(orrery_domain::FailureClass::Model, message));
    }
    let named = slots.0.into_iter().zip(gradients);
    Ok(named.map(|(slot, gradient)| (slot.name, (slot.shape, gradient))).collect())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Scorer, initial_weights, parameter_count, tests::small},
        *,
    };
    use crate::nets::Encoded;

    fn rows() -> Encoded {
        super::super::tests::rows(50, 3).0
    }

    /// A unit that nothing is added or scaled by gives nothing, so that the network without it says the same.
    #[test]
    fn a_unit_of_zeros_can_be_taken_out_and_nothing_changes() {
        for family in [Family::Mlp, Family::Tabm, Family::Resnet] {
            let arch = small(family, 1);
            let mut weights = initial_weights(&arch, 4);
            let groups = arch.removable();
            assert_eq!(groups.len(), arch.depth + usize::from(family == Family::Resnet));
            let mut kept: Vec<Vec<usize>> = groups.iter().map(|units| (0..units.count).collect()).collect();
            // Layer normalization takes the whole stream's mean: only the inner units are silent.
            for (at, units) in groups.iter().enumerate().filter(|(_, units)| units.name != "stream") {
                let silent = [1, units.count - 2];
                units.silence(&mut weights, &silent);
                kept[at].retain(|unit| !silent.contains(unit));
            }
            let (smaller, taken) = arch.keep(&weights, &kept);
            assert!(parameter_count(&smaller) < parameter_count(&arch));
            let score = |arch: &Architecture, weights: &Weights| {
                Scorer::new(arch, weights).expect("it fits").score(&rows()).expect("scores")
            };
            for (before, after) in score(&arch, &weights).iter().zip(score(&smaller, &taken)) {
                assert!((before - after).abs() < 1e-5 * (1.0 + before.abs()), "{family:?}: {before} {after}");
            }
        }
    }

    #[test]
    fn what_is_kept_of_a_stream_fits_its_architecture() {
        let arch = small(Family::Resnet, 2);
        let weights = initial_weights(&arch, 1);
        let kept: Vec<Vec<usize>> =
            arch.removable().iter().map(|units| (0..units.count).step_by(2).collect()).collect();
        let (smaller, taken) = arch.keep(&weights, &kept);
        assert_eq!((smaller.width, smaller.hidden.len()), (arch.width / 2, 0), "all halved: nothing to note");
        Scorer::new(&smaller, &taken).expect("every tensor has its shape");
    }
}
