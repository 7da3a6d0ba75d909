//! Recordings: what `orrery fleet simulate` says of one whose figures are known, and what a gateway writes into one.

use serde_json::{Value, json};

use super::{
    Service,
    backend::{Backend, Manner},
    over, until,
};
use crate::{
    http::ask_headed,
    program::{Program, put, text},
};

/// A row's share of the requests at an endpoint.
fn share(row: &Value, endpoint: &str) -> f64 {
    let shares = row["shares"].as_array().expect("shares");
    let own = shares.iter().find(|share| share[0] == endpoint).expect("it is there");
    own[1].as_f64().expect("a number")
}

#[test]
fn a_recording_of_known_latencies_is_replayed_to_known_figures() {
    let program = Program::new();
    // Ten requests a second; `near` takes 10 ms and costs 1 a thousand, `far` takes 30 ms, costs 3 and fails each tenth time. One caller
    // in two has the same key.
    let line = |n: u32| {
        let far = n % 2 == 1;
        let (endpoint, secs) = if far { ("far", 0.03) } else { ("near", 0.01) };
        let status = if n % 20 == 19 { 500 } else { 200 };
        let key = if n % 4 < 2 { 7 } else { u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15) };
        json!({
            "at": 1_790_000_000.0 + f64::from(n) * 0.1, "secs": secs, "status": status, "endpoint": endpoint, "key": key,
            "request_bytes": 10, "answer_bytes": 10,
        })
    };
    let lines: Vec<String> = (0..1000).map(|n| line(n).to_string()).collect();
    let (recording, config) = (program.home().join("r.jsonl"), program.home().join("g.json"));
    put(&recording, (lines.join("\n") + "\n").as_bytes());
    let endpoints = json!({ "endpoints": [
        { "name": "near", "url": "http://127.0.0.1:1", "price_per_1000": 1.0 },
        { "name": "far", "url": "http://127.0.0.1:2", "price_per_1000": 3.0 },
    ] });
    put(&config, endpoints.to_string().as_bytes());
    let paths = [recording.to_str().expect("UTF-8"), config.to_str().expect("UTF-8")];
    let arguments = ["fleet", "simulate", "--record", paths[0], "--config", paths[1]];
    let found = program.document(&arguments);
    assert_eq!(found, program.document(&arguments), "the same seed, the same figures");
    assert_eq!(found["requests"], 1000);
    assert!(found["secs"].as_f64().is_some_and(|secs| (secs - 99.9).abs() < 1e-3), "{}", found["secs"]);
    let rows = found["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 5);
    for row in rows {
        let (near, far) = (share(row, "near"), share(row, "far"));
        assert!((near + far - 1.0).abs() < 1e-9, "{row}");
        // By hand: the quantiles are those of two heaps of answers, the price is the shares', a tenth of what goes far fails.
        let quantile = |rank: f64| if near * 1000.0 >= rank - 1e-6 { 0.01 } else { 0.03 };
        for (name, rank) in [("p50", 500.0), ("p95", 950.0), ("p99", 990.0)] {
            assert_eq!(row["latency"][name], quantile(rank), "{name}: {row}");
        }
        let cost = row["cost"].as_f64().expect("a price");
        assert!((cost - (near + 3.0 * far)).abs() < 1e-6, "{row}");
        let errors = row["error_ratio"].as_f64().expect("a share");
        // Within four standard deviations of a thousand draws.
        assert!((errors - far / 10.0).abs() <= 4.0 * (far * 0.09 / 1000.0).sqrt() + 1e-9, "{row}");
    }
    let of = |name: &str| rows.iter().find(|row| row["strategy"] == name).expect("a row");
    let turns = share(of("weighted_round_robin"), "near");
    assert!((turns - 0.5).abs() < 1e-9, "half and half: {turns}");
    let maglev = share(of("maglev"), "near");
    assert!(maglev.max(1.0 - maglev) > 0.7, "half of the requests are one caller's: {maglev}");
    assert!(share(of("peak_ewma"), "near") > 0.6, "it shuns the slow one");
    assert!(share(of("cost_weighted"), "near") > 0.5, "it shuns the dear one");

    put(&recording, b"");
    let empty = program.run(&arguments);
    assert_eq!(empty.status.code(), Some(1));
    assert!(text(&empty.stderr).contains("holds no request"), "{}", text(&empty.stderr));
}

#[test]
fn a_recording_has_keys_as_hashes_and_goes_on_after_a_crash() {
    let backend = Backend::start("a", Manner::Good);
    let mut config = over(&[("a", &backend.url())]);
    config["recording"] = json!(true);
    config["endpoints"][0]["tags"] = json!(["eu"]);
    config["residency"] = json!({ "header": "x-residency" });
    let mut gateway = Service::gateway(&config);
    let begun = std::time::SystemTime::now();
    let ask = |gateway: &Service, key: &str| {
        let headers = format!("X-Hash-Key: {key}\r\nX-Residency: eu\r\n");
        let answer = ask_headed(&gateway.address, "POST", "/v2/models/m/infer", &headers, r#"{"inputs":[]}"#);
        assert_eq!(answer.status, 200, "{}", text(&answer.body));
    };
    let mut lines: Vec<Value> = Vec::new();
    for start in 0..2 {
        if start > 0 {
            gateway = gateway.crash_and_start();
        }
        for key in ["alice@example.org", "bob@example.org", "alice@example.org"] {
            ask(&gateway, key);
        }
        let recording = gateway.program.home().join("gateway.recording.jsonl");
        until("all is recorded", || {
            let text = std::fs::read_to_string(&recording).unwrap_or_default();
            assert!(!text.contains("alice") && !text.contains("example"), "{text}");
            lines = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            lines.len() == 3 * (start + 1)
        });
    }
    let now = begun.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64();
    for start in [&lines[..3], &lines[3..]] {
        let keys: Vec<Option<u64>> = start.iter().map(|line| line["key"].as_u64()).collect();
        assert!(keys[0].is_some() && keys[0] == keys[2] && keys[0] != keys[1], "{keys:?}");
    }
    assert_ne!(lines[0]["key"], lines[3]["key"], "each start has a secret of its own");
    assert!(lines.iter().all(|line| line["residency"] == json!(["eu"])), "{lines:?}");
    let times: Vec<f64> = lines.iter().map(|line| line["at"].as_f64().expect("a time")).collect();
    assert!(times.is_sorted() && times[0] > now - 5.0 && times[5] < now + 300.0, "{times:?} after {now}");
    let simulation = gateway.get("/api/gateway/simulation").json();
    assert_eq!(simulation["requests"], 6);
}
