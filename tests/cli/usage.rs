//! Exit codes and messages: wrong usage, failures, and a machine in order.

use crate::program::{Program, sample, text};

#[test]
fn wrong_usage_is_exit_code_two_and_says_what_is_right() {
    let program = Program::new();
    for (arguments, says) in [
        (vec!["fly"], "fly"),
        (vec!["train", "--data", "x.csv"], "--target"),
        (vec!["train", "--data", "x", "--target", "y", "--model", "oracle"], "tabm"),
        (vec!["train", "--data", "x", "--target", "y", "--dropout", "1"], "below 1"),
        (vec!["train", "--data", "x", "--target", "y", "--device", "abacus"], "gpu:N"),
        (vec!["predict", "--model", "m", "--data", "x", "--out", "y.txt"], ".parquet"),
        (vec!["data", "import", "x.csv", "--types", "a=number"], "integer"),
        (vec!["runs", "show", "nobody"], "runs list"),
        (vec!["models", "show", "nobody"], "models list"),
        (vec!["data", "profile", "nothing-here"], "data list"),
    ] {
        let output = program.run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(says), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_mistyped_column_is_named_with_its_nearest() {
    let program = Program::new();
    let data = sample();
    for (arguments, near) in [
        (vec!["train", "--target", "lat"], "'late'"),
        (vec!["train", "--target", "late", "--exclude", "carier"], "'carrier'"),
        (vec!["train", "--target", "late", "--split", "time:mont"], "'month'"),
    ] {
        let output =
            program.command(&arguments).args(["--data", &data, "--json"]).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        assert_eq!((&said["event"], &said["class"]), (&"failed".into(), &"client".into()));
        assert!(said["run"].is_null() && said["message"].to_string().contains(near), "{said}");
    }
}

#[test]
fn a_missing_or_unreadable_file_is_exit_code_one() {
    let program = Program::new();
    let output = program.run(&["data", "import", "/nowhere/at/all.csv"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let noise = program.home().join("noise.parquet");
    std::fs::copy(std::env::current_exe().expect("this binary"), &noise).expect("copied");
    let output = program.run(&["data", "import", noise.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    // On a slow machine its progress stands before it.
    let said = text(&output.stderr);
    assert!(said.lines().any(|line| line.starts_with("error: ")), "{said}");
}

#[test]
fn an_empty_workspace_lists_nothing_and_is_in_order() {
    let program = Program::new();
    assert_eq!(program.document(&["data", "list"])["datasets"], serde_json::json!([]));
    assert_eq!(program.document(&["runs", "list"])["runs"], serde_json::json!([]));
    assert_eq!(program.document(&["models", "list"])["models"], serde_json::json!([]));
    let checks = program.document(&["doctor"]);
    let checks = checks["checks"].as_array().expect("a list").clone();
    assert!(checks.len() >= 8 && checks.iter().all(|check| check["ok"] == true), "{checks:?}");
}

#[test]
fn without_a_display_the_window_says_what_else_there_is() {
    if cfg!(not(target_os = "linux")) {
        return;
    }
    let program = Program::new();
    let output = program.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("--help"), "{}", text(&output.stderr));
    let output = program.run(&["--page", "nowhere"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
