//! `orrery prune`: a network without its least worthy units or weights.

use clap::{Args, ValueEnum};
use orrery_domain::compress::{CompressMethod, PruneConfig, PruneCriterion, PruneStructure};

use super::{
    super::{Context, Outcome},
    compress,
};

/// What is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Structure {
    /// Whole units, of convolutions channels, with everything that goes with them: layers become smaller
    Units,
    /// Single weights, which become 0: layers stay as large as they were, and no faster
    Weights,
}

impl From<Structure> for PruneStructure {
    fn from(structure: Structure) -> Self {
        match structure {
            Structure::Units => Self::Units,
            Structure::Weights => Self::Weights,
        }
    }
}

/// What goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Criterion {
    /// What would change the loss on training rows least, to first order
    Taylor,
    /// What has the least sum of squares in its layer
    L2,
    /// What has the least sum of absolute values in its layer
    L1,
}

impl From<Criterion> for PruneCriterion {
    fn from(criterion: Criterion) -> Self {
        match criterion {
            Criterion::Taylor => Self::Taylor,
            Criterion::L2 => Self::L2,
            Criterion::L1 => Self::L1,
        }
    }
}

#[derive(Debug, Args)]
pub struct PruneArguments {
    /// The model, a network: NAME (its newest version) or NAME:VERSION
    model: String,
    /// How much of the parameters goes, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 50.0)]
    share: f64,
    /// What is taken out
    #[arg(long, value_enum, default_value = "units")]
    structure: Structure,
    /// What goes first
    #[arg(long, value_enum, default_value = "taylor")]
    criterion: Criterion,
    /// Rounds that it goes in, with training in between
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,
    /// Passes over the training rows after each round
    #[arg(long, value_name = "N", default_value_t = 1)]
    round_epochs: u32,
    /// Passes over the training rows in the end
    #[arg(long, value_name = "N", default_value_t = 5)]
    epochs: u32,
    /// Most that the loss on validation rows may rise, in percent: rounds end before it does [default: any]
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true)]
    budget: Option<f64>,
    /// Name of the new model [default: the next version of this one]
    #[arg(long)]
    name: Option<String>,
}

pub fn run(context: &Context, arguments: &PruneArguments) -> Outcome {
    let config = PruneConfig {
        share: arguments.share / 100.0,
        structure: arguments.structure.into(),
        criterion: arguments.criterion.into(),
        rounds: arguments.rounds,
        round_epochs: arguments.round_epochs,
        final_epochs: arguments.epochs,
        loss_budget: arguments.budget.map(|percent| percent / 100.0),
    };
    let name = arguments.name.as_deref();
    compress(context, &arguments.model, name, CompressMethod::Prune(config))
}
