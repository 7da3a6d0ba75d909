//! ONNX: the plan of an image network as nodes of a graph.

use super::{
    super::{
        graph::NORM_EPSILON,
        onnx::{Writer, float, int_list},
    },
    steps::{Conv, Ending, Plan, Step},
};

/// Writes what comes between rows of pixels and raw outputs; the output's name.
pub(in super::super) fn write(writer: &mut Writer<'_>, plan: &Plan, x: &str) -> String {
    let shape = plan.shape;
    let sizes = [-1, i64::from(shape.channels), i64::from(shape.height), i64::from(shape.width)];
    let sizes = writer.graph.ints("picture.shape", &sizes);
    let mut picture = writer.graph.op("Reshape", &[x, &sizes], Vec::new());
    let mut kept = String::new();
    for step in &plan.steps {
        picture = match step {
            Step::Conv(conv) => convolve(writer, conv, &picture),
            Step::Norm { name, channels, groups } => normalize(writer, name, (*channels, *groups), &picture),
            Step::Relu => writer.relu(&picture),
            Step::Pool => {
                let windows = vec![int_list("kernel_shape", &[2, 2]), int_list("strides", &[2, 2])];
                writer.graph.op("MaxPool", &[&picture], windows)
            }
            Step::Keep => {
                kept.clone_from(&picture);
                picture
            }
            Step::Add(shortcut) => {
                let kept =
                    shortcut.as_ref().map_or_else(|| kept.clone(), |conv| convolve(writer, conv, &kept));
                writer.graph.op("Add", &[&picture, &kept], Vec::new())
            }
        };
    }
    let picture = match plan.ending {
        Ending::Flatten => picture,
        Ending::Mean => writer.graph.op("GlobalAveragePool", &[&picture], Vec::new()),
    };
    let mut x = writer.graph.op("Flatten", &[&picture], Vec::new());
    for (at, layer) in plan.layers.iter().enumerate() {
        if at > 0 {
            x = writer.relu(&x);
        }
        x = writer.linear(&layer.name, &x);
    }
    x
}

fn convolve(writer: &mut Writer<'_>, conv: &Conv, picture: &str) -> String {
    let weight = writer.own(&format!("{}.weight", conv.name));
    let bias = writer.own(&format!("{}.bias", conv.name));
    let (kernel, padding) = (conv.kernel as i64, conv.padding() as i64);
    let attributes = vec![int_list("kernel_shape", &[kernel, kernel]), int_list("pads", &[padding; 4])];
    writer.graph.op("Conv", &[picture, &weight, &bias], attributes)
}

/// Group normalization as instance normalization of each group's values in one line: opset 17 has no node of its own for it.
fn normalize(
    writer: &mut Writer<'_>,
    name: &str,
    (channels, groups): (usize, usize),
    picture: &str,
) -> String {
    let shape = writer.graph.op("Shape", &[picture], Vec::new());
    let lines = writer.graph.ints(&format!("{name}.lines"), &[0, groups as i64, -1]);
    let grouped = writer.graph.op("Reshape", &[picture, &lines], Vec::new());
    let ones = writer.graph.floats(&format!("{name}.ones"), &[groups], &vec![1.0; groups]);
    let zeros = writer.graph.floats(&format!("{name}.zeros"), &[groups], &vec![0.0; groups]);
    let epsilon = vec![float("epsilon", NORM_EPSILON as f32)];
    let scaled = writer.graph.op("InstanceNormalization", &[&grouped, &ones, &zeros], epsilon);
    let scaled = writer.graph.op("Reshape", &[&scaled, &shape], Vec::new());
    let gamma = writer.weight(&format!("{name}.gamma"), &[1, channels, 1, 1]);
    let beta = writer.weight(&format!("{name}.beta"), &[1, channels, 1, 1]);
    let scaled = writer.graph.op("Mul", &[&scaled, &gamma], Vec::new());
    writer.graph.op("Add", &[&scaled, &beta], Vec::new())
}
