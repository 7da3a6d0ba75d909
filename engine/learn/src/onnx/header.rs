//! Header: what an ONNX file says of its inputs and outputs, read without its weights.

use prost::Message;

use super::{ElementType, Slot};
use crate::nets::onnx::proto::ValueInfoProto;

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Named>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
}

/// A weight without its values.
#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "8")]
    name: String,
}

/// Inputs and outputs as the file declares them, in its order.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Slot>, Vec<Slot>), String> {
    let model = Model::decode(bytes).map_err(|error| format!("it is no ONNX file ({error})"))?;
    let graph = model.graph.ok_or("it is no ONNX file: there is no graph in it")?;
    // Files of old list their weights as inputs, too.
    let fed = |info: &&ValueInfoProto| !graph.initializer.iter().any(|weight| weight.name == info.name);
    let inputs = graph.input.iter().filter(fed).map(slot).collect::<Result<Vec<_>, _>>()?;
    let outputs = graph.output.iter().map(slot).collect::<Result<Vec<_>, _>>()?;
    if inputs.is_empty() || outputs.is_empty() {
        return Err("its graph has no inputs or no outputs".to_owned());
    }
    Ok((inputs, outputs))
}

fn slot(info: &ValueInfoProto) -> Result<Slot, String> {
    let name = info.name.clone();
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| format!("'{name}' is no tensor: only tensors are served"))?;
    let kind = match tensor.elem_type {
        1 => ElementType::Float32,
        2 => ElementType::Uint8,
        3 => ElementType::Int8,
        6 => ElementType::Int32,
        7 => ElementType::Int64,
        9 => ElementType::Bool,
        11 => ElementType::Float64,
        other => {
            return Err(format!(
                "'{name}' has elements of ONNX type {other}: float, double, int8, int32, int64, uint8 and bool are served. Cast inside the graph"
            ));
        }
    };
    let length = |dimension: &crate::nets::onnx::proto::Dimension| {
        dimension.dim_value.and_then(|value| usize::try_from(value).ok())
    };
    let shape = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(length).collect());
    Ok(Slot { name, kind, shape })
}
