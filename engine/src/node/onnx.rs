//! ONNX: the protocol's tensors as a foreign file takes them, and its answers as tensors.

use orrery_learn::onnx::{ElementType, Elements, OnnxModel, OnnxTensor, Slot};
use orrery_oip::{DataType, OipError, Tensor, control::TensorMetadata};

use super::schema::{Unfit, select};

fn datatype(kind: ElementType) -> DataType {
    match kind {
        ElementType::Float32 => DataType::Fp32,
        ElementType::Float64 => DataType::Fp64,
        ElementType::Int32 => DataType::Int32,
        ElementType::Int64 => DataType::Int64,
        ElementType::Int8 => DataType::Int8,
        ElementType::Uint8 => DataType::Uint8,
        ElementType::Bool => DataType::Bool,
    }
}

/// Inputs or outputs as metadata; -1 is any length.
pub fn metadata(slots: &[Slot]) -> Vec<TensorMetadata> {
    let length = |length: &Option<usize>| length.map_or(-1, |length| length as i64);
    let describe = |slot: &Slot| TensorMetadata {
        name: slot.name.clone(),
        datatype: datatype(slot.kind).name().to_owned(),
        shape: slot.shape.as_ref().map_or_else(|| vec![-1], |shape| shape.iter().map(length).collect()),
    };
    slots.iter().map(describe).collect()
}

/// A request's tensors in the file's order.
///
/// # Errors
/// An error that names the tensor which is missing, unknown or does not fit.
pub fn inputs(model: &OnnxModel, tensors: &[Tensor<'_>]) -> Result<Vec<OnnxTensor>, Unfit> {
    let known = |tensor: &&Tensor<'_>| !model.inputs().iter().any(|slot| slot.name == tensor.name);
    if let Some(tensor) = tensors.iter().find(known) {
        return Err(Unfit::Input(format!("The model has no input '{}'. Leave it out.", tensor.name)));
    }
    let mut all = Vec::with_capacity(tensors.len());
    for slot in model.inputs() {
        let Some(tensor) = tensors.iter().find(|tensor| slot.name == tensor.name) else {
            return Err(Unfit::Input(format!("The input '{}' is missing. Send it.", slot.name)));
        };
        if tensor.is_empty() {
            return Err(Unfit::Input(format!("The input '{}' is empty. Send one row at least.", slot.name)));
        }
        let shape = tensor.shape().iter().map(|length| *length as usize).collect();
        all.push(OnnxTensor { shape, elements: elements(slot, tensor)? });
    }
    if model.batches() && all.iter().any(|tensor| tensor.rows() != all[0].rows()) {
        let rows: Vec<usize> = all.iter().map(OnnxTensor::rows).collect();
        return Err(Unfit::Input(format!("The inputs have different numbers of rows: {rows:?}.")));
    }
    Ok(all)
}

fn elements(slot: &Slot, tensor: &Tensor<'_>) -> Result<Elements, Unfit> {
    fn narrow<T: TryFrom<i64>>(slot: &Slot, values: Vec<i64>) -> Result<Vec<T>, Unfit> {
        let one = |value: i64| {
            T::try_from(value).map_err(|_wide| {
                Unfit::Input(format!(
                    "{value} in the input '{}' has too many bits for this runtime.",
                    slot.name
                ))
            })
        };
        values.into_iter().map(one).collect()
    }
    Ok(match slot.kind {
        ElementType::Float32 | ElementType::Float64 => Elements::Floats(tensor.as_f32()?),
        ElementType::Bool => Elements::Integers(tensor.as_bools()?.into_iter().map(i32::from).collect()),
        ElementType::Int32 | ElementType::Int64 => Elements::Integers(narrow(slot, tensor.as_i64()?)?),
        ElementType::Int8 => Elements::Bytes(narrow(slot, tensor.as_i64()?)?),
        ElementType::Uint8 => Elements::Unsigned(narrow(slot, tensor.as_i64()?)?),
    })
}

/// Answers as tensors: those that were asked for, or all, in the file's order.
///
/// # Errors
/// An error that names an output the model does not have.
pub fn outputs(
    model: &OnnxModel,
    found: &[OnnxTensor],
    asked: &[&str],
) -> Result<Vec<Tensor<'static>>, Unfit> {
    let all = model.outputs().iter().zip(found).map(|(slot, tensor)| output(slot, tensor));
    select(all.collect::<Result<_, _>>()?, asked)
}

fn output(slot: &Slot, tensor: &OnnxTensor) -> Result<Tensor<'static>, OipError> {
    let name = slot.name.clone();
    let shape = tensor.shape.iter().map(|length| *length as u64).collect();
    match (&tensor.elements, slot.kind) {
        (Elements::Floats(values), ElementType::Float64) => {
            Tensor::from_slice(name, shape, &values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>())
        }
        (Elements::Floats(values), _) => Tensor::from_slice(name, shape, values),
        (Elements::Integers(values), ElementType::Int64) => {
            Tensor::from_slice(name, shape, &values.iter().map(|value| i64::from(*value)).collect::<Vec<_>>())
        }
        (Elements::Integers(values), ElementType::Bool) => {
            Tensor::from_slice(name, shape, &values.iter().map(|value| *value != 0).collect::<Vec<_>>())
        }
        (Elements::Integers(values), _) => Tensor::from_slice(name, shape, values),
        (Elements::Bytes(values), _) => Tensor::from_slice(name, shape, values),
        (Elements::Unsigned(values), _) => Tensor::from_slice(name, shape, values),
    }
}
