//! Forward: the plan of an image network followed on a device.

use burn::tensor::{
    Tensor,
    activation::relu,
    module::{conv2d, max_pool2d},
    ops::{ConvOptions, MaxPoolOptions},
};

use super::{
    super::graph::{Dropout, NORM_EPSILON, Network, linear},
    steps::{Conv, Ending, Plan, Step},
};

/// Raw outputs of pictures given as rows of pixels. `[rows, channels * height * width]` to `[rows, outputs]`
pub(in super::super) fn forward(
    plan: &Plan,
    network: &Network,
    x: Tensor<2>,
    dropout: &mut Dropout,
) -> Tensor<2> {
    let shape = plan.shape;
    let rows = x.dims()[0];
    let mut picture: Tensor<4> =
        x.reshape([rows, shape.channels as usize, shape.height as usize, shape.width as usize]);
    let mut kept = None;
    for step in &plan.steps {
        picture = match step {
            Step::Conv(conv) => convolve(network, conv, picture),
            Step::Norm { name, groups, .. } => normalize(network, name, *groups, picture),
            Step::Relu => relu(picture),
            Step::Pool => max_pool2d(picture, MaxPoolOptions::new([2, 2])),
            Step::Keep => {
                kept = Some(picture.clone());
                picture
            }
            Step::Add(shortcut) => match (kept.take(), shortcut) {
                (Some(kept), Some(conv)) => picture + convolve(network, conv, kept),
                (Some(kept), None) => picture + kept,
                (None, _) => picture,
            },
        };
    }
    let [_, channels, height, width] = picture.dims();
    let mut x: Tensor<2> = match plan.ending {
        Ending::Flatten => picture.reshape([rows, channels * height * width]),
        Ending::Mean => {
            picture.reshape([rows, channels, height * width]).mean_dim(2).reshape([rows, channels])
        }
    };
    for (at, layer) in plan.layers.iter().enumerate() {
        if at > 0 {
            x = relu(x);
        }
        if at + 1 == plan.layers.len() {
            x = dropout.apply(x);
        }
        x = linear(network, &layer.name, x);
    }
    x
}

fn convolve(network: &Network, conv: &Conv, picture: Tensor<4>) -> Tensor<4> {
    let weight = network
        .shaped(&format!("{}.weight", conv.name), [conv.outputs, conv.inputs, conv.kernel, conv.kernel]);
    let bias = network.shaped(&format!("{}.bias", conv.name), [conv.outputs]);
    let picture = network.input(&conv.name, picture);
    let padding = conv.padding();
    conv2d(picture, weight, Some(bias), ConvOptions::new([1, 1], [padding, padding], [1, 1], 1))
}

fn normalize(network: &Network, name: &str, groups: usize, picture: Tensor<4>) -> Tensor<4> {
    let [rows, channels, height, width] = picture.dims();
    let grouped: Tensor<3> = picture.reshape([rows, groups, channels / groups * height * width]);
    let centred = grouped.clone() - grouped.mean_dim(2);
    let variance = (centred.clone() * centred.clone()).mean_dim(2);
    let scaled = (centred / (variance + NORM_EPSILON).sqrt()).reshape([rows, channels, height, width]);
    let part = |part: &str| network.shaped(&format!("{name}.{part}"), [1, channels, 1, 1]);
    scaled * part("gamma") + part("beta")
}
