//! Teacher: what another model says of the training rows, which a network learns to say too (Hinton, Vinyals and Dean 2015, "Distilling the
//! knowledge in a neural network").

use serde::{Deserialize, Serialize};

use super::{
    Architecture, Weights,
    loss::{Loss, sigmoid, softplus},
};

/// How a network follows its teacher. For numbers both are the squared difference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "imitation", rename_all = "snake_case")]
pub enum Imitation {
    /// Divergence of its probabilities from the teacher's, both softened by a temperature above 0, times the temperature's square, which
    /// keeps the gradient's scale.
    Soft {
        /// What logits are divided by.
        temperature: f64,
    },
    /// Squared difference of the logits, each row's about their mean where there are several (Ba and Caruana 2014).
    Logits,
}

/// A teacher's outputs for the training rows.
#[derive(Clone, Copy, Debug)]
pub struct Teacher<'a> {
    /// On the network's own scale: log-odds, logits, or standardized values, then its features, all finite. `[rows, outputs + features]`
    pub outputs: &'a [f32],
    /// Features of the teacher that the network says too while it learns, by outputs after its own (see [`with_features`]).
    pub features: usize,
    /// Weight of the features' mean squared difference, beside the rest's 1.
    pub features_weight: f64,
    /// Share of the imitation in the loss, 0 to 1; the truth has the rest.
    pub share: f64,
    /// How it is followed.
    pub imitation: Imitation,
}

impl Teacher<'_> {
    /// The outputs for some of the rows, one after the other.
    pub(super) fn of(&self, rows: &[u32], outputs: usize) -> Vec<f32> {
        let row = |row: &u32| &self.outputs[*row as usize * outputs..][..outputs];
        rows.iter().flat_map(row).copied().collect()
    }

    /// The same teacher of other rows.
    pub(super) fn with<'b>(&self, outputs: &'b [f32]) -> Teacher<'b> {
        Teacher { outputs, ..*self }
    }

    /// Loss of one row with its truth, and its gradient times `factor`. `output` and `gradient` are `[outputs + features]`.
    pub(super) fn row(
        &self,
        loss: Loss,
        output: &[f32],
        row: usize,
        truth: f32,
        factor: f64,
        gradient: &mut [f32],
    ) -> f64 {
        let outputs = output.len() - self.features;
        let (taught, hints) = self.outputs[row * output.len()..][..output.len()].split_at(outputs);
        let (output, said) = output.split_at(outputs);
        let (gradient, slopes) = gradient.split_at_mut(outputs);
        let own = loss.row(output, truth, factor * (1.0 - self.share), gradient);
        let followed = self.imitation.row(loss, output, taught, factor * self.share, gradient);
        let each = self.features_weight / self.features.max(1) as f64;
        let mut hint = 0.0;
        for ((slope, said), hinted) in slopes.iter_mut().zip(said).zip(hints) {
            let apart = f64::from(*said) - f64::from(*hinted);
            *slope = (factor * each * 2.0 * apart) as f32;
            hint += each * apart * apart;
        }
        (1.0 - self.share) * own + self.share * followed + hint
    }
}

/// An architecture with so many outputs more, for a teacher's features: each is a linear function of the last hidden layer, as the
/// regressor of `FitNets` is.
#[must_use]
pub fn with_features(arch: &Architecture, features: usize) -> Architecture {
    Architecture { outputs: arch.outputs + features, ..arch.clone() }
}

/// A network without the outputs that [`with_features`] added.
pub fn without_features(arch: &Architecture, weights: &Weights, features: usize) -> (Architecture, Weights) {
    let outputs = arch.outputs.saturating_sub(features);
    let mut weights = weights.clone();
    for name in ["head.weight", "head.bias"] {
        let Some((shape, values)) = weights.get_mut(name) else { continue };
        *values = values.chunks_exact(arch.outputs.max(1)).flat_map(|row| &row[..outputs]).copied().collect();
        if let Some(last) = shape.last_mut() {
            *last = outputs;
        }
    }
    (Architecture { outputs, ..arch.clone() }, weights)
}

impl Imitation {
    /// Loss of one row; its gradient times `factor` is added.
    fn row(self, loss: Loss, output: &[f32], taught: &[f32], factor: f64, gradient: &mut [f32]) -> f64 {
        match (loss, self) {
            (Loss::Binary, Self::Soft { temperature: t }) => {
                let (z, y) = (f64::from(output[0]) / t, f64::from(taught[0]) / t);
                let p = sigmoid(y);
                gradient[0] += (factor * t * (sigmoid(z) - p)) as f32;
                t * t * ((softplus(z) - z * p) - (softplus(y) - y * p))
            }
            (Loss::Multiclass, Self::Soft { temperature: t }) => {
                let (own, own_norm) = softened(output, t);
                let (theirs, their_norm) = softened(taught, t);
                let mut divergence = 0.0;
                for ((slot, z), y) in gradient.iter_mut().zip(&own).zip(&theirs) {
                    let (q, p) = ((z - own_norm).exp(), (y - their_norm).exp());
                    *slot += (factor * t * (q - p)) as f32;
                    divergence += p * ((y - their_norm) - (z - own_norm));
                }
                t * t * divergence
            }
            (Loss::Multiclass, Self::Logits) => {
                let mean = |values: &[f32]| {
                    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64
                };
                let (own, theirs, count) = (mean(output), mean(taught), output.len() as f64);
                let mut sum = 0.0;
                for ((slot, z), y) in gradient.iter_mut().zip(output).zip(taught) {
                    let apart = (f64::from(*z) - own) - (f64::from(*y) - theirs);
                    *slot += (factor * 2.0 * apart / count) as f32;
                    sum += apart * apart / count;
                }
                sum
            }
            (Loss::Binary, Self::Logits) | (Loss::Squared, _) => {
                let apart = f64::from(output[0]) - f64::from(taught[0]);
                gradient[0] += (factor * 2.0 * apart) as f32;
                apart * apart
            }
        }
    }
}

/// Logits over a temperature, and the logarithm of the sum of their exponentials.
fn softened(logits: &[f32], temperature: f64) -> (Vec<f64>, f64) {
    let all: Vec<f64> = logits.iter().map(|z| f64::from(*z) / temperature).collect();
    let top = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let norm = top + all.iter().map(|z| (z - top).exp()).sum::<f64>().ln();
    (all, norm)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Imitation; 3] =
        [Imitation::Soft { temperature: 1.0 }, Imitation::Soft { temperature: 4.0 }, Imitation::Logits];

    #[test]
    fn gradients_are_slopes_and_a_perfect_copy_has_none() {
        for (loss, outputs, truth) in [
            (Loss::Binary, 1, vec![1.0, 0.0, 1.0]),
            (Loss::Multiclass, 4, vec![0.0, 3.0, 2.0]),
            (Loss::Squared, 1, vec![0.3, -2.0, 9.0]),
        ] {
            for imitation in KINDS {
                let taught: Vec<f32> = (0..3 * outputs).map(|i| (i as f32 * 0.9).cos() * 2.0).collect();
                let output: Vec<f32> = (0..3 * outputs).map(|i| (i as f32 * 1.7).sin() * 3.0).collect();
                for share in [0.3, 1.0] {
                    let teacher = plain(&taught, share, imitation);
                    let mean = |output: &[f32]| loss.mean(output, outputs, &truth, None, Some(&teacher));
                    let (_, gradient) = mean(&output);
                    for (index, &slope) in gradient.iter().enumerate() {
                        let at = |shift: f32| {
                            let mut moved = output.clone();
                            moved[index] += shift;
                            mean(&moved).0
                        };
                        let measured = (at(1e-2) - at(-1e-2)) / 2e-2;
                        assert!(
                            (measured - f64::from(slope)).abs() < 1e-3,
                            "{loss:?} {imitation:?}: {measured} {slope}"
                        );
                    }
                }
                let teacher = plain(&taught, 1.0, imitation);
                let (copied, gradient) = loss.mean(&taught, outputs, &truth, None, Some(&teacher));
                assert!(copied.abs() < 1e-9 && gradient.iter().all(|slope| slope.abs() < 1e-6));
            }
        }
    }

    fn plain(outputs: &[f32], share: f64, imitation: Imitation) -> Teacher<'_> {
        Teacher { outputs, features: 0, features_weight: 0.0, share, imitation }
    }

    #[test]
    fn features_are_squares_beside_the_rest_and_leave_the_outputs_alone() {
        let taught: Vec<f32> = (0..3 * 4).map(|i| (i as f32 * 0.9).cos() * 2.0).collect();
        let output: Vec<f32> = (0..3 * 4).map(|i| (i as f32 * 1.7).sin() * 3.0).collect();
        let truth = [1.0, 0.0, 1.0];
        let teacher = Teacher { features: 3, features_weight: 0.5, ..plain(&taught, 0.3, Imitation::Logits) };
        let mean = |output: &[f32]| Loss::Binary.mean(output, 4, &truth, None, Some(&teacher));
        let (loss, gradient) = mean(&output);
        for (index, &slope) in gradient.iter().enumerate() {
            let at = |shift: f32| {
                let mut moved = output.clone();
                moved[index] += shift;
                mean(&moved).0
            };
            let measured = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((measured - f64::from(slope)).abs() < 1e-3, "{index}: {measured} {slope}");
        }
        let first = |values: &[f32]| values.iter().step_by(4).copied().collect::<Vec<f32>>();
        let (own, taught_own) = (first(&output), first(&taught));
        let alone =
            Loss::Binary.mean(&own, 1, &truth, None, Some(&plain(&taught_own, 0.3, Imitation::Logits)));
        let squares: f64 = output
            .iter()
            .zip(&taught)
            .enumerate()
            .filter(|(at, _)| at % 4 > 0)
            .map(|(_, (a, b))| f64::from(a - b).powi(2))
            .sum();
        assert!((loss - alone.0 - 0.5 * squares / 9.0).abs() < 1e-6, "{loss}");
        assert_eq!(first(&gradient), alone.1);
    }

    #[test]
    fn outputs_for_features_come_off_again() {
        use super::super::{Family, Scorer, initial_weights, tests};
        for family in [Family::Linear, Family::Mlp, Family::Resnet, Family::Tabm] {
            let arch = tests::small(family, 2);
            let wide = with_features(&arch, 3);
            let weights = initial_weights(&wide, 1);
            let (cut, kept) = without_features(&wide, &weights, 3);
            assert_eq!(cut, arch);
            Scorer::new(&cut, &kept).expect("every tensor fits");
            let bias = &weights["head.bias"].1;
            assert!(kept["head.bias"].1.iter().all(|value| bias.contains(value)));
        }
    }

    #[test]
    fn a_shift_of_all_logits_means_nothing() {
        let taught = [0.5, -1.0, 2.0];
        let shifted = taught.map(|value| value + 7.0);
        for imitation in KINDS {
            let teacher = plain(&taught, 1.0, imitation);
            assert!(Loss::Multiclass.mean(&shifted, 3, &[1.0], None, Some(&teacher)).0.abs() < 1e-9);
        }
    }
}
