//! The node and its device: answers on a graphics card, and what happens when a device is lost.

use std::path::Path;

use super::{Node, body, outputs, ready_with, train};
use crate::program::Program;

/// Chromium's software renderer: the only driver of burn's graphics path that every machine can have.
const SWIFTSHADER: &str = "/usr/lib/chromium/vk_swiftshader_icd.json";

fn ask(node: &Node) -> u16 {
    node.post("/v2/models/net/infer", &body(&[1.0], &["a"])).status
}

#[test]
fn a_lost_device_turns_ready_off_and_ends_the_node() {
    let program = Program::new();
    train(&program, "net", "mlp");
    // The first score is the warm-up's.
    let node = ready_with(&program, &[], &[("ORRERY_FAULT", "lost-device@score:3+")]);
    assert_eq!(ask(&node), 200);
    assert_eq!(ask(&node), 503);
    // It drains and ends by itself: not by a signal, and not as if nothing had happened.
    assert_eq!(node.stream.finish(), Some(1));
}

#[test]
fn with_a_fallback_models_go_on_on_the_processor() {
    let program = Program::new();
    train(&program, "net", "mlp");
    let node = ready_with(&program, &["--cpu-fallback"], &[("ORRERY_FAULT", "lost-device@score:3")]);
    for _ in 0..5 {
        assert_eq!(ask(&node), 200);
    }
    assert_eq!(node.get("/v2/health/ready").status, 200);
    assert_eq!(node.end(), Some(0));
}

#[test]
fn a_graphics_card_answers_as_the_processor_does() {
    if !Path::new(SWIFTSHADER).exists() {
        println!("SKIPPED: Chromium's SwiftShader is not installed (chromium)");
        return;
    }
    let program = Program::new();
    train(&program, "net", "mlp");
    let asked = body(&[1.0, 5.5, 10.0], &["a", "b", ""]);
    let ask = |node: Node| {
        let probabilities = outputs(&node.post("/v2/models/net/infer", &asked))[1]["data"].clone();
        assert_eq!(node.end(), Some(0));
        probabilities
            .as_array()
            .expect("numbers")
            .iter()
            .filter_map(serde_json::Value::as_f64)
            .collect::<Vec<_>>()
    };
    let processor = ask(ready_with(&program, &[], &[]));
    let driver = [("VK_ICD_FILENAMES", SWIFTSHADER)];
    let card = ask(ready_with(&program, &["--device", "gpu"], &driver));
    assert_eq!(processor.len(), 6);
    for (a, b) in card.iter().zip(&processor) {
        assert!((a - b).abs() < 1e-4, "{card:?} {processor:?}");
    }
    // Where there is none, the models are not served, unless they may be on the processor.
    let none = [("VK_ICD_FILENAMES", "/nowhere.json")];
    let node = ready_with(&program, &["--device", "gpu:7"], &none);
    assert_eq!(node.post("/v2/models/net/infer", &asked).status, 503);
    assert_eq!(node.end(), Some(0));
    assert_eq!(ask(ready_with(&program, &["--device", "gpu:7", "--cpu-fallback"], &none)), processor);
}
