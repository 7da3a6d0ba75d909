//! Report: what a job of explanation found.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Against, ExplainCheck, ExplainMethod, ExplainScale, Explanation};
use crate::{
    compare::RowsOrigin,
    ids::ModelRef,
    metric::{MetricId, MetricValue},
};

/// A column's importance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnImportance {
    /// Column.
    pub column: String,
    /// How much, with a 95 % interval.
    pub importance: MetricValue,
    /// What each repeat gave, where there were repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeats: Vec<f64>,
}

/// Permutation importance of every column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// Method.
    pub method: ExplainMethod,
    /// The metric that gets worse.
    pub metric: MetricId,
    /// Its value with nothing shuffled.
    pub whole: f64,
    /// Repeats.
    pub repeats: u32,
    /// The fall of the metric, or the rise of an error: mean over the repeats and its 95 % interval (Student's t); largest first.
    pub columns: Vec<ColumnImportance>,
    /// Whether the repeats agree.
    pub check: ExplainCheck,
}

/// A value of a column, and what the model says with it in every row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GridPoint {
    /// The value as text; none: missing.
    pub value: Option<String>,
    /// Its place on the axis: the number, or the place in the list.
    pub x: f64,
    /// The mean answer.
    pub mean: f64,
}

/// How the answer moves with a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnDependence {
    /// Column.
    pub column: String,
    /// Whether its values are numbers.
    pub number: bool,
    /// Values that occur.
    pub grid: Vec<GridPoint>,
    /// The answers for single rows, at most 50. `[rows][grid]`
    pub lines: Vec<Vec<f64>>,
    /// Deviation of the mean curve (Greenwell, Boehmke and `McCarthy` 2018).
    pub importance: MetricValue,
    /// Share of the single rows' changes that the mean curve does not have.
    pub interaction: f64,
}

/// Partial dependence of columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dependence {
    /// Method.
    pub method: ExplainMethod,
    /// The explained class; none for a number.
    pub class: Option<String>,
    /// Scale of the answers.
    pub scale: ExplainScale,
    /// The columns, the most important first.
    pub columns: Vec<ColumnDependence>,
    /// The rows that the values were put into.
    pub against: Against,
    /// Whether rows follow the mean curves.
    pub check: ExplainCheck,
}

/// A value that was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedValue {
    /// Column.
    pub column: String,
    /// What it was; none: missing.
    pub from: Option<String>,
    /// What it would have to be.
    pub to: Option<String>,
}

/// A change that the model answers as wished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counterfactual {
    /// What the model says then.
    pub prediction: String,
    /// How far it is, in training units: deviations of numbers, 1 for another category, added up.
    pub distance: f64,
    /// What changes.
    pub changes: Vec<ChangedValue>,
}

/// A row and its nearest change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CounterfactualRow {
    /// The row's place, from 0.
    pub row: u64,
    /// What the model says of it.
    pub prediction: String,
    /// The nearest change that was found; none: none was, or the model says already what is wished.
    pub nearest: Option<Counterfactual>,
    /// Whether the model says already what is wished.
    pub already: bool,
}

/// Nearest changes of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counterfactuals {
    /// Method.
    pub method: ExplainMethod,
    /// What the model shall say, in words.
    pub wanted: String,
    /// Columns that may change.
    pub actionable: Vec<String>,
    /// The rows whose values were tried.
    pub against: Against,
    /// Rows, in the order they were given.
    pub rows: Vec<CounterfactualRow>,
    /// Share of the rows without a change, each change computed again from its raw values.
    pub check: ExplainCheck,
}

/// What was found, by the kind of method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Findings {
    /// Each column's part of each row's answer.
    Attributions(Explanation),
    /// Each column's importance.
    Importance(Importance),
    /// How the answer moves with columns.
    Dependence(Dependence),
    /// Nearest changes.
    Counterfactuals(Counterfactuals),
}

impl Findings {
    /// The method.
    pub fn method(&self) -> ExplainMethod {
        match self {
            Self::Attributions(found) => found.method,
            Self::Importance(found) => found.method,
            Self::Dependence(found) => found.method,
            Self::Counterfactuals(found) => found.method,
        }
    }

    /// Every check.
    pub fn checks(&self) -> Vec<&ExplainCheck> {
        match self {
            Self::Attributions(found) => std::iter::once(&found.check).chain(&found.checks).collect(),
            Self::Importance(found) => vec![&found.check],
            Self::Dependence(found) => vec![&found.check],
            Self::Counterfactuals(found) => vec![&found.check],
        }
    }

    /// What the rows were explained against.
    pub fn against(&self) -> Option<&Against> {
        match self {
            Self::Attributions(found) => found.against.as_ref(),
            Self::Importance(_) => None,
            Self::Dependence(found) => Some(&found.against),
            Self::Counterfactuals(found) => Some(&found.against),
        }
    }
}

/// What a job of explanation found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainReport {
    /// The model.
    pub model: ModelRef,
    /// The file, or the dataset's name.
    pub source: String,
    /// Which rows of it.
    pub origin: RowsOrigin,
    /// Rows that were explained, or that a global method looked at.
    pub explained: u64,
    /// What was found; of many rows a sample.
    #[serde(flatten)]
    pub found: Findings,
    /// The file that holds all rows, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// What a person should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_object_and_reads_back() {
        let report = ExplainReport {
            model: ModelRef { name: "m".to_owned(), version: 1 },
            source: "rows.csv".to_owned(),
            origin: RowsOrigin::All,
            explained: 3,
            found: Findings::Importance(Importance {
                method: ExplainMethod::PermutationImportance,
                metric: MetricId::Auroc,
                whole: 0.8,
                repeats: 2,
                columns: vec![ColumnImportance {
                    column: "a".to_owned(),
                    importance: MetricValue { value: Some(0.1), low: None, high: None },
                    repeats: vec![0.1, 0.1],
                }],
                check: ExplainCheck::new("repeat_spread", 0.0, 0.5),
            }),
            out: None,
            warnings: Vec::new(),
        };
        let value = serde_json::to_value(&report).expect("JSON");
        assert_eq!(
            (&value["method"], &value["columns"][0]["column"]),
            (&"permutation-importance".into(), &"a".into())
        );
        assert_eq!(serde_json::from_value::<ExplainReport>(value).expect("reads back"), report);
    }
}
