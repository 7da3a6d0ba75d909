//! Identity: which server answers at an address, and what it says it has.

use std::time::Duration;

use orrery_domain::{
    Failure, FailureClass,
    fleet::{ModelSeen, ServerKind},
};
use orrery_oip::{
    Dialect,
    control::{IndexEntry, ModelList, ModelMetadata, ServerMetadata, StatisticsResponse},
};

use super::{client::Server, side_by_side::side_by_side};

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
    let kind = kind_of(&metadata);
    let version = format!("{} {}", metadata.name, metadata.version).trim().to_owned();
    Ok(Identity { kind, version: Some(version), extensions: metadata.extensions })
}

/// Which server it is. What only one of them claims decides before its name, which is a setting of Triton's (`--id`).
fn kind_of(metadata: &ServerMetadata) -> ServerKind {
    let claims =
        [("model_configuration", ServerKind::Triton), ("model_repository_extension", ServerKind::KServe)];
    if let Some((_, kind)) = claims.into_iter().find(|(extension, _)| metadata.has(extension)) {
        return kind;
    }
    let name = metadata.name.to_ascii_lowercase();
    let names = [
        ("orrery", ServerKind::Orrery),
        ("triton", ServerKind::Triton),
        ("mlserver", ServerKind::MlServer),
        ("kserve", ServerKind::KServe),
    ];
    names.into_iter().find(|(part, _)| name.contains(part)).map_or(ServerKind::Unknown, |(_, kind)| kind)
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
pub async fn models(server: &Server, kind: ServerKind) -> Result<(Listing, Vec<ModelSeen>), Failure> {
    if let Some(mut listed) = index(server).await? {
        if kind == ServerKind::Triton {
            add_uploaded(server, &mut listed).await?;
        }
        return Ok((Listing::Index, listed));
    }
    let reply = server.get("/v2/models", PATIENCE).await?;
    if reply.status.is_success()
        && let Ok(list) = serde_json::from_slice::<ModelList>(&reply.body)
    {
        let asked = list.models.into_iter().map(|name| named(server.clone(), name));
        return Ok((Listing::Names, side_by_side(asked).await));
    }
    Ok((Listing::None, Vec::new()))
}

/// The repository index; `None` where there is none.
///
/// # Errors
/// When the server does not answer at all.
pub async fn index(server: &Server) -> Result<Option<Vec<ModelSeen>>, Failure> {
    let reply = server.post("/v2/repository/index", b"{}".to_vec(), PATIENCE).await?;
    if !reply.status.is_success() {
        return Ok(None);
    }
    let Ok(entries) = serde_json::from_slice::<Vec<IndexEntry>>(&reply.body) else { return Ok(None) };
    let seen = |entry: IndexEntry| ModelSeen {
        name: entry.name,
        version: entry.version.unwrap_or_default(),
        state: entry.state.map_or_else(|| "UNKNOWN".to_owned(), |state| format!("{state:?}").to_uppercase()),
        reason: entry.reason.unwrap_or_default(),
        proved: None,
    };
    Ok(Some(entries.into_iter().map(seen).collect()))
}

/// Adds what Triton serves and does not list: its index is that of its repository, and what was uploaded is not in there.
async fn add_uploaded(server: &Server, listed: &mut Vec<ModelSeen>) -> Result<(), Failure> {
    let reply = server.get("/v2/models/stats", PATIENCE).await?;
    let Ok(statistics) = serde_json::from_slice::<StatisticsResponse>(&reply.body) else { return Ok(()) };
    for model in statistics.model_stats {
        let known = |seen: &ModelSeen| seen.name == model.name && seen.version == model.version;
        let is_ready = is_ready(server, &model.name, Some(&model.version)).await.unwrap_or(false);
        if listed.iter().any(known) || !is_ready {
            continue;
        }
        listed.push(ModelSeen {
            name: model.name,
            version: model.version,
            state: "READY".to_owned(),
            reason: "It was uploaded, and is gone when the server is started anew.".to_owned(),
            proved: None,
        });
    }
    Ok(())
}

/// A model of `GET /v2/models`. `KServe` lists what was registered, ready or not.
/// One that does not say hides no other.
async fn named(server: Server, name: String) -> ModelSeen {
    let (state, reason) = match server.get(&format!("{}/ready", path(&name, None)), PATIENCE).await {
        Ok(reply) if reply.status.is_success() => ("READY", String::new()),
        Ok(reply) => ("UNAVAILABLE", reply.complaint()),
        Err(failure) => ("UNKNOWN", failure.message),
    };
    ModelSeen { name, version: String::new(), state: state.to_owned(), reason, proved: None }
}

/// Whether a model, or a version of it, says it is ready.
///
/// # Errors
/// When the server does not answer at all.
pub async fn is_ready(server: &Server, model: &str, version: Option<&str>) -> Result<bool, Failure> {
    let reply = server.get(&format!("{}/ready", path(model, version)), PATIENCE).await?;
    Ok(reply.status.is_success())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_known_by_what_only_they_claim_before_their_name() {
        let kind = |name: &str, extensions: &[&str]| {
            kind_of(&ServerMetadata {
                name: name.to_owned(),
                version: String::new(),
                extensions: extensions.iter().map(|&extension| extension.to_owned()).collect(),
            })
        };
        assert_eq!(kind("triton", &[]), ServerKind::Triton);
        assert_eq!(kind("orrery-gpu", &["statistics", "model_configuration"]), ServerKind::Triton);
        assert_eq!(kind("orrery", &ServerMetadata::EXTENSIONS), ServerKind::Orrery);
        assert_eq!(kind("kserve", &["model_repository_extension"]), ServerKind::KServe);
        assert_eq!(kind("mlserver", &[]), ServerKind::MlServer);
        assert_eq!(kind("someone", &["model_repository"]), ServerKind::Unknown);
    }
}
