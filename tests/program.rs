//! The real program on a workspace of its own.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;

/// The program with a workspace that goes with the value.
pub struct Program {
    _folder: tempfile::TempDir,
    home: PathBuf,
}

impl Program {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { home: folder.path().to_owned(), _folder: folder }
    }

    /// In a folder by the name of "workspace", which the window shows; what stands beside it goes with the value, too.
    pub fn for_window() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { home: folder.path().join("workspace"), _folder: folder }
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orrery"));
        command.arg("--home").arg(self.home()).args(arguments).stdin(Stdio::null());
        command.env_remove("BURN_DEVICE").env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it starts")
    }

    /// Runs with `--json` to a good end; the one document it writes.
    pub fn document(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).arg("--json").output().expect("it starts");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON document and nothing else")
    }

    /// Runs with `--json` to a good end; every line it writes.
    pub fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.command(arguments).arg("--json").output().expect("it starts");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect()
    }

    /// Starts a stream of JSON lines.
    pub fn stream(&self, arguments: &[&str]) -> Stream {
        self.stream_with(arguments, &[])
    }

    /// Starts a stream of JSON lines with more in its environment.
    pub fn stream_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Stream {
        let mut command = self.command(arguments);
        command.arg("--json").envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Stream { child, lines }
    }
}

/// A running command and its JSON lines.
pub struct Stream {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Stream {
    /// The next line; `None` at the end.
    pub fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).expect("readable");
        (read > 0).then(|| serde_json::from_str(&line).expect("JSON lines"))
    }

    /// Reads until `holds`.
    ///
    /// # Panics
    /// When the stream ends before.
    pub fn until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.next().unwrap_or_else(|| panic!("the stream ended before {what}"));
            if holds(&line) {
                return line;
            }
        }
    }

    /// The command's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end of the command, whoever else still writes to its output.
    pub fn finish_unread(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }

    /// Waits for the end; the exit code.
    pub fn finish(mut self) -> Option<i32> {
        while self.next().is_some() {}
        self.child.wait().expect("it ends").code()
    }

    /// Kills the command as a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().ok();
    }
}

/// A test that fails leaves nothing running.
impl Drop for Stream {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The sample that comes with the program.
pub fn sample() -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples/flights.csv");
    path.to_str().expect("UTF-8").to_owned()
}

/// Puts bytes into a file, whatever was in it.
pub fn put(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::File::create(path).expect("a file");
    std::io::Write::write_all(&mut file, bytes).expect("written");
}
