//! Child: a node or gateway in a process of its own, which ends when this one does.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use orrery_domain::{Failure, FailureClass};

/// A running process that listens.
#[derive(Debug)]
pub struct Child {
    /// Its address.
    pub address: String,
    process: std::process::Child,
}

impl Child {
    /// Starts `orrery ARGUMENTS` in a workspace of its own on a free port, and waits until it listens.
    ///
    /// # Errors
    /// When it does not start, or ends before it listens.
    pub fn start(program: &Path, home: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let failed = |why: String| {
            Failure::new(
                FailureClass::Capacity,
                format!("`orrery {}` did not start: {why}.", arguments.join(" ")),
            )
        };
        let mut process = Command::new(program)
            .arg("--home")
            .arg(home)
            .args(arguments)
            .args(["--listen", "127.0.0.1:0", "--end-with-stdin", "--json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let mut line = String::new();
        if let Some(out) = process.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(|error| failed(error.to_string()))?;
        }
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(address) = said["address"].as_str() {
            return Ok(Self { address: address.to_owned(), process });
        }
        // It has ended by itself, or ends with its standard input.
        drop(process.stdin.take());
        process.wait().map_err(|error| failed(error.to_string()))?;
        Err(failed(said["message"].as_str().unwrap_or("it said nothing").to_owned()))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        if let Err(error) = self.process.wait() {
            log::warn!("a process of the demo was not seen to end: {error}");
        }
    }
}
