//! The store under kills: what was said to be recorded is there, and the file is sound.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::Stdio,
    time::Instant,
};

use orrery_engine::{Workspace, store::Store};
use serde_json::Value;

use super::tables;
use crate::program::Program;

/// Writers killed.
const KILLS: usize = 50;

#[test]
fn no_acknowledged_row_is_lost_when_writers_are_killed() {
    let program = Program::new();
    let data = program.home().join("table.csv");
    tables::write(&data, tables::Target::Binary, 3);
    program.document(&["data", "import", data.to_str().expect("UTF-8")]);
    let (mut added, mut noted) = (BTreeSet::new(), BTreeSet::new());
    let began = Instant::now();
    for kill in 0..KILLS {
        // Another one writes at the same time, and is killed a moment later.
        let [mut one, mut other] = [0, 1].map(|writer| {
            let mut command = program.command(&["job", "flood", &format!("k{kill}-{writer}")]);
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts")
        });
        let mut lines = BufReader::new(one.stdout.take().expect("piped")).lines();
        for _ in 0..kill % 7 {
            take(&lines.next().expect("a line").expect("text"), &mut added, &mut noted);
        }
        one.kill().expect("it runs");
        one.wait().expect("it ends");
        other.kill().expect("it runs");
        for line in lines.map_while(Result::ok) {
            take(&line, &mut added, &mut noted);
        }
        for line in BufReader::new(other.stdout.take().expect("piped")).lines().map_while(Result::ok) {
            take(&line, &mut added, &mut noted);
        }
        other.wait().expect("it ends");
    }
    let mut store = Store::open(&Workspace::open(program.home()).expect("a workspace")).expect("a store");
    assert!(store.integrity().expect("readable").is_empty(), "the file is sound");
    let runs = store.runs().expect("readable");
    let here: BTreeSet<&str> = runs.iter().map(|run| run.id.0.as_str()).collect();
    let with_note: BTreeSet<&str> =
        runs.iter().filter(|run| !run.note.is_empty()).map(|run| run.id.0.as_str()).collect();
    assert!(added.len() > KILLS, "rows were written: {}", added.len());
    assert!(added.iter().all(|id| here.contains(id.as_str())), "every row is there");
    assert!(noted.iter().all(|id| with_note.contains(id.as_str())), "every change is there");
    println!(
        "{KILLS} kills of two writers, {} rows kept, {:.1} s",
        added.len(),
        began.elapsed().as_secs_f64()
    );
}

/// Takes an acknowledgement; a line that the kill cut off is none.
fn take(line: &str, added: &mut BTreeSet<String>, noted: &mut BTreeSet<String>) {
    let Ok(said) = serde_json::from_str::<Value>(line) else { return };
    for (key, set) in [("added", added), ("noted", noted)] {
        if let Some(id) = said[key].as_str() {
            set.insert(id.to_owned());
        }
    }
}
