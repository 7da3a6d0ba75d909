//! Source: where model versions come from: the workspace's registry, or a folder laid out as a v2 model repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

use orrery_domain::{Failure, FailureClass, ModelRef};

use super::{
    batcher::{BatchSettings, Batcher},
    model::{self, Model},
};
use crate::{Workspace, store::Store};

/// The file of a version.
const FILE: &str = "model.onnx";
/// What our own versions have, and then everything else is beside it.
const CARD: &str = "card.json";
/// Triton's settings, which say nothing that is needed here.
const CONFIG: &str = "config.pbtxt";

/// Where model versions come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The workspace's registry.
    Registry(Workspace),
    /// `name/version/model.onnx`, or `name/model.onnx` for version 1; a version that has a `card.json` is one of ours.
    Folder(PathBuf),
}

impl Source {
    /// All versions, by name and version.
    ///
    /// # Errors
    /// When the store or the folder cannot be read.
    pub fn list(&self) -> Result<Vec<ModelRef>, Failure> {
        let mut models = match self {
            Self::Registry(workspace) => {
                let entries = Store::open(workspace)?.models()?;
                entries.into_iter().filter(|entry| !entry.deleted).map(|entry| entry.model).collect()
            }
            Self::Folder(folder) => folders(folder).map_err(|error| {
                let message = format!(
                    "The model repository cannot be read: {error}. Check the path given to --models: {}.",
                    folder.display()
                );
                Failure::new(FailureClass::Client, message)
            })?,
        };
        models.sort();
        Ok(models)
    }

    /// Loads a version and lets it answer once.
    ///
    /// # Errors
    /// Why it cannot be served.
    pub fn load(&self, model: &ModelRef, settings: BatchSettings) -> Result<Batcher<Model>, Failure> {
        let folder = match self {
            Self::Registry(workspace) => return model::load(&workspace.model(model), settings),
            Self::Folder(folder) => folder.join(&model.name),
        };
        if folder.join(CONFIG).exists() {
            log::warn!("{}: {CONFIG} is not read: types and shapes are those of {FILE}", model.name);
        }
        let version = folder.join(model.version.to_string());
        let place = if version.is_dir() { version } else { folder };
        if place.join(CARD).is_file() {
            return model::load(&place, settings);
        }
        model::load_onnx(&place.join(FILE), settings)
    }
}

fn folders(folder: &Path) -> std::io::Result<Vec<ModelRef>> {
    let mut found = Vec::new();
    for name in names(folder)? {
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            || name.starts_with('.')
        {
            log::warn!("'{name}' is not served: a model's name has letters, digits, '.', '_' and '-' only");
            continue;
        }
        let inside = folder.join(&name);
        let number =
            |version: &String| version.parse().ok().filter(|number: &u32| number.to_string() == *version);
        let mut versions: Vec<u32> = names(&inside)?.iter().filter_map(number).collect();
        let bare = inside.join(FILE).is_file() || inside.join(CARD).is_file();
        if bare && !versions.contains(&1) {
            versions.push(1);
        }
        found.extend(versions.into_iter().map(|version| ModelRef { name: name.clone(), version }));
    }
    Ok(found)
}

/// Names of the folders in a folder.
fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbered_folders_and_a_file_without_one_is_the_first() {
        let dir = tempfile::tempdir().expect("a folder");
        for path in ["a/1", "a/10", "a/2", "a/01", "a/notes", "b", "c/1", "bad name/1", ".git/1", "empty"] {
            fs::create_dir_all(dir.path().join(path)).expect("made");
        }
        for path in ["b/model.onnx", "c/model.onnx", "stray.txt"] {
            fs::File::create(dir.path().join(path)).expect("made");
        }
        let listed = Source::Folder(dir.path().to_owned()).list().expect("readable");
        let shown: Vec<String> = listed.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a:1", "a:2", "a:10", "b:1", "c:1"]);
        let missing = Source::Folder(dir.path().join("none")).list().expect_err("not there");
        assert!(missing.message.contains("--models"), "{missing}");
    }
}
