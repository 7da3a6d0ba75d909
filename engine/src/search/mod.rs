//! The search itself: pure state. No clock, file or thread; what was tried goes in, what to try next comes out.
//!
//! ```text
//!            ┌── schedule: does a waiting trial go on? ──► GoOn
//! Course ─ask┤
//!            └── sampler: random, TPE, evolution ────────► Start        told: reached a rung, finished, failed ──► Course
//! ```
//!
//! Every random choice follows from the plan's seed and the trial's number, so that a search that is read back from disk goes on as it
//! would have.

mod ask;
mod evolve;
mod forest;
mod normal;
mod parzen;
mod rng;
mod schedule;
pub mod table;
mod tpe;

pub use ask::{Next, ask, fail, finish, is_enough, reach, restore};
pub use forest::importance;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod peer;
