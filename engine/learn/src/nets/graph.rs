//! Graph: the one function that turns parameters and a batch into outputs, in training, validation and prediction alike.

use std::collections::BTreeMap;

use burn::tensor::{Device, Int, Tensor, TensorData, activation::relu};

use super::{
    Architecture, Family,
    batch::{HostBatch, dropout_mask},
};

/// Added to the variance in layer normalization.
pub(super) const NORM_EPSILON: f64 = 1e-5;

/// Parameters on a device.
#[derive(Debug)]
pub(super) struct Params(BTreeMap<String, (Vec<usize>, Tensor<1>)>);

impl Params {
    /// Puts parameters on a device; with `tracked`, as leaves that gradients are asked for.
    pub fn new<'a>(
        weights: impl Iterator<Item = (&'a str, &'a [usize], &'a [f32])>,
        device: &Device,
        tracked: bool,
    ) -> Self {
        let tensors = weights.map(|(name, shape, values)| {
            let tensor = Tensor::<1>::from_data(TensorData::new(values.to_vec(), [values.len()]), device);
            let tensor = if tracked { tensor.require_grad() } else { tensor };
            (name.to_owned(), (shape.to_vec(), tensor))
        });
        Self(tensors.collect())
    }

    /// The leaf of a parameter, flat.
    pub fn leaf(&self, name: &str) -> &Tensor<1> {
        &self.0[name].1
    }

    fn shaped<const D: usize>(&self, name: &str, shape: [usize; D]) -> Tensor<D> {
        self.0[name].1.clone().reshape(shape)
    }

    fn matrix(&self, name: &str) -> Tensor<2> {
        let shape = &self.0[name].0;
        self.shaped(name, [shape[0], shape[1]])
    }

    fn row(&self, name: &str) -> Tensor<2> {
        self.shaped(name, [1, self.0[name].0[0]])
    }
}

/// A batch on a device.
#[derive(Clone, Debug)]
pub(super) struct Inputs {
    rows: usize,
    plain: Option<Tensor<2>>,
    piecewise: Option<Tensor<3>>,
    codes: Option<Tensor<1, Int>>,
}

impl Inputs {
    /// Puts a batch on a device.
    pub fn new(arch: &Architecture, batch: HostBatch, device: &Device) -> Self {
        let HostBatch { rows, plain, piecewise, codes } = batch;
        let columns = plain.len() / rows.max(1);
        let plain = (columns > 0).then(|| Tensor::from_data(TensorData::new(plain, [rows, columns]), device));
        let columns = arch.ple_columns().len();
        let piecewise = (columns > 0)
            .then(|| Tensor::from_data(TensorData::new(piecewise, [columns, rows, arch.bins()]), device));
        let size = codes.len();
        let codes = (size > 0).then(|| Tensor::from_data(TensorData::new(codes, [size]), device));
        Self { rows, plain, piecewise, codes }
    }
}

/// Dropout of one training step, or none.
#[derive(Debug)]
pub(super) struct Dropout<'a> {
    /// Probability; 0 switches it off.
    pub rate: f64,
    /// Seed of the run.
    pub seed: u64,
    /// Step of the run.
    pub step: u64,
    /// Masks drawn in this step.
    pub drawn: u64,
    /// First row of this pass, and rows of the whole batch: a batch in parts draws the masks of one at once.
    pub part: Option<(usize, usize)>,
    /// Where masks go.
    pub device: &'a Device,
}

impl<'a> Dropout<'a> {
    /// No dropout.
    pub fn off(device: &'a Device) -> Self {
        Self { rate: 0.0, seed: 0, step: 0, drawn: 0, part: None, device }
    }

    fn apply<const D: usize>(&mut self, x: Tensor<D>) -> Tensor<D> {
        if self.rate <= 0.0 {
            return x;
        }
        let shape = x.dims();
        let stream = self.step.wrapping_mul(1 << 16) + self.drawn;
        self.drawn += 1;
        let mask = match self.part {
            None => dropout_mask(shape.iter().product(), self.rate, self.seed, stream),
            Some(part) => self.mask_of(&shape, part, stream),
        };
        x * Tensor::from_data(TensorData::new(mask, shape), self.device)
    }
}

impl Dropout<'_> {
    /// The rows of this pass (the last dimension but one) out of the whole batch's mask.
    fn mask_of(&self, shape: &[usize], (first, all): (usize, usize), stream: u64) -> Vec<f32> {
        let (rows, width) = (shape[shape.len() - 2], shape[shape.len() - 1]);
        let blocks: usize = shape[..shape.len() - 2].iter().product();
        let whole = dropout_mask(blocks * all * width, self.rate, self.seed, stream);
        let block = |block: usize| &whole[(block * all + first) * width..][..rows * width];
        (0..blocks).flat_map(|index| block(index).iter().copied()).collect()
    }
}

/// Raw outputs `[members, rows, outputs]`.
pub(super) fn forward(
    arch: &Architecture,
    params: &Params,
    inputs: &Inputs,
    dropout: &mut Dropout,
) -> Tensor<3> {
    let x = first_layer_inputs(arch, params, inputs);
    match arch.family {
        Family::Linear => linear(params, "head", x).unsqueeze(),
        Family::Mlp => {
            let mut x = x;
            for layer in 0..arch.depth {
                x = dropout.apply(relu(linear(params, &format!("layers.{layer}"), x)));
            }
            linear(params, "head", x).unsqueeze()
        }
        Family::Resnet => residual(arch, params, x, dropout).unsqueeze(),
        Family::Tabm => ensemble(arch, params, x, dropout),
    }
}

/// Plain numbers, embedded numbers, embedded categories. `[rows, inputs]`
fn first_layer_inputs(arch: &Architecture, params: &Params, inputs: &Inputs) -> Tensor<2> {
    let mut parts: Vec<Tensor<2>> = Vec::with_capacity(3);
    parts.extend(inputs.plain.clone());
    if let Some(piecewise) = inputs.piecewise.clone() {
        let [columns, rows, bins] = piecewise.dims();
        let weight = params.shaped("ple.weight", [columns, bins, arch.ple_width]);
        let bias = params.shaped("ple.bias", [columns, 1, arch.ple_width]);
        let embedded: Tensor<3> = piecewise.matmul(weight) + bias;
        parts.push(embedded.swap_dims(0, 1).reshape([rows, columns * arch.ple_width]));
    }
    if let Some(codes) = inputs.codes.clone() {
        let width = arch.category_sizes.len() * arch.embedding;
        let embedded = params.matrix("embedding.weight").select(0, codes);
        parts.push(embedded.reshape([inputs.rows, width]));
    }
    if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 1) }
}

fn linear(params: &Params, name: &str, x: Tensor<2>) -> Tensor<2> {
    x.matmul(params.matrix(&format!("{name}.weight"))) + params.row(&format!("{name}.bias"))
}

/// Layer normalization over the last dimension (Ba, Kiros and Hinton 2016).
fn norm(params: &Params, name: &str, x: Tensor<2>) -> Tensor<2> {
    let centred = x.clone() - x.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).mean_dim(1);
    let scaled = centred / (variance + NORM_EPSILON).sqrt();
    scaled * params.row(&format!("{name}.gamma")) + params.row(&format!("{name}.beta"))
}

fn residual(arch: &Architecture, params: &Params, x: Tensor<2>, dropout: &mut Dropout) -> Tensor<2> {
    let mut x = linear(params, "input", x);
    for block in 0..arch.depth {
        let name = |part: &str| format!("blocks.{block}.{part}");
        let inner = norm(params, &name("norm"), x.clone());
        let inner = dropout.apply(relu(linear(params, &name("expand"), inner)));
        x = x + linear(params, &name("contract"), inner);
    }
    linear(params, "head", relu(norm(params, "norm", x)))
}

/// `TabM`. A member's layer `((x * r) W) * s + b` is computed as `x (r W s) + b`: with more rows in a batch than units in
/// a layer, folding the adapters into the matrix is several times less work than scaling activations. All members read
/// the same input, so their first layers are one wide matrix.
fn ensemble(arch: &Architecture, params: &Params, x: Tensor<2>, dropout: &mut Dropout) -> Tensor<3> {
    let (members, width) = (arch.members, arch.width);
    let [rows, inputs] = x.dims();
    let mut hidden: Tensor<3> = if arch.depth == 0 {
        x.unsqueeze()
    } else {
        let weight = params.shaped("layers.0.weight", [inputs, 1, width]);
        let r = params.matrix("layers.0.r").transpose().reshape([inputs, members, 1]);
        let s = params.shaped("layers.0.s", [1, members, width]);
        let folded: Tensor<3> = weight * r * s;
        let bias = params.shaped("layers.0.bias", [1, members * width]);
        let first = dropout.apply(relu(x.matmul(folded.reshape([inputs, members * width])) + bias));
        first.reshape([rows, members, width]).swap_dims(0, 1)
    };
    for layer in 1..arch.depth {
        let name = |part: &str| format!("layers.{layer}.{part}");
        let weight = params.shaped(&name("weight"), [1, width, width]);
        let r = params.shaped(&name("r"), [members, width, 1]);
        let s = params.shaped(&name("s"), [members, 1, width]);
        let bias = params.shaped(&name("bias"), [members, 1, width]);
        hidden = dropout.apply(relu(hidden.matmul(weight * r * s) + bias));
    }
    let head = params.shaped("head.weight", [members, hidden.dims()[2], arch.outputs]);
    hidden.matmul(head) + params.shaped("head.bias", [members, 1, arch.outputs])
}
