//! Control: health, metadata, the repository, statistics and metrics.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{ApiError, Node, body, json as answer};
use crate::node::{
    repository::{Absent, Served},
    schema::{self, Described},
    statistics::Tally,
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

/// Server metadata.
pub async fn server() -> Response {
    answer(&json!({
        "name": "orrery",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": ["binary_tensor_data", "model_repository", "statistics"],
    }))
}

/// Names of the models that answer, as `KServe` lists them.
pub async fn models(State(node): State<Arc<Node>>) -> Response {
    let mut names: Vec<String> =
        node.repository.ready().iter().map(|served| served.model.name.clone()).collect();
    names.dedup();
    answer(&json!({ "models": names }))
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

fn described(tensors: &[Described]) -> Vec<Value> {
    let one = |tensor: &Described| json!({ "name": tensor.name, "datatype": tensor.datatype.name(), "shape": tensor.shape });
    tensors.iter().map(one).collect()
}

fn metadata_of(node: &Node, model: &str, version: Option<&str>) -> Answer {
    let served = find(node, model, version)?;
    let predictor = &served.batcher.runtime().0;
    let versions: Vec<String> = node.repository.ready_versions(model).iter().map(u32::to_string).collect();
    Ok(answer(&json!({
        "name": served.model.name,
        "versions": versions,
        "platform": format!("orrery_{}", predictor.card().kind.name()),
        "inputs": described(&schema::inputs(predictor)),
        "outputs": described(&schema::outputs(predictor)),
        "parameters": {
            "version": served.model.version.to_string(),
            "target": predictor.card().target,
            "classes": predictor.card().classes,
        },
    })))
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

/// A body that is an object, or nothing.
async fn object(node: &Node, sent: Body) -> Result<Value, ApiError> {
    let bytes = body(node, sent).await?;
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, format!("The body is no JSON: {error}.")))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(ApiError::new(StatusCode::BAD_REQUEST, "The body must be a JSON object, or empty."))
    }
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
    let asked = object(&node, sent).await?;
    let only_ready = asked["ready"].as_bool().unwrap_or(false);
    let listed = aside(move || node.repository.index(only_ready)).await?;
    let one = |listed: &crate::node::repository::Listed| {
        json!({
            "name": listed.model.name,
            "version": listed.model.version.to_string(),
            "state": listed.state.word(),
            "reason": listed.reason,
        })
    };
    Ok(answer(&Value::Array(listed.iter().map(one).collect())))
}

/// Loads the newest version of a model, or `parameters.version`; what answers already goes on answering.
pub async fn load(State(node): State<Arc<Node>>, Path(model): Path<String>, sent: Body) -> Answer {
    let asked = object(&node, sent).await?;
    let parameters = &asked["parameters"];
    if parameters.get("config").is_some() || asked.pointer("/parameters").is_some_and(has_files) {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "Models are not taken over the network here: register them with `orrery train` or `orrery models import`.",
        ));
    }
    let version = match &parameters["version"] {
        Value::Null => None,
        Value::String(text) => Some(number(text)?),
        other => Some(number(&other.to_string())?),
    };
    exists(&node, &model).await?;
    let loaded = aside(move || node.repository.load(&model, version)).await?;
    Ok(answer(&json!({ "name": loaded.name, "version": loaded.version.to_string(), "load": true })))
}

fn has_files(parameters: &Value) -> bool {
    parameters.as_object().is_some_and(|all| all.keys().any(|key| key.starts_with("file:")))
}

/// Unloads every version of a model.
pub async fn unload(State(node): State<Arc<Node>>, Path(model): Path<String>, sent: Body) -> Answer {
    object(&node, sent).await?;
    exists(&node, &model).await?;
    let name = model.clone();
    aside(move || node.repository.unload(&name)).await?;
    Ok(answer(&json!({ "name": model, "unload": true })))
}

/// That the registry has a model of that name.
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

fn tally(tally: &Tally) -> Value {
    let (count, nanos) = tally.get();
    json!({ "count": count, "ns": nanos })
}

/// A version's figures as the statistics extension has them.
fn figures(served: &Served) -> Value {
    let all = &served.statistics;
    let none = json!({ "count": 0, "ns": 0 });
    json!({
        "name": served.model.name,
        "version": served.model.version.to_string(),
        "last_inference": all.last_millis(),
        "inference_count": all.rows(),
        "execution_count": all.executions(),
        "inference_stats": {
            "success": tally(&all.success),
            "fail": tally(&all.fail),
            "queue": tally(&all.queue),
            "compute_input": none,
            "compute_infer": tally(&all.compute),
            "compute_output": none,
            "cache_hit": none,
            "cache_miss": none,
        },
        "batch_stats": [],
        "memory_usage": [],
    })
}

/// Figures of every version that answers.
pub async fn all_statistics(State(node): State<Arc<Node>>) -> Response {
    let all: Vec<Value> = node.repository.ready().iter().map(|served| figures(served)).collect();
    answer(&json!({ "model_stats": all }))
}

/// Figures of every version of a model.
pub async fn statistics(State(node): State<Arc<Node>>, Path(model): Path<String>) -> Answer {
    find(&node, &model, None)?;
    let all = node.repository.ready();
    let own: Vec<Value> =
        all.iter().filter(|served| served.model.name == model).map(|served| figures(served)).collect();
    Ok(answer(&json!({ "model_stats": own })))
}

/// Figures of a version.
pub async fn version_statistics(
    State(node): State<Arc<Node>>,
    Path((model, version)): Path<(String, String)>,
) -> Answer {
    let served = find(&node, &model, Some(&version))?;
    Ok(answer(&json!({ "model_stats": [figures(&served)] })))
}

/// Prometheus' text.
pub async fn metrics(State(node): State<Arc<Node>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], node.metrics.text()).into_response()
}

/// No such route.
pub async fn nothing() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "There is nothing here. The API begins at /v2.")
}

/// A route, but another method.
pub async fn not_so() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "This route takes another method.")
}
