//! Tests of model folders: what is written is read back, and what was touched is refused.

use std::{collections::BTreeMap, fs, path::Path};

use orrery_domain::{
    DatasetId, FailureClass, RunId,
    curves::Curves,
    dataset::{ColumnSchema, ColumnType, FileFormat, SourceFile},
    model::{Lineage, ModelCard, SplitCounts},
    training::{ModelKind, Task, TrainConfig},
};

use super::{
    CARD, CURVES, PREPROCESS, TREES, read_card, read_curves, set_threshold, verify, write, write_atomic,
};

/// A card of a model trained on `features` (name, type), with nothing measured.
pub(crate) fn card(task: Task, classes: &[&str], features: &[(&str, ColumnType)]) -> ModelCard {
    let counts = SplitCounts { train: 3, valid: 1, test: 1, without_target: 0 };
    ModelCard {
        format: 0,
        program: "orrery 0.1.0".to_owned(),
        model: None,
        kind: ModelKind::Gbt,
        task,
        target: "late".to_owned(),
        classes: classes.iter().map(|class| (*class).to_owned()).collect(),
        threshold: None,
        features: features
            .iter()
            .map(|(name, kind)| ColumnSchema { name: (*name).to_owned(), kind: *kind, overridden: false })
            .collect(),
        importance: vec![("distance".to_owned(), 0.1), ("hour".to_owned(), f64::NAN)],
        parameters: 12,
        rows: counts,
        test: BTreeMap::new(),
        valid: BTreeMap::new(),
        baselines: Vec::new(),
        verdict: None,
        candidates: vec![(ModelKind::Gbt, f64::INFINITY), (ModelKind::Linear, 0.5)],
        device: "CPU".to_owned(),
        threads: 2,
        samples_per_sec: 1000.0,
        train_secs: 1.5,
        seed: 0,
        config: TrainConfig::new("late"),
        lineage: Lineage {
            source: SourceFile {
                path: "flights.parquet".to_owned(),
                bytes: 10,
                hash: "00".to_owned(),
                format: FileFormat::Parquet,
            },
            dataset: DatasetId("d".to_owned()),
            run: RunId("r".to_owned()),
            search: None,
        },
        compressions: Vec::new(),
        notes: Vec::new(),
        files: Vec::new(),
        created_at: 1.0,
    }
}

fn curves() -> Curves {
    Curves::Regression { residuals: Vec::new(), edges: vec![0.0, 1.0], counts: vec![4] }
}

/// A folder with a written model.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    write_atomic(&dir.path().join(PREPROCESS), "{}".as_bytes()).expect("written");
    write_atomic(&dir.path().join(TREES), "[1, 2]".as_bytes()).expect("written");
    let mut card = card(Task::Binary, &["no", "yes"], &[("distance", ColumnType::Float)]);
    write(dir.path(), &mut card, &curves()).expect("written");
    dir
}

fn refused(dir: &Path, words: &str) {
    let failure = verify(dir).expect_err("must be refused");
    assert_eq!(failure.class, FailureClass::Model);
    assert!(failure.message.contains(words), "{failure}");
}

fn edit(dir: &Path, name: &str, from: &str, to: &str) {
    let text = fs::read_to_string(dir.join(name)).expect("readable");
    assert!(text.contains(from), "{text}");
    write_atomic(&dir.join(name), text.replacen(from, to, 1).as_bytes()).expect("written");
}

#[test]
fn what_is_written_is_read_back() {
    let dir = folder();
    verify(dir.path()).expect("untouched");
    let card = read_card(dir.path()).expect("readable");
    let names: Vec<_> = card.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, [CURVES, PREPROCESS, TREES]);
    assert_eq!(card.files[2].hash, blake3::hash(b"[1, 2]").to_hex().to_string());
    assert_eq!(card.importance.len(), 1, "numbers that are not finite are left out");
    assert_eq!(card.candidates.len(), 1);
    assert_eq!(read_curves(dir.path()).expect("readable"), curves());
    let leftovers = fs::read_dir(dir.path()).expect("readable").count();
    assert_eq!(leftovers, 4, "no temporary file stays");
}

#[test]
fn a_changed_missing_or_cut_file_is_named() {
    let dir = folder();
    write_atomic(&dir.path().join(TREES), "[1, 3]".as_bytes()).expect("written");
    refused(dir.path(), "trees.json: it was changed");
    fs::remove_file(dir.path().join(TREES)).expect("removed");
    refused(dir.path(), "trees.json");
    let dir = folder();
    let text = fs::read(dir.path().join(CARD)).expect("readable");
    for length in [0, 1, text.len() / 2, text.len() - 2] {
        write_atomic(&dir.path().join(CARD), &text[..length]).expect("written");
        refused(dir.path(), "card.json");
    }
    fs::remove_file(dir.path().join(CARD)).expect("removed");
    refused(dir.path(), "it is missing");
}

#[test]
fn a_newer_format_is_called_newer_even_when_all_else_changed() {
    let dir = folder();
    write_atomic(&dir.path().join(CARD), br#"{"format": 99, "novel": true}"#).expect("written");
    refused(dir.path(), "newer version of Orrery (format 99");
}

#[test]
fn a_card_cannot_reach_outside_its_folder_or_contradict_itself() {
    for (from, to, words) in [
        ("\"trees.json\"", "\"../trees.json\"", "outside the model's folder"),
        ("\"trees.json\"", "\"/etc/passwd\"", "outside the model's folder"),
        ("\"trees.json\"", "\"other.json\"", "does not name trees.json"),
        ("\"kind\": \"gbt\"", "\"kind\": \"auto\"", "does not name weights.safetensors"),
        ("\"task\": \"binary\"", "\"task\": \"regression\"", "2 classes"),
        ("\"threshold\": null", "\"threshold\": 7.0", "threshold"),
    ] {
        let dir = folder();
        edit(dir.path(), CARD, from, to);
        refused(dir.path(), words);
    }
}

#[test]
fn a_threshold_is_kept_and_a_wrong_one_changes_nothing() {
    let dir = folder();
    for wrong in [f64::NAN, -0.1, 1.1] {
        assert_eq!(set_threshold(dir.path(), wrong).expect_err("refused").class, FailureClass::Client);
    }
    assert_eq!(read_card(dir.path()).expect("readable").threshold, None);
    assert_eq!(set_threshold(dir.path(), 0.25).expect("set").threshold, Some(0.25));
    assert_eq!(read_card(dir.path()).expect("readable").threshold, Some(0.25));
    verify(dir.path()).expect("the other files are untouched");
}

#[test]
fn a_card_that_json_cannot_hold_is_not_written() {
    let dir = folder();
    let mut broken = card(Task::Binary, &["no", "yes"], &[]);
    broken.samples_per_sec = f64::NAN;
    assert_eq!(write(dir.path(), &mut broken, &curves()).expect_err("refused").class, FailureClass::Bug);
    assert_eq!(read_card(dir.path()).expect("the old card is kept").train_secs.to_bits(), 1.5_f64.to_bits());
}

#[test]
fn a_family_without_its_files_is_not_a_model() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    write_atomic(&dir.path().join(PREPROCESS), "{}".as_bytes()).expect("written");
    let mut card = card(Task::Binary, &["no", "yes"], &[]);
    let failure = write(dir.path(), &mut card, &curves()).expect_err("refused");
    assert!(failure.message.contains("trees.json"), "{failure}");
    assert!(!dir.path().join(CARD).exists());
}
