//! Control: health, metadata, the repository, statistics and metrics.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use orrery_domain::{ModelRef, ids::ModelRefError, serving::ServingSettings};
use orrery_oip::{
    Limits,
    control::{
        IndexEntry, IndexRequest, InferStatistics, LoadRequest, LoadResponse, ModelList, ModelMetadata,
        ModelStatistics, ServerMetadata, StatisticsResponse, UnloadRequest, decode,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use super::{ApiError, Node, body, json as answer, large};
use crate::{
    http::exposition,
    node::{
        model::Model,
        repository::{Absent, Listed, Served},
    },
};

type Answer = Result<Response, ApiError>;

/// The process lives.
pub async fn live() -> StatusCode {
    StatusCode::OK
}

/// It takes requests.
pub async fn ready(State(node): State<Arc<Node>>) -> StatusCode {
    if node.ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// What it sees of other servers.
pub async fn sightings(State(node): State<Arc<Node>>) -> Answer {
    let Some(vantage) = &node.vantage else {
        let message = "This node is no vantage point. Start it with --vantage, and set up in its workspace what it shall look at.";
        return Err(ApiError::new(StatusCode::NOT_FOUND, message.to_owned()));
    };
    answer(&vantage.report())
}

/// How a version is served.
#[derive(Serialize)]
struct ServedAs<'a> {
    model: &'a str,
    version: u32,
    #[serde(flatten)]
    settings: ServingSettings,
}

/// How every version that answers is served.
pub async fn serving(State(node): State<Arc<Node>>) -> Answer {
    let ready = node.repository.ready();
    let all: Vec<ServedAs<'_>> = ready
        .iter()
        .map(|served| ServedAs {
            model: &served.model.name,
            version: served.model.version,
            settings: served.batcher.settings().serving(),
        })
        .collect();
    answer(&all)
}

/// Server metadata.
pub async fn server() -> Answer {
    answer(&ServerMetadata {
        name: "orrery".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        extensions: ["binary_tensor_data", "model_repository", "statistics"].map(str::to_owned).to_vec(),
    })
}

/// Names of the models that answer, as `KServe` lists them.
pub async fn models(State(node): State<Arc<Node>>) -> Answer {
    let mut models: Vec<String> =
        node.repository.ready().iter().map(|served| served.model.name.clone()).collect();
    models.dedup();
    answer(&ModelList { models })
}

/// A version text as a number.
pub fn number(version: &str) -> Result<u32, ApiError> {
    version.parse().map_err(|_other| {
        ApiError::new(StatusCode::NOT_FOUND, format!("There is no version '{version}': versions are 1, 2, …"))
    })
}

/// The version a path names, ready to answer.
pub fn find(node: &Node, model: &str, version: Option<&str>) -> Result<Arc<Served>, ApiError> {
    let number = version.map(number).transpose()?;
    node.repository.find(model, number).map_err(|absent| {
        let what = version.map_or(format!("'{model}'"), |version| format!("'{model}', version {version}"));
        match absent {
            Absent::Unknown => ApiError::new(
                StatusCode::NOT_FOUND,
                format!("There is no model {what} here. POST /v2/repository/index lists what there is."),
            ),
            Absent::NotReady(reason) => {
                ApiError::passing(format!("The model {what} is not ready: {reason}."))
            }
        }
    })
}

/// A model's metadata, and what else our own clients want to know of it.
#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(flatten)]
    common: ModelMetadata,
    parameters: Parameters<'a>,
}

#[derive(Serialize)]
struct Parameters<'a> {
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<&'a [String]>,
}

fn metadata_of(node: &Node, model: &str, version: Option<&str>) -> Answer {
    let served = find(node, model, version)?;
    let runs = served.batcher.runtime();
    let card = match runs {
        Model::Ours(ours) => Some(ours.predictor().card()),
        Model::Onnx(_) => None,
    };
    answer(&Metadata {
        common: ModelMetadata {
            name: served.model.name.clone(),
            versions: node.repository.ready_versions(model).iter().map(u32::to_string).collect(),
            platform: runs.platform(),
            inputs: runs.inputs(),
            outputs: runs.outputs(),
        },
        parameters: Parameters {
            version: served.model.version.to_string(),
            target: card.map(|card| card.target.as_str()),
            classes: card.map(|card| card.classes.as_slice()),
        },
    })
}

/// Metadata of the newest version that answers.
pub async fn metadata(State(node): State<Arc<Node>>, Path(model): Path<String>) -> Answer {
    metadata_of(&node, &model, None)
}

/// Metadata of a version.
pub async fn version_metadata(
    State(node): State<Arc<Node>>,
    Path((model, version)): Path<(String, String)>,
) -> Answer {
    metadata_of(&node, &model, Some(&version))
}

/// Whether any version answers.
pub async fn model_ready(State(node): State<Arc<Node>>, Path(model): Path<String>) -> Answer {
    find(&node, &model, None).map(|_served| StatusCode::OK.into_response())
}

/// Whether a version answers.
pub async fn version_ready(
    State(node): State<Arc<Node>>,
    Path((model, version)): Path<(String, String)>,
) -> Answer {
    find(&node, &model, Some(&version)).map(|_served| StatusCode::OK.into_response())
}

fn limits(node: &Node) -> Limits {
    Limits { body_bytes: node.settings.body_bytes, ..Limits::default() }
}

/// A body that is a message, or nothing.
async fn message<T: DeserializeOwned + Send + 'static>(node: &Node, sent: Body) -> Result<T, ApiError> {
    let bytes = body(node, sent).await?;
    // Serde would take a list for a message, too.
    if bytes.trim_ascii_start().first().is_some_and(|byte| *byte != b'{') {
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "The body must be a JSON object, or empty."));
    }
    let limits = limits(node);
    large::work(bytes.len(), move || Ok(decode(&bytes, &limits)?)).await
}

/// Off the network threads: the store and model files are read.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, orrery_domain::Failure> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(ApiError::from),
        Err(error) => {
            Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("The work broke down: {error}.")))
        }
    }
}

/// Every version with its state.
pub async fn index(State(node): State<Arc<Node>>, sent: Body) -> Answer {
    let IndexRequest { ready } = message(&node, sent).await?;
    let listed = aside(move || node.repository.index(ready)).await?;
    let entry = |Listed { model, state, reason }| IndexEntry {
        name: model.name,
        version: Some(model.version.to_string()),
        state: Some(state),
        reason: Some(reason),
    };
    answer(&listed.into_iter().map(entry).collect::<Vec<_>>())
}

/// Loads the newest version of a model, or the one that is named; what answers already goes on answering. Files that come along
/// are registered first, as the version that is named.
pub async fn load(State(node): State<Arc<Node>>, Path(model): Path<String>, sent: Body) -> Answer {
    let (bytes, limits) = (body(&node, sent).await?, limits(&node));
    let LoadRequest { config, files, version, serve } =
        large::work(bytes.len(), move || Ok(LoadRequest::decode(&bytes, &limits)?)).await?;
    if config.is_some() {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "A model's configuration is its card here: leave `config` out.",
        ));
    }
    let version = version.as_deref().map(number).transpose()?;
    if files.is_empty() {
        exists(&node, &model).await?;
    } else {
        let Some(version) = version else {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "Files need the version that they are: name it as the parameter `version`.",
            ));
        };
        let (receiving, received) = (Arc::clone(&node), format!("{model}:{version}"));
        let received: ModelRef = received
            .parse()
            .map_err(|error: ModelRefError| ApiError::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        aside(move || receiving.repository.receive(&received, &files)).await?;
    }
    let serve = serve.unwrap_or(false);
    let loaded = aside(move || node.repository.load(&model, version, serve)).await?;
    answer(&LoadResponse { name: loaded.name, load: Some(true), unload: None })
}

/// Unloads every version of a model.
pub async fn unload(State(node): State<Arc<Node>>, Path(model): Path<String>, sent: Body) -> Answer {
    let UnloadRequest { .. } = message(&node, sent).await?;
    exists(&node, &model).await?;
    let name = model.clone();
    aside(move || node.repository.unload(&name)).await?;
    answer(&LoadResponse { name: model, load: None, unload: Some(true) })
}

/// That there is a model of that name.
async fn exists(node: &Arc<Node>, model: &str) -> Result<(), ApiError> {
    let (known, name) = (Arc::clone(node), model.to_owned());
    if aside(move || known.repository.has(&name)).await? {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::NOT_FOUND,
        format!("There is no model '{model}' here. POST /v2/repository/index lists what there is."),
    ))
}

/// A version's figures.
fn figures(served: &Served) -> ModelStatistics {
    let all = &served.statistics;
    ModelStatistics {
        name: served.model.name.clone(),
        version: served.model.version.to_string(),
        last_inference_millis: all.last_millis(),
        inference_count: all.rows(),
        execution_count: all.executions(),
        inference_stats: InferStatistics {
            success: all.success.get(),
            fail: all.fail.get(),
            queue: all.queue.get(),
            compute_infer: all.compute.get(),
            ..InferStatistics::default()
        },
        ..ModelStatistics::default()
    }
}

fn statistics_of<'a>(versions: impl Iterator<Item = &'a Arc<Served>>) -> Answer {
    answer(&StatisticsResponse { model_stats: versions.map(|served| figures(served)).collect() })
}

/// Figures of every version that answers.
pub async fn all_statistics(State(node): State<Arc<Node>>) -> Answer {
    statistics_of(node.repository.ready().iter())
}

/// Figures of every version of a model.
pub async fn statistics(State(node): State<Arc<Node>>, Path(model): Path<String>) -> Answer {
    find(&node, &model, None)?;
    statistics_of(node.repository.ready().iter().filter(|served| served.model.name == model))
}

/// Figures of a version.
pub async fn version_statistics(
    State(node): State<Arc<Node>>,
    Path((model, version)): Path<(String, String)>,
) -> Answer {
    statistics_of(std::iter::once(&find(&node, &model, Some(&version))?))
}

/// Metrics: Prometheus' own text format, or `OpenMetrics` where the client names it.
pub async fn metrics(State(node): State<Arc<Node>>, headers: HeaderMap) -> Response {
    exposition::answer(&headers, node.metrics.registry())
}

/// No such route.
pub async fn nothing() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "There is nothing here. The protocol begins at /v2; /api/openapi.json describes every route.",
    )
}

/// A route, but another method.
pub async fn not_so() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "This route takes another method.")
}
