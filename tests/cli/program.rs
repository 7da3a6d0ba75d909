//! The real program on a workspace of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// The program with a workspace that goes with the value.
pub struct Program {
    home: tempfile::TempDir,
}

impl Program {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a folder") }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
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
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The sample that comes with the program.
pub fn sample() -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples/flights.csv");
    path.to_str().expect("UTF-8").to_owned()
}
