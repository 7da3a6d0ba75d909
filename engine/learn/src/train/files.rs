//! Files: written beside their place, synced and renamed, so that a reader sees the old or the new one and never half of either.

use std::{io::Write, path::Path};

use orrery_domain::{Failure, FailureClass};
use serde::{Serialize, de::DeserializeOwned};

/// Writes `bytes` to `path`.
///
/// # Errors
/// A capacity failure when the disk does not take it.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(
            FailureClass::Capacity,
            format!(
                "A file could not be written: {error}. Free some disk space and try again. ({})",
                path.display()
            ),
        )
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    file.write_all(bytes).map_err(|error| failed(&error))?;
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error))?;
    sync_folder(folder);
    Ok(())
}

/// Makes a rename in `folder` last through a power cut, where the system can.
pub fn sync_folder(folder: &Path) {
    // Windows cannot open folders; there the rename is as durable as the file system makes it.
    if let Ok(folder) = std::fs::File::open(folder)
        && let Err(error) = folder.sync_all()
    {
        log::debug!("folder not synced: {error}");
    }
}

/// Writes a value as indented JSON.
///
/// # Errors
/// A capacity failure when the disk does not take it; a bug failure when the value has no JSON form.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| {
        Failure::new(FailureClass::Bug, format!("A value has no JSON form: {error}. ({})", path.display()))
    })?;
    bytes.push(b'\n');
    write_bytes(path, &bytes)
}

/// Writes a value as JSON behind a line with its BLAKE3 hash.
///
/// # Errors
/// As [`write_json`].
pub fn write_sealed<T: Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    let json = serde_json::to_vec(value).map_err(|error| {
        Failure::new(FailureClass::Bug, format!("A value has no JSON form: {error}. ({})", path.display()))
    })?;
    let mut bytes = blake3::hash(&json).to_hex().as_bytes().to_vec();
    bytes.push(b'\n');
    bytes.extend(json);
    write_bytes(path, &bytes)
}

/// Reads what [`write_sealed`] wrote; `Err` says in a few words why it cannot be used.
pub fn read_sealed<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let line = bytes.iter().position(|byte| *byte == b'\n').ok_or("it is cut off")?;
    let (hash, json) = (&bytes[..line], &bytes[line + 1..]);
    if hash != blake3::hash(json).to_hex().as_bytes() {
        return Err("its hash does not fit its content".to_owned());
    }
    serde_json::from_slice(json).map_err(|error| error.to_string())
}
