//! Proxy: one `/v2` request from its arrival to its answer.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Extension, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use orrery_domain::access::Scope;
use orrery_oip::HEADER_LENGTH;
use orrery_policy::{
    access::Decision,
    traffic::{
        Nanos, NoEndpoint, Residency,
        rate_limit::{policy_header, rate_limit_header},
        retry::TryFailure,
    },
};

use super::{
    canary::Canaries,
    error, forward,
    live::Live,
    record::Line,
    serve::Gateway,
    tries::{Asked, Ended, tries},
};
use crate::http::Peer;

/// Answers a request.
pub async fn proxy(
    State(gateway): State<Arc<Gateway>>,
    Extension(Peer(caller)): Extension<Peer>,
    request: Request,
) -> Response {
    let live = gateway.live();
    let arrived = live.clock.now();
    let (head, body) = request.into_parts();
    let who = match permit(&gateway, &head, caller) {
        Ok(who) => who,
        Err(refused) => return *refused,
    };
    let admission = gateway.admit(who, arrived);
    let mut response = match &admission {
        Some((_, admission)) if !admission.allowed => {
            gateway.counts.limited.fetch_add(1, Ordering::Relaxed);
            let message = "The rate limit is reached. Try again after the time in Retry-After.";
            error::protocol(StatusCode::TOO_MANY_REQUESTS, message, admission.retry_after_secs())
        }
        _ => answer(&gateway, &live, head, body, arrived).await,
    };
    if let Some((policies, admission)) = admission {
        tell_limits(
            response.headers_mut(),
            &policy_header(&policies),
            &rate_limit_header(&policies, &admission),
        );
    }
    response
}

/// Whether a path has one spelling: no escapes, no empty, `.` or `..` parts. What may be asked stands on paths as they are written,
/// and a server might read another path out of them.
fn is_plain(path: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@/".contains(&byte);
    let mut parts = path.split('/').skip(1);
    path.bytes().all(legal) && parts.all(|part| !matches!(part, "" | "." | ".."))
}

/// Who asks, as rate limits count them; or the refusal.
fn permit(gateway: &Gateway, head: &Parts, caller: SocketAddr) -> Result<u64, Box<Response>> {
    if !is_plain(head.uri.path()) {
        let message = "The path must be written plainly: letters, digits, '-', '.', '_', '~', ':' and '@' between single slashes.";
        return Err(Box::new(error::protocol(StatusCode::BAD_REQUEST, message, None)));
    }
    let control = head.uri.path().starts_with("/v2/repository") && !head.uri.path().ends_with("/index");
    let infers = head.method == Method::POST && head.uri.path().ends_with("/infer");
    let scope = if control {
        Scope::Admin
    } else if infers {
        Scope::Infer
    } else {
        Scope::Read
    };
    let header = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match gateway.auth.decide(header, scope) {
        Decision::Allowed => {}
        Decision::Unauthenticated(why) => {
            let message = format!("This needs a key: {why}.");
            return Err(Box::new(error::protocol(StatusCode::UNAUTHORIZED, message, None)));
        }
        Decision::Forbidden(scope) => {
            let message = format!("The key does not have the scope '{scope}'.");
            return Err(Box::new(error::protocol(StatusCode::FORBIDDEN, message, None)));
        }
    }
    // Control through a gateway would reach one server of many, by lot.
    if control {
        let message = "Models are loaded and unloaded at each server, not through the gateway: use `orrery fleet deploy`.";
        return Err(Box::new(error::protocol(StatusCode::FORBIDDEN, message, None)));
    }
    let name = header.map_or_else(|| caller.ip().to_string(), crate::keys::hash);
    Ok(twox_hash::XxHash64::oneshot(0, name.as_bytes()))
}

fn tell_limits(headers: &mut HeaderMap, policy: &str, limit: &str) {
    for (name, value) in [("ratelimit-policy", policy), ("ratelimit", limit)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
}

async fn answer(gateway: &Gateway, live: &Live, head: Parts, body: Body, arrived: Nanos) -> Response {
    let residency = residency(live, &head.headers);
    let limit = live.config.max_body_bytes();
    let deadline = live.config.timeouts.deadline(arrived, None);
    let patience = Duration::from_nanos((deadline - arrived).0);
    let body = match tokio::time::timeout(patience, axum::body::to_bytes(body, limit)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) if error.to_string().contains("length limit") => {
            let message = format!("The body is larger than {limit} bytes. Send fewer rows at once.");
            return error::protocol(StatusCode::PAYLOAD_TOO_LARGE, message, None);
        }
        Ok(Err(_broken)) => {
            return error::protocol(StatusCode::BAD_REQUEST, "The body did not arrive whole.", None);
        }
        Err(_late) => {
            return error::protocol(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.", None);
        }
    };
    let route = Canaries::route(live, head.uri.path());
    let path = route.as_ref().map_or_else(|| head.uri.path().to_owned(), |route| route.path.clone());
    let key = head.headers.get(live.config.hash_header.as_str());
    let key = key.map(|value| twox_hash::XxHash64::oneshot(0, value.as_bytes()));
    let infer = path.ends_with("/infer");
    let idempotent =
        matches!(head.method, Method::GET | Method::HEAD) || infer && live.config.infer_is_idempotent;
    let asked = Asked { body, path, route, residency: &residency, key, arrived, deadline, idempotent, head };
    let ended = tries(gateway, live, &asked).await;
    finish(gateway, live, &asked, ended)
}

/// Where a request's data may go.
fn residency(live: &Live, headers: &HeaderMap) -> Residency {
    let config = &live.config.residency;
    let base = if config.tags.is_empty() {
        Residency::Unrestricted
    } else {
        Residency::Requires(config.tags.iter().cloned().collect())
    };
    let Some(name) = &config.header else { return base };
    match headers.get(name.as_str()) {
        // What cannot be read might demand anything.
        Some(value) => base.and(value.to_str().map_or(Residency::Unknown, Residency::from_header)),
        None if config.required => Residency::Unknown,
        None => base,
    }
}

/// Counts how it ended, and makes the caller's answer of it.
fn finish(gateway: &Gateway, live: &Live, asked: &Asked<'_>, ended: Ended) -> Response {
    let time = live.clock.now();
    let took = time - asked.arrived;
    let (status, endpoint, bytes) = match &ended {
        Ended::Answered(answered, endpoint) => {
            (answered.status.as_u16(), Some(*endpoint), answered.body.len())
        }
        Ended::Failed(TryFailure::TimedOut) => (504, None, 0),
        Ended::Failed(_) => (502, None, 0),
        Ended::Nobody(_) => (503, None, 0),
    };
    let failed = status >= 500;
    gateway.counts.ended(time, took, failed);
    gateway.slos.record(failed);
    if let Some(route) = &asked.route {
        gateway.canaries.record(route, ended_body(&ended).as_ref(), took, failed, time);
    }
    if live.config.recording {
        gateway.recorder.push(Line {
            at: asked.arrived.as_secs(),
            secs: took.as_secs(),
            status,
            endpoint: endpoint.map(|index| live.config.endpoints[index].name.clone()),
            model: asked
                .path
                .strip_prefix("/v2/models/")
                .and_then(|rest| rest.split('/').next())
                .map(str::to_owned),
            request_bytes: asked.body.len(),
            answer_bytes: bytes,
        });
    }
    match ended {
        Ended::Answered(answered, _) => forward::response(answered),
        Ended::Failed(TryFailure::TimedOut) => error::protocol(
            StatusCode::GATEWAY_TIMEOUT,
            "No server answered in time. Nothing is known of what it did.",
            None,
        ),
        Ended::Failed(_) => error::protocol(
            StatusCode::BAD_GATEWAY,
            "No server could be reached, or its answer broke off.",
            None,
        ),
        Ended::Nobody(NoEndpoint::Residency) => {
            error::protocol(StatusCode::FORBIDDEN, NoEndpoint::Residency.to_string(), None)
        }
        Ended::Nobody(nobody) => {
            error::protocol(StatusCode::SERVICE_UNAVAILABLE, nobody.to_string(), Some(1))
        }
    }
}

/// A good answer's body and the length of its JSON part.
fn ended_body(ended: &Ended) -> Option<(Bytes, Option<usize>)> {
    let Ended::Answered(answered, _) = ended else { return None };
    let length = answered.headers.get(HEADER_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    answered.status.is_success().then(|| (answered.body.clone(), length))
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn a_path_has_one_spelling() {
        for plain in ["/v2", "/v2/models/m-1.x_y/versions/2/infer", "/v2/repository/index"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "/v2/%72epository/models/m/load",
            "/v2//repository",
            "/v2/models/../repository",
            "/v2/./models",
            "/v2/m;x",
            "/v2/",
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }
}
