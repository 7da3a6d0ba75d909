//! Slices: the rows of certain column values, and where among them a model is worse than on the rest.
//!
//! ```text
//! Table ──cells──► a code a row and column ─┐
//! predictions ──judge──► a loss a row ──────┴─ search ──► every value, every pair of values ──► p, corrected ──► the worst
//! ```
//!
//! After Chung et al. 2019, "Slice Finder" (section 2): interpretable conjunctions of column values, effect and significance, and
//! a control of the false discoveries among the many that are looked at.

mod cells;
mod judge;
mod search;

pub use self::{
    cells::Cells,
    judge::Judge,
    search::{SliceSettings, search},
};
