//! Settings: what a person asks of an explanation, and what rows are explained against.

use serde::{Deserialize, Serialize};

use super::ExplainMethod;
use crate::{
    failure::{Failure, FailureClass},
    words::plural,
};

/// Where integrated gradients begin (trees have their training rows' mean in them).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineChoice {
    /// The mean of the encoded training rows.
    #[default]
    Mean,
    /// One of the given rows, from 0.
    Row(usize),
}

impl BaselineChoice {
    /// `mean` or `row:I`.
    ///
    /// # Errors
    /// A client failure for anything else.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        match text.strip_prefix("row:").map(str::parse) {
            None if text == "mean" => Ok(Self::Mean),
            Some(Ok(row)) => Ok(Self::Row(row)),
            _ => Err(Failure::new(
                FailureClass::Client,
                format!(
                    "'{text}' is no baseline. Give 'mean' (of the training rows), or 'row:I' for one of the rows, from 0."
                ),
            )),
        }
    }
}

/// How to explain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExplainSettings {
    /// Method; none: the one that is exact for the model.
    pub method: Option<ExplainMethod>,
    /// The explained class; none: the positive one of two, of several the one predicted for the first row.
    pub class: Option<String>,
    /// Where integrated gradients begin.
    pub baseline: BaselineChoice,
    /// Rows of the background, drawn from the training rows where they are here, else from the given rows.
    pub background: u32,
    /// Sets of columns (Kernel SHAP), orders (permutation SHAP), points (expected gradients; integrated gradients: none is as many as
    /// needed) or neighbours (LIME) a row, or pixels of the window's side (occlusion); none: the method's own number.
    pub samples: Option<u32>,
    /// Shuffles of each column (permutation importance).
    pub repeats: u32,
    /// Columns that may change (counterfactuals) or are looked at (dependence); empty: all.
    pub columns: Vec<String>,
    /// What the model shall say (counterfactuals): a class, or `>=NUMBER` or `<=NUMBER`; none: another class of two.
    pub wanted: Option<String>,
    /// Rows from the first to before the second, from 0; none: as many as the method takes.
    pub rows: Option<(u64, u64)>,
    /// Whether infidelity, sensitivity and the randomized weights are looked at, too.
    pub checks: bool,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

impl Default for ExplainSettings {
    fn default() -> Self {
        Self {
            method: None,
            class: None,
            baseline: BaselineChoice::Mean,
            background: 100,
            samples: None,
            repeats: 10,
            columns: Vec::new(),
            wanted: None,
            rows: None,
            checks: true,
            seed: 0,
        }
    }
}

/// What rows were explained against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Against {
    /// The mean of the encoded training rows.
    Mean,
    /// One of the rows.
    Row {
        /// Which, from 0.
        row: u64,
    },
    /// The training rows, as trees have counted them.
    Trees,
    /// Rows whose values stand in for those that are switched off.
    Background {
        /// How many.
        rows: u64,
        /// What they were drawn from.
        of: String,
        /// Seed of the draw.
        seed: u64,
    },
}

impl Against {
    /// In words, for the end of a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::Mean => "the mean training row".to_owned(),
            Self::Row { row } => format!("row {row}"),
            Self::Trees => "the training rows that the trees have counted".to_owned(),
            Self::Background { rows, of, seed } => format!("{} of {of} (seed {seed})", plural(*rows, "row")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_is_the_mean_or_a_row() {
        assert_eq!(BaselineChoice::parse("row:7"), Ok(BaselineChoice::Row(7)));
        assert_eq!(BaselineChoice::parse("mean"), Ok(BaselineChoice::Mean));
        assert!(BaselineChoice::parse("rows:7").is_err() && BaselineChoice::parse("row:-1").is_err());
    }
}
