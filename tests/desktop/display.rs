//! A virtual display for one test: Xvfb with a display number of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// A running Xvfb; ends with the value.
pub struct Display {
    server: Child,
    number: String,
}

impl Display {
    /// Starts Xvfb, or says why it cannot. `size` is `WIDTHxHEIGHT` in pixels.
    pub fn start(size: &str) -> Result<Self, String> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &format!("{size}x24"), "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("Xvfb does not start ({error}); install the package xvfb"))?;
        let mut number = String::new();
        let output = server.stdout.take().expect("standard output is piped");
        BufReader::new(output).read_line(&mut number).map_err(|error| error.to_string())?;
        Ok(Self { server, number: format!(":{}", number.trim()) })
    }

    /// Value for `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.number
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}
