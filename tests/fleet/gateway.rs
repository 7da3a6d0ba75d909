//! The gateway over servers that fail in every manner.

use serde_json::json;

use super::{
    Service,
    backend::{Backend, Manner},
    over, until,
};
use crate::{
    http::{ask, ask_with},
    program::{Program, text},
};

#[test]
fn a_server_that_fails_in_any_manner_costs_no_caller_an_answer() {
    let (good, bad) = (Backend::start("good", Manner::Good), Backend::start("bad", Manner::Good));
    // Nothing may be taken out, so that every request that is sent to the bad one must be saved by a retry.
    let mut config = over(&[("good", &good.url()), ("bad", &bad.url())]);
    config["outlier_detection"] = json!({ "enforcing_consecutive_5xx": 0, "enforcing_success_rate": 0 });
    let gateway = Service::gateway(&config);
    let manners = [
        Manner::Refuses,
        Manner::Garbage,
        Manner::Empty,
        Manner::Unfilled,
        Manner::HalfABody,
        Manner::HangsUp,
        Manner::Silent,
    ];
    for manner in manners {
        bad.behave(manner);
        let before = bad.inferences();
        for _ in 0..6 {
            let answer = gateway.infer();
            assert_eq!(answer.status, 200, "{manner:?}: {}", text(&answer.body));
            assert_eq!(answer.json()["model_version"], "good", "{manner:?}");
        }
        assert!(bad.inferences() > before, "{manner:?}: it was asked");
    }
    let status = gateway.status();
    assert_eq!((status["failures"].as_u64(), status["requests"].as_u64()), (Some(0), Some(42)));
    assert!(status["retries"].as_u64() >= Some(14), "{status}");
    assert!(gateway.endpoint("bad")["failures"].as_u64() >= Some(10));
}

#[test]
fn answers_are_looked_into_as_far_as_is_configured() {
    let (good, bad) = (Backend::start("good", Manner::Good), Backend::start("bad", Manner::Good));
    let mut config = over(&[("good", &good.url()), ("bad", &bad.url())]);
    config["outlier_detection"] = json!({ "enforcing_consecutive_5xx": 0, "enforcing_success_rate": 0 });
    let one_row = r#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}"#;
    // What callers get of the bad one, by check and manner.
    for (check, manner, passed) in [
        ("frame", Manner::Garbage, false),
        ("frame", Manner::Unfilled, true),
        ("tensors", Manner::Unfilled, false),
        ("tensors", Manner::TwoRows, true),
        ("tensors", Manner::Compressed, true),
        ("rows", Manner::TwoRows, false),
        ("rows", Manner::Compressed, true),
    ] {
        config["answer_check"] = json!(check);
        bad.behave(Manner::Good);
        let gateway = Service::gateway(&config);
        let healthy = |name: &str| gateway.endpoint(name)["health"] == "healthy";
        until("both are asked", || healthy("good") && healthy("bad"));
        bad.behave(manner);
        let answers: Vec<_> =
            (0..4).map(|_| ask(&gateway.address, "POST", "/v2/models/m/infer", one_row)).collect();
        assert!(answers.iter().all(|answer| answer.status == 200), "{check}, {manner:?}");
        let of_good = answers.iter().filter(|answer| text(&answer.body).contains("\"good\"")).count();
        assert_eq!(of_good, if passed { 2 } else { 4 }, "{check}, {manner:?}");
    }
}

#[test]
fn where_nobody_answers_the_caller_is_told_as_the_protocol_has_it() {
    let bad = Backend::start("bad", Manner::HalfABody);
    let mut config = over(&[("bad", &bad.url())]);
    config["outlier_detection"] = json!({ "enforcing_consecutive_5xx": 0 });
    let gateway = Service::gateway(&config);
    let answer = gateway.infer();
    assert_eq!(answer.status, 502);
    assert!(answer.json()["error"].as_str().is_some_and(|error| error.contains("broke off")));
    bad.behave(Manner::Silent);
    let answer = gateway.infer();
    assert_eq!((answer.status, answer.json()["error"].is_string()), (504, true));
    bad.behave(Manner::Refuses);
    let answer = gateway.infer();
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (503, Some("off")),
        "the server's own words"
    );
}

#[test]
fn outliers_are_ejected_breakers_open_and_both_come_back() {
    let (good, bad) = (Backend::start("good", Manner::Good), Backend::start("bad", Manner::HangsUp));
    let mut config = over(&[("good", &good.url()), ("bad", &bad.url())]);
    config["outlier_detection"] = json!({ "base_ejection_time_secs": 0.5, "interval_secs": 0.2, "successful_active_health_check_uneject_host": false });
    config["circuit_breaker"] = json!({
        "sliding_window_size": 10, "minimum_number_of_calls": 10, "wait_duration_in_open_state_secs": 1,
        "permitted_number_of_calls_in_half_open_state": 2,
    });
    let gateway = Service::gateway(&config);
    until("it is ejected", || {
        assert_eq!(gateway.infer().status, 200);
        gateway.endpoint("bad")["ejected_for_secs"].is_number()
    });
    until("its breaker opens", || {
        assert_eq!(gateway.infer().status, 200);
        gateway.endpoint("bad")["breaker"]["state"] == "open"
    });
    let breaker = gateway.endpoint("bad")["breaker"].clone();
    assert!(breaker["reason"].as_str().is_some_and(|reason| reason.contains('%')), "{breaker}");
    assert!(breaker["retry_in_secs"].as_f64().is_some_and(|secs| secs <= 1.0), "{breaker}");
    bad.behave(Manner::Good);
    until("it is back", || {
        assert_eq!(gateway.infer().status, 200);
        let endpoint = gateway.endpoint("bad");
        endpoint["breaker"]["state"] == "closed" && endpoint["ejected_for_secs"].is_null()
    });
    let kinds: Vec<String> = gateway.status()["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| event["kind"].as_str().expect("a kind").to_owned())
        .collect();
    assert!(
        kinds.iter().any(|kind| kind == "breaker") && kinds.iter().any(|kind| kind == "outlier"),
        "{kinds:?}"
    );
}

#[test]
fn where_every_breaker_is_open_they_probe_before_their_wait_is_over() {
    let servers = [Backend::start("one", Manner::Refuses), Backend::start("two", Manner::Refuses)];
    let mut config = over(&[("one", &servers[0].url()), ("two", &servers[1].url())]);
    config["circuit_breaker"] = json!({
        "sliding_window_size": 10, "minimum_number_of_calls": 10, "wait_duration_in_open_state_secs": 3600,
        "permitted_number_of_calls_in_half_open_state": 2,
    });
    let gateway = Service::gateway(&config);
    let all =
        |state: &str| ["one", "two"].iter().all(|name| gateway.endpoint(name)["breaker"]["state"] == state);
    until("both breakers open", || {
        assert_eq!(gateway.infer().status, 503);
        all("open")
    });
    for server in &servers {
        server.behave(Manner::Good);
    }
    until("both close", || {
        gateway.infer();
        all("closed")
    });
    assert_eq!(gateway.infer().status, 200);
}

#[test]
fn rate_limits_residency_and_drains_hold() {
    let (eu, us) = (Backend::start("eu", Manner::Good), Backend::start("us", Manner::Good));
    let mut config = over(&[("eu", &eu.url()), ("us", &us.url())]);
    config["endpoints"][0]["tags"] = json!(["eu"]);
    config["residency"] = json!({ "tags": ["eu"] });
    config["rate_limits"] = json!([{ "name": "burst", "quota": 5, "window_secs": 3600 }]);
    let gateway = Service::gateway(&config);
    for _ in 0..5 {
        assert_eq!(gateway.infer().status, 200);
    }
    let refused = gateway.infer();
    assert_eq!(refused.status, 429);
    for header in ["retry-after:", "ratelimit:", "ratelimit-policy: \"burst\";q=5;w=3600"] {
        assert!(refused.head.to_lowercase().contains(header), "{header} in {}", refused.head);
    }
    assert_eq!(us.inferences(), 0, "data that must stay in the EU went nowhere else");
    // Live changes: no more limit, the only European endpoint taken out, so that nobody may be asked.
    let mut changed = gateway.get("/api/gateway/config").json();
    changed["rate_limits"] = json!([]);
    assert_eq!(gateway.put("/api/gateway/config", &changed), 204);
    assert_eq!(gateway.put("/api/gateway/endpoints/eu", &json!({ "drained": true })), 204);
    let answer = gateway.infer();
    assert_eq!((answer.status, us.inferences()), (503, 0), "{}", text(&answer.body));
    assert_eq!(gateway.put("/api/gateway/endpoints/eu", &json!({ "drained": false })), 204);
    assert_eq!(gateway.infer().status, 200);
    assert_eq!(gateway.put("/api/gateway/strategy", &json!({ "name": "peak_ewma" })), 204);
    assert_eq!(gateway.status()["strategy"], "peak_ewma");
    for wrong in [json!({ "name": "random" }), json!({ "name": "maglev", "table_size": 4 })] {
        assert_eq!(gateway.put("/api/gateway/strategy", &wrong), 400);
    }
    assert_eq!(gateway.status()["revision"], 4, "what was refused changed nothing");
    assert_eq!(gateway.get("/api/gateway/nothing").json()["status"], 404);
}

#[test]
fn changes_are_kept_audited_and_a_changed_audit_log_is_refused() {
    let backend = Backend::start("a", Manner::Good);
    let program = Program::new();
    let file = program.home().join("g.json");
    crate::program::put(&file, over(&[("a", &backend.url())]).to_string().as_bytes());
    let config = file.to_str().expect("UTF-8").to_owned();
    let gateway = Service::start(program, &["gateway", "--config", &config]);
    assert_eq!(gateway.put("/api/gateway/endpoints/a", &json!({ "weight": 7 })), 204);
    assert_eq!(gateway.put("/api/gateway/endpoints/a", &json!({ "weight": 0 })), 400);
    assert_eq!(gateway.put("/api/gateway/recording", &json!({ "recording": true })), 204);
    for _ in 0..20 {
        assert_eq!(gateway.infer().status, 200);
    }
    let kept: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).expect("there")).expect("JSON");
    assert_eq!((&kept["endpoints"][0]["weight"], &kept["recording"]), (&json!(7), &json!(true)));
    let recording = file.with_extension("recording.jsonl");
    until("all is recorded", || {
        std::fs::read_to_string(&recording).is_ok_and(|text| text.lines().count() == 20)
    });
    assert!(!std::fs::read_to_string(&recording).expect("there").contains("inputs"), "no bodies");
    let simulation = gateway.get("/api/gateway/simulation").json();
    assert_eq!(
        (simulation["requests"].as_u64(), simulation["rows"].as_array().map(Vec::len)),
        (Some(20), Some(5))
    );
    let metrics = text(&gateway.get("/metrics").body);
    assert!(
        metrics.contains(r#"orrery_gateway_endpoint_requests_total{endpoint="a",region="a"} 20"#),
        "{metrics}"
    );
    assert!(metrics.contains("\norrery_gateway_request_duration_seconds_count 20\n"), "{metrics}");
    assert!(metrics.contains("# TYPE orrery_gateway_request_duration_seconds histogram\n"), "{metrics}");
    assert!(metrics.contains("# TYPE process_cpu_seconds_total counter\n"), "{metrics}");
    let open = crate::http::ask_headed(
        &gateway.address,
        "GET",
        "/metrics",
        "Accept: application/openmetrics-text\r\n",
        "",
    );
    assert!(open.header("content-type").is_some_and(|kind| kind.starts_with("application/openmetrics-text")));
    assert!(text(&open.body).ends_with("# EOF\n"));
    let audit = file.with_extension("audit.jsonl");
    let log = std::fs::read_to_string(&audit).expect("there");
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains("loopback") && log.contains("change the endpoint a"), "{log}");
    crate::program::put(&audit, log.replace("loopback", "somebody").as_bytes());
    let again = gateway.program.run(&["gateway", "--config", &config, "--listen", "127.0.0.1:0"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("audit log"), "{}", text(&again.stderr));
}

#[test]
fn keys_decide_who_may_ask_and_who_may_change() {
    let backend = Backend::start("a", Manner::Good);
    let program = Program::new();
    let key = |scope: &str| {
        let made = program.document(&["keys", "create", "--name", scope, "--scope", scope]);
        made["key"].as_str().expect("a key").to_owned()
    };
    let (infer, admin) = (key("infer"), key("admin"));
    let file = program.home().join("g.json");
    crate::program::put(&file, over(&[("a", &backend.url())]).to_string().as_bytes());
    let config = file.to_str().expect("UTF-8").to_owned();
    let gateway = Service::start(program, &["gateway", "--config", &config]);
    let ask = |method: &str, path: &str, key: Option<&str>, body: &str| {
        ask_with(&gateway.address, method, path, key, body).status
    };
    let drain = r#"{"drained":true}"#;
    assert_eq!(ask("POST", "/v2/models/m/infer", None, "{}"), 401);
    assert_eq!(ask("POST", "/v2/models/m/infer", Some(&infer), "{}"), 200);
    assert_eq!(ask("PUT", "/api/gateway/endpoints/a", Some(&infer), drain), 403);
    assert_eq!(ask("GET", "/api/gateway/status", Some(&infer), ""), 403);
    assert_eq!(ask("PUT", "/api/gateway/endpoints/a", Some(&admin), drain), 204);
    assert_eq!(ask("POST", "/v2/repository/models/m/load", Some(&admin), "{}"), 403, "not through a gateway");
    for evasion in [
        "/v2/%72epository/models/m/load",
        "/v2//repository/models/m/load",
        "/v2/models/../repository/models/m/load",
    ] {
        assert_eq!(ask("POST", evasion, Some(&admin), "{}"), 400, "{evasion}");
    }
}

#[test]
fn a_bad_configuration_is_refused_by_its_field() {
    let program = Program::new();
    let file = program.home().join("g.json");
    crate::program::put(&file, br#"{"endpoints":[{"name":"a","url":"http://h","weight":0}]}"#);
    let config = file.to_str().expect("UTF-8");
    let output = program.run(&["gateway", "--config", config]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("`endpoints[0].weight`"), "{}", text(&output.stderr));
    let output = program.run(&["gateway", "--config", "/nowhere.json"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn callers_are_not_hurt_when_a_backend_goes_for_good() {
    let (one, two) = (Backend::start("one", Manner::Good), Service::node());
    let gateway = Service::gateway(&over(&[("one", &one.url()), ("two", &two.url())]));
    // The node has no model: its 404 is an answer, not a failure. It is only here to be killed.
    let asked = |count: u32| (0..count).filter(|_| gateway.infer().status >= 500).count();
    assert_eq!(asked(20), 0);
    two.kill();
    assert_eq!(asked(50), 0, "not one of the requests after the kill failed");
    until("it counts as ill", || gateway.endpoint("two")["health"] == "unhealthy");
    let answer = ask(&gateway.address, "GET", "/v2/health/ready", "");
    assert_eq!(answer.status, 200, "the other one carries on");
}
