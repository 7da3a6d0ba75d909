//! Nodes as vantage points: one that stands elsewhere has a vote on who is healthy, and tells what it sees to whoever may read.

use serde_json::Value;

use super::{Service, until};
use crate::program::Program;

fn enable(program: &Program, endpoints: &[(&str, &str)]) {
    program.document(&["fleet", "regions", "set", "eu-west", "--enable"]);
    for (name, url) in endpoints {
        program.document(&["fleet", "endpoints", "add", name, url, "--region", "eu-west"]);
    }
}

/// What a node says that it sees of this address.
fn seen_from(node: &Service, url: &str) -> Option<Value> {
    let report = node.get("/api/fleet/sightings").json();
    let looks = report["sightings"].as_array()?.iter();
    looks.filter(|look| look["url"] == url).map(Value::clone).next()
}

#[test]
fn a_node_elsewhere_has_a_vote() {
    let target = Service::node();
    let plain = target.get("/api/fleet/sightings");
    assert_eq!(plain.status, 404);
    assert!(plain.json()["detail"].as_str().is_some_and(|why| why.contains("--vantage")));
    let post = Service::start(Program::new(), &["node", "--vantage"]);
    assert_eq!(
        post.get("/api/fleet/sightings").json()["sightings"],
        serde_json::json!([]),
        "nothing is set up"
    );
    // What is set up while it runs is taken up.
    enable(&post.program, &[("a", &target.url())]);
    until("it looks", || seen_from(&post, &target.url()).is_some_and(|look| look["healthy"] == true));
    let desk = Program::new();
    enable(&desk, &[("a", &target.url()), ("post", &post.url())]);
    let endpoint = || {
        let state = desk.document(&["fleet", "status"]);
        let all = state["endpoints"].as_array().expect("endpoints").clone();
        all.into_iter().find(|status| status["endpoint"]["name"] == "a").expect("it is there")
    };
    until("both are heard", || {
        let status = endpoint();
        let seen: Vec<_> = status["sightings"].as_array().expect("sightings").iter().collect();
        seen.len() == 2 && seen[1]["vantage"] == "post" && seen[1]["latency_secs"].is_f64()
    });
    // Where it stands somebody takes the region out of its view: it looks no more and says so by silence.
    post.program.document(&["fleet", "regions", "set", "eu-west", "--disable"]);
    until("it looks no more", || seen_from(&post, &target.url()).is_none());
    post.program.document(&["fleet", "regions", "set", "eu-west", "--enable"]);
    let url = target.url();
    target.kill();
    until("it sees the loss", || {
        seen_from(&post, &url).is_some_and(|look| {
            look["healthy"] == false && look["latency_secs"].is_null() && look["reason"] != ""
        })
    });
}
