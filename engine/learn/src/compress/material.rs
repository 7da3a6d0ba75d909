//! Material: encoded training and validation rows, and one network fitted on them.

use std::path::Path;

use orrery_domain::{
    Failure,
    device::DeviceChoice,
    image::ImageShape,
    training::{ModelKind, Task, TrainConfig},
};

use super::Stretch;
use crate::{
    control::Interrupt,
    nets::{
        Architecture, Augment, Encoded, Fit, FitOutcome, FitSettings, Loss, OutputScale, Rows, Start,
        Teacher, rounding::Rounding,
    },
    prepare::Preprocessor,
    train::{
        again::{Again, Use},
        pictures,
    },
};

/// What a training goes by beside its rows.
#[derive(Clone, Copy, Default)]
pub(super) struct Aids<'a> {
    /// What it begins with.
    pub start: Option<Start<'a>>,
    /// Whom it follows.
    pub teacher: Option<Teacher<'a>>,
    /// What is rounded on the way forward.
    pub rounding: Option<&'a Rounding>,
}

/// Encoded rows with their truth on the network's own scale.
pub(super) struct Material {
    pub train_x: Encoded,
    pub valid_x: Encoded,
    train_y: Vec<f32>,
    valid_y: Vec<f32>,
    train_weight: Vec<f32>,
    valid_weight: Vec<f32>,
    pub loss: Loss,
    task: Task,
    /// Shape of the pictures that the rows are, and what black is to a network.
    pictures: Option<(ImageShape, f32)>,
}

impl Material {
    /// Encodes the rows by these rules for a network with that output.
    ///
    /// # Errors
    /// Those of the transform.
    pub fn new(rows: &Again, rules: &Preprocessor, output: OutputScale) -> Result<Self, Failure> {
        let (train_x, valid_x) =
            rayon::join(|| rules.transform(rows.train()), || rules.transform(rows.valid()));
        let task = rows.task();
        Ok(Self {
            train_x: train_x?.0,
            valid_x: valid_x?.0,
            train_y: rows.truth(Use::Train, output),
            valid_y: rows.truth(Use::Valid, output),
            train_weight: rows.weight(Use::Train),
            valid_weight: rows.weight(Use::Valid),
            loss: match task {
                Task::Binary => Loss::Binary,
                Task::Multiclass => Loss::Multiclass,
                Task::Regression => Loss::Squared,
            },
            task,
            pictures: rows.image().map(|shape| (shape, pictures::black(rules))),
        })
    }

    /// Shape of the pictures that the rows are.
    pub fn image(&self) -> Option<ImageShape> {
        self.pictures.map(|(shape, _)| shape)
    }

    /// The training rows.
    pub fn train(&self) -> Rows<'_> {
        Rows { x: &self.train_x, y: &self.train_y, weight: Some(&self.train_weight) }
    }

    fn valid(&self) -> Rows<'_> {
        Rows { x: &self.valid_x, y: &self.valid_y, weight: Some(&self.valid_weight) }
    }

    /// Settings of a request, for so many passes where that is said. Pictures are varied as it says.
    pub fn settings(&self, config: &TrainConfig, kind: ModelKind, epochs: Option<u32>) -> FitSettings {
        let mut hyper = config.hyper.clone();
        hyper.epochs = epochs.or(hyper.epochs);
        let mut settings = FitSettings::resolve(kind, &hyper, self.train_x.rows, self.task);
        settings.seed = config.seed;
        let amounts = hyper.augment.amounts();
        settings.augment = self
            .pictures
            .filter(|_| kind.is_for_images() && !amounts.is_none())
            .map(|(shape, fill)| Augment { shape, amounts, fill });
        settings
    }

    /// Trains a network on the processor.
    ///
    /// # Errors
    /// Those of training, or an interruption after a checkpoint.
    pub fn fit(
        &self,
        arch: &Architecture,
        aids: Aids<'_>,
        settings: &FitSettings,
        checkpoints: &Path,
        control: &Stretch<'_>,
    ) -> Result<FitOutcome, Interrupt> {
        let Aids { start, teacher, rounding } = aids;
        let fit = Fit {
            arch,
            start,
            loss: self.loss,
            train: self.train(),
            valid: self.valid(),
            teacher,
            rounding,
            settings,
            means: DeviceChoice::Cpu.into(),
            checkpoints,
        };
        fit.run(control)
    }
}
