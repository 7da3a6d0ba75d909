//! Graph: an exported network rewritten so that its matrices are whole numbers.
//!
//! ```text
//! integer   x ─QuantizeLinear (known range) or DynamicQuantizeLinear─► u8 ─MatMulInteger(i8)─► i32 ─Cast─► f32 ─Mul(scales)─► + bias
//! QDQ       x ─Quantize─► u8 ─Dequantize─► f32 ─MatMul─► + bias          the matrix: i8 ─DequantizeLinear─► f32
//! weights   x ──────────────────────────────────MatMul─► + bias          the matrix: i8 ─DequantizeLinear─► f32
//! ```
//!
//! The first computes in whole numbers wherever it runs; the second is what other tools read as a quantized model. Convolutions are
//! written likewise (`convolution`).

use std::collections::{BTreeMap, BTreeSet};

use crate::nets::{
    codes::{Codes, Range},
    onnx::proto::{
        AttributeProto, AttributeType, FLOAT, GraphProto, INT64, ModelProto, NodeProto, TensorProto,
    },
};

/// `TensorProto.DataType`: 8-bit unsigned integer.
pub(super) const UINT8: i32 = 2;
/// `TensorProto.DataType`: 8-bit integer.
pub(super) const INT8: i32 = 3;

/// What a layer's input is turned into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input {
    /// Nothing: only the matrix is whole numbers.
    Float,
    /// Whole numbers by the range that the rows at hand have.
    Dynamic,
    /// Whole numbers by a range that was found before.
    Static(Range),
}

/// How a quantized layer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Operators that compute in whole numbers.
    Integer,
    /// Quantize and dequantize around operators of floats.
    Qdq,
}

/// One layer: the codes of its matrix or of its convolution's filters, and its input.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Matrix or filters.
    pub codes: Codes,
    /// Input.
    pub input: Input,
}

/// Names of the matrices and filters of layers, with the value that each takes, in the graph's order; the table of embedded categories
/// takes codes, which are whole numbers already.
pub fn layers(model: &ModelProto) -> Vec<(String, Option<String>)> {
    let Some(graph) = &model.graph else { return Vec::new() };
    let is_layer = |node: &&NodeProto| matches!(node.op_type.as_str(), "Gemm" | "MatMul" | "Conv" | "Gather");
    let named = |node: &NodeProto| match node.op_type.as_str() {
        "Gather" => Some((node.input.first()?.clone(), None)),
        _ => Some((node.input.get(1)?.clone(), Some(node.input.first()?.clone()))),
    };
    graph.node.iter().filter(is_layer).filter_map(named).filter(|(name, _)| is_matrix(name)).collect()
}

/// Whether a tensor is a matrix, or filters, that can be quantized.
fn is_matrix(name: &str) -> bool {
    name.ends_with(".weight")
}

/// The graph with those layers quantized; all else stays.
pub fn rewrite(model: &ModelProto, plan: &BTreeMap<String, Layer>, form: Form) -> ModelProto {
    let mut model = model.clone();
    if let Some(graph) = &mut model.graph {
        let nodes = std::mem::take(&mut graph.node);
        graph.initializer.retain(|tensor| !plan.contains_key(&tensor.name));
        let shared =
            nodes.iter().filter(|node| node.op_type == "Unsqueeze").flat_map(|node| node.output.clone());
        let mut writer = Writer { shared: shared.collect(), graph, form };
        for node in nodes {
            let named = |place: usize| {
                let name = node.input.get(place)?;
                Some((name.clone(), plan.get(name)?))
            };
            if let Some((name, layer)) = named(1) {
                if node.op_type == "Conv" {
                    writer.convolution(&node, &name, layer);
                } else {
                    writer.layer(&node, &name, layer);
                }
            } else if let Some((name, layer)) = named(0) {
                writer.table(&node, &name, &layer.codes);
            } else {
                writer.graph.node.push(node);
            }
        }
    }
    model
}

/// Writes the new graph's nodes.
pub(super) struct Writer<'a> {
    /// Values of one batch that all members of an ensemble take.
    shared: BTreeSet<String>,
    pub(super) graph: &'a mut GraphProto,
    pub(super) form: Form,
}

impl Writer<'_> {
    pub(super) fn constant(
        &mut self,
        name: String,
        shape: &[usize],
        data_type: i32,
        raw_data: Vec<u8>,
    ) -> String {
        self.graph.initializer.push(TensorProto {
            dims: shape.iter().map(|&length| length as i64).collect(),
            data_type: Some(data_type),
            name: name.clone(),
            raw_data,
        });
        name
    }

    pub(super) fn floats(&mut self, name: String, shape: &[usize], values: &[f32]) -> String {
        self.constant(name, shape, FLOAT, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    pub(super) fn node(
        &mut self,
        op_type: &str,
        inputs: &[&str],
        outputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) {
        let name = format!("quantized_{}", self.graph.node.len());
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: outputs.iter().map(|&name| name.to_owned()).collect(),
            name,
            op_type: op_type.to_owned(),
            attribute,
        });
    }

    fn layer(&mut self, node: &NodeProto, name: &str, layer: &Layer) {
        let (Some(x), Some(output)) = (node.input.first(), node.output.first()) else { return };
        let value = |part: &str| format!("{name}.{part}");
        let bias = node.input.get(2).filter(|bias| !bias.is_empty());
        // The product's name: the layer's own where no bias follows.
        let product = if bias.is_some() { value("product") } else { output.clone() };
        let codes = self.constant(value("codes"), &layer.codes.shape, INT8, bytes(&layer.codes));
        if self.form == Form::Integer && layer.input != Input::Float {
            self.whole(x, &codes, layer, &value, &product);
        } else {
            let matrix = self.matrix(&codes, &layer.codes, &value);
            let x = self.rounded(x, layer, &value);
            self.node("MatMul", &[&x, &matrix], &[&product], Vec::new());
        }
        if let Some(bias) = bias {
            self.node("Add", &[&product, bias], &[output], Vec::new());
        }
    }

    /// Rows of a table: their codes are gathered, and become floats.
    fn table(&mut self, node: &NodeProto, name: &str, codes: &Codes) {
        let (Some(rows), Some(output)) = (node.input.get(1), node.output.first()) else { return };
        let value = |part: &str| format!("{name}.{part}");
        self.constant(value("codes"), &codes.shape, INT8, bytes(codes));
        let scales = self.floats(value("scales"), &plain(&codes.scale_shape), &codes.scales);
        self.node("Gather", &[&value("codes"), rows], &[&value("rows")], node.attribute.clone());
        self.node("Cast", &[&value("rows")], &[&value("counted")], vec![int("to", i64::from(FLOAT))]);
        self.node("Mul", &[&value("counted"), &scales], &[output], Vec::new());
    }

    /// The input as floats: its codes' values, where it is quantized.
    pub(super) fn rounded(&mut self, x: &str, layer: &Layer, value: &impl Fn(&str) -> String) -> String {
        if layer.input == Input::Float {
            return x.to_owned();
        }
        let (codes, scale, zero) = self.quantized(x, layer, value);
        self.node("DequantizeLinear", &[&codes, &scale, &zero], &[&value("input")], Vec::new());
        value("input")
    }

    /// The input as codes, their scale and their zero.
    pub(super) fn quantized(
        &mut self,
        x: &str,
        layer: &Layer,
        value: &impl Fn(&str) -> String,
    ) -> (String, String, String) {
        let names = (value("input.codes"), value("input.scale"), value("input.zero"));
        if let Input::Static(range) = layer.input {
            self.floats(names.1.clone(), &[], &[range.scale]);
            self.constant(names.2.clone(), &[], UINT8, vec![range.zero]);
            self.node("QuantizeLinear", &[x, &names.1, &names.2], &[&names.0], Vec::new());
        } else {
            self.node("DynamicQuantizeLinear", &[x], &[&names.0, &names.1, &names.2], Vec::new());
        }
        names
    }

    /// The product in whole numbers, and its scales.
    fn whole(&mut self, x: &str, codes: &str, layer: &Layer, value: &impl Fn(&str) -> String, product: &str) {
        // rten 0.27 gives wrong sums where a batch of one meets several matrices in whole numbers: each gets its own.
        let mut x = x.to_owned();
        if let (true, [members, _, _]) = (self.shared.contains(&x), layer.codes.shape.as_slice()) {
            let shape = [*members as i64, 1, 1].iter().flat_map(|length| length.to_le_bytes()).collect();
            let shape = self.constant(value("members"), &[3], INT64, shape);
            self.node("Expand", &[&x, &shape], &[&value("input.each")], Vec::new());
            x = value("input.each");
        }
        let (input, scale, zero) = self.quantized(&x, layer, value);
        let none = self.constant(value("zero"), &[], INT8, vec![0]);
        self.node("MatMulInteger", &[&input, codes, &zero, &none], &[&value("sums")], Vec::new());
        // A vector where that is enough: runtimes fuse it with the product.
        self.scaled(layer, &plain(&layer.codes.scale_shape), &scale, value, product);
    }

    /// Sums in whole numbers as floats: times the codes' scales, in a shape that reaches their outputs, and the input's.
    pub(super) fn scaled(
        &mut self,
        layer: &Layer,
        shape: &[usize],
        scale: &str,
        value: &impl Fn(&str) -> String,
        product: &str,
    ) {
        self.node("Cast", &[&value("sums")], &[&value("counted")], vec![int("to", i64::from(FLOAT))]);
        let scales = &layer.codes.scales;
        let scales = if let Input::Static(range) = layer.input {
            let all: Vec<f32> = scales.iter().map(|scale| scale * range.scale).collect();
            self.floats(value("scales"), shape, &all)
        } else {
            let own = self.floats(value("scales"), shape, scales);
            self.node("Mul", &[scale, &own], &[&value("scales.here")], Vec::new());
            value("scales.here")
        };
        self.node("Mul", &[&value("counted"), &scales], &[product], Vec::new());
    }

    /// The matrix as floats again.
    pub(super) fn matrix(&mut self, codes: &str, of: &Codes, value: &impl Fn(&str) -> String) -> String {
        let matrix = value("values");
        let axes: Vec<usize> = (0..of.shape.len()).filter(|&axis| of.scale_shape[axis] > 1).collect();
        // ONNX Runtime 1.31 takes a scale of any one axis for one of the last, and gives wrong products.
        let last = axes.iter().all(|axis| axis + 1 == of.shape.len());
        if let ([] | [_], true, true) = (axes.as_slice(), last, whole_axes(of, &axes)) {
            let axis = axes.first().copied().unwrap_or(0);
            let shape = if axes.is_empty() { Vec::new() } else { vec![of.scales.len()] };
            let scales = self.floats(value("scales"), &shape, &of.scales);
            let attributes = if axes.is_empty() { Vec::new() } else { vec![int("axis", axis as i64)] };
            self.node("DequantizeLinear", &[codes, &scales], &[&matrix], attributes);
            return matrix;
        }
        // Blocks, or a scale a member and channel: each run of inputs takes its scale's row.
        let mut scales = self.floats(value("scales"), &of.scale_shape, &of.scales);
        for axis in (0..of.shape.len()).filter(|&axis| (2..of.shape[axis]).contains(&of.scale_shape[axis])) {
            let run = of.shape[axis].div_ceil(of.scale_shape[axis]);
            let owners: Vec<u8> =
                (0..of.shape[axis]).flat_map(|place| ((place / run) as i64).to_le_bytes()).collect();
            let owners = self.constant(value(&format!("owners.{axis}")), &[of.shape[axis]], INT64, owners);
            let spread = value(&format!("scales.{axis}"));
            self.node("Gather", &[&scales, &owners], &[&spread], vec![int("axis", axis as i64)]);
            scales = spread;
        }
        let floats = value("codes.float");
        self.node("Cast", &[codes], &[&floats], vec![int("to", i64::from(FLOAT))]);
        self.node("Mul", &[&floats, &scales], &[&matrix], Vec::new());
        matrix
    }
}

/// Whether each of these axes has a scale for every place.
fn whole_axes(of: &Codes, axes: &[usize]) -> bool {
    axes.iter().all(|&axis| of.scale_shape[axis] == of.shape[axis])
}

/// A shape without its leading ones, which broadcasting adds by itself.
fn plain(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().skip_while(|length| *length == 1).collect()
}

/// Codes as bytes of 8 bits, whatever their own.
pub(super) fn bytes(codes: &Codes) -> Vec<u8> {
    codes.all.iter().map(|code| code.cast_unsigned()).collect()
}

/// An attribute that is a whole number.
pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        i: Some(value),
        r#type: AttributeType::Int.into(),
        ..AttributeProto::default()
    }
}
