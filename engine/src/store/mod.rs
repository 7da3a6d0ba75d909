//! The store: records in one SQLite file that several processes share. Only this module writes it.
//!
//! Every write is one short IMMEDIATE transaction that takes the next number of a counter and stamps the rows it touches with
//! it, so that a reader asks for "what changed since" and never reads everything twice.

mod datasets;
mod devices;
mod fleet;
mod keys;
mod models;
mod runs;
mod schema;
mod searches;
mod settings;
mod window;

use std::{path::PathBuf, time::Duration};

use orrery_domain::{
    Failure, FailureClass, dataset::Dataset, run::Run, search::Search, snapshot::ModelEntry,
};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use serde::{Serialize, de::DeserializeOwned};

pub use window::{Found, WindowFile};

use crate::workspace::Workspace;

/// How long a write waits for other processes' writes.
const BUSY: Duration = Duration::from_secs(10);

/// Rows from which on decoding is spread over threads.
const MANY_ROWS: usize = 2_000;

/// A connection to the store. One a thread.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

/// What changed in the store after some moment.
#[derive(Debug, Default)]
pub struct Changes {
    /// The counter now: ask for what comes after it next time.
    pub revision: i64,
    /// Changed datasets, and whether each is deleted.
    pub datasets: Vec<(Dataset, bool)>,
    /// Changed runs.
    pub runs: Vec<Run>,
    /// Changed model versions, without cards.
    pub models: Vec<ModelEntry>,
    /// Changed searches.
    pub searches: Vec<Search>,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.datasets.is_empty() && self.runs.is_empty() && self.models.is_empty() && self.searches.is_empty()
    }
}

impl Store {
    /// Opens the workspace's store, creating or migrating it.
    ///
    /// # Errors
    /// When the file is damaged, is no store of ours, or was written by a newer program.
    pub fn open(workspace: &Workspace) -> Result<Self, Failure> {
        let path = workspace.database();
        let mut connection = Connection::open(&path).map_err(|error| failure(&error, &path))?;
        schema::prepare(&mut connection, &path, workspace.home())?;
        Ok(Self { connection, path })
    }

    /// A number that changes when another connection has written.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn data_version(&self) -> Result<i64, Failure> {
        self.read(|connection| connection.pragma_query_value(None, "data_version", |row| row.get(0)))
    }

    /// Everything that changed after `revision` (0: everything there is).
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn changes_since(&mut self, revision: i64) -> Result<Changes, Failure> {
        let path = self.path.clone();
        let failed = |error: rusqlite::Error| failure(&error, &path);
        // One read transaction, so that the counter and the rows belong together.
        let reading =
            self.connection.transaction_with_behavior(TransactionBehavior::Deferred).map_err(failed)?;
        let now: i64 =
            reading.query_row("SELECT revision FROM counter", [], |row| row.get(0)).map_err(failed)?;
        if now == revision {
            return Ok(Changes { revision: now, ..Changes::default() });
        }
        let datasets = datasets::changed(&reading, revision).map_err(failed)?;
        let runs = runs::changed(&reading, revision).map_err(failed)?;
        let models = models::changed(&reading, revision).map_err(failed)?;
        let searches = searches::changed(&reading, revision).map_err(failed)?;
        drop(reading);
        Ok(Changes {
            revision: now,
            datasets: decode_all(datasets.iter().map(|(json, _)| json.as_str()).collect())
                .into_iter()
                .zip(&datasets)
                .filter_map(|(dataset, (_, deleted))| dataset.map(|dataset| (dataset, *deleted)))
                .collect(),
            runs: decode_all(runs.iter().map(String::as_str).collect()).into_iter().flatten().collect(),
            models: decode_all(models.iter().map(String::as_str).collect()).into_iter().flatten().collect(),
            searches: searches.iter().filter_map(|json| decode(json)).collect(),
        })
    }

    /// What SQLite finds wrong with the file; empty when it is sound.
    ///
    /// # Errors
    /// When the store cannot be read at all.
    pub fn integrity(&self) -> Result<Vec<String>, Failure> {
        let found: Vec<String> = self.read(|connection| {
            let mut statement = connection.prepare("PRAGMA integrity_check")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        })?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Reads.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Failure> {
        work(&self.connection).map_err(|error| failure(&error, &self.path))
    }

    /// Writes in one IMMEDIATE transaction; `work` is given the number to stamp its rows with.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let attempt = || -> rusqlite::Result<T> {
            let writing = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let revision = writing.query_row(
                "UPDATE counter SET revision = revision + 1 RETURNING revision",
                [],
                |row| row.get(0),
            )?;
            let value = work(&writing, revision)?;
            writing.commit()?;
            Ok(value)
        };
        attempt().map_err(|error| failure(&error, &self.path))
    }
}

/// The failure a database error means.
fn failure(error: &rusqlite::Error, path: &std::path::Path) -> Failure {
    let (class, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => (
            FailureClass::Data,
            "The workspace's database is damaged. Your tables, runs and models are still on disk: move orrery.db aside to \
             begin a new one, or put a backup in its place"
                .to_owned(),
        ),
        Some(ErrorCode::NotADatabase) => (
            FailureClass::Data,
            "The workspace's database is no database. Move the file aside, or choose another workspace with --home".to_owned(),
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            FailureClass::Transient,
            "Another program kept the workspace's database busy for 10 seconds. Nothing was changed; try again".to_owned(),
        ),
        Some(ErrorCode::DiskFull) => (
            FailureClass::Capacity,
            "The disk is full. Nothing was changed; free some space and try again".to_owned(),
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => (
            FailureClass::Auth,
            "The workspace's database cannot be opened for writing. Check who may write to its folder".to_owned(),
        ),
        _ => (FailureClass::Bug, format!("The workspace's database refused a request: {error}")),
    };
    Failure::new(class, format!("{message}. ({})", path.display()))
}

/// A record as the store keeps it: JSON without what is absent, which reads back as absent.
fn encode(record: &impl Serialize) -> rusqlite::Result<String> {
    let as_error = |error: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
    let mut value = serde_json::to_value(record).map_err(as_error)?;
    strip_nulls(&mut value);
    serde_json::to_string(&value).map_err(as_error)
}

/// Takes null members out of objects. Members of lists stay: their place means something.
fn strip_nulls(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(strip_nulls);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}

/// Reads a record back. One that cannot be read is left out, with a line in the log: it must not hide the others.
fn decode<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json)
        .inspect_err(|error| log::warn!("a record of the store cannot be read and is left out: {error}"))
        .ok()
}

/// Reads many records, on several threads where there are many.
fn decode_all<T: DeserializeOwned + Send>(rows: Vec<&str>) -> Vec<Option<T>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    if rows.len() < MANY_ROWS || threads == 1 {
        return rows.into_iter().map(decode).collect();
    }
    std::thread::scope(|scope| {
        let workers: Vec<_> = rows
            .chunks(rows.len().div_ceil(threads))
            .map(|part| scope.spawn(move || part.iter().map(|row| decode(row)).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    })
}
