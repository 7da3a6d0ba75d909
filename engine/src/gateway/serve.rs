//! Serve: the gateway's parts put together, changed while they run, and ended without cutting off anyone.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use orrery_domain::{Failure, FailureClass, fleet::FleetEventKind, snapshot::Severity};
use orrery_policy::traffic::{Nanos, RateLimitPolicy, RateLimiter, rate_limit::Admission};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::net::TcpListener;

use super::{
    admin,
    alerts::{self, Alerts},
    audit::{self, Audit},
    canary::{self, Canaries},
    config::{GatewayConfig, Upstream},
    error, health,
    live::Live,
    proxy,
    record::{self, Recorder},
    rolling::Rolling,
    slo::{self, Slos},
};
use crate::{
    Workspace,
    auth::Auth,
    fleet::client,
    http::{self, CutOff, Named, ServeLimits, Tls},
};

/// Keys that rate limits remember.
const MOST_KEYS: usize = 100_000;

/// How a gateway serves.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// Its configuration's file; the audit log, counts and recordings lie beside it.
    pub config: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Connections, and how they end.
    pub http: ServeLimits,
    /// Certificate and private key, PEM files: TLS is spoken.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether each request is logged as a line of JSON on standard error.
    pub log_requests: bool,
}

/// Marks a change as wanted.
pub struct Changed;

/// What callers got.
pub struct Counts {
    /// Requests.
    pub requests: AtomicU64,
    /// Of these, answered with 5xx.
    pub failures: AtomicU64,
    /// Tries after one that failed.
    pub retries: AtomicU64,
    /// Tries sent beside one that took long.
    pub hedges: AtomicU64,
    /// Of these, answered first.
    pub hedges_won: AtomicU64,
    /// Refused by a rate limit.
    pub limited: AtomicU64,
    recent: Mutex<Rolling>,
    durations: Histogram,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            requests: AtomicU64::default(),
            failures: AtomicU64::default(),
            retries: AtomicU64::default(),
            hedges: AtomicU64::default(),
            hedges_won: AtomicU64::default(),
            limited: AtomicU64::default(),
            recent: Mutex::default(),
            // From 50 microseconds to 26 s.
            durations: Histogram::new(exponential_buckets(50e-6, 2.0, 20)),
        }
    }
}

impl Counts {
    /// Counts a request that ended.
    pub fn ended(&self, time: Nanos, took: Nanos, failed: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.failures.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.durations.observe(took.as_secs());
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).record(time, took, failed);
    }

    /// How long requests took, since the start.
    pub fn durations(&self) -> Histogram {
        self.durations.clone()
    }

    /// Looks at the last minute.
    pub fn recent<T>(&self, look: impl FnOnce(&Rolling) -> T) -> T {
        look(&self.recent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A running gateway.
pub struct Gateway {
    /// The configuration's file.
    pub path: PathBuf,
    /// Keys.
    pub auth: Auth,
    /// Connections to whoever hears alerts.
    pub http: reqwest::Client,
    /// What callers got.
    pub counts: Counts,
    /// What canaries did.
    pub canaries: Canaries,
    /// What objectives stand on.
    pub slos: Slos,
    /// Alerts that are on, and whom they must reach.
    pub alerts: Alerts,
    /// Where traffic is recorded.
    pub recorder: Recorder,
    live: RwLock<Arc<Live>>,
    limiter: Mutex<Option<RateLimiter>>,
    log_requests: bool,
    audit: Audit,
    /// One change at a time.
    changing: Mutex<()>,
}

impl Gateway {
    fn new(workspace: Workspace, options: &GatewayOptions) -> Result<Self, Failure> {
        let config = GatewayConfig::load(&options.config)?;
        let audit = Audit::open(audit::file(&options.config))?;
        let wrong = |error: orrery_policy::traffic::ConfigError| {
            Failure::new(FailureClass::Client, error.to_string())
        };
        let limiter = limiter(&config.rate_limits).map_err(wrong)?;
        Ok(Self {
            auth: Auth::new(workspace)?,
            http: client::connections()?,
            counts: Counts::default(),
            canaries: Canaries::default(),
            slos: Slos::open(slo::file(&options.config)),
            alerts: Alerts::open(alerts::file(&options.config)),
            recorder: Recorder::start(record::file(&options.config)),
            live: RwLock::new(Arc::new(Live::new(config, 0, None).map_err(wrong)?)),
            limiter: Mutex::new(limiter),
            log_requests: options.log_requests,
            audit,
            changing: Mutex::default(),
            path: options.config.clone(),
        })
    }

    /// The traffic's state under the present configuration.
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the rate limits say to a caller; `None` where there are none.
    pub fn admit(&self, who: u64, time: Nanos) -> Option<(Vec<RateLimitPolicy>, Admission)> {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter = limiter.as_mut()?;
        let admission = limiter.admit(who, time);
        Some((limiter.policies().to_vec(), admission))
    }

    /// The key that an endpoint is asked with.
    pub fn key(upstream: &Upstream) -> Option<HeaderValue> {
        let file = upstream.key_file.as_deref()?;
        client::read_key(file).inspect_err(|failure| log::error!("{failure}")).ok()
    }

    /// Changes the configuration: checked, audited, written, then live. A refusal changes nothing.
    ///
    /// # Errors
    /// A client failure when the new configuration will not do, or what the disk says.
    pub fn change(
        &self,
        who: &str,
        what: &str,
        change: impl FnOnce(&mut GatewayConfig) -> Result<Changed, String>,
    ) -> Result<(), Failure> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.live();
        let mut config = before.config.clone();
        let refused = |why: String| Failure::new(FailureClass::Client, format!("{why} Nothing was changed."));
        let Changed = change(&mut config).map_err(refused)?;
        config.validate().map_err(refused)?;
        let revision = before.revision + 1;
        let after =
            Live::new(config.clone(), revision, Some(&before)).map_err(|error| refused(error.to_string()))?;
        let limits = limiter(&config.rate_limits).map_err(|error| refused(error.to_string()))?;
        let bytes = serde_json::to_vec(&config).unwrap_or_default();
        self.audit.add(who, what, revision, &bytes)?;
        config.save(&self.path)?;
        if config.rate_limits != before.config.rate_limits {
            *self.limiter.lock().unwrap_or_else(PoisonError::into_inner) = limits;
        }
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
        self.live().event(Severity::Info, FleetEventKind::Config, &config.name, format!("{who}: {what}."));
        Ok(())
    }

    /// Audits what changes no configuration.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn note(&self, who: &str, what: &str) -> Result<(), Failure> {
        let live = self.live();
        let bytes = serde_json::to_vec(&live.config).unwrap_or_default();
        self.audit.add(who, what, live.revision, &bytes)
    }
}

fn limiter(policies: &[RateLimitPolicy]) -> Result<Option<RateLimiter>, orrery_policy::traffic::ConfigError> {
    if policies.is_empty() { Ok(None) } else { RateLimiter::new(policies.to_vec(), MOST_KEYS).map(Some) }
}

/// Runs a gateway until the process is asked to end. `listening` is called once, with the address and whether keys are needed.
///
/// # Errors
/// A client failure when the configuration will not do, the address cannot be listened on or is reachable without a key.
pub fn serve(
    workspace: Workspace,
    options: &GatewayOptions,
    listening: impl FnOnce(SocketAddr, bool),
) -> Result<(), Failure> {
    let tls = options.tls.as_ref().map(|(certificate, key)| Tls::load(certificate, key)).transpose()?;
    let gateway = Arc::new(Gateway::new(workspace, options)?);
    let keyed = gateway.auth.any_key();
    if !keyed && !options.listen.ip().is_loopback() {
        let message = format!(
            "There is no key, so that anyone who reaches {} could use the models. Make one with `orrery keys create`, or listen on \
             127.0.0.1. Nothing was started.",
            options.listen
        );
        return Err(Failure::new(FailureClass::Client, message));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::new(FailureClass::Capacity, format!("The gateway's threads could not be started: {error}."))
    })?;
    runtime.block_on(run(gateway, options, tls, keyed, listening))
}

async fn run(
    gateway: Arc<Gateway>,
    options: &GatewayOptions,
    tls: Option<Tls>,
    keyed: bool,
    listening: impl FnOnce(SocketAddr, bool),
) -> Result<(), Failure> {
    let unheard = |error: std::io::Error| {
        let message = format!(
            "The gateway cannot listen on {}: {error}. Choose another address with --listen.",
            options.listen
        );
        Failure::new(FailureClass::Client, message)
    };
    let listener = TcpListener::bind(options.listen).await.map_err(unheard)?;
    listening(listener.local_addr().map_err(unheard)?, keyed);
    tokio::spawn(health::check(Arc::clone(&gateway)));
    tokio::spawn(canary::drive(Arc::clone(&gateway)));
    tokio::spawn(slo::watch(Arc::clone(&gateway)));
    let served = http::serve(
        listener,
        tls,
        router(&gateway),
        options.http,
        http::Lanes::default(),
        http::asked_to_end(options.http.end_with_stdin),
    )
    .await;
    served.map_err(|CutOff { connections }| {
        let secs = options.http.drain.as_secs();
        let message = format!(
            "Requests on {connections} connections were still under way {secs} s after the gateway was asked to end; they were cut off."
        );
        Failure::new(FailureClass::Capacity, message)
    })
}

fn router(gateway: &Arc<Gateway>) -> Router {
    Router::new()
        .route("/v2/health/live", axum::routing::get(|| async { StatusCode::OK }))
        .route("/v2/health/ready", axum::routing::get(ready))
        .route("/v2", axum::routing::any(proxy::proxy))
        .route("/v2/{*rest}", axum::routing::any(proxy::proxy))
        .merge(admin::router(gateway))
        .fallback(nothing)
        .layer(from_fn_with_state(Arc::clone(gateway), named))
        .with_state(Arc::clone(gateway))
}

/// Names, traces and logs a request. What is passed on to a server comes from this step of the trace.
async fn named(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let route = http::protocol_route(path).unwrap_or(match path {
        "/metrics" => "metrics",
        _ if path.starts_with("/api/gateway/") => "admin",
        _ => "other",
    });
    let named = Named::of(request.headers(), route);
    named.pass_on(request.headers_mut());
    let mut response = next.run(request).await;
    named.answered(&mut response, gateway.log_requests);
    response
}

/// Ready while anybody can be asked.
async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    let any = gateway.live().levels().iter().any(|level| level.healthy > 0);
    if any {
        let mut response = Response::default();
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(0));
        response
    } else {
        error::protocol(StatusCode::SERVICE_UNAVAILABLE, "No endpoint is healthy.", Some(1))
    }
}

async fn nothing(request: Request) -> Response {
    if request.uri().path().starts_with("/api") {
        error::problem(
            StatusCode::NOT_FOUND,
            "There is nothing here. The gateway's API begins at /api/gateway.",
        )
    } else {
        error::protocol(StatusCode::NOT_FOUND, "There is nothing here. The API begins at /v2.", None)
    }
}
