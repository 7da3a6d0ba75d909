//! Hedging: a second try beside one that takes long, within its budget, and none unless it is asked for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    Service,
    backend::{Backend, Manner, SLOW},
    over, until,
};
use crate::program::text;

fn config(servers: &[&Backend], hedging: &Value) -> Value {
    let named: Vec<(String, String)> =
        servers.iter().enumerate().map(|(index, server)| (format!("e{index}"), server.url())).collect();
    let named: Vec<(&str, &str)> = named.iter().map(|(name, url)| (name.as_str(), url.as_str())).collect();
    let mut config = over(&named);
    config["timeouts"] = json!({ "timeout_secs": 20 });
    config["hedging"] = hedging.clone();
    config
}

/// Times of so many inferences one after another, the longest last.
fn times(gateway: &Service, count: u32) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let began = Instant::now();
            let answer = gateway.infer();
            assert_eq!(answer.status, 200, "{}", text(&answer.body));
            began.elapsed()
        })
        .collect();
    times.sort();
    times
}

#[test]
fn a_second_try_beats_a_slow_endpoint_and_the_first_is_given_up() {
    let (slow, fast) = (Backend::start("slow", Manner::Slow), Backend::start("fast", Manner::Good));
    let mut config = config(&[&slow, &fast], &json!({ "hedge_on_delay_secs": 0.05 }));
    let gateway = Service::gateway(&config);
    let hedged = times(&gateway, 40);
    let p99 = hedged[39];
    assert!(p99 < SLOW, "{p99:?}");
    let status = gateway.status();
    let (hedges, won) = (status["hedges"].as_u64(), status["hedges_won"].as_u64());
    assert_eq!(status["retries"], 0, "{status}");
    // Whoever was first, a request that the slow one saw was sent to both.
    let seen = slow.inferences();
    assert!(seen >= 10 && hedges == Some(seen) && won > Some(seen / 2), "{seen}: {status}");
    assert_eq!(fast.inferences(), 40);
    until("the slow tries were given up", || slow.abandoned() == seen);
    assert_eq!(gateway.endpoint("e0")["active"], 0);
    assert_eq!(gateway.endpoint("e0")["failures"], 0, "nothing is known of a try that was given up");
    let metrics = text(&gateway.get("/metrics").body);
    assert!(metrics.contains(&format!("orrery_gateway_hedges_total {seen}\n")), "{metrics}");
    assert!(metrics.contains("orrery_gateway_hedges_won_total "), "{metrics}");

    // Switched off while it runs: one try each, as slow as its endpoint.
    config["hedging"] = json!({});
    assert_eq!(gateway.put("/api/gateway/config", &config), 204);
    let plain = times(&gateway, 10);
    assert!(plain[9] >= SLOW && p99 < plain[9], "{p99:?} {plain:?}");
    assert_eq!(slow.inferences() + fast.inferences(), seen + 40 + 10);
    config["hedging"] = json!({ "hedge_on_delay_secs": 20 });
    assert_eq!(gateway.put("/api/gateway/config", &config), 400, "it would never be over");
}

#[test]
fn without_hedging_exactly_one_try_is_sent() {
    let (slow, fast) = (Backend::start("slow", Manner::Slow), Backend::start("fast", Manner::Good));
    let mut plain = config(&[&slow, &fast], &Value::Null);
    plain.as_object_mut().expect("an object").remove("hedging");
    // Asked for, but twice might do harm.
    let mut harmful = config(&[&slow, &fast], &json!({ "hedge_on_delay_secs": 0.05 }));
    harmful["infer_is_idempotent"] = json!(false);
    for (round, config) in (1..).zip([plain, harmful]) {
        let gateway = Service::gateway(&config);
        let all = times(&gateway, 10);
        assert!(all[9] >= SLOW, "{all:?}");
        assert_eq!(slow.inferences() + fast.inferences(), 10 * round);
        assert_eq!((&gateway.status()["hedges"], slow.abandoned()), (&json!(0), 0));
    }
}

#[test]
fn hedges_keep_to_the_retry_budget() {
    // Both are slow: a hedge lasts until the first try is answered, so that many would be under way at once.
    let servers = [Backend::start("a", Manner::Slow), Backend::start("b", Manner::Slow)];
    for most in [0, 1] {
        let mut config = config(&[&servers[0], &servers[1]], &json!({ "hedge_on_delay_secs": 0.05 }));
        config["limits"] = json!({ "retry_budget": { "budget_percent": 0, "min_retry_concurrency": most } });
        let gateway = Service::gateway(&config);
        let before: u64 = servers.iter().map(Backend::inferences).sum();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| times(&gateway, 1));
            }
        });
        let hedges = gateway.status()["hedges"].as_u64().expect("a count");
        // The budget is of each endpoint.
        assert!(hedges <= 2 * most && (most == 0 || hedges > 0), "{hedges} of at most {}", 2 * most);
        let sent: u64 = servers.iter().map(Backend::inferences).sum();
        assert_eq!(sent - before, 8 + hedges);
    }
}

#[test]
fn a_hedge_saves_a_request_from_an_endpoint_that_says_nothing() {
    let (silent, good) = (Backend::start("silent", Manner::Silent), Backend::start("good", Manner::Good));
    let mut config = config(&[&silent, &good], &json!({ "hedge_on_delay_secs": 0.1 }));
    config["retries"] = json!({ "num_retries": 0 });
    let gateway = Service::gateway(&config);
    let all = times(&gateway, 6);
    assert!(all[5] < Duration::from_secs(5), "{all:?}");
}
