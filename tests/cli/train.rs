//! `orrery train` and what follows from it: interrupted, gone on with, listed, exported, deleted.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::program::{Program, sample, text};

/// Starts a training that would take minutes, and waits for its first progress; the id and the process.
fn long_run(program: &Program) -> (String, Child) {
    let data = sample();
    let arguments = [
        "train",
        "--data",
        &data,
        "--target",
        "late",
        "--model",
        "mlp",
        "--epochs",
        "500",
        "--patience",
        "0",
    ];
    let mut child = program
        .command(&arguments)
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut id = String::new();
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in lines.by_ref() {
        let event: Value = serde_json::from_str(&line.expect("text")).expect("JSON lines");
        if event["event"] == "started" {
            event["run"].as_str().expect("an id").clone_into(&mut id);
        }
        if event["event"] == "progress" && !id.is_empty() {
            break;
        }
    }
    // Somebody keeps reading, as a terminal does.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    (id, child)
}

fn state(program: &Program, id: &str) -> String {
    program.document(&["runs", "show", id])["run"]["state"].as_str().expect("a state").to_owned()
}

#[test]
fn ctrl_c_stops_with_a_checkpoint_and_says_how_to_go_on() {
    let program = Program::new();
    let (id, child) = long_run(&program);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("sent");
    assert!(sent.success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(&format!("orrery runs resume {id}")), "{}", text(&output.stderr));
    assert_eq!(state(&program, &id), "paused");
    assert_eq!(program.document(&["runs", "cancel", &id])["run"]["state"], "cancelled");
    assert_eq!(program.run(&["runs", "pause", &id]).status.code(), Some(2));
}

#[test]
fn a_detached_run_is_steered_from_elsewhere() {
    let program = Program::new();
    let data = sample();
    let begun = program.document(&[
        "train",
        "--data",
        &data,
        "--target",
        "late",
        "--model",
        "mlp",
        "--epochs",
        "500",
        "--patience",
        "0",
        "--detach",
    ]);
    let id = begun["run"].as_str().expect("an id");
    let end = Instant::now() + Duration::from_secs(30);
    while program.document(&["runs", "show", id])["run"]["progress"]["step"] == 0 {
        assert!(Instant::now() < end, "it goes on by itself");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(program.document(&["runs", "pause", id])["run"]["state"], "paused");
    assert_eq!(program.document(&["runs", "resume", id])["run"]["state"], "running");
    assert_eq!(program.document(&["runs", "cancel", id])["run"]["state"], "cancelled");
    assert!(program.run(&["runs", "rename", id, "another"]).status.success());
    assert!(text(&program.run(&["runs", "list"]).stdout).contains("another"));
    assert!(program.run(&["runs", "delete", id]).status.success());
    assert_eq!(program.document(&["runs", "list"])["runs"], serde_json::json!([]));
}

#[test]
fn a_model_is_shown_exported_deleted_and_brought_back() {
    let program = Program::new();
    let data = sample();
    let output = program.run(&[
        "train", "--data", &data, "--target", "late", "--model", "gbt", "--trees", "20", "--name", "early",
    ]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(shown.contains("early:1") && shown.contains("AUROC") && shown.contains("linear"), "{shown}");
    let card = program.document(&["models", "show", "early"])["card"].clone();
    assert_eq!((&card["target"], &card["kind"]), (&"late".into(), &"gbt".into()));
    let to = program.home().join("exported");
    program.document(&["models", "export", "early", "--to", to.to_str().expect("UTF-8")]);
    assert!(to.join("card.json").exists() && to.join("trees.json").exists());
    assert!(program.run(&["models", "delete", "early:1"]).status.success());
    let gone = program.run(&["models", "show", "early:1"]);
    assert!(
        gone.status.code() == Some(2) && text(&gone.stderr).contains("models restore"),
        "{}",
        text(&gone.stderr)
    );
    assert!(program.run(&["models", "restore", "early:1"]).status.success());
    let elsewhere = Program::new();
    let imported = elsewhere.document(&["models", "import", to.to_str().expect("UTF-8")]);
    assert_eq!(imported["model"], "early:1");
    let out = elsewhere.home().join("out.parquet");
    let report = elsewhere.document(&[
        "predict",
        "--model",
        "early",
        "--data",
        &data,
        "--out",
        out.to_str().expect("UTF-8"),
    ]);
    assert_eq!(report["rows"], 10_000);
}
