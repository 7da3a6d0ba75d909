//! The command line as a person or a script meets it.

mod data;
mod program;
mod train;
mod usage;
