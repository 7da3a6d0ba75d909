//! Newton's method for one output: few exact second-order steps where the normal matrix is small enough to be worth it.

use rayon::prelude::*;

use super::{
    Problem, Shape,
    lbfgs::{Limits, Minimum, Search},
    slopes,
};
use crate::nets::Loss;

/// Most parameters: the normal matrix has their square.
const MOST_PARAMETERS: usize = 1024;
/// Blocks of rows, each with a normal matrix of its own; a fixed number, so that results do not depend on the number of threads.
const BLOCKS: usize = 8;
/// Least share of the predicted fall that a step must bring (Armijo).
const SUFFICIENT: f64 = 1e-4;
/// Most halvings of a step.
const HALVINGS: usize = 40;

/// Whether the method is meant for models of this shape.
pub fn suits(shape: &Shape) -> bool {
    shape.outputs == 1 && shape.parameters() <= MOST_PARAMETERS
}

/// The minimised function with its derivatives at a point.
struct Local {
    value: f64,
    gradient: Vec<f64>,
    /// Upper triangle of the second derivatives. `[parameters, parameters]`
    curvature: Vec<f64>,
}

impl Local {
    fn zero(parameters: usize) -> Self {
        Self { value: 0.0, gradient: vec![0.0; parameters], curvature: vec![0.0; parameters * parameters] }
    }

    fn add(&mut self, other: &Self) {
        self.value += other.value;
        self.gradient.iter_mut().zip(&other.gradient).for_each(|(all, part)| *all += part);
        self.curvature.iter_mut().zip(&other.curvature).for_each(|(all, part)| *all += part);
    }
}

/// Minimises the problem's function, from where a search stands or from zero. `go_on` is asked before every iteration.
///
/// # Errors
/// What `go_on` returned.
pub fn minimise<E>(
    problem: &Problem<'_>,
    total: f64,
    search: Option<Search>,
    limits: Limits,
    mut go_on: impl FnMut(&Search) -> Result<bool, E>,
) -> Result<Minimum, E> {
    let mut search =
        search.unwrap_or_else(|| Search::without_memory(vec![0.0; problem.shape.parameters()], f64::NAN));
    let mut here = local(problem, total, &search.at);
    search.value = here.value;
    while search.iteration < limits.iterations {
        let largest = here.gradient.iter().fold(0.0_f64, |most, slope| most.max(slope.abs()));
        if largest <= limits.gradient {
            return Ok(search.end(true));
        }
        if !go_on(&search)? {
            return Ok(search.end(false));
        }
        let Some((next, there)) = step(problem, total, &search.at, &here) else {
            // No step helps: the numbers end here.
            return Ok(search.end(true));
        };
        let fall = (here.value - there.value) / here.value.abs().max(there.value.abs()).max(1e-12);
        search.iteration += 1;
        (search.at, search.value, here) = (next, there.value, there);
        if fall < limits.fall {
            return Ok(search.end(true));
        }
    }
    Ok(search.end(false))
}

/// The full step, or as much of it as brings enough.
fn step(problem: &Problem<'_>, total: f64, at: &[f64], here: &Local) -> Option<(Vec<f64>, Local)> {
    let direction = direction(here)?;
    let slope: f64 = direction.iter().zip(&here.gradient).map(|(d, g)| d * g).sum();
    let mut length = 1.0;
    for _ in 0..HALVINGS {
        let next: Vec<f64> = at.iter().zip(&direction).map(|(a, d)| a + length * d).collect();
        let there = local(problem, total, &next);
        if there.value.is_finite() && there.value < here.value + SUFFICIENT * length * slope {
            return Some((next, there));
        }
        length *= 0.5;
    }
    None
}

/// Minus the inverse curvature times the gradient; a little is added to the diagonal where the matrix is not positive definite.
fn direction(here: &Local) -> Option<Vec<f64>> {
    let size = here.gradient.len();
    let mean = (0..size).map(|i| here.curvature[i * size + i]).sum::<f64>() / size as f64;
    let mut more = 0.0;
    for _ in 0..20 {
        let mut matrix = here.curvature.clone();
        for i in 0..size {
            matrix[i * size + i] += more;
        }
        if factorise(&mut matrix, size) {
            return Some(solve(&matrix, &here.gradient));
        }
        more = if more == 0.0 { 1e-12 * mean } else { 10.0 * more };
    }
    None
}

/// Cholesky: the upper triangle becomes that of `U`, with `UᵀU` the matrix. `false` where it is not positive definite.
fn factorise(matrix: &mut [f64], size: usize) -> bool {
    for i in 0..size {
        let (done, rest) = matrix.split_at_mut((i + 1) * size);
        let row = &mut done[i * size..];
        if row[i].is_nan() || row[i] <= 0.0 {
            return false;
        }
        let root = row[i].sqrt();
        for value in &mut row[i..] {
            *value /= root;
        }
        for (below, k) in rest.chunks_exact_mut(size).zip(i + 1..) {
            let factor = row[k];
            if factor != 0.0 {
                below[k..].iter_mut().zip(&row[k..]).for_each(|(value, above)| *value -= factor * above);
            }
        }
    }
    true
}

/// `-(UᵀU)⁻¹ gradient`.
fn solve(upper: &[f64], gradient: &[f64]) -> Vec<f64> {
    let size = gradient.len();
    let mut x: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    for i in 0..size {
        let row = &upper[i * size..][..size];
        x[i] /= row[i];
        let solved = x[i];
        x[i + 1..].iter_mut().zip(&row[i + 1..]).for_each(|(value, factor)| *value -= factor * solved);
    }
    for i in (0..size).rev() {
        let row = &upper[i * size..][..size];
        let known: f64 = row[i + 1..].iter().zip(&x[i + 1..]).map(|(factor, value)| factor * value).sum();
        x[i] = (x[i] - known) / row[i];
    }
    x
}

/// Value, gradient and curvature at a point.
fn local(problem: &Problem<'_>, total: f64, at: &[f64]) -> Local {
    let rows = problem.x.rows;
    let block = rows.div_ceil(BLOCKS).max(1);
    let parts: Vec<Local> = (0..rows.div_ceil(block))
        .into_par_iter()
        .map(|part| {
            let mut sums = Local::zero(at.len());
            let mut active = Vec::with_capacity(problem.shape.cardinalities.len());
            for row in part * block..((part + 1) * block).min(rows) {
                add_row(problem, total, at, row, &mut active, &mut sums);
            }
            sums
        })
        .collect();
    let mut sums = Local::zero(at.len());
    for part in &parts {
        sums.add(part);
    }
    for (input, weight) in at.iter().enumerate().take(problem.shape.inputs()) {
        sums.value += 0.5 * problem.l2 * weight * weight;
        sums.gradient[input] += problem.l2 * weight;
        sums.curvature[input * at.len() + input] += problem.l2;
    }
    sums
}

/// Adds a row's part. `active` is scratch space for the inputs of its categories.
fn add_row(
    problem: &Problem<'_>,
    total: f64,
    at: &[f64],
    row: usize,
    active: &mut Vec<usize>,
    sums: &mut Local,
) {
    let weight = problem.weight[row] / total;
    if weight == 0.0 {
        return;
    }
    let size = at.len();
    let intercept = size - 1;
    let (numbers, codes) = problem.x.row(row).split_at(problem.shape.numbers);
    active.clear();
    let mut first = numbers.len();
    for (code, cardinality) in codes.iter().zip(&problem.shape.cardinalities) {
        active.push(first + *code as usize);
        first += cardinality;
    }
    let mut score = at[intercept];
    score += numbers.iter().zip(at).map(|(value, weight)| f64::from(*value) * weight).sum::<f64>();
    score += active.iter().map(|input| at[*input]).sum::<f64>();
    let mut scores = [score];
    sums.value += weight * slopes(problem.loss, problem.y[row], &mut scores);
    let slope = weight * scores[0];
    let bend = match problem.loss {
        // The slope is the probability less the truth.
        Loss::Binary => {
            let probability = scores[0] + problem.y[row];
            weight * probability * (1.0 - probability)
        }
        Loss::Squared | Loss::Multiclass => weight,
    };
    for (i, value) in numbers.iter().enumerate() {
        let value = f64::from(*value);
        sums.gradient[i] += slope * value;
        let bent = bend * value;
        let line = &mut sums.curvature[i * size..][..size];
        line[i..].iter_mut().zip(&numbers[i..]).for_each(|(sum, other)| *sum += bent * f64::from(*other));
        for input in &*active {
            line[*input] += bent;
        }
        line[intercept] += bent;
    }
    for (position, input) in active.iter().enumerate() {
        sums.gradient[*input] += slope;
        let line = &mut sums.curvature[input * size..][..size];
        for other in &active[position..] {
            line[*other] += bend;
        }
        line[intercept] += bend;
    }
    sums.gradient[intercept] += slope;
    sums.curvature[intercept * size + intercept] += bend;
}
