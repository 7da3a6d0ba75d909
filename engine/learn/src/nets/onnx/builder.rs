//! Builder: nodes and constants of an ONNX graph, named as they come.

use super::proto::{
    AttributeProto, AttributeType, Dimension, FLOAT, GraphProto, INT64, IR_VERSION, ModelProto, NodeProto,
    OPSET, OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// A graph under construction. Values are known by their names.
#[derive(Debug, Default)]
pub(in super::super) struct Builder {
    graph: GraphProto,
}

impl Builder {
    /// A constant of floats.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, shape, FLOAT, raw)
    }

    /// A constant of whole numbers.
    pub fn ints(&mut self, name: &str, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, &[values.len()], INT64, raw)
    }

    fn constant(&mut self, name: &str, shape: &[usize], data_type: i32, raw_data: Vec<u8>) -> String {
        self.graph.initializer.push(TensorProto {
            dims: shape.iter().map(|&size| size as i64).collect(),
            data_type: Some(data_type),
            name: name.to_owned(),
            raw_data,
        });
        name.to_owned()
    }

    /// A node with one output, which is returned.
    pub fn op(&mut self, op_type: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let output = format!("{}_{}", op_type.to_lowercase(), self.graph.node.len());
        self.node(op_type, inputs, &output, attributes);
        output
    }

    /// A node whose output has a given name.
    pub fn node(&mut self, op_type: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: format!("node_{}", self.graph.node.len()),
            op_type: op_type.to_owned(),
            attribute: attributes,
        });
    }

    /// The model, with `input` and `output` as `[batch, columns]` floats.
    pub fn finish(mut self, input: (&str, usize), output: (&str, usize)) -> ModelProto {
        "orrery".clone_into(&mut self.graph.name);
        self.graph.input = vec![value(input.0, input.1)];
        self.graph.output = vec![value(output.0, output.1)];
        ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: "orrery".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: Some(OPSET) }],
        }
    }
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

/// An attribute that is a list of whole numbers.
pub(in super::super) fn int_list(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        ints: values.to_vec(),
        r#type: AttributeType::Ints.into(),
        ..AttributeProto::default()
    }
}

/// An attribute that is a number.
pub(in super::super) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        f: Some(value),
        r#type: AttributeType::Float.into(),
        ..AttributeProto::default()
    }
}

fn value(name: &str, columns: usize) -> ValueInfoProto {
    let batch = Dimension { dim_param: Some("batch".to_owned()), dim_value: None };
    let columns = Dimension { dim_value: Some(columns as i64), dim_param: None };
    let shape = TensorShapeProto { dim: vec![batch, columns] };
    let tensor_type = TensorTypeProto { elem_type: FLOAT, shape: Some(shape) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}
