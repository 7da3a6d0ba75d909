//! Again: the rows of a finished run, divided as they were, for whoever changes its model and judges it anew.

use std::path::Path;

use orrery_domain::{
    Failure,
    curves::Curves,
    dataset::Dataset,
    image::ImageShape,
    metric::Metrics,
    training::{CategoryEncoding, Scaling, TargetTransform, Task, TrainConfig},
};

use super::{
    parts::{self, Part, Parts},
    request::{self, Request},
    scorer::{self, Truths},
};
use crate::{
    metrics::{BootstrapSettings, Paired, Predictions, curves, evaluate_at, from_raw, paired},
    nets::OutputScale,
    prepare::{FitInput, Preprocessor},
    table::Table,
};

/// What rows are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// To fit.
    Train,
    /// To choose.
    Valid,
}

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

    /// Shape of the pictures that the rows are, for an image network's request.
    pub fn image(&self) -> Option<ImageShape> {
        self.request.image
    }

    /// What becomes of a new network's raw output: numbers are standardized over the training rows.
    pub fn output(&self) -> OutputScale {
        parts::output(&self.request, &self.parts.train.y, self.transform)
    }

    /// What rows really are, on the scale of a network with that output: class numbers, or standardized values. `[rows]`
    pub fn truth(&self, part: Use, output: OutputScale) -> Vec<f32> {
        let scale = |y: &f64| match output {
            OutputScale::Logits => *y,
            OutputScale::Value { mean, std, .. } => (y - mean) / std,
        };
        self.part(part).y.iter().map(|y| scale(y) as f32).collect()
    }

    /// Weights of rows. `[rows]`
    pub fn weight(&self, part: Use) -> Vec<f32> {
        self.part(part).weight.iter().map(|weight| *weight as f32).collect()
    }

    /// Learns the preprocessing of a network from the training rows.
    ///
    /// # Errors
    /// A client failure when no column is left.
    pub fn learn(&self, categories: CategoryEncoding, scaling: Scaling) -> Result<Preprocessor, Failure> {
        let Part { table, y, weight } = &self.parts.train;
        let fitted = Preprocessor::fit(&FitInput {
            train: table,
            features: &self.request.features,
            target: y,
            classes: self.request.classes.len(),
            weights: weight,
            categories,
            scaling,
            pixels: self.request.image.is_some(),
        })?;
        Ok(fitted.preprocessor)
    }

    fn part(&self, part: Use) -> &Part {
        match part {
            Use::Train => &self.parts.train,
            Use::Valid => &self.parts.valid,
        }
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
