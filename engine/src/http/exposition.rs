//! Exposition: metrics as Prometheus' text or as `OpenMetrics`, as whoever asks prefers; with this process's own figures under their
//! standard names.

use std::fmt;

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// A registry that has this process's figures.
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Process));
    registry
}

/// The answer to who asks for metrics: `OpenMetrics` where the request names it, else Prometheus' text.
pub fn answer(headers: &HeaderMap, registry: &Registry) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let text = text(registry);
    if accept.contains("application/openmetrics-text") {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        return ([(header::CONTENT_TYPE, kind)], text).into_response();
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], plain(&text)).into_response()
}

/// All of a registry in the `OpenMetrics` text format.
pub fn text(registry: &Registry) -> String {
    let mut text = String::new();
    if let Err(error) = encode(&mut text, registry) {
        log::error!("the metrics cannot be written: {error}");
    }
    text
}

/// `OpenMetrics` text in Prometheus' older format: a counter's help and type stand under its sample's name, and there is neither a
/// unit nor an end.
pub fn plain(text: &str) -> String {
    let counter = |name: &str| text.contains(&format!("# TYPE {name} counter\n"));
    let mut all = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what @ ("HELP" | "TYPE")), Some(name), Some(rest)) if counter(name) => {
                all.extend(["# ", what, " ", name, "_total ", rest]);
            }
            _ => all.push_str(line),
        }
        all.push('\n');
    }
    all
}

/// What this process uses, looked at when it is asked for.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Ok(mut system) = System::new() else { return Ok(()) };
        let pid = Pid::from_u32(std::process::id());
        let what = ProcessRefreshKind::nothing().with_memory().with_cpu();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        let Some(process) = system.process(pid) else { return Ok(()) };
        let cpu = ConstCounter::new(process.accumulated_cpu_time() as f64 / 1e3);
        put(&mut encoder, "process_cpu", "CPU time of all threads, user and system.", &Unit::Seconds, &cpu)?;
        let start = ConstGauge::new(process.start_time() as f64);
        put(&mut encoder, "process_start_time", "When it was started, since 1970.", &Unit::Seconds, &start)?;
        let memory = ConstGauge::new(process.memory() as f64);
        put(&mut encoder, "process_resident_memory", "Resident memory.", &Unit::Bytes, &memory)
    }
}

fn put(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: &Unit,
    metric: &impl EncodeMetric,
) -> Result<(), fmt::Error> {
    metric.encode(encoder.encode_descriptor(name, help, Some(unit), metric.metric_type())?)
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    /// A sample's value.
    fn value(text: &str, name: &str) -> f64 {
        let sample = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        sample.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name}: {text}"))
    }

    #[test]
    fn the_process_is_told_under_the_standard_names() {
        let registry = registry();
        let before = text(&registry);
        let cpu = |text: &str| value(text, "process_cpu_seconds_total");
        let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let (mut after, mut sum) = (before.clone(), 0_u64);
        while cpu(&after) <= cpu(&before) && std::time::Instant::now() < end {
            // The clock of CPU time goes on in steps of 10 ms.
            for _ in 0..1_000_000 {
                sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
            }
            after = text(&registry);
        }
        assert!(cpu(&after) > cpu(&before), "{} and {}", cpu(&before), cpu(&after));
        let now = crate::jobs::now();
        let started = value(&after, "process_start_time_seconds");
        assert!((now - 3600.0 * 24.0..=now + 2.0).contains(&started), "{started} at {now}");
        assert!(value(&after, "process_resident_memory_bytes") > 1e6);
        for head in [
            "# TYPE process_cpu_seconds counter\n",
            "# TYPE process_start_time_seconds gauge\n",
            "# TYPE process_resident_memory_bytes gauge\n",
        ] {
            assert!(after.contains(head), "{after}");
        }
    }

    #[test]
    fn a_client_gets_the_format_it_names() {
        let mut registry = Registry::default();
        let counter = Counter::<u64>::default();
        counter.inc_by(3);
        registry.register("rows", "Rows", counter);
        let kind = |accept: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, axum::http::HeaderValue::from_static(accept));
            }
            let answer = answer(&headers, &registry);
            let kind = answer.headers()[header::CONTENT_TYPE].to_str().expect("text");
            kind.split(';').next().expect("a type").to_owned()
        };
        for accept in [None, Some("*/*"), Some("text/plain")] {
            assert_eq!(kind(accept), "text/plain");
        }
        // As Prometheus itself asks.
        let prometheus =
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(kind(Some(prometheus)), "application/openmetrics-text");
        assert_eq!(text(&registry), "# HELP rows Rows.\n# TYPE rows counter\nrows_total 3\n# EOF\n");
        assert_eq!(
            plain(&text(&registry)),
            "# HELP rows_total Rows.\n# TYPE rows_total counter\nrows_total 3\n"
        );
    }
}
