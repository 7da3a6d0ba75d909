//! Significance: tests of whether two models differ, and the verdict they give.

use serde::{Deserialize, Serialize};

use super::Better;
use crate::metric::{MetricId, MetricValue};

/// A test of whether two models differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignificanceTest {
    /// Paired bootstrap over rows (Efron and Tibshirani 1993, chapter 16).
    PairedBootstrap,
    /// `McNemar`'s test (1947) of the predicted classes.
    #[serde(rename = "mcnemar")]
    McNemar,
    /// `DeLong`, `DeLong` and Clarke-Pearson's test (1988) of two correlated AUROCs.
    #[serde(rename = "delong")]
    DeLong,
}

impl SignificanceTest {
    /// Name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::PairedBootstrap => "paired bootstrap",
            Self::McNemar => "McNemar's test",
            Self::DeLong => "DeLong's test",
        }
    }
}

/// `McNemar`'s test: of the rows that only one of the two got right, does either have more than chance gives?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// Rows both got right.
    pub both_right: u64,
    /// Rows only the first got right.
    pub only_a: u64,
    /// Rows only the second got right.
    pub only_b: u64,
    /// Rows both got wrong.
    pub both_wrong: u64,
    /// Whether `p` is the exact binomial one (fewer than 25 rows that only one got right), else chi-square's.
    pub exact: bool,
    /// Chi-square with one degree of freedom and Edwards' continuity correction (1948); none for the exact test.
    pub chi_square: Option<f64>,
    /// Two-sided p.
    pub p: f64,
}

/// `DeLong`'s test of two AUROCs on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeLong {
    /// The first's AUROC, with its 95 % interval.
    pub a: MetricValue,
    /// The second's.
    pub b: MetricValue,
    /// Second less first, with its 95 % interval.
    pub difference: MetricValue,
    /// The difference over its standard error; none where that is 0: the two rank every row alike.
    pub z: Option<f64>,
    /// Two-sided p; 1 where the two rank every row alike.
    pub p: f64,
}

/// 5x2 cross-validation: two configurations trained five times on either half of the rows and judged on the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossValidated {
    /// The metric compared.
    pub metric: MetricId,
    /// Second less first on each half of each repetition. `[5][2]`
    pub differences: Vec<[f64; 2]>,
    /// Mean of the ten.
    pub mean: f64,
    /// Dietterich's paired t (1998), 5 degrees of freedom; none where nothing varies.
    pub t: Option<f64>,
    /// Its two-sided p.
    pub t_p: Option<f64>,
    /// Alpaydin's combined F (1999), 10 and 5 degrees of freedom; none where nothing varies.
    pub f: Option<f64>,
    /// Its p.
    pub f_p: Option<f64>,
    /// Which configuration is better, by the combined F at 0.05.
    pub better: Better,
}

/// Whether one of two versions is better, by one metric that was chosen beforehand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The metric.
    pub metric: MetricId,
    /// The test that decided.
    pub test: SignificanceTest,
    /// Its two-sided p; none where the metric is not defined on these rows.
    pub p: Option<f64>,
    /// `p` after Holm's correction (1979) over all pairs of the report.
    pub p_adjusted: Option<f64>,
    /// Which is better: only where `p_adjusted` is below 0.05.
    pub better: Better,
    /// A sentence that says so.
    pub message: String,
}
