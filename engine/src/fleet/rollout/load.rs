//! Load: brings a version onto one server, beside what it serves.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use orrery_domain::{
    Failure, FailureClass, ModelRef,
    fleet::{FleetEndpoint, ModelSeen, ServerBefore, ServerKind},
    words,
};
use orrery_oip::control::{LoadFile, LoadRequest};

use super::triton::Holding;
use crate::{
    files,
    fleet::{
        client::Server,
        identity::{self, Listing},
    },
    registry,
};

/// Longest that a load may take: a model is read and warmed.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

/// One server of a rollout, and what it has of the model.
pub struct Target {
    /// Endpoint.
    pub name: String,
    /// Its server.
    pub server: Server,
    /// Which it is.
    pub kind: ServerKind,
    /// Model.
    pub model: String,
    /// The version to bring.
    pub version: String,
    /// The version that answered before the rollout where none is named.
    pub served: Option<String>,
    /// Whether it has the version already, and its state.
    state: Option<String>,
    /// The version's folder here.
    folder: PathBuf,
    /// What it has of the model, where it is a Triton.
    triton: Option<Holding>,
}

impl Target {
    /// Asks a server what it has.
    ///
    /// # Errors
    /// When it does not answer, or the version cannot come onto it.
    pub async fn survey(
        endpoint: &FleetEndpoint,
        server: &Server,
        model: &ModelRef,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let kind = identity::identify(server).await?.kind;
        let (listing, mut models) = identity::models(server, kind).await?;
        models.retain(|known| known.name == model.name);
        ask_by_version(server, kind, &mut models).await?;
        if listing != Listing::Index {
            let message = format!(
                "'{}' ({}) names no versions of its models, so that none can be brought there and told from another. Name the other \
                 endpoints in --to. Nothing was changed.",
                endpoint.name,
                kind.title()
            );
            return Err(Failure::new(FailureClass::Client, message));
        }
        let triton = match kind {
            ServerKind::Triton => {
                let at = |failure: Failure| Failure {
                    message: format!("'{}': {}", endpoint.name, failure.message),
                    ..failure
                };
                Some(Holding::survey(server, model, folder).await.map_err(at)?)
            }
            _ => None,
        };
        let version = model.version.to_string();
        let state = models.iter().find(|known| known.version == version).map(|known| known.state.clone());
        // The server's own word for what it serves where no version is named, else its newest that is ready.
        let metadata = identity::metadata(server, &model.name, None).await.ok();
        let said = match kind {
            ServerKind::Orrery => identity::served_version(server, &model.name).await,
            ServerKind::Triton => triton.as_ref().and_then(Holding::served).map(|served| served.to_string()),
            _ => metadata.and_then(|metadata| metadata.versions.last().cloned()),
        };
        let ready = models.iter().filter(|known| known.state == "READY");
        let served = said.or_else(|| {
            ready
                .map(|known| known.version.clone())
                .filter(|version| !version.is_empty())
                .max_by_key(|version| version.parse::<u64>().unwrap_or_default())
        });
        Ok(Self {
            name: endpoint.name.clone(),
            server: server.clone(),
            kind,
            model: model.name.clone(),
            version,
            served,
            state,
            folder: folder.to_path_buf(),
            triton,
        })
    }

    /// What it has, as the record of a rollout keeps it from its first look on.
    pub fn before(&self) -> ServerBefore {
        let versions = self.triton.as_ref().map(|triton| triton.before().to_vec()).unwrap_or_default();
        ServerBefore { served: self.served.clone(), versions }
    }

    /// Goes by what it had before the rollout, which may have brought something already.
    pub fn recall(&mut self, before: &ServerBefore) {
        self.served.clone_from(&before.served);
        if let Some(triton) = &mut self.triton {
            triton.recall(&before.versions);
        }
    }

    /// What is done here, in words.
    pub fn intention(&self) -> String {
        let (model, version, name) = (&self.model, &self.version, &self.name);
        if let Some(bytes) = self.network_bytes() {
            let bytes = words::count(bytes);
            return format!(
                "upload model.onnx of {model} version {version} to '{name}' ({bytes} bytes) and load it: encoded features in, what \
                 the network says out"
            );
        }
        match (self.state.as_deref(), self.kind) {
            (Some("READY"), _) => format!("use {model} version {version}, which '{name}' has ready"),
            (Some(_), _) => format!("load {model} version {version} on '{name}'"),
            (None, ServerKind::Orrery) => {
                let bytes = words::count(files::bytes_of(&self.folder));
                format!("upload {model} version {version} to '{name}' ({bytes} bytes) and load it")
            }
            (None, kind) => format!(
                "load {model} on '{name}', which must have version {version} in its own repository ({})",
                kind.title()
            ),
        }
    }

    /// What it serves now, in words.
    pub fn present(&self) -> String {
        self.served.as_ref().map_or_else(
            || format!("'{}' does not serve the model now", self.name),
            |version| format!("'{}' serves version {version} now", self.name),
        )
    }

    /// Bytes of the network that is uploaded in place of the whole model; `None` where that is not the way.
    pub fn network_bytes(&self) -> Option<u64> {
        self.triton.as_ref().and_then(Holding::upload_bytes)
    }

    /// Whether what is loaded answers at once where no version is named, so that it must not stay when something fails.
    pub fn answers_at_once(&self) -> bool {
        self.triton.is_some()
    }

    async fn order(&self, request: &LoadRequest) -> Result<(), Failure> {
        order(&self.server, &self.model, request).await.map_err(|failure| self.at(failure))
    }

    /// A failure, with the endpoint's name.
    fn at(&self, failure: Failure) -> Failure {
        Failure { message: format!("'{}': {}", self.name, failure.message), ..failure }
    }

    /// Loads the version; what is served stays what it is.
    ///
    /// # Errors
    /// Why it is not there afterwards.
    pub async fn load(&self) -> Result<String, Failure> {
        if let Some(triton) = &self.triton {
            return triton.load(&self.server).await.map_err(|failure| self.at(failure));
        }
        let mut request = LoadRequest { version: Some(self.version.clone()), ..LoadRequest::default() };
        let detail = match (self.state.as_deref(), self.kind) {
            (Some("READY"), _) => "it was ready".to_owned(),
            (None, ServerKind::Orrery) => {
                request.files = model_files(&self.folder)?;
                self.order(&request).await?;
                "uploaded and loaded".to_owned()
            }
            (_, ServerKind::Orrery) => {
                self.order(&request).await?;
                "loaded".to_owned()
            }
            // Other servers know no such parameter: they load what their own repository has.
            _ => {
                self.order(&LoadRequest::default()).await?;
                "loaded by its own repository".to_owned()
            }
        };
        let (_, mut models) = identity::models(&self.server, self.kind).await?;
        models.retain(|known| known.name == self.model && known.version == self.version);
        ask_by_version(&self.server, self.kind, &mut models).await?;
        let there = models.first();
        match there {
            Some(known) if known.state == "READY" => Ok(detail),
            Some(known) => Err(Failure::new(
                FailureClass::Model,
                format!("'{}' has version {} as {}: {}", self.name, self.version, known.state, known.reason),
            )),
            None => Err(Failure::new(
                FailureClass::Model,
                format!(
                    "'{}' took the request and does not have version {}: the setting was ignored.",
                    self.name, self.version
                ),
            )),
        }
    }

    /// Makes it the version that answers where none is named.
    ///
    /// # Errors
    /// Why the server did not.
    pub async fn serve(&self) -> Result<String, Failure> {
        if let Some(triton) = &self.triton {
            return triton.serve(&self.server).await.map_err(|failure| self.at(failure));
        }
        if self.kind != ServerKind::Orrery {
            return Ok("its own rule decides which version it serves".to_owned());
        }
        let version = Some(self.version.clone());
        self.order(&LoadRequest { version, serve: Some(true), ..LoadRequest::default() }).await?;
        Ok(String::new())
    }

    /// Makes the version before the served one again. What was loaded stays loaded, out of the traffic; on Triton it goes.
    ///
    /// # Errors
    /// Why the server did not.
    pub async fn take_back(&self) -> Result<String, Failure> {
        if let Some(triton) = &self.triton {
            return triton.take_back(&self.server).await.map_err(|failure| self.at(failure));
        }
        match (&self.served, self.kind) {
            (Some(served), ServerKind::Orrery) => {
                let version = Some(served.clone());
                self.order(&LoadRequest { version, serve: Some(true), ..LoadRequest::default() }).await?;
                Ok(format!("version {served} is the served one"))
            }
            _ => Ok("its own rule decides which version it serves".to_owned()),
        }
    }
}

/// Asks each version whether it is ready itself. `MLServer`'s index gives every version of a model the state of the one that it serves,
/// those among them that only lie in its repository.
async fn ask_by_version(server: &Server, kind: ServerKind, models: &mut [ModelSeen]) -> Result<(), Failure> {
    // Ours and Triton's are told one by one.
    if matches!(kind, ServerKind::Orrery | ServerKind::Triton) {
        return Ok(());
    }
    for known in models.iter_mut().filter(|known| known.state == "READY" && !known.version.is_empty()) {
        if !identity::is_ready(server, &known.name, Some(&known.version)).await? {
            "UNAVAILABLE".clone_into(&mut known.state);
            "The index says READY; the version itself is not.".clone_into(&mut known.reason);
        }
    }
    Ok(())
}

/// Asks a server to load a model.
///
/// # Errors
/// Why it did not.
pub(super) async fn order(server: &Server, model: &str, request: &LoadRequest) -> Result<(), Failure> {
    let path = format!("/v2/repository/models/{model}/load");
    let reply = server.post(&path, request.encode(), PATIENCE).await?;
    if reply.status.is_success() {
        return Ok(());
    }
    let complaint = reply.complaint();
    // Triton's words where it was started without explicit control, whatever the reason.
    let help = if complaint.contains("not allowed if polling") {
        " Start it with --model-control-mode=explicit to have models loaded."
    } else {
        ""
    };
    Err(Failure::new(FailureClass::Model, format!("It answered with {complaint}.{help}")))
}

/// The files that a version's card vouches for, and the card.
fn model_files(folder: &Path) -> Result<Vec<LoadFile>, Failure> {
    let card = registry::read_card(folder)?;
    let names = card.files.iter().map(|file| file.name.clone()).chain([orrery_learn::model::CARD.to_owned()]);
    let read = |name: String| {
        let path = folder.join(&name);
        let content = std::fs::read(&path)
            .map_err(|error| files::failure("A model's file could not be read", &error, &path))?;
        Ok(LoadFile { path: name, content })
    };
    names.map(read).collect()
}
