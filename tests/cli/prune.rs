//! `orrery prune`: a network with fewer units, which learns again, is judged beside the one that it came from, and can be cut further.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{kept, weights, with_network};
use crate::program::{sample, text};

/// The whole command, quick.
const PRUNE: [&str; 7] = ["prune", "net:1", "--rounds", "2", "--epochs", "2", "--json"];

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn half_of_a_network_goes_and_what_is_left_is_used_as_any_model() {
    let program = with_network();
    let report = program.document(&PRUNE[..6]);
    assert_eq!(report["model"], json!("net:2"));
    let (before, after) = (number(&report["before"]["parameters"]), number(&report["after"]["parameters"]));
    assert!(after <= 0.5 * before && after > 0.45 * before, "{after} of {before}");
    assert_eq!(report["rounds"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["difference"][0], "auroc");
    assert!(number(&report["difference"][1]["value"]) > -0.02, "{report}");
    // Every matrix between hidden layers became smaller, in the store as in the report.
    for layer in ["layers.0.weight", "layers.1.weight", "head.weight"] {
        let shapes = report["shapes"].as_array().expect("shapes");
        let shape = shapes.iter().find(|shape| shape["layer"] == layer).expect("it changed");
        let size = |shape: &Value| shape.as_array().expect("a shape").iter().map(number).product::<f64>();
        assert!(size(&shape["after"]) < size(&shape["before"]), "{shape}");
        assert_eq!(shape["zeros"], 0);
    }
    let bytes = |version| std::fs::metadata(weights(&program, "net", version)).expect("a file").len() as f64;
    assert!(bytes(2) < 0.6 * bytes(1), "{} of {}", bytes(2), bytes(1));
    let out = program.home().join("out.csv");
    let out = out.to_str().expect("UTF-8");
    let done = program.document(&["predict", "--model", "net:2", "--data", &sample(), "--out", out]);
    assert!(number(&done["rows"]) > 1000.0);
    // Cut again, another way: both steps stay on the card.
    let smaller = program.document(&["quantize", "net:2", "--scheme", "weight-int8"]);
    assert_eq!(smaller["from"], json!("net:2"));
    let card = program.document(&["models", "show", "net:3"])["card"].clone();
    let steps: Vec<&Value> = card["compressions"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| &step["method"]["method"])
        .collect();
    assert_eq!(steps, ["prune", "quantize"]);
}

#[test]
fn single_weights_become_zeros_and_nothing_is_promised_for_it() {
    let program = with_network();
    let more = ["--structure", "weights", "--share", "70", "--criterion", "l1"];
    let report = program.document(&[&PRUNE[..6], more.as_slice()].concat());
    assert_eq!(report["before"]["parameters"], report["after"]["parameters"]);
    let zeros: f64 =
        report["shapes"].as_array().expect("shapes").iter().map(|shape| number(&shape["zeros"])).sum();
    let matrices: f64 = report["shapes"]
        .as_array()
        .expect("shapes")
        .iter()
        .map(|shape| shape["before"].as_array().expect("a shape").iter().map(number).product::<f64>())
        .sum();
    assert!((zeros / matrices - 0.7).abs() < 0.01, "training leaves zeros zeros: {zeros} of {matrices}");
    let said = report["findings"].to_string();
    assert!(said.contains("neither smaller nor faster"), "{said}");
}

#[test]
fn what_cannot_be_pruned_is_said_and_nothing_is_made() {
    let program = with_network();
    let sample = sample();
    for (kind, name) in [("gbt", "trees"), ("linear", "line")] {
        let train = ["train", "--data", &sample, "--target", "late", "--model", kind, "--name", name];
        program.lines(&[train.as_slice(), if kind == "gbt" { &["--trees", "5"] } else { &[] }].concat());
    }
    program.document(&["quantize", "net"]);
    for (arguments, words) in [
        (&["prune", "trees"][..], "no units to take out"),
        (&["prune", "line"], "no hidden units"),
        (&["prune", "net:2"], "quantized already"),
        (&["prune", "net:1", "--share", "100"], "above 0 and below 1"),
        (&["prune", "net:1", "--rounds", "0"], "from 1 to 50"),
        (&["prune", "net:1", "--budget", "-1"], "budget"),
    ] {
        let refused = program.run(arguments);
        let said = text(&refused.stderr);
        assert!(matches!(refused.status.code(), Some(1 | 2)), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    let models = program.document(&["models", "list"]);
    assert_eq!(models["models"].as_array().map(Vec::len), Some(4), "{models}");
}

#[test]
fn ctrl_c_keeps_what_was_trained() {
    let program = with_network();
    let long = ["prune", "net:1", "--rounds", "2", "--round-epochs", "200", "--epochs", "2"];
    let mut command = program.command(&long);
    let running = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let end = Instant::now() + Duration::from_mins(1);
    while kept(&program) == 0 {
        assert!(Instant::now() < end, "its folder is made");
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = Command::new("kill").args(["-INT", &running.id().to_string()]).status().expect("it starts");
    assert!(asked.success());
    let ended = running.wait_with_output().expect("it ends");
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("the same command goes on"), "{said}");
    assert_eq!(kept(&program), 1);
    let models = program.document(&["models", "list"]);
    assert_eq!(models["models"].as_array().map(Vec::len), Some(1), "{models}");
}

/// A killed pruning goes on where it was when the same is asked again, and ends with the very weights of an unbroken one.
#[test]
fn a_killed_pruning_is_taken_up_by_the_same_request() {
    let program = with_network();
    program.document(&PRUNE[..6]);
    // In the last training: both rounds are behind it.
    let killed = program.command(&PRUNE).env("ORRERY_FAULT", "kill@step:12").output().expect("it starts");
    assert!(!killed.status.success());
    assert_eq!(kept(&program), 1, "its checkpoints are there");
    let report = program.document(&PRUNE[..6]);
    assert_eq!((kept(&program), &report["model"]), (0, &json!("net:3")));
    let read = |version| std::fs::read(weights(&program, "net", version)).expect("a file");
    assert!(read(2) == read(3), "the same weights, bit by bit");
}
