//! The node as a client meets it: what it answers, whom it refuses, how models come and go under load.

mod device;
mod malformed;
mod overload;
mod repository;
mod understand;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::http::{Answer, ask, ask_headed, ask_with};
use serde_json::{Value, json};

use crate::program::{Program, Stream, sample, text};

/// Ten rows of two columns: a model is trained on them in no time.
const TABLE: &str =
    "x,c,y\n1,a,no\n2,b,no\n3,a,no\n4,b,no\n5,a,no\n6,b,yes\n7,a,yes\n8,b,yes\n9,a,yes\n10,b,yes\n";

/// A workspace with a small model of that name.
fn with_model(name: &str) -> Program {
    let program = Program::new();
    train(&program, name, "gbt");
    program
}

fn train(program: &Program, name: &str, model: &str) {
    let file = program.home().join("rows.csv");
    let rows = TABLE.lines().skip(1).collect::<Vec<_>>().join("\n");
    let many: Vec<&str> = std::iter::repeat_n(rows.as_str(), 20).collect();
    crate::program::put(&file, format!("x,c,y\n{}\n", many.join("\n")).as_bytes());
    let file = file.to_str().expect("UTF-8");
    let quick = ["--trees", "5", "--epochs", "1", "--name", name];
    program
        .lines(&[&["train", "--data", file, "--target", "y", "--model", model], quick.as_slice()].concat());
}

struct Node {
    stream: Stream,
    address: String,
}

/// Starts a node on a free port and waits until it is ready.
fn start(program: &Program, arguments: &[&str]) -> Node {
    ready_with(program, arguments, &[])
}

/// As [`start`], with more in its environment.
fn ready_with(program: &Program, arguments: &[&str], environment: &[(&str, &str)]) -> Node {
    let all = [&["node", "--listen", "127.0.0.1:0"], arguments].concat();
    let mut stream = program.stream_with(&all, environment);
    let address = stream.next().expect("it listens")["address"].as_str().expect("an address").to_owned();
    let end = Instant::now() + Duration::from_mins(1);
    while ask(&address, "GET", "/v2/health/ready", "").status != 200 {
        assert!(Instant::now() < end, "the node did not become ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    Node { stream, address }
}

impl Node {
    fn get(&self, path: &str) -> Answer {
        ask(&self.address, "GET", path, "")
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        ask(&self.address, "POST", path, body)
    }

    /// Asks it to end; its exit code.
    fn end(self) -> Option<i32> {
        let id = self.stream.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().expect("sent").success());
        self.stream.finish()
    }
}

fn body(x: &[f64], c: &[&str]) -> String {
    json!({ "inputs": [
        { "name": "x", "datatype": "FP64", "shape": [x.len()], "data": x },
        { "name": "c", "datatype": "BYTES", "shape": [c.len()], "data": c },
    ] })
    .to_string()
}

fn outputs(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", text(&answer.body));
    let document: Value = serde_json::from_slice(&answer.body).expect("JSON");
    document["outputs"].as_array().expect("outputs").clone()
}

#[test]
fn a_model_answers_as_predict_does_and_says_what_it_is() {
    let program = with_model("small");
    let node = start(&program, &[]);
    let metadata: Value = node.get("/v2/models/small").json();
    assert_eq!(metadata["platform"], "orrery_gbt");
    assert_eq!(metadata["inputs"][0], json!({ "name": "x", "datatype": "FP64", "shape": [-1] }));
    assert_eq!(
        metadata["outputs"][1],
        json!({ "name": "probabilities", "datatype": "FP64", "shape": [-1, 2] })
    );
    for path in ["/v2/models/small/infer", "/v2/models/small/versions/1/infer"] {
        let found = outputs(&node.post(path, &body(&[1.0, 10.0], &["a", ""])));
        assert_eq!(found[0]["data"], json!(["no", "yes"]));
        assert_eq!(found[1]["shape"], json!([2, 2]));
    }
    let index = node.post("/v2/repository/index", "{}").json();
    assert_eq!(index, json!([{ "name": "small", "version": "1", "state": "READY", "reason": "" }]));
    let stats = node.get("/v2/models/small/stats").json();
    assert_eq!(stats["model_stats"][0]["inference_count"], 4);
    let metrics = text(&node.get("/metrics").body);
    assert!(metrics.contains(r#"orrery_inference_rows_total{model="small",version="1"} 4"#), "{metrics}");
    assert!(metrics.contains("# TYPE orrery_inference_rows_total counter"), "{metrics}");
    let open = ask_headed(&node.address, "GET", "/metrics", "Accept: application/openmetrics-text\r\n", "");
    assert!(text(&open.body).trim_end().ends_with("# EOF"));
    assert_eq!(node.end(), Some(0));
}

#[test]
fn a_large_body_is_answered_as_a_small_one() {
    let program = with_model("small");
    let node = start(&program, &[]);
    // Read beside the connections from 1 MiB on.
    let space = " ".repeat(1 << 20);
    let explained = json!({ "model": "small", "rows": rows(false) }).to_string();
    for (path, small) in [
        ("/v2/models/small/infer", body(&[1.0, 10.0], &["a", "b"])),
        ("/api/ml/explain", explained),
        ("/v2/repository/index", "{}".to_owned()),
        ("/v2/repository/models/small/load", "{}".to_owned()),
    ] {
        let [small, large] = [small.clone(), space.clone() + &small].map(|sent| node.post(path, &sent));
        assert_eq!(small.status, 200, "{path}: {}", text(&small.body));
        assert_eq!(large.status, 200, "{path}: {}", text(&large.body));
        assert_eq!(large.json(), small.json(), "{path}");
    }
    for path in ["/v2/models/small/infer", "/api/ml/explain", "/v2/repository/models/small/load"] {
        let wrong = node.post(path, &(space.clone() + "["));
        assert_eq!(wrong.status, 400, "{path}: {}", text(&wrong.body));
    }
    assert_eq!(node.end(), Some(0));
}

#[test]
fn bad_requests_get_a_reason_and_the_node_goes_on() {
    let program = with_model("small");
    let node = start(&program, &["--max-body", "1"]);
    let good = body(&[1.0], &["a"]);
    let infer = "/v2/models/small/infer";
    let deep = "[".repeat(100_000);
    let large = " ".repeat((1 << 20) + 1);
    for (what, method, path, sent, status) in [
        ("no route", "GET", "/", "", 404),
        ("another method", "GET", infer, "", 405),
        ("no model", "POST", "/v2/models/nope/infer", good.as_str(), 404),
        ("no version", "POST", "/v2/models/small/versions/9/infer", &good, 404),
        ("a version that is a word", "POST", "/v2/models/small/versions/x/infer", &good, 404),
        ("no body", "POST", infer, "", 400),
        ("no JSON", "POST", infer, "{", 400),
        ("a list", "POST", infer, "[]", 400),
        ("deep", "POST", infer, &deep, 400),
        ("large", "POST", infer, &large, 413),
        ("no rows", "POST", infer, &body(&[], &[]), 400),
        ("rows that differ", "POST", infer, &body(&[1.0, 2.0], &["a"]), 400),
        (
            "a missing input",
            "POST",
            infer,
            r#"{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1]}]}"#,
            400,
        ),
        ("an index of a list", "POST", "/v2/repository/index", "[]", 400),
        ("a model to load that is not there", "POST", "/v2/repository/models/nope/load", "", 404),
    ] {
        let answer = ask(&node.address, method, path, sent);
        assert!((answer.status == status), "{what}: {} {}", answer.status, text(&answer.body));
        let error = answer.json()["error"].as_str().expect("an error").to_owned();
        assert!(error.len() > 10, "{what}: {error}");
    }
    assert_eq!(outputs(&node.post(infer, &good))[0]["data"], json!(["no"]));
    assert_eq!(node.end(), Some(0));
}

#[test]
fn keys_are_asked_for_where_there_is_one() {
    let program = with_model("small");
    let refused = program.run(&["node", "--listen", "0.0.0.0:0"]);
    assert_ne!(refused.status.code(), Some(0));
    assert!(text(&refused.stderr).contains("There is no key"), "{}", text(&refused.stderr));

    let make = |scope: &str| {
        let made = program.document(&["keys", "create", "--name", scope, "--scope", scope]);
        (
            made["key"].as_str().expect("a key").to_owned(),
            made["record"]["id"].as_str().expect("an id").to_owned(),
        )
    };
    let ((infer, id), (read, _), (admin, _)) = (make("infer"), make("read"), make("admin"));
    let listed = text(&program.run(&["keys", "list"]).stdout);
    assert!(listed.contains(&id) && !listed.contains(&infer), "{listed}");

    let node = start(&program, &[]);
    let status = |key: Option<&str>, method: &str, path: &str| {
        ask_with(&node.address, method, path, key, &body(&[1.0], &["a"])).status
    };
    let routes = [
        ("POST", "/v2/models/small/infer", [200, 403, 403]),
        ("GET", "/v2/models/small", [403, 200, 200]),
        ("GET", "/metrics", [403, 200, 200]),
        ("POST", "/v2/repository/models/small/load", [403, 403, 200]),
    ];
    for (method, path, expected) in routes {
        assert_eq!(status(None, method, path), 401, "{path}");
        assert_eq!(status(Some("orr_wrong"), method, path), 401, "{path}");
        for (key, expected) in [&infer, &read, &admin].into_iter().zip(expected) {
            assert_eq!(status(Some(key), method, path), expected, "{path}");
        }
    }
    assert_eq!(status(None, "GET", "/v2/health/live"), 200);
    assert!(program.run(&["keys", "revoke", &id]).status.success());
    let end = Instant::now() + Duration::from_secs(10);
    while status(Some(&infer), "POST", "/v2/models/small/infer") != 401 {
        assert!(Instant::now() < end, "a revoked key is still taken");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(node.end(), Some(0));
}

#[test]
fn our_own_routes_are_described_tell_problems_and_go_on_with_a_trace() {
    let program = Program::new();
    let node = start(&program, &[]);
    assert_eq!(node.get("/api/openapi.json").json()["openapi"], "3.1.0");
    let nothing = node.get("/api/nothing");
    assert_eq!((nothing.status, nothing.header("content-type")), (404, Some("application/problem+json")));
    let problem = nothing.json();
    assert_eq!((&problem["title"], &problem["status"]), (&json!("Not Found"), &json!(404)), "{problem}");
    assert_eq!(node.post("/api/openapi.json", "").header("content-type"), Some("application/problem+json"));
    let protocol = node.get("/v2/nothing");
    assert_eq!((protocol.status, protocol.header("content-type")), (404, Some("application/json")));

    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let headers = format!("traceparent: 00-{trace}-00f067aa0ba902b7-01\r\nX-Request-Id: mine\r\n");
    let traced = ask_headed(&node.address, "GET", "/v2/health/live", &headers, "");
    let parent = traced.header("traceparent").expect("answered back");
    assert!(parent.starts_with(&format!("00-{trace}-")) && parent.ends_with("-01"), "{parent}");
    assert!(!parent.contains("00f067aa0ba902b7"), "{parent}");
    assert_eq!(traced.header("x-request-id"), Some("mine"));
    let made = node.get("/v2/health/live");
    assert!(made.header("traceparent").is_some_and(|made| made.len() == 55 && !made.contains(trace)));
    assert_eq!(node.end(), Some(0));
}

#[test]
fn requests_are_logged_as_json_without_keys_or_values() {
    use std::io::BufRead;

    let program = Program::new();
    let made = program.document(&["keys", "create", "--name", "a", "--scope", "read"]);
    let key = made["key"].as_str().expect("a key");
    let home = program.home().to_str().expect("UTF-8").to_owned();
    let arguments = ["--home", &home, "--json", "node", "--listen", "127.0.0.1:0", "--log-format", "json"];
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_orrery"))
        .args(arguments)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut first = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
    out.read_line(&mut first).expect("it listens");
    let listening: Value = serde_json::from_str(&first).expect("JSON");
    let address = listening["address"].as_str().expect("an address");
    let headers = format!("Authorization: Bearer {key}\r\nX-Request-Id: r-1\r\n");
    assert_eq!(ask_headed(address, "GET", "/v2/models/secret-name?value=1", &headers, "").status, 404);
    let kill = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(kill.expect("sent").success());
    let told = child.wait_with_output().expect("it ends");
    let told = text(&told.stderr);
    let line = told.lines().find(|line| line.contains("r-1")).expect("a line");
    let line: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(line["level"], "warn");
    assert_eq!(
        (&line["route"], &line["status"], &line["request_id"]),
        (&json!("metadata"), &json!(404), &json!("r-1"))
    );
    assert!(line["secs"].as_f64().is_some_and(|secs| secs < 30.0), "{line}");
    assert_eq!(line["trace_id"].as_str().map(str::len), Some(32));
    for secret in [key, "secret-name", "value=1"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[test]
fn a_damaged_model_is_never_ready_and_others_are() {
    let program = with_model("sound");
    train(&program, "damaged", "gbt");
    let trees = program.home().join("models/damaged/1/trees.json");
    let mut bytes = std::fs::read(&trees).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    crate::program::put(&trees, &bytes);
    let node = start(&program, &[]);
    assert_eq!(node.get("/v2/models/damaged/ready").status, 503);
    assert_eq!(node.get("/v2/models/sound/ready").status, 200);
    let index = node.post("/v2/repository/index", "").json();
    assert_eq!(index[0]["state"], "UNAVAILABLE");
    assert!(index[0]["reason"].as_str().expect("a reason").contains("trees.json"), "{index}");
    let again = node.post("/v2/repository/models/damaged/load", "");
    assert_eq!(again.status, 500);
    assert_eq!(node.get("/v2/models/damaged/ready").status, 503);
    assert_eq!(node.end(), Some(0));
}

#[test]
fn versions_are_swapped_and_the_node_ends_without_one_failed_request() {
    let program = with_model("small");
    let node = start(&program, &[]);
    train(&program, "small", "gbt");
    let (over, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let answer = node.post("/v2/models/small/infer", &body(&[9.0], &["a"]));
                    assert_eq!(outputs(&answer)[0]["data"], json!(["yes"]));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..20 {
            let wished = json!({ "parameters": { "version": (round % 2 + 1).to_string() } }).to_string();
            let loaded = node.post("/v2/repository/models/small/load", &wished);
            assert_eq!(loaded.status, 200, "{}", text(&loaded.body));
            std::thread::sleep(Duration::from_millis(25));
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(answered.load(Ordering::Relaxed) > 20, "{answered:?}");
    let metadata = node.get("/v2/models/small").json();
    assert_eq!(metadata["versions"], json!(["1", "2"]));
    assert_eq!(node.end(), Some(0));
}

#[test]
fn the_sample_is_served_with_its_categories_and_missing_numbers() {
    let program = Program::new();
    let file = sample();
    program.lines(&["train", "--data", &file, "--target", "late", "--model", "linear", "--name", "late"]);
    let node = start(&program, &[]);
    let metadata = node.get("/v2/models/late").json();
    let inputs: Vec<Value> = metadata["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .map(|input| {
            let data = if input["datatype"] == "BYTES" { json!(["", "?"]) } else { json!([0, 1]) };
            json!({ "name": input["name"], "datatype": input["datatype"], "shape": [2, 1],
                    "data": if input["datatype"] == "BOOL" { json!([false, true]) } else { data } })
        })
        .collect();
    let found = outputs(&node.post("/v2/models/late/infer", &json!({ "inputs": inputs }).to_string()));
    let probabilities: Vec<f64> =
        found[1]["data"].as_array().expect("numbers").iter().filter_map(Value::as_f64).collect();
    assert!((probabilities.iter().sum::<f64>() - 2.0).abs() < 1e-9, "{probabilities:?}");
    assert_eq!(node.end(), Some(0));
    assert!(Path::new(&file).exists());
}

/// Rows as JSON objects, and what a node says of them.
fn rows(with_target: bool) -> Vec<Value> {
    TABLE
        .lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let mut row = json!({ "x": cells[0].parse::<f64>().expect("a number"), "c": cells[1] });
            if with_target {
                row["y"] = cells[2].into();
            }
            row
        })
        .collect()
}

#[test]
fn answers_are_explained_and_the_parts_add_up() {
    let program = with_model("trees");
    train(&program, "net", "mlp");
    let node = start(&program, &[]);
    for (model, method, check) in
        [("trees", "tree-shap", "additivity"), ("net", "integrated-gradients", "completeness")]
    {
        let asked = json!({ "model": model, "rows": rows(true) });
        let answer = node.post("/api/ml/explain", &asked.to_string());
        assert_eq!(answer.status, 200, "{}", text(&answer.body));
        let found = answer.json();
        assert_eq!((&found["method"], &found["class"]), (&json!(method), &json!("yes")), "{found}");
        assert_eq!(found["model"], format!("{model}:1"));
        assert_eq!(
            (&found["check"]["name"], &found["check"]["passed"]),
            (&json!(check), &json!(true)),
            "{found}"
        );
        let xs: Vec<f64> = (1..=10).map(f64::from).collect();
        let cs = ["a", "b", "a", "b", "a", "b", "a", "b", "a", "b"];
        let asked = body(&xs, &cs);
        let probabilities =
            outputs(&node.post(&format!("/v2/models/{model}/infer"), &asked))[1]["data"].clone();
        for row in 0..10 {
            let said = &found["rows"][row];
            let number = |value: &Value| value.as_f64().expect("a number");
            let sum = number(&said["attributions"]["x"]) + number(&said["attributions"]["c"]);
            let prediction = number(&said["prediction"]);
            assert!((number(&said["baseline"]) + sum - prediction).abs() < 1e-3, "{said}");
            let p = number(&probabilities[2 * row + 1]);
            assert!((prediction - (p / (1.0 - p)).ln()).abs() < 1e-3, "{said} {p}");
        }
    }
    // Methods that take a background: rows that are sent beside, or the rows themselves; each with its own check.
    for (model, method) in [
        ("trees", "exact-shapley"),
        ("trees", "kernel-shap"),
        ("net", "permutation-shap"),
        ("net", "expected-gradients"),
        ("net", "lime"),
    ] {
        let asked = json!({
            "model": model, "method": method, "rows": &rows(false)[..2], "background": rows(false), "checks": true, "seed": 7
        });
        let answer = node.post("/api/ml/explain", &asked.to_string());
        assert_eq!(answer.status, 200, "{}", text(&answer.body));
        let found = answer.json();
        assert_eq!(found["method"], method);
        assert_eq!(found["against"]["rows"], 10, "{found}");
        let checks: Vec<&str> = found["checks"]
            .as_array()
            .expect("checks")
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert_eq!(checks, ["infidelity", "sensitivity", "randomized_weights"], "{found}");
        assert!(found["rows"][1]["attributions"]["x"].is_f64(), "{found}");
    }
    // What decides is `x`: it says more than `c` does.
    let asked = json!({ "model": "trees", "version": "1", "method": "auto", "class": "no", "rows": [{ "x": 9, "c": null }] });
    let found = node.post("/api/ml/explain", &asked.to_string()).json();
    let parts = &found["rows"][0]["attributions"];
    assert!(
        parts["x"].as_f64() < Some(0.0)
            && parts["x"].as_f64().map(f64::abs) > parts["c"].as_f64().map(f64::abs),
        "{found}"
    );
    for (wrong, words) in [
        (json!({ "model": "trees", "rows": [] }), "no rows"),
        (json!({ "model": "trees", "rows": [{ "x": 1 }] }), "lacks the column 'c'"),
        (json!({ "model": "trees", "rows": [{ "x": [1], "c": "a" }] }), "column 'x'"),
        (json!({ "model": "trees", "rows": [{ "x": "one", "c": "a" }] }), "'one'"),
        (json!({ "model": "trees", "rows": [{ "x": 1, "c": "a", "z": 1 }] }), "'z'"),
        (json!({ "model": "trees", "rows": rows(false), "class": "maybe" }), "no, yes"),
        (json!({ "model": "trees", "rows": rows(false), "method": "guess" }), "tree-shap"),
        (json!({ "model": "trees", "rows": rows(false), "method": "integrated-gradients" }), "does not fit"),
        (json!({ "model": "trees", "rows": [{ "x": 1, "c": "a" }], "method": "kernel-shap" }), "background"),
        (json!({ "model": "net", "rows": rows(false), "baseline": "row:10" }), "0 to 9"),
        (json!({ "model": "net" }), "openapi"),
    ] {
        let answer = node.post("/api/ml/explain", &wrong.to_string());
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, Some("application/problem+json")),
            "{wrong}"
        );
        let detail = answer.json()["detail"].as_str().expect("a detail").to_owned();
        assert!(detail.contains(words), "{wrong}: {detail}");
    }
    let nobody = node.post("/api/ml/explain", &json!({ "model": "nobody", "rows": rows(false) }).to_string());
    assert_eq!(nobody.status, 404);
    assert_eq!(node.end(), Some(0));
}

#[test]
fn versions_are_compared_on_rows_and_chance_is_not_called_better() {
    let program = with_model("small");
    train(&program, "small", "linear");
    let node = start(&program, &[]);
    assert_eq!(
        node.post("/v2/repository/models/small/load", r#"{"parameters":{"version":"1"}}"#).status,
        200
    );
    let ask = |a: u32, b: u32, rows: Vec<Value>| {
        let versions = |version: u32| json!({ "model": "small", "version": version });
        node.post(
            "/api/ml/models/compare",
            &json!({ "a": versions(a), "b": versions(b), "rows": rows }).to_string(),
        )
    };
    let itself = ask(1, 1, rows(true)).json();
    assert_eq!((&itself["same"], &itself["largest_difference"]), (&json!(10), &json!(0.0)), "{itself}");
    assert_eq!(itself["metric"]["better"], "not_distinguishable", "{itself}");
    let found = ask(1, 2, rows(true)).json();
    assert_eq!((&found["a"], &found["b"]), (&json!("small:1"), &json!("small:2")), "{found}");
    assert!(found["largest_difference"].as_f64() > Some(0.0), "{found}");
    assert_eq!(found["predictions"].as_array().expect("rows").len(), 10);
    assert_eq!(
        (&found["metric"]["metric"], &found["metric"]["rows"]),
        (&json!("auroc"), &json!(10)),
        "{found}"
    );
    let metrics = found["metrics"].as_array().expect("every metric");
    assert_eq!((metrics.len(), &metrics[0]), (8, &found["metric"]), "{found}");
    let tables = ["both_right", "only_a", "only_b", "both_wrong"].map(|cell| found["mcnemar"][cell].as_u64());
    assert_eq!(tables.into_iter().sum::<Option<u64>>(), Some(10), "{found}");
    assert!(
        found["mcnemar"]["p"].as_f64() > Some(0.0) && found["delong"]["p"].as_f64() > Some(0.0),
        "{found}"
    );
    assert_eq!(found["delong"]["a"]["value"], found["metric"]["a"], "{found}");
    assert_eq!(itself["delong"]["p"], json!(1.0), "{itself}");
    // Without the target nothing is said about which is better.
    let blind = ask(1, 2, rows(false)).json();
    assert_eq!(blind["metric"], Value::Null);
    assert_eq!(
        (&blind["metrics"], &blind["mcnemar"], &blind["delong"]),
        (&json!([]), &Value::Null, &Value::Null)
    );
    assert!(blind["message"].as_str().expect("words").contains("Without the target"), "{blind}");
    let mut odd = rows(true);
    odd[3]["y"] = "perhaps".into();
    let answer = ask(1, 2, odd);
    assert_eq!(answer.status, 400);
    assert!(answer.json()["detail"].as_str().expect("a detail").contains("'perhaps'"));
    assert_eq!(ask(1, 7, rows(true)).status, 404);
    assert_eq!(node.end(), Some(0));
}
