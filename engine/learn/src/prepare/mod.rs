//! Preparation: raw columns become numbers, by rules learnt from the training rows alone and kept in `preprocess.json`.
//!
//! ```text
//! training rows ──fit──► Preprocessor ──save──► preprocess.json ──load──┐
//!                             │                                         │
//!        any table ───────────┴──► transform ──► Encoded [rows, inputs] ├─ the same bytes in training,
//!                                  transform_trees ──► TreeMatrix ──────┘  prediction and serving
//! ```

pub mod column;
mod feature;
mod fit;
pub mod means;
mod normal;
mod transform;

#[cfg(test)]
mod tests;

use std::path::Path;

use orrery_domain::{
    Failure, FailureClass,
    dataset::ColumnSchema,
    training::{CategoryEncoding, Scaling},
};
use serde::{Deserialize, Serialize};

use crate::{nets::Encoded, table::Table};

pub use feature::{Category, Date, DatePart, Encoding, Feature, Number, Scale};
pub use fit::{FitInput, Fitted};

/// The version of `preprocess.json` that this program writes.
pub const FORMAT: u32 = 1;

/// Name of the file in a model folder.
pub const FILE: &str = "preprocess.json";

/// How each feature column becomes numbers. Knows nothing but the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocessor {
    /// Format of the file.
    pub format: u32,
    /// How categories enter a network.
    pub categories: CategoryEncoding,
    /// How numbers were scaled.
    pub scaling: Scaling,
    /// The features, in the dataset's order.
    pub features: Vec<Feature>,
}

/// Features for trees: raw numbers, dates in parts, categories by their place in the order of the target's mean. Column-major `[inputs, rows]`, NaN where missing.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeMatrix {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Values, one column after the other.
    pub values: Vec<f64>,
}

/// What was odd about the rows of a transform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransformReport {
    /// Rows with a category that training never saw, by column; columns without any are left out.
    pub unseen: Vec<(String, u64)>,
    /// Rows outside the training range, by column; columns without any are left out.
    pub out_of_range: Vec<(String, u64)>,
}

/// Where each kind of input stands in an encoded row: continuous numbers, then flags (missing indicators, cyclic date
/// parts), then one-hot inputs or category codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Names of continuous inputs: scaled numbers, years, elapsed days.
    pub continuous: Vec<String>,
    /// Names of flags: missing indicators and the sines and cosines of date parts, all within -1 to 1.
    pub flags: Vec<String>,
    /// Name and number of codes of each category feature.
    pub categories: Vec<(String, usize)>,
    /// How the categories are written.
    pub encoding: CategoryEncoding,
}

impl Layout {
    /// Inputs before the categories.
    pub fn numbers(&self) -> usize {
        self.continuous.len() + self.flags.len()
    }

    /// Inputs in all.
    pub fn width(&self) -> usize {
        self.numbers()
            + match self.encoding {
                CategoryEncoding::Embedding => self.categories.len(),
                CategoryEncoding::OneHot => self.categories.iter().map(|(_, codes)| codes).sum(),
            }
    }

    /// Number of codes of each embedded category; empty with one-hot inputs.
    pub fn cardinalities(&self) -> Vec<usize> {
        match self.encoding {
            CategoryEncoding::Embedding => self.categories.iter().map(|(_, codes)| *codes).collect(),
            CategoryEncoding::OneHot => Vec::new(),
        }
    }
}

impl Preprocessor {
    /// Learns from the training rows.
    ///
    /// # Errors
    /// A client failure when no column is left to learn from.
    pub fn fit(input: &FitInput<'_>) -> Result<Fitted, Failure> {
        fit::fit(input)
    }

    /// The inputs' places.
    pub fn layout(&self) -> Layout {
        self.layout_as(self.categories)
    }

    /// The inputs' places when categories are written as `encoding`.
    pub fn layout_as(&self, encoding: CategoryEncoding) -> Layout {
        let mut layout =
            Layout { continuous: Vec::new(), flags: Vec::new(), categories: Vec::new(), encoding };
        for feature in &self.features {
            layout.continuous.extend(feature.continuous_inputs());
            layout.flags.extend(feature.flag_inputs());
            if let Encoding::Category(category) = &feature.encoding {
                layout.categories.push((feature.name.clone(), category.cardinality()));
            }
        }
        layout
    }

    /// Names of the inputs of [`Self::transform`].
    pub fn inputs(&self) -> Vec<String> {
        let layout = self.layout();
        let mut names: Vec<String> = layout.continuous.into_iter().chain(layout.flags).collect();
        for feature in &self.features {
            let Encoding::Category(category) = &feature.encoding else { continue };
            match self.categories {
                CategoryEncoding::Embedding => names.push(feature.name.clone()),
                CategoryEncoding::OneHot => names.extend(
                    (0..category.cardinality())
                        .map(|code| format!("{} = {}", feature.name, category.label(code))),
                ),
            }
        }
        names
    }

    /// Names of the columns of [`Self::transform_trees`].
    pub fn tree_inputs(&self) -> Vec<String> {
        self.features.iter().flat_map(Feature::tree_inputs).collect()
    }

    /// The feature columns.
    pub fn schema(&self) -> Vec<ColumnSchema> {
        let column = |f: &Feature| ColumnSchema { name: f.name.clone(), kind: f.kind, overridden: false };
        self.features.iter().map(column).collect()
    }

    /// Rows for networks and linear models: `[rows, layout().width()]`.
    ///
    /// # Errors
    /// A data failure that names a column which is missing or holds another kind of values.
    pub fn transform(&self, table: &Table) -> Result<(Encoded, TransformReport), Failure> {
        transform::encode(self, table, self.categories)
    }

    /// The same rows with category codes instead of one-hot inputs, whatever the model takes.
    ///
    /// # Errors
    /// As [`Self::transform`].
    pub fn transform_codes(&self, table: &Table) -> Result<(Encoded, TransformReport), Failure> {
        transform::encode(self, table, CategoryEncoding::Embedding)
    }

    /// Rows for trees.
    ///
    /// # Errors
    /// As [`Self::transform`].
    pub fn transform_trees(&self, table: &Table) -> Result<(TreeMatrix, TransformReport), Failure> {
        transform::trees(self, table)
    }

    /// Writes `preprocess.json` into a model folder.
    ///
    /// # Errors
    /// A capacity failure when the disk does not take it.
    pub fn save(&self, folder: &Path) -> Result<(), Failure> {
        crate::train::files::write_json(&folder.join(FILE), self)
    }

    /// Reads `preprocess.json` of a model folder.
    ///
    /// # Errors
    /// A model failure when it is missing, damaged or of a newer format.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let failed = |what: &dyn std::fmt::Display| {
            Failure::new(
                FailureClass::Model,
                format!(
                    "The model's preprocessing cannot be read: {what}. Restore the model from a copy or train it again. ({})",
                    path.display()
                ),
            )
        };
        let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
        let found: Self = serde_json::from_str(&text).map_err(|error| failed(&error))?;
        if found.format != FORMAT {
            return Err(failed(&format!(
                "it has format {}, and this program reads format {FORMAT}",
                found.format
            )));
        }
        found.check().map_err(|what| failed(&what))?;
        Ok(found)
    }

    /// Whether a file somebody may have edited holds what the transforms rely on.
    fn check(&self) -> Result<(), String> {
        for feature in &self.features {
            let fine = match &feature.encoding {
                Encoding::Number(number) => match &number.scale {
                    Scale::Standard { mean, std } => mean.is_finite() && *std > 0.0,
                    Scale::Quantile { knots } => {
                        knots.len() > 1 && knots.iter().all(|knot| knot.is_finite()) && knots.is_sorted()
                    }
                },
                Encoding::Category(category) => {
                    category.values.is_sorted()
                        && category.rare.is_sorted()
                        && category.orders.iter().all(|order| order.len() == category.cardinality())
                }
                Encoding::Date(date) => date.year.1 > 0.0 && date.elapsed.1 > 0.0,
            };
            if !fine {
                return Err(format!("the entry of column '{}' is not sound", feature.name));
            }
        }
        Ok(())
    }
}
