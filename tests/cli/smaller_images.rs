//! Networks over pictures made smaller from the command line: pruned, taken up again after a kill, and taught.

use serde_json::{Value, json};

use super::images::{accuracy, pair};
use crate::program::{Program, text};

/// A program with 240 pictures of lines and the convolutional network `lines`; the pictures' file.
fn with_pictures() -> (Program, String) {
    let program = Program::new();
    let images = pair(program.home(), "train", 240);
    let how = ["--width", "8", "--epochs", "25", "--learning-rate", "0.01", "--augment-rotate", "5"];
    train(&program, &images, "cnn", "lines", &how);
    (program, images)
}

fn train(program: &Program, images: &str, model: &str, name: &str, more: &[&str]) {
    let begin = ["train", "--data", images, "--target", "class", "--model", model, "--name", name];
    let lines = program.lines(&[&begin, more].concat());
    assert_eq!(lines.last().expect("an end")["event"], "finished");
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn bytes(program: &Program, model: &str, file: &str) -> Vec<u8> {
    std::fs::read(program.home().join("models").join(model).join(file)).expect("a file")
}

#[test]
fn channels_go_and_what_is_left_is_used_as_any_model() {
    let (program, images) = with_pictures();
    let report = program.document(&["prune", "lines", "--share", "40", "--rounds", "2", "--epochs", "20"]);
    assert_eq!(report["model"], json!("lines:2"));
    let (before, after) = (number(&report["before"]["parameters"]), number(&report["after"]["parameters"]));
    assert!(after <= 0.6 * before && after > 0.5 * before, "{after} of {before}");
    let shapes = report["shapes"].as_array().expect("shapes");
    for layer in ["stages.2.conv.weight", "hidden.weight"] {
        let shape = shapes.iter().find(|shape| shape["layer"] == layer).expect("it changed");
        let size = |shape: &Value| shape.as_array().expect("a shape").iter().map(number).product::<f64>();
        assert!(size(&shape["after"]) < size(&shape["before"]), "{shape}");
    }
    for file in ["weights.safetensors", "model.onnx"] {
        let (large, small) =
            (bytes(&program, "lines/1", file).len() as f64, bytes(&program, "lines/2", file).len() as f64);
        assert!(small < 0.75 * large, "{file}: {small} of {large}");
    }
    assert!(accuracy(&report["after"]["test"]) > 0.7, "{report}");
    let judged = program.document(&["evaluate", "--model", "lines:2", "--data", &images]);
    assert!(accuracy(&judged["metrics"]) > 0.7, "{judged}");
    program.document(&["explain", "--model", "lines:2", "--method", "saliency", "--rows", "0..1"]);
    // The other way.
    let weights = ["--structure", "weights", "--rounds", "1", "--epochs", "1"];
    let masked = program.document(&[&["prune", "lines:1"], weights.as_slice()].concat());
    assert_eq!(masked["before"]["parameters"], masked["after"]["parameters"]);
    assert!(masked["findings"].to_string().contains("neither smaller nor faster"), "{masked}");
}

/// A residual network loses whole groups of channels, and what was killed ends with the very weights of what was not.
#[test]
fn a_killed_pruning_of_a_residual_network_ends_with_the_same_bits() {
    let program = Program::new();
    let images = pair(program.home(), "train", 240);
    train(&program, &images, "resnet-cnn", "deep", &["--width", "8", "--epochs", "3"]);
    let prune = ["prune", "deep:1", "--rounds", "2", "--epochs", "6"];
    let report = program.document(&prune);
    let (before, after) = (number(&report["before"]["parameters"]), number(&report["after"]["parameters"]));
    assert!(after <= 0.5 * before, "{after} of {before}");
    let shapes = report["shapes"].as_array().expect("shapes");
    let smaller = |shape: &Value| {
        let filters = shape["before"].as_array().is_some_and(|sizes| sizes.len() == 4);
        filters && number(&shape["after"][0]) < number(&shape["before"][0])
    };
    assert!(shapes.iter().any(smaller), "{report}");
    // In the last training: both rounds are behind it.
    let killed = program.command(&prune).env("ORRERY_FAULT", "kill@step:8").output().expect("it starts");
    assert!(!killed.status.success());
    let resumed = program.document(&prune);
    assert_eq!(resumed["model"], json!("deep:3"));
    let file = "weights.safetensors";
    let same = bytes(&program, "deep/2", file) == bytes(&program, "deep/3", file);
    assert!(same, "the same weights, bit by bit");
}

#[test]
fn trees_and_networks_teach_small_networks_over_pictures() {
    let (program, images) = with_pictures();
    train(&program, &images, "gbt", "trees", &["--trees", "40"]);
    let quick =
        ["--student", "cnn", "--width", "4", "--temperature", "2", "--epochs", "150", "--budget", "900"];
    let report = program.document(&[&["distil", "trees", "--name", "pupil"], quick.as_slice()].concat());
    assert_eq!(report["model"], json!("pupil:1"));
    assert!(number(&report["agreement"]) > 0.6, "{report}");
    let card = program.document(&["models", "show", "pupil"])["card"].clone();
    assert_eq!((&card["kind"], card["features"].as_array().map(Vec::len)), (&json!("cnn"), Some(64)));
    // The teacher answered the pictures as they are stored, so the student saw them so.
    assert_eq!(card["config"]["hyper"]["augment"]["shift"], json!(0.0));
    let judged = program.document(&["evaluate", "--model", "pupil", "--data", &images]);
    assert!(accuracy(&judged["metrics"]) > 0.7, "{judged}");

    // A network over pictures teaches with trees, and its hidden layer is followed; everything keeps to this budget.
    let search =
        ["distil", "lines", "--with", "trees", "--student", "resnet-cnn", "--search", "--features", "50"];
    let more = ["--temperature", "1", "--epochs", "1", "--budget", "10000000", "--name", "least"];
    let report = program.document(&[search.as_slice(), &more].concat());
    assert_eq!(report["model"], json!("least:1"));
    let trials = report["trials"].as_array().expect("trials");
    let chosen = trials.iter().find(|trial| trial["chosen"] == true).expect("one is made");
    let least = trials.iter().map(|trial| number(&trial["parameters"])).fold(f64::INFINITY, f64::min);
    assert!((number(&chosen["parameters"]) - least).abs() < 0.5, "{report}");
    let refused = program.run(&["distil", "lines", "--student", "cnn", "--width", "0"]);
    assert!(text(&refused.stderr).contains("from 1 to 1,024"), "{}", text(&refused.stderr));
}
