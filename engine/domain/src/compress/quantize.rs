//! Quantization: matrices, and filters of convolutions, as whole numbers of few bits.

use serde::{Deserialize, Serialize};

use crate::words::{count, plural};

/// What becomes whole numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantizeScheme {
    /// The matrices and filters, 8 bits; computed as floats.
    WeightInt8,
    /// The matrices and filters, 4 bits; computed as floats.
    WeightInt4,
    /// Matrices, filters and inputs of layers, 8 bits, by the range of the rows at hand; computed in whole numbers.
    #[default]
    DynamicInt8,
    /// Matrices, filters and inputs of layers, 8 bits, by ranges found on training rows; computed in whole numbers.
    StaticInt8,
}

impl QuantizeScheme {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::DynamicInt8, Self::StaticInt8, Self::WeightInt8, Self::WeightInt4];

    /// Its name in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::WeightInt8 => "Weights in 8 bits",
            Self::WeightInt4 => "Weights in 4 bits",
            Self::DynamicInt8 => "Dynamic int8",
            Self::StaticInt8 => "Static int8",
        }
    }

    /// Whether layers are computed in whole numbers.
    pub fn is_integer(self) -> bool {
        matches!(self, Self::DynamicInt8 | Self::StaticInt8)
    }
}

/// How the range of a layer's input is chosen from what training rows give (static int8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// The smallest and the largest value.
    #[default]
    MinMax,
    /// The 0.01 and 99.99 percentiles: what is outside is cut off.
    Percentile,
    /// The range with the least mean squared error.
    Mse,
}

impl Calibration {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::MinMax, Self::Percentile, Self::Mse];

    /// Its name in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::MinMax => "Min and max",
            Self::Percentile => "Percentiles",
            Self::Mse => "Least error",
        }
    }
}

/// A request to quantize a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantizeConfig {
    /// What becomes whole numbers.
    pub scheme: QuantizeScheme,
    /// Inputs of an output, or of a filter, that share a scale; `None`: all of them (weights only; else always all).
    #[serde(default)]
    pub block: Option<u32>,
    /// How ranges are chosen (static int8).
    #[serde(default)]
    pub calibration: Calibration,
    /// Training rows that ranges are found on (static int8).
    #[serde(default = "calibration_rows")]
    pub calibration_rows: u32,
    /// Most that the loss on validation rows may rise, relative (0.01: one percent). The layers that cost most keep more bits, or stay
    /// floats, until it is kept; `None`: any rise.
    #[serde(default)]
    pub loss_budget: Option<f64>,
    /// Most bytes of the parameters, as a share of their bytes as floats, above 0 to 1. The layers that cost least for what they save
    /// get fewer bits until it is kept; `None`: all layers have the scheme's.
    #[serde(default)]
    pub size_budget: Option<f64>,
    /// Passes over the training rows with all of the rounding on the way forward, before it is done for good (quantization-aware
    /// training); 0: none.
    #[serde(default)]
    pub epochs: u32,
}

fn calibration_rows() -> u32 {
    1000
}

impl Default for QuantizeConfig {
    fn default() -> Self {
        Self {
            scheme: QuantizeScheme::default(),
            block: None,
            calibration: Calibration::default(),
            calibration_rows: calibration_rows(),
            loss_budget: None,
            size_budget: None,
            epochs: 0,
        }
    }
}

impl QuantizeConfig {
    /// The request, in words.
    pub fn words(&self) -> String {
        let block = self.block.map(|block| format!("blocks of {block} inputs"));
        let ranges = (self.scheme == QuantizeScheme::StaticInt8).then(|| {
            let rows = count(u64::from(self.calibration_rows));
            format!("ranges by {} on {rows} rows", self.calibration.title().to_lowercase())
        });
        let budget = self.loss_budget.map(|budget| format!("at most {:.3} % more loss", budget * 100.0));
        let size = self.size_budget.map(|share| format!("at most {:.1} % of the size", share * 100.0));
        let epochs = plural(u64::from(self.epochs), "epoch");
        let trained = (self.epochs > 0).then(|| format!("after {epochs} of training with rounding"));
        let all = [Some(self.scheme.title().to_owned()), block, ranges, budget, size, trained];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// What a layer's quantization alone costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerCost {
    /// Name of the layer's matrix, or of its convolution's filters.
    pub layer: String,
    /// Its parameters.
    pub parameters: u64,
    /// Relative rise of the loss on validation rows with this layer alone quantized; negative: it fell.
    pub loss_rise: f64,
    /// Whether it is quantized in the model that was made.
    pub quantized: bool,
    /// Bits of its values in that model where it is; unknown of models that were made before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u8>,
}

impl LayerCost {
    /// What it is made of in the model that was made.
    pub fn form(&self) -> String {
        match (self.quantized, self.bits) {
            (true, Some(bits)) => format!("{bits} bits"),
            (true, None) => "Whole numbers".to_owned(),
            (false, _) => "Floats".to_owned(),
        }
    }
}

/// What training with the rounding on the way forward was worth. Losses are on the validation rows, with every layer quantized.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AwareTraining {
    /// Loss of the model in floats that it began with.
    pub floats: f64,
    /// Loss without that training.
    pub without: f64,
    /// Loss with it.
    pub with: f64,
    /// Whether it was kept: where it is of no use, it is left out.
    pub kept: bool,
}
