//! Folds: what a cross-validation has found so far, kept on disk so that the same one, asked again, goes on from there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use orrery_domain::{
    Failure, FailureClass,
    dataset::Dataset,
    metric::{MetricId, Metrics},
    model::ModelCard,
};

use super::five_by_two::REPETITIONS;
use crate::train::files;

/// One training: repetition, half that is judged on, and version.
pub(super) type Fold = (usize, usize, usize);

/// Figures of the trainings that are done, each in a file of its own with its hash.
pub(super) struct Folds<'a> {
    folder: &'a Path,
    /// What the figures are found from: those of something else are not used.
    fingerprint: String,
    known: BTreeMap<Fold, Metrics>,
}

impl<'a> Folds<'a> {
    /// Opens what a folder holds of the same: the same rows, the same requests of the versions with their seeds, and the same version
    /// of this program.
    ///
    /// # Errors
    /// A capacity failure when the disk does not take the folder.
    pub(super) fn open(folder: &'a Path, dataset: &Dataset, cards: &[&ModelCard]) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder.join(WORK)).map_err(|error| unmade(folder, &error))?;
        files::clear_unfinished(folder);
        files::clear_unfinished(&folder.join(WORK));
        let fingerprint = fingerprint(dataset, cards)?;
        let mut folds = Self { folder, fingerprint, known: BTreeMap::new() };
        for repetition in 0..REPETITIONS {
            for half in 0..2 {
                for version in 0..cards.len() {
                    let fold = (repetition, half, version);
                    if let Some(found) = read(&folds.path(fold), &folds.fingerprint) {
                        folds.known.insert(fold, found);
                    }
                }
            }
        }
        Ok(folds)
    }

    /// Folder of the training under way.
    pub(super) fn work(&self) -> PathBuf {
        self.folder.join(WORK)
    }

    /// Trainings that are done.
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// Versions whose training on a half is still to be done.
    pub(super) fn missing(&self, repetition: usize, half: usize, versions: usize) -> Vec<usize> {
        (0..versions).filter(|version| !self.known.contains_key(&(repetition, half, *version))).collect()
    }

    /// Keeps the test metrics of a training.
    ///
    /// # Errors
    /// A capacity failure when the disk does not take them.
    pub(super) fn keep(&mut self, fold: Fold, found: Metrics) -> Result<(), Failure> {
        files::write_sealed(&self.path(fold), &(&self.fingerprint, &found))?;
        self.known.insert(fold, found);
        Ok(())
    }

    /// A training's metric; `None` where it is not done or the metric not defined on its half.
    pub(super) fn value(&self, fold: Fold, metric: MetricId) -> Option<f64> {
        self.known.get(&fold)?.get(&metric)?.value
    }

    /// Gives up the training under way; the figures of those that are done stay.
    pub(super) fn give_up(&self) {
        files::remove_folder(&self.work());
    }

    fn path(&self, (repetition, half, version): Fold) -> PathBuf {
        self.folder.join(format!("fold-{repetition}-{half}-{version}.json"))
    }
}

const WORK: &str = "work";
/// Raised when a figure of a training is computed in another way: those of before are then not used.
const FORMAT: u32 = 1;

/// Kept figures; `None` where there are none, or they are another request's or damaged: that training is done again.
fn read(path: &Path, fingerprint: &str) -> Option<Metrics> {
    match files::read_sealed::<(String, Metrics)>(path) {
        Ok((of, found)) if of == fingerprint => Some(found),
        Ok(_) => {
            log::info!("figures of another cross-validation are not used ({})", path.display());
            None
        }
        Err(what) => {
            if path.exists() {
                log::warn!("kept figures are damaged ({what}) and found again ({})", path.display());
            }
            None
        }
    }
}

fn fingerprint(dataset: &Dataset, cards: &[&ModelCard]) -> Result<String, Failure> {
    let requests: Vec<_> = cards.iter().map(|card| (card.kind, &card.config, card.seed)).collect();
    let request = (env!("CARGO_PKG_VERSION"), FORMAT, &dataset.id, &dataset.blob, requests);
    let text = serde_json::to_string(&request).map_err(|error| {
        Failure::new(FailureClass::Bug, format!("The request cannot be written: {error}."))
    })?;
    Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
}

/// The failure of a folder that the disk did not take.
pub(super) fn unmade(folder: &Path, error: &std::io::Error) -> Failure {
    let place = folder.display();
    let message =
        format!("A folder for the training could not be made: {error}. Free some disk space. ({place})");
    Failure::new(FailureClass::Capacity, message)
}
