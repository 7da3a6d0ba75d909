//! Small models of the sample, made by the command line, so that a journey drives its own page and nothing before it.

use crate::program::{Program, sample};

/// A workspace with `flights-mlp:1`, a network of two hidden layers.
pub fn with_network() -> Program {
    let program = Program::for_window();
    let small = ["--width", "64", "--depth", "2", "--epochs", "3"];
    train(&program, &[&["--model", "mlp", "--name", "flights-mlp"], small.as_slice()].concat());
    program
}

/// Adds `flights-gbt:1`, trees.
pub fn add_trees(program: &Program) {
    train(program, &["--model", "gbt", "--name", "flights-gbt", "--trees", "40"]);
}

fn train(program: &Program, more: &[&str]) {
    let sample = sample();
    program.lines(&[&["train", "--data", &sample, "--target", "late"], more].concat());
}
