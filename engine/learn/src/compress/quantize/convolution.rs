//! Convolution: one of the graph's, rewritten so that its filters are whole numbers.
//!
//! ```text
//! integer   x ─Quantize─► u8 ─Pad(with the code of 0)─► ConvInteger(u8 filters, one more of ones) ─► i32 ─ 64 x that of ones
//!             ─Cast─► f32 ─Mul(scales)─► + bias
//! QDQ       x ─Quantize─► u8 ─Dequantize─► f32 ─Conv─►                   the filters: i8 ─DequantizeLinear─► f32
//! weights   x ─────────────────────────────────Conv─►                    the filters: i8 ─DequantizeLinear─► f32
//! ```

use super::graph::{Form, INT8, Input, Layer, UINT8, Writer, bytes, int};
use crate::nets::{
    codes::Codes,
    onnx::proto::{INT32, INT64, NodeProto},
};

/// What is added to filters' codes. Those of -64 to 64 become 0 to 128, so that sums of two products fit in 16 bits here, too; and
/// runtimes of old take unsigned filters alone.
const MIDDLE: u8 = 64;

impl Writer<'_> {
    /// Writes a convolution whose filters are codes.
    pub(super) fn convolution(&mut self, node: &NodeProto, name: &str, layer: &Layer) {
        let (Some(x), Some(output)) = (node.input.first(), node.output.first()) else { return };
        let value = |part: &str| format!("{name}.{part}");
        let bias = node.input.get(2).filter(|bias| !bias.is_empty());
        if self.form == Form::Integer && layer.input != Input::Float {
            let product = if bias.is_some() { value("product") } else { output.clone() };
            self.whole_convolution(node, x, layer, &value, &product);
            if let Some(bias) = bias {
                self.reach_channels(bias);
                self.node("Add", &[&product, bias], &[output], Vec::new());
            }
            return;
        }
        let filters = self.filters(&layer.codes, &value);
        let x = self.rounded(x, layer, &value);
        let inputs: Vec<&str> = [&x, &filters].into_iter().chain(bias).map(String::as_str).collect();
        self.node("Conv", &inputs, &[output], node.attribute.clone());
    }

    /// The convolution in whole numbers, and its scales.
    fn whole_convolution(
        &mut self,
        node: &NodeProto,
        x: &str,
        layer: &Layer,
        value: &impl Fn(&str) -> String,
        product: &str,
    ) {
        let (input, scale, zero) = self.quantized(x, layer, value);
        let input = self.padded(&input, &zero, node, value);
        let count = layer.codes.shape[0];
        let ones = std::iter::repeat_n(1, layer.codes.all.len() / count.max(1));
        let filters = layer.codes.all.iter().map(|code| code.cast_unsigned().wrapping_add(MIDDLE));
        let mut shape = layer.codes.shape.clone();
        shape[0] += 1;
        let filters = self.constant(value("codes"), &shape, UINT8, filters.chain(ones).collect());
        let attributes = node.attribute.iter().filter(|attribute| attribute.name != "pads").cloned();
        let attributes = attributes.collect();
        self.node("ConvInteger", &[&input, &filters, &zero], &[&value("shifted")], attributes);
        self.unshifted(count, value);
        self.scaled(layer, &[layer.codes.scales.len(), 1, 1], &scale, value, product);
    }

    /// Takes back what [`MIDDLE`] added to the sums: as often what the filter of ones says. rten 0.27 forgets the zero point of filters
    /// where several pictures are computed together, so that they have none.
    fn unshifted(&mut self, count: usize, value: &impl Fn(&str) -> String) {
        let number = |number: usize| (number as i64).to_le_bytes().to_vec();
        let [none, all, whole, channels] = [("from", 0), ("count", count), ("whole", count + 1), ("axis", 1)]
            .map(|(name, of)| self.constant(value(name), &[1], INT64, number(of)));
        let shifted = value("shifted");
        self.node("Slice", &[&shifted, &none, &all, &channels], &[&value("shifted.sums")], Vec::new());
        self.node("Slice", &[&shifted, &all, &whole, &channels], &[&value("shifted.ones")], Vec::new());
        let middle = self.constant(value("middle"), &[], INT32, i32::from(MIDDLE).to_le_bytes().to_vec());
        self.node("Mul", &[&value("shifted.ones"), &middle], &[&value("shift")], Vec::new());
        self.node("Sub", &[&value("shifted.sums"), &value("shift")], &[&value("sums")], Vec::new());
    }

    /// Codes of pictures with the code of 0 around them. rten 0.27 pads codes with a number of its own, whatever the code of 0 is: its
    /// convolution gets none to add.
    fn padded(
        &mut self,
        codes: &str,
        zero: &str,
        node: &NodeProto,
        value: &impl Fn(&str) -> String,
    ) -> String {
        let pads = node.attribute.iter().find(|attribute| attribute.name == "pads");
        let Some([top, left, bottom, right]) = pads.map(|pads| pads.ints.as_slice()) else {
            return codes.to_owned();
        };
        if [top, left, bottom, right].iter().all(|pad| **pad == 0) {
            return codes.to_owned();
        }
        let around = [0, 0, *top, *left, 0, 0, *bottom, *right];
        let around = around.iter().flat_map(|pad: &i64| pad.to_le_bytes()).collect();
        let around = self.constant(value("pads"), &[8], INT64, around);
        self.node("Pad", &[codes, &around, zero], &[&value("input.padded")], Vec::new());
        value("input.padded")
    }

    /// Gives a bias `[channels]` the shape in which it is added to pictures.
    fn reach_channels(&mut self, bias: &str) {
        let found = self.graph.initializer.iter_mut().find(|tensor| tensor.name == bias);
        if let Some(tensor) = found {
            tensor.dims.extend([1, 1]);
        }
    }

    /// The filters as floats again.
    fn filters(&mut self, of: &Codes, value: &impl Fn(&str) -> String) -> String {
        if of.scales.len() == of.shape[0] {
            let codes = self.constant(value("codes"), &of.shape, INT8, bytes(of));
            let scales = self.floats(value("scales"), &[of.scales.len()], &of.scales);
            self.node("DequantizeLinear", &[&codes, &scales], &[&value("values")], vec![int("axis", 0)]);
            return value("values");
        }
        // Blocks run over all that goes into a filter.
        let lines = Codes { shape: of.lines(), ..of.clone() };
        let codes = self.constant(value("codes"), &lines.shape, INT8, bytes(of));
        let matrix = self.matrix(&codes, &lines, value);
        let shape = of.shape.iter().flat_map(|length| (*length as i64).to_le_bytes()).collect();
        let shape = self.constant(value("shape"), &[of.shape.len()], INT64, shape);
        self.node("Reshape", &[&matrix, &shape], &[&value("filters")], Vec::new());
        value("filters")
    }
}
