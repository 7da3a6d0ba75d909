//! Traces: one request's names in the logs of the gateway and of the node behind it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use serde_json::{Value, json};

use super::{over, until};
use crate::{
    http::{Answer, ask, ask_headed},
    program::{Program, text},
};

/// A process that logs its requests as JSON.
struct Logging {
    child: Child,
    address: String,
}

impl Logging {
    fn start(program: &Program, arguments: &[&str]) -> Self {
        let log = ["--listen", "127.0.0.1:0", "--log-format", "json", "--json"];
        let mut command = program.command(&[arguments, &log].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut first).expect("it listens");
        let listening: Value = serde_json::from_str(&first).expect("JSON");
        let address = listening["address"].as_str().expect("an address").to_owned();
        until("it is ready", || ask(&address, "GET", "/v2/health/ready", "").status == 200);
        Self { child, address }
    }

    /// Asks it to end; the lines of its log.
    fn end(self) -> Vec<Value> {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().expect("sent").success());
        let told = self.child.wait_with_output().expect("it ends");
        text(&told.stderr).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// The line of the one request for a model's metadata of this trace.
fn line<'a>(log: &'a [Value], trace: &str) -> &'a Value {
    let mut lines = log.iter().filter(|line| line["trace_id"] == trace && line["route"] == "metadata");
    let line = lines.next().unwrap_or_else(|| panic!("no line of {trace}: {log:?}"));
    assert!(lines.next().is_none(), "one line a request: {log:?}");
    line
}

/// Trace and step of an answer.
fn parts(answer: &Answer) -> (String, String) {
    let parent = answer.header("traceparent").expect("answered back");
    let fields: Vec<&str> = parent.split('-').collect();
    (fields[1].to_owned(), fields[2].to_owned())
}

#[test]
fn a_request_is_followed_from_its_caller_through_the_gateway_to_the_node() {
    let (programs, trace) = ((Program::new(), Program::new()), "4bf92f3577b34da6a3ce929d0e0e4736");
    let node = Logging::start(&programs.0, &["node"]);
    let file = programs.1.home().join("gateway.json");
    let config = over(&[("a", &format!("http://{}", node.address))]);
    crate::program::put(&file, config.to_string().as_bytes());
    let gateway = Logging::start(&programs.1, &["gateway", "--config", file.to_str().expect("UTF-8")]);

    let path = "/v2/models/secret-name?value=1";
    let headers = format!("traceparent: 00-{trace}-00f067aa0ba902b7-01\r\nX-Request-Id: mine\r\n");
    let given = ask_headed(&gateway.address, "GET", path, &headers, "");
    let made = ask(&gateway.address, "GET", path, "");
    assert_eq!((given.status, made.status), (404, 404), "the node has no such model");
    assert_eq!(given.header("x-request-id"), Some("mine"));
    let refused = ask(&gateway.address, "GET", "/v2//models", "");
    assert_eq!((refused.status, refused.header("x-request-id").is_some()), (400, true), "refused, named");

    let (through, behind) = (gateway.end(), node.end());
    let (its_trace, its_step) = parts(&given);
    assert_eq!(its_trace, trace);
    let (first, second) = (line(&through, trace), line(&behind, trace));
    assert_eq!((&first["parent_id"], &first["span_id"]), (&json!("00f067aa0ba902b7"), &json!(its_step)));
    assert_eq!(second["parent_id"], first["span_id"], "the gateway's step is where the node goes on from");
    assert_ne!(second["span_id"], first["span_id"]);
    assert_eq!((&first["request_id"], &second["request_id"]), (&json!("mine"), &json!("mine")));
    assert_eq!((&first["status"], &first["level"]), (&json!(404), &json!("warn")));

    let (its_trace, _) = parts(&made);
    assert_ne!(its_trace, trace);
    let (first, second) = (line(&through, &its_trace), line(&behind, &its_trace));
    assert_eq!(first["parent_id"], Value::Null, "its trace begins here");
    assert_eq!(second["parent_id"], first["span_id"]);
    let id = made.header("x-request-id").expect("named");
    assert_eq!((&first["request_id"], &second["request_id"]), (&json!(id), &json!(id)));
    let all = format!("{through:?}{behind:?}");
    assert!(!all.contains("secret-name") && !all.contains("value=1"), "{all}");
}
