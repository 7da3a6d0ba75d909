//! The program run under a measure: how it ended, what it said, how long it took and the most memory it held.

use std::{
    fs::File,
    process::Stdio,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::program::Program;

/// Commands that run at once.
const THREADS: usize = 2;

/// Time after which a command counts as stuck.
const STUCK: Duration = Duration::from_mins(1);

/// How a command ended.
pub struct Ended {
    /// Exit code; `None` when a signal or this test ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// Most memory that it or one of its children held at once, MB.
    pub peak_mb: u64,
    /// Wall time.
    pub took: Duration,
}

/// Runs the program to its end.
pub fn run(program: &Program, arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| File::create(folder.path().join(name)).expect("a file");
    let mut command = program.command(arguments);
    command.stdout(Stdio::from(file("out"))).stderr(Stdio::from(file("err")));
    // Two run at once, and a job would take all cores.
    command.env("RAYON_NUM_THREADS", "2");
    let began = Instant::now();
    let child = command.spawn().expect("it starts");
    let (code, peak_mb) = waited(child, began);
    let read = |name: &str| {
        String::from_utf8_lossy(&std::fs::read(folder.path().join(name)).expect("readable")).into_owned()
    };
    Ended { code, out: read("out"), err: read("err"), peak_mb, took: began.elapsed() }
}

/// Waits as `wait4` does, which also tells the peak over the child and all that it waited for.
#[cfg(unix)]
#[expect(unsafe_code, reason = "the standard library does not tell what a child has used")]
#[expect(clippy::needless_pass_by_value, reason = "nobody may wait for the child again")]
fn waited(child: std::process::Child, began: Instant) -> (Option<i32>, u64) {
    let pid = child.id().cast_signed();
    let mut status = 0;
    loop {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: both pointers are to values of this frame, of the types the call fills.
        let ended = unsafe { libc::wait4(pid, &raw mut status, libc::WNOHANG, usage.as_mut_ptr()) };
        if ended == pid {
            // SAFETY: zeroes are a valid value of this plain structure, and the call has filled it.
            let usage = unsafe { usage.assume_init() };
            // Linux counts in KB, macOS in bytes.
            let unit = if cfg!(target_os = "macos") { 1 << 20 } else { 1 << 10 };
            let code = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
            let held = usage.ru_maxrss.unsigned_abs() / unit;
            // Linux gives a child its parent's peak at the time of its start: what is not above that says nothing.
            return (code, if held > own_peak_mb() { held } else { 0 });
        }
        assert!(ended == 0, "waiting for {pid} failed");
        if began.elapsed() > STUCK {
            // SAFETY: the process is ours and not yet waited for, so that its number is no other's.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The most that this process has held so far, MB; 0 where the system does not say.
#[cfg(unix)]
fn own_peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or_default() / 1024 + 1
}

#[cfg(not(unix))]
fn waited(mut child: std::process::Child, began: Instant) -> (Option<i32>, u64) {
    loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            return (status.code(), 0);
        }
        if began.elapsed() > STUCK {
            child.kill().expect("it runs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Ended {
    /// What is wrong with this end, if anything is: `code` and `says` (a part of what it says on either stream) are what is
    /// wanted; everything that fails must say what to do.
    pub fn fault(&self, code: i32, says: &str, most_mb: u64) -> Option<String> {
        let said = format!("{}\n{}", self.out, self.err);
        let fault =
            |what: String| Some(format!("{what}\n    said: {}", said.trim().replace('\n', "\n          ")));
        if self.code != Some(code) {
            return fault(format!("ended with {:?}, not {code}", self.code));
        }
        if said.contains("panicked") || said.contains("without saying why") || said.contains("please report")
        {
            return fault("broke".to_owned());
        }
        if !said.contains(says) {
            return fault(format!("did not say '{says}'"));
        }
        if code != 0 && !self.err.contains("error: ") && !self.err.contains("Usage") {
            return fault("failed without a message".to_owned());
        }
        if self.peak_mb > most_mb {
            return fault(format!("held {} MB, and {most_mb} are allowed", self.peak_mb));
        }
        None
    }
}

/// Calls `check` with each item on two threads; fails with all that they found.
pub fn all<T: Sync>(items: &[T], check: impl Fn(&T) -> Option<String> + Sync) {
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(fault) = check(item) {
                        faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), items.len(), faults.join("\n"));
}
