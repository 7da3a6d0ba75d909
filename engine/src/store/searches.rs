//! Searches in the store.

use orrery_domain::{Failure, search::Search};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, decode, encode};

/// JSON of every search stamped after `revision`.
pub(super) fn changed(reading: &Transaction<'_>, revision: i64) -> rusqlite::Result<Vec<String>> {
    let mut statement = reading.prepare_cached("SELECT json FROM searches WHERE revision > ?1")?;
    let rows = statement.query_map([revision], |row| row.get(0))?;
    rows.collect()
}

impl Store {
    /// Writes a search, new or known.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_search(&mut self, search: &Search) -> Result<(), Failure> {
        self.write(|writing, revision| {
            writing.execute(
                "INSERT INTO searches (id, json, revision) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET json = ?2, revision = ?3",
                params![search.id, encode(search)?, revision],
            )?;
            Ok(())
        })
    }

    /// The search of that id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn search(&self, id: &str) -> Result<Option<Search>, Failure> {
        let json: Option<String> = self.read(|connection| {
            connection.query_row("SELECT json FROM searches WHERE id = ?1", [id], |row| row.get(0)).optional()
        })?;
        Ok(json.and_then(|json| decode(&json)))
    }

    /// Every search, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn searches(&mut self) -> Result<Vec<Search>, Failure> {
        let rows: Vec<String> = self.read(|connection| {
            let mut statement = connection.prepare("SELECT json FROM searches ORDER BY id DESC")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        })?;
        Ok(rows.iter().filter_map(|json| decode(json)).collect())
    }
}
