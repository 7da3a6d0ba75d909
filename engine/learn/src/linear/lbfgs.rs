//! L-BFGS: minimises a smooth convex function (Liu and Nocedal 1989, "On the limited memory BFGS method for large scale optimization").

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Pairs of steps and gradient changes remembered.
const MEMORY: usize = 12;
/// Least share of the predicted fall that a step must bring (Armijo).
const SUFFICIENT: f64 = 1e-4;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most iterations.
    pub iterations: usize,
    /// Largest gradient entry that counts as zero.
    pub gradient: f64,
    /// Relative fall of the value, over one iteration, that counts as none.
    pub fall: f64,
}

/// Where the search ended.
#[derive(Clone, Debug)]
pub struct Minimum {
    /// The point.
    pub at: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Whether the gradient or the fall was small enough.
    pub converged: bool,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

/// A search at rest: everything its next iteration depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// Iterations done.
    pub iteration: usize,
    /// The point.
    pub at: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// The gradient there.
    gradient: Vec<f64>,
    /// Steps and gradient changes remembered, the oldest first.
    pairs: VecDeque<(Vec<f64>, Vec<f64>)>,
    /// Iterations in a row that brought nothing.
    small_falls: usize,
}

impl Search {
    /// A search that begins at a point.
    pub fn new(start: Vec<f64>, f: impl Fn(&[f64], &mut [f64]) -> f64) -> Self {
        let mut gradient = vec![0.0; start.len()];
        let value = f(&start, &mut gradient);
        Self { iteration: 0, at: start, value, gradient, pairs: VecDeque::new(), small_falls: 0 }
    }

    /// A search by a method that remembers nothing but the point.
    pub fn without_memory(at: Vec<f64>, value: f64) -> Self {
        Self { iteration: 0, at, value, gradient: Vec::new(), pairs: VecDeque::new(), small_falls: 0 }
    }

    /// Where it ended.
    pub fn end(self, converged: bool) -> Minimum {
        Minimum { at: self.at, value: self.value, iterations: self.iteration, converged }
    }
}

/// Minimises `f`, which returns the value and writes the gradient, from where a search stands. `go_on` is asked before every
/// iteration.
///
/// # Errors
/// What `go_on` returned.
pub fn minimise<E>(
    mut search: Search,
    limits: Limits,
    f: impl Fn(&[f64], &mut [f64]) -> f64,
    mut go_on: impl FnMut(&Search) -> Result<bool, E>,
) -> Result<Minimum, E> {
    while search.iteration < limits.iterations {
        if largest(&search.gradient) <= limits.gradient || search.small_falls >= 3 {
            return Ok(search.end(true));
        }
        if !go_on(&search)? {
            return Ok(search.end(false));
        }
        let Search { at, value, gradient, pairs, .. } = &search;
        let direction = direction(gradient, pairs);
        let slope = dot(&direction, gradient);
        let first = pairs.is_empty();
        let step = if first { 1.0 / largest(gradient).max(1.0) } else { 1.0 };
        let Some((next, next_value, next_gradient)) = line_search(&f, at, *value, slope, &direction, step)
        else {
            // No step helps: either the numbers end here, or the memory misleads.
            if first {
                return Ok(search.end(true));
            }
            search.pairs.clear();
            search.iteration += 1;
            continue;
        };
        let moved: Vec<f64> = next.iter().zip(at).map(|(a, b)| a - b).collect();
        let turned: Vec<f64> = next_gradient.iter().zip(gradient).map(|(a, b)| a - b).collect();
        let fall = (value - next_value) / value.abs().max(next_value.abs()).max(1e-12);
        search.small_falls = if fall < limits.fall { search.small_falls + 1 } else { 0 };
        (search.at, search.value, search.gradient) = (next, next_value, next_gradient);
        if dot(&moved, &turned) > 1e-12 * dot(&turned, &turned) {
            if search.pairs.len() == MEMORY {
                search.pairs.pop_front();
            }
            search.pairs.push_back((moved, turned));
        }
        search.iteration += 1;
    }
    let converged = largest(&search.gradient) <= limits.gradient;
    Ok(search.end(converged))
}

/// The two-loop recursion: minus the inverse curvature times the gradient.
fn direction(gradient: &[f64], pairs: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(pairs.len());
    for (moved, turned) in pairs.iter().rev() {
        let share = dot(moved, &direction) / dot(moved, turned);
        direction.iter_mut().zip(turned).for_each(|(d, t)| *d -= share * t);
        shares.push(share);
    }
    if let Some((moved, turned)) = pairs.back() {
        let curvature = dot(moved, turned) / dot(turned, turned);
        for d in &mut direction {
            *d *= curvature;
        }
    }
    for ((moved, turned), share) in pairs.iter().zip(shares.into_iter().rev()) {
        let correction = share - dot(turned, &direction) / dot(moved, turned);
        direction.iter_mut().zip(moved).for_each(|(d, m)| *d += correction * m);
    }
    direction
}

/// A step that brings enough, by backtracking with quadratic interpolation.
fn line_search(
    f: &impl Fn(&[f64], &mut [f64]) -> f64,
    at: &[f64],
    value: f64,
    slope: f64,
    direction: &[f64],
    first: f64,
) -> Option<(Vec<f64>, f64, Vec<f64>)> {
    if slope >= 0.0 {
        return None;
    }
    let mut step = first;
    for _ in 0..40 {
        let next: Vec<f64> = at.iter().zip(direction).map(|(a, d)| a + step * d).collect();
        let mut gradient = vec![0.0; at.len()];
        let reached = f(&next, &mut gradient);
        if reached.is_finite() && reached <= value + SUFFICIENT * step * slope {
            return Some((next, reached, gradient));
        }
        let best = -slope * step * step / (2.0 * (reached - value - step * slope));
        step = if best.is_finite() { best.clamp(0.1 * step, 0.5 * step) } else { 0.1 * step };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_minimum_of_an_ill_conditioned_bowl() {
        let bowl = |x: &[f64], g: &mut [f64]| {
            let mut value = 0.0;
            for (i, (x, g)) in x.iter().zip(g).enumerate() {
                let curvature = 10.0_f64.powi(i as i32 - 2);
                *g = curvature * (x - i as f64);
                value += 0.5 * curvature * (x - i as f64).powi(2);
            }
            value
        };
        let limits = Limits { iterations: 500, gradient: 1e-9, fall: 0.0 };
        let begin = || Search::new(vec![10.0; 6], bowl);
        let end = minimise::<()>(begin(), limits, bowl, |_| Ok(true)).expect("no interruption");
        // Gone on with from any iteration, through the text of a checkpoint, it ends at the same bits.
        for stop in [1, 7, 20] {
            let mut kept = String::new();
            let stopped = minimise(begin(), limits, bowl, |search| {
                kept = serde_json::to_string(search).expect("JSON");
                if search.iteration == stop { Err(()) } else { Ok(true) }
            });
            assert!(stopped.is_err());
            let search = serde_json::from_str(&kept).expect("reads back");
            let resumed = minimise::<()>(search, limits, bowl, |_| Ok(true)).expect("no interruption");
            assert_eq!((&resumed.at, resumed.iterations), (&end.at, end.iterations));
        }
        assert!(end.converged);
        for (i, x) in end.at.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-5, "{:?}", end.at);
        }
    }
}
