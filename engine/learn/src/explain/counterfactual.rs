//! Counterfactuals: the nearest change of a row that the model answers as wished, in columns that may change.
//!
//! Values are ones that other rows have, so every category is one the model knows and every number one that occurred. A candidate is a
//! row with all columns that may change taken from another row; columns are then given back, the farthest first, as long as the answer
//! stays; then each number goes as near to its own as the answer allows. Distances are in training units: a number's deviations, 1 for
//! another category (Wachter, Mittelstadt and Russell 2017; values of other rows as in Poyiadzi et al. 2020, "FACE").

use orrery_domain::{
    Failure,
    explain::{ChangedValue, Counterfactual, CounterfactualRow},
    training::Task,
};
use rayon::prelude::*;

use super::{
    answers::{Output, Rows},
    client,
    pieces::Place,
    players::Players,
};
use crate::{
    control::{Interrupt, JobControl, check},
    metrics::{Predictions, from_raw},
    predict::{Predictor, say},
    table::{Table, number_text},
};

/// Candidates of a row that are made smaller.
const CANDIDATES: usize = 10;

/// What the model shall say.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    /// A class.
    Class(usize),
    /// Any class but the row's own.
    Other,
    /// A number at least as large.
    AtLeast(f64),
    /// A number at most as large.
    AtMost(f64),
}

impl Wanted {
    /// What a person asked for.
    ///
    /// # Errors
    /// A client failure when it makes no sense for the model.
    pub fn of(predictor: &Predictor, asked: Option<&str>) -> Result<Self, Failure> {
        let card = predictor.card();
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        match (card.task, asked) {
            (Task::Regression, None) => Err(client(format!(
                "'{}' is a number. Say what it shall be, as '>=100' or '<=100'.",
                card.target
            ))),
            (Task::Regression, Some(text)) => {
                let above = text.strip_prefix(">=").and_then(number).map(Self::AtLeast);
                above.or_else(|| text.strip_prefix("<=").and_then(number).map(Self::AtMost)).ok_or_else(
                    || client(format!("'{text}' is no bound of a number. Write '>=100' or '<=100'.")),
                )
            }
            (_, None) => Ok(Self::Other),
            (_, Some(name)) => {
                card.classes.iter().position(|class| class == name).map(Self::Class).ok_or_else(|| {
                    client(format!(
                        "The model has no class '{name}'. Its classes: {}.",
                        card.classes.join(", ")
                    ))
                })
            }
        }
    }

    /// In words.
    pub fn words(&self, classes: &[String]) -> String {
        match self {
            Self::Class(class) => classes.get(*class).cloned().unwrap_or_default(),
            Self::Other => "another class".to_owned(),
            Self::AtLeast(value) => format!("at least {}", number_text(*value)),
            Self::AtMost(value) => format!("at most {}", number_text(*value)),
        }
    }

    fn fits(&self, answer: f64, own: f64) -> bool {
        match self {
            Self::Class(class) => answer.total_cmp(&(*class as f64)).is_eq(),
            Self::Other => answer.total_cmp(&own).is_ne(),
            Self::AtLeast(value) => answer >= *value,
            Self::AtMost(value) => answer <= *value,
        }
    }
}

/// Rows as a model takes them, raw, and in training units.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    /// Encoded.
    pub x: &'a Rows,
    /// Raw.
    pub table: &'a Table,
    /// Scaled numbers and codes of categories.
    pub units: &'a Rows,
}

/// The search.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    /// The model.
    pub predictor: &'a Predictor,
    /// Its outputs.
    pub output: Output<'a>,
    /// Raw columns of the encoded rows.
    pub players: &'a Players,
    /// Raw columns of the rows in training units.
    pub unit_players: &'a Players,
    /// Names of the columns.
    pub names: &'a [String],
    /// Rows to change.
    pub rows: Side<'a>,
    /// Rows whose values are tried.
    pub donors: Side<'a>,
    /// Whether a column may change.
    pub actionable: &'a [bool],
    /// What the model shall say.
    pub wanted: &'a Wanted,
}

/// Where each column's value comes from: another row, or the row itself.
type Sources = Vec<Option<usize>>;

impl Search<'_> {
    /// The nearest change of every row.
    ///
    /// # Errors
    /// A failure of the model, or an interruption.
    pub fn run(&self, place: Place<'_>) -> Result<Vec<CounterfactualRow>, Interrupt> {
        let own = self.answers(self.rows.x)?;
        let many = self.rows.x.len();
        let mut pieces = place.pieces();
        let mut all: Vec<CounterfactualRow> = Vec::with_capacity(many);
        for (row, own) in own.into_iter().enumerate() {
            all.push(pieces.next(|| {
                let already = *self.wanted != Wanted::Other && self.wanted.fits(own, own);
                let nearest = if already { None } else { self.nearest(row, own, place.control)? };
                Ok(CounterfactualRow { row: row as u64, prediction: self.words(own), nearest, already })
            })?);
            let (share, phase) = ((row + 1) as f64 / many as f64, pieces.phase("Looking for changes"));
            say(place.control, &phase, Some(share), row + 1, many, None);
        }
        Ok(all)
    }

    /// The class' number, or the number itself, of encoded rows.
    fn answers(&self, x: &Rows) -> Result<Vec<f64>, Failure> {
        let predictions = from_raw(self.output.task, &self.output.reported(x)?, self.output.outputs());
        Ok(match predictions {
            Predictions::Values(values) => values,
            Predictions::Probabilities { classes, values } => {
                values.chunks_exact(classes).map(|row| self.predictor.class(row) as f64).collect()
            }
        })
    }

    fn words(&self, answer: f64) -> String {
        self.predictor.card().classes.get(answer as usize).cloned().unwrap_or_else(|| number_text(answer))
    }

    fn fits(&self, row: usize, own: f64, all: &[Sources]) -> Result<Vec<bool>, Failure> {
        let mut mixed =
            Rows { cols: self.rows.x.cols, values: Vec::with_capacity(all.len() * self.rows.x.cols) };
        for sources in all {
            let from = mixed.values.len();
            mixed.values.extend_from_slice(self.rows.x.row(row));
            for (donor, inputs) in sources.iter().zip(&self.players.inputs) {
                if let Some(donor) = donor {
                    for input in inputs {
                        mixed.values[from + input] = self.donors.x.row(*donor)[*input];
                    }
                }
            }
        }
        Ok(self.answers(&mixed)?.into_iter().map(|answer| self.wanted.fits(answer, own)).collect())
    }

    /// How far a column of another row is from the row's own: deviations of a number, 1 for another category.
    fn away(&self, row: usize, donor: usize, column: usize) -> f64 {
        let (own, other) = (self.rows.units.row(row), self.donors.units.row(donor));
        let inputs = &self.unit_players.inputs[column];
        let apart = |input: &usize| {
            let gap = (own[*input] - other[*input]).abs();
            if self.unit_players.continuous[*input] { gap } else { gap.min(1.0) }
        };
        inputs.iter().map(apart).fold(0.0, f64::max)
    }

    fn distance(&self, row: usize, sources: &Sources) -> f64 {
        let parts = sources.iter().enumerate();
        parts.filter_map(|(column, donor)| Some(self.away(row, (*donor)?, column))).sum()
    }

    fn nearest(
        &self,
        row: usize,
        own: f64,
        control: &dyn JobControl,
    ) -> Result<Option<Counterfactual>, Interrupt> {
        let whole = |donor: usize| -> Sources {
            let from = |(column, may): (usize, &bool)| {
                (*may && self.away(row, donor, column) > 0.0).then_some(donor)
            };
            self.actionable.iter().enumerate().map(from).collect()
        };
        let all: Vec<Sources> = (0..self.donors.x.len()).map(whole).collect();
        let fits = self.fits(row, own, &all)?;
        let mut candidates: Vec<(f64, Sources)> = all
            .into_iter()
            .zip(fits)
            .filter(|(_, fits)| *fits)
            .map(|(sources, _)| (self.distance(row, &sources), sources))
            .collect();
        candidates.sort_by(|a, b| a.0.total_cmp(&b.0));
        candidates.truncate(CANDIDATES);
        let smaller: Result<Vec<(f64, Sources)>, Interrupt> = candidates
            .into_par_iter()
            .map(|(_, sources)| {
                check(control)?;
                let sources = self.nearer(row, own, self.fewer(row, own, sources)?)?;
                Ok((self.distance(row, &sources), sources))
            })
            .collect();
        let mut smaller = smaller?;
        smaller.sort_by(|a, b| a.0.total_cmp(&b.0));
        // The nearest one that the model also answers as wished where its values are read as text.
        Ok(smaller.iter().find_map(|(distance, sources)| self.proved(row, own, *distance, sources)))
    }

    /// Gives columns back, the farthest of those that can go first.
    fn fewer(&self, row: usize, own: f64, mut sources: Sources) -> Result<Sources, Failure> {
        loop {
            let without: Vec<(f64, Sources)> = sources
                .iter()
                .enumerate()
                .filter_map(|(column, donor)| {
                    let mut less = sources.clone();
                    less[column] = None;
                    Some((self.away(row, (*donor)?, column), less))
                })
                .collect();
            let (away, tried): (Vec<f64>, Vec<Sources>) = without.into_iter().unzip();
            let fits = self.fits(row, own, &tried)?;
            let best = (0..tried.len()).filter(|at| fits[*at]).max_by(|a, b| away[*a].total_cmp(&away[*b]));
            match best {
                Some(at) => sources.clone_from(&tried[at]),
                None => return Ok(sources),
            }
        }
    }

    /// Takes each changed column from the row that is nearest in it, as long as the answer stays.
    fn nearer(&self, row: usize, own: f64, mut sources: Sources) -> Result<Sources, Failure> {
        for column in 0..sources.len() {
            let Some(now) = sources[column] else { continue };
            let limit = self.away(row, now, column);
            let mut others: Vec<(f64, usize)> = (0..self.donors.x.len())
                .map(|donor| (self.away(row, donor, column), donor))
                .filter(|(away, _)| *away > 0.0 && *away < limit)
                .collect();
            others.sort_by(|a, b| a.0.total_cmp(&b.0));
            others.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
            let tried: Vec<Sources> = others
                .iter()
                .map(|(_, donor)| {
                    let mut near = sources.clone();
                    near[column] = Some(*donor);
                    near
                })
                .collect();
            if let Some(at) = self.fits(row, own, &tried)?.iter().position(|fits| *fits) {
                sources.clone_from(&tried[at]);
            }
        }
        Ok(sources)
    }

    /// The change in raw values, if the model says the same of those.
    fn proved(&self, row: usize, own: f64, distance: f64, sources: &Sources) -> Option<Counterfactual> {
        let text = |side: &Side<'_>, name: &str, row: usize| {
            side.table.position(name).and_then(|column| side.table.text(column, row))
        };
        let raw: Vec<(String, Option<String>)> = self
            .names
            .iter()
            .zip(sources)
            .map(|(name, donor)| match donor {
                Some(donor) => (name.clone(), text(&self.donors, name, *donor)),
                None => (name.clone(), text(&self.rows, name, row)),
            })
            .collect();
        let found = self.predictor.row(&raw).ok()?;
        let answer = match found.value {
            Some(value) => value,
            None => self.predictor.card().classes.iter().position(|class| *class == found.prediction)? as f64,
        };
        let changes = self
            .names
            .iter()
            .zip(sources)
            .filter(|(_, donor)| donor.is_some())
            .map(|(name, donor)| ChangedValue {
                column: name.clone(),
                from: text(&self.rows, name, row),
                to: donor.and_then(|donor| text(&self.donors, name, donor)),
            })
            .collect();
        let nearest = Counterfactual { prediction: self.words(answer), distance, changes };
        self.wanted.fits(answer, own).then_some(nearest)
    }
}
