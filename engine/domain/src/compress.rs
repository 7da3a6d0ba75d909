//! Compression: a model version made smaller or faster, and what that cost, measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::ModelRef,
    metric::{MetricId, MetricValue, Metrics},
};

/// What becomes whole numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantizeScheme {
    /// The matrices, 8 bits; computed as floats.
    WeightInt8,
    /// The matrices, 4 bits; computed as floats.
    WeightInt4,
    /// Matrices and inputs of layers, 8 bits, by the range of the rows at hand; computed in whole numbers.
    #[default]
    DynamicInt8,
    /// Matrices and inputs of layers, 8 bits, by ranges found on training rows; computed in whole numbers.
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
    /// Inputs of an output that share a scale; `None`: all of them (weights only; else always all).
    #[serde(default)]
    pub block: Option<u32>,
    /// How ranges are chosen (static int8).
    #[serde(default)]
    pub calibration: Calibration,
    /// Training rows that ranges are found on (static int8).
    #[serde(default = "calibration_rows")]
    pub calibration_rows: u32,
    /// Most that the loss on validation rows may rise, relative (0.01: one percent). The layers that cost most stay floats until it
    /// is kept; `None`: every layer is quantized.
    #[serde(default)]
    pub loss_budget: Option<f64>,
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
        }
    }
}

/// What a layer's quantization alone costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerCost {
    /// Name of the layer's matrix.
    pub layer: String,
    /// Its parameters.
    pub parameters: u64,
    /// Relative rise of the loss on validation rows with this layer alone quantized; negative: it fell.
    pub loss_rise: f64,
    /// Whether it is quantized in the model that was made.
    pub quantized: bool,
}

/// Median and spread of repeated measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Median.
    pub median: f64,
    /// 5th percentile.
    pub low: f64,
    /// 95th percentile.
    pub high: f64,
}

/// Speed and memory of a model, measured in a new process that loads it from disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpeed {
    /// Seconds to compute one encoded row.
    pub row_secs: Spread,
    /// Seconds to compute 64 encoded rows together.
    pub batch_secs: Spread,
    /// Rows a second, in batches of 64.
    pub rows_per_sec: f64,
    /// Largest memory of that process, bytes; `None` where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// Memory that loading and computing added, bytes; `None` where the system does not tell.
    pub added_memory_bytes: Option<u64>,
}

/// A model before or after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompressedFigures {
    /// Bytes of its files that hold parameters, by file.
    pub files: BTreeMap<String, u64>,
    /// Bytes of its folder.
    pub bytes: u64,
    /// Speed; `None` where it was not measured.
    pub speed: Option<ModelSpeed>,
    /// Metrics on the test rows, with 95 % intervals.
    pub test: Metrics,
}

/// What came of a compression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompressReport {
    /// The model it was made from.
    pub from: ModelRef,
    /// The model that was made; `None` until the registry has named it, and on its own card.
    pub model: Option<ModelRef>,
    /// Before.
    pub before: CompressedFigures,
    /// After.
    pub after: CompressedFigures,
    /// The task's first metric, after less before, on the same test rows, with a paired 95 % bootstrap interval.
    pub difference: Option<(MetricId, MetricValue)>,
    /// Share of the test rows of which both say the same class; `None` for numbers.
    pub agreement: Option<f64>,
    /// Layers, by the graph's order.
    pub layers: Vec<LayerCost>,
    /// What a person should know, in sentences: what got worse as plainly as what got better.
    pub notes: Vec<String>,
}

/// How a model version came from another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compression {
    /// The request.
    pub quantize: QuantizeConfig,
    /// What came of it.
    pub report: CompressReport,
}

impl CompressReport {
    /// What got better and what got worse, each in a sentence with its figures.
    pub fn sentences(&self) -> Vec<String> {
        let mut all = Vec::new();
        let change = |what: &str, before: f64, after: f64, smaller: &str, larger: &str| {
            let ratio = after / before;
            let word = if ratio <= 1.0 { smaller } else { larger };
            format!("{what}: {ratio:.2} times what it was ({word}).")
        };
        if self.before.bytes > 0 {
            let (before, after) = (self.before.bytes as f64, self.after.bytes as f64);
            all.push(change("On disk", before, after, "smaller", "larger"));
        }
        if let (Some(before), Some(after)) = (&self.before.speed, &self.after.speed) {
            let times = [
                ("One row", before.row_secs, after.row_secs),
                ("64 rows", before.batch_secs, after.batch_secs),
            ];
            for (what, before, after) in times {
                if before.low <= after.high && after.low <= before.high {
                    let ratio = after.median / before.median;
                    all.push(format!(
                        "{what}: {ratio:.2} times the time, within the spread of the measurements."
                    ));
                } else {
                    all.push(change(what, before.median, after.median, "faster", "slower"));
                }
            }
        }
        if let Some((metric, difference)) = &self.difference {
            let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
            let words = match (difference.low, difference.high) {
                (Some(low), Some(high)) if low * sign > 0.0 && high * sign > 0.0 => {
                    "better on these test rows"
                }
                (Some(low), Some(high)) if low * sign < 0.0 && high * sign < 0.0 => {
                    "worse on these test rows"
                }
                (Some(_), Some(_)) => "not distinguishable on these test rows",
                _ => "of unknown certainty",
            };
            if let Some(value) = difference.value {
                all.push(format!("{}: {value:+.6}, {words}.", metric.title()));
            }
        }
        if let Some(agreement) = self.agreement {
            all.push(format!("The same class for {:.2} % of the test rows.", agreement * 100.0));
        }
        let kept: Vec<&str> =
            self.layers.iter().filter(|cost| !cost.quantized).map(|cost| cost.layer.as_str()).collect();
        if !kept.is_empty() {
            all.push(format!("Kept as floats, within the budget: {}.", kept.join(", ")));
        }
        all
    }
}
