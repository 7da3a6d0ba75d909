//! Scrape: what a server's Prometheus text, or its statistics, say about its requests and its memory.

use orrery_oip::control::StatisticsResponse;

/// Counters of a server since its start. What it does not count is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// Inference requests answered well.
    pub good: Option<f64>,
    /// Inference requests that failed.
    pub bad: Option<f64>,
    /// Inference requests of a server that does not tell how they ended.
    pub any: Option<f64>,
    /// Memory of the process, bytes.
    pub memory_bytes: Option<f64>,
}

/// Reads the counters of every server known: ours, Triton's (`nv_inference_request_*`), `MLServer`'s (`model_infer_request_*`),
/// `KServe`'s (`request_predict_seconds`, which counts what failed as well).
pub fn counters(text: &str) -> Counters {
    let mut found = Counters::default();
    let add = |slot: &mut Option<f64>, value: f64| *slot = Some(slot.unwrap_or(0.0) + value);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, labels, value)) = sample(line) else { continue };
        match name {
            "orrery_inference_requests_total" if labels.contains("outcome=\"ok\"") => {
                add(&mut found.good, value);
            }
            // A client's mistake is none of the server's.
            "orrery_inference_requests_total" if labels.contains("outcome=\"client\"") => {}
            "orrery_inference_requests_total" => add(&mut found.bad, value),
            "nv_inference_request_success" | "model_infer_request_success_total" => {
                add(&mut found.good, value);
            }
            "nv_inference_request_failure" | "model_infer_request_failure_total" => {
                add(&mut found.bad, value);
            }
            "request_predict_seconds_count" => add(&mut found.any, value),
            "process_resident_memory_bytes" => add(&mut found.memory_bytes, value),
            _ => {}
        }
    }
    if found.good.is_some() {
        found.bad = found.bad.or(Some(0.0));
    }
    found
}

/// Triton's statistics as counters: its metrics are at a port of their own.
pub fn of_statistics(statistics: &StatisticsResponse) -> Counters {
    let outcomes = || statistics.model_stats.iter().map(|model| &model.inference_stats);
    let good: u64 = outcomes().map(|outcome| outcome.success.count).sum();
    let bad: u64 = outcomes().map(|outcome| outcome.fail.count).sum();
    Counters { good: Some(good as f64), bad: Some(bad as f64), ..Counters::default() }
}

/// One line: name, labels between their braces, value.
fn sample(line: &str) -> Option<(&str, &str, f64)> {
    let (head, rest) = if let Some(open) = line.find('{') {
        // A brace inside a label's value would end the labels early; the last one before the value is theirs.
        let close = line.rfind('}')?;
        (line.get(..open)?, (line.get(open + 1..close)?, line.get(close + 1..)?))
    } else {
        let (name, value) = line.split_once(' ')?;
        (name, ("", value))
    };
    let value = rest.1.split_ascii_whitespace().next()?.parse().ok()?;
    Some((head.trim(), rest.0, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_three_servers_are_read() {
        let ours = "# TYPE orrery_inference_requests counter\n\
            orrery_inference_requests_total{model=\"a\",version=\"1\",outcome=\"ok\"} 7\n\
            orrery_inference_requests_total{model=\"b\",version=\"1\",outcome=\"ok\"} 3\n\
            orrery_inference_requests_total{model=\"b\",version=\"1\",outcome=\"client\"} 9\n\
            orrery_inference_requests_total{model=\"b\",version=\"1\",outcome=\"failed\"} 2\n\
            process_resident_memory_bytes 1.5e7\n# EOF\n";
        assert_eq!(
            counters(ours),
            Counters { good: Some(10.0), bad: Some(2.0), any: None, memory_bytes: Some(15_000_000.0) }
        );
        let triton = "nv_inference_request_success{model=\"m\",version=\"1\"} 5\nnv_inference_request_failure{model=\"m\"} 1\n";
        assert_eq!((counters(triton).good, counters(triton).bad), (Some(5.0), Some(1.0)));
        let mlserver = "model_infer_request_success_total{model=\"iris\",version=\"v1\"} 4.0 1700000000\n";
        assert_eq!((counters(mlserver).good, counters(mlserver).bad), (Some(4.0), Some(0.0)));
        let kserve = "request_predict_seconds_bucket{le=\"0.005\",model_name=\"a\"} 5.0\n\
            request_predict_seconds_count{model_name=\"a\"} 5.0\nrequest_predict_seconds_count{model_name=\"b\"} 2.0\n";
        assert_eq!(counters(kserve), Counters { any: Some(7.0), ..Counters::default() });
        assert_eq!(counters("garbage\n{\n}{ 1\nx NaN?\n"), Counters::default());
    }
}
