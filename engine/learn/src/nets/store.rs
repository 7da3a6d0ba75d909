//! Store: a network as `weights.safetensors`, architecture inside, and `model.onnx` beside it.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use orrery_domain::{Failure, FailureClass};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{
    Architecture, Weights,
    codes::{Bits, Codes},
    onnx,
    score::check,
};
use crate::train::files::write_bytes;

/// The weights' file in a model's folder.
const WEIGHTS_FILE: &str = "weights.safetensors";
/// The graph's file in a model's folder.
const ONNX_FILE: &str = "model.onnx";
/// The metadata entry that holds the architecture as JSON.
const ARCHITECTURE_KEY: &str = "architecture";
/// Ends the name of a quantized tensor's scales.
const SCALES: &str = "#scales";

/// Writes `weights.safetensors` and `model.onnx` into a folder, each beside its target and renamed.
///
/// # Errors
/// A model failure when the weights are not the architecture's, a capacity failure when the disk does not take them.
pub fn save(dir: &Path, arch: &Architecture, weights: &Weights) -> Result<(), Failure> {
    check(arch, weights)?;
    write_bytes(&dir.join(WEIGHTS_FILE), &to_safetensors(weights, metadata(arch)?)?)?;
    write_bytes(&dir.join(ONNX_FILE), &onnx::export(arch, weights))
}

/// Reads what [`save`] wrote.
///
/// # Errors
/// A model failure when the file is missing, damaged or of another program.
pub fn load(dir: &Path) -> Result<(Architecture, Weights), Failure> {
    let path = dir.join(WEIGHTS_FILE);
    let unusable = |what: &dyn std::fmt::Display| {
        Failure::new(
            FailureClass::Model,
            format!(
                "The model's weights cannot be read: {what}. Restore or train the model again. ({})",
                path.display()
            ),
        )
    };
    let bytes = fs::read(&path).map_err(|error| unusable(&error))?;
    let (arch, weights) = read(&bytes).map_err(|what| unusable(&what))?;
    check(&arch, &weights)?;
    Ok((arch, weights))
}

/// Writes `weights.safetensors` with some tensors as [`Codes`]: `I8`, or `U8` with two codes of 4 bits a byte, and their scales beside
/// them.
///
/// # Errors
/// As [`save`].
pub(crate) fn save_codes(
    dir: &Path,
    arch: &Architecture,
    weights: &Weights,
    codes: &BTreeMap<String, Codes>,
) -> Result<(), Failure> {
    check(arch, weights)?;
    let floats: Weights = weights
        .iter()
        .filter(|(name, _)| !codes.contains_key(*name))
        .map(|(name, tensor)| (name.clone(), tensor.clone()))
        .chain(codes.iter().map(|(name, codes)| {
            (format!("{name}{SCALES}"), (codes.scale_shape.clone(), codes.scales.clone()))
        }))
        .collect();
    let mut tensors = floating(&floats);
    for (name, codes) in codes {
        let bytes = codes.bytes();
        let (dtype, shape) = match codes.bits {
            Bits::Seven | Bits::Eight => (Dtype::I8, codes.shape.clone()),
            Bits::Four => (Dtype::U8, vec![bytes.len()]),
        };
        tensors.push((name.as_str(), dtype, shape, bytes));
    }
    write_bytes(&dir.join(WEIGHTS_FILE), &serialized(&tensors, metadata(arch)?)?)
}

/// An architecture and its weights, quantized ones as the values that they stand for; a sentence part where the bytes are none.
fn read(bytes: &[u8]) -> Result<(Architecture, Weights), String> {
    let text = |error: safetensors::SafeTensorError| error.to_string();
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(text)?;
    let json = header.metadata().as_ref().and_then(|metadata| metadata.get(ARCHITECTURE_KEY));
    let json = json.ok_or("the file names no architecture")?;
    let arch: Architecture = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let shapes: BTreeMap<String, Vec<usize>> =
        arch.specs().into_iter().map(|spec| (spec.name, spec.shape)).collect();
    let tensors = SafeTensors::deserialize(bytes).map_err(text)?;
    let mut weights = Weights::new();
    for (name, view) in tensors.tensors() {
        let bits = match view.dtype() {
            _ if name.ends_with(SCALES) => continue,
            Dtype::F32 => {
                weights.insert(name, (view.shape().to_vec(), floats(view.data())));
                continue;
            }
            Dtype::I8 => Bits::Eight,
            Dtype::U8 => Bits::Four,
            other => return Err(format!("`{name}` is {other:?}, only F32, I8 and U8 are known")),
        };
        let shape = shapes.get(&name).ok_or_else(|| format!("the architecture has no `{name}`"))?;
        let scales = tensors.tensor(&format!("{name}{SCALES}")).map_err(text)?;
        if scales.dtype() != Dtype::F32 {
            return Err(format!("the scales of `{name}` are {:?}, not F32", scales.dtype()));
        }
        let codes = Codes::read(shape, bits, view.data(), scales.shape(), floats(scales.data()));
        let codes = codes.map_err(|what| format!("`{name}`: {what}"))?;
        weights.insert(name, (shape.clone(), codes.values()));
    }
    Ok((arch, weights))
}

/// Little-endian bytes as floats.
fn floats(bytes: &[u8]) -> Vec<f32> {
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// The one entry: several would stand in another order each time, and the same weights would be other bytes.
fn metadata(arch: &Architecture) -> Result<HashMap<String, String>, Failure> {
    let json = serde_json::to_string(arch).map_err(|error| {
        Failure::new(FailureClass::Bug, format!("The architecture cannot be written as JSON: {error}."))
    })?;
    Ok(HashMap::from([(ARCHITECTURE_KEY.to_owned(), json)]))
}

/// A tensor as it is written: name, type, shape, bytes.
type Written<'a> = (&'a str, Dtype, Vec<usize>, Vec<u8>);

fn floating(weights: &Weights) -> Vec<Written<'_>> {
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
    weights
        .iter()
        .map(|(name, (shape, values))| (name.as_str(), Dtype::F32, shape.clone(), bytes(values)))
        .collect()
}

fn serialized(tensors: &[Written<'_>], metadata: HashMap<String, String>) -> Result<Vec<u8>, Failure> {
    let broken = |error: safetensors::SafeTensorError| {
        Failure::new(FailureClass::Bug, format!("The weights cannot be written as safetensors: {error}."))
    };
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((*name, TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(broken)?;
    safetensors::serialize(views, Some(metadata)).map_err(broken)
}

/// Tensors and metadata as the bytes of a safetensors file.
pub(super) fn to_safetensors(
    weights: &Weights,
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>, Failure> {
    serialized(&floating(weights), metadata)
}

/// Metadata and tensors of a safetensors file; a sentence part where it is none.
pub(super) fn from_safetensors(bytes: &[u8]) -> Result<(HashMap<String, String>, Weights), String> {
    let text = |error: safetensors::SafeTensorError| error.to_string();
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(text)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let tensors = SafeTensors::deserialize(bytes).map_err(text)?;
    let mut weights = Weights::new();
    for (name, view) in tensors.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(format!("`{name}` is {:?}, only F32 is known", view.dtype()));
        }
        weights.insert(name, (view.shape().to_vec(), floats(view.data())));
    }
    Ok((metadata, weights))
}
