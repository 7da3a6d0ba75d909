//! Explanation: what each raw column of a row added to the model's answer, with the law that the parts add up.
//!
//! ```text
//! rows ──Preprocessor──┬─► encoded ──integrated──► one figure an input ──players──► one a raw column ─┐
//!                      └─► for trees ──tree_shap (columns as players)─────────────────────────────────┴─► Explanation, checked
//! ```
//!
//! A player is a raw column. Integrated gradients are additive, so a column's figure is the sum of its inputs'. Shapley values are
//! not: trees are walked with whole columns switched on and off.

mod integrated;
mod players;
mod tree_shap;

#[cfg(test)]
mod tests;

use orrery_domain::{
    Failure, FailureClass,
    explain::{Attributions, ExplainCheck, ExplainMethod, ExplainScale, Explanation, RowExplanation},
    training::Task,
};
use rayon::prelude::*;

use crate::{
    control::{Interrupt, JobControl, check},
    gbt::{GbtScorer, Objective},
    nets::{Baseline, Encoded, Scorer},
    predict::Predictor,
    prepare::{Preprocessor, means::Means},
    table::Table,
};

/// Most rows of one explanation.
pub const MOST_ROWS: usize = 10_000;
/// Largest completeness gap of integrated gradients that passes, as a share of the row's largest attribution.
const COMPLETENESS: f64 = 1e-3;
/// Largest additivity gap of Shapley values that passes, likewise.
const ADDITIVITY: f64 = 1e-6;

/// What rows are explained against (integrated gradients; trees have their training rows' mean in them).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
            _ => Err(client(format!(
                "'{text}' is no baseline. Give 'mean' (of the training rows), or 'row:I' for one of the rows, from 0."
            ))),
        }
    }
}

/// What to explain, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplainRequest {
    /// Method; none: the one that is exact for the model.
    pub method: Option<ExplainMethod>,
    /// The explained class; none: the positive one of two, of several the one predicted for the first row.
    pub class: Option<String>,
    /// Baseline.
    pub baseline: BaselineChoice,
}

/// What is explained of a model.
pub(crate) enum Explained<'a> {
    /// A network or a linear model.
    Network { rules: &'a Preprocessor, scorer: &'a Scorer, means: Option<&'a Means> },
    /// Trees.
    Trees { rules: &'a Preprocessor, scorer: &'a GbtScorer },
}

/// One row's figures before they are named: the answer, the baseline's answer, one attribution a feature.
struct Parts {
    prediction: f64,
    baseline: f64,
    columns: Vec<f64>,
}

impl Predictor {
    /// Explains every row of a table that has the feature columns.
    ///
    /// # Errors
    /// An interruption, or a client failure when the table has no rows or too many, the method does not fit the model, the class is unknown or the
    /// baseline is no row; a data failure that names a column which does not fit; a model failure when a figure is not
    /// finite.
    pub fn explain(
        &self,
        table: &Table,
        request: &ExplainRequest,
        control: &dyn JobControl,
    ) -> Result<Explanation, Interrupt> {
        let rows = table.rows();
        if rows == 0 {
            return Err(client("There is no row to explain. Give one row at least.").into());
        }
        if rows > MOST_ROWS {
            return Err(client(format!(
                "{rows} rows are too many for one explanation. Give at most {MOST_ROWS}, and the rest after them."
            ))
            .into());
        }
        let Some(explained) = self.explained() else {
            return Err(client("This model cannot be explained.").into());
        };
        let method = method_of(&explained, request.method)?;
        let class = self.explained_class(table, request.class.as_deref())?;
        let (scale, parts): (_, Vec<Parts>) = match explained {
            Explained::Network { rules, scorer, means } => {
                let baseline = request.baseline;
                let (x, baseline) = network(rules, scorer, means, table, baseline)?;
                let (owners, columns) = (players::of_inputs(rules), rules.features.len());
                let line =
                    integrated::Line { scorer, x: &x, baseline: &baseline, class, owners: &owners, columns };
                let parts = line.gradients(control)?.into_iter().map(Parts::from).collect();
                (self.scale(false), parts)
            }
            Explained::Trees { rules, scorer } => {
                if request.baseline != BaselineChoice::Mean {
                    return Err(client(
                        "Trees are explained against the mean of their training rows. Leave the baseline out.",
                    )
                    .into());
                }
                let log = scorer.forest().objective == Objective::Squared && scorer.forest().log;
                (self.scale(log), trees(rules, scorer, table, class, control)?)
            }
        };
        let (limit, rounding) = match method {
            ExplainMethod::TreeShap => (ADDITIVITY, f64::EPSILON),
            // Networks compute in 32 bits.
            ExplainMethod::IntegratedGradients => (COMPLETENESS, f64::from(f32::EPSILON)),
        };
        let finite = parts.iter().all(|row| {
            row.prediction.is_finite()
                && row.baseline.is_finite()
                && row.columns.iter().all(|v| v.is_finite())
        });
        if !finite {
            return Err(Failure::new(
                FailureClass::Model,
                "The explanation holds a number that is not finite: the model's weights, or the rows, are too large. Restore \
                 the model from a copy, or look at the rows.",
            )
            .into());
        }
        let value = parts.iter().map(|row| row.gap(rounding)).fold(0.0, f64::max);
        let name = if method == ExplainMethod::TreeShap { "additivity" } else { "completeness" };
        let names: Vec<&str> = self.features().map(|feature| feature.name.as_str()).collect();
        let named = |(row, parts): (usize, Parts)| RowExplanation {
            row: row as u64,
            prediction: parts.prediction,
            baseline: parts.baseline,
            attributions: Attributions(
                names.iter().map(|name| (*name).to_owned()).zip(parts.columns).collect(),
            ),
        };
        Ok(Explanation {
            method,
            class: self.card().classes.get(class).cloned(),
            scale,
            rows: parts.into_iter().enumerate().map(named).collect(),
            check: ExplainCheck { name: name.to_owned(), value, limit, passed: value <= limit },
        })
    }

    fn scale(&self, log: bool) -> ExplainScale {
        match (self.card().task, log) {
            (Task::Binary | Task::Multiclass, _) => ExplainScale::LogOdds,
            (Task::Regression, true) => ExplainScale::LogValue,
            (Task::Regression, false) => ExplainScale::Value,
        }
    }

    /// The number of the explained class; 0 for a number.
    fn explained_class(&self, table: &Table, asked: Option<&str>) -> Result<usize, Failure> {
        let classes = &self.card().classes;
        match (asked, classes.len()) {
            (None, 0) => Ok(0),
            (Some(_), 0) => Err(client(
                "This model predicts a number and has no classes. Leave the class out.".to_owned(),
            )),
            (Some(name), _) => classes.iter().position(|class| class == name).ok_or_else(|| {
                client(format!("The model has no class '{name}'. Its classes: {}.", classes.join(", ")))
            }),
            (None, 2) => Ok(1),
            (None, _) => self.first_class(table),
        }
    }
}

impl From<integrated::Path> for Parts {
    fn from(path: integrated::Path) -> Self {
        Self { prediction: path.end, baseline: path.begin, columns: path.columns }
    }
}

impl Parts {
    /// What the attributions leave unexplained, as a share of the largest of them; 0 where it is within the rounding of the
    /// answers themselves (a few times `rounding`, the spacing of the numbers they are computed in).
    fn gap(&self, rounding: f64) -> f64 {
        let gap = (self.prediction - self.baseline - self.columns.iter().sum::<f64>()).abs();
        let largest = self.columns.iter().fold(0.0_f64, |top, value| top.max(value.abs()));
        let within = 16.0 * rounding * (1.0 + self.prediction.abs().max(self.baseline.abs()));
        if gap <= within { 0.0 } else { gap / largest.max(within) }
    }
}

fn method_of(explained: &Explained<'_>, asked: Option<ExplainMethod>) -> Result<ExplainMethod, Failure> {
    let (fits, what) = match explained {
        Explained::Network { .. } => (ExplainMethod::IntegratedGradients, "a network or linear model"),
        Explained::Trees { .. } => (ExplainMethod::TreeShap, "gradient-boosted trees"),
    };
    match asked {
        Some(asked) if asked != fits => {
            Err(client(format!("The method '{}' does not fit {what}. Use '{}'.", asked.name(), fits.name())))
        }
        _ => Ok(fits),
    }
}

/// The encoded rows and the baseline of a network.
fn network(
    rules: &Preprocessor,
    scorer: &Scorer,
    means: Option<&Means>,
    table: &Table,
    choice: BaselineChoice,
) -> Result<(Encoded, Baseline), Failure> {
    let (x, _) = rules.transform(table)?;
    let layout = rules.layout();
    let arch = scorer.architecture();
    if x.cols != arch.numeric + arch.category_sizes.len() || layout.cardinalities() != arch.category_sizes {
        return Err(Failure::new(
            FailureClass::Model,
            "The model's weights take other inputs than its preprocessing makes. Restore the model from a copy, or train it \
             again.",
        ));
    }
    let baseline = match choice {
        BaselineChoice::Mean => means
            .ok_or_else(|| {
                client(
                    "This model was saved without the means of its training rows. Train it again, or give one of the rows as \
                     the baseline ('row:0').",
                )
            })?
            .baseline(&layout)?,
        BaselineChoice::Row(row) if row < x.rows => of_row(&x, row, arch.numeric, &arch.category_sizes),
        BaselineChoice::Row(row) => {
            return Err(client(format!("There is no row {row} to be the baseline: the rows are 0 to {}.", x.rows - 1)));
        }
    };
    Ok((x, baseline))
}

/// An encoded row as a baseline. A code outside its category counts as unknown, as everywhere.
fn of_row(x: &Encoded, row: usize, numeric: usize, sizes: &[usize]) -> Baseline {
    let (numbers, codes) = x.row(row).split_at(numeric);
    let share = |(size, code): (&usize, &f32)| {
        let mut shares = vec![0.0; *size];
        let code = *code as usize;
        shares[if code < *size { code } else { 0 }] = 1.0;
        shares
    };
    Baseline { numbers: numbers.to_vec(), shares: sizes.iter().zip(codes).map(share).collect() }
}

fn trees(
    rules: &Preprocessor,
    scorer: &GbtScorer,
    table: &Table,
    class: usize,
    control: &dyn JobControl,
) -> Result<Vec<Parts>, Interrupt> {
    let (x, _) = rules.transform_trees(table)?;
    let forest = scorer.forest();
    let owners = players::of_tree_inputs(rules);
    if x.cols != scorer.features() || owners.len() != x.cols {
        return Err(Failure::new(
            FailureClass::Model,
            "The model's trees take other columns than its preprocessing makes. Restore the model from a copy, or train it \
             again.",
        )
        .into());
    }
    // One output for two classes: the log-odds of the second.
    let (output, sign) = match forest.objective {
        Objective::Binary => (0, if class == 1 { 1.0 } else { -1.0 }),
        Objective::OneVsRest => (class, 1.0),
        Objective::Squared => (0, 1.0),
    };
    let game = tree_shap::Game::new(forest, output, &owners, rules.features.len())?;
    let answers = forest.raw(&x);
    let outputs = forest.outputs();
    let explain = |row: usize| {
        check(control)?;
        let features: Vec<f64> = (0..x.cols).map(|column| x.values[column * x.rows + row]).collect();
        Ok(Parts {
            prediction: sign * answers[row * outputs + output],
            baseline: sign * game.mean(),
            columns: game.values(&features).into_iter().map(|value| sign * value).collect(),
        })
    };
    (0..x.rows).into_par_iter().map(explain).collect()
}

fn client(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Client, message)
}
