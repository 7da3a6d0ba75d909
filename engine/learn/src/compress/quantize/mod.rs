//! Quantization: a network's matrices, and its convolutions' filters, as whole numbers of few bits, and what that costs, measured on the run's own test rows.
//!
//! ```text
//! model folder ─► layers ─┬─ codes of each matrix (nets::codes) ─┐
//!                         └─ ranges of each input (observe) ─────┴─► graph ─► each layer alone: what does it cost?
//!                                                                     │
//!         what keeps to the budgets (choose) ◄────────────────────────┘ ─► new folder, judged on the test rows
//! ```
//!
//! Where that is asked for, the network is first trained with all of it on the way forward (aware).
//!
//! Matrices have a scale an output channel, symmetric; inputs have one range a tensor, with a zero (Jacob et al. 2018). Where only
//! matrices are quantized, `weights.safetensors` holds their codes and the network is computed in floats as before; where inputs are
//! too, codes go to 64 at most, so that sums of their products fit on every processor, `model.onnx` computes in whole numbers and `model.qdq.onnx` says the same in quantize-dequantize pairs, for other tools.

mod aware;
mod choose;
mod convolution;
mod graph;
mod integer;
mod observe;

#[cfg(test)]
mod picture_tests;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::Path};

use orrery_domain::{
    Failure,
    compress::{AwareTraining, LayerCost, QuantizeConfig, QuantizeScheme},
    device::DeviceChoice,
    model::ModelCard,
};
use prost::Message;

pub use integer::IntegerNetwork;
pub(super) use {graph::layers, observe::values};

use self::{
    choose::{Budgets, Ladder},
    graph::{Form, Input, Layer},
};
use super::{CompressJob, Made, check_budget, client, copy_rules, say};
use crate::{
    control::{Interrupt, JobControl},
    model,
    nets::{
        self, Architecture, Encoded, Scorer, Weights,
        codes::{Bits, Codes, Group, Range, scale_count},
        onnx::proto::ModelProto,
    },
    prepare::Preprocessor,
    train::{again::Again, files::write_bytes},
};

/// The graph in quantize-dequantize pairs.
pub const QDQ: &str = "model.qdq.onnx";

/// Quantizes a network into the staged folder.
///
/// # Errors
/// A client failure when the request makes no sense or its budgets cannot be kept; those of reading the model; an interruption.
pub(super) fn make(
    job: &CompressJob,
    config: &QuantizeConfig,
    card: &ModelCard,
    rows: &Again,
    control: &dyn JobControl,
) -> Result<Made, Interrupt> {
    check_config(config)?;
    let rules = Preprocessor::load(&job.folder)?;
    let (arch, weights) = nets::load(&job.folder)?;
    let mut bench = Bench::new(config, &rules, rows, arch, weights)?;
    let mut made = Made::like(card);
    if config.epochs > 0 {
        let (weights, notes) = aware::train(job, card, &bench, &rules, control)?;
        let trained =
            Bench { base: bench.base, ..Bench::new(config, &rules, rows, bench.arch.clone(), weights)? };
        let (without, with) = (bench.loss(&bench.smallest())?, trained.loss(&trained.smallest())?);
        let kept = with < without;
        made.aware = Some(AwareTraining { floats: bench.base, without, with, kept });
        made.notes = notes;
        if kept {
            bench = trained;
        }
    }
    let (chosen, layers) = bench.choose(control)?;
    say(control, "Writing the model", 0.9)?;
    bench.write(&chosen, &job.staged)?;
    copy_rules(job, card, !config.scheme.is_integer())?;
    Ok(Made { layers, ..made })
}

fn check_config(config: &QuantizeConfig) -> Result<(), Failure> {
    if let Some(block) = config.block {
        if config.scheme.is_integer() {
            return Err(client(
                "Blocks are for weights only: layers in whole numbers have a scale a channel.",
            ));
        }
        if !(2..=65_536).contains(&block) {
            return Err(client(format!(
                "A block of {block} inputs is not possible: it must be from 2 to 65,536."
            )));
        }
    }
    if !(10..=100_000).contains(&config.calibration_rows) {
        let message =
            format!("{} calibration rows are not possible: from 10 to 100,000 are.", config.calibration_rows);
        return Err(client(message));
    }
    if config.epochs > 1000 {
        return Err(client("More than 1,000 epochs are not possible."));
    }
    if let Some(share) = config.size_budget.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
        return Err(client(format!("A size of {share} is not possible: it must be above 0 and at most 1.")));
    }
    check_budget(config.loss_budget)
}

/// Bits of each layer that is quantized, by the name of its matrix.
type Choice = BTreeMap<String, Bits>;

/// A network computed one way or the other.
enum Computed {
    Float(Box<Scorer>),
    Integer(Box<IntegerNetwork>),
}

impl Computed {
    fn score(&self, rows: &Encoded) -> Result<Vec<f64>, Failure> {
        match self {
            Self::Float(scorer) => scorer.score(rows),
            Self::Integer(network) => network.score(rows),
        }
    }
}

/// What every trial of some layers needs.
struct Bench<'a> {
    config: &'a QuantizeConfig,
    rows: &'a Again,
    arch: Architecture,
    weights: Weights,
    /// Loss on the validation rows of the model that is quantized, in floats.
    base: f64,
    /// The same of this network, which training with rounding has changed.
    own: f64,
    /// The graph in floats.
    graph: ModelProto,
    /// What becomes of each layer's input, by the name of its matrix.
    inputs: BTreeMap<String, Input>,
    /// Names of the matrices in the graph's order.
    order: Vec<String>,
    /// Validation rows.
    valid: Encoded,
}

impl<'a> Bench<'a> {
    fn new(
        config: &'a QuantizeConfig,
        rules: &Preprocessor,
        rows: &'a Again,
        arch: Architecture,
        weights: Weights,
    ) -> Result<Self, Failure> {
        let float = Scorer::on(&arch, &weights, DeviceChoice::Cpu)?;
        let graph = nets::onnx::graph(&arch, &weights);
        let found = graph::layers(&graph);
        let order: Vec<String> = found.iter().map(|(matrix, _)| matrix.clone()).collect();
        let ranges = if config.scheme == QuantizeScheme::StaticInt8 {
            let inputs: Vec<String> = found.iter().filter_map(|(_, input)| input.clone()).collect();
            let calibration = spread(&rules.transform(rows.train())?.0, config.calibration_rows as usize);
            observe::ranges(&graph, &calibration, &inputs, config.calibration)?
        } else {
            BTreeMap::new()
        };
        let input = |(matrix, input): (String, Option<String>)| {
            let input = match (config.scheme, input) {
                (QuantizeScheme::WeightInt8 | QuantizeScheme::WeightInt4, _) | (_, None) => Input::Float,
                (QuantizeScheme::DynamicInt8, Some(_)) => Input::Dynamic,
                (QuantizeScheme::StaticInt8, Some(input)) => {
                    Input::Static(ranges.get(&input).copied().unwrap_or_else(|| Range::covering(0.0, 1.0)))
                }
            };
            (matrix, input)
        };
        let inputs = found.into_iter().map(input).collect();
        let valid = rules.transform(rows.valid())?.0;
        let base = rows.valid_loss(&rows.predictions(&float.score(&valid)?)?);
        Ok(Self { config, rows, arch, weights, base, own: base, graph, inputs, order, valid })
    }

    /// Every layer in its fewest bits.
    fn smallest(&self) -> Choice {
        let bits = bits(self.config.scheme);
        self.order.iter().map(|name| (name.clone(), bits)).collect()
    }

    /// Codes of a matrix.
    fn codes(&self, name: &str, shape: &[usize], values: &[f32], bits: Bits) -> Codes {
        Codes::of(shape, values, bits, group(self.config, name))
    }

    /// Those layers as codes of the stored matrices, where only matrices are quantized. An ensemble's graph has its members' adapters
    /// folded in, its store has not.
    fn stored(&self, chosen: &Choice) -> BTreeMap<String, Codes> {
        let code = |(name, bits): (&String, &Bits)| {
            let (shape, values) = self.weights.get(name)?;
            Some((name.clone(), self.codes(name, shape, values, *bits)))
        };
        chosen.iter().filter_map(code).collect()
    }

    /// The weights with those layers rounded to their codes.
    fn rounded(&self, stored: &BTreeMap<String, Codes>) -> Weights {
        let mut weights = self.weights.clone();
        for (name, codes) in stored {
            weights.insert(name.clone(), (codes.shape.clone(), codes.values()));
        }
        weights
    }

    /// Those layers of the graph.
    fn plan(&self, chosen: &Choice) -> BTreeMap<String, Layer> {
        let layer = |(name, bits): (&String, &Bits)| {
            let (shape, values) = tensor(&self.graph, name)?;
            let input = self.inputs.get(name).copied().unwrap_or(Input::Float);
            Some((name.clone(), Layer { codes: self.codes(name, &shape, &values, *bits), input }))
        };
        chosen.iter().filter_map(layer).collect()
    }

    /// The network with those layers quantized.
    fn made(&self, chosen: &Choice) -> Result<Computed, Failure> {
        if self.config.scheme.is_integer() {
            let graph = graph::rewrite(&self.graph, &self.plan(chosen), Form::Integer);
            return IntegerNetwork::of(graph.encode_to_vec(), self.arch.family.kind())
                .map(|network| Computed::Integer(Box::new(network)));
        }
        let weights = self.rounded(&self.stored(chosen));
        Ok(Computed::Float(Box::new(Scorer::on(&self.arch, &weights, DeviceChoice::Cpu)?)))
    }

    /// Loss on the validation rows with those layers quantized.
    fn loss(&self, chosen: &Choice) -> Result<f64, Failure> {
        let scores = self.made(chosen)?.score(&self.valid)?;
        Ok(self.rows.valid_loss(&self.rows.predictions(&scores)?))
    }

    /// Its relative rise over another.
    fn rise(&self, chosen: &Choice, over: f64) -> Result<f64, Failure> {
        Ok((self.loss(chosen)? - over) / over.abs().max(f64::MIN_POSITIVE))
    }

    /// Bytes of all parameters as floats, in the file that computes.
    fn float_bytes(&self) -> u64 {
        if self.config.scheme.is_integer() {
            let tensors = self.graph.graph.iter().flat_map(|graph| &graph.initializer);
            tensors.map(|tensor| tensor.raw_data.len() as u64).sum()
        } else {
            self.weights.values().map(|(_, values)| 4 * values.len() as u64).sum()
        }
    }

    /// Bytes of a layer's matrix: as floats, and with so many bits.
    fn bytes(&self, name: &str, bits: Option<Bits>) -> u64 {
        let found = if self.config.scheme.is_integer() {
            tensor(&self.graph, name)
        } else {
            self.weights.get(name).cloned()
        };
        let Some((shape, values)) = found else { return 0 };
        match bits {
            None => 4 * values.len() as u64,
            Some(bits) => {
                let scales = scale_count(&shape, group(self.config, name));
                (values.len() as u64 * u64::from(bits.count())).div_ceil(8) + 4 * scales as u64
            }
        }
    }

    /// What each layer may be made of, with what that alone costs.
    fn ladders(&self, control: &dyn JobControl) -> Result<Vec<Ladder>, Interrupt> {
        let budgeted = self.config.loss_budget.or(self.config.size_budget).is_some();
        let forms = match self.config.scheme {
            QuantizeScheme::WeightInt4 if budgeted => vec![Bits::Four, Bits::Eight],
            scheme => vec![bits(scheme)],
        };
        let mut ladders = Vec::with_capacity(self.order.len());
        for (at, name) in self.order.iter().enumerate() {
            let done = at as f64 / self.order.len() as f64;
            say(control, "Measuring what each layer costs", 0.55 + 0.3 * done)?;
            let mut ladder = Ladder::new();
            for &bits in &forms {
                let rise = self.rise(&BTreeMap::from([(name.clone(), bits)]), self.own)?;
                ladder.push(choose::Form { bits: Some(bits), bytes: self.bytes(name, Some(bits)), rise });
            }
            ladder.push(choose::Form { bits: None, bytes: self.bytes(name, None), rise: 0.0 });
            ladders.push(ladder);
        }
        Ok(ladders)
    }

    /// The layers that are quantized, and what each alone costs.
    fn choose(&self, control: &dyn JobControl) -> Result<(Choice, Vec<LayerCost>), Interrupt> {
        let ladders = self.ladders(control)?;
        let floats = self.float_bytes();
        let matrices: u64 = self.order.iter().map(|name| self.bytes(name, None)).sum();
        let budgets = Budgets {
            loss: self.config.loss_budget,
            bytes: self.config.size_budget.map(|share| (share * floats as f64) as u64),
            rest: floats.saturating_sub(matrices),
        };
        let choice = |at: &[usize]| -> Choice {
            let made = self.order.iter().zip(&ladders).zip(at);
            made.filter_map(|((name, ladder), at)| Some((name.clone(), ladder[*at].bits?))).collect()
        };
        let at = choose::choose(&ladders, budgets, |at| {
            say(control, "Looking for what each layer may be made of", 0.87)?;
            Ok(self.rise(&choice(at), self.base)?)
        })?;
        let chosen = choice(&at);
        let layers = self.order.iter().zip(&ladders).map(|(name, ladder)| LayerCost {
            layer: name.clone(),
            parameters: self.weights.get(name).map_or(0, |(_, values)| values.len() as u64),
            loss_rise: ladder[0].rise,
            quantized: chosen.contains_key(name),
            bits: chosen.get(name).map(|bits| bits.count()),
        });
        Ok((chosen.clone(), layers.collect()))
    }

    /// Writes the network's files.
    fn write(&self, chosen: &Choice, folder: &Path) -> Result<(), Failure> {
        if self.config.scheme.is_integer() {
            let plan = self.plan(chosen);
            for (name, form) in [(model::ONNX, Form::Integer), (QDQ, Form::Qdq)] {
                let graph = graph::rewrite(&self.graph, &plan, form);
                write_bytes(&folder.join(name), &graph.encode_to_vec())?;
            }
            return Ok(());
        }
        let stored = self.stored(chosen);
        let rounded = self.rounded(&stored);
        nets::save_codes(folder, &self.arch, &rounded, &stored)?;
        // The graph's matrices are those of the store where it has them unfolded.
        let plan = stored
            .into_iter()
            .filter(|(name, codes)| tensor(&self.graph, name).is_some_and(|(shape, _)| shape == codes.shape))
            .map(|(name, codes)| (name, Layer { codes, input: Input::Float }))
            .collect();
        let graph = nets::onnx::graph(&self.arch, &rounded);
        write_bytes(&folder.join(model::ONNX), &graph::rewrite(&graph, &plan, Form::Integer).encode_to_vec())
    }
}

/// Bits of the codes of a scheme.
fn bits(scheme: QuantizeScheme) -> Bits {
    match scheme {
        QuantizeScheme::WeightInt4 => Bits::Four,
        QuantizeScheme::WeightInt8 => Bits::Eight,
        QuantizeScheme::DynamicInt8 | QuantizeScheme::StaticInt8 => Bits::Seven,
    }
}

/// What shares a scale in a matrix.
fn group(config: &QuantizeConfig, name: &str) -> Group {
    // A table has rows, no inputs that could share a scale.
    let block = config.block.filter(|_| name != "embedding.weight");
    block.map_or(Group::Channel, |block| Group::Block(block as usize))
}

/// A constant of the graph.
fn tensor(graph: &ModelProto, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
    let tensor = graph.graph.as_ref()?.initializer.iter().find(|tensor| tensor.name == name)?;
    let shape = tensor.dims.iter().map(|length| usize::try_from(*length).ok()).collect::<Option<_>>()?;
    let (chunks, _) = tensor.raw_data.as_chunks::<4>();
    Some((shape, chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
}

/// At most so many rows, evenly from all of them.
fn spread(rows: &Encoded, most: usize) -> Encoded {
    let step = rows.rows.div_ceil(most.max(1)).max(1);
    let taken: Vec<&[f32]> = rows.values.chunks_exact(rows.cols.max(1)).step_by(step).collect();
    Encoded { rows: taken.len(), cols: rows.cols, values: taken.concat() }
}
