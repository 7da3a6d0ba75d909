//! Runs in the store.

use orrery_domain::{
    Failure, RunId,
    run::{Run, RunState},
};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, decode, encode};

/// JSON of every run stamped after `revision`.
pub(super) fn changed(reading: &Transaction<'_>, revision: i64) -> rusqlite::Result<Vec<String>> {
    let mut statement = reading.prepare_cached("SELECT json FROM runs WHERE revision > ?1")?;
    let rows = statement.query_map([revision], |row| row.get(0))?;
    rows.collect()
}

impl Store {
    /// Records a new run.
    ///
    /// # Errors
    /// When the store cannot be written or the id is taken.
    pub fn add_run(&mut self, run: &Run) -> Result<(), Failure> {
        self.add_runs(std::slice::from_ref(run))
    }

    /// Records new runs, all or none.
    ///
    /// # Errors
    /// When the store cannot be written or an id is taken.
    pub fn add_runs(&mut self, runs: &[Run]) -> Result<(), Failure> {
        self.write(|writing, revision| {
            let mut statement = writing.prepare_cached(
                "INSERT INTO runs (id, state, json, created_at, revision) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for run in runs {
                statement.execute(params![
                    run.id.0,
                    run.state.name(),
                    encode(run)?,
                    run.created_at,
                    revision
                ])?;
            }
            Ok(())
        })
    }

    /// Reads a run, changes it and writes it back in one transaction. `change` says whether it changed anything. Returns the
    /// run as it now stands, or `None` where there is none.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn update_run(
        &mut self,
        id: &RunId,
        change: impl FnOnce(&mut Run) -> bool,
    ) -> Result<Option<Run>, Failure> {
        self.write(|writing, revision| {
            let json: Option<String> = writing
                .query_row("SELECT json FROM runs WHERE id = ?1", [&id.0], |row| row.get(0))
                .optional()?;
            let Some(mut run) = json.and_then(|json| decode::<Run>(&json)) else { return Ok(None) };
            if change(&mut run) {
                writing.execute(
                    "UPDATE runs SET state = ?2, json = ?3, revision = ?4 WHERE id = ?1",
                    params![id.0, run.state.name(), encode(&run)?, revision],
                )?;
            }
            Ok(Some(run))
        })
    }

    /// The run of that id, deleted or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn run(&self, id: &RunId) -> Result<Option<Run>, Failure> {
        let json: Option<String> = self.read(|connection| {
            connection.query_row("SELECT json FROM runs WHERE id = ?1", [&id.0], |row| row.get(0)).optional()
        })?;
        Ok(json.and_then(|json| decode(&json)))
    }

    /// Every run, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn runs(&mut self) -> Result<Vec<Run>, Failure> {
        let mut all = self.changes_since(-1)?.runs;
        all.sort_by(|a, b| b.created_at.total_cmp(&a.created_at).then_with(|| b.id.cmp(&a.id)));
        Ok(all)
    }

    /// Runs that have not ended and are not deleted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open_runs(&self) -> Result<Vec<Run>, Failure> {
        let open = [RunState::Queued, RunState::Running, RunState::Paused].map(RunState::name);
        let rows: Vec<String> = self.read(|connection| {
            let mut statement = connection
                .prepare("SELECT json FROM runs WHERE state IN (?1, ?2, ?3) ORDER BY created_at")?;
            let rows = statement.query_map(open, |row| row.get(0))?;
            rows.collect()
        })?;
        Ok(rows.iter().filter_map(|json| decode::<Run>(json)).filter(|run| !run.deleted).collect())
    }
}
