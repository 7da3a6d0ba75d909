//! Pruning: units, channels or weights taken out of a network.

use serde::{Deserialize, Serialize};

use crate::words::{percent, plural};

/// What is taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PruneStructure {
    /// Whole units, of convolutions channels, with everything that goes with them: layers become smaller. Channels that a normalization
    /// takes together go together.
    #[default]
    Units,
    /// Single weights, which become 0: layers stay as large as they were.
    Weights,
}

impl PruneStructure {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Units, Self::Weights];

    /// Its name in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Units => "Units",
            Self::Weights => "Single weights",
        }
    }
}

/// What is taken out first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PruneCriterion {
    /// What has the least sum of absolute values, beside the mean of its layer.
    L1,
    /// What has the least sum of squares, beside the mean of its layer.
    L2,
    /// What would change the loss least, to first order (Molchanov et al. 2019): the mean square, over batches of training rows, of the
    /// sum of each number times its gradient.
    #[default]
    Taylor,
}

impl PruneCriterion {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Taylor, Self::L2, Self::L1];

    /// Its name in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::L1 => "L1 norm",
            Self::L2 => "L2 norm",
            Self::Taylor => "Taylor",
        }
    }
}

/// A request to prune a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PruneConfig {
    /// Share of the parameters to take out, above 0 and below 1; of the weight matrices' where single weights are.
    pub share: f64,
    /// What is taken out.
    #[serde(default)]
    pub structure: PruneStructure,
    /// What goes first.
    #[serde(default)]
    pub criterion: PruneCriterion,
    /// Rounds that it goes in, 1 to 50, with training in between.
    #[serde(default = "rounds")]
    pub rounds: u32,
    /// Passes over the training rows after each round but the last, 0 to 1000.
    #[serde(default = "round_epochs")]
    pub round_epochs: u32,
    /// Passes over the training rows in the end, 0 to 1000.
    #[serde(default = "final_epochs")]
    pub final_epochs: u32,
    /// Most that the loss on validation rows may rise, relative (0.01: one percent): rounds end before it does. `None`: any.
    #[serde(default)]
    pub loss_budget: Option<f64>,
}

fn rounds() -> u32 {
    5
}

fn round_epochs() -> u32 {
    1
}

fn final_epochs() -> u32 {
    5
}

impl Default for PruneConfig {
    fn default() -> Self {
        Self {
            share: 0.5,
            structure: PruneStructure::default(),
            criterion: PruneCriterion::default(),
            rounds: rounds(),
            round_epochs: round_epochs(),
            final_epochs: final_epochs(),
            loss_budget: None,
        }
    }
}

impl PruneConfig {
    /// The request, in words.
    pub fn words(&self) -> String {
        let what = match self.structure {
            PruneStructure::Units => "of the parameters, by units",
            PruneStructure::Weights => "of the weights, one by one",
        };
        let budget = self.loss_budget.map(|budget| format!("at most {:.3} % more loss", budget * 100.0));
        let all = [
            Some(format!("{} {what}", percent(self.share))),
            Some(format!("by {}", self.criterion.title())),
            Some(format!("in {}", plural(u64::from(self.rounds), "round"))),
            budget,
        ];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// A round of pruning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PruneRound {
    /// Parameters that are left: those that are not 0.
    pub parameters: u64,
    /// Loss on the validation rows after the round's training.
    pub valid_loss: f64,
    /// Whether the model was made of it: the last round that kept to the budget.
    pub kept: bool,
}

/// A tensor before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerShape {
    /// Name.
    pub layer: String,
    /// Shape before.
    pub before: Vec<u64>,
    /// Shape after.
    pub after: Vec<u64>,
    /// Values that are 0 after.
    pub zeros: u64,
}
