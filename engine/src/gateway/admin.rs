//! Admin: `/api/gateway/…`. Every change is checked, audited, written, and then live; a refused one changes nothing.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Extension, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use orrery_domain::{Failure, FailureClass, access::Scope};
use orrery_policy::{
    access::Decision,
    traffic::{BreakerState, Strategy},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    canary,
    config::{CanaryConfig, GatewayConfig, Upstream},
    error, metrics, record,
    serve::{Changed, Gateway},
    status,
};
use crate::http::{Peer, exposition};

type Answer = Result<Response, Failure>;

/// All routes of `/api`, and `/metrics`.
pub fn router(gateway: &Arc<Gateway>) -> Router<Arc<Gateway>> {
    let scoped = |scope: Scope, routes: Router<Arc<Gateway>>| {
        routes.layer(from_fn_with_state((Arc::clone(gateway), scope), permit))
    };
    let read = Router::new()
        .route("/api/gateway/status", get(show_status))
        .route("/api/gateway/simulation", get(simulation))
        .route("/metrics", get(show_metrics));
    let admin = Router::new()
        .route("/api/gateway/config", get(show_config).put(put_config))
        .route("/api/gateway/strategy", put(put_strategy))
        .route("/api/gateway/endpoints/{name}", put(put_endpoint).delete(delete_endpoint))
        .route("/api/gateway/breakers/{name}", put(put_breaker))
        .route("/api/gateway/regions/{name}", put(put_region))
        .route("/api/gateway/canaries/{model}", put(put_canary).delete(delete_canary))
        .route("/api/gateway/canaries/{model}/promote", post(promote))
        .route("/api/gateway/canaries/{model}/rollback", post(roll_back))
        .route("/api/gateway/recording", put(put_recording));
    scoped(Scope::Read, read).merge(scoped(Scope::Admin, admin))
}

/// Lets through who may, and notes who it is.
async fn permit(
    State((gateway, scope)): State<(Arc<Gateway>, Scope)>,
    Extension(Peer(caller)): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let who = match gateway.auth.decide(header, scope) {
        Decision::Allowed => header.map_or_else(
            || if caller.ip().is_loopback() { "loopback".to_owned() } else { caller.ip().to_string() },
            // The hash's beginning is the key's id.
            |header| {
                crate::keys::hash(header.split_once(' ').map_or("", |(_, key)| key.trim()))[..12].to_owned()
            },
        ),
        Decision::Unauthenticated(why) => {
            return error::problem(StatusCode::UNAUTHORIZED, &format!("This needs a key: {why}."));
        }
        Decision::Forbidden(scope) => {
            return error::problem(
                StatusCode::FORBIDDEN,
                &format!("The key does not have the scope '{scope}'."),
            );
        }
    };
    request.extensions_mut().insert(Who(who));
    next.run(request).await
}

/// Who asks, for the audit log.
#[derive(Clone)]
struct Who(String);

fn who(request: &Request) -> String {
    request.extensions().get::<Who>().map_or_else(String::new, |who| who.0.clone())
}

fn client(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Client, message)
}

/// A JSON body.
async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Failure> {
    let bytes = axum::body::to_bytes(request.into_body(), 4 << 20)
        .await
        .map_err(|error| client(format!("The body did not arrive: {error}.")))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| client(format!("The body will not do: {error}. Nothing was changed.")))
}

/// Changes off the network threads: the disk is waited for.
async fn aside(work: impl FnOnce() -> Result<(), Failure> + Send + 'static) -> Answer {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map(|()| StatusCode::NO_CONTENT.into_response()),
        Err(error) => Err(Failure::new(FailureClass::Bug, format!("The work broke down: {error}."))),
    }
}

/// A message as JSON.
fn json(message: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(message) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => {
            error::problem(StatusCode::INTERNAL_SERVER_ERROR, &format!("No JSON came of it: {error}."))
        }
    }
}

/// Failures as problem details.
fn answered(answer: Answer) -> Response {
    answer.unwrap_or_else(|failure| error::of(&failure))
}

async fn show_status(State(gateway): State<Arc<Gateway>>) -> Response {
    json(&status::status(&gateway))
}

async fn show_config(State(gateway): State<Arc<Gateway>>) -> Response {
    json(&gateway.live().config)
}

async fn show_metrics(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    exposition::answer(&headers, &metrics::registry(&gateway))
}

async fn simulation(State(gateway): State<Arc<Gateway>>) -> Response {
    let done = tokio::task::spawn_blocking(move || {
        let lines = record::read(&record::file(&gateway.path))?;
        record::replay(&gateway.live().config, &lines, 0)
    });
    answered(match done.await {
        Ok(simulation) => simulation.map(|simulation| json(&simulation)),
        Err(error) => Err(Failure::new(FailureClass::Bug, format!("The simulation broke down: {error}."))),
    })
}

async fn put_config(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let who = who(&request);
    answered(match read::<GatewayConfig>(request).await {
        Ok(new) => {
            aside(move || {
                gateway.change(&who, "replace the configuration", |config| {
                    *config = new;
                    Ok(Changed)
                })
            })
            .await
        }
        Err(failure) => Err(failure),
    })
}

async fn put_strategy(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let who = who(&request);
    answered(match read::<Strategy>(request).await {
        Ok(strategy) => {
            let what = format!("switch the strategy to {}", record::strategy_id(&strategy).name());
            aside(move || {
                gateway.change(&who, &what, |config| {
                    config.strategy = strategy;
                    Ok(Changed)
                })
            })
            .await
        }
        Err(failure) => Err(failure),
    })
}

/// A change of an endpoint, or a new one with its address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointChange {
    url: Option<String>,
    region: Option<String>,
    priority: Option<u32>,
    weight: Option<u32>,
    price_per_1000: Option<f64>,
    tags: Option<std::collections::BTreeSet<orrery_policy::traffic::Tag>>,
    key_file: Option<std::path::PathBuf>,
    ca_file: Option<std::path::PathBuf>,
    drained: Option<bool>,
}

async fn put_endpoint(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let who = who(&request);
    answered(match read::<EndpointChange>(request).await {
        Ok(change) => {
            aside(move || {
                gateway.change(&who, &format!("change the endpoint {name}"), |config| {
                    apply(config, &name, &change)
                })
            })
            .await
        }
        Err(failure) => Err(failure),
    })
}

fn apply(config: &mut GatewayConfig, name: &str, change: &EndpointChange) -> Result<Changed, String> {
    if !config.endpoints.iter().any(|upstream| upstream.name == name) {
        let Some(url) = change.url.clone() else {
            return Err(format!("There is no endpoint '{name}'; a new one needs its `url`."));
        };
        config.endpoints.push(Upstream {
            name: name.to_owned(),
            url,
            region: String::new(),
            priority: 0,
            weight: 1,
            price_per_1000: 0.0,
            tags: std::collections::BTreeSet::new(),
            key_file: None,
            ca_file: None,
            drained: false,
        });
    }
    for upstream in config.endpoints.iter_mut().filter(|upstream| upstream.name == name) {
        upstream.url = change.url.clone().unwrap_or_else(|| upstream.url.clone());
        upstream.region = change.region.clone().unwrap_or_else(|| upstream.region.clone());
        upstream.priority = change.priority.unwrap_or(upstream.priority);
        upstream.weight = change.weight.unwrap_or(upstream.weight);
        upstream.price_per_1000 = change.price_per_1000.unwrap_or(upstream.price_per_1000);
        upstream.tags = change.tags.clone().unwrap_or_else(|| upstream.tags.clone());
        upstream.key_file = change.key_file.clone().or_else(|| upstream.key_file.clone());
        upstream.ca_file = change.ca_file.clone().or_else(|| upstream.ca_file.clone());
        upstream.drained = change.drained.unwrap_or(upstream.drained);
    }
    Ok(Changed)
}

async fn delete_endpoint(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let who = who(&request);
    answered(
        aside(move || {
            gateway.change(&who, &format!("remove the endpoint {name}"), |config| {
                let before = config.endpoints.len();
                config.endpoints.retain(|upstream| upstream.name != name);
                if config.endpoints.len() == before {
                    Err(format!("There is no endpoint '{name}'."))
                } else {
                    Ok(Changed)
                }
            })
        })
        .await,
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakerOrder {
    state: BreakerState,
}

async fn put_breaker(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let who = who(&request);
    answered(match read::<BreakerOrder>(request).await {
        Ok(order) => {
            aside(move || {
                let live = gateway.live();
                let endpoint =
                    live.index(&name).ok_or_else(|| client(format!("There is no endpoint '{name}'.")))?;
                gateway.note(&who, &format!("order the breaker of {name} {:?}", order.state))?;
                live.order_breaker(endpoint, order.state).map_err(client)
            })
            .await
        }
        Err(failure) => Err(failure),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionChange {
    cut: bool,
}

/// Cuts a region or mends it. Not kept: a gateway that is started anew has no cut.
async fn put_region(
    State(gateway): State<Arc<Gateway>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let who = who(&request);
    answered(match read::<RegionChange>(request).await {
        Ok(change) => {
            aside(move || {
                let live = gateway.live();
                if !live.config.endpoints.iter().any(|upstream| upstream.region == name) {
                    return Err(client(format!("There is no endpoint in a region '{name}'.")));
                }
                gateway
                    .note(&who, &format!("{} the region {name}", if change.cut { "cut" } else { "mend" }))?;
                live.cut(&name, change.cut);
                Ok(())
            })
            .await
        }
        Err(failure) => Err(failure),
    })
}

async fn put_canary(
    State(gateway): State<Arc<Gateway>>,
    Path(model): Path<String>,
    request: Request,
) -> Response {
    let who = who(&request);
    answered(match read::<CanaryConfig>(request).await {
        Ok(canary) => aside(move || canary::start(&gateway, &model, canary, &who)).await,
        Err(failure) => Err(failure),
    })
}

async fn delete_canary(
    State(gateway): State<Arc<Gateway>>,
    Path(model): Path<String>,
    request: Request,
) -> Response {
    let who = who(&request);
    answered(
        aside(move || {
            gateway.change(&who, &format!("remove the canary of {model}"), |config| {
                config.versions.remove(&model);
                config
                    .canaries
                    .remove(&model)
                    .map(|_| Changed)
                    .ok_or_else(|| format!("There is no canary of '{model}'."))
            })
        })
        .await,
    )
}

async fn promote(
    State(gateway): State<Arc<Gateway>>,
    Path(model): Path<String>,
    request: Request,
) -> Response {
    let who = who(&request);
    answered(aside(move || canary::advance(&gateway, &model, &who)).await)
}

async fn roll_back(
    State(gateway): State<Arc<Gateway>>,
    Path(model): Path<String>,
    request: Request,
) -> Response {
    let who = who(&request);
    answered(aside(move || canary::roll_back(&gateway, &model, &who, "A person went back.")).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordingChange {
    recording: bool,
}

async fn put_recording(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let who = who(&request);
    answered(match read::<RecordingChange>(request).await {
        Ok(change) => {
            let what = if change.recording { "record traffic" } else { "record no more" };
            aside(move || {
                gateway.change(&who, what, |config| {
                    config.recording = change.recording;
                    Ok(Changed)
                })
            })
            .await
        }
        Err(failure) => Err(failure),
    })
}
