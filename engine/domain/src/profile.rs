//! Profiles: what is in each column of a dataset, and what a person should worry about.

use serde::{Deserialize, Serialize};

use crate::{dataset::ColumnType, ids::DatasetId, image::ImageShape, training::Task};

/// Statistics of a numeric (or date, in seconds since 1970) column over its present, finite values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NumericSummary {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (n - 1); `None` below two values.
    pub std: Option<f64>,
    /// Quantiles 5, 25, 50, 75 and 95 %, linear interpolation as `numpy.quantile`.
    pub quantiles: [f64; 5],
    /// Values equal to zero.
    pub zeros: u64,
}

/// Counts between edges; `edges.len() == counts.len() + 1`; the last bin includes its right edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Bin edges, ascending.
    pub edges: Vec<f64>,
    /// Rows in each bin.
    pub counts: Vec<u64>,
}

/// A frequent value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The value as text.
    pub value: String,
    /// Rows that hold it.
    pub count: u64,
}

/// One column's profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Name.
    pub name: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Rows without a value.
    pub missing: u64,
    /// Distinct present values.
    pub distinct: u64,
    /// Numbers, for integer, float and datetime columns with at least one value.
    pub numeric: Option<NumericSummary>,
    /// Histogram, for the same columns.
    pub histogram: Option<Histogram>,
    /// Most frequent values (at most 20), ties in value order.
    pub top_values: Vec<ValueCount>,
    /// Median and maximum length in characters, for text and category.
    pub text_length: Option<(u64, u64)>,
}

/// What is suspicious about a column or the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WarningKind {
    /// One value only.
    Constant,
    /// (Nearly) every row has its own value.
    IdLike,
    /// Equal to another column in every row.
    DuplicateOf {
        /// The earlier column.
        #[serde(rename = "other")]
        column: String,
    },
    /// The column alone predicts the target.
    Leaking {
        /// AUROC (classes) or R2 (regression) of that column alone, out of sample.
        score: f64,
    },
    /// Mostly missing.
    MostlyMissing {
        /// Share of rows without a value.
        share: f64,
    },
    /// Numbers stored as text, or categories stored as numbers.
    LooksLike {
        /// The type it looks like.
        kind_hint: ColumnType,
    },
    /// The rarest class is rare.
    Imbalance {
        /// The rarest class.
        class: String,
        /// Its share of rows.
        share: f64,
    },
    /// Rows without a target value: they cannot be trained on.
    MissingTarget {
        /// How many.
        rows: u64,
    },
}

/// What one click does about a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Remedy {
    /// Leave the column out of the features.
    Exclude {
        /// The column.
        column: String,
    },
    /// Read the column as another type.
    Retype {
        /// The column.
        column: String,
        /// The type.
        to: ColumnType,
    },
    /// Weight classes by the inverse of their frequency.
    WeightClasses,
}

/// A warning with its remedy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataWarning {
    /// The column it is about; `None` for the table.
    pub column: Option<String>,
    /// What it is.
    #[serde(flatten)]
    pub kind: WarningKind,
    /// A sentence.
    pub message: String,
    /// What to do, if one click can.
    pub remedy: Option<Remedy>,
}

/// A dataset's profile. With a target, it also holds what depends on one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The dataset.
    pub dataset: DatasetId,
    /// Rows.
    pub rows: u64,
    /// Rows that equal an earlier row in every column.
    pub duplicate_rows: u64,
    /// One a column, in the file's order.
    pub columns: Vec<ColumnProfile>,
    /// Warnings.
    pub warnings: Vec<DataWarning>,
    /// The first rows as text, `None` where missing. `[rows][columns]`
    pub preview: Vec<Vec<Option<String>>>,
    /// The target the target-dependent warnings are about.
    pub target: Option<String>,
    /// The task that target suggests.
    pub task: Option<Task>,
    /// Pictures to look at, where the columns are pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pictures: Option<PictureSample>,
}

/// Some pictures of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PictureSample {
    /// Their shape.
    pub shape: ImageShape,
    /// A few of each class, one class after the other.
    pub pictures: Vec<SamplePicture>,
}

/// One picture of a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamplePicture {
    /// Its row, from 0.
    pub row: u64,
    /// Its class, where there is one.
    pub class: Option<String>,
    /// Its values. `[channels * height * width]`
    pub values: Vec<f32>,
}

impl Profile {
    /// The profile of the column of that name.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }
}
