//! Classes: the metrics of a classifier, for any row counts.

use orrery_domain::metric::MetricId;

use super::ranking::{MOST_ROWS, Ranking};

/// Bins of the calibration error.
pub(super) const BINS: usize = 15;

/// Everything about a classifier's test rows that does not depend on how often each row counts.
pub(super) struct ClassScorer {
    classes: usize,
    /// `true class * classes + predicted class`. `[rows]`
    cells: Vec<u32>,
    /// Negative log of the true class' clipped probability. `[rows]`
    losses: Vec<f64>,
    /// Squared error of the probabilities. `[rows]`
    squares: Vec<f64>,
    /// 1 where right, else 0, minus the confidence. `[rows]`
    gaps: Vec<f64>,
    /// Bin of the confidence. `[rows]`
    bins: Vec<u8>,
    /// One a class; binary: of the positive class only.
    rankings: Vec<Ranking>,
}

impl ClassScorer {
    /// Sorts and bins the rows; `probabilities` are row-major `[rows, classes]` and finite. `None` when they do not fit.
    pub(super) fn new(
        codes: &[u32],
        classes: usize,
        probabilities: &[f64],
        threshold: Option<f64>,
    ) -> Option<Self> {
        let rows = codes.len();
        let fits = rows > 0 && rows < MOST_ROWS && classes >= 2 && probabilities.len() == rows * classes;
        if !fits || codes.iter().any(|code| *code as usize >= classes) {
            return None;
        }
        let mut scorer = Self {
            classes,
            cells: Vec::with_capacity(rows),
            losses: Vec::with_capacity(rows),
            squares: Vec::with_capacity(rows),
            gaps: Vec::with_capacity(rows),
            bins: Vec::with_capacity(rows),
            rankings: Vec::new(),
        };
        for (code, row) in codes.iter().zip(probabilities.chunks_exact(classes)) {
            scorer.push(*code as usize, row, threshold);
        }
        let ranked = if classes == 2 { 1..2 } else { 0..classes };
        scorer.rankings = ranked
            .map(|class| {
                let scores: Vec<f64> = probabilities.iter().skip(class).step_by(classes).copied().collect();
                Ranking::new(&scores, |row| codes[row] as usize == class)
            })
            .collect();
        Some(scorer)
    }

    fn push(&mut self, code: usize, row: &[f64], threshold: Option<f64>) {
        let predicted = decide(row, threshold);
        let right = f64::from(u8::from(predicted == code));
        self.cells.push((code * self.classes + predicted) as u32);
        self.losses.push(-row[code].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln());
        self.squares.push(if self.classes == 2 {
            (row[1] - f64::from(u8::from(code == 1))).powi(2)
        } else {
            row.iter().enumerate().map(|(class, p)| (p - f64::from(u8::from(class == code))).powi(2)).sum()
        });
        self.gaps.push(right - row[predicted]);
        self.bins.push(bin(row[predicted]) as u8);
    }

    /// Passes over the rows a measurement makes.
    pub(super) fn work(&self) -> usize {
        self.rankings.len() + 1
    }

    /// AUROC alone.
    pub(super) fn auroc(&self, counts: &[u32]) -> Option<f64> {
        mean(self.rankings.iter().map(|ranking| ranking.areas(counts).auroc))
    }

    /// Every classification metric, in the order of [`MetricId::CLASSIFICATION`].
    pub(super) fn measure(&self, counts: &[u32]) -> Vec<(MetricId, Option<f64>)> {
        let k = self.classes;
        let mut confusion = vec![0_u64; k * k];
        let (mut loss, mut square) = (0.0, 0.0);
        let mut gaps = [0.0; BINS];
        for (row, count) in counts.iter().enumerate() {
            let weight = f64::from(*count);
            confusion[self.cells[row] as usize] += u64::from(*count);
            loss += weight * self.losses[row];
            square += weight * self.squares[row];
            gaps[usize::from(self.bins[row])] += weight * self.gaps[row];
        }
        let rows = counts.iter().map(|count| u64::from(*count)).sum::<u64>() as f64;
        let areas: Vec<_> = self.rankings.iter().map(|ranking| ranking.areas(counts)).collect();
        let calibration = gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>();
        MetricId::CLASSIFICATION
            .into_iter()
            .map(|id| {
                let value = match id {
                    MetricId::Auroc => mean(areas.iter().map(|area| area.auroc)),
                    MetricId::AveragePrecision => mean(areas.iter().map(|area| area.average_precision)),
                    MetricId::Accuracy => {
                        Some((0..k).map(|c| confusion[c * k + c]).sum::<u64>() as f64 / rows)
                    }
                    MetricId::BalancedAccuracy => mean((0..k).map(|class| recall(&confusion, k, class))),
                    MetricId::F1 if k == 2 => f1(&confusion, k, 1),
                    MetricId::F1 => mean((0..k).map(|class| f1(&confusion, k, class))),
                    MetricId::LogLoss => Some(loss / rows),
                    MetricId::Brier => Some(square / rows),
                    MetricId::Ece => Some(calibration / rows),
                    MetricId::Rmse | MetricId::Mae | MetricId::R2 | MetricId::MedianAe => None,
                };
                (id, value.filter(|value| value.is_finite()))
            })
            .collect()
    }
}

/// The predicted class of one row: the most probable (the first of equals), or by threshold where there is one.
pub(crate) fn decide(row: &[f64], threshold: Option<f64>) -> usize {
    if let Some(threshold) = threshold {
        return usize::from(row.get(1).is_some_and(|positive| *positive >= threshold));
    }
    let mut best = 0;
    for (class, probability) in row.iter().enumerate() {
        if *probability > row[best] {
            best = class;
        }
    }
    best
}

/// Bin `b` holds probabilities above `b / 15` up to `(b + 1) / 15` (Guo et al. 2017, section 2; 0 goes to the first).
pub(super) fn bin(probability: f64) -> usize {
    (1..BINS).take_while(|edge| *edge as f64 / (BINS as f64) < probability).count()
}

/// Mean of the defined values.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) = values.flatten().fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Share of a class' rows that were recognised; `None` where it has none.
fn recall(confusion: &[u64], classes: usize, class: usize) -> Option<f64> {
    let rows: u64 = confusion[class * classes..][..classes].iter().sum();
    (rows > 0).then(|| confusion[class * classes + class] as f64 / rows as f64)
}

/// `2 tp / (2 tp + fp + fn)`; `None` where the class neither occurs nor is predicted.
fn f1(confusion: &[u64], classes: usize, class: usize) -> Option<f64> {
    let truly: u64 = confusion[class * classes..][..classes].iter().sum();
    let predicted: u64 = confusion.iter().skip(class).step_by(classes).sum();
    (truly + predicted > 0)
        .then(|| 2.0 * confusion[class * classes + class] as f64 / (truly + predicted) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_open_below_and_closed_above() {
        assert_eq!(bin(0.0), 0);
        assert_eq!(bin(1.0 / 15.0), 0);
        assert_eq!(bin(0.0667), 1);
        assert_eq!(bin(0.6), 8);
        assert_eq!(bin(0.600_000_1), 9);
        assert_eq!(bin(1.0), 14);
    }

    #[test]
    fn a_row_at_the_threshold_is_positive_and_ties_go_to_the_first_class() {
        assert_eq!(decide(&[0.5, 0.5], Some(0.5)), 1);
        assert_eq!(decide(&[0.7, 0.3], Some(0.3)), 1);
        assert_eq!(decide(&[0.4, 0.4, 0.2], None), 0);
    }
}
