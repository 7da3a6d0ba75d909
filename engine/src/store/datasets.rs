//! Datasets and their profiles in the store.

use orrery_domain::{DatasetId, Failure, dataset::Dataset, dataset::ImportOptions, profile::Profile};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, decode, encode};

/// JSON and whether deleted, of every dataset stamped after `revision`.
pub(super) fn changed(reading: &Transaction<'_>, revision: i64) -> rusqlite::Result<Vec<(String, bool)>> {
    let mut statement = reading.prepare_cached("SELECT json, deleted FROM datasets WHERE revision > ?1")?;
    let rows = statement.query_map([revision], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

impl Store {
    /// Records an import. The same bytes with the same options are the same dataset: the first record stays, and a deleted
    /// one comes back. Returns the record that stands.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_dataset(&mut self, dataset: &Dataset, profile: &Profile) -> Result<Dataset, Failure> {
        self.write(|writing, revision| {
            let earlier: Option<String> = writing
                .query_row("SELECT json FROM datasets WHERE id = ?1", [&dataset.id.0], |row| row.get(0))
                .optional()?;
            // The table's own hash decides: after a change of the file format the blob is another one.
            let earlier =
                earlier.and_then(|json| decode::<Dataset>(&json)).filter(|old| old.blob == dataset.blob);
            let standing = earlier.unwrap_or_else(|| dataset.clone());
            writing.execute(
                "INSERT INTO datasets (id, hash, json, deleted, revision) VALUES (?1, ?2, ?3, 0, ?4)
                 ON CONFLICT (id) DO UPDATE SET json = ?3, deleted = 0, revision = ?4",
                params![standing.id.0, standing.source.hash, encode(&standing)?, revision],
            )?;
            orrery_learn::faults::kill("dataset");
            put_profile_in(writing, profile)?;
            Ok(standing)
        })
    }

    /// Records a profile.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_profile(&mut self, profile: &Profile) -> Result<(), Failure> {
        self.write(|writing, _| put_profile_in(writing, profile))
    }

    /// The profile of a dataset for a target.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn profile(&self, dataset: &DatasetId, target: Option<&str>) -> Result<Option<Profile>, Failure> {
        let json: Option<String> = self.read(|connection| {
            connection
                .query_row(
                    "SELECT json FROM profiles WHERE dataset = ?1 AND target = ?2",
                    [&dataset.0, target.unwrap_or_default()],
                    |row| row.get(0),
                )
                .optional()
        })?;
        Ok(json.and_then(|json| decode(&json)))
    }

    /// Every dataset and whether it is deleted, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn datasets(&mut self) -> Result<Vec<(Dataset, bool)>, Failure> {
        let mut all = self.changes_since(-1)?.datasets;
        all.sort_by(|(a, _), (b, _)| b.imported_at.total_cmp(&a.imported_at));
        Ok(all)
    }

    /// The dataset of that id, deleted or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn dataset(&self, id: &DatasetId) -> Result<Option<(Dataset, bool)>, Failure> {
        let row: Option<(String, bool)> = self.read(|connection| {
            connection
                .query_row("SELECT json, deleted FROM datasets WHERE id = ?1", [&id.0], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .optional()
        })?;
        Ok(row.and_then(|(json, deleted)| decode(&json).map(|dataset| (dataset, deleted))))
    }

    /// The dataset imported from a file of that hash with those options, if it is not deleted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn dataset_of_file(&self, hash: &str, options: &ImportOptions) -> Result<Option<Dataset>, Failure> {
        let rows: Vec<String> = self.read(|connection| {
            let mut statement =
                connection.prepare("SELECT json FROM datasets WHERE hash = ?1 AND deleted = 0")?;
            let rows = statement.query_map([hash], |row| row.get(0))?;
            rows.collect()
        })?;
        Ok(rows.iter().filter_map(|json| decode::<Dataset>(json)).find(|dataset| dataset.options == *options))
    }

    /// Marks a dataset as deleted or not. Returns whether it is known.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn mark_dataset(&mut self, id: &DatasetId, deleted: bool) -> Result<bool, Failure> {
        self.write(|writing, revision| {
            let rows = writing.execute(
                "UPDATE datasets SET deleted = ?2, revision = ?3 WHERE id = ?1",
                params![id.0, deleted, revision],
            )?;
            Ok(rows > 0)
        })
    }
}

fn put_profile_in(writing: &Transaction<'_>, profile: &Profile) -> rusqlite::Result<()> {
    writing.execute(
        "INSERT INTO profiles (dataset, target, json) VALUES (?1, ?2, ?3)
         ON CONFLICT (dataset, target) DO UPDATE SET json = ?3",
        params![profile.dataset.0, profile.target.as_deref().unwrap_or_default(), encode(profile)?],
    )?;
    Ok(())
}
