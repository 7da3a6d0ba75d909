//! `orrery train`: every flag of a training request, checked before anything is started.

use clap::{Args, ValueEnum};
use orrery_domain::{
    Failure, FailureClass, ModelRef,
    dataset::Dataset,
    device::DeviceChoice,
    image::{Augmentation, ImageShape},
    run::RunState,
    training::{CategoryEncoding, HyperParameters, ModelKind, Optimizer, Scaling, Split, TrainConfig},
};
use orrery_engine::{
    datasets,
    devices::{self, Chosen},
    runs,
    runs::NewRun,
};

use super::{Context, Outcome, data, data::ReadOptions, follow, output, question::QuestionArguments};

#[derive(Debug, Args)]
pub struct TrainArguments {
    /// A file, or a dataset's id or name
    #[arg(long, value_name = "FILE|ID")]
    data: String,
    /// The column to predict
    #[arg(long, value_name = "COL")]
    target: String,
    /// Model family: auto, mlp, resnet, tabm, gbt, linear; for pictures cnn, resnet-cnn
    #[arg(long, default_value = "auto", value_parser = parse_model)]
    model: ModelKind,
    #[command(flatten)]
    question: QuestionArguments,
    /// How categories enter a network
    #[arg(long, default_value = "embedding")]
    categories: CategoriesArgument,
    /// Weight classes by the inverse of their frequency
    #[arg(long)]
    class_weights: bool,
    /// Where to compute: auto, cpu, gpu or gpu:N
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Go on with the CPU when the device is lost, missing or does not open; without it the run fails and keeps its checkpoint
    #[arg(long)]
    cpu_fallback: bool,
    /// Seed of every random choice
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Name of the model in the registry [default: from the dataset and the model]
    #[arg(long, value_parser = parse_name)]
    name: Option<String>,
    /// Time that `--model auto` may use, as 90s, 5m or 1h [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    budget: Option<f64>,
    /// Start the run and return; it goes on by itself
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten, next_help_heading = "Advanced settings")]
    hyper: HyperArguments,
}

/// Settings that most people leave alone.
#[derive(Debug, Args)]
struct HyperArguments {
    /// Passes over the training rows
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Rows a step
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: Option<u32>,
    /// Peak learning rate, or shrinkage of trees
    #[arg(long, value_parser = positive)]
    learning_rate: Option<f64>,
    /// Decoupled weight decay
    #[arg(long, value_parser = not_negative)]
    weight_decay: Option<f64>,
    /// Dropout probability
    #[arg(long, value_parser = below_one)]
    dropout: Option<f64>,
    /// Width of the hidden layers
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    width: Option<u32>,
    /// Hidden layers or residual blocks
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=256))]
    depth: Option<u32>,
    /// Members of a TabM ensemble
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    members: Option<u32>,
    /// Optimizer
    #[arg(long, default_value = "adamw")]
    optimizer: OptimizerArgument,
    /// Share of all steps spent warming up
    #[arg(long, value_parser = share)]
    warmup: Option<f64>,
    /// Limit of the gradient's global norm; 0 switches clipping off
    #[arg(long, value_parser = not_negative)]
    clip_norm: Option<f64>,
    /// Epochs without a better validation loss before training stops; 0 never stops early
    #[arg(long)]
    patience: Option<u32>,
    /// Share of the training rows held out for validation
    #[arg(long, value_parser = inner_share)]
    valid_share: Option<f64>,
    /// Share of all rows held out for the test
    #[arg(long, value_parser = inner_share)]
    test_share: Option<f64>,
    /// Scaling of numeric columns
    #[arg(long, default_value = "standard")]
    scaling: ScalingArgument,
    /// Most trees
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    trees: Option<u32>,
    /// Most leaves a tree
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=65_536))]
    leaves: Option<u32>,
    /// Least sum of the loss' second derivatives in a leaf of a tree (for a number, of the rows' weights)
    #[arg(long, value_parser = positive)]
    min_leaf_weight: Option<f64>,
    /// Share of the rows that a tree is grown on
    #[arg(long, value_parser = part)]
    row_share: Option<f64>,
    /// Share of the features that a tree may use
    #[arg(long, value_parser = part)]
    feature_share: Option<f64>,
    /// Shape of the pictures, where the names of the pixels' columns do not say it: all numeric columns are pixels
    #[arg(long, value_name = "WxH[x3]", value_parser = ImageShape::parse)]
    image_shape: Option<ImageShape>,
    /// Take training pictures as they are, every time
    #[arg(long, conflicts_with_all = ["augment_shift", "augment_rotate", "augment_scale", "augment_erase"])]
    no_augment: bool,
    /// Move training pictures by up to this share of their side [default: 0.1]
    #[arg(long, value_name = "SHARE", value_parser = half)]
    augment_shift: Option<f64>,
    /// Turn training pictures by up to so many degrees [default: 10]
    #[arg(long, value_name = "DEGREES", value_parser = angle)]
    augment_rotate: Option<f64>,
    /// Make training pictures larger or smaller by up to this share [default: 0.1]
    #[arg(long, value_name = "SHARE", value_parser = half)]
    augment_scale: Option<f64>,
    /// Wipe a square out of training pictures, its side this share of theirs [default: 0]
    #[arg(long, value_name = "SHARE", value_parser = erased)]
    augment_erase: Option<f64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CategoriesArgument {
    Embedding,
    OneHot,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OptimizerArgument {
    Adamw,
    Sgd,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScalingArgument {
    Standard,
    Quantile,
}

fn parse_model(text: &str) -> Result<ModelKind, String> {
    ModelKind::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = ModelKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("use {}", names.join(", "))
    })
}

pub(super) fn parse_name(text: &str) -> Result<String, String> {
    ModelRef::check_name(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

pub(super) fn parse_time(text: &str) -> Result<f64, String> {
    let (digits, scale) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(digits) if text.ends_with('m') => (digits, 60.0),
        Some(digits) if text.ends_with('h') => (digits, 3600.0),
        Some(digits) => (digits, 1.0),
        None => (text, 1.0),
    };
    positive(digits)
        .map(|value| value * scale)
        .map_err(|why| format!("write a time as 90s, 5m or 1h ({why})"))
}

pub(super) fn finite(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| "write a number".to_owned())
}

fn within(text: &str, fits: impl Fn(f64) -> bool, says: &str) -> Result<f64, String> {
    finite(text).and_then(|value| if fits(value) { Ok(value) } else { Err(says.to_owned()) })
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    within(text, |value| value > 0.0, "it must be more than 0")
}

fn not_negative(text: &str) -> Result<f64, String> {
    within(text, |value| value >= 0.0, "it must be 0 or more")
}

fn below_one(text: &str) -> Result<f64, String> {
    within(text, |value| (0.0..1.0).contains(&value), "it must be 0 or more and below 1")
}

fn share(text: &str) -> Result<f64, String> {
    within(text, |value| (0.0..=1.0).contains(&value), "it must be between 0 and 1")
}

fn half(text: &str) -> Result<f64, String> {
    within(text, |value| (0.0..=0.5).contains(&value), "it must be between 0 and 0.5")
}

fn angle(text: &str) -> Result<f64, String> {
    within(text, |value| (0.0..=180.0).contains(&value), "it must be between 0 and 180")
}

fn erased(text: &str) -> Result<f64, String> {
    within(text, |value| (0.0..=0.9).contains(&value), "it must be between 0 and 0.9")
}

fn part(text: &str) -> Result<f64, String> {
    within(text, |value| value > 0.0 && value <= 1.0, "it must be above 0 and at most 1")
}

fn inner_share(text: &str) -> Result<f64, String> {
    within(text, |value| value > 0.0 && value < 1.0, "it must be above 0 and below 1")
}

impl HyperArguments {
    fn hyper_parameters(&self) -> HyperParameters {
        HyperParameters {
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            dropout: self.dropout,
            width: self.width,
            depth: self.depth,
            members: self.members,
            optimizer: match self.optimizer {
                OptimizerArgument::Adamw => Optimizer::AdamW,
                OptimizerArgument::Sgd => Optimizer::Sgd,
            },
            warmup: self.warmup,
            clip_norm: self.clip_norm,
            patience: self.patience,
            valid_share: self.valid_share,
            test_share: self.test_share,
            scaling: match self.scaling {
                ScalingArgument::Standard => Scaling::Standard,
                ScalingArgument::Quantile => Scaling::Quantile,
            },
            trees: self.trees,
            leaves: self.leaves,
            min_leaf_weight: self.min_leaf_weight,
            row_share: self.row_share,
            feature_share: self.feature_share,
            augment: self.augmentation(),
        }
    }

    fn augmentation(&self) -> Augmentation {
        if self.no_augment {
            return Augmentation::NONE;
        }
        Augmentation {
            shift: self.augment_shift,
            rotate: self.augment_rotate,
            scale: self.augment_scale,
            erase: self.augment_erase,
        }
    }
}

impl TrainArguments {
    fn config(&self) -> TrainConfig {
        TrainConfig {
            model: self.model,
            categories: match self.categories {
                CategoriesArgument::Embedding => CategoryEncoding::Embedding,
                CategoriesArgument::OneHot => CategoryEncoding::OneHot,
            },
            class_weights: self.class_weights,
            device: self.device,
            cpu_fallback: self.cpu_fallback,
            seed: self.seed,
            budget_secs: self.budget,
            image: self.hyper.image_shape,
            hyper: self.hyper.hyper_parameters(),
            ..self.question.config(self.target.clone())
        }
    }
}

/// Every column that a request names must be there.
pub(super) fn check_columns(dataset: &Dataset, config: &TrainConfig) -> Result<(), Failure> {
    let split = match &config.split {
        Split::Time { column } | Split::Column { column } => Some(column),
        Split::Auto | Split::Random | Split::Stratified => None,
    };
    let named = std::iter::once(&config.target).chain(&config.exclude).chain(&config.weight).chain(split);
    match named.into_iter().find(|column| dataset.column(column).is_none()) {
        Some(column) => Err(datasets::no_column(dataset, column)),
        None if config.exclude.contains(&config.target) => Err(Failure::new(
            FailureClass::Client,
            format!("'{}' is the target: it cannot be excluded.", config.target),
        )),
        None => Ok(()),
    }
}

pub fn run(context: &Context, arguments: &TrainArguments) -> Outcome {
    let dataset = data::resolve(context, &arguments.data, &arguments.read)?;
    let config = arguments.config();
    check_columns(&dataset, &config)?;
    let mut store = context.store()?;
    let Chosen { device, reason, warning } =
        devices::choose(&context.launcher, &context.workspace, &mut store, &config)?;
    if let Some(reason) = reason.filter(|_| device != DeviceChoice::Cpu) {
        output::note(&format!("Computing on {device}: {reason}"));
    }
    let new = NewRun { dataset, config, name: arguments.name.clone(), device, state: RunState::Running };
    let run = runs::create(&context.workspace, &mut store, &new)?;
    if let Some(warning) = warning {
        output::note(&format!("warning: {warning}"));
        runs::warn(&context.workspace, &run.id, warning)?;
    }
    if arguments.detach {
        return follow::detach(context, &run.id);
    }
    follow::follow(context, &mut store, &run.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_written() {
        assert_eq!(parse_time("5m"), Ok(300.0));
        assert_eq!(parse_time("90"), Ok(90.0));
        assert_eq!(parse_time("1.5h"), Ok(5400.0));
        assert!(parse_time("-1s").is_err() && parse_time("m").is_err() && parse_time("inf").is_err());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(below_one("1").is_err() && below_one("0").is_ok());
        assert!(positive("nan").is_err() && positive("1e-3").is_ok());
        assert!(inner_share("0").is_err() && inner_share("0.2").is_ok());
    }
}
