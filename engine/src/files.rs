//! Files: written beside and renamed, moved, copied and counted, with failures a person can act on.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use orrery_domain::{Failure, FailureClass};

/// The failure an I/O error means: what was tried, why not, what to do, and the path last.
pub fn failure(tried: &str, error: &io::Error, path: &Path) -> Failure {
    let (class, next) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (FailureClass::Capacity, "Free some disk space and try again.")
        }
        io::ErrorKind::OutOfMemory => (FailureClass::Capacity, "Close other programs and try again."),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (FailureClass::Auth, "Check who may read and write it.")
        }
        io::ErrorKind::NotFound => (FailureClass::Data, "Check that it is there."),
        io::ErrorKind::AlreadyExists => (FailureClass::Client, "Choose another place."),
        _ => (FailureClass::Transient, "Try again; `orrery doctor` checks the disk."),
    };
    Failure::new(class, format!("{tried}: {error}. {next} ({})", path.display()))
}

/// Checks that a path leads to a regular file: not to a folder, a device, a pipe or nowhere.
///
/// # Errors
/// A failure that says what is there.
pub fn require_file(path: &Path) -> Result<(), Failure> {
    let metadata = fs::metadata(path).map_err(|error| failure("The file cannot be read", &error, path))?;
    if metadata.is_file() {
        return Ok(());
    }
    let what = if metadata.is_dir() { "a folder" } else { "a device or pipe" };
    Err(Failure::new(
        FailureClass::Data,
        format!("This is {what}, not a file. Choose a file. ({})", path.display()),
    ))
}

/// Checks that a path leads to a regular file or to a folder (of pictures): not to a device, a pipe or nowhere.
///
/// # Errors
/// A failure that says what is there.
pub fn require_data(path: &Path) -> Result<(), Failure> {
    if path.is_dir() { Ok(()) } else { require_file(path) }
}

/// Writes `bytes` beside `path`, syncs, and renames: after a crash the file is the old one or the new one.
///
/// # Errors
/// When the disk or its permissions refuse.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| failure("The file could not be written", &error, path);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    sync_folder(folder);
    Ok(())
}

/// Makes a rename in `folder` durable where the platform can; elsewhere the rename itself has to do.
pub fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    if let Err(error) = fs::File::open(folder).and_then(|folder| folder.sync_all()) {
        log::debug!("a folder could not be synced: {error} ({})", folder.display());
    }
    #[cfg(not(unix))]
    let _unsynced = folder;
}

/// Creates a folder (and what leads to it) that only its owner may enter.
///
/// # Errors
/// When the disk or its permissions refuse.
pub fn create_private(folder: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| failure("The folder could not be created", &error, folder))
}

/// Lets only its owner enter a folder that is there already.
///
/// # Errors
/// When it belongs to somebody else.
pub fn make_private(folder: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(folder, only_owner)
            .map_err(|error| failure("The folder could not be made private", &error, folder))?;
    }
    #[cfg(not(unix))]
    let _inherited = folder;
    Ok(())
}

/// Moves a file or folder inside the workspace, creating what leads to its new place. Nothing there: nothing done.
///
/// # Errors
/// When the disk refuses or something is already at `to`.
pub fn move_entry(from: &Path, to: &Path) -> Result<(), Failure> {
    if !from.exists() {
        return Ok(());
    }
    if to.exists() {
        let error = io::Error::from(io::ErrorKind::AlreadyExists);
        return Err(failure("It could not be moved", &error, to));
    }
    if let Some(parent) = to.parent() {
        create_private(parent)?;
    }
    fs::rename(from, to).map_err(|error| failure("It could not be moved", &error, to))?;
    if let Some(parent) = to.parent() {
        sync_folder(parent);
    }
    Ok(())
}

/// Copies a folder into a new or empty one: beside it first, renamed when complete.
///
/// # Errors
/// When something is already at `to`, or the disk refuses.
pub fn copy_folder(from: &Path, to: &Path) -> Result<(), Failure> {
    if to.exists() && !is_empty(to) {
        let error = io::Error::from(io::ErrorKind::AlreadyExists);
        return Err(failure("The folder could not be copied", &error, to));
    }
    let failed = |error: io::Error| failure("The folder could not be copied", &error, to);
    let parent = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(failed)?;
    let staged = tempfile::TempDir::with_prefix_in(".orrery-copy-", parent).map_err(failed)?;
    copy_into(from, staged.path()).map_err(failed)?;
    if to.exists() {
        fs::remove_dir(to).map_err(failed)?;
    }
    fs::rename(staged.keep(), to).map_err(failed)?;
    sync_folder(parent);
    Ok(())
}

/// Whether a folder holds nothing (or is no folder).
pub fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn copy_into(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_into(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            fs::File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}

/// Bytes of a file or of all files below a folder; what cannot be read counts nothing.
pub fn bytes_of(path: &Path) -> u64 {
    let Ok(data) = fs::symlink_metadata(path) else { return 0 };
    if !data.is_dir() {
        return data.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| bytes_of(&entry.path())).sum()
}

/// Free bytes of the disk that holds `path`.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let path = path.canonicalize().ok()?;
    let disks = sysinfo::Disks::new_with_refreshed_list().ok()?;
    disks
        .iter()
        .filter(|disk| path.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().components().count())
        .map(sysinfo::Disk::available_space)
}

/// The last `limit` bytes of a text file, as text; empty where there is none.
pub fn tail_text(path: &Path, limit: u64) -> String {
    use io::{Read, Seek};
    let read = || -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(io::SeekFrom::Start(length.saturating_sub(limit)))?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// An absolute path, without asking the disk.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_whole_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        write_atomic(&path, b"one").expect("written");
        write_atomic(&path, b"two").expect("replaced");
        assert_eq!(fs::read(&path).expect("there"), b"two");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_copy_never_overwrites() {
        let folder = tempfile::tempdir().expect("a folder");
        let from = folder.path().join("from");
        fs::create_dir_all(from.join("deep")).expect("made");
        write_atomic(&from.join("deep/file"), b"x").expect("written");
        let to = folder.path().join("to");
        copy_folder(&from, &to).expect("copied");
        assert_eq!(fs::read_to_string(to.join("deep/file")).expect("there"), "x");
        assert_eq!(bytes_of(&to), 1);
        let refused = copy_folder(&from, &to).expect_err("not empty");
        assert_eq!(refused.class, FailureClass::Client);
    }

    #[test]
    fn the_disk_of_a_folder_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(free) = free_bytes(folder.path()) {
            assert!(free > 0);
        }
    }
}
