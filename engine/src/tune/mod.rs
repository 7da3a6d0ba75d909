//! Tuning: which way of serving a model is best on this machine, with few measurements.
//!
//! ```text
//! Searcher ─ask─► setting ─► trial: `orrery node` in a child, clients on loopback ─► measurement ─tell─► Searcher
//!                                                                        │ (tunings/<id>/measurements.jsonl)
//! Surface (all settings, recorded) ─replay─► the same Searcher           ▼
//!                                                            report ─apply─► store ─► nodes
//! ```
//!
//! [`search`] and [`process`] are pure: no clock, file or thread.

pub mod load;
pub mod process;
pub mod records;
pub mod replay;
pub mod rows;
pub mod search;
pub mod serving;
pub mod steady;
pub mod trial;

pub use search::Searcher;

use orrery_domain::{Failure, FailureClass};

/// A failure by what was asked.
pub(crate) fn client(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Client, message.into())
}
