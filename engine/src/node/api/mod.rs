//! The HTTP face: routes, who may use them, and what is counted.

mod access_log;
mod control;
mod error;
mod infer;
mod ml;
mod routes;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use orrery_domain::access::Scope;

use super::{compute::Compute, metrics::Metrics, repository::Repository};
use crate::{
    auth::Auth,
    fleet::vantage::Vantage,
    http::{TRACEPARENT, TraceContext},
};
use error::ApiError;
pub use ml::AT_ONCE;

/// The header that names a request in logs and answers.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over, bytes.
const LONGEST_ID: usize = 128;

/// What a node is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct ApiSettings {
    /// Largest body, bytes.
    pub body_bytes: usize,
    /// Longest that a request may take.
    pub timeout: Duration,
    /// Whether each request is logged as a line of JSON on standard error.
    pub log_requests: bool,
}

/// Everything a request may need.
pub struct Node {
    /// Models.
    pub repository: Repository,
    /// What they compute with.
    pub compute: Arc<Compute>,
    /// Keys.
    pub auth: Auth,
    /// Counters.
    pub metrics: Metrics,
    /// Settings.
    pub settings: ApiSettings,
    /// Permits of explanations and comparisons.
    pub aside: Arc<tokio::sync::Semaphore>,
    /// What it sees of other servers, where it is a vantage point.
    pub vantage: Option<Arc<Vantage>>,
    /// Whether what should be served at start has been tried.
    pub settled: AtomicBool,
    /// Whether it is ending: not ready, but what comes is still answered.
    pub draining: AtomicBool,
}

impl Node {
    /// Whether it takes requests and everything it began with was tried.
    pub fn ready(&self) -> bool {
        self.settled.load(Ordering::Acquire)
            && !self.draining.load(Ordering::Acquire)
            && !self.compute.is_dead()
    }
}

/// All routes.
pub fn router(node: Arc<Node>) -> Router {
    let mut all = Router::new();
    for scope in [None, Some(Scope::Infer), Some(Scope::Read), Some(Scope::Admin)] {
        let wanted = routes::routes().into_iter().filter(|route| route.scope == scope);
        let some = wanted.fold(Router::new(), |router, route| router.route(route.path, route.handler));
        all = all.merge(match scope {
            Some(scope) => some.layer(from_fn_with_state((Arc::clone(&node), scope), permit)),
            None => some,
        });
    }
    all.fallback(control::nothing)
        .method_not_allowed_fallback(control::not_so)
        .layer(from_fn_with_state(Arc::clone(&node), watched))
        .with_state(node)
}

/// Lets through who may.
async fn permit(State((node, scope)): State<(Arc<Node>, Scope)>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match ApiError::denied(node.auth.decide(header, scope)) {
        Some(denied) => denied.into_response(),
        None => next.run(request).await,
    }
}

/// Counts, names, traces and logs a request.
async fn watched(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.uri().path();
    let (route, ours) = (route(path), path.starts_with("/api"));
    let id = request_id(request.headers());
    let trace = TraceContext::of(request.headers());
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>().filter(|_| ours) {
        response = error.problem();
    }
    let secs = began.elapsed().as_secs_f64();
    let status = response.status().as_u16();
    node.metrics.http(route, status, secs);
    let request_id = id.to_str().unwrap_or_default();
    log::debug!("{route} {status} {:.3} ms id={request_id} trace={trace}", secs * 1e3);
    if node.settings.log_requests {
        access_log::write(access_log::Line { route, status, secs, request_id }, trace);
    }
    if let Ok(trace) = HeaderValue::try_from(trace.to_string()) {
        response.headers_mut().insert(TRACEPARENT, trace);
    }
    response.headers_mut().insert(&REQUEST_ID, id);
    response
}

/// A path's kind: the label of metrics must not grow with what clients ask for.
fn route(path: &str) -> &'static str {
    let mut parts = path.trim_matches('/').rsplit('/');
    match (path.starts_with("/v2"), parts.next().unwrap_or_default()) {
        (true, "infer") => "infer",
        (true, "live") => "live",
        (true, "ready") => "ready",
        (true, "stats") => "stats",
        (true, "index") => "index",
        (true, "load") => "load",
        (true, "unload") => "unload",
        (true, _) => "metadata",
        (false, "metrics") => "metrics",
        (false, "openapi.json") => "openapi",
        (false, "explain") => "explain",
        (false, "compare") => "compare",
        (false, "sightings") => "sightings",
        (false, "serving") => "serving",
        (false, _) => "other",
    }
}

/// The client's own id where it is a plain one, else the next number since the node's start.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let given = headers.get(&REQUEST_ID).filter(|id| id.len() <= LONGEST_ID && id.to_str().is_ok());
    given.cloned().unwrap_or_else(|| HeaderValue::from(COUNTER.fetch_add(1, Ordering::Relaxed)))
}

/// A body, refused where it is too large or does not come.
async fn body(node: &Node, body: Body) -> Result<Bytes, ApiError> {
    use axum::http::StatusCode;
    let limit = node.settings.body_bytes;
    let read = tokio::time::timeout(node.settings.timeout, axum::body::to_bytes(body, limit)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.to_string().contains("length limit") => Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The body is larger than {limit} bytes. Send fewer rows at once."),
        )),
        Ok(Err(error)) => {
            Err(ApiError::new(StatusCode::BAD_REQUEST, format!("The body did not arrive whole: {error}.")))
        }
        Err(_late) => {
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.".to_owned()))
        }
    }
}

/// A message as a JSON answer.
fn json(message: &impl serde::Serialize) -> Result<Response, ApiError> {
    let body = orrery_oip::control::encode(message)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
