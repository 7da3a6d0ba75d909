//! Losses: the mean loss of a batch and its gradient with respect to the outputs, on the host.

use serde::{Deserialize, Serialize};

use super::teacher::Teacher;

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Cross entropy of one log-odds; truth 0 or 1.
    Binary,
    /// Cross entropy of one logit a class; truth the class index.
    Multiclass,
    /// Squared error.
    Squared,
}

impl Loss {
    /// Loss of one row, and its gradient added to `gradient` times `factor`.
    ///
    /// `output` and `gradient` are `[outputs]`.
    pub(super) fn row(self, output: &[f32], truth: f32, factor: f64, gradient: &mut [f32]) -> f64 {
        match self {
            Self::Binary => {
                let z = f64::from(output[0]);
                let truth = f64::from(truth);
                gradient[0] = ((sigmoid(z) - truth) * factor) as f32;
                softplus(z) - z * truth
            }
            Self::Multiclass => {
                let class = truth as usize;
                let top = output.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
                let sum: f64 = output.iter().map(|&z| f64::from(z - top).exp()).sum();
                for (index, (&z, slot)) in output.iter().zip(gradient.iter_mut()).enumerate() {
                    let probability = f64::from(z - top).exp() / sum;
                    *slot = ((probability - f64::from(u8::from(index == class))) * factor) as f32;
                }
                sum.ln() - f64::from(output.get(class).copied().unwrap_or(f32::NAN) - top)
            }
            Self::Squared => {
                let error = f64::from(output[0]) - f64::from(truth);
                gradient[0] = (2.0 * error * factor) as f32;
                error * error
            }
        }
    }

    /// Mean loss of a batch over rows and members, and its gradient with respect to each output.
    ///
    /// `output` is `[members, rows, outputs]`, `truth` and `weight` are `[rows]`; the loss is
    /// `sum(weight * loss) / (members * rows)`, so weights of mean 1 keep its scale. The gradient has the outputs' layout. A teacher's
    /// outputs are those of the same rows.
    pub fn mean(
        self,
        output: &[f32],
        outputs: usize,
        truth: &[f32],
        weight: Option<&[f32]>,
        teacher: Option<&Teacher<'_>>,
    ) -> (f64, Vec<f32>) {
        let rows = truth.len();
        let mut gradient = vec![0.0; output.len()];
        let mut sum = 0.0;
        let share = 1.0 / (output.len() / outputs.max(1)).max(1) as f64;
        for (index, (out, slot)) in
            output.chunks_exact(outputs).zip(gradient.chunks_exact_mut(outputs)).enumerate()
        {
            let row = index % rows;
            let factor = weight.map_or(1.0, |weight| f64::from(weight[row])) * share;
            sum += factor
                * match teacher {
                    None => self.row(out, truth[row], factor, slot),
                    Some(teacher) => teacher.row(self, out, row, truth[row], factor, slot),
                };
        }
        (sum, gradient)
    }
}

/// `1 / (1 + exp(-z))` without overflow.
pub(super) fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 { 1.0 / (1.0 + (-z).exp()) } else { z.exp() / (1.0 + z.exp()) }
}

/// `ln(1 + exp(z))` without overflow.
pub(super) fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gradient is the slope of the loss, by central differences.
    #[test]
    fn gradients_are_slopes() {
        for (loss, outputs, truth) in [
            (Loss::Binary, 1, vec![1.0, 0.0, 1.0]),
            (Loss::Multiclass, 4, vec![0.0, 3.0, 2.0]),
            (Loss::Squared, 1, vec![0.3, -2.0, 9.0]),
        ] {
            let weight = [1.0, 0.5, 2.0];
            let output: Vec<f32> = (0..2 * 3 * outputs).map(|i| (i as f32 * 1.7).sin() * 3.0).collect();
            let (_, gradient) = loss.mean(&output, outputs, &truth, Some(&weight), None);
            for (index, &slope) in gradient.iter().enumerate() {
                let at = |shift: f32| {
                    let mut moved = output.clone();
                    moved[index] += shift;
                    loss.mean(&moved, outputs, &truth, Some(&weight), None).0
                };
                let measured = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!((measured - f64::from(slope)).abs() < 1e-4, "{loss:?} {index}: {measured} {slope}");
            }
        }
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let (loss, gradient) = Loss::Binary.mean(&[1e4, -1e4], 1, &[0.0, 1.0], None, None);
        assert!((loss - 1e4).abs() < 1.0 && gradient.iter().all(|g| g.is_finite()));
        let (loss, _) = Loss::Multiclass.mean(&[1e4, -1e4, 0.0], 3, &[1.0], None, None);
        assert!((loss - 2e4).abs() < 1.0);
    }
}
