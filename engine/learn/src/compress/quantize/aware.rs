//! Training with the rounding on the way forward, from the trained network on, before the rounding is done for good.

use std::sync::{Mutex, PoisonError};

use orrery_domain::{
    compress::{QuantizeConfig, QuantizeScheme},
    model::ModelCard,
};

use super::{
    super::{
        CompressJob, GENTLE, Stretch,
        material::{Aids, Material},
    },
    Bench, bits,
    graph::Input,
    group,
};
use crate::{
    control::{Interrupt, JobControl},
    nets::{
        Family, Start, Weights,
        rounding::{InputRounding, Rounding},
    },
    prepare::Preprocessor,
    train::pictures,
};

/// The weights after training, and what befell it.
///
/// # Errors
/// Those of training; an interruption after a checkpoint.
pub(super) fn train(
    job: &CompressJob,
    card: &ModelCard,
    bench: &Bench<'_>,
    rules: &Preprocessor,
    control: &dyn JobControl,
) -> Result<(Weights, Vec<String>), Interrupt> {
    let material = Material::new(bench.rows, rules, bench.arch.output)?;
    let mut settings = material.settings(&card.config, card.kind, Some(bench.config.epochs));
    settings.learning_rate *= GENTLE;
    settings.patience = 0;
    settings.augment = bench.arch.image.and_then(|shape| pictures::augment(&card.config, rules, shape));
    let rounding = rounding(bench);
    let start = Start { weights: &bench.weights, hold_zeros: false };
    let aids = Aids { start: Some(start), rounding: Some(&rounding), ..Aids::default() };
    let said = Mutex::default();
    let phase = "Training with rounding".to_owned();
    let stretch = Stretch { control, phase, from: 0.05, to: 0.55, said: &said };
    let fitted = material.fit(&bench.arch, aids, &settings, &job.work.join("aware"), &stretch)?;
    let notes = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok((fitted.weights, notes))
}

/// What the made network will round.
fn rounding(bench: &Bench<'_>) -> Rounding {
    let config: &QuantizeConfig = bench.config;
    // In whole numbers an ensemble's hidden layers are computed with their members' adapters folded in.
    let folded = config.scheme.is_integer() && bench.arch.family == Family::Tabm;
    let stored = |name: &&String| !(folded && name.starts_with("layers."));
    let form = |name: &String| (name.clone(), (bits(config.scheme), group(config, name)));
    let inputs = match config.scheme {
        QuantizeScheme::WeightInt8 | QuantizeScheme::WeightInt4 => InputRounding::None,
        QuantizeScheme::DynamicInt8 => InputRounding::Dynamic,
        QuantizeScheme::StaticInt8 => {
            let known = bench.inputs.iter().filter_map(|(name, input)| match input {
                Input::Static(range) => Some((name.clone(), *range)),
                Input::Float | Input::Dynamic => None,
            });
            InputRounding::Static(known.collect())
        }
    };
    Rounding { matrices: bench.order.iter().filter(stored).map(form).collect(), folded, inputs }
}
