//! Every kept file through `orrery data import` and `orrery data profile`.

use std::{collections::BTreeSet, path::Path};

use super::{
    cases::{CASES, Case},
    program,
};
use crate::program::Program;

/// Memory that reading any kept file may take, MB: the program itself holds 30.
const MOST_MB: u64 = 160;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/files")
}

#[test]
fn every_kept_file_ends_as_it_should() {
    let workspace = Program::new();
    program::all(CASES, |Case { file, code, says }| {
        let path = folder().join(file);
        let path = path.to_str().expect("UTF-8");
        // Half of them as a document, half as a person reads it.
        let arguments = match file.len() % 3 {
            0 => vec!["data", "import", path, "--json"],
            1 => vec!["data", "import", path],
            _ => vec!["data", "profile", path],
        };
        let ended = program::run(&workspace, &arguments);
        let says =
            if *code == 0 && !arguments.contains(&"--json") && arguments[1] == "profile" { "" } else { says };
        ended.fault(*code, says, MOST_MB).map(|fault| format!("{file}: {fault}"))
    });
}

#[test]
fn every_kept_file_has_its_case() {
    let kept: BTreeSet<String> = std::fs::read_dir(folder())
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    let cases: BTreeSet<String> = CASES.iter().map(|case| case.file.to_owned()).collect();
    assert_eq!(kept, cases);
}
