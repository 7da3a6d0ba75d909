//! Runs that cannot be lost: killed, broken and starved on purpose, and what is left of them.
//!
//! ```text
//! setups (22 ways to train), pictures ──► sweep: kill at a breakpoint, go on, kill again … ──► the same bits as the unbroken run
//! imports ──► killed while it reads, writes or registers, asked again ──► the same table, record and profile
//! faults ──► class, reason, what was kept        children ──► no process outlives its purpose        store ──► no row is lost
//! ```

mod children;
mod faults;
mod imports;
mod pictures;
mod setups;
mod store;
mod sweep;
mod tables;

use serde_json::Value;

use crate::program::{Program, text};

/// A workspace with a small table, and the arguments of a short training on it.
fn short(more: &[&str]) -> (Program, Vec<String>) {
    let program = Program::new();
    let data = program.home().join("table.csv");
    tables::write(&data, tables::Target::Binary, 5);
    let mut arguments =
        vec!["train", "--data", data.to_str().expect("UTF-8"), "--target", "y", "--model", "mlp"];
    arguments.extend([
        "--device",
        "cpu",
        "--batch-size",
        "16",
        "--patience",
        "0",
        "--width",
        "16",
        "--dropout",
        "0.2",
    ]);
    arguments.extend(more);
    let arguments = arguments.into_iter().map(str::to_owned).collect();
    (program, arguments)
}

/// Trains with a fault; the exit code, what was said as JSON lines, and as messages.
fn with_fault(program: &Program, arguments: &[String], fault: &str) -> (Option<i32>, Vec<Value>, String) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output =
        program.command(&arguments).arg("--json").env("ORRERY_FAULT", fault).output().expect("it starts");
    let lines =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    (output.status.code(), lines, text(&output.stderr))
}

/// The run of a stream.
fn run_of(lines: &[Value]) -> String {
    lines[0]["run"].as_str().expect("an id").to_owned()
}

/// The state of a run.
fn state(program: &Program, run: &str) -> String {
    program.document(&["runs", "show", run])["run"]["state"].as_str().expect("a state").to_owned()
}
