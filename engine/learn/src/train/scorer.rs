//! Scorers: a fitted model in its folder, applied to rows.

use std::path::Path;

use orrery_domain::{
    Failure,
    device::DeviceChoice,
    training::{ModelKind, TargetTransform, Task},
};

use super::request::Request;
use crate::{
    gbt::GbtScorer,
    metrics::{Predictions, Truth, from_raw},
    nets::Scorer,
    prepare::Preprocessor,
    table::Table,
};

/// A fitted model.
pub(super) struct Fitted {
    rules: Preprocessor,
    model: Model,
}

enum Model {
    Trees(GbtScorer),
    Network(Box<Scorer>),
}

impl Fitted {
    /// Loads a model that was fitted.
    ///
    /// # Errors
    /// A model failure when a file is missing or damaged.
    pub fn load(folder: &Path, kind: ModelKind) -> Result<Self, Failure> {
        let rules = Preprocessor::load(folder)?;
        let model = match kind {
            ModelKind::Gbt => Model::Trees(GbtScorer::load(folder)?),
            _ => Model::Network(Box::new(Scorer::load(folder, DeviceChoice::Cpu)?)),
        };
        Ok(Self { rules, model })
    }

    /// Reported outputs. `[rows, outputs]`
    ///
    /// # Errors
    /// Those of the transform.
    pub fn raw(&self, table: &Table) -> Result<Vec<f64>, Failure> {
        match &self.model {
            Model::Trees(scorer) => Ok(scorer.score(&self.rules.transform_trees(table)?.0)),
            Model::Network(scorer) => scorer.score(&self.rules.transform(table)?.0),
        }
    }

    /// Predictions.
    ///
    /// # Errors
    /// Those of the transform, and a model failure when one is not finite.
    pub fn predict(&self, request: &Request, table: &Table) -> Result<Predictions, Failure> {
        let predictions = from_raw(request.task, &self.raw(table)?, request.outputs());
        predictions.check()?;
        Ok(predictions)
    }
}

/// What rows really are, owned: class numbers or values in the target's unit.
pub(super) struct Truths {
    codes: Vec<u32>,
    values: Vec<f64>,
}

impl Truths {
    /// The truth of rows with targets `y`.
    pub fn new(request: &Request, y: &[f64], transform: TargetTransform) -> Self {
        if request.task == Task::Regression {
            let log = transform == TargetTransform::Log;
            let values = y.iter().map(|y| if log { y.exp() } else { *y }).collect();
            Self { codes: Vec::new(), values }
        } else {
            Self { codes: y.iter().map(|y| *y as u32).collect(), values: Vec::new() }
        }
    }

    /// As the metrics take it.
    pub fn view<'a>(&'a self, request: &'a Request) -> Truth<'a> {
        if request.task == Task::Regression {
            Truth::Values(&self.values)
        } else {
            Truth::Classes { codes: &self.codes, classes: &request.classes }
        }
    }
}

impl Request {
    /// Outputs of a model: 1 for two classes and for a number, else one a class.
    pub fn outputs(&self) -> usize {
        if self.task == Task::Multiclass { self.classes.len() } else { 1 }
    }
}

/// Weighted mean loss of predictions: log loss in nats, or squared error in the (transformed) target's unit. Infinite where a loss is not finite.
pub(super) fn loss(predictions: &Predictions, y: &[f64], weight: &[f64], transform: TargetTransform) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (row, (y, weight)) in y.iter().zip(weight).enumerate() {
        let loss = match predictions {
            Predictions::Probabilities { classes, values } => {
                -values[row * classes + *y as usize].max(1e-300).ln()
            }
            Predictions::Values(values) => {
                let value = match transform {
                    TargetTransform::None => values[row],
                    TargetTransform::Log => values[row].max(1e-300).ln(),
                };
                (value - y).powi(2)
            }
        };
        sum += weight * loss;
        total += weight;
    }
    let mean = sum / total;
    if mean.is_finite() { mean } else { f64::INFINITY }
}
