//! Slices: rows with certain column values, where a model is worse than on the rest.

use serde::{Deserialize, Serialize};

use crate::metric::{MetricId, MetricValue};

/// What a column holds in a slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Column.
    pub column: String,
    /// In words: `= JFK`, `12 to 18.5`, `below 12`, `missing`.
    pub value: String,
}

/// Rows that satisfy one condition or two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// One or two conditions, of different columns.
    pub conditions: Vec<Condition>,
    /// Rows.
    pub rows: u64,
    /// The metric on them, with a 95 % interval (Wilson's for shares, `DeLong`'s for AUROC, Student's for means).
    pub value: MetricValue,
    /// The metric on all other rows.
    pub rest: f64,
    /// One-sided p that the model is no worse here than on the rest.
    pub p: f64,
    /// `p` after Benjamini and Hochberg's correction (1995) over every slice that was looked at.
    pub p_adjusted: f64,
}

impl Slice {
    /// The conditions in words.
    pub fn title(&self) -> String {
        let words: Vec<String> = self
            .conditions
            .iter()
            .map(|condition| format!("{} {}", condition.column, condition.value))
            .collect();
        words.join(" and ")
    }
}

/// Where a model is worst.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceSearch {
    /// The metric the slices are measured by.
    pub metric: MetricId,
    /// Slices that were looked at.
    pub looked_at: u64,
    /// Fewest rows of a slice.
    pub min_rows: u64,
    /// Those where the model is worse than on the rest at a false discovery rate of 0.05, the most certain first; at most 10.
    pub worst: Vec<Slice>,
    /// Every slice of the columns that were asked for, in the columns' and values' order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Slice>,
}
