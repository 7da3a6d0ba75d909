//! Metrics: what the node counts, for Prometheus. No label holds a key, a client or a request's content.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::batcher::Timing;
use crate::http::exposition;

/// A route and what it was answered with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    route: &'static str,
    code: u16,
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    model: String,
    version: u32,
}

/// A version and how it went: `ok`, `client`, `refused`, `timeout`, `failed`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    model: String,
    version: u32,
    outcome: &'static str,
}

/// Buckets from 50 microseconds to 26 s.
#[derive(Clone)]
struct Latency;

impl MetricConstructor<Histogram> for Latency {
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(50e-6, 2.0, 20))
    }
}

/// Buckets from 1 row to 2048.
#[derive(Clone)]
struct Rows;

impl MetricConstructor<Histogram> for Rows {
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(1.0, 2.0, 12))
    }
}

/// The node's counters.
pub struct Metrics {
    registry: Registry,
    http: Family<HttpLabels, Counter>,
    http_secs: Histogram,
    inferences: Family<OutcomeLabels, Counter>,
    rows: Family<ModelLabels, Counter>,
    queue_secs: Family<ModelLabels, Histogram, Latency>,
    compute_secs: Family<ModelLabels, Histogram, Latency>,
    batch_rows: Family<ModelLabels, Histogram, Rows>,
}

impl Metrics {
    /// All at nought.
    pub fn new() -> Self {
        let mut registry = exposition::registry();
        let http = Family::default();
        let http_secs = Latency.new_metric();
        let inferences = Family::default();
        let rows = Family::default();
        let queue_secs = Family::new_with_constructor(Latency);
        let compute_secs = Family::new_with_constructor(Latency);
        let batch_rows = Family::new_with_constructor(Rows);
        registry.register("http_requests", "Requests by route and status", http.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's head to its answer",
            Unit::Seconds,
            http_secs.clone(),
        );
        let own = registry.sub_registry_with_prefix("orrery");
        own.register("inference_requests", "Inference requests by outcome", inferences.clone());
        own.register("inference_rows", "Rows answered", rows.clone());
        own.register_with_unit(
            "inference_queue",
            "Time a request waited before it was computed",
            Unit::Seconds,
            queue_secs.clone(),
        );
        own.register_with_unit(
            "inference_compute",
            "Time a request's batch took to compute",
            Unit::Seconds,
            compute_secs.clone(),
        );
        own.register("inference_batch_rows", "Rows computed together", batch_rows.clone());
        Self { registry, http, http_secs, inferences, rows, queue_secs, compute_secs, batch_rows }
    }

    /// A request that was answered.
    pub fn http(&self, route: &'static str, code: u16, secs: f64) {
        self.http.get_or_create(&HttpLabels { route, code }).inc();
        self.http_secs.observe(secs);
    }

    /// An inference that was answered.
    pub fn answered(&self, model: &str, version: u32, rows: usize, timing: Timing) {
        self.outcome(model, version, "ok");
        let labels = ModelLabels { model: model.to_owned(), version };
        self.rows.get_or_create(&labels).inc_by(rows as u64);
        self.queue_secs.get_or_create(&labels).observe(timing.queued.as_secs_f64());
        self.compute_secs.get_or_create(&labels).observe(timing.computed.as_secs_f64());
        self.batch_rows.get_or_create(&labels).observe(timing.batch_rows as f64);
    }

    /// An inference that went otherwise.
    pub fn outcome(&self, model: &str, version: u32, outcome: &'static str) {
        let labels = OutcomeLabels { model: model.to_owned(), version, outcome };
        self.inferences.get_or_create(&labels).inc();
    }

    /// All of it.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_have_the_same_samples_and_each_its_own_heads() {
        let metrics = Metrics::new();
        metrics.http("infer", 200, 0.001);
        metrics.answered("a\"b", 1, 3, Timing::default());
        let open = exposition::text(metrics.registry());
        let plain = exposition::plain(&open);
        let samples = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
        };
        assert_eq!(samples(&open), samples(&plain));
        assert!(open.contains("# TYPE http_requests counter\n") && open.ends_with("# EOF\n"), "{open}");
        assert!(plain.contains("# TYPE http_requests_total counter\n"), "{plain}");
        assert!(plain.contains("# HELP orrery_inference_rows_total Rows answered"), "{plain}");
        assert!(plain.contains("# TYPE http_request_duration_seconds histogram\n"), "{plain}");
        assert!(!plain.contains("# UNIT") && !plain.contains("# EOF"), "{plain}");
        assert!(plain.contains(r#"model="a\"b""#), "{plain}");
    }
}
