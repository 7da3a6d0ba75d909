//! Trials: values that were tried, how far each was trained, and what came of it.

use serde::{Deserialize, Serialize};

use super::{
    plan::Plan,
    space::{Space, Values},
};
use crate::ids::RunId;

/// Where a trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialState {
    /// In training towards its rung.
    Running,
    /// It reached its rung and waits: the best go on, the others stay there.
    Waiting,
    /// Trained to its end and judged on the validation rows.
    Finished,
    /// It could not be trained.
    Failed,
}

/// What a trial reached at a rung.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// The rung, counted from 0.
    pub rung: u32,
    /// Best validation loss up to there; less is better.
    pub loss: f64,
}

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its number, counted from 0.
    pub number: u32,
    /// What was chosen.
    pub values: Values,
    /// The rung that its bracket begins with.
    #[serde(default)]
    pub bracket: u32,
    /// The rung that it reached, or is in training to.
    pub rung: u32,
    /// Where it stands.
    pub state: TrialState,
    /// What it reached on its way.
    #[serde(default)]
    pub reached: Vec<Rung>,
    /// What is searched for, of a finished one, on the validation rows.
    #[serde(default)]
    pub quality: Option<f64>,
    /// Measured seconds for one row, the median; of a finished one.
    #[serde(default)]
    pub row_secs: Option<f64>,
    /// Bytes on disk of a finished one.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Seconds of training.
    #[serde(default)]
    pub secs: Option<f64>,
    /// Its run.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Why it failed.
    #[serde(default)]
    pub why: Option<String>,
}

/// A search as its trials have it: pure state, from which the next trial follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// What is chosen.
    pub space: Space,
    /// How.
    pub plan: Plan,
    /// Trials, by number.
    #[serde(default)]
    pub trials: Vec<Trial>,
}

impl Course {
    /// A search before its first trial.
    pub fn new(space: Space, plan: Plan) -> Self {
        Self { space, plan, trials: Vec::new() }
    }

    /// A finished trial's quality as a cost: less is better.
    pub fn cost(&self, trial: &Trial) -> Option<f64> {
        trial.quality.map(|quality| if self.plan.maximize { -quality } else { quality })
    }

    /// By how much a finished trial is over the limits, in shares of them; 0 within. What was not measured is over.
    pub fn excess(&self, trial: &Trial) -> f64 {
        let over = |limit: Option<f64>, value: Option<f64>| match (limit, value) {
            (None, _) => 0.0,
            (Some(limit), Some(value)) => (value / limit - 1.0).max(0.0),
            (Some(_), None) => 1.0,
        };
        let limits = &self.plan.limits;
        over(limits.row_secs, trial.row_secs)
            + over(limits.bytes.map(|bytes| bytes as f64), trial.bytes.map(|bytes| bytes as f64))
    }

    /// The best trial that is finished and within the limits; of equals the first.
    pub fn best(&self) -> Option<&Trial> {
        self.trials
            .iter()
            .filter(|trial| trial.state == TrialState::Finished && self.excess(trial) <= 0.0)
            .filter_map(|trial| Some((self.cost(trial)?, trial)))
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, trial)| trial)
    }

    /// The best quality within the limits after each finished trial, by number; `None` until there is one.
    pub fn best_so_far(&self) -> Vec<(u32, Option<f64>)> {
        let mut best: Option<f64> = None;
        let finished = self.trials.iter().filter(|trial| trial.state == TrialState::Finished);
        finished
            .map(|trial| {
                let cost = self.cost(trial).filter(|_| self.excess(trial) <= 0.0);
                best = match (best, cost) {
                    (Some(best), Some(cost)) => Some(best.min(cost)),
                    (best, cost) => best.or(cost),
                };
                (trial.number, best.map(|cost| if self.plan.maximize { -cost } else { cost }))
            })
            .collect()
    }

    /// Finished trials that no other one beats in quality, time of a row and bytes at once, by number.
    pub fn front(&self) -> Vec<u32> {
        let costs: Vec<(u32, [f64; 3])> = self
            .trials
            .iter()
            .filter(|trial| trial.state == TrialState::Finished)
            .filter_map(|trial| {
                Some((trial.number, [self.cost(trial)?, trial.row_secs?, trial.bytes? as f64]))
            })
            .collect();
        let dominates = |a: &[f64; 3], b: &[f64; 3]| {
            a.iter().zip(b).all(|(a, b)| a <= b) && a.iter().zip(b).any(|(a, b)| a < b)
        };
        costs
            .iter()
            .filter(|(_, cost)| !costs.iter().any(|(_, other)| dominates(other, cost)))
            .map(|(number, _)| *number)
            .collect()
    }

    /// How many trials stand there.
    pub fn count(&self, state: TrialState) -> usize {
        self.trials.iter().filter(|trial| trial.state == state).count()
    }
}
