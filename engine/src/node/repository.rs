//! Repository: which model versions there are, which are ready, and how they come and go.
//!
//! A version that is loaded takes the place of nothing before it has answered once; one that goes answers what it has taken.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use orrery_domain::{Failure, FailureClass, ModelRef};
use orrery_oip::control::{LoadFile, ModelState};

use super::{
    batcher::{BatchSettings, Batcher},
    compute::Compute,
    model::Model,
    source::Source,
    statistics::Statistics,
};
use crate::store::Store;

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

/// The model versions of a source.
pub struct Repository {
    source: Source,
    settings: BatchSettings,
    /// Whether what was applied to a model is obeyed.
    tuned: bool,
    compute: Arc<Compute>,
    entries: Mutex<BTreeMap<ModelRef, Entry>>,
    /// Which version answers where none is named.
    served: Mutex<BTreeMap<String, u32>>,
}

impl Repository {
    /// A repository that has loaded nothing yet.
    /// What was applied to a model (`orrery tune apply`) goes before `settings` where `tuned`.
    pub fn new(source: Source, settings: BatchSettings, tuned: bool, compute: Arc<Compute>) -> Self {
        Self { source, settings, tuned, compute, entries: Mutex::default(), served: Mutex::default() }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<ModelRef, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a model of that name.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn has(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.source.list()?.iter().any(|model| model.name == name))
    }

    /// Every version there is, with its state; `ready` lists those only.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn index(&self, ready: bool) -> Result<Vec<Listed>, Failure> {
        let registered = self.source.list()?;
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
            .source
            .list()?
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
            self.source.keep_served(&model)?;
            self.served().insert(name.to_owned(), model.version);
        }
        Ok(model)
    }

    /// Takes a model's files over the network as that very version, and registers them.
    ///
    /// # Errors
    /// A client failure when a file's name will not do or the files are no sound model; what the disk and the store say.
    pub fn receive(&self, model: &ModelRef, files: &[LoadFile]) -> Result<(), Failure> {
        self.source.receive(model, files)
    }

    /// How a version is to be served.
    fn settings_of(&self, model: &ModelRef) -> Result<BatchSettings, Failure> {
        let applied = if self.tuned { self.source.serving(&model.name)? } else { None };
        let applied = applied.and_then(|serving| serving.of(model.version));
        Ok(applied.map_or(self.settings, |serving| self.settings.tuned(serving)))
    }

    /// Takes what was applied to a model, or undone, since: the version that it names answers where none is named, and versions whose
    /// settings are others now are loaded anew, while those of before finish what they have taken. Slow: call it off the network
    /// threads.
    ///
    /// # Errors
    /// When the source cannot be read; why a version does not load, which is then served as it was.
    pub fn take_serving(&self, name: &str) -> Result<(), Failure> {
        let newest = || {
            let all = self.source.list()?;
            Ok::<_, Failure>(all.into_iter().rfind(|model| model.name == name).map(|model| model.version))
        };
        if let Some(version) = self.source.served(name)?.map_or_else(newest, |version| Ok(Some(version)))? {
            let now = self.served().get(name).copied();
            if now != Some(version) {
                let model = ModelRef { name: name.to_owned(), version };
                if self.find(name, Some(version)).is_err() {
                    self.load_version(&model)?;
                }
                self.served().insert(name.to_owned(), version);
                log::info!("{model} answers from now on");
            }
        }
        for served in self.ready().into_iter().filter(|served| served.model.name == name) {
            let wanted = self.settings_of(&served.model)?;
            if wanted != served.batcher.settings() {
                self.load_version(&served.model)?;
                log::info!("{} is served anew: {}", served.model, wanted.serving().words());
            }
        }
        Ok(())
    }

    /// The folder of a version of our own; none of a foreign file, or where it is not there any more.
    pub fn folder(&self, model: &ModelRef) -> Option<PathBuf> {
        self.source.folder(model)
    }

    /// The store in which settings are applied to models; none where that is not obeyed.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn watched(&self) -> Result<Option<Store>, Failure> {
        if self.tuned { self.source.store() } else { Ok(None) }
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
        let loaded =
            self.settings_of(model).and_then(|settings| self.source.load(model, settings, &self.compute));
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
    /// When the source cannot be read.
    pub fn load_all(&self) -> Result<(), Failure> {
        let registered = self.source.list()?;
        let mut names: Vec<&str> = registered.iter().map(|model| model.name.as_str()).collect();
        names.dedup();
        for name in names {
            let chosen = self.source.served(name)?;
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
        if !self.source.list()?.iter().any(|model| model.name == name) {
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

fn unknown(name: &str, version: Option<u32>) -> Failure {
    let what = version.map_or(format!("'{name}'"), |version| format!("'{name}:{version}'"));
    Failure::new(
        FailureClass::Client,
        format!("There is no model {what}. POST /v2/repository/index lists what there is."),
    )
}
