//! Named: the names a request goes by, its id and its step of a trace: in its answer, in the log, and where it is passed on to.

use std::time::Instant;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
};

use super::{
    access_log::{self, Line},
    trace::{TRACEPARENT, TraceContext},
};

/// The header that names a request in logs and answers.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What vendors say of a trace; it belongs to the `traceparent` it came with.
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Longest request id that is taken over, bytes.
const LONGEST_ID: usize = 128;

/// A request under way.
pub struct Named {
    began: Instant,
    route: &'static str,
    id: HeaderValue,
    trace: TraceContext,
    /// The trace as a header, written once.
    told: Option<HeaderValue>,
}

impl Named {
    /// A request that came just now: with the client's own id where it is a plain one, else one that no other request has.
    pub fn of(headers: &HeaderMap, route: &'static str) -> Self {
        let trace = TraceContext::of(headers);
        let given =
            headers.get(&REQUEST_ID).filter(|id| (1..=LONGEST_ID).contains(&id.len()) && id.to_str().is_ok());
        let id = given.cloned().unwrap_or_else(|| HeaderValue::from(trace.span));
        let told = HeaderValue::try_from(trace.to_string()).ok();
        Self { began: Instant::now(), route, id, trace, told }
    }

    /// Puts the names into the request's head: a server that it is passed on to goes on from this step of the trace, with the same id.
    /// Where the trace begins here, no other trace's state goes along.
    pub fn pass_on(&self, headers: &mut HeaderMap) {
        if self.trace.parent.is_none() {
            headers.remove(&TRACESTATE);
        }
        self.put(headers);
    }

    fn put(&self, headers: &mut HeaderMap) {
        if let Some(told) = &self.told {
            headers.insert(TRACEPARENT, told.clone());
        }
        headers.insert(&REQUEST_ID, self.id.clone());
    }

    /// Names the answer, and logs the request, as a line of JSON on standard error where that is wanted. The seconds until now.
    pub fn answered(&self, response: &mut Response, log_requests: bool) -> f64 {
        let (route, secs) = (self.route, self.began.elapsed().as_secs_f64());
        let status = response.status().as_u16();
        let request_id = self.id.to_str().unwrap_or_default();
        log::debug!("{route} {status} {:.3} ms id={request_id} trace={}", secs * 1e3, self.trace);
        if log_requests {
            access_log::write(Line { route, status, secs, request_id }, self.trace);
        }
        self.put(response.headers_mut());
        secs
    }
}

/// The kind of a path of the protocol, by its last word; `None` for others. A label of metrics must not grow with what clients ask for.
pub fn protocol_route(path: &str) -> Option<&'static str> {
    let last = path.trim_matches('/').rsplit('/').next().unwrap_or_default();
    path.starts_with("/v2").then_some(match last {
        "infer" => "infer",
        "live" => "live",
        "ready" => "ready",
        "stats" => "stats",
        "index" => "index",
        "load" => "load",
        "unload" => "unload",
        _ => "metadata",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_names_where_it_is_passed_on_and_in_its_answer() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(parent));
        headers.insert(&REQUEST_ID, HeaderValue::from_static("mine"));
        let named = Named::of(&headers, "infer");
        named.pass_on(&mut headers);
        let passed_on = headers[TRACEPARENT].to_str().expect("text").to_owned();
        assert_eq!((&passed_on[..36], &passed_on[52..]), (&parent[..36], "-01"), "the same trace");
        assert_ne!(&passed_on[36..52], &parent[36..52], "a step of its own");
        assert_eq!(headers[&REQUEST_ID], "mine");
        let mut response = Response::default();
        named.answered(&mut response, false);
        assert_eq!(response.headers()[TRACEPARENT], passed_on.as_str());
        assert_eq!(response.headers()[&REQUEST_ID], "mine");

        let id = |given: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(given) = given {
                headers.insert(&REQUEST_ID, HeaderValue::from_str(given).expect("a value"));
            }
            Named::of(&headers, "infer").id
        };
        assert_ne!(id(None), id(None));
        let long = "x".repeat(LONGEST_ID + 1);
        assert_ne!(id(Some(long.as_str())), long.as_str());
        assert!(!id(Some("")).is_empty(), "an empty id is none");
    }

    #[test]
    fn the_state_of_a_trace_is_passed_on_with_its_own_trace_alone() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (parents, kept) in [
            (&[parent][..], true),
            (&[][..], false),
            (&["nonsense"][..], false),
            (&[parent, parent][..], false),
        ] {
            let mut headers = HeaderMap::new();
            for given in parents {
                headers.append(TRACEPARENT, HeaderValue::from_str(given).expect("a value"));
            }
            for state in ["a=1", "b=2"] {
                headers.append(&TRACESTATE, HeaderValue::from_static(state));
            }
            Named::of(&headers, "infer").pass_on(&mut headers);
            assert_eq!(headers.contains_key(&TRACESTATE), kept, "{parents:?}");
            assert_eq!(headers.get_all(TRACEPARENT).iter().count(), 1);
        }
    }

    #[test]
    fn a_route_is_one_of_few_words() {
        for (path, route) in [
            ("/v2/models/infer/infer", Some("infer")),
            ("/v2/models/m/versions/3/ready", Some("ready")),
            ("/v2", Some("metadata")),
            ("/v2/models/secret", Some("metadata")),
            ("/metrics", None),
        ] {
            assert_eq!(protocol_route(path), route, "{path}");
        }
    }
}
