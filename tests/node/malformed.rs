//! The codec's malformed bodies, all of them, posted to a node that serves.

#[path = "../../engine/oip/tests/bodies/mod.rs"]
mod bodies;

use bodies::{Body, Says};
use orrery_oip::{DataType, decode_request};

use super::{Node, body, outputs, start, with_model};
use crate::{
    http::{Answer, ask_bytes},
    program::text,
};

/// Memory of a process, KiB, by the name of its line; `None` where the system does not say.
fn memory(id: u32, line: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let told = status.lines().find_map(|all| all.strip_prefix(line)?.trim().strip_suffix(" kB"))?;
    told.trim().parse().ok()
}

fn post(node: &Node, body: &Body) -> Answer {
    let told = |length| format!("Inference-Header-Content-Length: {length}\r\n");
    let header = body.header.map(told).unwrap_or_default();
    ask_bytes(&node.address, "POST", "/v2/models/small/infer", &header, &body.bytes)
}

#[test]
fn every_malformed_body_is_refused_over_http_and_memory_stays_bounded() {
    let program = with_model("small");
    let node = start(&program, &[]);
    let bodies = bodies::all();
    assert!(bodies.len() >= 600, "only {} bodies", bodies.len());
    let id = node.stream.id();
    // The first answers take what a node that serves holds anyway.
    (0..8).for_each(|_| drop(outputs(&node.post("/v2/models/small/infer", &body(&[9.0], &["a"])))));
    let before = memory(id, "VmHWM:");
    for body in &bodies {
        let strict = decode_request(&body.bytes, body.header, &bodies::options()).expect_err(&body.name);
        if let Says::Words(words) = body.says {
            assert!(strict.to_string().contains(words), "'{}': {strict}", body.name);
        }
        let answer = post(&node, body);
        assert!((400..500).contains(&answer.status), "'{}': {}", body.name, text(&answer.body));
        let said = answer.json();
        let said = said["error"].as_str().unwrap_or_default();
        assert!(!said.is_empty() && said.len() < 400, "'{}': {said:?}", body.name);
    }
    // What is sound to the codec and fits no column of the model.
    for sound in
        DataType::ALL.into_iter().flat_map(|datatype| [bodies::json(datatype), bodies::binary(datatype)])
    {
        assert_eq!(post(&node, &sound).status, 400, "'{}'", sound.name);
    }
    let good = node.post("/v2/models/small/infer", &body(&[9.0], &["a"]));
    assert_eq!(outputs(&good)[0]["data"], serde_json::json!(["yes"]), "it serves as before");
    // The largest body is 180 kB. Only Linux tells the memory here.
    if let (Some(before), Some(peak)) = (before, memory(id, "VmHWM:")) {
        assert!(peak < before + 32 * 1024, "{before} KiB before, {peak} KiB at most");
    }
    assert_eq!(node.end(), Some(0));
}
