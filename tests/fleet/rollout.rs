//! Rollouts over real nodes and a real gateway: upload, canary, guards, roll back, drill.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use serde_json::{Value, json};

use super::{Service, over, until};
use crate::{
    http::ask,
    program::{Program, text},
};

/// A file of rows: `yes` is what is `from` or more, of the numbers below 20.
fn rows(program: &Program, from: u32) -> String {
    let row = |index: u32| {
        let x = index % 20;
        let class = if x >= from { "yes" } else { "no" };
        format!("{x},{class}")
    };
    let rows: Vec<String> = (0..200).map(row).collect();
    let file = program.home().join("rows.csv");
    crate::program::put(&file, format!("x,y\n{}\n", rows.join("\n")).as_bytes());
    file.to_str().expect("UTF-8").to_owned()
}

/// Trains version after version of `m` on such rows.
pub(super) fn train(program: &Program, from: u32) {
    let file = rows(program, from);
    program.lines(&["train", "--data", &file, "--target", "y", "--model", "linear", "--name", "m"]);
}

/// Callers who ask the gateway until they are told to stop.
pub(super) struct Callers {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Callers {
    pub(super) fn start(address: &str) -> Self {
        let callers = Self {
            over: Arc::default(),
            answered: Arc::default(),
            failed: Arc::default(),
            threads: Vec::new(),
        };
        let threads = (0..2).map(|offset: u64| {
            let (over, answered, failed) =
                (Arc::clone(&callers.over), Arc::clone(&callers.answered), Arc::clone(&callers.failed));
            let address = address.to_owned();
            std::thread::spawn(move || {
                let mut x = offset;
                while !over.load(Ordering::Relaxed) {
                    x = (x + 7) % 20;
                    let input =
                        json!({ "inputs": [{ "name": "x", "datatype": "FP64", "shape": [1], "data": [x] }] });
                    let answer = ask(&address, "POST", "/v2/models/m/infer", &input.to_string());
                    if answer.status == 200 { &answered } else { &failed }.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        Self { threads: threads.collect(), ..callers }
    }

    /// How many were answered and how many were not.
    pub(super) fn stop(self) -> (u64, u64) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("no caller broke"));
        (self.answered.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

pub(super) fn version(server: &Service) -> Value {
    let input = json!({ "inputs": [{ "name": "x", "datatype": "FP64", "shape": [1], "data": [1.0] }] });
    let answer = ask(&server.address, "POST", "/v2/models/m/infer", &input.to_string());
    assert_eq!(answer.status, 200, "{}", text(&answer.body));
    answer.json()["model_version"].clone()
}

const QUICK: [&str; 8] =
    ["--stage-seconds", "1", "--min-requests", "20", "--max-p95", "100", "--stages", "10,50,100"];

#[test]
fn versions_go_out_behind_guards_and_come_back_and_no_caller_notices() {
    let program = Program::new();
    train(&program, 10);
    let (east, west) = (Service::node(), Service::node());
    let mut config = over(&[("us-east", &east.url()), ("us-west", &west.url())]);
    config["endpoints"][0]["region"] = json!("us-east");
    config["endpoints"][1]["region"] = json!("us-west");
    let gateway = Service::gateway(&config);
    for (name, service, region, role) in [
        ("east", &east, "us-east", "server"),
        ("west", &west, "us-west", "server"),
        ("gw", &gateway, "us-east", "gateway"),
    ] {
        program.document(&["fleet", "regions", "set", region, "--enable"]);
        program.document(&[
            "fleet",
            "endpoints",
            "add",
            name,
            &service.url(),
            "--region",
            region,
            "--role",
            role,
        ]);
    }
    let plan = program.document(&["fleet", "deploy", "m:1", "--dry-run"]);
    assert_eq!(plan["state"], "planned");
    assert_eq!(east.get("/v2/models/m").status, 404, "a dry run changes nothing");

    let done = program.document(&["fleet", "deploy", "m:1"]);
    assert_eq!((&done["state"], &done["from"]), (&json!("done"), &Value::Null));
    assert_eq!(version(&gateway), "1");

    // The same rows again: a sound version goes through every stage, while callers ask.
    train(&program, 10);
    let callers = Callers::start(&gateway.address);
    let done = program.document(&[&["fleet", "deploy", "m:2"][..], &QUICK].concat());
    assert_eq!((&done["state"], &done["from"]), (&json!("done"), &json!("1")), "{done}");
    let percents: Vec<u64> =
        done["readings"].as_array().expect("readings").iter().filter_map(|r| r["percent"].as_u64()).collect();
    assert!([10, 50, 100].iter().all(|percent| percents.contains(percent)), "{percents:?}");
    assert_eq!(version(&gateway), "2");

    // A version made worse on purpose: it says no to nearly everybody. The drift guard sends it back.
    train(&program, 18);
    let worse = program.run(&[&["fleet", "deploy", "m:3", "--json"][..], &QUICK].concat());
    assert_eq!(worse.status.code(), Some(1), "{}", text(&worse.stderr));
    let record: Value =
        serde_json::from_str(text(&worse.stdout).lines().next().expect("a record")).expect("JSON");
    assert_eq!(record["state"], "rolled_back", "{record}");
    assert!(record["reason"].as_str().is_some_and(|reason| reason.contains("drifted")), "{record}");
    assert_eq!(version(&gateway), "2", "the version before serves");

    // A person goes back to the first version.
    let back = program.document(&["fleet", "rollback", "m"]);
    assert_eq!((&back["state"], &back["plan"]["model"]), (&json!("done"), &json!("m:1")), "{back}");
    assert_eq!(version(&gateway), "1");

    let drill = program.document(&["fleet", "drill", "us-west"]);
    assert_eq!(drill["phase"], "done", "{drill}");
    for figure in ["detection_secs", "shift_secs", "recovery_secs", "requests"] {
        assert!(drill[figure].as_f64().is_some_and(|value| value > 0.0), "{figure}: {drill}");
    }
    let (answered, failed) = callers.stop();
    assert_eq!(failed, 0, "of {answered}");
    assert!(answered > 100, "{answered}");

    let state = program.document(&["fleet", "status"]);
    let deployment = &state["deployments"][0];
    assert_eq!((&deployment["model"], &deployment["ours"]), (&json!("m"), &json!(true)), "{deployment}");
    assert!(state["events"].as_array().is_some_and(|events| events.len() > 5));
    west.kill();
    until("the window and the gateway agree that it is gone", || {
        let state = program.document(&["fleet", "status"]);
        let endpoints = state["endpoints"].as_array().expect("endpoints");
        endpoints.iter().any(|one| one["endpoint"]["name"] == "west" && one["health"] == "unhealthy")
    });
    let lost = program.run(&["fleet", "deploy", "m:2"]);
    assert_eq!(
        lost.status.code(),
        Some(1),
        "a server that cannot be reached ends a rollout before it begins"
    );
}

/// Probabilities of both classes for the numbers below 20, as the gateway answers and as `predict` does.
fn both_ways(program: &Program, gateway: &Service, version: u32) -> (Vec<f64>, Vec<f64>) {
    let xs: Vec<u32> = (0..20).collect();
    let input = json!({ "inputs": [{ "name": "x", "datatype": "FP64", "shape": [20], "data": xs }] });
    let answer = ask(&gateway.address, "POST", "/v2/models/m/infer", &input.to_string());
    assert_eq!(answer.status, 200, "{}", text(&answer.body));
    let answer = answer.json();
    assert_eq!(answer["model_version"], json!(version.to_string()));
    let outputs = answer["outputs"].as_array().expect("outputs");
    let output = outputs.iter().find(|output| output["name"] == "probabilities").expect("probabilities");
    let served = output["data"].as_array().expect("numbers").iter().filter_map(Value::as_f64).collect();
    let (file, out) = (rows(program, 10), program.home().join("predicted.csv"));
    let (name, out) = (format!("m:{version}"), out.to_str().expect("UTF-8"));
    program.document(&["predict", "--model", &name, "--data", &file, "--out", out]);
    let predicted = std::fs::read_to_string(out).expect("written");
    let last_two = |line: &str| -> Vec<f64> {
        let cells: Vec<&str> = line.split(',').collect();
        cells[cells.len() - 2..].iter().map(|cell| cell.trim().parse().expect("a number")).collect()
    };
    (served, predicted.lines().skip(1).take(20).flat_map(last_two).collect())
}

#[test]
fn smaller_versions_go_out_answer_as_they_should_and_come_back() {
    let program = Program::new();
    let file = rows(&program, 10);
    let train = ["train", "--data", &file, "--target", "y", "--model", "mlp", "--name", "m"];
    program.lines(&[&train[..], &["--width", "32", "--depth", "2", "--epochs", "20"]].concat());
    let quantized = program.document(&["quantize", "m:1", "--scheme", "static-int8"]);
    let pruned = program.document(&["prune", "m:1", "--share", "25", "--rounds", "1", "--epochs", "1"]);
    assert_eq!((&quantized["model"], &pruned["model"]), (&json!("m:2"), &json!("m:3")));
    let server = Service::node();
    let mut config = over(&[("us-east", &server.url())]);
    config["endpoints"][0]["region"] = json!("us-east");
    let gateway = Service::gateway(&config);
    program.document(&["fleet", "regions", "set", "us-east", "--enable"]);
    for (name, url, role) in [("east", server.url(), "server"), ("gw", gateway.url(), "gateway")] {
        let endpoint = ["fleet", "endpoints", "add", name, &url, "--region", "us-east", "--role", role];
        program.document(&endpoint);
    }
    program.document(&["fleet", "deploy", "m:1"]);
    let callers = Callers::start(&gateway.address);
    // What a smaller version says may move a little: that is judged before it goes out, not here.
    let how = ["--stage-seconds", "1", "--min-requests", "20", "--max-p95", "100", "--max-drift", "10"];
    for version in [2, 3] {
        let name = format!("m:{version}");
        let done = program.document(&[&["fleet", "deploy", &name, "--stages", "50,100"][..], &how].concat());
        let before = (version - 1).to_string();
        assert_eq!((&done["state"], &done["from"]), (&json!("done"), &json!(before)), "{done}");
        let (served, predicted) = both_ways(&program, &gateway, version);
        assert_eq!((served.len(), predicted.len()), (40, 40));
        for (served, predicted) in served.iter().zip(&predicted) {
            assert!((served - predicted).abs() < 1e-4, "m:{version}: {served}, predict says {predicted}");
        }
    }
    let back = program.document(&["fleet", "rollback", "m"]);
    assert_eq!((&back["state"], &back["plan"]["model"]), (&json!("done"), &json!("m:2")), "{back}");
    assert_eq!(version(&gateway), "2", "the quantized version serves again");
    let (answered, failed) = callers.stop();
    assert!(failed == 0 && answered > 20, "{failed} of {answered}");
}

#[test]
fn what_is_not_enabled_is_not_contacted_and_wrong_names_are_said() {
    let program = Program::new();
    let node = Service::node();
    program.document(&["fleet", "endpoints", "add", "a", &node.url(), "--region", "eu-west"]);
    let state = program.document(&["fleet", "status"]);
    assert_eq!(state["endpoints"][0]["health"], "unknown");
    assert_eq!(state["endpoints"][0]["sightings"], json!([]));
    for wrong in [
        &["fleet", "endpoints", "add", "b", "ftp://x", "--region", "eu-west"][..],
        &["fleet", "endpoints", "add", "b", "http://x", "--region", "mars"],
        &["fleet", "regions", "remove", "eu-west"],
        &["fleet", "conform", "nobody"],
        &["fleet", "deploy", "nothing"],
        &["fleet", "drill", "eu-west"],
    ] {
        let output = program.run(wrong);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{wrong:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("error:"), "{wrong:?}");
    }
    let report = program.document(&["fleet", "conform", &node.url()]);
    assert_eq!(report["server"], "orrery");
}
