//! The kill sweep: every way to train is killed again and again, and ends with the bits of the run that was not.

use std::{
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use serde_json::Value;

use super::{
    imports,
    setups::{SETUPS, Setup},
    tables,
};
use crate::program::{Program, text};

/// Set-ups at once.
const WORKERS: usize = 2;

#[test]
fn a_killed_run_ends_with_the_bits_of_an_unbroken_one() {
    let (next, kills) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let take = || {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    Some((turn, SETUPS.get(turn)?))
                };
                while let Some((turn, setup)) = take() {
                    kills.fetch_add(sweep(setup, turn), Ordering::Relaxed);
                }
            });
        }
    });
    let kills = kills.into_inner();
    println!("{kills} kills over {} set-ups in {:.1} s", SETUPS.len(), began.elapsed().as_secs_f64());
    assert!(kills >= 200, "{kills}");
}

/// Kills the import of a table and one way to train on it at all its places; the number of kills.
fn sweep(setup: &Setup, turn: usize) -> usize {
    let program = Program::new();
    let data = program.home().join("table.csv");
    tables::write(&data, setup.target, 11);
    let data = data.to_str().expect("UTF-8");
    let mut kills = imports::sweep(&program, data, turn);
    let mut arguments = vec!["train", "--data", data];
    arguments.extend(setup.arguments());
    let lines = program.lines(&arguments);
    let unbroken = Ended::read(program.home(), lines[0]["run"].as_str().expect("an id"));
    let spec = again(program.home(), &unbroken.run, "killed");
    for (turn, place) in setup.kills().iter().enumerate() {
        let ended = go_on(&spec, Some(&format!("kill@{place}")), turn % 2 == 0);
        assert_eq!(ended.0.signal(), Some(9), "{} is killed at {place}: {}", setup.name(), ended.1);
        kills += 1;
    }
    let ended = go_on(&spec, None, false);
    assert!(ended.0.success(), "{} ends: {}", setup.name(), ended.1);
    let broken = Ended::read(program.home(), "killed");
    unbroken.assert_same(&broken, &setup.name());
    kills
}

/// A copy of a run's request under another id; its spec.
pub fn again(home: &Path, run: &str, id: &str) -> PathBuf {
    let mut spec: Value = json(&home.join("runs").join(run).join("spec.json"));
    spec["run"] = id.into();
    let folder = home.join("runs").join(id);
    std::fs::create_dir_all(&folder).expect("a folder");
    crate::program::put(&folder.join("spec.json"), spec.to_string().as_bytes());
    folder.join("spec.json")
}

/// Does (or goes on with) the job of a spec; how it ended and what it said to standard error.
pub fn go_on(spec: &Path, fault: Option<&str>, checkpoints: bool) -> (std::process::ExitStatus, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orrery"));
    command.args(["job", "run"]).arg(spec).arg("--detached").env("BURN_DEVICE", "flex");
    command.stdin(Stdio::null()).stdout(Stdio::null()).env("ORRERY_FAULT", fault.unwrap_or_default());
    if checkpoints {
        command.env("ORRERY_CHECKPOINT_SECS", "0");
    }
    let output = command.output().expect("it starts");
    (output.status, text(&output.stderr))
}

/// Reads a JSON file.
pub fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).expect("JSON")
}

/// What is left of a finished run, times and names left out.
#[derive(Debug)]
pub struct Ended {
    pub run: String,
    /// The model's files by name.
    files: Vec<(String, Vec<u8>)>,
    /// Curve, step and bits of every point that does not depend on the clock.
    history: Vec<(String, u64, u64)>,
    /// Metrics of the card.
    metrics: Value,
}

impl Ended {
    /// Reads what a run has left in a workspace.
    pub fn read(home: &Path, run: &str) -> Self {
        let events = events(home, run);
        let finished = events.iter().rev().find(|event| event["event"] == "finished");
        let model = finished.unwrap_or_else(|| panic!("{run} has not finished: {events:?}"))["model"].clone();
        let folder = home.join("models").join(model.as_str().expect("a model").replace(':', "/"));
        let mut files: Vec<(String, Vec<u8>)> =
            ["weights.safetensors", "model.onnx", "trees.json", "preprocess.json"]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), std::fs::read(folder.join(name)).ok()?)))
                .collect();
        files.sort();
        let card = json(&folder.join("card.json"));
        let baselines = card["baselines"].clone();
        let metrics =
            serde_json::json!([card["test"], card["valid"], baselines, card["importance"], card["kind"]]);
        Self { run: run.to_owned(), files, history: history(&events), metrics }
    }

    /// That nothing tells two runs apart.
    pub fn assert_same(&self, other: &Self, what: &str) {
        let names = |ended: &Self| ended.files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(self), names(other), "{what}: the same files");
        assert!(self.files.len() >= 2, "{what}: {:?}", names(self));
        for ((name, ours), (_, theirs)) in self.files.iter().zip(&other.files) {
            assert!(ours == theirs, "{what}: {name} has other bytes");
        }
        assert_eq!(self.history, other.history, "{what}: the same history");
        assert_eq!(self.metrics, other.metrics, "{what}: the same metrics");
    }
}

/// Everything a run has said.
pub fn events(home: &Path, run: &str) -> Vec<Value> {
    let path = home.join("runs").join(run).join("events.jsonl");
    let lines = std::fs::read_to_string(path).expect("a log");
    // A line that a kill cut off is no line.
    lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The points of the curves as a reader folds them: what came after the checkpoint a run went on from is taken back. Training
/// losses of networks are means since the last report, whose times are the clock's; those of trees are not.
fn history(events: &[Value]) -> Vec<(String, u64, u64)> {
    let trees = events.iter().any(|event| event["event"] == "started" && event["kind"] == "gbt");
    let mut points: Vec<(String, u64, u64)> = Vec::new();
    for event in events {
        match event["event"].as_str() {
            Some("started") => {
                let from = event["from_step"].as_u64().expect("a step");
                points.retain(|(_, step, _)| *step <= from);
            }
            Some("points") => {
                for pair in event["series"].as_array().expect("points") {
                    let curve = pair[0].as_str().expect("a curve");
                    if matches!(curve, "valid_loss" | "valid_metric") || (trees && curve == "train_loss") {
                        let (step, value) = (pair[1]["step"].as_u64(), pair[1]["value"].as_f64());
                        points.push((
                            curve.to_owned(),
                            step.expect("a step"),
                            value.expect("a value").to_bits(),
                        ));
                    }
                }
            }
            _ => {}
        }
    }
    points
}
