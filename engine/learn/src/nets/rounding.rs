//! Rounding: a network computed as if it were quantized already, with slopes that pass straight through, so that training makes up for it.
//!
//! Matrices and layers' inputs are rounded to what their codes stand for on the way forward; on the way back rounding counts as nothing
//! (Bengio, Léonard and Courville 2013, the straight-through estimator; Jacob et al. 2018, section 3), and what a known range cuts off has
//! no slope.

use std::{borrow::Cow, collections::BTreeMap};

use burn::tensor::Tensor;
use serde::Serialize;

use super::codes::{Bits, Group, Range, round};

/// The largest code of an input.
const STEPS: f32 = 255.0;

/// How layers' inputs are rounded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum InputRounding {
    /// They stay as they are.
    None,
    /// To 8 bits over the range of the rows at hand.
    Dynamic,
    /// To 8 bits over known ranges, by the name of the layer's matrix; a layer without one stays as it is.
    Static(BTreeMap<String, Range>),
}

/// What is rounded, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rounding {
    /// Stored matrices.
    pub matrices: BTreeMap<String, (Bits, Group)>,
    /// Whether matrices that a `TabM` folds its members' adapters into are rounded after that, to [`Bits::Seven`], a scale a member and output.
    pub folded: bool,
    /// Inputs.
    pub inputs: InputRounding,
}

impl Rounding {
    /// A stored tensor as it is computed with.
    pub(super) fn matrix<'a>(&self, name: &str, shape: &[usize], values: &'a [f32]) -> Cow<'a, [f32]> {
        let Some((bits, group)) = self.matrices.get(name) else { return Cow::Borrowed(values) };
        let mut rounded = values.to_vec();
        round(shape, &mut rounded, *bits, *group);
        Cow::Owned(rounded)
    }

    /// A layer's input as it is computed with.
    pub(super) fn input<const D: usize>(&self, layer: &str, x: Tensor<D>) -> Tensor<D> {
        match &self.inputs {
            InputRounding::None => x,
            InputRounding::Dynamic => dynamic(x),
            InputRounding::Static(ranges) => match ranges.get(&format!("{layer}.weight")) {
                Some(range) => known(x, *range),
                None => x,
            },
        }
    }

    /// A folded matrix as it is computed with; its inputs are along `axis`.
    pub(super) fn folded<const D: usize>(&self, matrix: Tensor<D>, axis: usize) -> Tensor<D> {
        if !self.folded {
            return matrix;
        }
        let still = matrix.clone().detach();
        let most = Bits::Seven.most();
        let scale = (still.clone().abs().max_dim(axis) / most).clamp_min(f32::MIN_POSITIVE);
        let codes = (still / scale.clone()).round().clamp(-most, most);
        straight_through(matrix, codes * scale)
    }
}

/// The values of the second, with the slopes of the first.
fn straight_through<const D: usize>(x: Tensor<D>, rounded: Tensor<D>) -> Tensor<D> {
    let still = x.clone().detach();
    x + (rounded - still)
}

/// `DynamicQuantizeLinear` of ONNX and back.
fn dynamic<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let still = x.clone().detach();
    let low = still.clone().min().clamp_max(0.0).reshape([1; D]);
    let high = still.clone().max().clamp_min(0.0).reshape([1; D]);
    let scale = ((high - low.clone()) / STEPS).clamp_min(f32::MIN_POSITIVE);
    let zero = (low.neg() / scale.clone()).round().clamp(0.0, STEPS);
    let codes = ((still / scale.clone()).round() + zero.clone()).clamp(0.0, STEPS);
    straight_through(x, (codes - zero) * scale)
}

/// `QuantizeLinear` of ONNX and back.
fn known<const D: usize>(x: Tensor<D>, range: Range) -> Tensor<D> {
    let zero = f32::from(range.zero);
    let x = x.clamp(-zero * range.scale, (STEPS - zero) * range.scale);
    let codes = (x.clone().detach() / range.scale).round();
    straight_through(x, codes * range.scale)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use orrery_domain::{
        image::ImageShape,
        training::{HyperParameters, ModelKind, Optimizer},
    };

    use super::{
        super::{
            Architecture, Encoded, Family, Loss, OutputScale, Rows, Weights,
            backprop::{Parts, Slopes, Work},
            batch::Gatherer,
            graph::Dropout,
            initial_weights,
            optimizer::Slots,
            tests::{rows, small},
        },
        *,
    };

    fn slopes(
        arch: &Architecture,
        weights: &Weights,
        (x, truth): &(Encoded, Vec<f32>),
        rounding: Option<&Arc<Rounding>>,
    ) -> Slopes {
        let slots = Slots::new(arch, weights.clone(), Optimizer::Sgd);
        let work = Work {
            arch,
            slots: &slots,
            loss: Loss::Binary,
            rows: Rows { x, y: truth, weight: None },
            teacher: None,
            rounding,
            gatherer: &Gatherer::new(arch),
            weight_scale: 1.0,
            dropout: Dropout::default(),
            augment: None,
            device: &crate::device::cpu(),
        };
        let batch: Vec<u32> = (0..24).collect();
        work.slopes(&batch, Parts::InTurn(24)).expect("the CPU computes")
    }

    /// The estimator's definition: the loss and the slopes at the rounded weights, given to the weights themselves.
    #[test]
    fn slopes_pass_straight_through_rounded_matrices() {
        let tables = [Family::Linear, Family::Mlp, Family::Resnet, Family::Tabm].map(|family| {
            let arch = Architecture { dropout: 0.0, output: OutputScale::Logits, ..small(family, 1) };
            (arch, rows(24, 4))
        });
        let pictures = [ModelKind::Cnn, ModelKind::ResnetCnn].map(|kind| {
            let hyper =
                HyperParameters { width: Some(4), depth: Some(2), dropout: Some(0.0), ..Default::default() };
            let shape = ImageShape { width: 6, height: 5, channels: 1 };
            let arch =
                Architecture::design(kind, &hyper, 30, vec![], 1, OutputScale::Logits, vec![]).over(shape);
            let values = (0..24 * 30).map(|at| ((at * 37) % 101) as f32 / 50.0 - 1.0).collect();
            let truth = (0..24_u8).map(|row| f32::from(row % 2)).collect();
            (arch, (Encoded { rows: 24, cols: 30, values }, truth))
        });
        for (arch, rows) in tables.into_iter().chain(pictures) {
            let weights = initial_weights(&arch, 3);
            let named = weights.keys().filter(|name| name.ends_with(".weight"));
            let matrices: BTreeMap<_, _> =
                named.map(|name| (name.clone(), (Bits::Four, Group::Channel))).collect();
            let mut at_the_codes = weights.clone();
            for name in matrices.keys() {
                let (shape, values) = at_the_codes.get_mut(name).expect("it is there");
                round(shape, values, Bits::Four, Group::Channel);
            }
            assert_ne!(at_the_codes, weights);
            let rounding = Arc::new(Rounding { matrices, folded: false, inputs: InputRounding::None });
            assert_eq!(
                slopes(&arch, &weights, &rows, Some(&rounding)),
                slopes(&arch, &at_the_codes, &rows, None),
                "{:?}",
                arch.family
            );
        }
    }

    #[test]
    fn inputs_are_rounded_as_onnx_says_and_only_what_is_cut_off_has_no_slope() {
        let device = crate::device::cpu();
        let values = [-1.0_f32, -0.3, 0.0, 0.2004, 0.7, 3.0];
        let leaf = || Tensor::<2>::from_data([values], &device).autodiff().require_grad();
        let grad = |x: &Tensor<2>, y: Tensor<2>| -> (Vec<f32>, Vec<f32>) {
            let found = y.clone().inner().into_data().try_into_vec().expect("floats");
            let mut all = y.sum().backward();
            (found, x.grad_remove(&mut all).expect("a slope").into_data().try_into_vec().expect("floats"))
        };
        let expected = |scale: f32, zero: f32| -> Vec<f32> {
            let code = |x: &f32| ((x / scale).round() + zero).clamp(0.0, 255.0);
            values.iter().map(|x| (code(x) - zero) * scale).collect()
        };
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        let x = leaf();
        let (found, slope) = grad(&x, dynamic(x.clone()));
        // From -1 to 3 in 255 steps: the zero is at code 63.75, rounded.
        assert!(near(&found, &expected(4.0 / 255.0, 64.0)), "{found:?}");
        assert!(near(&slope, &[1.0; 6]), "{slope:?}");
        let x = leaf();
        let range = Range::covering(-0.5, 1.0);
        let (found, slope) = grad(&x, known(x.clone(), range));
        assert!(near(&found, &expected(range.scale, f32::from(range.zero))), "{found:?}");
        assert!(near(&slope, &[0.0, 1.0, 1.0, 1.0, 1.0, 0.0]), "{slope:?}");
    }

    #[test]
    fn a_folded_matrix_is_rounded_with_a_scale_a_member_and_output() {
        let device = crate::device::cpu();
        let values: Vec<f32> = (0..24).map(|at| ((at * 7) % 11) as f32 / 3.0 - 1.5).collect();
        let x = Tensor::<3>::from_data(burn::tensor::TensorData::new(values.clone(), [2, 4, 3]), &device);
        let rounding = Rounding { matrices: BTreeMap::new(), folded: true, inputs: InputRounding::None };
        let mut expected = values;
        round(&[2, 4, 3], &mut expected, Bits::Seven, Group::Channel);
        let along: Vec<f32> = rounding.folded(x.clone(), 1).into_data().try_into_vec().expect("floats");
        assert!(along.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6));
        // As the first layer has it: the inputs outermost.
        let turned = rounding.folded(x.swap_dims(0, 1), 0).swap_dims(0, 1);
        let turned: Vec<f32> = turned.into_data().try_into_vec().expect("floats");
        assert!(turned.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
