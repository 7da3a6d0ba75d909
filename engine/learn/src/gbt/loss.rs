//! Losses of boosted trees: gradients, second derivatives, mean loss and the best constant.

use rayon::prelude::*;

use super::forest::Objective;

/// Rows worked on by one thread at a time.
const BLOCK: usize = 16_384;

/// Logistic function.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + exp(x))` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Turns one log-odds a class into the logarithms of probabilities that sum to 1, in place.
pub fn one_vs_rest(scores: &mut [f64]) {
    // ln sigmoid(x) = -softplus(-x): finite where the probability itself would round to 0.
    for score in scores.iter_mut() {
        *score = -softplus(-*score);
    }
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|score| (score - top).exp()).sum();
    let log_sum = top + sum.ln();
    for score in scores.iter_mut() {
        *score -= log_sum;
    }
}

/// Target of output `output` for a row with target `y`.
fn truth(objective: Objective, output: usize, y: f64) -> f64 {
    match objective {
        Objective::OneVsRest => f64::from(u8::from(y as usize == output)),
        Objective::Binary | Objective::Squared => y,
    }
}

/// The constant raw output with the least loss.
pub fn base(objective: Objective, output: usize, y: &[f64], weight: &[f64]) -> f64 {
    let (sum, total) = y
        .iter()
        .zip(weight)
        .fold((0.0, 0.0), |(sum, total), (y, w)| (w.mul_add(truth(objective, output, *y), sum), total + w));
    let mean = if total > 0.0 { sum / total } else { 0.0 };
    match objective {
        Objective::Squared => mean,
        // Half a row keeps a class without weight away from infinity.
        Objective::Binary | Objective::OneVsRest => {
            let edge = 0.5 / (y.len() as f64 + 1.0);
            let mean = mean.clamp(edge, 1.0 - edge);
            (mean / (1.0 - mean)).ln()
        }
    }
}

/// Writes each row's first and second derivative of the loss by the raw output. All slices `[rows]`.
pub fn derivatives(
    objective: Objective,
    output: usize,
    (y, weight, raw): (&[f64], &[f64], &[f64]),
    gradient: &mut [f32],
    hessian: &mut [f32],
) {
    gradient.par_chunks_mut(BLOCK).zip(hessian.par_chunks_mut(BLOCK)).enumerate().for_each(
        |(block, (gradient, hessian))| {
            let first = block * BLOCK;
            for (at, (g, h)) in gradient.iter_mut().zip(hessian).enumerate() {
                let row = first + at;
                let target = truth(objective, output, y[row]);
                let (first, second) = if objective == Objective::Squared {
                    (raw[row] - target, 1.0)
                } else {
                    let p = sigmoid(raw[row]);
                    (p - target, p * (1.0 - p))
                };
                *g = (weight[row] * first) as f32;
                *h = (weight[row] * second) as f32;
            }
        },
    );
}

/// Weighted mean loss: log loss in nats for classes, squared error for numbers. `raw` is `[outputs][rows]`; `None` without weight.
pub fn mean_loss(objective: Objective, y: &[f64], weight: &[f64], raw: &[Vec<f64>]) -> Option<f64> {
    // Summed block by block in order, so that the figure does not depend on the number of threads.
    let blocks: Vec<(f64, f64)> = (0..y.len().div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let rows = block * BLOCK..((block + 1) * BLOCK).min(y.len());
            let mut scores = vec![0.0; raw.len()];
            rows.fold((0.0, 0.0), |(sum, total), row| {
                let loss = match objective {
                    Objective::Squared => (raw[0][row] - y[row]).powi(2),
                    Objective::Binary => softplus(raw[0][row]) - y[row] * raw[0][row],
                    Objective::OneVsRest => {
                        for (score, raw) in scores.iter_mut().zip(raw) {
                            *score = raw[row];
                        }
                        one_vs_rest(&mut scores);
                        -scores[y[row] as usize]
                    }
                };
                (weight[row].mul_add(loss, sum), total + weight[row])
            })
        })
        .collect();
    let (sum, total) = blocks.into_iter().fold((0.0, 0.0), |(sum, total), (s, t)| (sum + s, total + t));
    (total > 0.0).then(|| sum / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_vs_rest_probabilities_sum_to_one() {
        for logits in [[0.3, -2.0, 5.0], [-800.0, -900.0, -850.0], [40.0, 40.0, 40.0]] {
            let mut scores = logits;
            one_vs_rest(&mut scores);
            let sum: f64 = scores.iter().map(|score| score.exp()).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{logits:?}: {sum}");
        }
        let mut scores = [0.0, 3.0_f64.ln()];
        one_vs_rest(&mut scores);
        assert!((scores[1].exp() - 0.75 / 1.25).abs() < 1e-12);
    }

    #[test]
    fn derivatives_are_those_of_the_loss() {
        let step = 1e-4;
        for objective in [Objective::Binary, Objective::Squared] {
            for (y, raw) in [(0.0, 0.7), (1.0, -1.3), (1.0, 2.0)] {
                let loss = |raw: f64| mean_loss(objective, &[y], &[2.0], &[vec![raw]]).expect("weight");
                let slope = (loss(raw + step) - loss(raw - step)) / (2.0 * step);
                let (mut g, mut h) = ([0.0], [0.0]);
                derivatives(objective, 0, (&[y], &[2.0], &[raw]), &mut g, &mut h);
                // The squared loss is halved inside, as usual in boosting; the weight of 2 is divided out by the mean.
                let factor = if objective == Objective::Squared { 2.0 } else { 1.0 };
                assert!((f64::from(g[0]) / 2.0 * factor - slope).abs() < 1e-4, "{objective:?}");
                assert!(h[0] > 0.0);
            }
        }
    }
}
