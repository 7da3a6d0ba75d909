//! Guards end to end: a version that is bad on purpose is sent back by the gateway, and a gateway that is killed guards on.

use serde_json::{Value, json};

use super::{
    Service,
    backend::{Backend, Manner},
    fleet, over,
    relay::{Relay, Spoiled},
    rollout::{Callers, train, version},
    until,
};
use crate::program::text;

/// Rolls `m:2` out, spoiled like this, past every guard that `guards` does not name; why it came back.
fn sent_back(spoiled: Spoiled, guards: &[&str]) -> String {
    let mut relay = None;
    let (program, node, gateway) = fleet(|node| relay.insert(Relay::start(&node.address)).url());
    let relay = relay.expect("it runs");
    train(&program, 10);
    relay.spoil("2", spoiled);
    let callers = Callers::start(&gateway.address);
    let quick = ["--stage-seconds", "1", "--min-requests", "10", "--stages", "10,50,100"];
    let deploy = [&["fleet", "deploy", "m:2", "--json"][..], &quick, guards].concat();
    let worse = program.run(&deploy);
    assert_eq!(worse.status.code(), Some(1), "{}", text(&worse.stderr));
    callers.stop();
    let record: Value =
        serde_json::from_str(text(&worse.stdout).lines().next().expect("a record")).expect("JSON");
    assert_eq!((&record["state"], &record["from"]), (&json!("rolled_back"), &json!("1")), "{record}");
    assert_eq!(gateway.status()["canaries"][0]["state"], "rolled_back");

    let callers = Callers::start(&gateway.address);
    assert_eq!((version(&gateway), version(&node)), (json!("1"), json!("1")), "the version before serves");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let (answered, failed) = callers.stop();
    assert_eq!(failed, 0, "of {answered} after it went back");
    record["reason"].as_str().expect("a reason").to_owned()
}

#[test]
fn a_version_that_fails_is_sent_back_by_the_guard_on_errors() {
    let why = sent_back(Spoiled::Fails, &["--max-p95", "100", "--max-drift", "10"]);
    assert!(why.contains("requests failed"), "{why}");
}

#[test]
fn a_version_that_is_slow_is_sent_back_by_the_guard_on_latency() {
    let late = std::time::Duration::from_millis(150);
    let why = sent_back(Spoiled::Late(late), &["--max-p95", "3", "--max-errors", "1", "--max-drift", "10"]);
    assert!(why.starts_with("Its p95 is "), "{why}");
}

#[test]
fn a_gateway_that_is_killed_goes_on_with_the_canary_where_it_was() {
    let backend = Backend::start("a", Manner::Good);
    let gateway = Service::gateway(&over(&[("a", &backend.url())]));
    let order = json!({
        "primary": "1", "canary": "2", "stages": [10, 50, 100], "stage_secs": 0.2,
        "guards": { "min_requests": 5, "max_p95_ratio": 100.0, "max_drift": 10.0 },
    });
    assert_eq!(gateway.put("/api/gateway/canaries/m", &order), 204);
    let canary = |gateway: &Service| gateway.status()["canaries"][0].clone();
    until("the second stage", || {
        gateway.infer();
        canary(&gateway)["stage"] == 1
    });
    let gateway = gateway.crash_and_start();
    let begun = canary(&gateway);
    assert_eq!((&begun["stage"], &begun["percent"]), (&json!(1), &json!(50)), "{begun}");
    // Nobody asks: neither what was counted before nor time alone takes it further.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let waiting = canary(&gateway);
    assert_eq!((&waiting["stage"], &waiting["state"]), (&json!(1), &json!("running")), "{waiting}");
    until("it is through", || {
        gateway.infer();
        canary(&gateway)["state"] == "promoted"
    });
    assert_eq!(gateway.get("/api/gateway/config").json()["versions"]["m"], "2");
}
