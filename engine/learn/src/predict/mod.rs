//! Prediction: a model folder applied to a file, to a table, or to one row.
//!
//! ```text
//! folder ──load (hashes checked)──► Predictor ─┬─ row            one row of texts, for forms
//!                                              ├─ serve          columns of a program's request, for a node
//!                                              ├─ explain        what each column added (crate::explain)
//!                                              ├─ compare        two models on the same rows
//!                                              ├─ predict_table  Predictions and what was odd about the rows
//!                                              ├─ predict_file   all input columns and the prediction's, .csv or .parquet
//!                                              └─ evaluate_file  metrics on rows whose target is known
//! ```
//!
//! Raw columns go through the model's own `preprocess.json`, as in training.

mod columns;
mod compare;
mod csv;
mod evaluate;
mod file;
mod input;
mod parquet;
mod row;
mod served;

#[cfg(test)]
mod tests;

use std::path::Path;

use orrery_domain::{Failure, FailureClass, device::DeviceChoice, model::ModelCard, training::Task};

pub use self::{
    compare::ComparedRows,
    evaluate::{evaluate_file, target_table},
    file::predict_file,
    served::{Answer, Answers, Column},
};
pub(crate) use self::{
    evaluate::{Known, predict_kept},
    file::{bad_rows, say},
    input::{read_shared, require, taken_by},
};
use crate::{
    compress::IntegerNetwork,
    explain::Explained,
    gbt::GbtScorer,
    metrics::{DEFAULT_THRESHOLD, Predictions, decide, from_raw},
    model,
    nets::{self, Encoded},
    prepare::{
        Preprocessor, TransformReport, TreeMatrix,
        means::{self, Means},
    },
    table::Table,
};

/// A loaded model.
pub struct Predictor {
    card: ModelCard,
    scores: Box<dyn Scores>,
}

/// What turns raw columns into raw outputs: log-odds, logits or values in the target's unit.
trait Scores: Send + Sync {
    /// Row-major outputs `[rows, outputs]`, the number of outputs, and what was odd about the rows.
    fn score(&self, table: &Table) -> Result<(Vec<f64>, usize, TransformReport), Failure>;

    /// What can be explained of it.
    fn explained(&self) -> Explained<'_>;

    /// Columns of an encoded row.
    fn encoded_columns(&self) -> usize;

    /// Encoded rows to raw outputs.
    fn score_encoded(&self, rows: &Encoded) -> Result<Vec<f64>, Failure>;
}

/// A network whose layers are computed in whole numbers.
struct Integer {
    preprocess: Preprocessor,
    network: IntegerNetwork,
    outputs: usize,
}

impl Scores for Integer {
    fn score(&self, table: &Table) -> Result<(Vec<f64>, usize, TransformReport), Failure> {
        let (encoded, report) = self.preprocess.transform(table)?;
        Ok((self.network.score(&encoded)?, self.outputs, report))
    }

    fn explained(&self) -> Explained<'_> {
        Explained::Integer { rules: &self.preprocess, network: &self.network, outputs: self.outputs }
    }

    fn encoded_columns(&self) -> usize {
        self.network.columns()
    }

    fn score_encoded(&self, rows: &Encoded) -> Result<Vec<f64>, Failure> {
        self.network.score(rows)
    }
}

struct Network {
    preprocess: Preprocessor,
    scorer: nets::Scorer,
    /// Models of before there were explanations lack them.
    means: Option<Means>,
}

impl Scores for Network {
    fn score(&self, table: &Table) -> Result<(Vec<f64>, usize, TransformReport), Failure> {
        let (encoded, report) = self.preprocess.transform(table)?;
        Ok((self.scorer.score(&encoded)?, self.scorer.architecture().outputs, report))
    }

    fn explained(&self) -> Explained<'_> {
        let (rules, means) = (&self.preprocess, self.means.as_ref());
        Explained::Network { rules, scorer: &self.scorer, means }
    }

    fn encoded_columns(&self) -> usize {
        let arch = self.scorer.architecture();
        arch.numeric + arch.category_sizes.len()
    }

    fn score_encoded(&self, rows: &Encoded) -> Result<Vec<f64>, Failure> {
        self.scorer.score(rows)
    }
}

struct Trees {
    preprocess: Preprocessor,
    scorer: GbtScorer,
}

impl Scores for Trees {
    fn score(&self, table: &Table) -> Result<(Vec<f64>, usize, TransformReport), Failure> {
        let (encoded, report) = self.preprocess.transform_trees(table)?;
        if encoded.cols != self.scorer.features() {
            return Err(Failure::new(
                FailureClass::Model,
                format!(
                    "The model's trees take {} columns, but its preprocessing makes {}. Restore the model from a copy, or \
                     train it again.",
                    self.scorer.features(),
                    encoded.cols
                ),
            ));
        }
        Ok((self.scorer.score(&encoded), self.scorer.outputs(), report))
    }

    fn explained(&self) -> Explained<'_> {
        Explained::Trees { rules: &self.preprocess, scorer: &self.scorer }
    }

    fn encoded_columns(&self) -> usize {
        self.scorer.features()
    }

    fn score_encoded(&self, rows: &Encoded) -> Result<Vec<f64>, Failure> {
        let Encoded { rows, cols, values } = rows;
        let columns = (0..*cols).flat_map(|col| values.iter().skip(col).step_by(*cols));
        let values = columns.map(|value| f64::from(*value)).collect();
        Ok(self.scorer.score(&TreeMatrix { rows: *rows, cols: *cols, values }))
    }
}

impl std::fmt::Debug for Predictor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Predictor")
            .field("model", &self.card.model)
            .field("kind", &self.card.kind)
            .finish_non_exhaustive()
    }
}

impl Predictor {
    /// Loads a model version's folder, after checking every file against its hash in the card. It computes on the CPU.
    ///
    /// # Errors
    /// A model failure when a file is missing, damaged or of another format.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        Self::load_on(folder, DeviceChoice::Cpu)
    }

    /// As [`Self::load`], with a network on a device; trees are always on the CPU.
    ///
    /// # Errors
    /// As [`Self::load`], and a hardware failure when there is no such device or it cannot be opened.
    pub fn load_on(folder: &Path, device: DeviceChoice) -> Result<Self, Failure> {
        let card = model::read_card(folder)?;
        model::verify_card(folder, &card)?;
        Self::open_on(folder, card, device)
    }

    /// Loads a folder whose files are all there but for the card, which is this one.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn open(folder: &Path, card: ModelCard) -> Result<Self, Failure> {
        Self::open_on(folder, card, DeviceChoice::Cpu)
    }

    fn open_on(folder: &Path, card: ModelCard, device: DeviceChoice) -> Result<Self, Failure> {
        let preprocess = Preprocessor::load(folder)?;
        let scores: Box<dyn Scores> = if card.is_integer() {
            let outputs = if card.task == Task::Multiclass { card.classes.len() } else { 1 };
            Box::new(Integer { preprocess, network: IntegerNetwork::load(folder, card.kind)?, outputs })
        } else if card.kind.is_network() || card.kind == orrery_domain::training::ModelKind::Linear {
            // A card that is still being made names no files.
            let named = card.files.iter().any(|file| file.name == means::FILE);
            let has_means = named || card.files.is_empty() && folder.join(means::FILE).exists();
            let means = if has_means { Some(Means::load(folder)?) } else { None };
            Box::new(Network { preprocess, scorer: nets::Scorer::load(folder, device)?, means })
        } else {
            Box::new(Trees { preprocess, scorer: GbtScorer::load(folder)? })
        };
        Ok(Self { card, scores })
    }

    /// The model's card.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Predicts every row of a table that has the feature columns; others are not looked at.
    ///
    /// # Errors
    /// A data failure that names a column which is missing or holds another kind of values, a model failure when an output
    /// is not a finite number.
    pub fn predict_table(&self, table: &Table) -> Result<(Predictions, TransformReport), Failure> {
        let (raw, outputs, report) = self.scores.score(table)?;
        let predictions = from_raw(self.card.task, &raw, outputs);
        let fits = match &predictions {
            Predictions::Probabilities { classes, .. } => *classes == self.card.classes.len(),
            Predictions::Values(_) => outputs == 1,
        };
        if !fits || predictions.rows() != table.rows() {
            return Err(Failure::new(
                FailureClass::Model,
                format!(
                    "The model's weights give {outputs} outputs, which does not fit its card. Restore the model from a copy, \
                     or train it again."
                ),
            ));
        }
        predictions.check()?;
        Ok((predictions, report))
    }

    /// Columns of an encoded row.
    pub(crate) fn encoded_columns(&self) -> usize {
        self.scores.encoded_columns()
    }

    /// Encoded rows to raw outputs.
    pub(crate) fn score_encoded(&self, rows: &Encoded) -> Result<Vec<f64>, Failure> {
        self.scores.score_encoded(rows)
    }

    /// What can be explained of it.
    pub(crate) fn explained(&self) -> Explained<'_> {
        self.scores.explained()
    }

    /// The class that is predicted for a table's first row.
    pub(crate) fn first_class(&self, table: &Table) -> Result<usize, Failure> {
        let first = Table { schema: table.schema.clone(), batch: table.batch.slice(0, 1) };
        match self.predict_table(&first)?.0 {
            Predictions::Probabilities { values, .. } => Ok(self.class(&values)),
            Predictions::Values(_) => Ok(0),
        }
    }

    /// The predicted class of one row of probabilities. `[classes]`
    pub(crate) fn class(&self, probabilities: &[f64]) -> usize {
        let threshold = self.card.threshold.unwrap_or(DEFAULT_THRESHOLD);
        decide(probabilities, (self.card.task == Task::Binary).then_some(threshold))
    }
}
