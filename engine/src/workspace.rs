//! The workspace on disk: where everything lies, and which window has it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use orrery_domain::{DatasetId, Failure, FailureClass, ModelRef, RunId, dataset::Dataset};

use crate::files;

/// Tries for a rollout's lock before it counts as held: whoever only looks has it for a moment.
const ROLLOUT_TRIES: u32 = 5;
/// Time between two of them.
const ROLLOUT_TRY_EVERY: Duration = Duration::from_millis(10);

/// A workspace folder. Cheap to clone; opening it makes sure that its folders are there and private.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    home: PathBuf,
}

impl Workspace {
    /// Where the workspace is: `asked`, else `ORRERY_HOME`, else the platform's folder for application data.
    ///
    /// # Errors
    /// When the platform names no such folder.
    pub fn locate(asked: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(asked) = asked {
            return Ok(files::absolute(asked));
        }
        if let Some(home) = std::env::var_os("ORRERY_HOME").filter(|home| !home.is_empty()) {
            return Ok(files::absolute(Path::new(&home)));
        }
        directories::ProjectDirs::from("", "", "orrery").map(|dirs| dirs.data_dir().to_path_buf()).ok_or_else(
            || {
                Failure::new(
                    FailureClass::Client,
                    "This machine names no home folder for you. Say where the workspace is with --home DIR.",
                )
            },
        )
    }

    /// Opens the workspace at `home`, creating what is missing and removing what killed imports left half written.
    ///
    /// # Errors
    /// When its folders cannot be created or written to.
    pub fn open(home: &Path) -> Result<Self, Failure> {
        let workspace = Self { home: files::absolute(home) };
        if files::is_empty(&workspace.home) {
            files::make_private(&workspace.home)?;
        }
        for folder in ["blobs", "runs", "models", "jobs", "bin"] {
            files::create_private(&workspace.home.join(folder))?;
        }
        orrery_learn::data::clear_unfinished_imports(&workspace.blobs());
        Ok(workspace)
    }

    /// Its folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The store.
    pub fn database(&self) -> PathBuf {
        self.home.join("orrery.db")
    }

    /// The window's own state.
    pub fn window_state(&self) -> PathBuf {
        self.home.join("window.state")
    }

    /// Blobs by content hash.
    pub fn blobs(&self) -> PathBuf {
        self.home.join("blobs")
    }

    /// The typed table of a dataset.
    pub fn blob(&self, dataset: &Dataset) -> PathBuf {
        self.blobs().join(format!("{}.arrow", dataset.blob))
    }

    /// All runs.
    pub fn runs(&self) -> PathBuf {
        self.home.join("runs")
    }

    /// The folder of a run.
    pub fn run(&self, run: &RunId) -> PathBuf {
        self.runs().join(&run.0)
    }

    /// All models.
    pub fn models(&self) -> PathBuf {
        self.home.join("models")
    }

    /// The folder of a model version.
    pub fn model(&self, model: &ModelRef) -> PathBuf {
        self.models().join(&model.name).join(model.version.to_string())
    }

    /// Specs and logs of jobs that are no runs.
    pub fn jobs(&self) -> PathBuf {
        self.home.join("jobs")
    }

    /// Lock, control file and log of a search.
    pub fn search(&self, id: &str) -> PathBuf {
        self.jobs().join(format!("search-{id}"))
    }

    /// Takes a search's lock; `None` where another process has it. It lasts as long as the value.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn claim_search(&self, id: &str) -> Result<Option<File>, Failure> {
        files::create_private(&self.search(id))?;
        try_lock(&self.search(id).join("lock"))
    }

    /// Tunings, finished or not.
    pub fn tunings(&self) -> PathBuf {
        self.home.join("tunings")
    }

    /// Who applied which serving settings to which model, and undid it.
    pub fn serving_audit(&self) -> PathBuf {
        self.home.join("serving.audit.jsonl")
    }

    /// Deleted things, kept for undo.
    pub fn bin(&self) -> PathBuf {
        self.home.join("bin")
    }

    /// Where a deleted model version waits.
    pub fn binned_model(&self, model: &ModelRef) -> PathBuf {
        self.bin().join("models").join(&model.name).join(model.version.to_string())
    }

    /// Where a deleted run waits.
    pub fn binned_run(&self, run: &RunId) -> PathBuf {
        self.bin().join("runs").join(&run.0)
    }

    /// Where a deleted dataset's table waits.
    pub fn binned_blob(&self, dataset: &Dataset) -> PathBuf {
        self.bin().join("blobs").join(format!("{}.arrow", dataset.blob))
    }

    /// Claims the workspace for a window; `None` where another window has it. The claim lasts as long as the value.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn claim_window(&self) -> Result<Option<File>, Failure> {
        try_lock(&self.home.join("window.lock"))
    }

    fn rollouts(&self) -> PathBuf {
        self.home.join("rollouts")
    }

    fn rollout_lock(&self, model: &str) -> PathBuf {
        self.rollouts().join(format!("{model}.lock"))
    }

    /// Takes the lock that whoever rolls a model out holds; `None` where another rollout has it. It lasts as long as the value. A
    /// busy lock is tried for 50 ms, for [`Workspace::is_rollout_driven`] holds it for a moment.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn claim_rollout(&self, model: &str) -> Result<Option<File>, Failure> {
        files::create_private(&self.rollouts())?;
        let path = self.rollout_lock(model);
        for _ in 0..ROLLOUT_TRIES {
            if let Some(lock) = try_lock(&path)? {
                return Ok(Some(lock));
            }
            std::thread::sleep(ROLLOUT_TRY_EVERY);
        }
        try_lock(&path)
    }

    /// Whether somebody holds the lock of a model's rollouts. Looking neither makes the lock nor keeps others who look from it.
    ///
    /// # Errors
    /// When the lock file is there and cannot be opened.
    pub fn is_rollout_driven(&self, model: &str) -> Result<bool, Failure> {
        let path = self.rollout_lock(model);
        let failed = |error| files::failure("A lock could not be looked at", &error, &path);
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Takes a run's lock; `None` where another process has the run. It lasts as long as the value.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn claim_run(&self, run: &RunId) -> Result<Option<File>, Failure> {
        try_lock(&self.run(run).join("lock"))
    }

    /// Bytes of all blobs, runs, models and deleted things.
    pub fn disk_bytes(&self) -> u64 {
        files::bytes_of(&self.home)
    }
}

/// Opens a lock file and locks it, or says that somebody else has.
fn try_lock(path: &Path) -> Result<Option<File>, Failure> {
    let failed = |error| files::failure("A lock could not be taken", &error, path);
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The failure for a dataset nobody knows.
pub fn no_dataset(id: &DatasetId) -> Failure {
    Failure::new(
        FailureClass::Client,
        format!("There is no dataset '{}'. `orrery data list` shows what there is.", id.short()),
    )
}

/// The failure for a run nobody knows.
pub fn no_run(id: &RunId) -> Failure {
    Failure::new(
        FailureClass::Client,
        format!("There is no run '{id}'. `orrery runs list` shows what there is."),
    )
}

/// The failure for a model nobody knows.
pub fn no_model(model: &str) -> Failure {
    Failure::new(
        FailureClass::Client,
        format!("There is no model '{model}'. `orrery models list` shows what there is."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_and_a_run_have_one_owner_at_a_time() {
        let home = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(home.path()).expect("opened");
        let claim = workspace.claim_window().expect("lockable").expect("free");
        assert!(workspace.claim_window().expect("lockable").is_none());
        drop(claim);
        assert!(workspace.claim_window().expect("lockable").is_some());
    }

    #[test]
    fn looking_whether_a_rollout_is_driven_leaves_no_trace_and_keeps_nobody_from_it() {
        let home = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(home.path()).expect("opened");
        assert!(!workspace.is_rollout_driven("m").expect("looked"));
        assert!(!workspace.rollouts().exists(), "looking made something");
        let claim = workspace.claim_rollout("m").expect("lockable").expect("free");
        assert!(workspace.is_rollout_driven("m").expect("looked"));
        assert!(!workspace.is_rollout_driven("other").expect("looked"));
        assert!(workspace.claim_rollout("m").expect("lockable").is_none());
        drop(claim);
        assert!(!workspace.is_rollout_driven("m").expect("looked"));

        // Somebody looks just now.
        let look = File::open(workspace.rollout_lock("m")).expect("there");
        look.lock_shared().expect("free");
        assert!(!workspace.is_rollout_driven("m").expect("looked"), "two may look at once");
        let looks = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            drop(look);
        });
        // A few claims, should the other thread be kept from its end.
        assert!((0..20).any(|_| workspace.claim_rollout("m").expect("lockable").is_some()));
        looks.join().expect("it ends");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_workspace_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(&home.path().join("new")).expect("opened");
        let mode = std::fs::metadata(workspace.home()).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
