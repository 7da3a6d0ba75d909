//! Model folders: a model version as files that any tool can read, each with its hash in `card.json`.
//!
//! ```text
//! models/<name>/<version>/  card.json          what it is, where it came from, how good it was, hashes of the rest
//!                           preprocess.json    raw columns -> numbers
//!                           weights.safetensors + model.onnx (networks, linear) | trees.json (gbt)
//!                           | model.onnx + model.qdq.onnx (networks in whole numbers)
//!                           means.json         the mean encoded training row (networks, linear)
//!                           curves.json        ROC, calibration, residuals… of the test rows
//! ```
//!
//! `card.json` is written last: a folder without one is not a model yet. Only files named by the card are ever read.

pub(crate) mod files;

use std::{
    fs,
    path::{Path, PathBuf},
};

use orrery_domain::{
    Failure, FailureClass,
    curves::Curves,
    model::{CARD_FORMAT, ModelCard, ModelFile},
    training::{ModelKind, Task},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use self::files::write_atomic;

/// The card.
pub const CARD: &str = "card.json";
/// The curves of the test rows.
pub const CURVES: &str = "curves.json";
/// The preprocessing.
pub const PREPROCESS: &str = "preprocess.json";
/// A network's or linear model's weights.
pub const WEIGHTS: &str = "weights.safetensors";
/// A network's or linear model's graph.
pub const ONNX: &str = "model.onnx";
/// Gradient-boosted trees.
pub const TREES: &str = "trees.json";

/// The format of `curves.json` that this program writes.
const CURVES_FORMAT: u32 = 1;
/// Largest JSON file that is read whole, bytes.
const MOST_JSON_BYTES: u64 = 256 << 20;

/// `curves.json`.
#[derive(Serialize, Deserialize)]
struct CurvesFile<C> {
    format: u32,
    curves: C,
}

/// Files that a model of this family, and made this way from another, cannot do without.
pub fn required_files(card: &ModelCard) -> &'static [&'static str] {
    match card.kind {
        ModelKind::Gbt => &[PREPROCESS, TREES],
        _ if card.is_integer() => &[PREPROCESS, ONNX],
        _ => &[PREPROCESS, WEIGHTS],
    }
}

/// Completes a model folder that already holds what training wrote: adds `curves.json`, puts the hash of every file into
/// `card.files` and writes `card.json` last. Each file appears whole or not at all.
///
/// # Errors
/// A capacity failure when the disk does not take it, a bug when a file the family needs is not there or the card holds a
/// number that JSON cannot.
pub fn write(dir: &Path, card: &mut ModelCard, curves: &Curves) -> Result<(), Failure> {
    write_json(&dir.join(CURVES), &CurvesFile { format: CURVES_FORMAT, curves })?;
    card.format = CARD_FORMAT;
    card.files = files::hash_all(dir, CARD)?;
    for name in required_files(card) {
        if !card.files.iter().any(|file| file.name == *name) {
            return Err(Failure::new(
                FailureClass::Bug,
                format!(
                    "The model was not saved, because its {name} was not written. Report this with the run's log. ({})",
                    dir.display()
                ),
            ));
        }
    }
    card.importance.retain(|(_, value)| value.is_finite());
    card.candidates.retain(|(_, value)| value.is_finite());
    write_card(dir, card)
}

/// Reads `card.json`.
///
/// # Errors
/// A model failure when it is missing, damaged, of a newer format, or names files outside the folder.
pub fn read_card(dir: &Path) -> Result<ModelCard, Failure> {
    let card: ModelCard = read_versioned(dir, CARD, CARD_FORMAT)?;
    check_card(&card).map_err(|what| damaged(&dir.join(CARD), &what))?;
    Ok(card)
}

/// Reads `curves.json`.
///
/// # Errors
/// A model failure when it is missing, damaged or of a newer format.
pub fn read_curves(dir: &Path) -> Result<Curves, Failure> {
    let file: CurvesFile<Curves> = read_versioned(dir, CURVES, CURVES_FORMAT)?;
    Ok(file.curves)
}

/// Checks every file of a model version against its size and hash in the card.
///
/// # Errors
/// A model failure that names the first file which is missing or was changed.
pub fn verify(dir: &Path) -> Result<(), Failure> {
    verify_card(dir, &read_card(dir)?)
}

/// Checks every file a card names.
///
/// # Errors
/// As [`verify`].
pub(crate) fn verify_card(dir: &Path, card: &ModelCard) -> Result<(), Failure> {
    for file in &card.files {
        let path = dir.join(&file.name);
        let found = files::hash(&path, &file.name).map_err(|error| damaged(&path, &error))?;
        if found != *file {
            return Err(damaged(
                &path,
                &format!(
                    "it was changed after the model was saved ({} bytes, {} then)",
                    found.bytes, file.bytes
                ),
            ));
        }
    }
    Ok(())
}

/// Sets the probability at and above which the positive class is predicted, and writes the card again.
///
/// # Errors
/// A client failure unless the model is a binary classifier and `threshold` is in 0 to 1; else as [`read_card`].
pub fn set_threshold(dir: &Path, threshold: f64) -> Result<ModelCard, Failure> {
    let mut card = read_card(dir)?;
    if card.task != Task::Binary {
        return Err(Failure::new(
            FailureClass::Client,
            "Only a model of two classes has a threshold; this one was not changed.",
        ));
    }
    if !(0.0..=1.0).contains(&threshold) {
        return Err(Failure::new(
            FailureClass::Client,
            format!(
                "{threshold} is no threshold, and the model was not changed. Give a probability from 0 to 1."
            ),
        ));
    }
    card.threshold = Some(threshold);
    write_card(dir, &card)?;
    Ok(card)
}

/// Writes the card, after proving that it can be read back.
fn write_card(dir: &Path, card: &ModelCard) -> Result<(), Failure> {
    let path = dir.join(CARD);
    let text = to_json(card, &path)?;
    // A number that is not finite becomes null in JSON: better no model than a card that nobody can open.
    serde_json::from_slice::<ModelCard>(&text).map_err(|error| unwritable(&path, &error))?;
    write_atomic(&path, &text)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    write_atomic(path, &to_json(value, path)?)
}

fn to_json(value: &impl Serialize, path: &Path) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec_pretty(value).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &serde_json::Error) -> Failure {
    Failure::new(
        FailureClass::Bug,
        format!(
            "The model was not saved, because its description is not valid: {error}. Report this with the run's log. ({})",
            path.display()
        ),
    )
}

/// Reads a JSON file whose `format` is at most `newest`; the format is looked at first, so that a newer file is called newer
/// and not damaged.
fn read_versioned<T: DeserializeOwned>(dir: &Path, name: &str, newest: u32) -> Result<T, Failure> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let path = dir.join(name);
    let bytes = read_limited(&path)?;
    let version: Version = serde_json::from_slice(&bytes).map_err(|error| damaged(&path, &error))?;
    if version.format > newest {
        return Err(Failure::new(
            FailureClass::Model,
            format!(
                "This model was saved by a newer version of Orrery (format {}, and this program reads up to {newest}). \
                 Update Orrery to use it. ({})",
                version.format,
                path.display()
            ),
        ));
    }
    serde_json::from_slice(&bytes).map_err(|error| damaged(&path, &error))
}

fn read_limited(path: &Path) -> Result<Vec<u8>, Failure> {
    let size = fs::metadata(path).map_err(|error| damaged(path, &missing(&error)))?.len();
    if size > MOST_JSON_BYTES {
        return Err(damaged(path, &format!("it is {size} bytes long, far more than such a file needs")));
    }
    fs::read(path).map_err(|error| damaged(path, &missing(&error)))
}

fn missing(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::NotFound { "it is missing".to_owned() } else { error.to_string() }
}

fn damaged(path: &Path, what: &dyn std::fmt::Display) -> Failure {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Failure::new(
        FailureClass::Model,
        format!(
            "The model cannot be used, because of its {name}: {what}. Restore the folder from a copy, or train the model \
             again. ({})",
            path.display()
        ),
    )
}

/// What a card from anywhere must hold before anything else relies on it.
fn check_card(card: &ModelCard) -> Result<(), String> {
    for ModelFile { name, .. } in &card.files {
        let plain = !name.is_empty()
            && !name.contains(['/', '\\', ':', '\0'])
            && PathBuf::from(name).file_name().is_some_and(|file| file == name.as_str());
        if !plain {
            return Err(format!("it names a file outside the model's folder ('{name}')"));
        }
    }
    if let Some(name) =
        required_files(card).iter().find(|name| card.files.iter().all(|file| file.name != **name))
    {
        return Err(format!("it does not name {name}"));
    }
    let classes = card.classes.len();
    let fits = match card.task {
        Task::Binary => classes == 2,
        Task::Multiclass => classes >= 2,
        Task::Regression => classes == 0,
    };
    if !fits {
        return Err(format!("it has {classes} classes, which does not fit its task"));
    }
    if card.kind == ModelKind::Auto {
        return Err("it does not say which kind of model it is".to_owned());
    }
    if card.threshold.is_some_and(|threshold| !(0.0..=1.0).contains(&threshold)) {
        return Err("its threshold is not from 0 to 1".to_owned());
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
