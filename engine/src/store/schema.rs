//! The store's tables, their migrations, and the checks that a file is ours.

use std::path::Path;

use orrery_domain::{Failure, FailureClass};
use rusqlite::Connection;
use rusqlite_migration::{M, MigrationDefinitionError, Migrations};

use super::{BUSY, failure};
use crate::files;

/// Marks a SQLite file as an Orrery workspace ("ORRY").
const APPLICATION_ID: i32 = 0x4F52_5259;

const FIRST: &str = "
    CREATE TABLE counter  (revision INTEGER NOT NULL) STRICT;
    INSERT INTO counter VALUES (0);
    CREATE TABLE datasets (id TEXT PRIMARY KEY, hash TEXT NOT NULL, json TEXT NOT NULL, deleted INTEGER NOT NULL,
                           revision INTEGER NOT NULL) STRICT;
    CREATE TABLE profiles (dataset TEXT NOT NULL, target TEXT NOT NULL, json TEXT NOT NULL,
                           PRIMARY KEY (dataset, target)) STRICT;
    CREATE TABLE runs     (id TEXT PRIMARY KEY, state TEXT NOT NULL, json TEXT NOT NULL, created_at REAL NOT NULL,
                           revision INTEGER NOT NULL) STRICT;
    CREATE TABLE models   (name TEXT NOT NULL, version INTEGER NOT NULL, run TEXT NOT NULL UNIQUE, json TEXT,
                           revision INTEGER NOT NULL, PRIMARY KEY (name, version)) STRICT;
    CREATE TABLE devices  (key TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
    CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE INDEX datasets_by_revision ON datasets (revision);
    CREATE INDEX datasets_by_hash     ON datasets (hash);
    CREATE INDEX runs_by_revision     ON runs (revision);
    CREATE INDEX runs_by_state        ON runs (state);
    CREATE INDEX models_by_revision   ON models (revision);
";

/// Keys to nodes and gateways.
const SECOND: &str = "
    CREATE TABLE keys     (id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, json TEXT NOT NULL) STRICT;
";

/// Regions, endpoints, rollouts, drills, conformance reports (`kind`), and the fleet's events.
const THIRD: &str = "
    CREATE TABLE fleet        (kind TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL, revision INTEGER NOT NULL,
                               PRIMARY KEY (kind, id)) STRICT;
    CREATE TABLE fleet_events (at REAL NOT NULL, json TEXT NOT NULL) STRICT;
    CREATE INDEX fleet_by_revision ON fleet (revision);
    CREATE INDEX fleet_events_by_time ON fleet_events (at);
";

/// Searches, each with all of its trials.
const FOURTH: &str = "
    CREATE TABLE searches (id TEXT PRIMARY KEY, json TEXT NOT NULL, revision INTEGER NOT NULL) STRICT;
    CREATE INDEX searches_by_revision ON searches (revision);
";

/// Sets the connection up and brings the tables to the newest version.
///
/// # Errors
/// When the file is damaged, foreign or newer than this program.
pub fn prepare(connection: &mut Connection, path: &Path, home: &Path) -> Result<(), Failure> {
    let failed = |error: rusqlite::Error| failure(&error, path);
    connection.busy_timeout(BUSY).map_err(failed)?;
    let marked = refuse_foreign(connection, path)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(32);
    let migrations = Migrations::from_slice(MIGRATIONS);
    // Two programs that open a new workspace at once must not both create its tables.
    let lock_path = home.join("migration.lock");
    let lock = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&lock_path)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| files::failure("The workspace could not be locked", &error, &lock_path))?;
    let migrated = migrations.to_latest(connection);
    drop(lock);
    match migrated {
        Ok(()) => {}
        Err(rusqlite_migration::Error::MigrationDefinition(
            MigrationDefinitionError::DatabaseTooFarAhead,
        )) => {
            return Err(Failure::new(
                FailureClass::Client,
                format!(
                    "This workspace was written by a newer Orrery. Nothing was changed; update this program, or choose another \
                     workspace with --home. ({})",
                    path.display()
                ),
            ));
        }
        Err(rusqlite_migration::Error::RusqliteError { err, .. }) => return Err(failed(err)),
        Err(error) => {
            return Err(Failure::new(
                FailureClass::Bug,
                format!(
                    "The workspace's database could not be brought up to date: {error}. ({})",
                    path.display()
                ),
            ));
        }
    }
    // Opening one that is there already writes nothing, so that a full disk does not hinder reading.
    if marked {
        Ok(())
    } else {
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)
    }
}

static MIGRATIONS: &[M<'static>] = &[M::up(FIRST), M::up(SECOND), M::up(THIRD), M::up(FOURTH)];

/// Refuses a SQLite file that belongs to another program; whether it is marked as ours.
fn refuse_foreign(connection: &Connection, path: &Path) -> Result<bool, Failure> {
    let failed = |error: rusqlite::Error| failure(&error, path);
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let ours = connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'counter'", [], |row| {
            row.get::<_, i64>(0)
        })
        .map_err(failed)?
        > 0;
    if id == APPLICATION_ID || tables == 0 || (id == 0 && ours) {
        return Ok(id == APPLICATION_ID);
    }
    Err(Failure::new(
        FailureClass::Client,
        format!(
            "The database in this folder belongs to another program. Nothing was changed; choose another workspace with --home. ({})",
            path.display()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_are_sound() {
        Migrations::from_slice(MIGRATIONS).validate().expect("they apply to a new database");
    }

    #[test]
    fn opening_again_writes_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("orrery.db");
        let open = || {
            let mut connection = Connection::open(&path).expect("opened");
            prepare(&mut connection, &path, dir.path()).expect("prepared");
            connection
        };
        let first = open();
        let version =
            || -> i64 { first.pragma_query_value(None, "data_version", |row| row.get(0)).expect("readable") };
        let before = version();
        open();
        assert_eq!(version(), before);
    }
}
