//! The HTTP face: routes, who may use them, and what is counted.

mod control;
mod error;
mod infer;
mod large;
mod ml;
mod routes;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::header,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use orrery_domain::access::Scope;

use super::{compute::Compute, metrics::Metrics, repository::Repository};
use crate::{
    auth::Auth,
    fleet::vantage::Vantage,
    http::{self, Named},
};
use error::ApiError;
pub use ml::AT_ONCE;

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
    let path = request.uri().path();
    let (route, ours) = (route(path), path.starts_with("/api"));
    let named = Named::of(request.headers(), route);
    let mut response = next.run(request).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>().filter(|_| ours) {
        response = error.problem();
    }
    let secs = named.answered(&mut response, node.settings.log_requests);
    node.metrics.http(route, response.status().as_u16(), secs);
    response
}

/// A path's kind.
fn route(path: &str) -> &'static str {
    http::protocol_route(path).unwrap_or_else(|| match path.trim_matches('/').rsplit('/').next() {
        Some("metrics") => "metrics",
        Some("openapi.json") => "openapi",
        Some("explain") => "explain",
        Some("compare") => "compare",
        Some("sightings") => "sightings",
        Some("serving") => "serving",
        _ => "other",
    })
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
    Ok(encoded(orrery_oip::control::encode(message)?))
}

/// JSON as an answer.
fn encoded(json: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}
