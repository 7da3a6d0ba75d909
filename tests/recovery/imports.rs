//! Killed imports: asked again, each leaves the very table, record and profile of an import that was not killed.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::Value;

use super::tables;
use crate::program::{Program, put, text};

/// Places that leave no record of the import: inside reading, parsing and profiling, before, inside and after writing the table.
const BEFORE_THE_RECORD: [&str; 8] =
    ["read:1", "read:2", "read:6", "read:10", "import:1", "write:1", "table:1", "import:2"];

/// Places with a record beside the table: before, inside and after registering.
const REGISTERING: [&str; 3] = ["import:3", "dataset:1", "import:4"];

/// What an import has left in a workspace.
struct Imported {
    /// What it said, but for the time.
    said: Value,
    /// What the workspace lists, but for the time.
    listed: Value,
    /// Its files; those of tables with their bytes.
    files: BTreeMap<String, Vec<u8>>,
}

impl Imported {
    /// Imports a file.
    fn make(program: &Program, data: &str) -> Self {
        let mut said = program.document(&["data", "import", data]);
        said["dataset"]["imported_at"].take();
        let mut listed = program.document(&["data", "list"]);
        for dataset in listed["datasets"].as_array_mut().expect("datasets") {
            dataset["imported_at"].take();
        }
        let folder = std::fs::read_dir(program.home().join("blobs")).expect("a folder");
        let files = folder.flatten().map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            // A record holds the time of the import.
            let is_table = entry.path().extension().is_some_and(|end| end == "arrow");
            let bytes = if is_table { std::fs::read(entry.path()).expect("readable") } else { Vec::new() };
            (name, bytes)
        });
        Self { said, listed, files: files.collect() }
    }
}

/// Kills an import at two places, one of them before anything is recorded, and asks again; `turn` chooses the places. The number
/// of kills.
pub fn sweep(program: &Program, data: &str, turn: usize) -> usize {
    let unbroken = Imported::make(&Program::new(), data);
    assert_eq!(unbroken.files.len(), 2, "a table and its record");
    let first = BEFORE_THE_RECORD[turn % BEFORE_THE_RECORD.len()];
    let all: Vec<&str> = BEFORE_THE_RECORD.into_iter().chain(REGISTERING).collect();
    let places = [first, all[(turn + BEFORE_THE_RECORD.len()) % all.len()]];
    for place in places {
        let mut command = program.command(&["data", "import", data]);
        let output = command.env("ORRERY_FAULT", format!("kill@{place}")).output().expect("it starts");
        assert!(!output.status.success(), "killed at {place}: {}", text(&output.stderr));
    }
    let broken = Imported::make(program, data);
    let names = |imported: &Imported| imported.files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&broken),
        names(&unbroken),
        "{places:?}: the table by its hash, its record, and no more"
    );
    assert!(broken.files == unbroken.files, "{places:?}: the table has other bytes");
    assert_eq!(broken.said, unbroken.said, "{places:?}: the same dataset and profile");
    assert_eq!(broken.listed, unbroken.listed, "{places:?}: registered once");
    places.len()
}

#[test]
fn a_killed_import_of_json_lines_leaves_the_table_of_an_unbroken_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, data) = (folder.path().join("table.csv"), folder.path().join("table.jsonl"));
    tables::write(&from, tables::Target::Multiclass, 17);
    let csv = std::fs::read_to_string(&from).expect("text");
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = rows.next().expect("names");
    let mut lines = String::new();
    for row in rows {
        let object: serde_json::Map<String, Value> =
            names.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), cell.into())).collect();
        writeln!(lines, "{}", Value::Object(object)).expect("memory");
    }
    put(&data, lines.as_bytes());
    let data = data.to_str().expect("UTF-8");
    // Inside reading, inside writing and inside registering.
    let kills: usize = [0, 1, 2, 5, 6].map(|turn| sweep(&Program::new(), data, turn)).iter().sum();
    println!("{kills} kills of imports of JSON lines");
    assert_eq!(kills, 10);
}
