//! Process: a Gaussian process over a few points, which says what to expect of a point that was not measured.
//!
//! Rasmussen and Williams, *Gaussian Processes for Machine Learning* (2006): algorithm 2.1, with the Matérn kernel of ν = 5/2 (4.17)
//! and a length scale an axis (5.1). The signal's variance is the one that maximizes the likelihood; length scales and the share of
//! noise are taken from short lists by coordinate ascent of the likelihood, with a log-normal prior on length scales.

/// Length scales that are tried, in units of an axis's whole length.
const LENGTHS: [f64; 7] = [0.15, 0.3, 0.6, 1.0, 1.8, 3.5, 8.0];
/// Shares of noise in the variance that are tried.
const NOISES: [f64; 5] = [1e-5, 1e-3, 1e-2, 5e-2, 0.2];
/// Times that every length scale is chosen anew.
const SWEEPS: usize = 2;
/// Middle and width of the prior on the logarithm of length scales.
const PRIOR: (f64, f64) = (0.0, 1.0);

/// What is expected of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Mean.
    pub mean: f64,
    /// Standard deviation, without the noise of a measurement.
    pub deviation: f64,
}

/// A process that has seen values.
#[derive(Clone, Debug)]
pub struct Process {
    points: Vec<Vec<f64>>,
    kernel: Kernel,
    /// Cholesky factor of the points' covariance, row-major. `[points, points]`
    factor: Vec<f64>,
    /// The covariance's inverse times the values. `[points]`
    weights: Vec<f64>,
    middle: f64,
    /// Of the signal.
    variance: f64,
}

#[derive(Clone, Debug)]
struct Kernel {
    lengths: Vec<f64>,
    noise: f64,
}

impl Kernel {
    /// Correlation of two points.
    fn of(&self, a: &[f64], b: &[f64]) -> f64 {
        let square: f64 =
            a.iter().zip(b).zip(&self.lengths).map(|((a, b), length)| ((a - b) / length).powi(2)).sum();
        let scaled = (5.0 * square).sqrt();
        (1.0 + scaled + 5.0 * square / 3.0) * (-scaled).exp()
    }

    /// How improbable the length scales are, up to a constant.
    fn cost(&self) -> f64 {
        let (middle, width) = PRIOR;
        self.lengths.iter().map(|length| ((length.ln() - middle) / width).powi(2) / 2.0).sum()
    }
}

/// Cholesky factor of a symmetric positive definite matrix, row-major; `None` where it is not definite.
fn cholesky(mut matrix: Vec<f64>, n: usize) -> Option<Vec<f64>> {
    for row in 0..n {
        for column in 0..=row {
            let dot: f64 = (0..column).map(|at| matrix[row * n + at] * matrix[column * n + at]).sum();
            let rest = matrix[row * n + column] - dot;
            if row == column {
                if rest <= 1e-12 {
                    return None;
                }
                matrix[row * n + row] = rest.sqrt();
            } else {
                matrix[row * n + column] = rest / matrix[column * n + column];
            }
        }
    }
    Some(matrix)
}

/// Solves `L x = b`.
fn forward(factor: &[f64], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut x = Vec::with_capacity(n);
    for row in 0..n {
        let dot: f64 = (0..row).map(|at| factor[row * n + at] * x[at]).sum();
        x.push((b[row] - dot) / factor[row * n + row]);
    }
    x
}

/// Solves `Lᵀ x = b`.
fn backward(factor: &[f64], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut x = vec![0.0; n];
    for row in (0..n).rev() {
        let dot: f64 = (row + 1..n).map(|at| factor[at * n + row] * x[at]).sum();
        x[row] = (b[row] - dot) / factor[row * n + row];
    }
    x
}

/// Factor, whitened values and variance under a kernel, and the cost: the negative logarithm of the likelihood and the prior.
fn judged(points: &[Vec<f64>], values: &[f64], kernel: &Kernel) -> Option<(Vec<f64>, Vec<f64>, f64, f64)> {
    let n = points.len();
    let mut matrix = vec![0.0; n * n];
    for row in 0..n {
        for column in 0..row {
            matrix[row * n + column] = kernel.of(&points[row], &points[column]);
        }
        matrix[row * n + row] = 1.0 + kernel.noise;
    }
    let factor = cholesky(matrix, n)?;
    let white = forward(&factor, values);
    let variance = (white.iter().map(|value| value * value).sum::<f64>() / n as f64).max(1e-12);
    let determinant: f64 = (0..n).map(|row| factor[row * n + row].ln()).sum();
    let cost = n as f64 / 2.0 * variance.ln() + determinant + kernel.cost();
    Some((factor, white, variance, cost))
}

impl Process {
    /// A process that has seen these values at these points, which lie in the unit cube. `None` where there is nothing to learn from.
    ///
    /// # Panics
    /// When there are not as many values as points, or points of several dimensions.
    pub fn fit(points: &[Vec<f64>], values: &[f64]) -> Option<Self> {
        assert_eq!(points.len(), values.len(), "a value a point");
        let axes = points.first()?.len();
        let middle = values.iter().sum::<f64>() / values.len() as f64;
        let centred: Vec<f64> = values.iter().map(|value| value - middle).collect();
        let mut kernel = Kernel { lengths: vec![1.0; axes], noise: 1e-2 };
        let cost = |kernel: &Kernel| judged(points, &centred, kernel).map_or(f64::INFINITY, |found| found.3);
        let mut best = cost(&kernel);
        for _ in 0..SWEEPS {
            for axis in 0..=axes {
                let tried: &[f64] = if axis == axes { &NOISES } else { &LENGTHS };
                for value in tried {
                    let mut other = kernel.clone();
                    if axis == axes {
                        other.noise = *value;
                    } else {
                        other.lengths[axis] = *value;
                    }
                    let found = cost(&other);
                    if found < best {
                        (kernel, best) = (other, found);
                    }
                }
            }
        }
        let (factor, white, variance, _) = judged(points, &centred, &kernel)?;
        let weights = backward(&factor, &white);
        Some(Self { points: points.to_vec(), kernel, factor, weights, middle, variance })
    }

    /// What is expected of a point.
    pub fn at(&self, point: &[f64]) -> Expected {
        let near: Vec<f64> = self.points.iter().map(|known| self.kernel.of(known, point)).collect();
        let mean = self.middle + near.iter().zip(&self.weights).map(|(a, b)| a * b).sum::<f64>();
        let explained: f64 = forward(&self.factor, &near).iter().map(|value| value * value).sum();
        Expected { mean, deviation: (self.variance * (1.0 - explained).max(1e-12)).sqrt() }
    }
}

/// Probability that a standard normal variable is below `z`: Abramowitz and Stegun, 7.1.26, within 1.5e-7.
pub fn normal_cdf(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly = t
        * (0.254_829_592
            + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let above = 0.5 * poly * (-x * x).exp();
    if z >= 0.0 { 1.0 - above } else { above }
}

impl Expected {
    /// Expected improvement over a value (Jones, Schonlau and Welch 1998, equation 15).
    pub fn improvement(self, over: f64) -> f64 {
        let z = (self.mean - over) / self.deviation;
        let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        (self.deviation * (z * normal_cdf(z) + density)).max(0.0)
    }

    /// Probability that the value is at most this.
    pub fn at_most(self, bound: f64) -> f64 {
        normal_cdf((bound - self.mean) / self.deviation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of a grid of one axis.
    fn line(n: usize) -> Vec<Vec<f64>> {
        (0..n).map(|at| vec![at as f64 / (n - 1) as f64]).collect()
    }

    #[test]
    fn it_goes_through_what_it_has_seen_and_doubts_what_lies_between() {
        let points = line(6);
        let values: Vec<f64> = points.iter().map(|point| (4.0 * point[0]).sin()).collect();
        let process = Process::fit(&points, &values).expect("points");
        for (point, value) in points.iter().zip(&values) {
            let found = process.at(point);
            assert!((found.mean - value).abs() < 0.01, "{found:?} for {value}");
        }
        let between = process.at(&[0.5]);
        assert!((between.mean - 2.0_f64.sin()).abs() < 0.05, "{between:?}");
        assert!(between.deviation > process.at(&points[2]).deviation);
        assert!(process.at(&[3.0]).deviation > between.deviation, "far away it knows nothing");
    }

    #[test]
    fn an_axis_that_does_nothing_is_found_out() {
        let mut points = Vec::new();
        for a in 0..5 {
            for b in 0..4 {
                points.push(vec![f64::from(a) / 4.0, f64::from(b) / 3.0]);
            }
        }
        let values: Vec<f64> = points.iter().map(|point| 3.0 * point[0] * point[0]).collect();
        let process = Process::fit(&points, &values).expect("points");
        let [one, other] = process.kernel.lengths.as_slice() else { panic!("two axes") };
        assert!(other > one, "{:?}", process.kernel);
    }

    #[test]
    fn it_is_the_textbooks_formula() {
        // Two points, one axis: the inverse of a 2 x 2 matrix by hand.
        let kernel = Kernel { lengths: vec![0.7], noise: 0.1 };
        let (a, b, x) = (vec![0.0], vec![1.0], [0.4]);
        let (factor, white, ..) = judged(&[a.clone(), b.clone()], &[1.0, -1.0], &kernel).expect("definite");
        let weights = backward(&factor, &white);
        let c = kernel.of(&a, &b);
        let determinant = 1.1 * 1.1 - c * c;
        let expected = [(1.1 + c) / determinant, (-c - 1.1) / determinant];
        for (found, expected) in weights.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12);
        }
        let near = [kernel.of(&a, &x), kernel.of(&b, &x)];
        let explained: f64 = forward(&factor, &near).iter().map(|value| value * value).sum();
        let by_hand =
            (1.1 * near[0] * near[0] - 2.0 * c * near[0] * near[1] + 1.1 * near[1] * near[1]) / determinant;
        assert!((explained - by_hand).abs() < 1e-12);
    }

    #[test]
    fn probabilities_are_those_of_the_tables() {
        for (z, p) in [(0.0, 0.5), (1.0, 0.841_344_7), (-1.96, 0.024_997_9), (3.0, 0.998_650_1)] {
            assert!((normal_cdf(z) - p).abs() < 1e-6, "{z}");
        }
        let sure = Expected { mean: 2.0, deviation: 1e-9 };
        assert!((sure.improvement(1.5) - 0.5).abs() < 1e-6 && sure.improvement(3.0) < 1e-12);
        // By the standard normal alone: its density at 0.
        assert!((Expected { mean: 0.0, deviation: 1.0 }.improvement(0.0) - 0.398_942_3).abs() < 1e-6);
        assert!(Process::fit(&[], &[]).is_none());
    }
}
