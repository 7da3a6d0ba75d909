//! Errors of the gateway: the protocol's object on `/v2`, RFC 9457 problem details on `/api`.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use orrery_domain::{Failure, FailureClass};
use orrery_oip::control::ErrorBody;

/// An answer that says what went wrong on `/v2`. `retry_after` in seconds.
pub fn protocol(status: StatusCode, message: impl Into<String>, retry_after: Option<u64>) -> Response {
    let body = serde_json::to_vec(&ErrorBody { error: message.into() }).unwrap_or_default();
    answer(status, "application/json", body, retry_after)
}

/// An answer that says what went wrong on `/api`.
pub fn problem(status: StatusCode, detail: &str) -> Response {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    answer(status, "application/problem+json", body.to_string().into_bytes(), None)
}

/// The problem that a failure is.
pub fn of(failure: &Failure) -> Response {
    let status = match failure.class {
        FailureClass::Client | FailureClass::Data => StatusCode::BAD_REQUEST,
        FailureClass::Auth => StatusCode::FORBIDDEN,
        FailureClass::Capacity | FailureClass::Transient => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    problem(status, &failure.message)
}

fn answer(status: StatusCode, kind: &'static str, body: Vec<u8>, retry_after: Option<u64>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(secs) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
    response
}
