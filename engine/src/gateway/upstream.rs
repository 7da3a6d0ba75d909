//! Upstream: one call of one server, over pooled connections. A cut region answers nothing, as behind a broken network.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Request, StatusCode, Uri, header},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use orrery_domain::{Failure, FailureClass};
use orrery_policy::traffic::retry::TryFailure;
use tokio::sync::watch;

/// Longest that making a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// Idle connections kept to one server.
const IDLE: usize = 256;

/// Connections to all servers.
#[derive(Clone)]
pub struct Upstreams {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    answer_bytes: usize,
}

/// A whole answer.
pub struct Answered {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Upstreams {
    /// No connection is made yet. Answers larger than `answer_bytes` are failures.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(answer_bytes: usize) -> Result<Self, Failure> {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT));
        http.enforce_http(false);
        let tls = |error: &dyn std::fmt::Display| {
            Failure::new(FailureClass::Bug, format!("TLS could not be set up: {error}."))
        };
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| tls(&error))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(IDLE).build(https);
        Ok(Self { client, answer_bytes })
    }

    /// Sends a request and takes the whole answer, within `patience`.
    ///
    /// # Errors
    /// How the try failed.
    pub async fn call(
        &self,
        request: Request<Full<Bytes>>,
        region: &str,
        mut cuts: watch::Receiver<BTreeSet<String>>,
        patience: Duration,
    ) -> Result<Answered, TryFailure> {
        let cut = async {
            // Ends when the region is cut; an error means that the gateway is ending.
            let is_cut = cuts.wait_for(|cut| cut.contains(region)).await.is_ok();
            if !is_cut {
                std::future::pending::<()>().await;
            }
        };
        let answered = tokio::time::timeout(patience, async {
            tokio::select! {
                biased;
                // What is sent into a cut region comes back never: the time runs out.
                () = cut => std::future::pending().await,
                answered = self.exchange(request) => answered,
            }
        });
        answered.await.unwrap_or(Err(TryFailure::TimedOut))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answered, TryFailure> {
        let answer = self.client.request(request).await.map_err(|error| {
            if error.is_connect() { TryFailure::ConnectFailure } else { TryFailure::Reset }
        })?;
        let (head, body) = answer.into_parts();
        let body =
            Limited::new(body, self.answer_bytes).collect().await.map_err(|_broken| TryFailure::Reset)?;
        Ok(Answered { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

/// Headers that belong to one connection (RFC 9110, section 7.6.1) and are not passed on.
const HOP_BY_HOP: [header::HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HeaderName::from_static("keep-alive"),
];

/// Takes out what belongs to one connection, and what `Connection` names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<header::HeaderName> = headers
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

/// A request to one server: the same method, path, query and headers, its own key instead of the caller's.
///
/// # Errors
/// When the address is none, which the configuration's check excludes.
pub fn request(
    base: &str,
    head: &axum::http::request::Parts,
    path: &str,
    key: Option<&header::HeaderValue>,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, TryFailure> {
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri: Uri = format!("{}{path}{query}", base.trim_end_matches('/'))
        .parse()
        .map_err(|_error| TryFailure::ConnectFailure)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.clone_from(&head.headers);
    strip_hop_by_hop(headers);
    headers.remove(header::HOST);
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::EXPECT);
    headers.remove(header::CONTENT_LENGTH);
    if let Some(key) = key {
        headers.insert(header::AUTHORIZATION, key.clone());
    }
    Ok(request)
}

/// An answer as it goes to the caller.
pub fn response(answered: Answered) -> axum::response::Response {
    let Answered { status, mut headers, body } = answered;
    strip_hop_by_hop(&mut headers);
    headers.remove(header::CONTENT_LENGTH);
    let mut response = axum::response::Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
