//! `orrery quantize`: a network in whole numbers of few bits, beside the one that it is made from.

use clap::{Args, ValueEnum};
use orrery_domain::compress::{Calibration, CompressMethod, QuantizeConfig, QuantizeScheme};

use super::{
    super::{Context, Outcome},
    compress,
};

/// What becomes whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scheme {
    /// Weights and inputs in 8 bits, by the range of the rows at hand; computed in whole numbers
    DynamicInt8,
    /// Weights and inputs in 8 bits, by ranges found on training rows; computed in whole numbers
    StaticInt8,
    /// Weights in 8 bits, computed as floats
    WeightInt8,
    /// Weights in 4 bits, computed as floats
    WeightInt4,
}

impl From<Scheme> for QuantizeScheme {
    fn from(scheme: Scheme) -> Self {
        match scheme {
            Scheme::DynamicInt8 => Self::DynamicInt8,
            Scheme::StaticInt8 => Self::StaticInt8,
            Scheme::WeightInt8 => Self::WeightInt8,
            Scheme::WeightInt4 => Self::WeightInt4,
        }
    }
}

/// How ranges are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ranges {
    /// The smallest and the largest value
    MinMax,
    /// The 0.01 and 99.99 percentiles
    Percentile,
    /// The range with the least squared error
    Mse,
}

impl From<Ranges> for Calibration {
    fn from(ranges: Ranges) -> Self {
        match ranges {
            Ranges::MinMax => Self::MinMax,
            Ranges::Percentile => Self::Percentile,
            Ranges::Mse => Self::Mse,
        }
    }
}

#[derive(Debug, Args)]
pub struct QuantizeArguments {
    /// The model, a network or linear: NAME (its newest version) or NAME:VERSION
    model: String,
    /// What becomes whole numbers
    #[arg(long, value_enum, default_value = "dynamic-int8")]
    scheme: Scheme,
    /// Inputs of an output, or of a filter, that share a scale (weights only) [default: all of them]
    #[arg(long, value_name = "INPUTS")]
    block: Option<u32>,
    /// How the ranges of inputs are chosen (static-int8)
    #[arg(long, value_enum, default_value = "min-max")]
    calibration: Ranges,
    /// Training rows that ranges are found on (static-int8)
    #[arg(long, value_name = "N", default_value_t = 1000)]
    calibration_rows: u32,
    /// Most that the loss on validation rows may rise, in percent: the costliest layers keep more bits, or stay floats [default: any]
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    budget: Option<f64>,
    /// Most bytes of the parameters, in percent of their bytes as floats: the layers that cost least get fewer bits [default: all get the
    /// scheme's]
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    max_size: Option<f64>,
    /// Passes over the training rows with the rounding on the way forward, before it is done for good (quantization-aware training)
    #[arg(long, value_name = "N", default_value_t = 0)]
    epochs: u32,
    /// Name of the new model [default: the next version of this one]
    #[arg(long)]
    name: Option<String>,
}

pub fn run(context: &Context, arguments: &QuantizeArguments) -> Outcome {
    let config = QuantizeConfig {
        scheme: arguments.scheme.into(),
        block: arguments.block,
        calibration: arguments.calibration.into(),
        calibration_rows: arguments.calibration_rows,
        loss_budget: arguments.budget.map(|percent| percent / 100.0),
        size_budget: arguments.max_size.map(|percent| percent / 100.0),
        epochs: arguments.epochs,
    };
    let name = arguments.name.as_deref();
    compress(context, &arguments.model, name, CompressMethod::Quantize(config))
}
