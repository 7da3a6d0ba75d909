//! Again: the rows of a finished run, divided as they were, for whoever changes its model and judges it anew.

use std::path::Path;

use orrery_domain::{
    Failure,
    curves::Curves,
    dataset::Dataset,
    metric::Metrics,
    training::{TargetTransform, Task, TrainConfig},
};

use super::{
    parts::{self, Part, Parts},
    request::{self, Request},
    scorer::{self, Truths},
};
use crate::{
    metrics::{BootstrapSettings, Paired, Predictions, curves, evaluate_at, from_raw, paired},
    table::Table,
};

/// Rows by their use, with what they really are.
pub(crate) struct Again {
    request: Request,
    parts: Parts,
    transform: TargetTransform,
    settings: BootstrapSettings,
}

impl Again {
    /// Divides the imported table as the run with this request did.
    ///
    /// # Errors
    /// Those of the request and the split: the dataset is another one.
    pub fn of(config: &TrainConfig, blob: &Path, dataset: &Dataset) -> Result<Self, Failure> {
        let table = Table::read_arrow(blob, &dataset.columns)?;
        let request = request::check(config, &table)?;
        let parts = parts::divide(config, &request, &table)?;
        let settings = BootstrapSettings { seed: config.seed, ..BootstrapSettings::default() };
        Ok(Self { request, parts, transform: config.target_transform, settings })
    }

    /// Feature columns of the training rows.
    pub fn train(&self) -> &Table {
        &self.parts.train.table
    }

    /// Feature columns of the validation rows.
    pub fn valid(&self) -> &Table {
        &self.parts.valid.table
    }

    /// Feature columns of the test rows.
    pub fn test(&self) -> &Table {
        &self.parts.test.table
    }

    /// Outputs of a model of this task.
    pub fn outputs(&self) -> usize {
        self.request.outputs()
    }

    /// Reported outputs as predictions.
    ///
    /// # Errors
    /// A model failure when one is not finite.
    pub fn predictions(&self, raw: &[f64]) -> Result<Predictions, Failure> {
        let predictions = from_raw(self.request.task, raw, self.outputs());
        predictions.check()?;
        Ok(predictions)
    }

    /// Weighted mean loss on the validation rows.
    pub fn valid_loss(&self, predictions: &Predictions) -> f64 {
        let Part { y, weight, .. } = &self.parts.valid;
        scorer::loss(predictions, y, weight, self.transform)
    }

    /// Metrics on the validation rows, without intervals.
    pub fn judge_valid(&self, predictions: &Predictions, threshold: f64) -> Metrics {
        let truths = Truths::new(&self.request, &self.parts.valid.y, self.transform);
        evaluate_at(self.request.task, &truths.view(&self.request), predictions, threshold, None)
    }

    /// Metrics on the test rows, with 95 % intervals.
    pub fn judge(&self, predictions: &Predictions, threshold: f64) -> Metrics {
        let truths = self.truths();
        evaluate_at(
            self.request.task,
            &truths.view(&self.request),
            predictions,
            threshold,
            Some(&self.settings),
        )
    }

    /// The first metric of two models on the same test rows.
    pub fn paired(&self, model: &Predictions, against: &Predictions) -> Option<Paired> {
        let truths = self.truths();
        paired(self.request.task, &truths.view(&self.request), model, against, &self.settings)
    }

    /// Curves of the test rows.
    pub fn curves(&self, predictions: &Predictions) -> Curves {
        let truths = self.truths();
        curves(self.request.task, &truths.view(&self.request), predictions, &self.request.classes)
    }

    /// What is predicted.
    pub fn task(&self) -> Task {
        self.request.task
    }

    fn truths(&self) -> Truths {
        Truths::new(&self.request, &self.parts.test.y, self.transform)
    }
}
