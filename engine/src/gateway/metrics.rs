//! Metrics: the gateway's counters for Prometheus. No label holds a key or a caller.

use std::sync::atomic::Ordering;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::{serve::Gateway, status::status};
use crate::http::exposition;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: String,
    region: String,
}

/// What was counted until now.
pub fn registry(gateway: &Gateway) -> Registry {
    let status = status(gateway);
    let mut registry = exposition::registry();
    let own = registry.sub_registry_with_prefix("orrery_gateway");
    let count = |value: u64| {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        counter
    };
    own.register("requests", "Requests of callers", count(status.requests));
    own.register("failures", "Requests answered with 5xx", count(status.failures));
    own.register("retries", "Tries after one that failed", count(status.retries));
    own.register("hedges", "Tries sent beside one that took long", count(status.hedges));
    own.register("hedges_won", "Of these, answered first", count(status.hedges_won));
    let limited = gateway.counts.limited.load(Ordering::Relaxed);
    own.register("rate_limited", "Requests refused by a rate limit", count(limited));
    let (sent, failed) =
        (Family::<EndpointLabels, Counter>::default(), Family::<EndpointLabels, Counter>::default());
    let (stale, untrusted) =
        (Family::<EndpointLabels, Counter>::default(), Family::<EndpointLabels, Counter>::default());
    let (active, healthy) =
        (Family::<EndpointLabels, Gauge>::default(), Family::<EndpointLabels, Gauge>::default());
    let live = gateway.live();
    for (endpoint, server) in live.config.endpoints.iter().zip(&live.servers) {
        let labels = EndpointLabels { endpoint: endpoint.name.clone(), region: endpoint.region.clone() };
        stale.get_or_create(&labels).inc_by(server.stale());
        untrusted.get_or_create(&labels).inc_by(server.untrusted());
    }
    for endpoint in &status.endpoints {
        let labels = EndpointLabels { endpoint: endpoint.name.clone(), region: endpoint.region.clone() };
        sent.get_or_create(&labels).inc_by(endpoint.requests);
        failed.get_or_create(&labels).inc_by(endpoint.failures);
        active.get_or_create(&labels).set(i64::from(endpoint.active));
        let well = endpoint.health == orrery_domain::fleet::Health::Healthy;
        healthy.get_or_create(&labels).set(i64::from(well));
    }
    own.register("endpoint_requests", "Requests sent to an endpoint", sent);
    own.register("endpoint_failures", "Of these, failed", failed);
    let help = "Requests asked again on a new connection, for the server had closed the kept one";
    own.register("endpoint_stale_connections", help, stale);
    let help = "Connections not made because the server's certificate was refused";
    own.register("endpoint_untrusted_certificates", help, untrusted);
    own.register("endpoint_active_requests", "Requests under way at an endpoint", active);
    own.register("endpoint_healthy", "1 where an endpoint is healthy", healthy);
    own.register_with_unit(
        "request_duration",
        "Time from a request's arrival to its answer, or the first part of a streamed one",
        Unit::Seconds,
        gateway.counts.durations(),
    );
    registry
}
