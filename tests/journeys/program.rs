//! The real program as a journey calls it: a workspace of its own, JSON out.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

/// The program on a workspace that ends with the value.
pub struct Program {
    home: tempfile::TempDir,
}

impl Program {
    /// A fresh workspace.
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The workspace's folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orrery"));
        command.arg("--home").arg(self.home()).arg("--json").args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs to the end, whatever it is.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Runs to a good end; every line of standard output as JSON.
    ///
    /// # Panics
    /// With the program's messages, when it fails or prints something that is no JSON.
    pub fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.output(arguments);
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} ended with {}: {messages}", output.status);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect()
    }

    /// Runs to a good end; standard output as one JSON document.
    pub fn document(&self, arguments: &[&str]) -> Value {
        let output = self.output(arguments);
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} ended with {}: {messages}", output.status);
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    }

    /// Starts a stream of JSON lines.
    pub fn stream(&self, arguments: &[&str]) -> Stream {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Stream { child, lines }
    }
}

/// A running command and its JSON lines.
pub struct Stream {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Stream {
    /// The next line; `None` at the end.
    pub fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        (self.lines.read_line(&mut line).expect("readable") > 0)
            .then(|| serde_json::from_str(&line).expect("JSON lines"))
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

/// The sample that comes with the program.
pub fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples/flights.csv")
}
