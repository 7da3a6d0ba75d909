//! Infer: a request's tensors to the model's queue and its answers back, as JSON or binary.

use std::{sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use orrery_oip::{
    DecodeOptions, Dialect, EncodeOptions, Encoded, HEADER_LENGTH, InferRequest, InferResponse, Limits,
    decode_request, encode_response, parse_header_length,
};

use super::{ApiError, Node, body, control, large};
use crate::node::{
    batcher::Refusal,
    model::{Found, Model, Rows},
    repository::Served,
    schema::Unfit,
};

/// Asks the newest version that answers.
pub async fn newest(
    State(node): State<Arc<Node>>,
    Path(model): Path<String>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, ApiError> {
    infer(&node, &model, None, &headers, sent).await
}

/// Asks a version.
pub async fn version(
    State(node): State<Arc<Node>>,
    Path((model, version)): Path<(String, String)>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, ApiError> {
    infer(&node, &model, Some(&version), &headers, sent).await
}

async fn infer(
    node: &Node,
    model: &str,
    version: Option<&str>,
    headers: &HeaderMap,
    sent: Body,
) -> Result<Response, ApiError> {
    let began = Instant::now();
    let served = control::find(node, model, version)?;
    let answered = answer(node, &served, headers, sent, began).await;
    if let Err(error) = &answered {
        let outcome = match error.status {
            StatusCode::GATEWAY_TIMEOUT => "timeout",
            status if error.again || status == StatusCode::SERVICE_UNAVAILABLE => "refused",
            status if status.is_client_error() => "client",
            _ => "failed",
        };
        node.metrics.outcome(&served.model.name, served.model.version, outcome);
        served.statistics.failed(began.elapsed());
    }
    answered
}

async fn answer(
    node: &Node,
    served: &Arc<Served>,
    headers: &HeaderMap,
    sent: Body,
    began: Instant,
) -> Result<Response, ApiError> {
    let bytes = body(node, sent).await?;
    let header_length = match headers.get(HEADER_LENGTH) {
        Some(value) => Some(parse_header_length(value.to_str().unwrap_or("?"))?),
        None => None,
    };
    let limits = Limits { body_bytes: node.settings.body_bytes, ..Limits::default() };
    let options = DecodeOptions::of(Dialect::Orrery, limits);
    let (size, model) = (bytes.len(), Arc::clone(served));
    let read = move || read(model.batcher.runtime(), &bytes, header_length, &options);
    let (request, asking) = large::work(size, read).await?;
    let rows = asking.count();
    let left = node.settings.timeout.saturating_sub(began.elapsed());
    let reply = served.batcher.ask(asking, left).map_err(refused)?;
    // Dropped when its time is over, it is not computed any more.
    let reply = tokio::time::timeout(left, reply).await.map_err(|_late| refused(Refusal::TimedOut))?;
    let (result, timing) = reply.map_err(|_gone| refused(Refusal::Closed))?;
    let found = result.map_err(refused)?;
    // Many rows have a long answer.
    let answering = Arc::clone(served);
    let encoded = large::work(size, move || write(&answering, &request, &found)).await?;
    served.statistics.answered(rows, timing, began.elapsed());
    node.metrics.answered(&served.model.name, served.model.version, rows, timing);
    let mut response = Response::new(Body::from(encoded.body));
    let kind = match encoded.header_length {
        Some(length) => {
            if let Ok(name) = HeaderName::from_bytes(HEADER_LENGTH.as_bytes()) {
                response.headers_mut().insert(name, HeaderValue::from(length));
            }
            "application/octet-stream"
        }
        None => "application/json",
    };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response.into_response())
}

/// A request without its inputs, and those as the model's rows: neither borrows the body.
fn read(
    model: &Model,
    bytes: &[u8],
    header_length: Option<usize>,
    options: &DecodeOptions,
) -> Result<(InferRequest<'static>, Rows), ApiError> {
    let mut request = decode_request(bytes, header_length, options)?;
    let rows = model.rows(&request.inputs)?;
    request.inputs.clear();
    Ok((request.into_owned(), rows))
}

/// What a model found, as the answer to a request.
fn write(served: &Served, request: &InferRequest<'_>, found: &Found) -> Result<Encoded, ApiError> {
    let asked: Vec<&str> = request.outputs.iter().map(|output| output.name.as_ref()).collect();
    let mut response = InferResponse {
        model_name: served.model.name.clone(),
        model_version: Some(served.model.version.to_string()),
        outputs: served.batcher.runtime().tensors(found, &asked)?,
        ..InferResponse::default()
    };
    response.answer(request);
    Ok(encode_response(&response, &EncodeOptions::of(Dialect::Triton))?)
}

fn refused(refusal: Refusal<orrery_domain::Failure>) -> ApiError {
    match refusal {
        Refusal::Full => {
            ApiError::passing("Too many requests wait for this model. Try again a little later.")
        }
        Refusal::Closed => ApiError::passing("The model is being unloaded. Try again a little later."),
        Refusal::TimedOut => ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            "The request's time was over before its answer was there. Try again with fewer rows.",
        ),
        Refusal::Model(failure) => failure.into(),
    }
}

impl From<Unfit> for ApiError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Input(message) => Self::new(StatusCode::BAD_REQUEST, message),
            Unfit::Tensor(error) => error.into(),
        }
    }
}
