//! Prediction: a model folder applied to a file, or to one row.

use std::path::Path;

use orrery_domain::{
    Failure, FailureClass,
    job::{PredictReport, RowPrediction},
    metric::Metrics,
};

use crate::control::{Interrupt, JobControl};

/// A loaded model.
#[derive(Debug)]
pub struct Predictor {}

impl Predictor {
    /// Loads a model version's folder.
    ///
    /// # Errors
    /// A model failure when a file is missing, damaged or of another format.
    pub fn load(_folder: &Path) -> Result<Self, Failure> {
        Err(Failure::new(FailureClass::Bug, "Not built: load"))
    }

    /// Predicts one row given as texts by column.
    ///
    /// # Errors
    /// A client failure when a value does not fit its column.
    pub fn row(&self, _row: &[(String, Option<String>)]) -> Result<RowPrediction, Failure> {
        Err(Failure::new(FailureClass::Bug, "Not built: row"))
    }
}

/// Predicts on `file` and writes `out` (`.csv` or `.parquet`): all input columns, and the prediction's.
///
/// # Errors
/// A data failure that names a missing column, or an interruption.
pub fn predict_file(
    _model: &Path,
    _file: &Path,
    _out: &Path,
    _control: &dyn JobControl,
) -> Result<PredictReport, Interrupt> {
    Err(Failure::new(FailureClass::Bug, "Not built: predict").into())
}

/// Measures a model on a file that has its target; returns metrics and the rows used.
///
/// # Errors
/// A data failure that names a missing column, or an interruption.
pub fn evaluate_file(
    _model: &Path,
    _file: &Path,
    _control: &dyn JobControl,
) -> Result<(Metrics, u64), Interrupt> {
    Err(Failure::new(FailureClass::Bug, "Not built: evaluate").into())
}
