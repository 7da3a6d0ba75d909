//! Settings: what of a training request a search may choose, each with its kind, its bounds and where it plays a part.

use super::space::{Range, Value};
use crate::training::{CategoryEncoding, ModelKind, Optimizer, Scaling, TrainConfig};

/// What kind of value a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// A number.
    Float,
    /// A whole number.
    Int,
    /// One of its words.
    Choice,
}

/// A setting of a training request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the field of that name of `HyperParameters` or `TrainConfig`")]
pub enum Setting {
    LearningRate,
    WeightDecay,
    Dropout,
    Width,
    Depth,
    Members,
    BatchSize,
    Epochs,
    Optimizer,
    Warmup,
    ClipNorm,
    Patience,
    Scaling,
    Categories,
    Trees,
    Leaves,
    MinLeafWeight,
    RowShare,
    FeatureShare,
}

impl Setting {
    /// Every setting.
    pub const ALL: [Self; 19] = [
        Self::LearningRate,
        Self::WeightDecay,
        Self::Dropout,
        Self::Width,
        Self::Depth,
        Self::Members,
        Self::BatchSize,
        Self::Epochs,
        Self::Optimizer,
        Self::Warmup,
        Self::ClipNorm,
        Self::Patience,
        Self::Scaling,
        Self::Categories,
        Self::Trees,
        Self::Leaves,
        Self::MinLeafWeight,
        Self::RowShare,
        Self::FeatureShare,
    ];

    /// Its name, as in a request.
    pub fn name(self) -> &'static str {
        match self {
            Self::LearningRate => "learning_rate",
            Self::WeightDecay => "weight_decay",
            Self::Dropout => "dropout",
            Self::Width => "width",
            Self::Depth => "depth",
            Self::Members => "members",
            Self::BatchSize => "batch_size",
            Self::Epochs => "epochs",
            Self::Optimizer => "optimizer",
            Self::Warmup => "warmup",
            Self::ClipNorm => "clip_norm",
            Self::Patience => "patience",
            Self::Scaling => "scaling",
            Self::Categories => "categories",
            Self::Trees => "trees",
            Self::Leaves => "leaves",
            Self::MinLeafWeight => "min_leaf_weight",
            Self::RowShare => "row_share",
            Self::FeatureShare => "feature_share",
        }
    }

    /// The setting of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }

    /// What it takes.
    pub fn kind(self) -> SettingKind {
        match self {
            Self::LearningRate
            | Self::WeightDecay
            | Self::Dropout
            | Self::Warmup
            | Self::ClipNorm
            | Self::MinLeafWeight
            | Self::RowShare
            | Self::FeatureShare => SettingKind::Float,
            Self::Optimizer | Self::Scaling | Self::Categories => SettingKind::Choice,
            _ => SettingKind::Int,
        }
    }

    /// Whether it changes anything for a family.
    pub fn plays(self, kind: ModelKind) -> bool {
        let network = kind.is_network();
        // Pixels are neither scaled nor categories.
        let table = !kind.is_for_images();
        match self {
            Self::WeightDecay => kind != ModelKind::Auto,
            Self::Members => kind == ModelKind::Tabm,
            Self::Trees | Self::Leaves | Self::MinLeafWeight | Self::RowShare | Self::FeatureShare => {
                kind == ModelKind::Gbt
            }
            Self::LearningRate | Self::Patience => network || kind == ModelKind::Gbt,
            Self::Scaling => network && table || kind == ModelKind::Linear,
            Self::Categories => network && table,
            _ => network,
        }
    }

    /// Least and most that it may be.
    fn bounds(self) -> (f64, f64) {
        match self {
            Self::LearningRate => (1e-9, 100.0),
            Self::WeightDecay | Self::Patience => (0.0, 1e6),
            Self::Dropout => (0.0, 0.95),
            Self::Warmup => (0.0, 1.0),
            Self::ClipNorm => (0.0, 1e8),
            Self::Width => (1.0, 65_536.0),
            Self::Depth => (1.0, 256.0),
            Self::Members => (1.0, 1024.0),
            Self::BatchSize => (1.0, f64::from(1 << 24)),
            Self::Epochs => (1.0, 1e6),
            Self::Trees => (1.0, 1e5),
            Self::Leaves => (2.0, 4096.0),
            Self::MinLeafWeight => (1e-3, 1e6),
            Self::RowShare | Self::FeatureShare => (0.01, 1.0),
            Self::Optimizer | Self::Scaling | Self::Categories => (0.0, 0.0),
        }
    }

    /// Words that it takes.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Optimizer => &["adamw", "sgd"],
            Self::Scaling => &["standard", "quantile"],
            Self::Categories => &["embedding", "one-hot"],
            _ => &[],
        }
    }

    /// Whether every value of a range may be asked of it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(self, range: &Range) -> Result<(), String> {
        let (least, most) = self.bounds();
        let within = |number: f64| {
            if self.kind() != SettingKind::Choice && (least..=most).contains(&number) {
                Ok(())
            } else {
                Err(format!("'{}' goes from {least} to {most}", self.name()))
            }
        };
        match range {
            Range::Float { .. } if self.kind() == SettingKind::Int => {
                Err(format!("'{}' is a whole number", self.name()))
            }
            Range::Float { low, high, .. } => within(*low).and_then(|()| within(*high)),
            Range::Int { low, high, .. } => within(*low as f64).and_then(|()| within(*high as f64)),
            Range::Choice { options } => options.iter().try_for_each(|option| match self.kind() {
                SettingKind::Choice if self.words().contains(&option.as_str()) => Ok(()),
                SettingKind::Choice => {
                    Err(format!("'{option}' is no {}: use {}", self.name(), self.words().join(", ")))
                }
                SettingKind::Int => option
                    .parse::<i64>()
                    .ok()
                    .ok_or_else(|| format!("'{option}' is no whole number"))
                    .and_then(|number| within(number as f64)),
                SettingKind::Float => option
                    .parse::<f64>()
                    .ok()
                    .ok_or_else(|| format!("'{option}' is no number"))
                    .and_then(within),
            }),
        }
    }

    /// Puts a value into a request. Values of a range that was checked always fit.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn put(self, value: &Value, config: &mut TrainConfig) -> Result<(), String> {
        let unfit = || format!("'{value}' does not fit '{}'", self.name());
        let number = match value {
            Value::Text(text) => text.parse().ok(),
            value => value.number(),
        };
        let float = || number.ok_or_else(unfit).map(Some);
        let whole = || {
            let fits = |number: &f64| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number);
            number.filter(fits).map(|number| Some(number as u32)).ok_or_else(unfit)
        };
        let word = match value {
            Value::Text(text) => text.as_str(),
            _ => "",
        };
        let hyper = &mut config.hyper;
        match self {
            Self::LearningRate => hyper.learning_rate = float()?,
            Self::WeightDecay => hyper.weight_decay = float()?,
            Self::Dropout => hyper.dropout = float()?,
            Self::Warmup => hyper.warmup = float()?,
            Self::ClipNorm => hyper.clip_norm = float()?,
            Self::Width => hyper.width = whole()?,
            Self::Depth => hyper.depth = whole()?,
            Self::Members => hyper.members = whole()?,
            Self::BatchSize => hyper.batch_size = whole()?,
            Self::Epochs => hyper.epochs = whole()?,
            Self::Patience => hyper.patience = whole()?,
            Self::Trees => hyper.trees = whole()?,
            Self::Leaves => hyper.leaves = whole()?,
            Self::MinLeafWeight => hyper.min_leaf_weight = float()?,
            Self::RowShare => hyper.row_share = float()?,
            Self::FeatureShare => hyper.feature_share = float()?,
            Self::Optimizer => {
                hyper.optimizer = match word {
                    "adamw" => Optimizer::AdamW,
                    "sgd" => Optimizer::Sgd,
                    _ => return Err(unfit()),
                }
            }
            Self::Scaling => {
                hyper.scaling = match word {
                    "standard" => Scaling::Standard,
                    "quantile" => Scaling::Quantile,
                    _ => return Err(unfit()),
                }
            }
            Self::Categories => {
                config.categories = match word {
                    "embedding" => CategoryEncoding::Embedding,
                    "one-hot" => CategoryEncoding::OneHot,
                    _ => return Err(unfit()),
                }
            }
        }
        Ok(())
    }

    /// What is searched of a family where nothing else is said.
    pub fn searched(kind: ModelKind) -> Vec<(Self, Range)> {
        let float = |low, high, log| Range::Float { low, high, log };
        let int = |low, high, log| Range::Int { low, high, log };
        let sizes = || Range::Choice { options: ["128", "256", "512"].map(str::to_owned).to_vec() };
        let network = |deepest| {
            vec![
                (Self::LearningRate, float(3e-4, 3e-2, true)),
                (Self::WeightDecay, float(1e-5, 1e-1, true)),
                (Self::Dropout, float(0.0, 0.5, false)),
                (Self::Width, int(64, 512, true)),
                (Self::Depth, int(1, deepest, false)),
                (Self::BatchSize, sizes()),
            ]
        };
        match kind {
            ModelKind::Mlp | ModelKind::Resnet => network(4),
            ModelKind::Tabm => {
                let mut all = network(3);
                all.push((Self::Members, int(4, 32, true)));
                all
            }
            ModelKind::Cnn | ModelKind::ResnetCnn => vec![
                (Self::LearningRate, float(3e-4, 1e-2, true)),
                (Self::WeightDecay, float(1e-5, 1e-1, true)),
                (Self::Dropout, float(0.0, 0.5, false)),
                (Self::Width, int(8, 32, true)),
            ],
            ModelKind::Gbt => vec![
                (Self::LearningRate, float(0.01, 0.3, true)),
                (Self::Leaves, int(8, 512, true)),
                (Self::WeightDecay, float(1e-2, 1e2, true)),
                (Self::MinLeafWeight, float(1.0, 100.0, true)),
                (Self::RowShare, float(0.5, 1.0, false)),
                (Self::FeatureShare, float(0.3, 1.0, false)),
            ],
            ModelKind::Linear => vec![(Self::WeightDecay, float(1e-7, 1.0, true))],
            ModelKind::Auto => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Space;

    #[test]
    fn every_default_range_may_be_asked_of_its_setting() {
        for kind in ModelKind::ALL {
            for (setting, range) in Setting::searched(kind) {
                assert_eq!(setting.check(&range), Ok(()), "{} of {}", setting.name(), kind.name());
                assert!(setting.plays(kind));
            }
            assert_eq!(Space::of_models(&[kind]).fault(), None);
        }
    }

    #[test]
    fn what_changes_nothing_for_a_family_plays_no_part_in_it() {
        for kind in ModelKind::ALL {
            assert_eq!(Setting::RowShare.plays(kind), kind == ModelKind::Gbt);
            let table = kind.is_network() && !kind.is_for_images();
            assert_eq!(Setting::Categories.plays(kind), table);
            assert_eq!(Setting::Scaling.plays(kind), table || kind == ModelKind::Linear);
        }
    }

    #[test]
    fn values_reach_the_request() {
        let mut config = TrainConfig::new("y");
        Setting::LearningRate.put(&Value::Float(0.5), &mut config).expect("fits");
        Setting::BatchSize.put(&Value::Text("128".into()), &mut config).expect("fits");
        Setting::Categories.put(&Value::Text("one-hot".into()), &mut config).expect("fits");
        assert_eq!((config.hyper.learning_rate, config.hyper.batch_size), (Some(0.5), Some(128)));
        assert_eq!(config.categories, CategoryEncoding::OneHot);
        Setting::MinLeafWeight.put(&Value::Float(7.5), &mut config).expect("fits");
        Setting::RowShare.put(&Value::Float(0.75), &mut config).expect("fits");
        Setting::FeatureShare.put(&Value::Text("0.5".into()), &mut config).expect("fits");
        let hyper = &config.hyper;
        assert_eq!(
            (hyper.min_leaf_weight, hyper.row_share, hyper.feature_share),
            (Some(7.5), Some(0.75), Some(0.5))
        );
        assert!(Setting::Width.put(&Value::Float(1.5), &mut config).is_err());
        assert!(Setting::Optimizer.put(&Value::Int(1), &mut config).is_err());
    }
}
