//! Keys in the store: their records, and the hashes by which they are known again.

use orrery_domain::{Failure, access::KeyRecord};
use rusqlite::OptionalExtension;

use super::{Store, encode};

impl Store {
    /// Adds a key, known by the hash of its secret.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_key(&mut self, key: &KeyRecord, hash: &str) -> Result<(), Failure> {
        self.write(|writing, _| {
            let json = encode(key)?;
            writing.execute(
                "INSERT INTO keys (id, hash, json) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET json = ?3",
                [&key.id, hash, &json],
            )?;
            Ok(())
        })
    }

    /// The key whose secret has this hash.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn key_by_hash(&self, hash: &str) -> Result<Option<KeyRecord>, Failure> {
        let json: Option<String> = self.read(|connection| {
            let mut find = connection.prepare_cached("SELECT json FROM keys WHERE hash = ?1")?;
            find.query_row([hash], |row| row.get(0)).optional()
        })?;
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    /// Every key with its hash, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn keys(&self) -> Result<Vec<(KeyRecord, String)>, Failure> {
        let rows: Vec<(String, String)> = self.read(|connection| {
            let mut all = connection.prepare("SELECT json, hash FROM keys ORDER BY rowid")?;
            let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        Ok(rows
            .into_iter()
            .filter_map(|(json, hash)| Some((serde_json::from_str(&json).ok()?, hash)))
            .collect())
    }
}
