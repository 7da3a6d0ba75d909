//! Linear models: L2-regularised least squares, logistic and multinomial regression in f64, by Newton's method where the model has
//! one output and is small, else by L-BFGS.
//!
//! Minimised is `sum(weight * loss) / sum(weight) + l2 / 2 * |W|²`, the intercept not penalised. That is scikit-learn's `LogisticRegression` with
//! `C = 1 / (l2 * sum(weight))`, and its `Ridge` on a standardized target with `alpha = l2 * sum(weight)`, where the squared loss is halved.
//! Categories come as codes and act as one-hot inputs, so no wide matrix is ever built.

pub mod lbfgs;
mod newton;

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use self::lbfgs::Search;
use crate::nets::{Encoded, Loss, Weights};

/// Fewest rows of a parallel block; sums are taken block by block in order, so results do not depend on the number of threads.
const BLOCK: usize = 4096;
/// Most blocks: each needs a gradient of its own.
const BLOCKS: usize = 64;

/// Where the inputs stand in a row of codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Numbers at the beginning of a row.
    pub numbers: usize,
    /// Number of codes of each category behind them.
    pub cardinalities: Vec<usize>,
    /// Outputs: 1 for two classes and for a number, else one a class.
    pub outputs: usize,
}

impl Shape {
    /// Inputs once categories are one-hot.
    pub fn inputs(&self) -> usize {
        self.numbers + self.cardinalities.iter().sum::<usize>()
    }

    /// Weights and intercepts.
    pub fn parameters(&self) -> usize {
        (self.inputs() + 1) * self.outputs
    }
}

/// What is to be fitted.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// Numbers and codes. `[rows, numbers + categories]`
    pub x: &'a Encoded,
    /// Their shape.
    pub shape: &'a Shape,
    /// 0 or 1, class numbers, or standardized values. `[rows]`
    pub y: &'a [f64],
    /// Weights, 0 or more, not all 0. `[rows]`
    pub weight: &'a [f64],
    /// What is minimised.
    pub loss: Loss,
    /// Strength of the penalty.
    pub l2: f64,
}

/// A fitted linear model.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearModel {
    /// Shape.
    pub shape: Shape,
    /// `[inputs, outputs]`, then the intercepts `[outputs]`.
    pub parameters: Vec<f64>,
    /// Value of the minimised function.
    pub objective: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Whether the search ended by itself.
    pub converged: bool,
}

/// Fits a linear model, from where a search stands or from the beginning. `go_on` is asked before every iteration.
///
/// # Errors
/// What `go_on` returned.
pub fn fit<E>(
    problem: &Problem<'_>,
    limits: lbfgs::Limits,
    search: Option<Search>,
    go_on: impl FnMut(&Search) -> Result<bool, E>,
) -> Result<LinearModel, E> {
    let shape = problem.shape.clone();
    let total: f64 = problem.weight.iter().sum();
    let end = if newton::suits(&shape) {
        newton::minimise(problem, total, search, limits, go_on)?
    } else {
        let value =
            |parameters: &[f64], gradient: &mut [f64]| objective(problem, total, parameters, gradient);
        let search = search.unwrap_or_else(|| Search::new(vec![0.0; shape.parameters()], value));
        lbfgs::minimise(search, limits, value, go_on)?
    };
    Ok(LinearModel {
        shape,
        parameters: end.at,
        objective: end.value,
        iterations: end.iterations,
        converged: end.converged,
    })
}

/// The minimised function and its gradient.
fn objective(problem: &Problem<'_>, total: f64, parameters: &[f64], gradient: &mut [f64]) -> f64 {
    let shape = problem.shape;
    let rows = problem.x.rows;
    let block = BLOCK.max(rows.div_ceil(BLOCKS));
    let parts: Vec<(f64, Vec<f64>)> = (0..rows.div_ceil(block))
        .into_par_iter()
        .map(|part| {
            let mut gradient = vec![0.0; parameters.len()];
            let mut scores = vec![0.0; shape.outputs];
            let mut sum = 0.0;
            for row in part * block..((part + 1) * block).min(rows) {
                let weight = problem.weight[row] / total;
                if weight == 0.0 {
                    continue;
                }
                let x = problem.x.row(row);
                shape.scores(parameters, x, &mut scores);
                // Scores become slopes of the loss.
                sum += weight * slopes(problem.loss, problem.y[row], &mut scores);
                for slope in &mut scores {
                    *slope *= weight;
                }
                shape.add(&mut gradient, x, &scores);
            }
            (sum, gradient)
        })
        .collect();
    gradient.fill(0.0);
    let mut value = 0.0;
    for (sum, part) in parts {
        value += sum;
        gradient.iter_mut().zip(part).for_each(|(all, part)| *all += part);
    }
    let penalised = shape.inputs() * shape.outputs;
    for (slope, weight) in gradient.iter_mut().zip(parameters).take(penalised) {
        value += 0.5 * problem.l2 * weight * weight;
        *slope += problem.l2 * weight;
    }
    value
}

/// Loss of a row; its scores become the loss' slopes by them.
fn slopes(loss: Loss, y: f64, scores: &mut [f64]) -> f64 {
    match loss {
        Loss::Binary => {
            let score = scores[0];
            let tail = (-score.abs()).exp();
            let probability = if score >= 0.0 { 1.0 / (1.0 + tail) } else { tail / (1.0 + tail) };
            scores[0] = probability - y;
            score.max(0.0) + tail.ln_1p() - y * score
        }
        Loss::Squared => {
            let error = scores[0] - y;
            scores[0] = error;
            0.5 * error * error
        }
        Loss::Multiclass => {
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|score| (score - top).exp()).sum();
            let class = y as usize;
            let loss = top + sum.ln() - scores[class];
            for score in scores.iter_mut() {
                *score = (*score - top).exp() / sum;
            }
            scores[class] -= 1.0;
            loss
        }
    }
}

impl Shape {
    /// Scores of a row. `[outputs]`
    fn scores(&self, parameters: &[f64], x: &[f32], scores: &mut [f64]) {
        let outputs = self.outputs;
        scores.copy_from_slice(&parameters[self.inputs() * outputs..]);
        self.each(x, |input, value| {
            let weights = &parameters[input * outputs..][..outputs];
            scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += value * weight);
        });
    }

    /// Adds a row's part of the gradient.
    fn add(&self, gradient: &mut [f64], x: &[f32], slopes: &[f64]) {
        let outputs = self.outputs;
        self.each(x, |input, value| {
            let part = &mut gradient[input * outputs..][..outputs];
            part.iter_mut().zip(slopes).for_each(|(part, slope)| *part += value * slope);
        });
        let intercepts = &mut gradient[self.inputs() * outputs..];
        intercepts.iter_mut().zip(slopes).for_each(|(part, slope)| *part += slope);
    }

    /// Visits the inputs of a row that are not 0.
    fn each(&self, x: &[f32], mut visit: impl FnMut(usize, f64)) {
        for (input, value) in x[..self.numbers].iter().enumerate() {
            if *value != 0.0 {
                visit(input, f64::from(*value));
            }
        }
        let mut first = self.numbers;
        for (code, cardinality) in x[self.numbers..].iter().zip(&self.cardinalities) {
            visit(first + *code as usize, 1.0);
            first += cardinality;
        }
    }
}

impl LinearModel {
    /// Raw outputs of rows of codes. `[rows, outputs]`
    pub fn scores(&self, x: &Encoded) -> Vec<f64> {
        let outputs = self.shape.outputs;
        let mut scores = vec![0.0; x.rows * outputs];
        scores.par_chunks_mut(outputs * BLOCK).enumerate().for_each(|(block, scores)| {
            for (row, scores) in scores.chunks_exact_mut(outputs).enumerate() {
                self.shape.scores(&self.parameters, x.row(block * BLOCK + row), scores);
            }
        });
        scores
    }

    /// The tensors of [`crate::nets::Family::Linear`]: `head.weight` `[inputs, outputs]` and `head.bias` `[outputs]`.
    pub fn weights(&self) -> Weights {
        let (inputs, outputs) = (self.shape.inputs(), self.shape.outputs);
        let single: Vec<f32> = self.parameters.iter().map(|value| *value as f32).collect();
        let (weight, bias) = single.split_at(inputs * outputs);
        Weights::from([
            ("head.weight".to_owned(), (vec![inputs, outputs], weight.to_vec())),
            ("head.bias".to_owned(), (vec![outputs], bias.to_vec())),
        ])
    }
}
