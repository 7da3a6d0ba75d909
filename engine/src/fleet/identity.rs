//! Identity: which server answers at an address, and what it says it has.

use std::time::Duration;

use orrery_domain::{
    Failure, FailureClass,
    fleet::{ModelSeen, ServerKind},
};
use orrery_oip::{
    Dialect,
    control::{IndexEntry, ModelList, ModelMetadata, ServerMetadata},
};

use super::client::Server;

/// Longest that a control call may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Which it is.
    pub kind: ServerKind,
    /// Its name and version, as it says.
    pub version: Option<String>,
    /// Extensions it claims.
    pub extensions: Vec<String>,
}

/// How the codec writes for that server. What is unknown is written to as strictly as the protocol allows.
pub fn dialect(kind: ServerKind) -> Dialect {
    match kind {
        ServerKind::Orrery => Dialect::Orrery,
        ServerKind::Triton => Dialect::Triton,
        ServerKind::KServe => Dialect::KServe,
        ServerKind::MlServer | ServerKind::Unknown => Dialect::MlServer,
    }
}

/// Asks a server who it is, by its own metadata.
///
/// # Errors
/// When it does not answer, or not with server metadata.
pub async fn identify(server: &Server) -> Result<Identity, Failure> {
    let reply = server.get("/v2", PATIENCE).await?;
    if !reply.status.is_success() {
        let message = format!("GET /v2 was answered with {}.", reply.complaint());
        return Err(Failure::new(FailureClass::Data, message));
    }
    let metadata: ServerMetadata = serde_json::from_slice(&reply.body).map_err(|error| {
        Failure::new(FailureClass::Data, format!("GET /v2 was not answered with server metadata: {error}."))
    })?;
    let name = metadata.name.to_ascii_lowercase();
    let kind = [
        ("orrery", ServerKind::Orrery),
        ("triton", ServerKind::Triton),
        ("mlserver", ServerKind::MlServer),
        ("kserve", ServerKind::KServe),
    ];
    let kind =
        kind.into_iter().find(|(part, _)| name.contains(part)).map_or(ServerKind::Unknown, |(_, kind)| kind);
    let version = format!("{} {}", metadata.name, metadata.version).trim().to_owned();
    Ok(Identity { kind, version: Some(version), extensions: metadata.extensions })
}

/// How the models of a server were found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// By the repository index.
    Index,
    /// By `GET /v2/models`.
    Names,
    /// It lists nothing.
    None,
}

/// The models a server says it has: by the repository index, else by `GET /v2/models`.
///
/// # Errors
/// When it does not answer at all.
pub async fn models(server: &Server) -> Result<(Listing, Vec<ModelSeen>), Failure> {
    let reply = server.post("/v2/repository/index", b"{}".to_vec(), PATIENCE).await?;
    if reply.status.is_success()
        && let Ok(entries) = serde_json::from_slice::<Vec<IndexEntry>>(&reply.body)
    {
        let seen = |entry: IndexEntry| ModelSeen {
            name: entry.name,
            version: entry.version.unwrap_or_default(),
            state: entry
                .state
                .map_or_else(|| "UNKNOWN".to_owned(), |state| format!("{state:?}").to_uppercase()),
            reason: entry.reason.unwrap_or_default(),
            proved: None,
        };
        return Ok((Listing::Index, entries.into_iter().map(seen).collect()));
    }
    let reply = server.get("/v2/models", PATIENCE).await?;
    if reply.status.is_success()
        && let Ok(list) = serde_json::from_slice::<ModelList>(&reply.body)
    {
        let seen = |name| ModelSeen {
            name,
            version: String::new(),
            state: "READY".to_owned(),
            reason: String::new(),
            proved: None,
        };
        return Ok((Listing::Names, list.models.into_iter().map(seen).collect()));
    }
    Ok((Listing::None, Vec::new()))
}

/// The path of a model, or of a version of it.
pub fn path(model: &str, version: Option<&str>) -> String {
    let version = version.filter(|version| !version.is_empty());
    version.map_or_else(
        || format!("/v2/models/{model}"),
        |version| format!("/v2/models/{model}/versions/{version}"),
    )
}

/// A model's metadata.
///
/// # Errors
/// When the server does not answer with any.
pub async fn metadata(server: &Server, model: &str, version: Option<&str>) -> Result<ModelMetadata, Failure> {
    let reply = server.get(&path(model, version), PATIENCE).await?;
    if !reply.status.is_success() {
        let message = format!("The metadata of '{model}' was answered with {}.", reply.complaint());
        return Err(Failure::new(FailureClass::Data, message));
    }
    serde_json::from_slice(&reply.body).map_err(|error| {
        Failure::new(FailureClass::Data, format!("The metadata of '{model}' cannot be read: {error}."))
    })
}

/// The version that our own node answers with where none is named.
pub async fn served_version(server: &Server, model: &str) -> Option<String> {
    let reply =
        server.get(&path(model, None), PATIENCE).await.ok().filter(|reply| reply.status.is_success())?;
    let metadata: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
    metadata.get("parameters")?.get("version")?.as_str().map(str::to_owned)
}
