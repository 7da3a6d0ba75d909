//! The command line as a person or a script meets it.

mod compare;
mod data;
mod distil;
mod explain;
mod images;
mod prune;
mod quantize;
mod search;
mod smaller_images;
mod train;
mod tune;
mod usage;

use crate::program::{Program, sample};

/// A program whose workspace has the network `net`, version 1.
fn with_network() -> Program {
    let program = Program::new();
    let small = ["--width", "256", "--depth", "2", "--epochs", "1", "--name", "net"];
    let sample = sample();
    program.lines(
        &[&["train", "--data", &sample, "--target", "late", "--model", "mlp"], small.as_slice()].concat(),
    );
    program
}
