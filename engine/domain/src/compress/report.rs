//! Report: a model before and after it was compressed, and what a person should know of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AwareTraining, DistilTrial, LayerCost, LayerShape, PruneRound};
use crate::{
    ids::ModelRef,
    metric::{MetricId, MetricValue, Metrics},
    words::{count, percent},
};

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
    /// Parameters, or leaves of trees.
    pub parameters: u64,
    /// Speed; `None` where it was not measured.
    pub speed: Option<ModelSpeed>,
    /// Metrics on the test rows, with 95 % intervals.
    pub test: Metrics,
}

/// What a finding means for whoever thinks of using the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It got better.
    Better,
    /// It is as before, as far as can be told.
    Neutral,
    /// It got worse.
    Worse,
}

/// Something that a person should know of a compression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// In a sentence.
    pub text: String,
    /// What it means.
    pub effect: Effect,
}

impl Finding {
    /// A finding.
    pub fn new(effect: Effect, text: impl Into<String>) -> Self {
        Self { text: text.into(), effect }
    }
}

/// What a compression was to reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum CompressTarget {
    /// Parameters that are left, at most.
    Parameters {
        /// As asked.
        most: u64,
        /// As it came.
        left: u64,
    },
    /// Loss on the validation rows, at most.
    ValidLoss {
        /// The teacher's.
        teacher: f64,
        /// As asked.
        most: f64,
        /// The student's.
        found: f64,
    },
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
    /// What was to be reached, where it is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<CompressTarget>,
    /// Layers that were or could have been quantized, by the graph's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerCost>,
    /// What training with rounding was worth, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aware: Option<AwareTraining>,
    /// Tensors that became smaller or got zeros.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shapes: Vec<LayerShape>,
    /// Rounds of pruning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<PruneRound>,
    /// Students that were trained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<DistilTrial>,
    /// What a person should know: what got worse as plainly as what got better.
    pub findings: Vec<Finding>,
}

impl CompressReport {
    /// What got better and what got worse, each in a sentence with its figures.
    pub fn find(&self) -> Vec<Finding> {
        let mut all = Vec::new();
        if self.before.bytes > 0 {
            all.push(change(
                "On disk",
                (self.before.bytes as f64, self.after.bytes as f64),
                ("smaller", "larger"),
            ));
        }
        self.find_parameters(&mut all);
        self.find_speed(&mut all);
        self.find_quality(&mut all);
        self.find_target(&mut all);
        self.find_layers(&mut all);
        all
    }

    fn find_parameters(&self, all: &mut Vec<Finding>) {
        let (before, after) = (self.before.parameters, self.after.parameters);
        if after < before && self.trials.is_empty() {
            all.push(Finding::new(
                Effect::Better,
                format!("Parameters: {} of {} are left.", count(after), count(before)),
            ));
        }
        let zeros: u64 = self.shapes.iter().map(|shape| shape.zeros).sum();
        if zeros > 0 {
            all.push(Finding::new(
                Effect::Neutral,
                format!(
                    "{} weights are 0. They are stored and multiplied like all others, so that this alone makes it neither smaller nor \
                     faster here; packed (gzip), its files are.",
                    count(zeros)
                ),
            ));
        }
    }

    fn find_speed(&self, all: &mut Vec<Finding>) {
        let (Some(before), Some(after)) = (&self.before.speed, &self.after.speed) else { return };
        let times =
            [("One row", before.row_secs, after.row_secs), ("64 rows", before.batch_secs, after.batch_secs)];
        for (what, before, after) in times {
            if before.low <= after.high && after.low <= before.high {
                let ratio = after.median / before.median;
                let text =
                    format!("{what}: {ratio:.2} times the time, within the spread of the measurements.");
                all.push(Finding::new(Effect::Neutral, text));
            } else {
                all.push(change(what, (before.median, after.median), ("faster", "slower")));
            }
        }
    }

    fn find_quality(&self, all: &mut Vec<Finding>) {
        if let Some((metric, difference)) = &self.difference {
            let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
            let (effect, words) = match (difference.low, difference.high) {
                (Some(low), Some(high)) if low * sign > 0.0 && high * sign > 0.0 => {
                    (Effect::Better, "better on these test rows")
                }
                (Some(low), Some(high)) if low * sign < 0.0 && high * sign < 0.0 => {
                    (Effect::Worse, "worse on these test rows")
                }
                (Some(_), Some(_)) => (Effect::Neutral, "not distinguishable on these test rows"),
                _ => (Effect::Neutral, "of unknown certainty"),
            };
            if let Some(value) = difference.value {
                all.push(Finding::new(effect, format!("{}: {value:+.6}, {words}.", metric.title())));
            }
        }
        if let Some(agreement) = self.agreement {
            let text = format!("The same class for {:.2} % of the test rows.", agreement * 100.0);
            all.push(Finding::new(Effect::Neutral, text));
        }
    }

    fn find_target(&self, all: &mut Vec<Finding>) {
        match self.target {
            Some(CompressTarget::Parameters { most, left }) if left > most => all.push(Finding::new(
                Effect::Worse,
                format!(
                    "Fewer went than was asked: {} are left, {} were to be. Either the rounds ended within their budget, or each layer has one unit (a convolution one channel, or one group of channels) left.",
                    count(left),
                    count(most)
                ),
            )),
            Some(CompressTarget::ValidLoss { teacher, most, found }) if found > most => all.push(Finding::new(
                Effect::Worse,
                format!(
                    "No student kept to the budget: the best has a loss of {found:.5} on the validation rows, the teacher {teacher:.5}."
                ),
            )),
            _ => {}
        }
    }

    fn find_training(&self, all: &mut Vec<Finding>) {
        if !self.rounds.is_empty() {
            let text = "What is left was trained further: part of a gain may come from that alone.";
            all.push(Finding::new(Effect::Neutral, text));
        }
        let Some(AwareTraining { floats, without, with, kept }) = self.aware else { return };
        let rise = |loss: f64| {
            let rise = (loss - floats) / floats.abs().max(f64::MIN_POSITIVE);
            format!("{:+.3} %", rise * 100.0)
        };
        let (without, with) = (rise(without), rise(with));
        all.push(if kept {
            let text = format!(
                "Loss on the validation rows against floats, every layer quantized: {with} after training with rounding, {without} \
                 without it. Part of a gain may come from training further alone."
            );
            Finding::new(Effect::Better, text)
        } else {
            let text = format!(
                "Training with rounding was of no use and is left out: {with} loss on the validation rows against floats, {without} \
                 without it."
            );
            Finding::new(Effect::Neutral, text)
        });
    }

    fn find_layers(&self, all: &mut Vec<Finding>) {
        let kept: Vec<&str> =
            self.layers.iter().filter(|cost| !cost.quantized).map(|cost| cost.layer.as_str()).collect();
        if !kept.is_empty() {
            let text = format!("Kept as floats, within the budget: {}.", kept.join(", "));
            all.push(Finding::new(Effect::Neutral, text));
        }
        self.find_training(all);
        let given_up = self.rounds.iter().filter(|round| !round.kept).count();
        if given_up > 0 && self.rounds.last().is_some_and(|round| !round.kept) {
            let text = "The last round passed the budget and was given up.";
            all.push(Finding::new(Effect::Neutral, text));
        }
        let chosen = self.trials.iter().find(|trial| trial.chosen);
        let alone = self.trials.iter().find(|trial| !trial.taught);
        if let Some((chosen, alone)) = chosen.zip(alone) {
            let gain = (alone.valid_loss - chosen.valid_loss) / alone.valid_loss.abs().max(f64::MIN_POSITIVE);
            let (effect, text) = if gain > 0.0 {
                (
                    Effect::Better,
                    format!(
                        "The same student without a teacher has {} more loss on the validation rows.",
                        percent(gain)
                    ),
                )
            } else {
                (
                    Effect::Worse,
                    format!(
                        "The teacher was of no use: the same student without one has {} less loss on the validation rows.",
                        percent(-gain)
                    ),
                )
            };
            all.push(Finding::new(effect, text));
        }
    }
}

fn change(what: &str, (before, after): (f64, f64), (smaller, larger): (&str, &str)) -> Finding {
    let ratio = after / before;
    let (effect, word) = if ratio <= 1.0 { (Effect::Better, smaller) } else { (Effect::Worse, larger) };
    Finding::new(effect, format!("{what}: {ratio:.2} times what it was ({word})."))
}
