//! What was measured of devices, by what names them.

use orrery_domain::{
    Failure,
    device::{Device, DeviceKind, DeviceState},
};
use rusqlite::params;

use super::{Store, decode, encode};

/// What a measurement belongs to: another driver version is another device.
fn key(device: &Device) -> String {
    format!(
        "{}|{}|{}|{}|{}",
        device.api,
        device.name,
        device.driver,
        device.kind.title(),
        device.threads.unwrap_or_default()
    )
}

impl Store {
    /// Keeps what a probe found.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put_device(&mut self, device: &Device) -> Result<(), Failure> {
        self.write(|writing, _| {
            writing.execute(
                "INSERT INTO devices (key, json) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET json = ?2",
                params![key(device), encode(device)?],
            )?;
            Ok(())
        })
    }

    /// Whether a graphics adapter was ever measured and found usable: without one there is nothing to choose.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn measured_adapter(&self) -> Result<bool, Failure> {
        let known: Vec<String> = self.read(|connection| {
            let mut statement = connection.prepare("SELECT json FROM devices")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        })?;
        Ok(known.iter().filter_map(|json| decode::<Device>(json)).any(|device| {
            !matches!(device.kind, DeviceKind::Cpu | DeviceKind::SoftwareRasterizer)
                && matches!(device.state, DeviceState::Usable { .. })
        }))
    }

    /// Fills in what earlier probes of the same devices found.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn recall_devices(&self, devices: &mut [Device]) -> Result<(), Failure> {
        let known: Vec<(String, String)> = self.read(|connection| {
            let mut statement = connection.prepare("SELECT key, json FROM devices")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })?;
        for device in devices.iter_mut().filter(|device| device.state == DeviceState::Unprobed) {
            let wanted = key(device);
            let probed =
                known.iter().find(|(key, _)| *key == wanted).and_then(|(_, json)| decode::<Device>(json));
            if let Some(probed) = probed {
                device.state = probed.state;
                device.probed_at = probed.probed_at;
            }
        }
        Ok(())
    }
}
