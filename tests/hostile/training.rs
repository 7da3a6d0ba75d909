//! Hostile files for training, and for a model that was trained on a good one.

use std::{fs, io::Write, path::Path};

use super::program;
use crate::program::Program;

/// Memory that these may take, MB.
const MOST_MB: u64 = 400;

fn kept(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/files").join(file);
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn hostile_targets_are_learned_or_refused() {
    let workspace = Program::new();
    let cases = [
        ("one_class.csv", "y", 1, "y"),
        ("class_a_row.csv", "y", 1, "y"),
        ("one_row.csv", "y", 1, "one value only"),
        ("two_rows.csv", "y", 1, "row"),
        ("target_missing.csv", "y", 1, "y"),
        ("features_missing.csv", "y", 2, "No column is left"),
        ("constant_target.csv", "y", 1, "y"),
        ("infinite_target.csv", "y", 0, "40 rows where it is infinite (rows 2, 3, 5, 6, 8, …)"),
        ("one_column.csv", "a", 2, "No column is left"),
        ("header_only.csv", "b", 1, "no rows"),
        ("formulas.csv", "nothing", 2, "no column"),
        ("formulas.csv", "", 2, ""),
        ("parquet_cut_off.parquet", "a", 1, "Parquet file is damaged"),
    ];
    program::all(&cases, |(file, target, code, says)| {
        let file = kept(file);
        let arguments = ["train", "--data", &file, "--target", target, "--model", "linear", "--epochs", "2"];
        let ended = program::run(&workspace, &arguments);
        ended.fault(*code, says, MOST_MB).map(|fault| format!("{file}: {fault}"))
    });
}

fn put(path: &Path, text: &str) -> String {
    fs::File::create(path).and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

/// A small model of `formulas.csv`, whose feature and classes spreadsheets would run.
fn model(workspace: &Program) {
    let file = kept("formulas.csv");
    let train = ["train", "--data", &file, "--target", "y", "--model", "gbt", "--name", "m", "--trees", "5"];
    let ended = program::run(workspace, &train);
    assert_eq!(ended.fault(0, "", MOST_MB), None);
}

#[test]
fn a_model_predicts_or_says_why_not() {
    let workspace = Program::new();
    model(&workspace);
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder.csv")).expect("a folder");
    let in_folder = |name: &str| at(name).to_str().expect("UTF-8").to_owned();
    let ragged = put(&at("ragged.csv"), "town,z\nok,1\n=1+1,2\na,2,3\n");
    let taken = put(&at("taken.csv"), "town,prediction,probability_p,prediction_2\nok,1,2,3\n");
    let cases = [
        (kept("formulas.csv"), in_folder("1.csv"), 0, ""),
        (kept("formulas.csv"), in_folder("1.parquet"), 0, ""),
        (kept("latin1.csv"), in_folder("2.csv"), 0, ""),
        (ragged, in_folder("3.csv"), 0, "could not be read"),
        (taken, in_folder("4.csv"), 0, "prediction_3"),
        (kept("empty.csv"), in_folder("5.csv"), 1, "is empty"),
        (kept("header_only.csv"), in_folder("6.csv"), 1, ""),
        (kept("ragged_every_row.csv"), in_folder("7.csv"), 1, "None of the 30 rows"),
        (kept("parquet_cut_off.parquet"), in_folder("8.csv"), 1, "Parquet file is damaged"),
        (kept("gzip_nested.csv.gz"), in_folder("9.csv"), 1, "packed twice"),
        (kept("one_column.csv"), in_folder("10.csv"), 1, "'town'"),
        (kept("formulas.csv"), in_folder("11.xlsx"), 2, ".csv or .parquet"),
        (kept("formulas.csv"), in_folder("no/such/folder/12.csv"), 1, ""),
        (kept("formulas.csv"), in_folder("folder.csv"), 1, ""),
        (in_folder("folder.csv"), in_folder("13.csv"), 1, "no pictures"),
        (in_folder("nothing"), in_folder("14.csv"), 1, "Check that it is there"),
        ("/dev/zero".to_owned(), in_folder("15.csv"), 1, "a device or pipe"),
    ];
    program::all(&cases, |(file, out, code, says)| {
        let ended = program::run(&workspace, &["predict", "--model", "m", "--data", file, "--out", out]);
        ended.fault(*code, says, MOST_MB).map(|fault| format!("{file} to {out}: {fault}"))
    });
    let written = fs::read_to_string(at("1.csv")).expect("written");
    let cells = written.lines().flat_map(|line| line.split(','));
    for cell in cells.map(|cell| cell.trim_matches('"')) {
        let runs = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
        assert!(!runs, "a spreadsheet would run {cell:?}");
    }
    assert!(written.contains("'=1+1") && !at("5.csv").exists());
}
