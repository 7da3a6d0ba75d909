//! The normal distribution: its density and its mass between two points.

use std::f64::consts::{FRAC_2_SQRT_PI, PI, SQRT_2};

/// The error function: Maclaurin series (Abramowitz and Stegun 7.1.6) near 0, continued fraction (7.1.14) far from it.
pub fn erf(x: f64) -> f64 {
    if x.abs() < 2.5 {
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while term.abs() > 1e-17 * sum.abs() {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
        }
        return FRAC_2_SQRT_PI * (-x * x).exp() * sum;
    }
    x.signum() * (1.0 - erfc_far(x.abs()))
}

/// 1 less the error function, of an argument of 2.5 or more.
fn erfc_far(x: f64) -> f64 {
    let fraction = (1..=60).rev().fold(x, |below, k| x + f64::from(k) / 2.0 / below);
    (-x * x).exp() / fraction / PI.sqrt()
}

/// Mass of the standard normal between `a` and `b`, without loss of digits in the tails.
pub fn mass(a: f64, b: f64) -> f64 {
    if a > b {
        return 0.0;
    }
    // A thin slice: its density at three places (Gauss and Legendre), where a difference would lose digits.
    if (b - a) * (1.0 + a.abs().max(b.abs())) < 0.05 {
        let (middle, half) = (f64::midpoint(a, b), (b - a) / 2.0);
        let off = half * 0.6_f64.sqrt();
        let at = |z: f64| log_density(z).exp();
        return half * (5.0 * at(middle - off) + 8.0 * at(middle) + 5.0 * at(middle + off)) / 9.0;
    }
    // Both on the right: mirrored, so that small masses are differences of small numbers.
    let (a, b) = if a > 0.0 { (-b, -a) } else { (a, b) };
    let below = |x: f64| {
        let z = x / SQRT_2;
        if z <= -2.5 { 0.5 * erfc_far(-z) } else { 0.5 * (1.0 + erf(z)) }
    };
    below(b) - below(a)
}

/// Logarithm of the standard normal's density.
pub fn log_density(z: f64) -> f64 {
    -0.5 * z * z - 0.5 * (2.0 * PI).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of Abramowitz and Stegun, table 7.1, and of erfc from table 7.3's argument range.
    #[test]
    fn the_error_function_has_its_tabled_values() {
        for (x, value) in [
            (0.0, 0.0),
            (0.5, 0.520_499_877_8),
            (1.0, 0.842_700_792_9),
            (1.5, 0.966_105_146_5),
            (2.0, 0.995_322_265_0),
            (2.4, 0.999_311_486_1),
            (2.6, 0.999_763_965_6),
        ] {
            assert!((erf(x) - value).abs() < 1e-10, "{x}: {} {value}", erf(x));
            assert!((erf(-x) + value).abs() < 1e-10);
        }
        assert!((erfc_far(3.0) / 2.209_049_699_858_544e-5 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn masses_agree_with_sums_over_the_density() {
        for (a, b) in
            [(-1.0, 1.0), (0.2, 0.3), (2.0, 9.0), (-6.0, -4.0), (5.0, 6.0), (1.0, 1.02), (-4.0, -3.992)]
        {
            let steps = 200_000;
            let width = (b - a) / f64::from(steps);
            let sum: f64 =
                (0..steps).map(|at| log_density(a + (f64::from(at) + 0.5) * width).exp() * width).sum();
            assert!((mass(a, b) / sum - 1.0).abs() < 1e-8, "{a} {b}");
        }
    }
}
