//! Forward: what of a request goes on to a server, and what of its answer goes back to the caller.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri, header, request::Parts},
};
use orrery_policy::traffic::retry::TryFailure;

use super::{content::Content, upstream::Answered};

/// Headers that belong to one connection (RFC 9110, section 7.6.1) and are not passed on.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Takes out what belongs to one connection, and what `Connection` names.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// A request's head to one server: the same method, path, query and headers, its own key instead of the caller's. Its address is the path
/// alone, as it is written to the server; `Host` is left to whoever sends it.
///
/// # Errors
/// When the path is none, which the check of the caller's path excludes.
pub fn request(head: &Parts, path: &str, key: Option<&HeaderValue>) -> Result<Request<()>, TryFailure> {
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri: Uri = format!("{path}{query}").parse().map_err(|_error| TryFailure::ConnectFailure)?;
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.clone_from(&head.headers);
    strip_hop_by_hop(headers);
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::EXPECT);
    headers.remove(header::CONTENT_LENGTH);
    if let Some(key) = key {
        headers.insert(header::AUTHORIZATION, key.clone());
    }
    Ok(request)
}

/// An answer as it goes to the caller.
pub fn response(answered: Answered) -> Response<Body> {
    let Answered { status, mut headers, body } = answered;
    strip_hop_by_hop(&mut headers);
    headers.remove(header::CONTENT_LENGTH);
    let mut response = Response::new(match body {
        Content::Whole(bytes) => Body::from(bytes),
        Content::Stream(body) => body,
    });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
