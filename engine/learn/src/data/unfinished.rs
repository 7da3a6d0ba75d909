//! Unfinished imports: what a killed one left half written is removed, what a living one writes is not.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// Begins the names of files that are being written.
const PREFIX: &str = ".tmp";

/// The file whose lock every process shares while it writes into the folder of imported tables; beside that folder.
fn lock_file(blobs: &Path) -> PathBuf {
    blobs.with_extension("lock")
}

fn open_lock(blobs: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(lock_file(blobs))
}

/// Says that this process writes into the folder, as long as the value lives: its unfinished files are not removed. `None`
/// where the file system knows no locks; nobody removes anything there.
pub(super) fn writing(blobs: &Path) -> Option<File> {
    let locked = open_lock(blobs).and_then(|file| file.lock_shared().map(|()| file));
    locked.map_err(|error| log::debug!("an import is not marked: {error} ({})", blobs.display())).ok()
}

/// Removes what killed imports left half written in the folder of imported tables; nothing while an import goes on in any
/// process, for then it may be that one's.
pub fn clear_unfinished_imports(blobs: &Path) {
    let left: Vec<PathBuf> = std::fs::read_dir(blobs)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .collect();
    if left.is_empty() {
        return;
    }
    let Ok(lock) = open_lock(blobs) else { return };
    if lock.try_lock().is_err() {
        return;
    }
    for path in left {
        match std::fs::remove_file(&path) {
            Ok(()) => log::info!("removed what a killed import had left ({})", path.display()),
            Err(error) => log::debug!("an unfinished file stays: {error} ({})", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_dead_imports_left_is_removed() {
        let home = tempfile::tempdir().expect("a folder");
        let blobs = home.path().join("blobs");
        std::fs::create_dir(&blobs).expect("made");
        let (left, table) = (blobs.join(".tmpAb12Cd"), blobs.join("0123.arrow"));
        for path in [&left, &table] {
            crate::train::files::write_bytes(path, b"half").expect("written");
        }
        let alive = writing(&blobs).expect("locks are known here");
        let other = writing(&blobs).expect("several imports at once");
        clear_unfinished_imports(&blobs);
        assert!(left.exists(), "an import that goes on may be writing it");
        drop((alive, other));
        clear_unfinished_imports(&blobs);
        assert!(!left.exists() && table.exists());
        assert!(writing(&blobs).is_some(), "the lock is free again");
    }
}
