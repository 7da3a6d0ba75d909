//! What fuzzing feeds: entry points that take bytes from anywhere, and the promises each must keep whatever the bytes are.
//!
//! A broken promise is a panic. The engine's tests include this file too, so that it always builds and a little of it runs
//! each time.

mod oip;

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use orrery_domain::{
    DatasetId, Failure, FailureClass,
    dataset::{ColumnType, Dataset, ImportBudget, ImportOptions},
    job::{JobSpec, RowRequest, Steering},
};
use orrery_engine::jobs::{Control, LoggedEvent, lines::Tail};
use orrery_learn::{
    control::{Interrupt, JobControl, Unwatched, Wish},
    data::{ReadReport, profile, read_table},
    model,
    prepare::Preprocessor,
    table::Table,
};

pub use oip::oip;

/// What reading an input may use: little, so that an input which asks for much is seen to be refused.
const BUDGET: ImportBudget = ImportBudget { memory_bytes: 64 << 20, rows: 200_000, columns: 2_000 };

/// Rows that the transforms of a `preprocess.json` are tried on.
const ROWS: usize = 4;

/// Reads and profiles text tables: CSV and JSON lines.
///
/// # Panics
/// When a promise is broken.
pub fn csv(bytes: &[u8]) {
    if !is_packed(bytes) {
        table(bytes);
    }
}

/// Reads and profiles Parquet, Arrow and gzip.
///
/// # Panics
/// When a promise is broken.
pub fn columnar(bytes: &[u8]) {
    if is_packed(bytes) {
        table(bytes);
    }
}

/// Reads a `preprocess.json` and transforms a few rows by it.
///
/// # Panics
/// When a promise is broken.
pub fn preprocess(bytes: &[u8]) {
    let folder = Folder::new();
    folder.put(model::PREPROCESS, bytes);
    let rules = match Preprocessor::load(folder.path()) {
        Ok(rules) => rules,
        Err(failure) => return is_of(&failure, &[FailureClass::Model]),
    };
    let (width, trees) = (rules.layout().width(), rules.tree_inputs().len());
    assert_eq!(rules.inputs().len(), width, "an input without a name");
    let table = rows_for(&rules);
    let encoded =
        rules.transform(&table).and_then(|(encoded, _)| Ok((encoded, rules.transform_codes(&table)?.0)));
    match encoded {
        Ok((encoded, codes)) => {
            assert_eq!((encoded.rows, encoded.cols), (ROWS, width));
            assert_eq!((encoded.values.len(), codes.rows), (ROWS * width, ROWS));
            assert!(encoded.values.iter().all(|value| value.is_finite()), "an input that is not finite");
        }
        Err(failure) => is_of(&failure, &[FailureClass::Data, FailureClass::Model]),
    }
    match rules.transform_trees(&table) {
        Ok((matrix, _)) => {
            assert_eq!((matrix.rows, matrix.cols, matrix.values.len()), (ROWS, trees, ROWS * trees));
        }
        Err(failure) => is_of(&failure, &[FailureClass::Data, FailureClass::Model]),
    }
}

/// Reads a `card.json`.
///
/// # Panics
/// When a promise is broken.
pub fn card(bytes: &[u8]) {
    let folder = Folder::new();
    folder.put(model::CARD, bytes);
    match model::read_card(folder.path()) {
        Ok(card) => {
            for file in &card.files {
                let parts: Vec<_> = Path::new(&file.name).components().collect();
                assert!(
                    matches!(parts[..], [std::path::Component::Normal(_)]),
                    "'{}' leads out of the folder",
                    file.name
                );
            }
            let again = serde_json::to_vec(&card).expect("a card is JSON");
            assert_eq!(
                serde_json::from_slice::<orrery_domain::model::ModelCard>(&again).expect("reads back"),
                card
            );
            // None of its files is there.
            is_of(&model::verify(folder.path()).expect_err("files are missing"), &[FailureClass::Model]);
        }
        Err(failure) => is_of(&failure, &[FailureClass::Model]),
    }
}

/// Tells a job what the bytes say, on its standard input and through its control file.
///
/// # Panics
/// When a promise is broken.
pub fn steering(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        drop(serde_json::from_slice::<RowRequest>(line));
        drop(serde_json::from_slice::<JobSpec>(line));
        drop(serde_json::from_slice::<LoggedEvent>(line));
    }
    let control = Arc::new(Control::new(std::io::sink(), false));
    control.hear(std::io::Cursor::new(bytes.to_vec()));
    while Arc::strong_count(&control) > 1 {
        std::thread::yield_now();
    }
    let ends = matches!(control.wish(), Wish::Stop | Wish::Cancel);
    let may_go_on = bytes.windows(6).any(|part| part == b"detach") || bytes.contains(&b'\\');
    assert!(ends || may_go_on, "the parent is gone and the job goes on");
    let folder = Folder::new();
    folder.put("control", bytes);
    let orders: Vec<Steering> = Tail::new(folder.path().join("control"), 0).read_all();
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &bytes[..end]);
    let told =
        whole.split(|byte| *byte == b'\n').filter(|line| serde_json::from_slice::<Steering>(line).is_ok());
    assert_eq!(orders.len(), told.count(), "an order is lost or heard twice");
}

/// Whether the bytes begin as a format that is no text.
fn is_packed(bytes: &[u8]) -> bool {
    [&b"PAR1"[..], b"ARROW1", &[0xff; 4], &[0x1f, 0x8b]].iter().any(|magic| bytes.starts_with(magic))
}

fn table(bytes: &[u8]) {
    let folder = Folder::new();
    let path = folder.put("table", bytes);
    let mut options = ImportOptions::default();
    let Some((table, report)) = read(&path, &options) else { return };
    whole(&table);
    let dataset = dataset(&table, report, &options);
    let target = table.schema.last().map(|column| column.name.clone());
    let profile = profile(&dataset, &table, target.as_deref(), &Unwatched)
        .expect("a table that was read has a profile");
    assert_eq!(profile.columns.len(), table.schema.len());
    // Another type for a column changes its values, never the rows.
    let kind = ColumnType::ALL
        [bytes.iter().fold(0_usize, |sum, byte| sum + usize::from(*byte)) % ColumnType::ALL.len()];
    options.types.insert(table.schema[0].name.clone(), kind);
    if let Some((other, _)) = read(&path, &options) {
        whole(&other);
        assert_eq!((other.rows(), other.schema[0].kind), (table.rows(), kind));
    }
}

fn read(path: &Path, options: &ImportOptions) -> Option<(Table, ReadReport)> {
    match read_table(path, options, &BUDGET, &Unwatched) {
        Ok(read) => Some(read),
        Err(Interrupt::Failed(failure)) => {
            is_of(&failure, &[FailureClass::Data, FailureClass::Capacity]);
            None
        }
        Err(other) => panic!("{other}"),
    }
}

/// A table holds what it says, and all of it can be shown.
fn whole(table: &Table) {
    assert!(table.rows() > 0 && table.rows() as u64 <= BUDGET.rows && !table.schema.is_empty());
    let mut names: Vec<&str> = table.schema.iter().map(|column| column.name.as_str()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "two columns of one name");
    for (column, array) in table.batch.columns().iter().enumerate() {
        assert_eq!(array.len(), table.rows());
        for row in 0..table.rows().min(50) {
            assert_eq!(table.text(column, row).is_none(), array.is_null(row));
        }
    }
}

fn dataset(table: &Table, report: ReadReport, options: &ImportOptions) -> Dataset {
    Dataset {
        id: DatasetId("fuzz".to_owned()),
        name: "fuzz".to_owned(),
        rows: table.rows() as u64,
        columns: table.schema.clone(),
        source: report.source,
        options: options.clone(),
        blob: String::new(),
        blob_bytes: 0,
        bad_rows: report.bad_rows,
        bad_row_list: report.bad_row_list,
        warnings: report.warnings,
        imported_at: 0.0,
    }
}

/// A few rows with every column that the rules ask for: of the right types, with a hole and with wild values.
fn rows_for(rules: &Preprocessor) -> Table {
    let schema = rules.schema();
    let names: Vec<String> = (0..schema.len()).map(|column| format!("c{column}")).collect();
    let mut text = format!("_,{}\n", names.join(","));
    for row in 0..ROWS {
        text.push('x');
        for column in &schema {
            text.push(',');
            text.push_str(match column.kind {
                ColumnType::Integer => ["1", "", "-9007199254740993", "0"][row],
                ColumnType::Float => ["0.5", "", "-1e308", "5e-324"][row],
                ColumnType::Boolean => ["true", "", "false", "true"][row],
                ColumnType::Category | ColumnType::Text => ["AA", "", "Ulm", "OO"][row],
                ColumnType::Datetime => ["2013-01-31", "", "1677-09-21", "9999-12-31"][row],
            });
        }
        text.push('\n');
    }
    let types = names.iter().cloned().zip(schema.iter().map(|column| column.kind)).collect();
    let folder = Folder::new();
    let path = folder.put("rows", text.as_bytes());
    let budget = ImportBudget { columns: u32::MAX, ..BUDGET };
    let read = read_table(&path, &ImportOptions { types, ..ImportOptions::default() }, &budget, &Unwatched);
    let (mut table, _) = read.expect("a sound table");
    for (own, column) in table.schema.iter_mut().skip(1).zip(schema) {
        own.name = column.name;
    }
    table
}

/// A failure is of an expected class and says something.
fn is_of(failure: &Failure, classes: &[FailureClass]) {
    assert!(classes.contains(&failure.class) && failure.message.len() > 20, "{:?}: {failure}", failure.class);
}

/// A folder that goes away.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        File::create(&path).and_then(|mut file| file.write_all(bytes)).expect("written");
        path
    }
}
