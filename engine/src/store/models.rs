//! Model versions in the store.

use orrery_domain::{Failure, ModelRef, RunId, snapshot::ModelEntry};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, decode, encode};

/// JSON of every registered model stamped after `revision`.
pub(super) fn changed(reading: &Transaction<'_>, revision: i64) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        reading.prepare_cached("SELECT json FROM models WHERE revision > ?1 AND json IS NOT NULL")?;
    let rows = statement.query_map([revision], |row| row.get(0))?;
    rows.collect()
}

impl Store {
    /// The version that belongs to a run's model: the one it was given before, or the next one of `name`, reserved.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn reserve_model(&mut self, name: &str, run: &RunId) -> Result<ModelRef, Failure> {
        self.write(|writing, revision| {
            let earlier = writing
                .query_row("SELECT name, version FROM models WHERE run = ?1", [&run.0], |row| {
                    Ok(ModelRef { name: row.get(0)?, version: row.get(1)? })
                })
                .optional()?;
            if let Some(earlier) = earlier {
                return Ok(earlier);
            }
            let version = writing.query_row(
                "SELECT coalesce(max(version), 0) + 1 FROM models WHERE name = ?1",
                [name],
                |row| row.get(0),
            )?;
            writing.execute(
                "INSERT INTO models (name, version, run, revision) VALUES (?1, ?2, ?3, ?4)",
                params![name, version, run.0, revision],
            )?;
            Ok(ModelRef { name: name.to_owned(), version })
        })
    }

    /// Gives a run's model that very version of `name`, for good: a model that came from elsewhere keeps its number. Asking again
    /// gives what it was given before. `None` where another model has the number.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn reserve_version(&mut self, model: &ModelRef, run: &RunId) -> Result<Option<ModelRef>, Failure> {
        self.write(|writing, revision| {
            writing.execute(
                "INSERT INTO models (name, version, run, revision) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                params![model.name, model.version, run.0, revision],
            )?;
            writing
                .query_row("SELECT name, version FROM models WHERE run = ?1", [&run.0], |row| {
                    Ok(ModelRef { name: row.get(0)?, version: row.get(1)? })
                })
                .optional()
        })
    }

    /// Records a reserved version as there.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_model(&mut self, entry: &ModelEntry) -> Result<(), Failure> {
        self.write(|writing, revision| {
            writing.execute(
                "UPDATE models SET json = ?3, revision = ?4 WHERE name = ?1 AND version = ?2",
                params![entry.model.name, entry.model.version, encode(entry)?, revision],
            )?;
            Ok(())
        })
    }

    /// The version reserved for or registered by a run, and whether it is registered.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn model_of_run(&self, run: &RunId) -> Result<Option<(ModelRef, bool)>, Failure> {
        self.read(|connection| {
            connection
                .query_row(
                    "SELECT name, version, json IS NOT NULL FROM models WHERE run = ?1",
                    [&run.0],
                    |row| Ok((ModelRef { name: row.get(0)?, version: row.get(1)? }, row.get(2)?)),
                )
                .optional()
        })
    }

    /// A registered version, deleted or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn model(&self, model: &ModelRef) -> Result<Option<ModelEntry>, Failure> {
        let json: Option<Option<String>> = self.read(|connection| {
            connection
                .query_row(
                    "SELECT json FROM models WHERE name = ?1 AND version = ?2",
                    params![model.name, model.version],
                    |row| row.get(0),
                )
                .optional()
        })?;
        Ok(json.flatten().and_then(|json| decode(&json)))
    }

    /// Every registered version, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn models(&mut self) -> Result<Vec<ModelEntry>, Failure> {
        let mut all = self.changes_since(-1)?.models;
        all.sort_by(|a, b| b.created_at.total_cmp(&a.created_at).then_with(|| b.model.cmp(&a.model)));
        Ok(all)
    }

    /// Marks a version as deleted or not. Returns whether it is known.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn mark_model(&mut self, model: &ModelRef, deleted: bool) -> Result<bool, Failure> {
        let Some(mut entry) = self.model(model)? else { return Ok(false) };
        entry.deleted = deleted;
        self.put_model(&entry)?;
        Ok(true)
    }
}
