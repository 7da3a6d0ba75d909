//! `orrery quantize`: a smaller version of a network, judged beside the one that it came from, and used as any other.

use serde_json::{Value, json};

use super::{killed_and_taken_up, with_network};
use crate::program::{sample, text};

fn bytes(figures: &Value) -> f64 {
    figures["bytes"].as_f64().expect("bytes")
}

#[test]
fn a_network_is_quantized_judged_served_and_undone() {
    let program = with_network();
    for (scheme, version, more) in [
        ("dynamic-int8", 2, &[][..]),
        ("static-int8", 3, &["--calibration", "percentile"]),
        ("weight-int8", 4, &[]),
        ("weight-int4", 5, &["--block", "32"]),
    ] {
        let report = program.document(&[&["quantize", "net:1", "--scheme", scheme], more].concat());
        assert_eq!(report["model"], json!(format!("net:{version}")));
        assert_eq!(report["from"], json!("net:1"));
        let (before, after) = (&report["before"], &report["after"]);
        assert!(bytes(after) < bytes(before), "{scheme}: {report}");
        for figures in [before, after] {
            assert!(
                figures["speed"]["row_secs"]["median"].as_f64().is_some_and(|secs| secs > 0.0),
                "{report}"
            );
            assert!(figures["test"]["auroc"]["low"].is_f64(), "{report}");
        }
        let (metric, difference) = (&report["difference"][0], &report["difference"][1]);
        assert_eq!(metric, "auroc");
        assert!(difference["value"].as_f64().is_some_and(|value| value.abs() < 0.01), "{scheme}: {report}");
        assert!(report["agreement"].as_f64().is_some_and(|share| share > 0.97), "{scheme}: {report}");
        assert_eq!(report["layers"].as_array().map(Vec::len), Some(5), "two tables and three matrices");
        assert!(!report["findings"].as_array().expect("findings").is_empty());
        let of = |version: u32, name: &str| program.home().join(format!("models/net/{version}/{name}"));
        // Codes of 4 bits are in the store; the graph has none so small.
        let name = if scheme == "weight-int4" { "weights.safetensors" } else { "model.onnx" };
        let size = |path: std::path::PathBuf| std::fs::metadata(path).expect("a file").len() as f64;
        let (smaller, original) = (size(of(version, name)), size(of(1, name)));
        assert!(smaller <= 0.30 * original, "{scheme}: {smaller} of {original}");
        // It predicts like any other model, from the command line and from its card.
        let out = program.home().join(format!("{scheme}.csv"));
        let name = format!("net:{version}");
        let out = out.to_str().expect("UTF-8");
        let done = program.document(&["predict", "--model", &name, "--data", &sample(), "--out", out]);
        assert!(done["rows"].as_u64().is_some_and(|rows| rows > 1000), "{done}");
        let card = program.document(&["models", "show", &name])["card"].clone();
        assert_eq!(card["compressions"][0]["report"]["from"], json!("net:1"));
    }
    // And it is held against the one that it came from.
    let compared = program.document(&["models", "compare", "net:1", "net:3"]);
    assert_eq!(compared["models"].as_array().map(Vec::len), Some(2), "{compared}");
    // Undone as any version is.
    program.document(&["models", "delete", "net:5"]);
    assert_eq!(program.document(&["models", "show", "net"])["model"], "net:4");
}

#[test]
fn what_cannot_be_quantized_is_said_and_nothing_is_made() {
    let program = with_network();
    let sample = sample();
    let quick = ["--trees", "5", "--name", "trees"];
    program.lines(
        &[&["train", "--data", &sample, "--target", "late", "--model", "gbt"], quick.as_slice()].concat(),
    );
    program.document(&["quantize", "net"]);
    for (arguments, words) in [
        (&["quantize", "trees"][..], "no matrices to quantize"),
        (&["quantize", "net:2"], "quantized already"),
        (&["quantize", "net:1", "--block", "32"], "Blocks are for weights only"),
        (&["quantize", "net:1", "--calibration-rows", "1"], "calibration rows are not possible"),
        (&["quantize", "net:1", "--budget", "-5"], "budget"),
        (&["quantize", "net:1", "--max-size", "0"], "size"),
        (&["quantize", "net:1", "--max-size", "5"], "cannot be kept"),
        (&["quantize", "net:1", "--epochs", "1001"], "epochs"),
        (&["quantize", "nothing"], "no model"),
    ] {
        let refused = program.run(arguments);
        let said = text(&refused.stderr);
        assert!(matches!(refused.status.code(), Some(1 | 2)), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    let models = program.document(&["models", "list"]);
    assert_eq!(models["models"].as_array().map(Vec::len), Some(3), "{models}");
    // A budget that nothing can keep keeps everything as it is; one that all can keep changes nothing.
    let wide = program.document(&["quantize", "net:1", "--budget", "1000"]);
    assert!(
        wide["layers"].as_array().expect("layers").iter().all(|layer| layer["quantized"] == true),
        "{wide}"
    );
}

#[test]
fn a_size_is_kept_with_layers_of_mixed_bits() {
    let program = with_network();
    let report = program.document(&[
        "quantize",
        "net:1",
        "--scheme",
        "weight-int4",
        "--max-size",
        "20",
        "--name",
        "mixed",
    ]);
    let bits: Vec<u64> = report["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .filter_map(|layer| layer["bits"].as_u64())
        .collect();
    assert!(bits.contains(&4) && bits.contains(&8), "{report}");
    let file = |figures: &Value| figures["files"]["weights.safetensors"].as_f64().expect("bytes");
    let share = file(&report["after"]) / file(&report["before"]);
    assert!(share < 0.26, "{share}: the parameters, and the file's own words");
    // In a store of its own it is the same network.
    let whole = program.document(&["quantize", "net:1", "--scheme", "weight-int4", "--name", "whole"]);
    assert!(file(&whole["after"]) < file(&report["after"]), "more bits where they count");
}

#[test]
fn training_with_rounding_makes_up_for_what_rounding_costs() {
    let program = with_network();
    let asked = ["quantize", "net:1", "--scheme", "weight-int4", "--epochs", "3"];
    let report = program.document(&asked);
    let aware = &report["aware"];
    let loss = |name: &str| aware[name].as_f64().expect("a loss");
    assert!(loss("with") < loss("without"), "{aware}");
    assert_eq!(aware["kept"], true);
    let said = report["findings"].to_string();
    assert!(said.contains("after training with rounding"), "{said}");
    // The model answers like its report: the loss of the made version on its own validation rows is not that of floats.
    assert!(loss("floats") > 0.0 && loss("floats") < loss("without"), "{aware}");
}

/// Killed in the second pass, it goes on after the first: a pass has more than 5 steps.
#[test]
fn a_killed_training_with_rounding_is_taken_up_by_the_same_request() {
    let program = with_network();
    let asked = ["quantize", "net:1", "--scheme", "weight-int4", "--epochs", "3"];
    killed_and_taken_up(&program, &asked, "net", "kill@checkpoint:3", "kill@step:5");
}
