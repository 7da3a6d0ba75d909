//! Answers: encoded rows in, the explained output of each out, whatever the model is made of.

use orrery_domain::{Failure, FailureClass, training::Task};

use super::{Explained, players::Players};
use crate::{gbt::Objective, nets::Encoded, prepare::TreeMatrix, table::Table};

/// Encoded rows, row-major, in 64 bits: NaN is missing for trees.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rows {
    /// Inputs of a row.
    pub cols: usize,
    /// Values. `[rows, cols]`
    pub values: Vec<f64>,
}

impl Rows {
    /// Rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.cols.max(1)
    }

    /// One row. `[cols]`
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.cols..][..self.cols]
    }

    /// These rows, in that order.
    pub fn select(&self, rows: impl IntoIterator<Item = usize>) -> Self {
        Self { cols: self.cols, values: rows.into_iter().flat_map(|row| self.row(row)).copied().collect() }
    }

    /// As a network takes them.
    pub fn encoded(&self) -> Encoded {
        let values = self.values.iter().map(|value| *value as f32).collect();
        Encoded { rows: self.len(), cols: self.cols, values }
    }

    /// As trees take them.
    fn for_trees(&self) -> TreeMatrix {
        let rows = self.len();
        let mut values = Vec::with_capacity(self.values.len());
        for column in 0..self.cols {
            values.extend((0..rows).map(|row| self.values[row * self.cols + column]));
        }
        TreeMatrix { rows, cols: self.cols, values }
    }
}

/// What is explained: a number for every row.
pub(super) trait Answers: Sync {
    /// The explained output of each row.
    ///
    /// # Errors
    /// A hardware failure when the device does not deliver, a model failure when the model cannot be computed.
    fn answers(&self, rows: &Rows) -> Result<Vec<f64>, Failure>;
}

/// One output of a model.
#[derive(Clone, Copy)]
pub(super) struct Output<'a> {
    /// The model.
    pub explained: &'a Explained<'a>,
    /// What it predicts.
    pub task: Task,
    /// The class; 0 for a number.
    pub class: usize,
}

impl Output<'_> {
    /// Reported outputs, row-major: what predictions are made of.
    ///
    /// # Errors
    /// As [`Answers::answers`].
    pub fn reported(&self, rows: &Rows) -> Result<Vec<f64>, Failure> {
        match self.explained {
            Explained::Network { scorer, .. } => scorer.score(&rows.encoded()),
            Explained::Integer { network, .. } => network.score(&rows.encoded()),
            Explained::Trees { scorer, .. } => Ok(scorer.score(&rows.for_trees())),
        }
    }

    /// Reported outputs of a row.
    pub fn outputs(&self) -> usize {
        match self.explained {
            Explained::Network { scorer, .. } => scorer.architecture().outputs,
            Explained::Integer { outputs, .. } => *outputs,
            Explained::Trees { scorer, .. } => scorer.outputs(),
        }
    }

    /// The forest's output, and the sign with which it speaks for the class.
    pub fn of_forest(&self, objective: Objective) -> (usize, f64) {
        match objective {
            // One output for two classes: the log-odds of the second.
            Objective::Binary => (0, if self.class == 1 { 1.0 } else { -1.0 }),
            Objective::OneVsRest => (self.class, 1.0),
            Objective::Squared => (0, 1.0),
        }
    }
}

impl Answers for Output<'_> {
    fn answers(&self, rows: &Rows) -> Result<Vec<f64>, Failure> {
        if let Explained::Trees { scorer, .. } = self.explained {
            let forest = scorer.forest();
            let (output, sign) = self.of_forest(forest.objective);
            let raw = forest.raw(&rows.for_trees());
            return Ok(raw.chunks_exact(forest.outputs()).map(|row| sign * row[output]).collect());
        }
        let (reported, outputs) = (self.reported(rows)?, self.outputs());
        Ok(reported
            .chunks_exact(outputs.max(1))
            .map(|row| match (self.task, row) {
                (Task::Regression, row) => row[0],
                (_, [z]) if self.class == 0 => -z,
                (_, [z]) => *z,
                (_, logits) => log_odds(logits, self.class),
            })
            .collect())
    }
}

/// `ln p - ln (1 - p)` of a class, from a logit a class.
fn log_odds(logits: &[f64], class: usize) -> f64 {
    let others = || logits.iter().enumerate().filter(|(place, _)| *place != class).map(|(_, z)| *z);
    let top = others().fold(f64::NEG_INFINITY, f64::max);
    logits[class] - top - others().map(|z| (z - top).exp()).sum::<f64>().ln()
}

impl Explained<'_> {
    /// Rows as the model takes them.
    ///
    /// # Errors
    /// A data failure that names a column which does not fit, a model failure when the preprocessing makes other inputs than the
    /// model takes.
    pub(super) fn encode(&self, table: &Table) -> Result<Rows, Failure> {
        let (rows, fits) = match self {
            Self::Network { rules, scorer, .. } => {
                let (x, _) = rules.transform(table)?;
                let arch = scorer.architecture();
                let fits = x.cols == arch.numeric + arch.category_sizes.len()
                    && rules.layout().cardinalities() == arch.category_sizes;
                (narrow(&x), fits)
            }
            Self::Integer { rules, network, .. } => {
                let (x, _) = rules.transform(table)?;
                let fits = x.cols == network.columns();
                (narrow(&x), fits)
            }
            Self::Trees { rules, scorer } => {
                let (x, _) = rules.transform_trees(table)?;
                let mut values = Vec::with_capacity(x.values.len());
                for row in 0..x.rows {
                    values.extend((0..x.cols).map(|column| x.values[column * x.rows + row]));
                }
                let fits = x.cols == scorer.features();
                (Rows { cols: x.cols, values }, fits)
            }
        };
        if fits && rows.cols == self.players().owners.len() {
            return Ok(rows);
        }
        Err(Failure::new(
            FailureClass::Model,
            "The model's weights take other inputs than its preprocessing makes. Restore the model from a copy, or train it \
             again.",
        ))
    }

    /// Who plays: the raw columns.
    pub(super) fn players(&self) -> Players {
        match self {
            Self::Network { rules, .. } | Self::Integer { rules, .. } => Players::of_inputs(rules),
            Self::Trees { rules, .. } => Players::of_tree_inputs(rules),
        }
    }
}

fn narrow(x: &Encoded) -> Rows {
    Rows { cols: x.cols, values: x.values.iter().map(|value| f64::from(*value)).collect() }
}

#[cfg(test)]
mod tests {
    use super::log_odds;

    #[test]
    fn log_odds_of_a_class_are_against_all_others() {
        let logits = [1.0_f64, -0.5, 2.0];
        let p = 2.0_f64.exp() / logits.iter().map(|z| z.exp()).sum::<f64>();
        assert!((log_odds(&logits, 2) - (p / (1.0 - p)).ln()).abs() < 1e-12);
        assert!((log_odds(&[900.0, -900.0], 0) - 1800.0).abs() < 1e-9);
    }
}
