//! `orrery explain`: single answers, importance, dependence and changes of mind, as text, JSON and CSV, and what it refuses.

use serde_json::Value;

use crate::program::{Program, sample, text};

fn with_models() -> Program {
    let program = Program::new();
    let data = sample();
    let trees = ["--model", "gbt", "--trees", "30", "--name", "trees"];
    let net = ["--model", "mlp", "--width", "32", "--depth", "1", "--epochs", "1", "--name", "net"];
    for more in [trees.as_slice(), net.as_slice()] {
        program.lines(&[&["train", "--data", &data, "--target", "late"], more].concat());
    }
    program
}

fn passed(report: &Value) -> bool {
    report["check"]["passed"] == true
}

#[test]
fn answers_are_explained_against_training_rows_and_written_to_a_file() {
    let program = with_models();
    let features = program.document(&["models", "show", "trees"])["card"]["features"]
        .as_array()
        .expect("features")
        .len();
    for (model, method, check) in [
        ("trees", "tree-shap", "additivity"),
        ("trees", "permutation-shap", "additivity"),
        ("net", "integrated-gradients", "completeness"),
        ("net", "expected-gradients", "completeness"),
        ("net", "lime", "surrogate_error"),
    ] {
        let arguments =
            ["explain", "--model", model, "--method", method, "--rows", "2..5", "--background", "20"];
        let report = program.document(&arguments);
        assert_eq!(
            (&report["method"], &report["check"]["name"]),
            (&method.into(), &check.into()),
            "{report}"
        );
        assert!(passed(&report) || method == "lime", "{report}");
        assert_eq!(report["origin"], "test_rows", "{report}");
        let rows = report["rows"].as_array().expect("rows");
        assert_eq!(
            rows.iter().map(|row| row["row"].as_u64()).collect::<Vec<_>>(),
            [Some(2), Some(3), Some(4)]
        );
        for row in rows {
            let parts = row["attributions"].as_object().expect("parts");
            assert_eq!(parts.len(), features, "one a raw column");
            let sum: f64 = parts.values().filter_map(Value::as_f64).sum();
            let whole =
                row["prediction"].as_f64().expect("a number") - row["baseline"].as_f64().expect("a number");
            let near = (sum - whole).abs() < 1e-3 * (1.0 + whole.abs());
            assert!(near || matches!(method, "lime" | "expected-gradients"), "{method}: {row}");
        }
        let names: Vec<&str> = report["checks"]
            .as_array()
            .expect("checks")
            .iter()
            .filter_map(|check| check["name"].as_str())
            .collect();
        assert_eq!(names, ["infidelity", "sensitivity", "randomized_weights"], "{report}");
    }
    // All test rows to a file.
    let out = program.home().join("parts.csv");
    let out = out.to_str().expect("UTF-8");
    let report = program.document(&["explain", "--model", "trees", "--out", out, "--quick"]);
    let lines = std::fs::read_to_string(out).expect("written");
    assert_eq!(lines.lines().count() as u64, 1 + report["explained"].as_u64().expect("a count"), "{report}");
    assert!(lines.starts_with("row,prediction,baseline,"), "{lines:.60}");
    // The report holds a sample from everywhere, and the sums of all rows.
    let rows = report["rows"].as_array().expect("rows");
    let last = rows[rows.len() - 1]["row"].as_u64();
    assert!(rows.len() == 1000 && last > Some(1000), "{last:?} of {}", report["explained"]);
    assert_eq!(report["totals"]["rows"], report["explained"]);
    let first = |line: &str| line.split(',').nth(3).and_then(|cell| cell.parse::<f64>().ok());
    let sum: f64 = lines.lines().skip(1).map(|line| first(line).expect("a number").abs()).sum();
    let told = report["totals"]["sums"][0].as_f64().expect("a sum");
    assert!((told - sum).abs() < 1e-9 * sum, "{told} {sum}");
    // In words.
    let printed = program.run(&["explain", "--model", "trees", "--rows", "0..1", "--quick"]);
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    let printed = text(&printed.stdout);
    for part in ["TreeSHAP of trees:1: 1 row", "log-odds of 'yes'", "Row 0:", "passed: The parts add up"] {
        assert!(printed.contains(part), "{part} in\n{printed}");
    }
}

#[test]
fn a_model_is_explained_over_all_rows_and_by_what_would_change_its_mind() {
    let program = with_models();
    let arguments = ["explain", "--model", "trees", "--method", "permutation-importance", "--repeats", "3"];
    let report = program.document(&arguments);
    let columns = report["columns"].as_array().expect("columns");
    let value = |column: &Value| column["importance"]["value"].as_f64().expect("a value");
    assert!(columns.windows(2).all(|pair| value(&pair[0]) >= value(&pair[1])), "{report}");
    assert!(columns[0]["importance"]["low"].as_f64() > Some(0.0), "{report}");
    assert_eq!(report["metric"], "auroc");

    let first = columns[0]["column"].as_str().expect("a name").to_owned();
    let arguments = ["explain", "--model", "net", "--method", "partial-dependence", "--columns", &first];
    let report = program.document(&arguments);
    assert_eq!(report["columns"].as_array().map(Vec::len), Some(1), "{report}");
    let grid = report["columns"][0]["grid"].as_array().expect("a grid");
    assert!(grid.len() > 1 && grid.iter().all(|point| point["mean"].is_f64()), "{report}");

    let arguments = ["explain", "--model", "trees", "--method", "counterfactual", "--rows", "0..5"];
    let report = program.document(&arguments);
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 5);
    for row in rows.iter().filter(|row| !row["nearest"].is_null()) {
        assert_ne!(row["nearest"]["prediction"], row["prediction"], "{row}");
        assert!(row["nearest"]["distance"].as_f64() > Some(0.0), "{row}");
    }
    assert!(rows.iter().any(|row| !row["nearest"].is_null()), "{report}");
}

/// What explanations that did not end have kept.
fn kept(program: &Program) -> usize {
    let entries = std::fs::read_dir(program.home().join("jobs")).expect("the folder is there").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("explain-")).count()
}

/// A killed explanation goes on where it was when the same is asked again, and ends with the very bytes of an unbroken one.
#[test]
fn a_killed_explanation_is_taken_up_by_the_same_request() {
    let program = with_models();
    let out = program.home().join("parts.csv");
    let out = out.to_str().expect("UTF-8");
    let rows = ["--method", "permutation-shap", "--rows", "0..250", "--background", "20", "--out", out];
    let shuffles = ["--method", "permutation-importance", "--repeats", "3"];
    for how in [rows.as_slice(), shuffles.as_slice()] {
        let arguments = [&["explain", "--model", "net", "--quick"], how].concat();
        let unbroken = program.document(&arguments);
        let file = std::fs::read(out).expect("written");
        assert_eq!(kept(&program), 0, "nothing is left of what ended well");
        let killed = program
            .command(&arguments)
            .envs([("ORRERY_CHECKPOINT_SECS", "0"), ("ORRERY_FAULT", "kill@checkpoint:3")])
            .output()
            .expect("it starts");
        assert!(!killed.status.success());
        assert_eq!(kept(&program), 1, "what it computed is there");
        assert_eq!(program.document(&arguments), unbroken);
        assert!(std::fs::read(out).expect("written") == file, "byte by byte");
        assert_eq!(kept(&program), 0);
    }
}

#[test]
fn what_cannot_be_explained_is_refused_with_the_reason() {
    let program = with_models();
    program.document(&["quantize", "net", "--scheme", "static-int8", "--calibration-rows", "100"]);
    let refused = |arguments: &[&str], code: i32, part: &str| {
        let output = program.run(&[&["explain", "--model"], arguments].concat());
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.contains(part)), (Some(code), true), "{arguments:?}: {said}");
    };
    // Whole numbers have no slopes: the network that it was made from has.
    refused(&["net:2"], 2, "Explain net:1");
    let report = program.document(&[
        "explain",
        "--model",
        "net:2",
        "--method",
        "permutation-shap",
        "--rows",
        "0..2",
        "--quick",
    ]);
    assert!(passed(&report), "{report}");
    refused(&["nothing"], 2, "no model");
    refused(&["trees", "--method", "guess"], 2, "possible values");
    refused(&["trees", "--method", "integrated-gradients"], 2, "does not fit");
    refused(&["trees", "--rows", "5..2"], 2, "A..B");
    refused(&["trees", "--rows", "900000..900001"], 2, "There are no rows");
    refused(&["trees", "--class", "maybe"], 2, "no, yes");
    refused(&["net:1", "--baseline", "row:x"], 2, "no baseline");
    refused(&["trees", "--out", "parts.xlsx"], 2, ".csv");
    refused(&["trees", "--method", "counterfactual", "--columns", "nowhere"], 2, "no column 'nowhere'");
    refused(&["trees", "--data", "nowhere/rows.csv"], 1, "nowhere/rows.csv");
}
