//! Journal: what a run has finished, so that a resumed one does not do it again.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use orrery_domain::{Failure, training::ModelKind};
use serde::{Deserialize, Serialize};

use super::files;
use crate::{gbt, nets};

/// A model that was fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Done {
    /// Family.
    pub kind: ModelKind,
    /// Weighted loss on the validation rows: log loss in nats, or mean squared error in the (transformed) target's unit.
    pub valid_loss: f64,
    /// Steps or trees done.
    pub steps: u64,
    /// Seconds of training.
    pub secs: f64,
    /// Training rows a second (for trees: rows times trees).
    pub rows_per_sec: f64,
    /// Trainable parameters, or leaves.
    pub parameters: u64,
    /// Device, as the driver names it.
    pub device: String,
    /// BLAKE3 of the files in its folder, by name.
    pub files: BTreeMap<String, String>,
}

/// The journal's content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Content {
    /// What it belongs to: data, request and program version.
    fingerprint: String,
    /// Models fitted, in order.
    done: Vec<Done>,
    /// Families that gave up, and why.
    failed: Vec<(ModelKind, String)>,
    /// Epochs chosen to fit a time budget.
    epochs: BTreeMap<String, u32>,
}

/// The journal of a run.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    content: Content,
}

impl Journal {
    /// Opens the journal in a run's checkpoint folder, or begins one. Returns a sentence when an old one could not be used.
    pub fn open(folder: &Path, fingerprint: &str) -> (Self, Option<String>) {
        let path = folder.join("progress.json");
        let (content, warning) = match files::read_sealed::<Content>(&path) {
            Ok(content) if content.fingerprint == fingerprint => (Some(content), None),
            Ok(_) => {
                (None, Some("What was kept belongs to another request; the run begins again.".to_owned()))
            }
            Err(_) if !path.exists() => (None, None),
            Err(what) => (
                None,
                Some(format!(
                    "The record of finished steps is damaged ({what}); they are done again. ({})",
                    path.display()
                )),
            ),
        };
        let fresh = Content { fingerprint: fingerprint.to_owned(), ..Content::default() };
        (Self { folder: folder.to_owned(), content: content.unwrap_or(fresh) }, warning)
    }

    /// Folder for the checkpoints of a family.
    pub fn folder(&self, kind: ModelKind) -> PathBuf {
        self.folder.join(kind.name())
    }

    /// Folder of a family's finished model.
    pub fn model_folder(&self, kind: ModelKind) -> PathBuf {
        self.folder(kind).join("model")
    }

    /// A finished model whose files are still what they were.
    pub fn done(&self, kind: ModelKind) -> Option<&Done> {
        let folder = self.model_folder(kind);
        self.content.done.iter().find(|done| done.kind == kind).filter(|done| {
            done.files.iter().all(|(name, hash)| file_hash(&folder.join(name)).as_ref() == Some(hash))
        })
    }

    /// Records a finished model; `files` of the record are hashed here.
    pub fn finish(&mut self, mut done: Done) -> Result<Done, Failure> {
        let folder = self.model_folder(done.kind);
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if let (Ok(name), Some(hash)) = (entry.file_name().into_string(), file_hash(&entry.path())) {
                done.files.insert(name, hash);
            }
        }
        self.content.done.retain(|other| other.kind != done.kind);
        self.content.done.push(done.clone());
        self.write()?;
        Ok(done)
    }

    /// Why a family gave up, if it did.
    pub fn failure(&self, kind: ModelKind) -> Option<&str> {
        self.content.failed.iter().find(|(failed, _)| *failed == kind).map(|(_, why)| why.as_str())
    }

    /// Records that a family gave up.
    pub fn fail(&mut self, kind: ModelKind, why: &str) -> Result<(), Failure> {
        self.content.failed.push((kind, why.to_owned()));
        self.write()
    }

    /// Epochs chosen for a family.
    pub fn epochs(&self, kind: ModelKind) -> Option<u32> {
        self.content.epochs.get(kind.name()).copied()
    }

    /// Records the epochs chosen for a family.
    pub fn set_epochs(&mut self, kind: ModelKind, epochs: u32) -> Result<(), Failure> {
        self.content.epochs.insert(kind.name().to_owned(), epochs);
        self.write()
    }

    /// Steps that the finished families of `kinds` (in this order) and the checkpoints of the one under way hold; 0 for a
    /// new run. A family after that has done nothing yet.
    pub fn step(&self, kinds: &[ModelKind]) -> u64 {
        let mut steps = 0;
        for kind in kinds.iter().filter(|kind| self.failure(**kind).is_none()) {
            if let Some(done) = self.done(*kind) {
                steps += done.steps;
                continue;
            }
            let folder = self.folder(*kind);
            return steps
                + match kind {
                    ModelKind::Gbt => gbt::checkpoint::step(&folder),
                    // A linear fit keeps no checkpoints: it begins again.
                    ModelKind::Linear | ModelKind::Auto => 0,
                    _ => nets::checkpoint::step(&folder),
                };
        }
        steps
    }

    fn write(&self) -> Result<(), Failure> {
        files::write_sealed(&self.folder.join("progress.json"), &self.content)
    }
}

fn file_hash(path: &Path) -> Option<String> {
    let mut hasher = blake3::Hasher::new();
    let mut file = std::fs::File::open(path).ok()?;
    std::io::copy(&mut file, &mut hasher).ok()?;
    Some(hasher.finalize().to_hex().to_string())
}
