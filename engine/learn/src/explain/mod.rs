//! Explanation: what each raw column of a row added to the model's answer, with the law that the parts add up, and what all rows say.
//!
//! ```text
//!                       ┌─ integrated, gradient ► one figure an input ─► one a raw column (their sum) ─┐
//! rows ──encode──► Rows ┼─ tree_shap (columns as players) ───────────────────────────────────────────────┼─► Explanation,
//! background ─────► Rows ┴─ switch ► value of a set of columns ► shapley, kernel; lime ───────────────────┘   checked
//!
//! job: rows of a file, a dataset or a request, a background of other rows ─► the same, importance, dependence, counterfactuals
//! ```
//!
//! A player is a raw column. Integrated gradients are additive, so a column's figure is the sum of its inputs'. Shapley values are
//! not: whole columns are switched on and off. Figures are held against captum and shap: `tests/peers/explanations.py`.

mod answers;
mod ask;
mod checks;
mod counterfactual;
mod dependence;
mod file;
mod gradient;
mod importance;
mod integrated;
mod job;
mod kernel;
mod lime;
mod material;
mod pictures;
mod pieces;
mod players;
mod shapley;
mod solve;
mod switch;
mod tree_shap;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod methods_tests;
#[cfg(test)]
mod tests;

use std::path::Path;

use orrery_domain::{
    Failure, FailureClass,
    explain::{
        Against, Attributions, BaselineChoice, ExplainMethod, ExplainScale, Explanation, RowExplanation,
    },
    training::Task,
};

pub use self::job::{ExplainJob, SentRows, run};
use self::{answers::Rows, ask::Ask};
use crate::{
    compress::IntegerNetwork,
    control::{Interrupt, JobControl},
    gbt::{GbtScorer, Objective},
    nets::{Baseline, Scorer},
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
/// Largest share of the model's changes that a surrogate may miss.
const SURROGATE: f64 = 0.5;

/// What to explain, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplainRequest {
    /// Method; none: the one that is exact for the model.
    pub method: Option<ExplainMethod>,
    /// The explained class; none: the positive one of two, of several the one predicted for the first row.
    pub class: Option<String>,
    /// Baseline of integrated gradients.
    pub baseline: BaselineChoice,
    /// See [`orrery_domain::explain::ExplainSettings::samples`].
    pub samples: Option<u32>,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Whether infidelity and sensitivity are looked at, too, where there is a background.
    pub checks: bool,
}

/// What rows are explained against, and where the model's weights are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// Rows whose values stand in for those that are switched off, and what they were drawn from; none: the explained rows.
    pub background: Option<(&'a Table, &'a str)>,
    /// The model's folder, for the test with its weights shuffled.
    pub folder: Option<&'a Path>,
}

/// What is explained of a model.
pub(crate) enum Explained<'a> {
    /// A network or a linear model.
    Network { rules: &'a Preprocessor, scorer: &'a Scorer, means: Option<&'a Means> },
    /// A network whose layers are computed in whole numbers.
    Integer { rules: &'a Preprocessor, network: &'a IntegerNetwork, outputs: usize },
    /// Trees.
    Trees { rules: &'a Preprocessor, scorer: &'a GbtScorer },
}

/// One row's figures before they are named.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parts {
    /// The answer.
    prediction: f64,
    /// The answer at the baseline, or the mean one on the background.
    baseline: f64,
    /// One a raw column.
    columns: Vec<f64>,
    /// Standard errors of the same, where they were sampled.
    errors: Option<Vec<f64>>,
    /// What the method says of its own quality for this row, and the limit, where that is not whether the parts add up.
    measured: Option<(f64, f64)>,
}

impl Predictor {
    /// Explains every row of a table that has the feature columns; where a method needs a background, the rows are their own.
    ///
    /// # Errors
    /// As [`Self::explain_around`].
    pub fn explain(
        &self,
        table: &Table,
        request: &ExplainRequest,
        control: &dyn JobControl,
    ) -> Result<Explanation, Interrupt> {
        self.explain_around(table, request, Around::default(), control)
    }

    /// Explains every row of a table that has the feature columns.
    ///
    /// # Errors
    /// An interruption, or a client failure when the table has no rows or too many, the method does not fit the model, the class is unknown, the
    /// baseline is no row or there is no background; a data failure that names a column which does not fit; a model failure when a figure is not
    /// finite.
    pub fn explain_around(
        &self,
        table: &Table,
        request: &ExplainRequest,
        around: Around<'_>,
        control: &dyn JobControl,
    ) -> Result<Explanation, Interrupt> {
        check_rows(table.rows())?;
        let explained = self.explained();
        let method = self.method(&explained, request.method)?;
        if !method.attributes() {
            return Err(client(format!(
                "'{}' gives no parts of single answers. Use `orrery explain` or the window's page Explain for it.",
                method.name()
            ))
            .into());
        }
        let class = self.explained_class(table, request.class.as_deref())?;
        let players = explained.players();
        let x = explained.encode(table)?;
        let (background, of) = match around.background {
            Some((rows, of)) => (Some(explained.encode(rows)?).filter(|rows| rows.len() > 0), of),
            None => ((x.len() > 1).then(|| x.clone()), "the explained rows"),
        };
        if method.takes_background() && background.is_none() {
            return Err(client(format!(
                "'{}' puts values of other rows into a row, and there are none. Give a background of some rows.",
                method.name()
            ))
            .into());
        }
        let baseline = baseline(&explained, method, request.baseline, &x)?;
        let grid = pictures::Grid::of(self);
        let ask = Ask {
            explained: &explained,
            players: &players,
            method,
            task: self.card().task,
            class,
            baseline: baseline.as_ref(),
            background: background.as_ref(),
            grid: grid.as_ref(),
            samples: request.samples,
            seed: request.seed,
        };
        let parts = ask.parts(&x, control)?;
        check_finite(&parts)?;
        let checks =
            if request.checks { checks::further(&ask, &x, around.folder, control)? } else { Vec::new() };
        let against = match (method, request.baseline) {
            (ExplainMethod::TreeShap, _) => Against::Trees,
            (ExplainMethod::IntegratedGradients, BaselineChoice::Mean) => Against::Mean,
            (ExplainMethod::IntegratedGradients, BaselineChoice::Row(row)) => {
                Against::Row { row: row as u64 }
            }
            _ => {
                let rows = background.as_ref().map_or(0, Rows::len) as u64;
                Against::Background { rows, of: of.to_owned(), seed: request.seed }
            }
        };
        let check = ask.check(&parts);
        let names: Vec<&str> = self.features().map(|feature| feature.name.as_str()).collect();
        let name = |values: Vec<f64>| {
            Attributions(names.iter().map(|name| (*name).to_owned()).zip(values).collect())
        };
        let named = |(row, parts): (usize, Parts)| RowExplanation {
            row: row as u64,
            prediction: parts.prediction,
            baseline: parts.baseline,
            attributions: name(parts.columns),
            standard_errors: parts.errors.map(name),
            values: Vec::new(),
        };
        Ok(Explanation {
            totals: None,
            method,
            class: self.card().classes.get(class).cloned(),
            scale: self.scale(&explained),
            rows: parts.into_iter().enumerate().map(named).collect(),
            check,
            checks,
            against: Some(against),
        })
    }

    /// The method that was asked for, or the model's own.
    pub(crate) fn method(
        &self,
        explained: &Explained<'_>,
        asked: Option<ExplainMethod>,
    ) -> Result<ExplainMethod, Failure> {
        let (fits, what) = match explained {
            Explained::Trees { .. } => (ExplainMethod::TreeShap, "gradient-boosted trees"),
            _ => (ExplainMethod::IntegratedGradients, "a network or linear model"),
        };
        let method = asked.unwrap_or(fits);
        if matches!(explained, Explained::Integer { .. }) && method.by_gradient() {
            let origin = self.card().integer_step().map(|made| made.report.from.to_string());
            return Err(client(format!(
                "This model is computed in whole numbers, which have no slopes, so gradients cannot explain it. Explain {}, which \
                 it was made from, or use '{}' or '{}'.",
                origin.unwrap_or_else(|| "the model".to_owned()),
                ExplainMethod::PermutationShap.name(),
                ExplainMethod::KernelShap.name()
            )));
        }
        if method.is_for_pictures() && pictures::Grid::of(self).is_none() {
            return Err(client(format!(
                "The method '{}' explains pictures, and this model's columns are no pixels. Use '{}'.",
                method.name(),
                fits.name()
            )));
        }
        if !method.fits(matches!(explained, Explained::Trees { .. })) {
            return Err(client(format!(
                "The method '{}' does not fit {what}. Use '{}'.",
                method.name(),
                fits.name()
            )));
        }
        Ok(method)
    }

    /// The scale of the explained output.
    pub(crate) fn scale(&self, explained: &Explained<'_>) -> ExplainScale {
        let log = match explained {
            Explained::Trees { scorer, .. } => {
                scorer.forest().objective == Objective::Squared && scorer.forest().log
            }
            _ => false,
        };
        match (self.card().task, log) {
            (Task::Binary | Task::Multiclass, _) => ExplainScale::LogOdds,
            (Task::Regression, true) => ExplainScale::LogValue,
            (Task::Regression, false) => ExplainScale::Value,
        }
    }

    /// The number of the explained class; 0 for a number.
    pub(crate) fn explained_class(&self, table: &Table, asked: Option<&str>) -> Result<usize, Failure> {
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
        Self::new(path.end, path.begin, path.columns)
    }
}

impl Parts {
    fn new(prediction: f64, baseline: f64, columns: Vec<f64>) -> Self {
        Self { prediction, baseline, columns, errors: None, measured: None }
    }

    /// What the attributions leave unexplained, as a share of the largest of them; 0 where it is within the rounding of the
    /// answers themselves (a few times `rounding`, the spacing of the numbers they are computed in).
    fn gap(&self, rounding: f64) -> f64 {
        let gap = (self.prediction - self.baseline - self.columns.iter().sum::<f64>()).abs();
        let largest = self.columns.iter().fold(0.0_f64, |top, value| top.max(value.abs()));
        let within = 16.0 * rounding * (1.0 + self.prediction.abs().max(self.baseline.abs()));
        if gap <= within { 0.0 } else { gap / largest.max(within) }
    }
}

fn check_rows(rows: usize) -> Result<(), Failure> {
    match rows {
        0 => Err(client("There is no row to explain. Give one row at least.")),
        1..=MOST_ROWS => Ok(()),
        _ => Err(client(format!(
            "{rows} rows are too many for one explanation. Give at most {MOST_ROWS}, and the rest after them."
        ))),
    }
}

fn check_finite(parts: &[Parts]) -> Result<(), Failure> {
    let finite = parts.iter().all(|row| {
        row.prediction.is_finite() && row.baseline.is_finite() && row.columns.iter().all(|v| v.is_finite())
    });
    if finite {
        return Ok(());
    }
    Err(Failure::new(
        FailureClass::Model,
        "The explanation holds a number that is not finite: the model's weights, or the rows, are too large. Restore \
         the model from a copy, or look at the rows.",
    ))
}

/// Where integrated gradients begin; none for other methods.
fn baseline(
    explained: &Explained<'_>,
    method: ExplainMethod,
    choice: BaselineChoice,
    x: &Rows,
) -> Result<Option<Baseline>, Failure> {
    if method != ExplainMethod::IntegratedGradients {
        if choice != BaselineChoice::Mean {
            let what = if method == ExplainMethod::TreeShap {
                "Trees are explained against the mean of their training rows"
            } else {
                "Only integrated gradients begin at one row; other methods take a background"
            };
            return Err(client(format!("{what}. Leave the baseline out.")));
        }
        return Ok(None);
    }
    let Explained::Network { rules, scorer, means } = explained else { return Ok(None) };
    let arch = scorer.architecture();
    match choice {
        BaselineChoice::Mean => means
            .ok_or_else(|| {
                client(
                    "This model was saved without the means of its training rows. Train it again, or give one of the rows as \
                     the baseline ('row:0').",
                )
            })?
            .baseline(&rules.layout())
            .map(Some),
        BaselineChoice::Row(row) if row < x.len() => {
            Ok(Some(of_row(x.row(row), arch.numeric, &arch.category_sizes)))
        }
        BaselineChoice::Row(row) => {
            Err(client(format!("There is no row {row} to be the baseline: the rows are 0 to {}.", x.len() - 1)))
        }
    }
}

/// An encoded row as a baseline. A code outside its category counts as unknown, as everywhere.
fn of_row(row: &[f64], numeric: usize, sizes: &[usize]) -> Baseline {
    let (numbers, codes) = row.split_at(numeric);
    let share = |(size, code): (&usize, &f64)| {
        let mut shares = vec![0.0; *size];
        let code = *code as usize;
        shares[if code < *size { code } else { 0 }] = 1.0;
        shares
    };
    Baseline {
        numbers: numbers.iter().map(|value| *value as f32).collect(),
        shares: sizes.iter().zip(codes).map(share).collect(),
    }
}

fn client(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Client, message)
}
