//! Reading, importing and profiling, held against other people's writers and figures.

mod csv;
mod formats;
mod golden;
mod hostile;
mod importing;
mod round_trip;

use std::path::{Path, PathBuf};

use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnType, ImportBudget, ImportOptions},
};

use super::{ReadReport, read_table};
use crate::{
    control::{Interrupt, Unwatched},
    table::Table,
};

/// Puts bytes into a file, whatever was in it.
fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    let mut file = std::fs::File::create(path).expect("a file");
    std::io::Write::write_all(&mut file, bytes.as_ref()).expect("written");
}

/// A file of these bytes in a folder that goes away.
fn file(name: &str, bytes: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    put(&path, bytes);
    (folder, path)
}

fn read_with(bytes: impl AsRef<[u8]>, options: &ImportOptions) -> Result<(Table, ReadReport), Interrupt> {
    let (_folder, path) = file("table", bytes);
    read_table(&path, options, &ImportBudget::default(), &Unwatched)
}

fn read(bytes: impl AsRef<[u8]>) -> (Table, ReadReport) {
    read_with(bytes, &ImportOptions::default()).expect("it reads")
}

fn failure(bytes: impl AsRef<[u8]>) -> Failure {
    failure_of(read_with(bytes, &ImportOptions::default()))
}

fn failure_of<T: std::fmt::Debug>(result: Result<T, Interrupt>) -> Failure {
    match result.expect_err("it must be refused") {
        Interrupt::Failed(failure) => {
            assert_ne!(failure.class, FailureClass::Bug, "{failure}");
            failure
        }
        other => panic!("{other}"),
    }
}

/// Types by column.
fn kinds(table: &Table) -> Vec<ColumnType> {
    table.schema.iter().map(|column| column.kind).collect()
}

/// A column as texts.
fn texts(table: &Table, name: &str) -> Vec<Option<String>> {
    let column = table.position(name).expect("a column of that name");
    (0..table.rows()).map(|row| table.text(column, row)).collect()
}

/// All values as texts: `[columns][rows]`.
fn all_texts(table: &Table) -> Vec<Vec<Option<String>>> {
    table.schema.iter().map(|column| texts(table, &column.name)).collect()
}

/// The folder of real data, if it is there.
fn shared_data() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join("shared");
    let shared = std::env::var_os("ORRERY_SHARED").map_or(root, PathBuf::from);
    let data = shared.join("data");
    data.is_dir().then_some(data)
}
