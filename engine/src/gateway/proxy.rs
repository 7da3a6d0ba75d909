//! Proxy: one `/v2` request from its arrival to its answer.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock, atomic::Ordering},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Extension, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use http_body_util::Limited;
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
    account::Account,
    canary::Canaries,
    content::{self, Broken, Content, Outgoing},
    error, forward,
    live::Live,
    serve::Gateway,
    streamed::streamed,
    tries::{Asked, Ended, tries},
    upstream::Answered,
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

async fn answer(
    gateway: &Arc<Gateway>,
    live: &Arc<Live>,
    head: Parts,
    body: Body,
    arrived: Nanos,
) -> Response {
    let residency = residency(live, &head.headers);
    let limit = live.config.max_body_bytes();
    let deadline = live.config.timeouts.deadline(arrived, None);
    let patience = Duration::from_nanos((deadline - arrived).0);
    if body.size_hint().lower() > limit as u64 {
        return broken(Broken::TooLarge, limit);
    }
    let body = match tokio::time::timeout(patience, content::take(Limited::new(body, limit))).await {
        Ok(Ok(body)) => Outgoing::from(body),
        Ok(Err(error)) if content::is_too_large(&*error) => return broken(Broken::TooLarge, limit),
        Ok(Err(_broken)) => return broken(Broken::BrokeOff, limit),
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
    let asked = Asked {
        head,
        body,
        path,
        route,
        residency: &residency,
        key,
        arrived,
        deadline,
        idempotent,
        infer,
        rows: OnceLock::new(),
    };
    let ended = tries(gateway, live, &asked).await;
    finish(gateway, live, asked, ended)
}

/// The answer to a body that did not come whole.
fn broken(how: Broken, limit: usize) -> Response {
    match how {
        Broken::TooLarge => {
            let message = format!("The body is larger than {limit} bytes. Send fewer rows at once.");
            error::protocol(StatusCode::PAYLOAD_TOO_LARGE, message, None)
        }
        Broken::BrokeOff => error::protocol(StatusCode::BAD_REQUEST, "The body did not arrive whole.", None),
    }
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

/// Counts how it ended, and makes the caller's answer of it. A streamed answer is counted when it has ended.
fn finish(gateway: &Arc<Gateway>, live: &Arc<Live>, asked: Asked<'_>, ended: Ended) -> Response {
    let (status, endpoint) = match &ended {
        Ended::Answered(answered, endpoint) => (answered.status.as_u16(), Some(*endpoint)),
        Ended::Failed(TryFailure::TimedOut) => (504, None),
        Ended::Failed(_) => (502, None),
        Ended::Nobody(_) => (503, None),
    };
    if let (Ended::Failed(_), Some(how)) = (&ended, asked.body.broken()) {
        return broken(how, live.config.max_body_bytes());
    }
    let account = Account::new(gateway, live, asked, status, endpoint);
    if let Ended::Answered(Answered { status, headers, body: Content::Stream(body) }, _) = ended {
        let body = streamed(body, |end, bytes| account.close_stream(end, bytes));
        return forward::response(Answered { status, headers, body: Content::Stream(body) });
    }
    let predictions = predictions(&ended);
    account.close_whole(answer_bytes(&ended), predictions.as_ref());
    match ended {
        Ended::Answered(answered, _) => forward::response(answered),
        Ended::Failed(TryFailure::TimedOut) => error::protocol(
            StatusCode::GATEWAY_TIMEOUT,
            "No server answered in time. Nothing is known of what it did.",
            None,
        ),
        Ended::Failed(_) => error::protocol(
            StatusCode::BAD_GATEWAY,
            "No server could be reached, or its answer broke off or was none.",
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

/// Bytes of a whole answer.
fn answer_bytes(ended: &Ended) -> usize {
    match ended {
        Ended::Answered(Answered { body: Content::Whole(body), .. }, _) => body.len(),
        _ => 0,
    }
}

/// A good answer's body and the length of its JSON part.
fn predictions(ended: &Ended) -> Option<(Bytes, Option<usize>)> {
    let Ended::Answered(Answered { status, headers, body: Content::Whole(body) }, _) = ended else {
        return None;
    };
    let length = headers.get(HEADER_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    status.is_success().then(|| (body.clone(), length))
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
