//! Settings in the store.

use orrery_domain::{Failure, device::DeviceChoice};
use rusqlite::OptionalExtension;

use super::Store;

const DEFAULT_DEVICE: &str = "default_device";
const SERVED: &str = "served:";

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
