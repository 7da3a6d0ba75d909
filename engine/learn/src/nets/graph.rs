//! Graph: the one function that turns parameters and a batch into outputs, in training, validation and prediction alike.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use burn::tensor::{Device, Tensor, TensorData, activation::relu};

use super::{
    Architecture, Family,
    batch::{HostBatch, dropout_mask},
    embed::{TABLES, Tables},
    image::{self, Plan},
    rounding::Rounding,
};

/// Added to the variance in layer normalization.
pub(super) const NORM_EPSILON: f64 = 1e-5;

/// The weights of a network, ready to compute with: tensors on a device, tables on the host.
#[derive(Clone, Debug)]
pub(super) struct Network {
    tensors: BTreeMap<String, (Vec<usize>, Tensor<1>)>,
    tables: Arc<Tables>,
    /// Computes as a quantized network would.
    rounding: Option<Arc<Rounding>>,
}

/// A weight's name, shape and values.
type Named<'a> = (&'a str, &'a [usize], Cow<'a, [f32]>);

impl Network {
    /// Puts named weights (shape, values) on a device, rounded where that is asked for.
    pub fn new<'a>(
        arch: &Architecture,
        weights: impl Iterator<Item = (&'a str, &'a [usize], &'a [f32])>,
        rounding: Option<&Arc<Rounding>>,
        device: &Device,
    ) -> Self {
        let rounded = |name: &str, shape: &[usize], values: &'a [f32]| match rounding {
            Some(rounding) => rounding.matrix(name, shape, values),
            None => Cow::Borrowed(values),
        };
        let weights: Vec<Named<'_>> =
            weights.map(|(name, shape, values)| (name, shape, rounded(name, shape, values))).collect();
        let tables = Tables::new(arch, weights.iter().map(|(name, _, values)| (*name, values.as_ref())));
        let floats = weights.into_iter().filter(|(name, ..)| !TABLES.contains(name));
        let tensors = floats.map(|(name, shape, values)| {
            let length = values.len();
            let tensor = Tensor::<1>::from_data(TensorData::new(values.into_owned(), [length]), device);
            (name.to_owned(), (shape.to_vec(), tensor))
        });
        Self { tensors: tensors.collect(), tables: Arc::new(tables), rounding: rounding.cloned() }
    }

    /// The same values as leaves of their own that gradients are asked for.
    pub fn tracked(&self) -> Self {
        let leaf = |(name, (shape, tensor)): (&String, &(Vec<usize>, Tensor<1>))| {
            (name.clone(), (shape.clone(), tensor.clone().autodiff().require_grad()))
        };
        let tensors = self.tensors.iter().map(leaf).collect();
        Self { tensors, tables: Arc::clone(&self.tables), rounding: self.rounding.clone() }
    }

    /// The tables.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The leaf of a weight, flat; none for what is a table.
    pub fn leaf(&self, name: &str) -> Option<&Tensor<1>> {
        self.tensors.get(name).map(|(_, tensor)| tensor)
    }

    /// A weight in a shape of its size.
    pub fn shaped<const D: usize>(&self, name: &str, shape: [usize; D]) -> Tensor<D> {
        self.tensors[name].1.clone().reshape(shape)
    }

    fn matrix(&self, name: &str) -> Tensor<2> {
        let shape = &self.tensors[name].0;
        self.shaped(name, [shape[0], shape[1]])
    }

    fn row(&self, name: &str) -> Tensor<2> {
        self.shaped(name, [1, self.tensors[name].0[0]])
    }

    /// A layer's input, rounded where that is asked for.
    pub fn input<const D: usize>(&self, layer: &str, x: Tensor<D>) -> Tensor<D> {
        match &self.rounding {
            Some(rounding) => rounding.input(layer, x),
            None => x,
        }
    }

    /// A matrix with its members' adapters folded in, rounded where that is asked for; its inputs are along `axis`.
    fn folded<const D: usize>(&self, matrix: Tensor<D>, axis: usize) -> Tensor<D> {
        match &self.rounding {
            Some(rounding) => rounding.folded(matrix, axis),
            None => matrix,
        }
    }
}

/// A batch on a device.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    /// Numbers that enter as they are. `[rows, plain columns]`
    pub plain: Option<Tensor<2>>,
    /// Embedded numbers, embedded categories. `[rows, inputs]`
    pub embedded: Option<Tensor<2>>,
}

impl Inputs {
    /// Embeds a batch and puts it on a device.
    pub fn new(batch: &HostBatch, tables: &Tables, device: &Device) -> Self {
        Self::of(batch.plain.clone(), tables.embed(batch), batch.rows, device)
    }

    /// Puts numbers `[rows, plain columns]` and embedded inputs `[rows, inputs]` on a device.
    pub fn of(plain: Vec<f32>, embedded: Vec<f32>, rows: usize, device: &Device) -> Self {
        let tensor = |values: Vec<f32>| {
            let columns = values.len() / rows.max(1);
            (columns > 0).then(|| Tensor::from_data(TensorData::new(values, [rows, columns]), device))
        };
        Self { plain: tensor(plain), embedded: tensor(embedded) }
    }

    /// The same values as leaves that gradients are asked for.
    pub fn tracked(self) -> Self {
        let leaf = |tensor: Tensor<2>| tensor.autodiff().require_grad();
        Self { plain: self.plain.map(leaf), embedded: self.embedded.map(leaf) }
    }

    /// The first layer's inputs. `[rows, inputs]`
    fn joined(&self) -> Tensor<2> {
        let mut parts: Vec<Tensor<2>> = self.plain.iter().chain(&self.embedded).cloned().collect();
        if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 1) }
    }
}

/// Dropout of one pass, or none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dropout {
    /// Probability; 0 switches it off.
    pub rate: f64,
    /// Seed of the run.
    pub seed: u64,
    /// Step of the run.
    pub step: u64,
    /// Masks drawn in this pass.
    pub drawn: u64,
    /// First row of this pass among those of the whole batch, and how many these are: a batch in parts draws the masks of
    /// one at once.
    pub part: (usize, usize),
}

impl Dropout {
    /// Multiplies by a mask. `[…, rows, width]`
    pub fn apply<const D: usize>(&mut self, x: Tensor<D>) -> Tensor<D> {
        if self.rate <= 0.0 {
            return x;
        }
        let (first, all) = self.part;
        let shape = x.dims();
        let (rows, width) = (shape[D - 2], shape[D - 1]);
        let stream = self.step.wrapping_mul(1 << 16) + self.drawn;
        self.drawn += 1;
        let blocks: usize = shape[..D - 2].iter().product();
        let mut mask = Vec::with_capacity(blocks * rows * width);
        for block in 0..blocks {
            mask.extend(dropout_mask((block * all + first, rows), width, self.rate, (self.seed, stream)));
        }
        let device = x.device();
        x * Tensor::from_data(TensorData::new(mask, shape), &device)
    }
}

/// Raw outputs `[members, rows, outputs]`.
pub(super) fn forward(
    arch: &Architecture,
    network: &Network,
    inputs: &Inputs,
    dropout: &mut Dropout,
) -> Tensor<3> {
    let x = inputs.joined();
    match arch.family {
        Family::Linear => linear(network, "head", x).unsqueeze(),
        Family::Mlp => {
            let mut x = x;
            for layer in 0..arch.depth {
                x = dropout.apply(relu(linear(network, &format!("layers.{layer}"), x)));
            }
            linear(network, "head", x).unsqueeze()
        }
        Family::Resnet => residual(arch, network, x, dropout).unsqueeze(),
        Family::Tabm => ensemble(arch, network, x, dropout),
        Family::Cnn | Family::ResnetCnn => match Plan::of(arch) {
            Some(plan) => image::forward(&plan, network, x, dropout).unsqueeze(),
            None => x.unsqueeze(),
        },
    }
}

/// A fully connected layer.
pub(super) fn linear(network: &Network, name: &str, x: Tensor<2>) -> Tensor<2> {
    let x = network.input(name, x);
    x.matmul(network.matrix(&format!("{name}.weight"))) + network.row(&format!("{name}.bias"))
}

/// Layer normalization over the last dimension (Ba, Kiros and Hinton 2016).
fn norm(network: &Network, name: &str, x: Tensor<2>) -> Tensor<2> {
    let centred = x.clone() - x.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).mean_dim(1);
    let scaled = centred / (variance + NORM_EPSILON).sqrt();
    scaled * network.row(&format!("{name}.gamma")) + network.row(&format!("{name}.beta"))
}

fn residual(arch: &Architecture, network: &Network, x: Tensor<2>, dropout: &mut Dropout) -> Tensor<2> {
    let mut x = linear(network, "input", x);
    for block in 0..arch.depth {
        let name = |part: &str| format!("blocks.{block}.{part}");
        let inner = norm(network, &name("norm"), x.clone());
        let inner = dropout.apply(relu(linear(network, &name("expand"), inner)));
        x = x + linear(network, &name("contract"), inner);
    }
    linear(network, "head", relu(norm(network, "norm", x)))
}

/// `TabM`. A member's layer `((x * r) W) * s + b` is computed as `x (r W s) + b`: with more rows in a batch than units in
/// a layer, folding the adapters into the matrix is several times less work than scaling activations. All members read
/// the same input, so their first layers are one wide matrix.
fn ensemble(arch: &Architecture, network: &Network, x: Tensor<2>, dropout: &mut Dropout) -> Tensor<3> {
    let members = arch.members;
    let [rows, inputs] = x.dims();
    let mut hidden: Tensor<3> = if arch.depth == 0 {
        x.unsqueeze()
    } else {
        let width = arch.units(0);
        let weight = network.shaped("layers.0.weight", [inputs, 1, width]);
        let r = network.matrix("layers.0.r").transpose().reshape([inputs, members, 1]);
        let s = network.shaped("layers.0.s", [1, members, width]);
        let folded: Tensor<3> = network.folded(weight * r * s, 0);
        let x = network.input("layers.0", x);
        let bias = network.shaped("layers.0.bias", [1, members * width]);
        let first = dropout.apply(relu(x.matmul(folded.reshape([inputs, members * width])) + bias));
        first.reshape([rows, members, width]).swap_dims(0, 1)
    };
    for layer in 1..arch.depth {
        let name = |part: &str| format!("layers.{layer}.{part}");
        let (inputs, width) = (arch.units(layer - 1), arch.units(layer));
        let weight = network.shaped(&name("weight"), [1, inputs, width]);
        let r = network.shaped(&name("r"), [members, inputs, 1]);
        let s = network.shaped(&name("s"), [members, 1, width]);
        let bias = network.shaped(&name("bias"), [members, 1, width]);
        let x = network.input(&format!("layers.{layer}"), hidden);
        hidden = dropout.apply(relu(x.matmul(network.folded(weight * r * s, 1)) + bias));
    }
    let hidden = network.input("head", hidden);
    let head = network.shaped("head.weight", [members, hidden.dims()[2], arch.outputs]);
    hidden.matmul(head) + network.shaped("head.bias", [members, 1, arch.outputs])
}
