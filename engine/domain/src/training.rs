//! Training: what a person may ask of a run, with every default in one place.

use serde::{Deserialize, Serialize};

use crate::{
    device::DeviceChoice,
    image::{Augmentation, ImageShape},
};

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of three or more classes.
    Multiclass,
    /// A number.
    Regression,
}

/// The model families of the main job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// `gbt`, `tabm` and `linear` within the budget; the best on validation is kept.
    #[default]
    Auto,
    /// Multilayer perceptron.
    Mlp,
    /// Residual multilayer perceptron (Gorishniy et al. 2021, "Revisiting deep learning models for tabular data").
    Resnet,
    /// Parameter-efficient ensemble of MLPs with piecewise-linear embeddings (Gorishniy et al. 2024, "`TabM`").
    Tabm,
    /// Gradient-boosted trees.
    Gbt,
    /// Linear or logistic regression.
    Linear,
    /// Convolutional network for pictures (`LeCun` et al. 1998, "Gradient-based learning applied to document recognition").
    Cnn,
    /// Residual convolutional network for pictures (He et al. 2016, "Identity mappings in deep residual networks").
    ResnetCnn,
}

impl ModelKind {
    /// Every kind, in the order a menu shows them.
    pub const ALL: [Self; 8] = [
        Self::Auto,
        Self::Gbt,
        Self::Tabm,
        Self::Mlp,
        Self::Resnet,
        Self::Linear,
        Self::Cnn,
        Self::ResnetCnn,
    ];

    /// Its name as written in `--model`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Mlp => "mlp",
            Self::Resnet => "resnet",
            Self::Tabm => "tabm",
            Self::Gbt => "gbt",
            Self::Linear => "linear",
            Self::Cnn => "cnn",
            Self::ResnetCnn => "resnet-cnn",
        }
    }

    /// What it is, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Auto => "Automatic (best on validation)",
            Self::Mlp => "Multilayer perceptron",
            Self::Resnet => "Residual MLP",
            Self::Tabm => "TabM ensemble",
            Self::Gbt => "Gradient-boosted trees",
            Self::Linear => "Linear model",
            Self::Cnn => "Convolutional network",
            Self::ResnetCnn => "Residual CNN",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it is trained by gradient descent on a device.
    pub fn is_network(self) -> bool {
        matches!(self, Self::Mlp | Self::Resnet | Self::Tabm | Self::Cnn | Self::ResnetCnn)
    }

    /// Whether it takes pictures, and nothing else.
    pub fn is_for_images(self) -> bool {
        matches!(self, Self::Cnn | Self::ResnetCnn)
    }
}

/// How rows are divided into training, validation and test rows.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Split {
    /// Stratified for classes, random for regression.
    #[default]
    Auto,
    /// At random, by the run's seed.
    Random,
    /// At random within each class.
    Stratified,
    /// The latest rows are test rows; the latest of the rest are validation rows.
    Time {
        /// The column that orders the rows.
        column: String,
    },
    /// A column holds `train`, `test` and optionally `valid`. It is never a feature.
    Column {
        /// That column.
        column: String,
    },
}

/// How category columns enter a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CategoryEncoding {
    /// Learned embeddings.
    #[default]
    Embedding,
    /// One input a category.
    OneHot,
}

/// How numeric columns are scaled for networks and linear models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Zero mean, unit deviation over the training rows.
    #[default]
    Standard,
    /// To normal quantiles of the training rows.
    Quantile,
}

/// A transform of a regression target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetTransform {
    /// None.
    #[default]
    None,
    /// Natural logarithm; every target value must be positive.
    Log,
}

/// Optimizers of the training loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// `AdamW` (Loshchilov and Hutter 2019), beta 0.9 and 0.999, epsilon 1e-8.
    #[default]
    AdamW,
    /// Stochastic gradient descent with Nesterov momentum 0.9.
    Sgd,
}

/// Settings that most people leave alone. `None` means the model kind's own default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HyperParameters {
    /// Passes over the training rows (networks).
    pub epochs: Option<u32>,
    /// Rows a step.
    pub batch_size: Option<u32>,
    /// Peak learning rate (networks, linear) or shrinkage (trees).
    pub learning_rate: Option<f64>,
    /// Decoupled weight decay.
    pub weight_decay: Option<f64>,
    /// Dropout probability, 0 to below 1.
    pub dropout: Option<f64>,
    /// Hidden layers' width.
    pub width: Option<u32>,
    /// Hidden layers or residual blocks.
    pub depth: Option<u32>,
    /// Members of a `TabM` ensemble.
    pub members: Option<u32>,
    /// Optimizer.
    pub optimizer: Optimizer,
    /// Share of all steps spent warming up, 0 to 1; the rest follows a cosine to 0. `None`: 0.05.
    pub warmup: Option<f64>,
    /// Global gradient norm limit; 0 switches clipping off.
    pub clip_norm: Option<f64>,
    /// Epochs (or chunks of trees) without a better validation loss before training stops; 0 never stops early.
    pub patience: Option<u32>,
    /// Share of the training rows held out for validation where the split names none.
    pub valid_share: Option<f64>,
    /// Share of all rows held out for the test where the split names none.
    pub test_share: Option<f64>,
    /// Scaling of numeric columns.
    pub scaling: Scaling,
    /// Most trees.
    pub trees: Option<u32>,
    /// Most leaves a tree.
    pub leaves: Option<u32>,
    /// Least sum of the loss' second derivatives in a leaf (for a number, of the rows' weights), above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_leaf_weight: Option<f64>,
    /// Share of the rows that a tree is grown on, above 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_share: Option<f64>,
    /// Share of the features that a tree may use, above 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_share: Option<f64>,
    /// How training pictures are varied (networks for images).
    #[serde(skip_serializing_if = "Augmentation::is_usual")]
    pub augment: Augmentation,
}

/// A whole training request. Everything a run needs besides the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The column to predict.
    pub target: String,
    /// The task; `None` lets the target decide.
    #[serde(default)]
    pub task: Option<Task>,
    /// Model family.
    #[serde(default)]
    pub model: ModelKind,
    /// Columns that are no features.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// A column of row weights (0 or more); it is never a feature.
    #[serde(default)]
    pub weight: Option<String>,
    /// The positive class; `None` is the larger value in sort order.
    #[serde(default)]
    pub positive: Option<String>,
    /// Transform of the target (regression).
    #[serde(default)]
    pub target_transform: TargetTransform,
    /// Rows' division.
    #[serde(default)]
    pub split: Split,
    /// Encoding of categories (networks).
    #[serde(default)]
    pub categories: CategoryEncoding,
    /// Weight classes by the inverse of their frequency.
    #[serde(default)]
    pub class_weights: bool,
    /// Where to compute.
    #[serde(default)]
    pub device: DeviceChoice,
    /// Whether a run goes on with the CPU when its device is lost; else it fails and keeps its checkpoint.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cpu_fallback: bool,
    /// Seed of every random choice.
    #[serde(default)]
    pub seed: u64,
    /// Seconds that `auto` may use.
    #[serde(default)]
    pub budget_secs: Option<f64>,
    /// Shape of the pictures, where the names of the pixels' columns do not say it: then all numeric features are pixels, one channel
    /// after the other, each line by line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageShape>,
    /// Advanced settings.
    #[serde(default)]
    pub hyper: HyperParameters,
}

impl TrainConfig {
    /// A request for `target` with every default.
    pub fn new(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            task: None,
            model: ModelKind::Auto,
            exclude: Vec::new(),
            weight: None,
            positive: None,
            target_transform: TargetTransform::None,
            split: Split::Auto,
            categories: CategoryEncoding::Embedding,
            class_weights: false,
            device: DeviceChoice::Auto,
            cpu_fallback: false,
            seed: 0,
            budget_secs: None,
            image: None,
            hyper: HyperParameters::default(),
        }
    }
}

/// What a training run is expected to need, before it starts. Estimates unless a run like it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// Trainable parameters (0 for trees).
    pub parameters: u64,
    /// Peak memory of the child process, bytes.
    pub memory: crate::units::Figure,
    /// Seconds for one epoch.
    pub epoch: crate::units::Figure,
    /// Seconds in all.
    pub total: crate::units::Figure,
    /// Training rows used for it.
    pub train_rows: u64,
    /// How it was obtained: a sentence.
    pub basis: String,
    /// The request's advanced settings with every default filled in for this model and data; what plays no part stays
    /// `None`. The window shows them as the defaults.
    #[serde(default)]
    pub resolved: Option<Box<HyperParameters>>,
}
