//! Source: where model versions come from: the workspace's registry, or a folder laid out as a v2 model repository.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use orrery_domain::{Failure, FailureClass, ModelRef, serving::Serving};
use orrery_oip::control::LoadFile;

use super::{
    batcher::{BatchSettings, Batcher},
    compute::Compute,
    model::{self, Model},
    trial,
};
use crate::{Workspace, files, registry, store::Store};

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
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The program that tries a stranger's file in a process of its own (`job try FILE`) before this one loads it; this one alone
        /// loads it where there is none.
        tried_by: Option<PathBuf>,
    },
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
            Self::Folder { folder, .. } => folders(folder).map_err(|error| {
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
    pub fn load(
        &self,
        model: &ModelRef,
        settings: BatchSettings,
        compute: &Arc<Compute>,
    ) -> Result<Batcher<Model>, Failure> {
        let (folder, tried_by) = match self {
            Self::Registry(workspace) => return model::load(&workspace.model(model), settings, compute),
            Self::Folder { folder, tried_by } => (folder.join(&model.name), tried_by),
        };
        if folder.join(CONFIG).exists() {
            log::warn!("{}: {CONFIG} is not read: types and shapes are those of {FILE}", model.name);
        }
        let place = place(folder, model);
        if place.join(CARD).is_file() {
            return model::load(&place, settings, compute);
        }
        let file = place.join(FILE);
        if let Some(program) = tried_by {
            trial::in_child(program, &file)?;
        }
        model::load_onnx(&file, settings)
    }

    /// The folder of a version of our own; none of a foreign file, or where it is not there any more.
    pub fn folder(&self, model: &ModelRef) -> Option<PathBuf> {
        let place = match self {
            Self::Registry(workspace) => workspace.model(model),
            Self::Folder { folder, .. } => place(folder.join(&model.name), model),
        };
        place.join(CARD).is_file().then_some(place)
    }

    /// The version of a model that was last made the one that answers where none is named.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn served(&self, model: &str) -> Result<Option<u32>, Failure> {
        match self {
            Self::Registry(workspace) => Store::open(workspace)?.served_version(model),
            // A folder is somebody else's: its newest version serves after a restart.
            Self::Folder { .. } => Ok(None),
        }
    }

    /// What was applied to a model of that name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn serving(&self, model: &str) -> Result<Option<Serving>, Failure> {
        match self {
            Self::Registry(workspace) => Store::open(workspace)?.serving(model),
            Self::Folder { .. } => Ok(None),
        }
    }

    /// The store in which settings are applied to models; none where they come from a folder.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn store(&self) -> Result<Option<Store>, Failure> {
        match self {
            Self::Registry(workspace) => Store::open(workspace).map(Some),
            Self::Folder { .. } => Ok(None),
        }
    }

    /// Keeps which version answers where none is named.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep_served(&self, model: &ModelRef) -> Result<(), Failure> {
        match self {
            Self::Registry(workspace) => {
                Store::open(workspace)?.set_served_version(&model.name, model.version)
            }
            Self::Folder { .. } => Ok(()),
        }
    }

    /// Takes a model's files over the network as that very version, and registers them.
    ///
    /// # Errors
    /// A client failure when a file's name will not do, the files are no sound model, or models come from a folder; what the disk
    /// and the store say.
    pub fn receive(&self, model: &ModelRef, files: &[LoadFile]) -> Result<(), Failure> {
        let Self::Registry(workspace) = self else {
            let message =
                "Models are not taken over the network here: put files into the folder of --models.";
            return Err(Failure::new(FailureClass::Client, message));
        };
        let staged = workspace.jobs().join(crate::runs::fresh_id());
        files::create_private(&staged)?;
        let received = write_all(&staged, files).and_then(|()| {
            let mut store = Store::open(workspace)?;
            registry::receive(workspace, &mut store, &staged, model)
        });
        if staged.exists()
            && let Err(error) = fs::remove_dir_all(&staged)
        {
            log::warn!("what was left of an upload stays in {}: {error}", staged.display());
        }
        received.map(drop)
    }
}

/// Where a version's files are in its model's folder: a folder of its own, unless there is only one.
fn place(folder: PathBuf, model: &ModelRef) -> PathBuf {
    let version = folder.join(model.version.to_string());
    if version.is_dir() { version } else { folder }
}

/// Writes files into a new folder; their names are someone else's text.
fn write_all(folder: &Path, files: &[LoadFile]) -> Result<(), Failure> {
    for file in files {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if file.path.is_empty() || file.path.starts_with('.') || !file.path.chars().all(plain) {
            let message = format!("'{}' names no file of a model. Nothing was kept.", file.path);
            return Err(Failure::new(FailureClass::Client, message));
        }
        files::write_atomic(&folder.join(&file.path), &file.content)?;
    }
    Ok(())
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
        let folder = |folder| Source::Folder { folder, tried_by: None };
        for path in ["a/1", "a/10", "a/2", "a/01", "a/notes", "b", "c/1", "bad name/1", ".git/1", "empty"] {
            fs::create_dir_all(dir.path().join(path)).expect("made");
        }
        for path in ["b/model.onnx", "c/model.onnx", "stray.txt"] {
            fs::File::create(dir.path().join(path)).expect("made");
        }
        let listed = folder(dir.path().to_owned()).list().expect("readable");
        let shown: Vec<String> = listed.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a:1", "a:2", "a:10", "b:1", "c:1"]);
        let missing = folder(dir.path().join("none")).list().expect_err("not there");
        assert!(missing.message.contains("--models"), "{missing}");
    }
}
