//! Quantization: a network's matrices as whole numbers of few bits, and what that costs, measured on the run's own test rows.
//!
//! ```text
//! model folder ─► layers ─┬─ codes of each matrix (nets::codes) ─┐
//!                         └─ ranges of each input (observe) ─────┴─► graph ─► each layer alone: what does it cost?
//!                                                                     │
//!                                     the costliest stay floats ◄─────┘ ─► new folder, judged on the test rows
//! ```
//!
//! Matrices have a scale an output channel, symmetric; inputs have one range a tensor, with a zero (Jacob et al. 2018). Where only
//! matrices are quantized, `weights.safetensors` holds their codes and the network is computed in floats as before; where inputs are
//! too, `model.onnx` computes in whole numbers and `model.qdq.onnx` says the same in quantize-dequantize pairs, for other tools.

mod graph;
mod integer;
mod observe;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use orrery_domain::{
    Failure,
    compress::{LayerCost, QuantizeConfig, QuantizeScheme},
    device::DeviceChoice,
    model::ModelCard,
};
use prost::Message;

pub use integer::IntegerNetwork;

use self::graph::{Form, Input, Layer, Range};
use super::{CompressJob, Made, check_budget, client, copy_rules, say};
use crate::{
    control::{Interrupt, JobControl},
    model,
    nets::{
        self, Architecture, Encoded, Scorer, Weights,
        codes::{Bits, Codes, Group},
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
/// A client failure when the request makes no sense; those of reading the model; an interruption.
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
    let bench = Bench::new(config, &rules, rows, arch, weights)?;
    say(control, "Measuring what each layer costs", 0.2)?;
    let (chosen, layers) = bench.choose(control)?;
    say(control, "Writing the model", 0.7)?;
    bench.write(&chosen, &job.staged)?;
    copy_rules(job, card, !config.scheme.is_integer())?;
    Ok(Made { layers, ..Made::like(card) })
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
    check_budget(config.loss_budget)
}

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
    float: Scorer,
    /// The graph in floats.
    graph: ModelProto,
    /// Every layer, quantized, by the name of its matrix.
    layers: BTreeMap<String, Layer>,
    /// Their names in the graph's order.
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
        let mut layers = BTreeMap::new();
        for (matrix, input) in &found {
            let Some((shape, values)) = tensor(&graph, matrix) else { continue };
            let input = match config.scheme {
                QuantizeScheme::WeightInt8 | QuantizeScheme::WeightInt4 => Input::Float,
                QuantizeScheme::DynamicInt8 => Input::Dynamic,
                QuantizeScheme::StaticInt8 => {
                    let known = input.as_ref().and_then(|input| ranges.get(input).copied());
                    Input::Static(known.unwrap_or(Range::covering(0.0, 1.0)))
                }
            };
            layers.insert(matrix.clone(), Layer { codes: codes(config, matrix, &shape, &values), input });
        }
        let valid = rules.transform(rows.valid())?.0;
        Ok(Self { config, rows, arch, weights, float, graph, layers, order, valid })
    }

    /// Those layers as codes of the stored matrices, where only matrices are quantized. An ensemble's graph has its members' adapters
    /// folded in, its store has not.
    fn stored(&self, chosen: &BTreeSet<String>) -> BTreeMap<String, Codes> {
        let code = |name: &String| {
            let (shape, values) = self.weights.get(name)?;
            Some((name.clone(), codes(self.config, name, shape, values)))
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

    fn plan(&self, chosen: &BTreeSet<String>) -> BTreeMap<String, Layer> {
        let wanted = self.layers.iter().filter(|(name, _)| chosen.contains(*name));
        wanted.map(|(name, layer)| (name.clone(), layer.clone())).collect()
    }

    /// The network with those layers quantized.
    fn made(&self, chosen: &BTreeSet<String>) -> Result<Computed, Failure> {
        if self.config.scheme.is_integer() {
            let graph = graph::rewrite(&self.graph, &self.plan(chosen), Form::Integer);
            return IntegerNetwork::of(graph.encode_to_vec())
                .map(|network| Computed::Integer(Box::new(network)));
        }
        let weights = self.rounded(&self.stored(chosen));
        Ok(Computed::Float(Box::new(Scorer::on(&self.arch, &weights, DeviceChoice::Cpu)?)))
    }

    fn loss(&self, made: &Computed) -> Result<f64, Failure> {
        Ok(self.rows.valid_loss(&self.rows.predictions(&made.score(&self.valid)?)?))
    }

    /// The layers that are quantized, and what each alone costs.
    fn choose(&self, control: &dyn JobControl) -> Result<(BTreeSet<String>, Vec<LayerCost>), Interrupt> {
        let base = self.rows.valid_loss(&self.rows.predictions(&self.float.score(&self.valid)?)?);
        let rise = |chosen: &BTreeSet<String>| -> Result<f64, Failure> {
            Ok((self.loss(&self.made(chosen)?)? - base) / base.abs().max(f64::MIN_POSITIVE))
        };
        let mut layers = Vec::with_capacity(self.order.len());
        for (at, name) in self.order.iter().enumerate() {
            say(control, "Measuring what each layer costs", 0.2 + 0.4 * at as f64 / self.order.len() as f64)?;
            let parameters = self.weights.get(name).map_or(0, |(_, values)| values.len() as u64);
            let loss_rise = rise(&BTreeSet::from([name.clone()]))?;
            layers.push(LayerCost { layer: name.clone(), parameters, loss_rise, quantized: true });
        }
        let mut chosen: BTreeSet<String> = self.order.iter().cloned().collect();
        if let Some(budget) = self.config.loss_budget {
            let mut costliest: Vec<&LayerCost> = layers.iter().collect();
            costliest.sort_by(|a, b| b.loss_rise.total_cmp(&a.loss_rise));
            let mut costliest =
                costliest.into_iter().map(|cost| cost.layer.clone()).collect::<Vec<_>>().into_iter();
            while !chosen.is_empty() && rise(&chosen)? > budget {
                say(control, "Looking for the layers that may be quantized", 0.65)?;
                match costliest.next() {
                    Some(name) => _ = chosen.remove(&name),
                    None => break,
                }
            }
            if chosen.is_empty() {
                let message = format!(
                    "No layer can be quantized within {:.3} % more loss. Nothing was made; allow more, or choose another scheme.",
                    budget * 100.0
                );
                return Err(client(message).into());
            }
        }
        for cost in &mut layers {
            cost.quantized = chosen.contains(&cost.layer);
        }
        Ok((chosen, layers))
    }

    /// Writes the network's files.
    fn write(&self, chosen: &BTreeSet<String>, folder: &Path) -> Result<(), Failure> {
        if self.config.scheme.is_integer() {
            let plan = self.plan(chosen);
            for (name, form) in [(model::ONNX, Form::Integer), (QDQ, Form::Qdq)] {
                let graph = graph::rewrite(&self.graph, &plan, form);
                write_bytes(&folder.join(name), &graph.encode_to_vec())?;
            }
            return Ok(());
        }
        let stored = self.stored(chosen);
        nets::save_codes(folder, &self.arch, &self.rounded(&stored), &stored)?;
        // The graph's matrices are those of the store where it has them unfolded.
        let plan = stored
            .into_iter()
            .filter(|(name, codes)| tensor(&self.graph, name).is_some_and(|(shape, _)| shape == codes.shape))
            .map(|(name, codes)| (name, Layer { codes, input: Input::Float }))
            .collect();
        let graph = nets::onnx::graph(&self.arch, &self.rounded(&self.stored(chosen)));
        write_bytes(&folder.join(model::ONNX), &graph::rewrite(&graph, &plan, Form::Integer).encode_to_vec())
    }
}

fn codes(config: &QuantizeConfig, name: &str, shape: &[usize], values: &[f32]) -> Codes {
    let bits = if config.scheme == QuantizeScheme::WeightInt4 { Bits::Four } else { Bits::Eight };
    // A table has rows, no inputs that could share a scale.
    let block = config.block.filter(|_| name != "embedding.weight");
    let group = block.map_or(Group::Channel, |block| Group::Block(block as usize));
    Codes::of(shape, values, bits, group)
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
