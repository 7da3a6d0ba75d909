//! The JSON `data` of a tensor, written from its wire bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use crate::{
    Bf16, DataType, Element, EncodeOptions, F16, NonFinite, OipError, Tensor,
    json::{push_string, push_value},
};

/// Whether a tensor's BYTES must go as base64: an element is no UTF-8.
pub(super) fn needs_base64(tensor: &Tensor<'_>) -> bool {
    tensor.byte_strings().is_ok_and(|mut all| all.any(|bytes| std::str::from_utf8(bytes).is_err()))
}

/// Appends `data`, a flat array.
pub(super) fn push_data(
    out: &mut Vec<u8>,
    tensor: &Tensor<'_>,
    options: EncodeOptions,
) -> Result<(), OipError> {
    match tensor.datatype() {
        DataType::Bool => plain::<bool>(out, tensor),
        DataType::Uint8 => plain::<u8>(out, tensor),
        DataType::Uint16 => plain::<u16>(out, tensor),
        DataType::Uint32 => plain::<u32>(out, tensor),
        DataType::Uint64 => plain::<u64>(out, tensor),
        DataType::Int8 => plain::<i8>(out, tensor),
        DataType::Int16 => plain::<i16>(out, tensor),
        DataType::Int32 => plain::<i32>(out, tensor),
        DataType::Int64 => plain::<i64>(out, tensor),
        DataType::Fp16 => return floats(out, tensor, options, F16::to_f32),
        DataType::Bf16 => return floats(out, tensor, options, Bf16::to_f32),
        DataType::Fp32 => return floats(out, tensor, options, |number: f32| number),
        DataType::Fp64 => return floats(out, tensor, options, |number: f64| number),
        DataType::Bytes => return texts(out, tensor, options),
    }
    Ok(())
}

/// Appends an array, one call an element.
fn array<T>(
    out: &mut Vec<u8>,
    elements: impl Iterator<Item = T>,
    mut push: impl FnMut(&mut Vec<u8>, usize, T) -> Result<(), OipError>,
) -> Result<(), OipError> {
    out.push(b'[');
    for (index, element) in elements.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(out, index, element)?;
    }
    out.push(b']');
    Ok(())
}

fn plain<T: Element + Serialize>(out: &mut Vec<u8>, tensor: &Tensor<'_>) {
    out.push(b'[');
    for (index, element) in tensor.elements::<T>().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_value(out, &element);
    }
    out.push(b']');
}

fn floats<T: Element, F: Serialize + Into<f64> + Copy>(
    out: &mut Vec<u8>,
    tensor: &Tensor<'_>,
    options: EncodeOptions,
    widen: impl Fn(T) -> F,
) -> Result<(), OipError> {
    array(out, tensor.elements::<T>(), |out, index, element| {
        let number = widen(element);
        let wide: f64 = number.into();
        if wide.is_finite() {
            push_value(out, &number);
            return Ok(());
        }
        let word = match options.non_finite {
            NonFinite::Refuse => return Err(OipError::NotFinite { place: tensor.place(), index }),
            NonFinite::Null => "null",
            NonFinite::Literals if wide.is_nan() => "NaN",
            NonFinite::Literals if wide > 0.0 => "Infinity",
            NonFinite::Literals => "-Infinity",
        };
        out.extend_from_slice(word.as_bytes());
        Ok(())
    })
}

fn texts(out: &mut Vec<u8>, tensor: &Tensor<'_>, options: EncodeOptions) -> Result<(), OipError> {
    if options.base64 && needs_base64(tensor) {
        return array(out, tensor.byte_strings()?, |out, _, bytes| {
            push_string(out, &STANDARD.encode(bytes));
            Ok(())
        });
    }
    array(out, tensor.byte_strings()?, |out, index, bytes| {
        let not_text = |_not_utf8| OipError::NotText { place: tensor.place(), index };
        push_string(out, std::str::from_utf8(bytes).map_err(not_text)?);
        Ok(())
    })
}
