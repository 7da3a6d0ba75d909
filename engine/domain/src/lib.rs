//! The vocabulary of Orrery: plain data that every other room speaks, and nothing that acts.
//!
//! ```text
//! file ─ingest► Dataset ─train► Run ─► Model           records: finished ones never change
//!                  │              │        │
//!                  ▼              ▼        ▼
//!               Profile       JobEvent   ModelCard      what a child process says, line by line
//!                  └──────────────┴────────┴──► Snapshot ──► a page ──► Command ──► Engine
//! ```
//!
//! Nothing here opens a file, reads a clock or knows another crate of the workspace.

pub mod access;
pub mod command;
pub mod compare;
pub mod compress;
pub mod curves;
pub mod dataset;
pub mod device;
pub mod engine;
pub mod explain;
pub mod failure;
pub mod fleet;
pub mod ids;
pub mod image;
pub mod job;
pub mod metric;
pub mod model;
pub mod profile;
pub mod run;
pub mod search;
pub mod series;
pub mod serving;
pub mod snapshot;
pub mod spreadsheet;
pub mod training;
pub mod tune;
pub mod units;
pub mod words;

pub use command::Command;
pub use engine::Engine;
pub use failure::{Failure, FailureClass};
pub use ids::{DatasetId, ModelRef, RunId};
pub use snapshot::Snapshot;
