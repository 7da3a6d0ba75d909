//! Kept: the folder of a request whose work can be taken up again, found by whoever asks for the same.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    time::SystemTime,
};

use orrery_domain::{Failure, FailureClass};
use serde::Serialize;

use crate::{files, workspace::Workspace};

/// What is computed for a request, from one try to the next.
pub(super) struct Kept {
    folder: PathBuf,
    /// Held while the work goes on: two of the same would write into each other's files.
    _lock: File,
}

impl Kept {
    /// The folder of a request of that kind of work; `None` where another process works on the same.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(
        workspace: &Workspace,
        kind: &str,
        request: &impl Serialize,
    ) -> Result<Option<Self>, Failure> {
        let request = serde_json::to_string(request).map_err(|error| {
            Failure::new(FailureClass::Bug, format!("The request cannot be written: {error}."))
        })?;
        let name = blake3::hash(request.as_bytes()).to_hex();
        let folder = workspace.jobs().join(format!("{kind}-{}", &name[..16]));
        let refused =
            |error: &std::io::Error| files::failure("What is computed cannot be kept", error, &folder);
        files::create_private(&folder)?;
        let lock = File::create(folder.join("lock")).map_err(|error| refused(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { folder: folder.clone(), _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(refused(&error)),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes it with all that is in it: the work is done.
    pub fn remove(self) {
        remove(&self.folder);
    }
}

/// Removes a folder that is of no more use.
pub(super) fn remove(folder: &Path) {
    if folder.exists()
        && let Err(error) = fs::remove_dir_all(folder)
    {
        log::warn!("a folder that is of no more use stays: {error} ({})", folder.display());
    }
}

/// Removes what was kept of that kind of work, but for the newest `most` and what is being worked on.
pub(super) fn forget(workspace: &Workspace, kind: &str, most: usize) {
    let mut found: Vec<(SystemTime, PathBuf)> = fs::read_dir(workspace.jobs())
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().strip_prefix(kind).is_some_and(|rest| rest.starts_with('-'))
        })
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort_by_key(|(changed, _)| std::cmp::Reverse(*changed));
    for (_, folder) in found.into_iter().skip(most) {
        let free = File::create(folder.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if free {
            remove(&folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_one_worker_and_is_found_again() {
        let home = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(home.path()).expect("opened");
        let open = |request: u32| Kept::open(&workspace, "work", &request).expect("lockable");
        let first = open(1).expect("free");
        assert!(open(1).is_none() && open(2).is_some());
        let folder = first.folder().to_path_buf();
        files::write_atomic(&folder.join("piece"), b"1").expect("written");
        drop(first);
        let again = open(1).expect("free");
        assert!(again.folder() == folder && folder.join("piece").exists());
        again.remove();
        assert!(!folder.exists());
    }

    #[test]
    fn old_requests_are_forgotten_but_for_those_that_are_worked_on() {
        let home = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(home.path()).expect("opened");
        let folders: Vec<PathBuf> = (0..4)
            .map(|request| {
                std::thread::sleep(std::time::Duration::from_millis(20));
                let kept = Kept::open(&workspace, "work", &request).expect("lockable").expect("free");
                kept.folder().to_path_buf()
            })
            .collect();
        let other = Kept::open(&workspace, "works", &0).expect("lockable").expect("free");
        let busy = Kept::open(&workspace, "work", &0).expect("lockable").expect("free");
        forget(&workspace, "work", 2);
        let there: Vec<bool> = folders.iter().map(|folder| folder.exists()).collect();
        assert_eq!(there, [true, false, true, true]);
        assert!(other.folder().exists());
        drop(busy);
    }
}
