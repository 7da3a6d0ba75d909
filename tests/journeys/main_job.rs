//! File -> dataset -> run -> model -> predictions, on the flights sample.

use std::{fs, io::Write};

use serde_json::Value;

use crate::program::{Program, sample};

fn arguments<'a>(data: &'a str, model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["train", "--data", data, "--target", "late", "--model", model];
    all.extend_from_slice(more);
    all
}

fn finished(lines: &[Value]) -> &Value {
    let last = lines.last().expect("a last line");
    assert_eq!(last["event"], "finished", "{last}");
    last
}

#[test]
fn a_csv_file_becomes_a_model_that_predicts() {
    let program = Program::new();
    let file = sample();
    let data = file.as_str();
    let lines = program.lines(&arguments(data, "gbt", &["--name", "journey", "--trees", "60"]));
    assert_eq!(lines[0]["event"], "started", "{}", lines[0]);
    let last = finished(&lines);
    assert_eq!(last["model"], "journey:1");
    let auroc = &last["test"]["auroc"];
    let value = auroc["value"].as_f64().expect("a value");
    assert!(value > 0.70 && value < 0.9, "a real signal, no leak: {auroc}");
    assert!(auroc["low"].as_f64() < Some(value) && Some(value) < auroc["high"].as_f64(), "{auroc}");

    let out = program.home().join("predictions.csv");
    let to = out.to_str().expect("UTF-8");
    program.document(&["predict", "--model", "journey", "--data", data, "--out", to]);
    let text = fs::read_to_string(&out).expect("written");
    let header = text.lines().next().expect("a header");
    let original = fs::read_to_string(&file).expect("the sample");
    assert_eq!(
        header,
        format!("{},prediction,probability_no,probability_yes", original.lines().next().expect("it"))
    );
    assert_eq!(text.lines().count(), original.lines().count());
    let evaluated = program.document(&["evaluate", "--model", "journey:1", "--data", data]);
    assert!(evaluated.to_string().contains("auroc"), "{evaluated}");
}

#[test]
fn the_same_bytes_are_the_same_dataset() {
    let program = Program::new();
    let data = sample();
    let data = data.as_str();
    let first = program.document(&["data", "import", data]);
    let second = program.document(&["data", "import", data]);
    assert_eq!(first["dataset"]["id"], second["dataset"]["id"], "{first}");
    assert!(first["dataset"]["id"].is_string(), "{first}");
    let listed = program.document(&["data", "list"]);
    assert_eq!(listed["datasets"].as_array().map(Vec::len), Some(1), "{listed}");
}

#[test]
fn a_missing_column_is_named_and_nothing_is_written() {
    let program = Program::new();
    let data = sample();
    program.lines(&arguments(data.as_str(), "linear", &["--name", "journey"]));
    let broken = program.home().join("broken.csv");
    let text = fs::read_to_string(&data).expect("the sample");
    let renamed = text.replacen("distance", "Distanz", 1);
    fs::File::create(&broken).and_then(|mut file| file.write_all(renamed.as_bytes())).expect("written");
    let out = program.home().join("out.csv");
    let output = program.run(&[
        "predict",
        "--model",
        "journey",
        "--data",
        broken.to_str().expect("UTF-8"),
        "--out",
        out.to_str().expect("UTF-8"),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("distance"), "{said}");
    assert!(!out.exists());
}

#[test]
fn a_wrong_column_on_the_command_line_is_wrong_usage() {
    let program = Program::new();
    let data = sample();
    let output = program.run(&["train", "--data", data.as_str(), "--target", "lat", "--model", "linear"]);
    assert_eq!(output.status.code(), Some(2));
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("late"), "it names the nearest column: {said}");
}

#[test]
fn a_run_is_paused_resumed_and_cancelled_from_another_process() {
    let program = Program::new();
    let data = sample();
    let data = data.as_str();
    let mut run = program.stream(&arguments(data, "mlp", &["--epochs", "400", "--patience", "0"]));
    let id =
        run.until("the start", |line| line["event"] == "started")["run"].as_str().expect("an id").to_owned();
    run.until("the first progress", |line| line["event"] == "progress");
    program.document(&["runs", "pause", &id]);
    run.until("paused", |line| line["event"] == "state" && line["state"] == "paused");
    program.document(&["runs", "resume", &id]);
    run.until("running again", |line| line["event"] == "state" && line["state"] == "running");
    program.document(&["runs", "cancel", &id]);
    assert_eq!(run.finish(), Some(130));
    let shown = program.document(&["runs", "show", &id]);
    assert_eq!(shown["run"]["state"], "cancelled", "{shown}");
}

#[test]
fn a_killed_run_resumes_and_ends() {
    let program = Program::new();
    let data = sample();
    let data = data.as_str();
    let mut run =
        program.stream(&arguments(data, "mlp", &["--epochs", "6", "--patience", "0", "--name", "phoenix"]));
    let id =
        run.until("the start", |line| line["event"] == "started")["run"].as_str().expect("an id").to_owned();
    run.until("a checkpoint", |line| line["event"] == "checkpoint");
    run.kill();
    let lines = program.lines(&["runs", "resume", &id]);
    let shown = program.document(&["runs", "show", &id]);
    assert_eq!(shown["run"]["state"], "finished", "{shown} after {lines:?}");
    assert_eq!(shown["run"]["model"], "phoenix:1", "{shown}");
}
