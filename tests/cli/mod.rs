//! The command line as a person or a script meets it.

mod compare;
mod data;
mod distil;
mod explain;
mod images;
mod prune;
mod quantize;
mod search;
mod smaller_images;
mod train;
mod tune;
mod usage;

use std::path::PathBuf;

use crate::program::{Program, sample};

/// A program whose workspace has the network `net`, version 1.
fn with_network() -> Program {
    let program = Program::new();
    let small = ["--width", "256", "--depth", "2", "--epochs", "1", "--name", "net"];
    let sample = sample();
    program.lines(
        &[&["train", "--data", &sample, "--target", "late", "--model", "mlp"], small.as_slice()].concat(),
    );
    program
}

/// The weights of a version.
fn weights(program: &Program, name: &str, version: u32) -> PathBuf {
    program.home().join(format!("models/{name}/{version}/weights.safetensors"))
}

/// Checkpoints of compressions that did not end.
fn kept(program: &Program) -> usize {
    let entries = std::fs::read_dir(program.home().join("jobs")).expect("the folder is there").flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("compress-")).count()
}

/// Kills a compression at one place, asks for the same again where `never` kills it, which what was kept makes it leave out, and holds
/// the weights of `name` against those of a version that nothing broke.
fn killed_and_taken_up(program: &Program, asked: &[&str], name: &str, kill: &str, never: &str) {
    let unbroken = program.document(asked)["model"].clone();
    let killed = program.command(asked).env("ORRERY_FAULT", kill).output().expect("it starts");
    assert!(!killed.status.success(), "{kill} strikes");
    assert_eq!(kept(program), 1, "its checkpoints are there");
    let again = program.command(asked).arg("--json").env("ORRERY_FAULT", never).output().expect("it starts");
    assert!(again.status.success(), "{}", crate::program::text(&again.stderr));
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!(kept(program), 0);
    let read = |model: &serde_json::Value| {
        let version = model.as_str().and_then(|model| model.strip_prefix(&format!("{name}:"))?.parse().ok());
        std::fs::read(weights(program, name, version.expect("a version"))).expect("a file")
    };
    assert_ne!(again["model"], unbroken);
    assert!(read(&again["model"]) == read(&unbroken), "the same weights, bit by bit");
}
