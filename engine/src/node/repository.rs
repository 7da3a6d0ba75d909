//! Repository: which model versions there are, which are ready, and how they come and go.
//!
//! A version that is loaded takes the place of nothing before it has answered once; one that goes answers what it has taken.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use orrery_domain::{Failure, FailureClass, ModelRef};
use orrery_oip::control::{LoadFile, ModelState};

use super::{
    batcher::{BatchSettings, Batcher},
    model::{self, Model},
    statistics::Statistics,
};
use crate::{Workspace, files, registry, store::Store};

/// A version that answers.
pub struct Served {
    /// Name and version.
    pub model: ModelRef,
    /// Its queue.
    pub batcher: Batcher<Model>,
    /// What it did.
    pub statistics: Statistics,
}

/// A version as the index lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Name and version.
    pub model: ModelRef,
    /// Where it stands.
    pub state: ModelState,
    /// Why it is not ready; empty where it is.
    pub reason: String,
}

/// Why a version is not there to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absent {
    /// There is none.
    Unknown,
    /// There is, but it does not answer.
    NotReady(String),
}

#[derive(Default)]
struct Entry {
    state: Option<ModelState>,
    reason: String,
    served: Option<Arc<Served>>,
}

/// The model versions of a workspace's registry.
pub struct Repository {
    workspace: Workspace,
    settings: BatchSettings,
    entries: Mutex<BTreeMap<ModelRef, Entry>>,
    /// Which version answers where none is named.
    served: Mutex<BTreeMap<String, u32>>,
}

impl Repository {
    /// A repository that has loaded nothing yet.
    pub fn new(workspace: Workspace, settings: BatchSettings) -> Self {
        Self { workspace, settings, entries: Mutex::default(), served: Mutex::default() }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<ModelRef, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The registry's versions, deleted ones left out, by name and version.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn registered(&self) -> Result<Vec<ModelRef>, Failure> {
        let mut store = Store::open(&self.workspace)?;
        let mut models: Vec<ModelRef> =
            store.models()?.into_iter().filter(|entry| !entry.deleted).map(|entry| entry.model).collect();
        models.sort();
        Ok(models)
    }

    /// Whether the registry has a model of that name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn has(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.registered()?.iter().any(|model| model.name == name))
    }

    /// Every version there is, with its state; `ready` lists those only.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn index(&self, ready: bool) -> Result<Vec<Listed>, Failure> {
        let registered = self.registered()?;
        let entries = self.entries();
        let listed = |model: ModelRef| {
            let entry = entries.get(&model);
            let state = entry.and_then(|entry| entry.state).unwrap_or(ModelState::Unavailable);
            let reason = match (entry, state) {
                (_, ModelState::Ready) => String::new(),
                (Some(entry), _) => entry.reason.clone(),
                (None, _) => "not loaded".to_owned(),
            };
            Listed { model, state, reason }
        };
        let all = registered.into_iter().map(listed);
        Ok(all.filter(|listed| !ready || listed.state == ModelState::Ready).collect())
    }

    fn served(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads a version, the newest where none is named; other versions go on answering. Slow: call it off the network threads.
    ///
    /// Where no version is named, the loaded one is what answers from now on; a named one only with `serve`, so that it can be
    /// proved beside the one that serves.
    ///
    /// # Errors
    /// A client failure when there is no such model, else why it does not load.
    pub fn load(&self, name: &str, version: Option<u32>, serve: bool) -> Result<ModelRef, Failure> {
        let model = self
            .registered()?
            .into_iter()
            .rfind(|model| model.name == name && version.is_none_or(|version| model.version == version))
            .ok_or_else(|| unknown(name, version))?;
        // What answers now goes on doing so, whatever is loaded beside it.
        if let Ok(present) = self.find(name, None) {
            self.served().entry(name.to_owned()).or_insert(present.model.version);
        }
        let ready = self.find(name, Some(model.version)).is_ok();
        if !(ready && serve && version.is_some()) {
            self.load_version(&model)?;
        }
        if serve || version.is_none() {
            Store::open(&self.workspace)?.set_served_version(name, model.version)?;
            self.served().insert(name.to_owned(), model.version);
        }
        Ok(model)
    }

    /// Takes a model's files over the network as that very version, and registers them.
    ///
    /// # Errors
    /// A client failure when a file's name will not do or the files are no sound model; what the disk and the store say.
    pub fn receive(&self, model: &ModelRef, files: &[LoadFile]) -> Result<(), Failure> {
        let staged = self.workspace.jobs().join(crate::runs::fresh_id());
        files::create_private(&staged)?;
        let received = write_all(&staged, files).and_then(|()| {
            let mut store = Store::open(&self.workspace)?;
            registry::receive(&self.workspace, &mut store, &staged, model)
        });
        if staged.exists()
            && let Err(error) = std::fs::remove_dir_all(&staged)
        {
            log::warn!("what was left of an upload stays in {}: {error}", staged.display());
        }
        received.map(drop)
    }

    fn load_version(&self, model: &ModelRef) -> Result<(), Failure> {
        let before = {
            let mut entries = self.entries();
            let entry = entries.entry(model.clone()).or_default();
            if entry.served.is_none() {
                (entry.state, entry.reason) = (Some(ModelState::Loading), "loading".to_owned());
            }
            entry.served.clone()
        };
        let loaded = model::load(&self.workspace.model(model), self.settings);
        let mut entries = self.entries();
        let entry = entries.entry(model.clone()).or_default();
        match loaded {
            Ok(batcher) => {
                let served = Served { model: model.clone(), batcher, statistics: Statistics::default() };
                entry.served = Some(Arc::new(served));
                (entry.state, entry.reason) = (Some(ModelState::Ready), String::new());
                Ok(())
            }
            Err(failure) => {
                if before.is_none() {
                    (entry.state, entry.reason) = (Some(ModelState::Unavailable), failure.message.clone());
                }
                Err(failure)
            }
        }
    }

    /// Loads of every model the version that was last made the served one, else its newest; those that do not load are listed
    /// with their reason.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load_all(&self) -> Result<(), Failure> {
        let registered = self.registered()?;
        let store = Store::open(&self.workspace)?;
        let mut names: Vec<&str> = registered.iter().map(|model| model.name.as_str()).collect();
        names.dedup();
        for name in names {
            let chosen = store.served_version(name)?;
            let mut of = registered.iter().filter(|model| model.name == name);
            let newest = of.clone().next_back();
            let Some(model) = of.find(|model| Some(model.version) == chosen).or(newest) else { continue };
            self.served().insert(name.to_owned(), model.version);
            if let Err(failure) = self.load_version(model) {
                log::warn!("{model} is not served: {failure}");
            }
        }
        Ok(())
    }

    /// Unloads every version of a model; requests that wait are still answered.
    ///
    /// # Errors
    /// A client failure when there is no such model.
    pub fn unload(&self, name: &str) -> Result<(), Failure> {
        if !self.registered()?.iter().any(|model| model.name == name) {
            return Err(unknown(name, None));
        }
        for (_, entry) in self.entries().iter_mut().filter(|(model, _)| model.name == name) {
            if let Some(served) = entry.served.take() {
                served.batcher.close();
            }
            (entry.state, entry.reason) = (Some(ModelState::Unavailable), "unloaded".to_owned());
        }
        Ok(())
    }

    /// A version that answers: where none is named the one that is served, else the newest that is ready.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&self, name: &str, version: Option<u32>) -> Result<Arc<Served>, Absent> {
        let chosen = if version.is_none() { self.served().get(name).copied() } else { None };
        let entries = self.entries();
        if let Some(version) = chosen {
            let model = ModelRef { name: name.to_owned(), version };
            if let Some(served) = entries.get(&model).and_then(|entry| entry.served.clone()) {
                return Ok(served);
            }
        }
        let mut known = entries.iter().rev().filter(|(model, _)| {
            model.name == name && version.is_none_or(|version| model.version == version)
        });
        if let Some(served) = known.clone().find_map(|(_, entry)| entry.served.clone()) {
            return Ok(served);
        }
        Err(known.next().map_or(Absent::Unknown, |(_, entry)| Absent::NotReady(entry.reason.clone())))
    }

    /// Versions of a model that answer, oldest first.
    pub fn ready_versions(&self, name: &str) -> Vec<u32> {
        let entries = self.entries();
        let ready = entries.iter().filter(|(model, entry)| model.name == name && entry.served.is_some());
        ready.map(|(model, _)| model.version).collect()
    }

    /// All versions that answer.
    pub fn ready(&self) -> Vec<Arc<Served>> {
        self.entries().values().filter_map(|entry| entry.served.clone()).collect()
    }
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

fn unknown(name: &str, version: Option<u32>) -> Failure {
    let what = version.map_or(format!("'{name}'"), |version| format!("'{name}:{version}'"));
    Failure::new(
        FailureClass::Client,
        format!("There is no model {what}. `orrery models list` shows what there is."),
    )
}
