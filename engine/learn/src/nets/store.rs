//! Store: a network as `weights.safetensors`, architecture inside, and `model.onnx` beside it.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use orrery_domain::{Failure, FailureClass};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{Architecture, Weights, onnx, score::check};

/// The weights' file in a model's folder.
const WEIGHTS_FILE: &str = "weights.safetensors";
/// The graph's file in a model's folder.
const ONNX_FILE: &str = "model.onnx";
/// The metadata entry that holds the architecture as JSON.
const ARCHITECTURE_KEY: &str = "architecture";

/// Writes `weights.safetensors` and `model.onnx` into a folder, each beside its target and renamed.
///
/// # Errors
/// A model failure when the weights are not the architecture's, a capacity failure when the disk does not take them.
pub fn save(dir: &Path, arch: &Architecture, weights: &Weights) -> Result<(), Failure> {
    check(arch, weights)?;
    let json = serde_json::to_string(arch).map_err(|error| {
        Failure::new(FailureClass::Bug, format!("The architecture cannot be written as JSON: {error}."))
    })?;
    // One entry only: several would stand in another order each time, and the same weights would be other bytes.
    let metadata = HashMap::from([(ARCHITECTURE_KEY.to_owned(), json)]);
    write_atomic(&dir.join(WEIGHTS_FILE), &to_safetensors(weights, metadata)?)?;
    write_atomic(&dir.join(ONNX_FILE), &onnx::export(arch, weights))
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
    let (metadata, weights) = from_safetensors(&bytes).map_err(|what| unusable(&what))?;
    let json = metadata.get(ARCHITECTURE_KEY).ok_or_else(|| unusable(&"the file names no architecture"))?;
    let arch: Architecture = serde_json::from_str(json).map_err(|error| unusable(&error))?;
    check(&arch, &weights)?;
    Ok((arch, weights))
}

/// Tensors and metadata as the bytes of a safetensors file.
pub(super) fn to_safetensors(
    weights: &Weights,
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>, Failure> {
    let broken = |error: safetensors::SafeTensorError| {
        Failure::new(FailureClass::Bug, format!("The weights cannot be written as safetensors: {error}."))
    };
    let bytes: Vec<(&str, &[usize], Vec<u8>)> = weights
        .iter()
        .map(|(name, (shape, values))| {
            (name.as_str(), shape.as_slice(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let views = bytes
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(broken)?;
    safetensors::serialize(views, Some(metadata)).map_err(broken)
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
        let (chunks, _) = view.data().as_chunks::<4>();
        let values = chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        weights.insert(name, (view.shape().to_vec(), values));
    }
    Ok((metadata, weights))
}

/// Writes a file beside its target, syncs it and renames it.
pub(super) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(
            FailureClass::Capacity,
            format!(
                "A file of the model could not be written: {error}. Free some disk space and try again. ({})",
                path.display()
            ),
        )
    };
    let folder = path.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
    let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(|error| failed(&error))?;
    file.write_all(bytes).map_err(|error| failed(&error))?;
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error))?;
    Ok(())
}
