//! Kept: the folder of a request whose work can be taken up again, found by whoever asks for the same.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use orrery_domain::{Failure, FailureClass, job::JobEvent, run::Progress};
use orrery_learn::control::{Interrupt, JobControl, check};
use serde::Serialize;

use crate::{files, runs, workspace::Workspace};

/// Requests of a kind of work that ended early and are kept.
const MOST: usize = 8;
/// How long the same work, which was just cancelled, may take to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at it.
const NAP: Duration = Duration::from_millis(50);
/// How often a folder is made anew that others remove at that very moment.
const TRIES: usize = 20;

/// What is computed for a request, from one try to the next.
pub(super) struct Kept {
    folder: PathBuf,
    /// Held while the work goes on: two of the same would write into each other's files.
    _lock: File,
}

/// What became of asking for a folder's lock.
enum Lock {
    Held(File),
    /// Somebody else has it.
    Busy,
    /// The folder is not there any more.
    Gone,
}

impl Kept {
    /// The folder of a request of that kind of work, once nobody else works on the same, which `what` names ("explanation of m:1").
    /// Forgets the oldest of that kind.
    ///
    /// # Errors
    /// A client failure when somebody else goes on with it, an interruption meanwhile, or a failure when it cannot be made.
    pub fn claim(
        workspace: &Workspace,
        kind: &str,
        request: &impl Serialize,
        what: &str,
        control: &dyn JobControl,
    ) -> Result<Self, Interrupt> {
        let begin = Instant::now();
        loop {
            if let Some(kept) = Self::open(workspace, kind, request)? {
                forget(workspace, kind, MOST);
                return Ok(kept);
            }
            if begin.elapsed() > PATIENCE {
                let message = format!("The same {what} is being done already. Wait for it, or cancel it.");
                return Err(Failure::new(FailureClass::Client, message).into());
            }
            let phase = format!("Waiting for the end of the same {what}");
            let progress = Progress { phase, ..Progress::default() };
            control.emit(JobEvent::Progress { progress, kind: None });
            check(control)?;
            std::thread::sleep(NAP);
        }
    }

    /// The folder of a request of that kind of work; `None` where another process works on the same.
    ///
    /// # Errors
    /// When it cannot be made.
    fn open(workspace: &Workspace, kind: &str, request: &impl Serialize) -> Result<Option<Self>, Failure> {
        let request = serde_json::to_string(request).map_err(|error| {
            Failure::new(FailureClass::Bug, format!("The request cannot be written: {error}."))
        })?;
        let name = blake3::hash(request.as_bytes()).to_hex();
        let folder = workspace.jobs().join(format!("{kind}-{}", &name[..16]));
        let refused =
            |error: &std::io::Error| files::failure("What is computed cannot be kept", error, &folder);
        let mut unmade = None;
        for _ in 0..TRIES {
            unmade = files::create_private(&folder).err();
            if unmade.is_some() {
                continue;
            }
            match lock(&folder).map_err(|error| refused(&error))? {
                Lock::Held(lock) => return Ok(Some(Self { folder: folder.clone(), _lock: lock })),
                Lock::Busy => return Ok(None),
                Lock::Gone => {}
            }
        }
        unmade.map_or(Ok(None), Err)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The end of a try. What was computed stays where somebody ended it, or where the same may come through another time; else it goes
    /// with all that is in the folder.
    pub fn end<T>(self, result: &Result<T, Interrupt>) {
        let stays = match result {
            Ok(_) => false,
            Err(Interrupt::Cancelled | Interrupt::Stopped) => true,
            Err(Interrupt::Failed(failure)) => match failure.class {
                FailureClass::Transient | FailureClass::Capacity | FailureClass::Hardware => true,
                // It would fail again, maybe by what was kept.
                FailureClass::Client
                | FailureClass::Data
                | FailureClass::Auth
                | FailureClass::Model
                | FailureClass::Bug => false,
            },
        };
        if !stays {
            remove(&self.folder);
        }
    }
}

/// Asks for the lock of a folder.
fn lock(folder: &Path) -> io::Result<Lock> {
    let path = folder.join("lock");
    let lock = match File::create(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lock::Gone),
        made => made?,
    };
    match lock.try_lock() {
        // Who had it may have removed the folder since the file was opened: others would not meet this lock.
        Ok(()) if is_at(&lock, &path)? => Ok(Lock::Held(lock)),
        Ok(()) => Ok(Lock::Gone),
        Err(TryLockError::WouldBlock) => Ok(Lock::Busy),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether a path still leads to this file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    let opened = file.metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Ok((opened.dev(), opened.ino()) == (there.dev(), there.ino()))
    }
    #[cfg(not(unix))]
    {
        Ok(opened.is_file() && there.is_file())
    }
}

/// Removes a folder that is of no more use.
pub(super) fn remove(folder: &Path) {
    if !folder.exists() {
        return;
    }
    // Under another name first: whoever asks for it meanwhile makes a folder anew, and none in what is going away. Where that is
    // refused (Windows, while the lock is open), it goes as it is.
    let away = folder.with_extension(runs::fresh_id());
    let removed = match fs::rename(folder, &away) {
        Ok(()) => fs::remove_dir_all(&away),
        Err(_refused) => fs::remove_dir_all(folder),
    };
    if let Err(error) = removed {
        log::warn!("a folder that is of no more use stays: {error} ({})", folder.display());
    }
}

/// Removes what was kept of that kind of work, but for the newest `most` and what is being worked on.
fn forget(workspace: &Workspace, kind: &str, most: usize) {
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
        // Held until the folder is gone.
        if let Ok(Lock::Held(_lock)) = lock(&folder) {
            remove(&folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: Result<(), Interrupt> = Ok(());

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
        again.end(&Err::<(), _>(Interrupt::Cancelled));
        let failed = |class| Err::<(), _>(Interrupt::Failed(Failure::new(class, "No.")));
        open(1).expect("free").end(&failed(FailureClass::Capacity));
        assert!(folder.join("piece").exists(), "it may come through another time");
        open(1).expect("free").end(&failed(FailureClass::Model));
        assert!(!folder.exists());
        open(1).expect("free").end(&DONE);
        assert!(!folder.exists());
    }

    #[test]
    fn a_lock_in_a_folder_that_was_removed_since_is_none() {
        let home = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(home.path()).expect("opened");
        let open = || Kept::open(&workspace, "work", &1).expect("lockable");
        let kept = open().expect("free");
        let (folder, path) = (kept.folder().to_path_buf(), kept.folder().join("lock"));
        let late = File::create(&path).expect("there");
        assert!(is_at(&late, &path).expect("known"));
        kept.end(&DONE);
        late.try_lock().expect("nobody has it");
        assert!(!is_at(&late, &path).expect("known"));
        assert!(matches!(lock(&folder), Ok(Lock::Gone)));
        let again = open().expect("free");
        assert!(!cfg!(unix) || !is_at(&late, &path).expect("known"), "another file of that name");
        assert!(again.folder() == folder && open().is_none());
    }

    /// Threads that take the same folder and remove it: never two have it.
    #[test]
    #[cfg(unix)]
    fn a_request_has_one_worker_while_others_remove_its_folder() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let home = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(home.path()).expect("opened");
        let (inside, worked) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let Some(kept) = Kept::open(&workspace, "work", &1).expect("lockable") else {
                            std::thread::yield_now();
                            continue;
                        };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "somebody else has it");
                        assert!(kept.folder().join("lock").exists());
                        worked.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        kept.end(&DONE);
                    }
                });
            }
        });
        assert!(worked.into_inner() > 0);
    }

    /// Ends the work at its first word.
    struct Impatient(std::sync::atomic::AtomicBool);

    impl JobControl for Impatient {
        fn emit(&self, _event: JobEvent) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }

        fn wish(&self) -> orrery_learn::control::Wish {
            use orrery_learn::control::Wish;
            if self.0.load(std::sync::atomic::Ordering::Relaxed) { Wish::Cancel } else { Wish::Continue }
        }
    }

    #[test]
    fn the_same_work_is_waited_for_until_it_ends_or_a_person_does_not_want_to() {
        let home = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(home.path()).expect("opened");
        let claim = |control: &dyn JobControl| Kept::claim(&workspace, "work", &1, "work", control);
        let first = Kept::open(&workspace, "work", &1).expect("lockable").expect("free");
        let impatient = Impatient(std::sync::atomic::AtomicBool::new(false));
        assert!(matches!(claim(&impatient), Err(Interrupt::Cancelled)));
        let folder = first.folder().to_path_buf();
        let ends = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            first.end(&DONE);
        });
        let second = claim(&orrery_learn::control::Unwatched).expect("free by then");
        ends.join().expect("it ends");
        assert!(second.folder() == folder && folder.exists());
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
