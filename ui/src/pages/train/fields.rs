//! The numeric settings of a training request: their words, limits, and where they live in the request.

use orrery_domain::training::{HyperParameters, ModelKind, TrainConfig};
use serde::{Deserialize, Serialize};

use crate::widgets::format_cell::number;

/// A numeric setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Share of rows for the test.
    TestShare,
    /// Share of training rows for validation.
    ValidShare,
    /// Hidden width.
    Width,
    /// Hidden layers or blocks.
    Depth,
    /// `TabM` members.
    Members,
    /// Dropout.
    Dropout,
    /// Most trees.
    Trees,
    /// Most leaves a tree.
    Leaves,
    /// Least weight of a leaf.
    MinLeafWeight,
    /// Share of the rows of a tree.
    RowShare,
    /// Share of the features of a tree.
    FeatureShare,
    /// Seconds for `auto`.
    Budget,
    /// Passes over the training rows.
    Epochs,
    /// Rows a step.
    BatchSize,
    /// Peak learning rate.
    LearningRate,
    /// Weight decay.
    WeightDecay,
    /// Share of steps spent warming up.
    Warmup,
    /// Gradient norm limit.
    ClipNorm,
    /// Epochs without progress.
    Patience,
    /// Seed.
    Seed,
    /// Largest move of a training picture.
    Shift,
    /// Largest turn of a training picture.
    Rotate,
    /// Largest change of a training picture's size.
    Scale,
    /// Side of the square wiped out of a training picture.
    Erase,
}

/// What a value may be: whole or not, from, to; the ends are legal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    whole: bool,
    from: f64,
    to: f64,
}

/// Largest whole number that `f64` holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Field {
    /// Every setting.
    #[cfg(test)]
    pub const ALL: [Self; 24] = [
        Self::TestShare,
        Self::ValidShare,
        Self::Width,
        Self::Depth,
        Self::Members,
        Self::Dropout,
        Self::Trees,
        Self::Leaves,
        Self::MinLeafWeight,
        Self::RowShare,
        Self::FeatureShare,
        Self::Budget,
        Self::Epochs,
        Self::BatchSize,
        Self::LearningRate,
        Self::WeightDecay,
        Self::Warmup,
        Self::ClipNorm,
        Self::Patience,
        Self::Seed,
        Self::Shift,
        Self::Rotate,
        Self::Scale,
        Self::Erase,
    ];
    /// Those of the split.
    pub const SPLIT: [Self; 2] = [Self::TestShare, Self::ValidShare];
    /// Those of the model.
    pub const MODEL: [Self; 10] = [
        Self::Budget,
        Self::Width,
        Self::Depth,
        Self::Members,
        Self::Dropout,
        Self::Trees,
        Self::Leaves,
        Self::MinLeafWeight,
        Self::RowShare,
        Self::FeatureShare,
    ];
    /// Those of the training.
    pub const TRAINING: [Self; 12] = [
        Self::Epochs,
        Self::BatchSize,
        Self::LearningRate,
        Self::WeightDecay,
        Self::Warmup,
        Self::ClipNorm,
        Self::Patience,
        Self::Shift,
        Self::Rotate,
        Self::Scale,
        Self::Erase,
        Self::Seed,
    ];

    /// Its label.
    pub fn label(self) -> &'static str {
        self.words().0
    }

    /// What it means.
    pub fn help(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::TestShare => {
                ("Test share", "Share of all rows held out for the test, where the split names none")
            }
            Self::ValidShare => (
                "Validation share",
                "Share of the training rows held out to choose and stop by, where the split names none",
            ),
            Self::Width => {
                ("Width", "Neurons of each hidden layer; for pictures, channels of the first convolution")
            }
            Self::Depth => ("Depth", "Hidden layers, residual blocks, or stages of convolutions"),
            Self::Members => ("Members", "Networks of the ensemble, which share most of their weights"),
            Self::Dropout => {
                ("Dropout", "Share of neurons switched off at random in each step, 0 to below 1")
            }
            Self::Trees => ("Trees", "Most trees; early stopping may keep fewer"),
            Self::Leaves => ("Leaves", "Most leaves of a tree"),
            Self::MinLeafWeight => (
                "Leaf weight",
                "Least sum of the loss' second derivatives in a leaf; for a number, of the rows' weights",
            ),
            Self::RowShare => ("Rows of a tree", "Share of the training rows that each tree is grown on"),
            Self::FeatureShare => ("Features of a tree", "Share of the features that each tree may use"),
            Self::Budget => ("Time budget", "Seconds that Automatic may use for all its candidates"),
            Self::Epochs => ("Epochs", "Most passes over the training rows; early stopping may end sooner"),
            Self::BatchSize => ("Batch size", "Rows of each step"),
            Self::LearningRate => {
                ("Learning rate", "Peak of the schedule; for trees, the shrinkage of each tree")
            }
            Self::WeightDecay => {
                ("Weight decay", "How strongly weights are pulled towards 0, apart from the gradient")
            }
            Self::Warmup => (
                "Warm-up",
                "Share of all steps in which the learning rate rises; it then follows a cosine to 0",
            ),
            Self::ClipNorm => {
                ("Gradient clipping", "Largest global norm of a gradient; 0 switches clipping off")
            }
            Self::Patience => (
                "Patience",
                "Epochs (or chunks of trees) without a better validation loss before the end; 0 never stops early",
            ),
            Self::Shift => {
                ("Shift", "Training pictures are moved by up to this share of their side, anew in each step")
            }
            Self::Rotate => ("Rotation", "Training pictures are turned by up to so many degrees, either way"),
            Self::Scale => ("Scaling", "Training pictures are made larger or smaller by up to this share"),
            Self::Erase => {
                ("Erasing", "Side of a square that is wiped out of training pictures, as a share of theirs")
            }
            Self::Seed => ("Seed", "Every random choice follows from it: the same seed gives the same run"),
        }
    }

    /// The unit behind the value.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Budget => "s",
            Self::Rotate => "°",
            _ => "",
        }
    }

    fn limits(self) -> Limits {
        let whole = |from: f64, to: f64| Limits { whole: true, from, to };
        let real = |from: f64, to: f64| Limits { whole: false, from, to };
        match self {
            Self::TestShare | Self::ValidShare => real(0.01, 0.9),
            Self::Width => whole(1.0, 16_384.0),
            Self::Depth => whole(1.0, 64.0),
            Self::Members => whole(1.0, 256.0),
            Self::Dropout => real(0.0, 0.99),
            Self::Trees | Self::Epochs => whole(1.0, 100_000.0),
            Self::Leaves => whole(2.0, 65_536.0),
            Self::MinLeafWeight => real(0.001, 1e6),
            Self::RowShare | Self::FeatureShare => real(0.01, 1.0),
            Self::Budget => real(1.0, 604_800.0),
            Self::BatchSize => whole(1.0, 16_777_216.0),
            Self::LearningRate => real(1e-8, 10.0),
            Self::WeightDecay => real(0.0, 10.0),
            Self::Warmup => real(0.0, 1.0),
            Self::ClipNorm => real(0.0, 1e6),
            Self::Patience => whole(0.0, 100_000.0),
            Self::Seed => whole(0.0, EXACT),
            Self::Shift | Self::Scale => real(0.0, 0.5),
            Self::Rotate => real(0.0, 180.0),
            Self::Erase => real(0.0, 0.9),
        }
    }

    /// Whether a model kind knows it. `auto` knows what its candidates know.
    pub fn applies(self, kind: ModelKind) -> bool {
        use ModelKind::{Auto, Gbt, Linear, Tabm};
        let network = kind.is_network() || kind == Auto;
        match self {
            Self::TestShare | Self::ValidShare | Self::Seed | Self::Patience | Self::LearningRate => true,
            Self::Budget => kind == Auto,
            Self::Members => matches!(kind, Tabm | Auto),
            Self::Trees | Self::Leaves | Self::MinLeafWeight | Self::RowShare | Self::FeatureShare => {
                matches!(kind, Gbt | Auto)
            }
            Self::Epochs | Self::BatchSize | Self::WeightDecay => network || kind == Linear,
            Self::Width | Self::Depth | Self::Dropout | Self::Warmup | Self::ClipNorm => network,
            Self::Shift | Self::Rotate | Self::Scale | Self::Erase => kind.is_for_images(),
        }
    }

    /// Its value in a request; `None` is the default.
    pub fn read(self, config: &TrainConfig) -> Option<f64> {
        match self {
            Self::Budget => config.budget_secs,
            Self::Seed => (config.seed != 0).then_some(config.seed as f64),
            _ => self.read_hyper(&config.hyper),
        }
    }

    /// Its value among the advanced settings.
    pub fn read_hyper(self, hyper: &HyperParameters) -> Option<f64> {
        match self {
            Self::TestShare => hyper.test_share,
            Self::ValidShare => hyper.valid_share,
            Self::Width => hyper.width.map(f64::from),
            Self::Depth => hyper.depth.map(f64::from),
            Self::Members => hyper.members.map(f64::from),
            Self::Dropout => hyper.dropout,
            Self::Trees => hyper.trees.map(f64::from),
            Self::Leaves => hyper.leaves.map(f64::from),
            Self::MinLeafWeight => hyper.min_leaf_weight,
            Self::RowShare => hyper.row_share,
            Self::FeatureShare => hyper.feature_share,
            Self::Epochs => hyper.epochs.map(f64::from),
            Self::BatchSize => hyper.batch_size.map(f64::from),
            Self::LearningRate => hyper.learning_rate,
            Self::WeightDecay => hyper.weight_decay,
            Self::Warmup => hyper.warmup,
            Self::ClipNorm => hyper.clip_norm,
            Self::Patience => hyper.patience.map(f64::from),
            Self::Shift => hyper.augment.shift,
            Self::Rotate => hyper.augment.rotate,
            Self::Scale => hyper.augment.scale,
            Self::Erase => hyper.augment.erase,
            Self::Budget | Self::Seed => None,
        }
    }

    /// Puts a value (within its limits) into a request.
    pub fn write(self, config: &mut TrainConfig, value: Option<f64>) {
        let whole = value.map(|value| value as u32);
        let hyper = &mut config.hyper;
        match self {
            Self::TestShare => hyper.test_share = value,
            Self::ValidShare => hyper.valid_share = value,
            Self::Width => hyper.width = whole,
            Self::Depth => hyper.depth = whole,
            Self::Members => hyper.members = whole,
            Self::Dropout => hyper.dropout = value,
            Self::Trees => hyper.trees = whole,
            Self::Leaves => hyper.leaves = whole,
            Self::MinLeafWeight => hyper.min_leaf_weight = value,
            Self::RowShare => hyper.row_share = value,
            Self::FeatureShare => hyper.feature_share = value,
            Self::Budget => config.budget_secs = value,
            Self::Epochs => hyper.epochs = whole,
            Self::BatchSize => hyper.batch_size = whole,
            Self::LearningRate => hyper.learning_rate = value,
            Self::WeightDecay => hyper.weight_decay = value,
            Self::Warmup => hyper.warmup = value,
            Self::ClipNorm => hyper.clip_norm = value,
            Self::Patience => hyper.patience = whole,
            Self::Shift => hyper.augment.shift = value,
            Self::Rotate => hyper.augment.rotate = value,
            Self::Scale => hyper.augment.scale = value,
            Self::Erase => hyper.augment.erase = value,
            Self::Seed => config.seed = value.map_or(0, |value| value as u64),
        }
    }

    /// What a typed text means: nothing is the default.
    ///
    /// # Errors
    /// Why it means nothing: a sentence.
    pub fn parse(self, text: &str) -> Result<Option<f64>, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let Limits { whole, from, to } = self.limits();
        let Ok(value) = text.replace('−', "-").replace(',', ".").parse::<f64>() else {
            return Err(format!("'{text}' is not a number"));
        };
        if whole && value.fract().abs() > 0.0 {
            return Err("Use a whole number".to_owned());
        }
        if !value.is_finite() || value < from || value > to {
            return Err(format!("Use a number from {} to {}", number(from), number(to)));
        }
        Ok(Some(value))
    }

    /// How a value is written into its text field.
    pub fn text(value: f64) -> String {
        if value != 0.0 && value.abs() < 1e-3 { format!("{value:e}") } else { value.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_survives_the_way_into_the_request_and_back() {
        for field in Field::ALL {
            let Limits { from, to, .. } = field.limits();
            for value in [from.max(1e-8), to] {
                let mut config = TrainConfig::new("y");
                let value = if field == Field::Seed { value.max(1.0) } else { value };
                let value = if field.limits().whole { value.ceil() } else { value };
                field.write(&mut config, Some(value));
                assert_eq!(field.read(&config), Some(value), "{field:?}");
                assert_eq!(field.parse(&Field::text(value)), Ok(Some(value)), "{field:?}");
                field.write(&mut config, None);
                assert_eq!(config, TrainConfig::new("y"), "{field:?} leaves nothing behind");
            }
        }
    }

    #[test]
    fn wrong_texts_are_answered_with_a_sentence() {
        assert_eq!(Field::Epochs.parse(""), Ok(None));
        assert_eq!(Field::Epochs.parse("many"), Err("'many' is not a number".to_owned()));
        assert_eq!(Field::Epochs.parse("2.5"), Err("Use a whole number".to_owned()));
        assert_eq!(Field::Epochs.parse("0"), Err("Use a number from 1 to 100,000".to_owned()));
        assert_eq!(Field::Dropout.parse("nan"), Err("Use a number from 0 to 0.99".to_owned()));
        assert_eq!(Field::Dropout.parse("0,5"), Ok(Some(0.5)), "a decimal comma is understood");
        assert_eq!(Field::LearningRate.parse("3e-4"), Ok(Some(3e-4)));
    }

    #[test]
    fn every_setting_belongs_to_one_fold_and_some_model_knows_it() {
        for field in Field::ALL {
            let folds = [&Field::SPLIT[..], &Field::MODEL, &Field::TRAINING];
            assert_eq!(folds.iter().filter(|fold| fold.contains(&field)).count(), 1, "{field:?}");
            assert!(ModelKind::ALL.into_iter().any(|kind| field.applies(kind)), "{field:?}");
            assert!(!field.help().ends_with('.') && !field.label().is_empty());
        }
    }
}
