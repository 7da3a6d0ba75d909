//! Settings in the store.

use orrery_domain::{Failure, device::DeviceChoice, serving::Serving};
use rusqlite::OptionalExtension;

use super::{Store, decode, encode};

const DEFAULT_DEVICE: &str = "default_device";
const SERVED: &str = "served:";
const SERVING: &str = "serving:";

impl Store {
    /// The device new requests begin with.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn default_device(&self) -> Result<DeviceChoice, Failure> {
        let text = self.setting(DEFAULT_DEVICE)?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or_default())
    }

    /// Sets it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn set_default_device(&mut self, device: DeviceChoice) -> Result<(), Failure> {
        self.set_setting(DEFAULT_DEVICE, &device.to_string())
    }

    /// The version of a model that a node answers with where none is named; `None`: its newest.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn served_version(&self, model: &str) -> Result<Option<u32>, Failure> {
        Ok(self.setting(&format!("{SERVED}{model}"))?.and_then(|text| text.parse().ok()))
    }

    /// Sets it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn set_served_version(&mut self, model: &str, version: u32) -> Result<(), Failure> {
        self.set_setting(&format!("{SERVED}{model}"), &version.to_string())
    }

    /// What was applied to a model of that name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn serving(&self, model: &str) -> Result<Option<Serving>, Failure> {
        Ok(self.setting(&format!("{SERVING}{model}"))?.and_then(|text| decode(&text)))
    }

    /// What was applied, by the model's name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn servings(&self) -> Result<Vec<(String, Serving)>, Failure> {
        let rows: Vec<(String, String)> = self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT key, value FROM settings WHERE key GLOB 'serving:*' ORDER BY key")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        let read =
            |(key, value): (String, String)| Some((key.strip_prefix(SERVING)?.to_owned(), decode(&value)?));
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Changes what is applied to a model, and which version of it answers where none is named, in one step. `change` is given both, and
    /// gives both back, or a reason to change nothing.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn change_serving<E>(
        &mut self,
        model: &str,
        change: impl FnOnce(Serving, Option<u32>) -> Result<(Serving, Option<u32>), E>,
    ) -> Result<Result<Serving, E>, Failure> {
        let keys = [format!("{SERVING}{model}"), format!("{SERVED}{model}")];
        self.write(|writing, _| {
            let read = |key: &String| {
                writing
                    .query_row("SELECT value FROM settings WHERE key = ?1", [key], |row| row.get::<_, String>(0))
                    .optional()
            };
            let now: Serving = read(&keys[0])?.and_then(|text| decode(&text)).unwrap_or_default();
            let served = read(&keys[1])?.and_then(|text| text.parse().ok());
            let (mut next, served) = match change(now.clone(), served) {
                Ok(changed) => changed,
                Err(why) => return Ok(Err(why)),
            };
            next.revision = now.revision + 1;
            let put = "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
            writing.execute(put, [&keys[0], &encode(&next)?])?;
            match served {
                Some(version) => writing.execute(put, [&keys[1], &version.to_string()])?,
                None => writing.execute("DELETE FROM settings WHERE key = ?1", [&keys[1]])?,
            };
            Ok(Ok(next))
        })
    }

    fn setting(&self, key: &str) -> Result<Option<String>, Failure> {
        self.read(|connection| {
            connection
                .query_row("SELECT value FROM settings WHERE key = ?1", [key], |row| row.get(0))
                .optional()
        })
    }

    fn set_setting(&mut self, key: &str, value: &str) -> Result<(), Failure> {
        self.write(|writing, _| {
            writing.execute(
                "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
                [key, value],
            )?;
            Ok(())
        })
    }
}
