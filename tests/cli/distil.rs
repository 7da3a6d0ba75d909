//! `orrery distil`: a small network that learns what a larger model says.

use serde_json::{Value, json};

use super::{killed_and_taken_up, with_network};
use crate::program::{Program, sample, text};

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn with_trees() -> Program {
    let program = with_network();
    let sample = sample();
    program.lines(&[
        "train", "--data", &sample, "--target", "late", "--model", "gbt", "--trees", "40", "--name", "trees",
    ]);
    program
}

#[test]
fn trees_teach_a_small_network() {
    let program = with_trees();
    let how = ["--width", "4,16", "--depth", "1", "--temperature", "1,3", "--epochs", "3", "--name", "pupil"];
    let report =
        program.document(&[&["distil", "trees", "--with", "net", "--budget", "30"], how.as_slice()].concat());
    assert_eq!(report["model"], json!("pupil:1"));
    let trials = report["trials"].as_array().expect("trials");
    assert_eq!(trials.len(), 5, "two students at two temperatures, and one without a teacher");
    let chosen: Vec<&Value> = trials.iter().filter(|trial| trial["chosen"] == true).collect();
    assert_eq!(chosen.len(), 1);
    let least = trials.iter().map(|trial| number(&trial["parameters"])).fold(f64::INFINITY, f64::min);
    assert!((number(&chosen[0]["parameters"]) - least).abs() < 0.5, "the smallest within the budget");
    let alone = trials.iter().find(|trial| trial["taught"] == false).expect("one without a teacher");
    assert_eq!(alone["parameters"], chosen[0]["parameters"]);
    assert!(number(&report["agreement"]) > 0.7, "{report}");
    for figures in [&report["before"], &report["after"]] {
        assert!(number(&figures["speed"]["row_secs"]["median"]) > 0.0, "trees are measured too: {report}");
    }
    let card = program.document(&["models", "show", "pupil"])["card"].clone();
    assert_eq!(
        (&card["kind"], &card["compressions"][0]["report"]["from"]),
        (&json!("mlp"), &json!("trees:1"))
    );
    assert_eq!(card["config"]["hyper"]["width"], 4);
    // It stands on its own: no teacher is needed to predict, to explain or to be compared.
    program.document(&["models", "delete", "trees:1"]);
    let out = program.home().join("out.csv");
    let out = out.to_str().expect("UTF-8");
    program.document(&["predict", "--model", "pupil", "--data", &sample(), "--out", out]);
    program.document(&["models", "compare", "pupil", "net"]);
}

/// A network that was taught by one in whole numbers is one of floats.
#[test]
fn a_student_of_a_quantized_teacher_is_no_quantized_model() {
    let program = with_network();
    program.document(&["quantize", "net"]);
    let quick = ["--width", "8", "--depth", "1", "--temperature", "1", "--epochs", "1", "--budget", "0"];
    let report = program.document(&[&["distil", "net:2"], quick.as_slice()].concat());
    assert_eq!(report["model"], json!("net:3"));
    let (target, said) = (&report["target"], report["findings"].to_string());
    let met = number(&target["found"]) <= number(&target["most"]);
    assert_eq!(said.contains("No student kept to the budget"), !met, "{target} {said}");
    program.document(&["explain", "--model", "net:3", "--rows", "0..2"]);
    let pruned = program.document(&["prune", "net:3", "--rounds", "1", "--epochs", "1"]);
    assert_eq!(pruned["model"], json!("net:4"));
    program.document(&["quantize", "net:4", "--scheme", "weight-int8"]);
}

#[test]
fn what_makes_no_sense_is_said_and_nothing_is_made() {
    let program = with_network();
    let sample = sample();
    program
        .lines(&["train", "--data", &sample, "--target", "carrier", "--model", "linear", "--name", "other"]);
    for (arguments, words) in [
        (&["distil", "net", "--with", "other"][..], "cannot teach the same student"),
        (&["distil", "net", "--temperature", "0"], "from 0.1 to 100"),
        (&["distil", "net", "--width", "0"], "from 1 to 8,192"),
        (&["distil", "net", "--student", "cnn", "--width", "2000"], "from 1 to 1,024"),
        (&["distil", "net", "--student", "resnet-cnn"], "named as pixels are"),
        (&["distil", "net", "--share", "120"], "from 0 to 1"),
        (&["distil", "net", "--with", "nobody"], "no model"),
    ] {
        let refused = program.run(arguments);
        let said = text(&refused.stderr);
        assert!(matches!(refused.status.code(), Some(1 | 2)), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    let models = program.document(&["models", "list"]);
    assert_eq!(models["models"].as_array().map(Vec::len), Some(2), "{models}");
}

/// A network's hidden layer is followed too; trees have none, which is said.
#[test]
fn the_hidden_layer_of_a_network_is_followed_and_comes_off_again() {
    let program = with_trees();
    let quick = ["--width", "8", "--depth", "1", "--temperature", "1", "--epochs", "2", "--features", "100"];
    let report = program.document(&[&["distil", "net", "--name", "pupil"], quick.as_slice()].concat());
    let plain =
        program.document(&[&["distil", "net", "--name", "plain"], &quick[..quick.len() - 2]].concat());
    let first = |report: &Value| report["trials"][0].clone();
    assert_eq!(first(&report)["parameters"], first(&plain)["parameters"], "nothing of it is left");
    assert_ne!(first(&report)["valid_loss"], first(&plain)["valid_loss"], "but it was followed");
    let card = program.document(&["models", "show", "pupil"])["card"].clone();
    assert!(card["notes"].to_string().contains("hidden layer 100 %"), "{card}");
    let refused = program.run(&["distil", "trees", "--width", "8", "--features", "50"]);
    let said = text(&refused.stderr);
    assert!(matches!(refused.status.code(), Some(1 | 2)) && said.contains("cannot be followed"), "{said}");
}

#[test]
fn the_smallest_student_is_looked_for_by_halving() {
    let program = with_network();
    let quick = ["--search", "--temperature", "1", "--epochs", "1", "--budget", "25", "--name", "pupil"];
    let report = program.document(&[&["distil", "net"], quick.as_slice()].concat());
    let trials = report["trials"].as_array().expect("trials");
    let taught: Vec<&Value> = trials.iter().filter(|trial| trial["taught"] == true).collect();
    assert!((4..=5).contains(&taught.len()), "24 students are halved in at most 5 steps: {report}");
    let most = number(&report["target"]["most"]);
    let keeps = taught.iter().filter(|trial| number(&trial["valid_loss"]) <= most);
    let least = keeps.map(|trial| number(&trial["parameters"])).fold(f64::INFINITY, f64::min);
    let chosen = taught.iter().find(|trial| trial["chosen"] == true).expect("one is made");
    assert!((number(&chosen["parameters"]) - least).abs() < 0.5, "the smallest that keeps to it: {report}");
}

/// Killed in its second training or third of three, at the fifth checkpoint of six to nine: what is left has at most four.
#[test]
fn a_killed_distillation_is_taken_up_by_the_same_request() {
    let program = with_network();
    let quick = ["--width", "4,16", "--depth", "1", "--temperature", "1", "--epochs", "3", "--budget", "30"];
    let asked = [&["distil", "net:1", "--name", "pupil"], quick.as_slice()].concat();
    killed_and_taken_up(&program, &asked, "pupil", "kill@checkpoint:5", "kill@checkpoint:6");
}
