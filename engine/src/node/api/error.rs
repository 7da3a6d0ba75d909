//! Errors: as the protocol has them (`{"error": "..."}`), or as problem details (RFC 9457) for our own routes.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use orrery_domain::{Failure, FailureClass, access::Scope};
use orrery_oip::control::ErrorBody;
use orrery_policy::access::Decision;

/// Seconds after which a refused client may try again.
const RETRY_AFTER_SECS: &str = "1";

/// What a client is told when its request is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Status.
    pub status: StatusCode,
    /// A sentence: what is wrong and what to do.
    pub message: String,
    /// Whether the same request may be answered a little later.
    pub again: bool,
}

impl ApiError {
    /// An error that stays one.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), again: false }
    }

    /// An error that passes.
    pub fn passing(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: message.into(), again: true }
    }

    /// The answer to who may not.
    pub fn denied(decision: Decision) -> Option<Self> {
        match decision {
            Decision::Allowed => None,
            Decision::Unauthenticated(why) => {
                Some(Self::new(StatusCode::UNAUTHORIZED, format!("This needs a key: {why}.")))
            }
            Decision::Forbidden(scope) => Some(Self::new(StatusCode::FORBIDDEN, forbidden(scope))),
        }
    }
}

fn forbidden(scope: Scope) -> String {
    format!("The key does not have the scope '{scope}'. Make one with `orrery keys create --scope {scope}`.")
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let status = match failure.class {
            FailureClass::Client | FailureClass::Data => StatusCode::BAD_REQUEST,
            FailureClass::Capacity | FailureClass::Hardware => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, again: status == StatusCode::SERVICE_UNAVAILABLE, message: failure.message }
    }
}

impl From<orrery_oip::OipError> for ApiError {
    fn from(error: orrery_oip::OipError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Self::new(status, error.to_string())
    }
}

impl ApiError {
    /// The answer as problem details, `application/problem+json`.
    pub fn problem(self) -> Response {
        let body = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.message,
        });
        self.answer(body.to_string().into_bytes(), "application/problem+json")
    }

    fn answer(&self, body: Vec<u8>, kind: &'static str) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if self.again {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECS));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = orrery_oip::control::encode(&ErrorBody::new(self.message.clone())).unwrap_or_default();
        let mut response = self.answer(body, "application/json");
        // Whoever knows the path may say it otherwise.
        response.extensions_mut().insert(self);
        response
    }
}
