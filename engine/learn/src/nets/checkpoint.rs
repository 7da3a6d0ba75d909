//! Checkpoints: everything a fit needs to go on as if it had never stopped, hashed, written beside and renamed, two kept.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use orrery_domain::{Failure, FailureClass};
use serde::{Deserialize, Serialize};

use super::{
    Weights,
    optimizer::Slots,
    store::{from_safetensors, to_safetensors},
};
use crate::{
    control::{Interrupt, JobControl},
    room,
    train::files as disk,
};

/// Checkpoints kept.
const KEEP: usize = 2;
/// The extension of a checkpoint's file.
const EXTENSION: &str = "checkpoint";
/// The metadata entry that holds the state.
const STATE_KEY: &str = "state";

/// Where a fit stands, its tensors excepted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// Hash of what is fitted to what: a checkpoint of something else is not used.
    pub fingerprint: String,
    /// Steps done.
    pub step: u64,
    /// Lowest validation loss so far.
    pub best_valid_loss: Option<f64>,
    /// Step at which it was reached.
    pub best_step: u64,
    /// Epochs since then.
    pub stale: u32,
    /// Seconds of training, pauses excepted.
    pub secs: f64,
    /// Whether early stopping ended it.
    pub stopped_early: bool,
    /// Whether the learning rate was halved, because the numbers had gone wrong.
    #[serde(default)]
    pub halved: bool,
    /// Parts that a batch is computed in; 0 and 1: all rows at once.
    #[serde(default)]
    pub passes: u32,
    /// Whether the epoch that ended at this step is still to be validated.
    #[serde(default)]
    pub unjudged: bool,
}

/// A fit at rest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Checkpoint {
    /// Where it stands.
    pub state: State,
    /// Parameters and moments.
    pub slots: Slots,
    /// Weights of the best validation so far; empty before the first.
    pub best: Weights,
}

impl Checkpoint {
    pub fn to_bytes(&self) -> Result<Vec<u8>, Failure> {
        let state = serde_json::to_string(&self.state).map_err(|error| {
            Failure::new(FailureClass::Bug, format!("The checkpoint cannot be written as JSON: {error}."))
        })?;
        let mut tensors = Weights::new();
        for slot in &self.slots.0 {
            for (part, values) in [("value", &slot.value), ("first", &slot.first), ("second", &slot.second)] {
                if !values.is_empty() {
                    let name = format!("{part}/{}", slot.name);
                    tensors.insert(name, (slot.shape.clone(), values.clone()));
                }
            }
        }
        for (name, tensor) in &self.best {
            tensors.insert(format!("best/{name}"), tensor.clone());
        }
        let body = to_safetensors(&tensors, HashMap::from([(STATE_KEY.to_owned(), state)]))?;
        let mut bytes = blake3::hash(&body).as_bytes().to_vec();
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// A checkpoint whose tensors have the shapes of `like`; a sentence part where it is damaged.
    fn from_bytes(bytes: &[u8], like: &Slots) -> Result<Self, String> {
        let (hash, body) = bytes.split_at_checked(blake3::OUT_LEN).ok_or("it is too short")?;
        if blake3::hash(body).as_bytes() != hash {
            return Err("its hash is wrong".to_owned());
        }
        let (metadata, mut tensors) = from_safetensors(body)?;
        let json = metadata.get(STATE_KEY).ok_or("it holds no state")?;
        let state = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let mut slots = like.clone();
        for slot in &mut slots.0 {
            let parts =
                [("value", &mut slot.value), ("first", &mut slot.first), ("second", &mut slot.second)];
            for (part, values) in parts.into_iter().filter(|(_, values)| !values.is_empty()) {
                let name = format!("{part}/{}", slot.name);
                match tensors.remove(&name) {
                    Some((shape, loaded)) if shape == slot.shape && loaded.len() == values.len() => {
                        *values = loaded;
                    }
                    _ => return Err(format!("`{name}` is missing or of another shape")),
                }
            }
        }
        if !slots.is_finite() {
            return Err("its numbers are not finite".to_owned());
        }
        let best = tensors
            .into_iter()
            .filter_map(|(name, tensor)| name.strip_prefix("best/").map(|name| (name.to_owned(), tensor)));
        Ok(Self { state, slots, best: best.collect() })
    }
}

/// Writes a checkpoint, waiting where the disk is full, and removes all but the last two. Returns the time waited.
///
/// # Errors
/// A capacity failure when the disk does not take it, or an interruption while it was full.
pub(super) fn write(
    dir: &Path,
    checkpoint: &Checkpoint,
    control: &dyn JobControl,
) -> Result<Duration, Interrupt> {
    let path = dir.join(format!("step-{:012}.{EXTENSION}", checkpoint.state.step));
    let bytes = checkpoint.to_bytes()?;
    let waited = room::write(&path, bytes.len(), control, || disk::write_checkpoint(&path, &bytes))?;
    for old in files(dir).into_iter().skip(KEEP) {
        if let Err(error) = fs::remove_file(&old) {
            log::warn!("An old checkpoint could not be removed: {error}. ({})", old.display());
        }
    }
    Ok(waited)
}

/// The newest usable checkpoint of `fingerprint`, with a sentence for each damaged one that was passed over.
pub(super) fn latest(dir: &Path, fingerprint: &str, like: &Slots) -> (Option<Checkpoint>, Vec<String>) {
    disk::clear_unfinished(dir);
    let mut warnings = Vec::new();
    for path in files(dir) {
        let loaded = fs::read(&path)
            .map_err(|error| error.to_string())
            .and_then(|bytes| Checkpoint::from_bytes(&bytes, like));
        match loaded {
            Ok(checkpoint) if checkpoint.state.fingerprint == fingerprint => {
                return (Some(checkpoint), warnings);
            }
            Ok(_) => log::info!("A checkpoint of another fit is not used. ({})", path.display()),
            Err(what) => warnings.push(disk::damaged(&path, &what)),
        }
    }
    (None, warnings)
}

/// Steps done at the newest sound checkpoint in a folder, whatever it is of; 0 where there is none.
pub(crate) fn step(dir: &Path) -> u64 {
    let sound = |path: PathBuf| {
        let bytes = fs::read(path).ok()?;
        let (hash, body) = bytes.split_at_checked(blake3::OUT_LEN)?;
        if blake3::hash(body).as_bytes() != hash {
            return None;
        }
        let (_, header) = safetensors::SafeTensors::read_metadata(body).ok()?;
        let state: State = serde_json::from_str(header.metadata().as_ref()?.get(STATE_KEY)?).ok()?;
        Some(state.step)
    };
    files(dir).into_iter().find_map(sound).unwrap_or(0)
}

/// Checkpoint files, the newest first.
fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
        .collect();
    files.sort();
    files.reverse();
    files
}
