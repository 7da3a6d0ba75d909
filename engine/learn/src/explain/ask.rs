//! Ask: one method applied to encoded rows of one model, and the check that it prints of itself.

use orrery_domain::{
    Failure, FailureClass,
    explain::{ExplainCheck, ExplainMethod},
    training::Task,
};
use rayon::prelude::*;

use super::{
    ADDITIVITY, COMPLETENESS, Explained, Parts, SURROGATE,
    answers::{Answers as _, Output, Rows},
    client, gradient, integrated, kernel, lime, of_row,
    pictures::{self, Grid},
    players::Players,
    shapley,
    switch::Switch,
    tree_shap,
};
use crate::{
    control::{Interrupt, JobControl, check},
    nets::Baseline,
};

/// Points of integrated gradients of a picture where no number is asked for: they are doubled until every row is complete.
const PICTURE_POINTS: u32 = 256;
/// The most of these.
const MOST_POINTS: u32 = 4096;

/// What is asked of a model.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    /// The model.
    pub explained: &'a Explained<'a>,
    /// Its raw columns.
    pub players: &'a Players,
    /// How.
    pub method: ExplainMethod,
    /// What it predicts.
    pub task: Task,
    /// The explained class.
    pub class: usize,
    /// Where integrated gradients begin.
    pub baseline: Option<&'a Baseline>,
    /// Rows whose values stand in.
    pub background: Option<&'a Rows>,
    /// The pixels, where the columns are those of pictures.
    pub grid: Option<&'a Grid>,
    /// Samples; none: the method's own number.
    pub samples: Option<u32>,
    /// Seed.
    pub seed: u64,
}

impl<'a> Ask<'a> {
    /// The explained output.
    pub fn output(&self) -> Output<'a> {
        Output { explained: self.explained, task: self.task, class: self.class }
    }

    /// Explains rows.
    ///
    /// # Errors
    /// A client failure when the method needs what is not there, a failure of the model, or an interruption.
    pub fn parts(&self, x: &Rows, control: &dyn JobControl) -> Result<Vec<Parts>, Interrupt> {
        match self.method {
            ExplainMethod::IntegratedGradients | ExplainMethod::ExpectedGradients => {
                self.gradients(x, control)
            }
            ExplainMethod::TreeShap => self.trees(x, control),
            ExplainMethod::Saliency => self.saliency(x, control),
            ExplainMethod::Occlusion => self.occlusion(x, control),
            _ => self.switched(x, control),
        }
    }

    fn gradients(&self, x: &Rows, control: &dyn JobControl) -> Result<Vec<Parts>, Interrupt> {
        let Explained::Network { scorer, .. } = self.explained else {
            return Err(client("Only networks and linear models have slopes.").into());
        };
        let (owners, columns) = (self.players.owners.as_slice(), self.players.len());
        let encoded = x.encoded();
        let slope = gradient::Slope { scorer, x: &encoded, class: self.class, owners, columns };
        if self.method == ExplainMethod::ExpectedGradients {
            let background = self.background()?;
            let arch = scorer.architecture();
            let baselines: Vec<Baseline> = (0..background.len())
                .map(|row| of_row(background.row(row), arch.numeric, &arch.category_sizes))
                .collect();
            let begin = mean(&self.output().answers(background)?);
            let answers = self.output().answers(x)?;
            let points = self.samples.unwrap_or(gradient::POINTS);
            return slope.expected(&baselines, (begin, &answers), points, self.seed, control);
        }
        let baseline = self.baseline.ok_or_else(|| client("Integrated gradients need a baseline."))?;
        // The rectifiers of a picture's network jump too often for a line that is halved where they do.
        let picture = self.grid.is_some() && scorer.architecture().image.is_some();
        if self.samples.is_some() || picture {
            let answers = self.output().answers(x)?;
            let mut points = self.samples.unwrap_or(PICTURE_POINTS);
            loop {
                let found = slope.fixed(baseline, points, &answers, control)?;
                let complete = found.iter().all(|parts| parts.gap(self.rounding()) <= COMPLETENESS);
                if self.samples.is_some() || complete || points >= MOST_POINTS {
                    return Ok(found);
                }
                points *= 2;
            }
        }
        let class = self.class;
        let line = integrated::Line { scorer, x: &encoded, baseline, class, owners, columns };
        Ok(line.gradients(control)?.into_iter().map(Parts::from).collect())
    }

    fn trees(&self, x: &Rows, control: &dyn JobControl) -> Result<Vec<Parts>, Interrupt> {
        let Explained::Trees { scorer, .. } = self.explained else {
            return Err(client("TreeSHAP explains trees.").into());
        };
        let forest = scorer.forest();
        let (output, sign) = self.output().of_forest(forest.objective);
        let game = tree_shap::Game::new(forest, output, &self.players.owners, self.players.len())?;
        let answers = self.output().answers(x)?;
        let explain = |row: usize| {
            check(control)?;
            let columns = game.values(x.row(row)).into_iter().map(|value| sign * value).collect();
            Ok(Parts::new(answers[row], sign * game.mean(), columns))
        };
        (0..x.len()).into_par_iter().map(explain).collect()
    }

    fn switched(&self, x: &Rows, control: &dyn JobControl) -> Result<Vec<Parts>, Interrupt> {
        let (output, players) = (self.output(), self.players);
        let switch = Switch { model: &output, players, background: self.background()? };
        let seed = self.seed;
        match self.method {
            ExplainMethod::ExactShapley if players.len() > shapley::MOST_EXACT => Err(client(format!(
                "The model has {} columns, and exact Shapley values are for at most {}. Use '{}' or '{}'.",
                players.len(),
                shapley::MOST_EXACT,
                ExplainMethod::KernelShap.name(),
                ExplainMethod::PermutationShap.name()
            ))
            .into()),
            ExplainMethod::ExactShapley => shapley::exact(&switch, x, control),
            ExplainMethod::KernelShap => {
                let sets = self.samples.unwrap_or(kernel::usual(players.len()));
                kernel::kernel(&switch, x, sets, seed, control)
            }
            ExplainMethod::Lime => {
                lime::lime(&switch, x, self.samples.unwrap_or(lime::NEIGHBOURS), seed, control)
            }
            _ => {
                let orders = self.samples.unwrap_or(shapley::ORDERS);
                shapley::permutation(&switch, x, orders, seed, control)
            }
        }
    }

    /// Rows whose values stand in.
    ///
    /// # Errors
    /// A client failure where there are none.
    pub fn background(&self) -> Result<&'a Rows, Failure> {
        self.background.filter(|rows| rows.len() > 0).ok_or_else(|| client("The method needs a background."))
    }

    /// Size of the rounding of what the model computes in: networks compute in 32 bits.
    fn rounding(&self) -> f64 {
        if matches!(self.explained, Explained::Trees { .. }) { f64::EPSILON } else { f64::from(f32::EPSILON) }
    }

    /// The law that the method obeys, measured: the worst row.
    pub fn check(&self, parts: &[Parts]) -> ExplainCheck {
        let rounding = self.rounding();
        let gap = || parts.iter().map(|row| row.gap(rounding)).fold(0.0, f64::max);
        let worst = || {
            let all = parts.iter().filter_map(|row| row.measured);
            all.max_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)))
        };
        match self.method {
            ExplainMethod::IntegratedGradients => ExplainCheck::new("completeness", gap(), COMPLETENESS),
            ExplainMethod::ExpectedGradients => {
                let (value, limit) = worst().unwrap_or((0.0, COMPLETENESS));
                ExplainCheck::new("completeness", value, limit)
            }
            ExplainMethod::Saliency => {
                let (value, limit) = worst().unwrap_or((0.0, pictures::SLOPE));
                ExplainCheck::new("slope", value, limit)
            }
            ExplainMethod::Occlusion => {
                let (value, limit) = worst().unwrap_or((0.0, pictures::DELETION));
                ExplainCheck::new("deletion", value, limit)
            }
            ExplainMethod::Lime => {
                let (value, limit) = worst().unwrap_or((0.0, SURROGATE));
                ExplainCheck::new("surrogate_error", value, limit)
            }
            _ => ExplainCheck::new("additivity", gap(), ADDITIVITY),
        }
    }
}

/// A failure that no method should meet: the figures are not there.
pub(super) fn bug(what: &str) -> Failure {
    Failure::new(FailureClass::Bug, what)
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
