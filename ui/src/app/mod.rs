//! The app: takes snapshots, draws the shell and the page, executes wishes.

mod run;

pub use run::{WindowError, WindowOptions, run};
