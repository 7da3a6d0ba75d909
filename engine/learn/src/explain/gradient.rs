//! Gradients at given points: integrated gradients by a rule of fixed points, and expected gradients from a background.

use rand::{RngExt as _, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::Parts;
use crate::{
    control::{Interrupt, JobControl, check},
    nets::{Baseline, Encoded, PathPoint, Scorer},
};

/// Points that are computed together: bounds the memory.
const AT_ONCE: usize = 8192;
/// Points of expected gradients where no number is asked for.
pub(super) const POINTS: u32 = 200;
/// Standard errors within which the parts of expected gradients must add up.
const ERRORS: f64 = 4.0;

/// A network whose output's slopes are looked at.
#[derive(Clone, Copy)]
pub(super) struct Slope<'a> {
    /// Network.
    pub scorer: &'a Scorer,
    /// Rows.
    pub x: &'a Encoded,
    /// Output.
    pub class: usize,
    /// The raw column of each encoded input.
    pub owners: &'a [usize],
    /// Raw columns.
    pub columns: usize,
}

impl Slope<'_> {
    /// Integrated gradients by Gauss and Legendre's rule of so many points, as captum's default.
    ///
    /// # Errors
    /// An interruption, or a hardware failure when the device does not deliver.
    pub fn fixed(
        &self,
        baseline: &Baseline,
        points: u32,
        answers: &[f64],
        control: &dyn JobControl,
    ) -> Result<Vec<Parts>, Interrupt> {
        let rule = gauss_legendre(points.max(1) as usize);
        let baselines = std::slice::from_ref(baseline);
        let begin = self.scorer.slopes(
            self.x,
            baselines,
            self.class,
            &[PathPoint { row: 0, from: 0, share: 0.0 }],
        )?;
        let mut all = Vec::with_capacity(self.x.rows);
        let rows: Vec<u32> = (0..self.x.rows as u32).collect();
        for rows in rows.chunks((AT_ONCE / rule.len()).max(1)) {
            check(control)?;
            let points: Vec<PathPoint> = rows
                .iter()
                .flat_map(|row| rule.iter().map(|(share, _)| PathPoint { row: *row, from: 0, share: *share }))
                .collect();
            let found = self.scorer.slopes(self.x, baselines, self.class, &points)?;
            let width = self.owners.len().max(1) * rule.len();
            for (row, inputs) in rows.iter().zip(found.inputs.chunks_exact(width)) {
                let mut columns = vec![0.0; self.columns];
                for (slopes, (_, weight)) in inputs.chunks_exact(self.owners.len().max(1)).zip(&rule) {
                    self.owners
                        .iter()
                        .zip(slopes)
                        .for_each(|(owner, slope)| columns[*owner] += weight * slope);
                }
                all.push(Parts::new(answers[*row as usize], begin.values[0], columns));
            }
        }
        Ok(all)
    }

    /// Expected gradients (Erion et al. 2021): the mean slope at random shares of the ways from background rows. The shares are
    /// drawn one from each of as many equal parts as there are points, and the background's rows take turns.
    ///
    /// # Errors
    /// As [`Self::fixed`].
    pub fn expected(
        &self,
        background: &[Baseline],
        (begin, answers): (f64, &[f64]),
        points: u32,
        seed: u64,
        control: &dyn JobControl,
    ) -> Result<Vec<Parts>, Interrupt> {
        let many = points.max(2) as usize;
        let mut all = Vec::with_capacity(self.x.rows);
        let rows: Vec<u32> = (0..self.x.rows as u32).collect();
        for rows in rows.chunks((AT_ONCE / many).max(1)) {
            check(control)?;
            let points: Vec<PathPoint> =
                rows.iter().flat_map(|row| drawn(*row, background.len(), many, seed)).collect();
            let found = self.scorer.slopes(self.x, background, self.class, &points)?;
            let width = self.owners.len().max(1) * many;
            for (row, inputs) in rows.iter().zip(found.inputs.chunks_exact(width)) {
                all.push(self.mean(inputs, many, (begin, answers[*row as usize])));
            }
        }
        Ok(all)
    }

    /// The mean slope, its standard errors, and how far the sum is from the answers. `[points, inputs]`
    fn mean(&self, inputs: &[f64], many: usize, (begin, end): (f64, f64)) -> Parts {
        // The last place is all columns together.
        let mut sums = vec![0.0; self.columns + 1];
        let mut squares = vec![0.0; self.columns + 1];
        for slopes in inputs.chunks_exact(self.owners.len().max(1)) {
            let mut columns = vec![0.0; self.columns + 1];
            for (owner, slope) in self.owners.iter().zip(slopes) {
                columns[*owner] += slope;
                columns[self.columns] += slope;
            }
            for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(&columns) {
                *sum += value;
                *square += value * value;
            }
        }
        let n = many as f64;
        let error = |(sum, square): (&f64, &f64)| ((square - sum * sum / n).max(0.0) / (n - 1.0) / n).sqrt();
        let mut errors: Vec<f64> = sums.iter().zip(&squares).map(error).collect();
        let whole = errors.pop().unwrap_or_default();
        let sum = sums.pop().unwrap_or_default() / n;
        let columns: Vec<f64> = sums.iter().map(|sum| sum / n).collect();
        let rounding = 16.0 * f64::from(f32::EPSILON) * (1.0 + begin.abs().max(end.abs()));
        let largest = columns.iter().fold(rounding, |top, value| top.max(value.abs()));
        let gap = (end - begin - sum).abs() / largest;
        let measured = Some((gap, (ERRORS * whole + rounding) / largest));
        Parts { errors: Some(errors), measured, ..Parts::new(end, begin, columns) }
    }
}

/// A row's points.
fn drawn(row: u32, background: usize, many: usize, seed: u64) -> Vec<PathPoint> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0e9e_c7ed);
    rng.set_stream(u64::from(row));
    let mut order: Vec<u32> = (0..background as u32).collect();
    let mut parts: Vec<usize> = (0..many).collect();
    parts.shuffle(&mut rng);
    let mut points = Vec::with_capacity(many);
    for (at, part) in parts.into_iter().enumerate() {
        if at % background == 0 {
            order.shuffle(&mut rng);
        }
        let share = (part as f64 + rng.random::<f64>()) / many as f64;
        points.push(PathPoint { row, from: order[at % background], share });
    }
    points
}

/// Points and weights of Gauss and Legendre's rule on 0 to 1, by Newton's method on Legendre's polynomial.
fn gauss_legendre(many: usize) -> Vec<(f64, f64)> {
    let n = many as f64;
    (0..many)
        .map(|at| {
            let mut x = (std::f64::consts::PI * (at as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut p, mut before) = (1.0, 0.0);
                for k in 1..=many {
                    let k = k as f64;
                    (p, before) = (((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k, p);
                }
                slope = n * (x * p - before) / (x * x - 1.0);
                let step = p / slope;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            (f64::midpoint(x, 1.0), 1.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::gauss_legendre;

    #[test]
    fn the_rule_is_exact_for_polynomials() {
        for many in [1, 2, 5, 50] {
            let rule = gauss_legendre(many);
            assert!(rule.iter().all(|(share, _)| (0.0..=1.0).contains(share)));
            for power in 0..(2 * many as i32).min(20) {
                let found: f64 = rule.iter().map(|(share, weight)| weight * share.powi(power)).sum();
                assert!((found - 1.0 / f64::from(power + 1)).abs() < 1e-13, "{many} {power} {found}");
            }
        }
    }
}
