//! Files: written beside their place, synced and renamed, so that a reader sees the old or the new one and never half of either.

use std::{
    io::{self, Write},
    path::Path,
};

use orrery_domain::{Failure, FailureClass};
use serde::{Serialize, de::DeserializeOwned};

use crate::faults::{self, Fault};

/// Writes `bytes` to `path`.
///
/// # Errors
/// A capacity failure when the disk does not take it.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    try_bytes(path, bytes).map_err(|error| unwritten(&error, path))
}

/// Writes `bytes` to `path`, for whoever may have a way on from a full disk.
///
/// # Errors
/// What the disk said.
pub fn try_bytes(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let write = |file: &mut std::fs::File| {
        if faults::happens(Fault::DiskFull, "file") {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all(bytes)
    };
    beside(path, write, || {})
}

/// Copies a model's file; the copy appears whole or not at all.
///
/// # Errors
/// A model failure when it cannot be read, a capacity failure when the disk does not take it.
pub fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let bytes = std::fs::read(from).map_err(|error| {
        Failure::new(
            FailureClass::Model,
            format!("A file of the model cannot be read: {error}. ({})", from.display()),
        )
    })?;
    write_bytes(to, &bytes)
}

/// Writes a checkpoint's `bytes` to `path`, where tests may let it fail.
///
/// # Errors
/// What the disk said.
pub fn write_checkpoint(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let write = |file: &mut std::fs::File| {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        file.write_all(first)?;
        faults::kill("checkpoint-write");
        if faults::happens(Fault::DiskFull, "checkpoint") {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write_all(second)
    };
    beside(path, write, || faults::kill("checkpoint-rename"))?;
    faults::kill("checkpoint");
    Ok(())
}

/// Writes a file beside its place, syncs it, and renames it after `last`.
fn beside(
    path: &Path,
    write: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
    last: impl FnOnce(),
) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    last();
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder);
    Ok(())
}

/// A sentence about a damaged checkpoint. It may stand on a model's card, so it names no folder.
pub fn damaged(path: &Path, what: &str) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    format!("The checkpoint {name} is damaged ({what}): the one before it is used, or training begins again.")
}

/// The failure of a file that the disk did not take.
pub fn unwritten(error: &io::Error, path: &Path) -> Failure {
    Failure::new(
        FailureClass::Capacity,
        format!(
            "A file could not be written: {error}. Free some disk space and try again. ({})",
            path.display()
        ),
    )
}

/// Removes what a killed process left half written in a folder that only this one writes to.
pub fn clear_unfinished(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(".tmp")
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            log::debug!("an unfinished file stays: {error} ({})", entry.path().display());
        }
    }
}

/// Removes a folder with everything in it; none there: nothing done.
pub fn remove_folder(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        log::debug!("a folder stays: {error} ({})", folder.display());
    }
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
    write_bytes(path, &seal(path, value)?)
}

/// A value as JSON behind a line with its BLAKE3 hash.
///
/// # Errors
/// A bug failure when the value has no JSON form.
pub fn seal<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, Failure> {
    let json = serde_json::to_vec(value).map_err(|error| {
        Failure::new(FailureClass::Bug, format!("A value has no JSON form: {error}. ({})", path.display()))
    })?;
    let mut bytes = blake3::hash(&json).to_hex().as_bytes().to_vec();
    bytes.push(b'\n');
    bytes.extend(json);
    Ok(bytes)
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
