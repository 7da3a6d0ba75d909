//! Parzen estimators: what good or bad trials have in common, as a density over a parameter's range.
//!
//! Bergstra et al. 2011 ("Algorithms for hyper-parameter optimization"), with the weights, bandwidths and priors of Optuna 5's
//! `TPESampler`: truncated normals, whole numbers as the normal's mass over their cell, options with a prior.

use orrery_domain::search::{Range, Value};

use super::{
    normal::{log_density, mass},
    rng::Rng,
};

/// Older observations than this many weigh less.
const ALIKE: usize = 25;
/// Weights of observations in the order they were made, and of the prior at the end; they add up to 1.
pub fn weights(observations: usize) -> Vec<f64> {
    let n = observations;
    let mut all: Vec<f64> = if n < ALIKE {
        vec![1.0; n]
    } else {
        let old = n - ALIKE;
        let low = 1.0 / n as f64;
        // Evenly from 1/n to 1, both included.
        let rising =
            (0..old).map(|at| if old == 1 { low } else { low + (1.0 - low) * at as f64 / (old - 1) as f64 });
        rising.chain(std::iter::repeat_n(1.0, ALIKE)).collect()
    };
    all.push(1.0);
    let sum: f64 = all.iter().sum();
    for weight in &mut all {
        *weight /= sum;
    }
    all
}

/// A truncated normal.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    centre: f64,
    width: f64,
    /// Logarithm of its mass between the ends of the scale.
    log_mass: f64,
}

/// The kernels of one parameter, one an observation and the prior at the end.
#[derive(Clone, Debug)]
pub enum Kernels {
    /// Truncated normals on the parameter's own scale.
    Normal {
        /// Each one's place.
        kernels: Vec<Kernel>,
        /// Ends of the scale.
        ends: (f64, f64),
        /// Whether the scale is the logarithm.
        log: bool,
        /// Whether values are whole.
        whole: bool,
    },
    /// Probabilities of the options, of each kernel.
    Options(Vec<Vec<f64>>),
}

impl Kernels {
    /// Learns from observations, in the order they were made.
    pub fn new(range: &Range, observed: &[&Value]) -> Self {
        match range {
            Range::Choice { options } => {
                let kernels = observed.len() + 1;
                let prior = 1.0 / kernels as f64;
                let row = |chosen: Option<usize>| {
                    let sum = prior * options.len() as f64 + f64::from(u8::from(chosen.is_some()));
                    (0..options.len())
                        .map(|at| (prior + f64::from(u8::from(chosen == Some(at)))) / sum)
                        .collect()
                };
                let place = |value: &&Value| match value {
                    Value::Text(text) => options.iter().position(|option| option == text),
                    _ => None,
                };
                Self::Options(observed.iter().map(|value| row(place(value))).chain([row(None)]).collect())
            }
            Range::Float { low, high, log } => {
                let ends = if *log { (low.ln(), high.ln()) } else { (*low, *high) };
                Self::normal(observed, ends, *log, false)
            }
            Range::Int { low, high, log } => {
                let ends = (*low as f64 - 0.5, *high as f64 + 0.5);
                let ends = if *log { (ends.0.ln(), ends.1.ln()) } else { ends };
                Self::normal(observed, ends, *log, true)
            }
        }
    }

    fn normal(observed: &[&Value], ends: (f64, f64), log: bool, whole: bool) -> Self {
        let scale = |number: f64| if log { number.ln() } else { number };
        let centres: Vec<f64> =
            observed.iter().map(|value| scale(value.number().unwrap_or(f64::NAN))).collect();
        let span = ends.1 - ends.0;
        let prior = (f64::midpoint(ends.0, ends.1), span);
        let mut widths = neighbours(&centres, ends);
        let least = span / (2.0 + centres.len() as f64).min(100.0);
        for width in &mut widths {
            *width = width.clamp(least, span);
        }
        let kernel = |(centre, width): (f64, f64)| Kernel {
            centre,
            width,
            log_mass: mass((ends.0 - centre) / width, (ends.1 - centre) / width).ln(),
        };
        let kernels = centres.into_iter().zip(widths).chain([prior]).map(kernel).collect();
        Self::Normal { kernels, ends, log, whole }
    }

    /// Draws a value from a kernel.
    pub fn draw(&self, kernel: usize, range: &Range, rng: &mut Rng) -> Value {
        match (self, range) {
            (Self::Options(rows), Range::Choice { options }) => {
                Value::Text(options[rng.weighted(&rows[kernel])].clone())
            }
            (Self::Normal { kernels, ends, log, whole }, range) => {
                let Kernel { centre, width, .. } = kernels[kernel];
                // At least a third of the kernel lies between the ends.
                let place = if ends.1 > ends.0 {
                    loop {
                        let place = centre + width * rng.normal();
                        if (ends.0..=ends.1).contains(&place) {
                            break place;
                        }
                    }
                } else {
                    ends.0
                };
                let number = if *log { place.exp() } else { place };
                match range {
                    Range::Int { low, high, .. } if *whole => {
                        Value::Int((number.round() as i64).clamp(*low, *high))
                    }
                    Range::Float { low, high, .. } => Value::Float(number.clamp(*low, *high)),
                    _ => Value::Float(number),
                }
            }
            (Self::Options(_), _) => Value::Int(0),
        }
    }

    /// Adds each kernel's log density of a value to `into`.
    pub fn add_log(&self, value: &Value, range: &Range, into: &mut [f64]) {
        match self {
            Self::Options(rows) => {
                let Range::Choice { options } = range else { return };
                let Value::Text(text) = value else { return };
                let Some(at) = options.iter().position(|option| option == text) else { return };
                rows.iter().zip(into).for_each(|(row, sum)| *sum += row[at].ln());
            }
            Self::Normal { kernels, ends, log, whole } => {
                if ends.1 <= ends.0 {
                    return;
                }
                let number = value.number().unwrap_or(f64::NAN);
                let scale = |number: f64| if *log { number.ln() } else { number };
                let (place, cell) = (scale(number), (scale(number - 0.5), scale(number + 0.5)));
                for (Kernel { centre, width, log_mass }, sum) in kernels.iter().zip(into) {
                    let z = |place: f64| (place - centre) / width;
                    *sum += if *whole {
                        mass(z(cell.0), z(cell.1)).ln() - log_mass
                    } else {
                        log_density(z(place)) - width.ln() - log_mass
                    };
                }
            }
        }
    }
}

/// The larger of each observation's distances to its neighbours, the ends among them; the outermost of several look inwards only.
fn neighbours(centres: &[f64], ends: (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..centres.len()).collect();
    order.sort_by(|a, b| centres[*a].total_cmp(&centres[*b]));
    let sorted: Vec<f64> =
        std::iter::once(ends.0).chain(order.iter().map(|place| centres[*place])).chain([ends.1]).collect();
    let mut widths = vec![0.0; centres.len()];
    for (rank, place) in order.iter().enumerate() {
        let (left, right) = (sorted[rank + 1] - sorted[rank], sorted[rank + 2] - sorted[rank + 1]);
        widths[*place] = match (centres.len(), rank) {
            (1, _) => left.max(right),
            (_, 0) => right,
            (count, rank) if rank + 1 == count => left,
            _ => left.max(right),
        };
    }
    widths
}

/// Logarithm of the sum of weighted densities.
pub fn log_sum(logs: &[f64], weights: &[f64]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return top;
    }
    top + logs.iter().zip(weights).map(|(log, weight)| weight * (log - top).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn density(kernels: &Kernels, range: &Range, value: &Value, observed: usize) -> f64 {
        let mut logs = vec![0.0; observed + 1];
        kernels.add_log(value, range, &mut logs);
        log_sum(&logs, &weights(observed)).exp()
    }

    #[test]
    fn weights_are_alike_until_25_and_then_favour_the_young() {
        assert_eq!(weights(3), [0.25; 4]);
        let many = weights(30);
        assert_eq!(many.len(), 31);
        assert!((many.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(many[0] < many[3] && (many[5] - many[30]).abs() < 1e-15);
        assert!((many[0] / many[30] - 1.0 / 30.0).abs() < 1e-12);
    }

    #[test]
    fn densities_add_up_to_one() {
        let float = Range::Float { low: -1.0, high: 3.0, log: false };
        let seen: Vec<Value> = [-0.9, 0.1, 0.1, 2.99].map(Value::Float).to_vec();
        let seen: Vec<&Value> = seen.iter().collect();
        let kernels = Kernels::new(&float, &seen);
        let steps = 40_000;
        let sum: f64 = (0..steps)
            .map(|at| Value::Float(-1.0 + 4.0 * (f64::from(at) + 0.5) / f64::from(steps)))
            .map(|value| density(&kernels, &float, &value, 4) * 4.0 / f64::from(steps))
            .sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        for log in [false, true] {
            let int = Range::Int { low: 2, high: 9, log };
            let seen: Vec<Value> = [2, 9, 9].map(Value::Int).to_vec();
            let kernels = Kernels::new(&int, &seen.iter().collect::<Vec<_>>());
            let sum: f64 = (2..=9).map(|value| density(&kernels, &int, &Value::Int(value), 3)).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        }
        let choice = Range::Choice { options: vec!["a".into(), "b".into()] };
        let seen = [Value::Text("b".into())];
        let kernels = Kernels::new(&choice, &[&seen[0]]);
        let of = |name: &str| density(&kernels, &choice, &Value::Text(name.into()), 1);
        assert!((of("a") + of("b") - 1.0).abs() < 1e-12 && of("b") > of("a"));
    }

    #[test]
    fn draws_follow_the_density() {
        let range = Range::Int { low: 1, high: 6, log: false };
        let seen = [Value::Int(6), Value::Int(5)];
        let kernels = Kernels::new(&range, &seen.iter().collect::<Vec<_>>());
        let (mut rng, count) = (Rng::new(3, 0), 60_000_u32);
        let mut counts = [0_u32; 6];
        for _ in 0..count {
            let kernel = rng.weighted(&weights(2));
            let Value::Int(value) = kernels.draw(kernel, &range, &mut rng) else { panic!("whole") };
            counts[(value - 1) as usize] += 1;
        }
        for value in 1..=6_i64 {
            let expected = density(&kernels, &range, &Value::Int(value), 2);
            let seen = f64::from(counts[(value - 1) as usize]) / f64::from(count);
            let error = (expected * (1.0 - expected) / f64::from(count)).sqrt();
            assert!((seen - expected).abs() < 5.0 * error, "{value}: {seen} {expected}");
        }
    }

    #[test]
    fn a_range_of_one_value_gives_that_value() {
        let range = Range::Float { low: 0.5, high: 0.5, log: false };
        let seen = [Value::Float(0.5)];
        let kernels = Kernels::new(&range, &[&seen[0]]);
        assert_eq!(kernels.draw(0, &range, &mut Rng::new(0, 0)), Value::Float(0.5));
        assert!((density(&kernels, &range, &Value::Float(0.5), 1) - 1.0).abs() < 1e-12);
    }
}
