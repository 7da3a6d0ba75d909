//! L-BFGS: minimises a smooth convex function (Liu and Nocedal 1989, "On the limited memory BFGS method for large scale optimization").

use std::collections::VecDeque;

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

/// Minimises `f`, which returns the value and writes the gradient. `go_on` is asked before every iteration, with its number and the value.
///
/// # Errors
/// What `go_on` returned.
pub fn minimise<E>(
    start: Vec<f64>,
    limits: Limits,
    f: impl Fn(&[f64], &mut [f64]) -> f64,
    mut go_on: impl FnMut(usize, f64) -> Result<bool, E>,
) -> Result<Minimum, E> {
    let mut at = start;
    let mut gradient = vec![0.0; at.len()];
    let mut value = f(&at, &mut gradient);
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    let mut small_falls = 0;
    for iteration in 0..limits.iterations {
        if largest(&gradient) <= limits.gradient || small_falls >= 3 {
            return Ok(Minimum { at, value, iterations: iteration, converged: true });
        }
        if !go_on(iteration, value)? {
            return Ok(Minimum { at, value, iterations: iteration, converged: false });
        }
        let direction = direction(&gradient, &pairs);
        let slope = dot(&direction, &gradient);
        let first = pairs.is_empty();
        let step = if first { 1.0 / largest(&gradient).max(1.0) } else { 1.0 };
        let Some((next, next_value, next_gradient)) = search(&f, &at, value, slope, &direction, step) else {
            // No step helps: either the numbers end here, or the memory misleads.
            if first {
                return Ok(Minimum { at, value, iterations: iteration, converged: true });
            }
            pairs.clear();
            continue;
        };
        let moved: Vec<f64> = next.iter().zip(&at).map(|(a, b)| a - b).collect();
        let turned: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let fall = (value - next_value) / value.abs().max(next_value.abs()).max(1e-12);
        small_falls = if fall < limits.fall { small_falls + 1 } else { 0 };
        (at, value, gradient) = (next, next_value, next_gradient);
        if dot(&moved, &turned) > 1e-12 * dot(&turned, &turned) {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back((moved, turned));
        }
    }
    let converged = largest(&gradient) <= limits.gradient;
    Ok(Minimum { at, value, iterations: limits.iterations, converged })
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
fn search(
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
        let end = minimise::<()>(vec![10.0; 6], limits, bowl, |_, _| Ok(true)).expect("no interruption");
        assert!(end.converged);
        for (i, x) in end.at.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-5, "{:?}", end.at);
        }
    }
}
