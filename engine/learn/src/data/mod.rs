//! Data: files in, typed tables and profiles out.
//!
//! ```text
//! bytes ──source──► text ──csv | json──► cells ──piece──► pieces ──resolve──► one type a column ──build──┐
//!   │                          (chunks, all cores)                                                       ▼
//!   └──────── columnar (Parquet, Arrow) ───────────────────────────────────────────────────────────► Table ──► profile
//! ```
//!
//! Types are found over the whole file: a chunk's piece is parsed as the narrowest type that fits it, and parsed again when
//! another chunk shows that the column is something wider.

mod build;
mod cells;
mod columnar;
mod csv;
mod datetime;
mod gzip;
mod header;
mod import;
pub(crate) mod ipc;
mod json;
mod pictures;
mod piece;
mod profile;
mod progress;
mod read;
mod resolve;
mod source;
mod task;
mod text;
mod textual;
mod unfinished;
mod value;

use orrery_domain::{Failure, FailureClass};

pub use self::{
    import::import,
    profile::profile,
    read::{ReadReport, read_table},
    task::detect_task,
    unfinished::clear_unfinished_imports,
};
use crate::table::Table;

/// Most bad rows that are listed one by one; all are counted.
const MOST_LISTED: usize = 1_000;

/// There is no such column; here are those there are.
fn unknown_column(table: &Table, name: &str) -> Failure {
    let mut names: Vec<&str> = table.schema.iter().take(30).map(|column| column.name.as_str()).collect();
    if table.schema.len() > names.len() {
        names.push("…");
    }
    Failure::new(
        FailureClass::Client,
        format!("There is no column '{name}'. The columns are: {}.", names.join(", ")),
    )
}

#[cfg(test)]
mod tests;
