//! `orrery models compare`: a verdict on test rows alone, as text and as JSON, and what it refuses.

use serde_json::Value;

use crate::program::{Program, put, sample, text};

fn with_models() -> Program {
    let program = Program::new();
    let data = sample();
    for (model, name) in [("gbt", "late"), ("linear", "late")] {
        let arguments = ["train", "--data", &data, "--target", "late", "--model", model, "--name", name];
        let output = program.run(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    program
}

#[test]
fn versions_are_compared_on_the_test_rows_they_share() {
    let program = with_models();
    let data = sample();
    let report = program.document(&["models", "compare", "late:1", "late:2", "--data", &data]);
    assert_eq!(
        (&report["metric"], &report["rows"]["origin"]),
        (&"auroc".into(), &"test_rows".into()),
        "{report}"
    );
    let cards = ["late:1", "late:2"].map(|model| program.document(&["models", "show", model])["card"].take());
    let used = report["rows"]["used"].as_u64().expect("a count");
    assert_eq!(Some(used), cards[0]["rows"]["test"].as_u64(), "the same split, so the same test rows");
    let models = report["models"].as_array().expect("both");
    for (model, card) in models.iter().zip(&cards) {
        assert_eq!(model["metrics"], card["test"], "what the training measured, to the last digit");
        assert!(model["latency"]["median_secs"].as_f64() > Some(0.0) && model["bytes"].as_u64() > Some(1000));
        assert!(model["calibration"]["brier"]["brier"].as_f64() > Some(0.0), "{model}");
    }
    assert!(models.iter().any(|model| model["on_front"] == true));
    let pair = &report["pairs"][0];
    assert_eq!(
        (&pair["a"], &pair["b"], &pair["verdict"]["test"]),
        (&"late:1".into(), &"late:2".into(), &"delong".into())
    );
    let cells = ["both_right", "only_a", "only_b", "both_wrong"].map(|cell| pair["mcnemar"][cell].as_u64());
    assert_eq!(cells.into_iter().sum::<Option<u64>>(), Some(used));
    assert!(
        pair["architecture"]["settings"]
            .as_array()
            .expect("settings")
            .iter()
            .any(|diff| diff["name"] == "model")
    );

    // Without --data the dataset of the first version; the chosen metric decides.
    let arguments =
        ["models", "compare", "late:1", "late:2", "--metric", "accuracy", "--slice-by", "carrier"];
    let output = program.run(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    for part in [
        "Accuracy (decides)",
        "McNemar: only late:1 right",
        "by the columns asked for",
        "Pareto front",
        "are built",
    ] {
        assert!(printed.contains(part), "{part} in\n{printed}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_reason() {
    let program = with_models();
    let refused = |arguments: &[&str], code: i32, part: &str| {
        let output = program.run(arguments);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.contains(part)), (Some(code), true), "{arguments:?}: {said}");
    };
    refused(&["models", "compare", "late:1"], 2, "2 values required");
    refused(&["models", "compare", "late:1", "late:9"], 2, "no model 'late:9'");
    refused(&["models", "compare", "late:1", "late:1"], 2, "given twice");
    refused(
        &["models", "compare", "late:1", "late:2", "--metric", "rmse"],
        2,
        "no metric of one of two classes",
    );
    refused(&["models", "compare", "late:1", "late:2", "--metric", "best"], 2, "the metrics are auroc");
    refused(&["models", "compare", "late:1", "late:2", "--slice-by", "airport"], 2, "no column 'airport'");
    refused(&["models", "compare", "late:1", "late:2", "--data", "nowhere/rows.csv"], 1, "nowhere/rows.csv");
    let file = program.home().join("rows.csv");
    put(&file, b"late,carrier\n1,AA\n0,UA\n");
    refused(&["models", "compare", "late:1", "late:2", "--data", &file.display().to_string()], 1, "missing");
    let document = program.run(&["models", "compare", "late:1", "late:1", "--json"]);
    let failed: Value = serde_json::from_slice(&document.stdout).expect("JSON");
    assert_eq!((&failed["event"], &failed["class"]), (&"failed".into(), &"client".into()));
}
