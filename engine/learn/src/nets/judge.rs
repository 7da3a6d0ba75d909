//! Judge: the validation loss and the primary metric of a network between epochs.

use burn::tensor::Device;
use orrery_domain::Failure;

use super::{Architecture, Loss, Rows, batch::Gatherer, graph::Network, score::combined};

/// Classes above which the macro AUROC between epochs is left out: it sorts all rows once a class.
const MOST_CLASSES: usize = 20;

/// How good a network is on the validation rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judgement {
    /// Weighted mean loss of the combined prediction.
    pub loss: f64,
    /// AUROC, or RMSE in the target's unit; `None` where it is not defined or not cheap.
    pub metric: Option<f64>,
}

/// Judges parameters on the validation rows, `size` of them at once.
///
/// # Errors
/// A hardware failure when the device does not deliver.
pub(super) fn judge(
    arch: &Architecture,
    network: &Network,
    gatherer: &Gatherer,
    loss: Loss,
    valid: Rows,
    device: &Device,
    size: usize,
) -> Result<Judgement, Failure> {
    let outputs = combined(arch, network, gatherer, valid.x, device, size)?;
    let floats: Vec<f32> = outputs.iter().map(|&value| value as f32).collect();
    let (sum, _) = loss.mean(&floats, arch.outputs, valid.y, valid.weight, None);
    let share = valid.weight.map_or(1.0, |weight| {
        weight.iter().map(|&weight| f64::from(weight)).sum::<f64>() / weight.len().max(1) as f64
    });
    let metric = match loss {
        Loss::Binary => auroc(&outputs, valid.y.iter().map(|&class| class > 0.5)),
        Loss::Multiclass => macro_auroc(&outputs, arch.outputs, valid.y),
        Loss::Squared => rmse(arch, &outputs, valid.y),
    };
    Ok(Judgement { loss: if share > 0.0 { sum / share } else { sum }, metric })
}

/// Root mean squared error in the target's unit.
fn rmse(arch: &Architecture, outputs: &[f64], truth: &[f32]) -> Option<f64> {
    let report = |raw: f64| arch.output.report(raw);
    let squares = outputs.iter().zip(truth).map(|(&raw, &y)| (report(raw) - report(f64::from(y))).powi(2));
    let mean = squares.sum::<f64>() / truth.len() as f64;
    (!truth.is_empty()).then(|| mean.sqrt())
}

/// Area under the ROC curve: the normalised Mann-Whitney statistic, ties counted half. `None` without both classes.
fn auroc(scores: &[f64], positive: impl Iterator<Item = bool>) -> Option<f64> {
    let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(positive).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins, mut positives) = (0.0, 0.0, 0.0);
    for tie in rows.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let yes = tie.iter().filter(|row| row.1).count() as f64;
        let no = tie.len() as f64 - yes;
        wins += yes * (below + no / 2.0);
        positives += yes;
        below += no;
    }
    (positives > 0.0 && below > 0.0).then(|| wins / (positives * below))
}

/// Mean of the classes' one-vs-rest areas, over the classes that can be judged.
fn macro_auroc(logits: &[f64], classes: usize, truth: &[f32]) -> Option<f64> {
    if classes > MOST_CLASSES {
        return None;
    }
    let norms: Vec<f64> = logits
        .chunks_exact(classes)
        .map(|row| {
            let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            top + row.iter().map(|z| (z - top).exp()).sum::<f64>().ln()
        })
        .collect();
    let areas: Vec<f64> = (0..classes)
        .filter_map(|class| {
            let scores: Vec<f64> =
                norms.iter().enumerate().map(|(row, norm)| logits[row * classes + class] - norm).collect();
            auroc(&scores, truth.iter().map(|&truth| truth as usize == class))
        })
        .collect();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auroc_counts_pairs_and_halves_ties() {
        let truth = [false, false, true, true];
        let area = |scores: [f64; 4]| auroc(&scores, truth.into_iter());
        assert_eq!(area([0.1, 0.4, 0.35, 0.8]), Some(0.75));
        assert_eq!(area([0.5; 4]), Some(0.5));
        assert_eq!(auroc(&[1.0, 2.0], [true, true].into_iter()), None);
    }
}
