//! The command line as a person or a script meets it.

mod compare;
mod data;
mod explain;
mod quantize;
mod train;
mod usage;
