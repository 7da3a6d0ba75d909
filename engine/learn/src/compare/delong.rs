//! `DeLong`'s test of two correlated AUROCs, and the interval of one.

use orrery_domain::{compare::DeLong, metric::MetricValue};

use super::intervals::{Z95, normal_sf};

/// Variances below this are rounding.
const NO_VARIANCE: f64 = 1e-18;

/// An AUROC with the components its variance is made of (`DeLong` et al. 1988).
#[derive(Clone, Debug, PartialEq)]
pub struct Placements {
    /// The AUROC.
    pub auroc: f64,
    /// Share of negatives each positive is ranked above, ties a half. `[positives]`
    positives: Vec<f64>,
    /// Share of positives each negative is ranked below. `[negatives]`
    negatives: Vec<f64>,
}

impl Placements {
    /// Those of scores, by midranks in `O(rows log rows)` (Sun and Xu 2014, algorithm 2). `None` unless there are two rows of either
    /// class and every score is finite.
    pub fn of(scores: &[f64], positive: &[bool]) -> Option<Self> {
        if scores.len() != positive.len() || scores.iter().any(|score| !score.is_finite()) {
            return None;
        }
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        order.sort_unstable_by(|a, b| scores[*a as usize].total_cmp(&scores[*b as usize]));
        Self::of_sorted(&order, scores, positive)
    }

    /// As [`Self::of`], of the rows in `order`, which are sorted by rising score. The components are in the rows' order.
    pub(super) fn of_sorted(order: &[u32], scores: &[f64], positive: &[bool]) -> Option<Self> {
        let many = order.iter().filter(|row| positive[**row as usize]).count();
        let (p, n) = (many as f64, (order.len() - many) as f64);
        if many < 2 || order.len() - many < 2 {
            return None;
        }
        let mut placed: Vec<(u32, f64)> = Vec::with_capacity(order.len());
        let (mut positives_below, mut negatives_below) = (0.0, 0.0);
        let mut begin = 0;
        while begin < order.len() {
            let score = scores[order[begin] as usize];
            let same = order[begin..].iter().take_while(|row| scores[**row as usize] <= score);
            let group = &order[begin..begin + same.count()];
            let tied = group.iter().filter(|row| positive[**row as usize]).count() as f64;
            let tied_negatives = group.len() as f64 - tied;
            for row in group {
                let share = if positive[*row as usize] {
                    (negatives_below + tied_negatives / 2.0) / n
                } else {
                    (p - positives_below - tied / 2.0) / p
                };
                placed.push((*row, share));
            }
            positives_below += tied;
            negatives_below += tied_negatives;
            begin += group.len();
        }
        placed.sort_unstable_by_key(|(row, _)| *row);
        let of = |wanted: bool| {
            placed
                .iter()
                .filter(|(row, _)| positive[*row as usize] == wanted)
                .map(|(_, share)| *share)
                .collect()
        };
        let positives: Vec<f64> = of(true);
        Some(Self { auroc: positives.iter().sum::<f64>() / p, positives, negatives: of(false) })
    }

    /// Variance of the AUROC.
    pub fn variance(&self) -> f64 {
        self.covariance(self)
    }

    /// Covariance of two AUROCs on the same rows.
    fn covariance(&self, other: &Self) -> f64 {
        covariance(&self.positives, &other.positives) / self.positives.len() as f64
            + covariance(&self.negatives, &other.negatives) / self.negatives.len() as f64
    }

    /// The AUROC with its 95 % interval, cut at 0 and 1.
    pub fn value(&self) -> MetricValue {
        let half = Z95 * self.variance().max(0.0).sqrt();
        MetricValue {
            value: Some(self.auroc),
            low: Some((self.auroc - half).max(0.0)),
            high: Some((self.auroc + half).min(1.0)),
        }
    }
}

/// `DeLong`'s test of two models' scores of the positive class on the same rows. `[rows]` each. `None` unless there are two rows of
/// either class, or where the AUROCs differ without any variance (one ranks all right, the other all wrong).
pub fn delong(a: &[f64], b: &[f64], positive: &[bool]) -> Option<DeLong> {
    let (a, b) = (Placements::of(a, positive)?, Placements::of(b, positive)?);
    let difference = b.auroc - a.auroc;
    let variance = a.variance() + b.variance() - 2.0 * a.covariance(&b);
    let (z, p, half) = if variance > NO_VARIANCE {
        let error = variance.sqrt();
        let z = difference / error;
        (Some(z), (2.0 * normal_sf(z.abs())).min(1.0), Z95 * error)
    } else if difference.abs() < 1e-12 {
        (None, 1.0, 0.0)
    } else {
        return None;
    };
    let bounded =
        MetricValue { value: Some(difference), low: Some(difference - half), high: Some(difference + half) };
    Some(DeLong { a: a.value(), b: b.value(), difference: bounded, z, p })
}

/// Unbiased covariance of two lists of one length, at least 2.
fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let many = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / many, b.iter().sum::<f64>() / many);
    a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / (many - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_ranking_is_no_difference_whatever_the_scale() {
        let positive: Vec<bool> = (0..50).map(|row| row % 3 == 0).collect();
        let scores: Vec<f64> = (0..50).map(|row| f64::from(row * 17 % 23)).collect();
        let scaled: Vec<f64> = scores.iter().map(|score| score * 2.0 - 7.0).collect();
        let found = delong(&scores, &scaled, &positive).expect("both classes");
        assert_eq!((found.z, found.difference.value), (None, Some(0.0)));
        assert!((found.p - 1.0).abs() < 1e-12);
    }

    #[test]
    fn too_few_rows_of_a_class_and_wild_scores_have_no_test() {
        assert!(delong(&[0.1, 0.2, 0.3], &[0.1, 0.2, 0.3], &[true, false, false]).is_none());
        assert!(delong(&[0.1, f64::NAN, 0.3, 0.4], &[0.1; 4], &[true, false, true, false]).is_none());
        // One ranks all right, the other all wrong: no variance to hold the difference against.
        let positive = [false, false, true, true];
        assert!(delong(&[0.1, 0.2, 0.8, 0.9], &[0.9, 0.8, 0.2, 0.1], &positive).is_none());
    }

    #[test]
    fn ties_count_a_half() {
        let found =
            Placements::of(&[0.5; 8], &[true, false, true, false, true, false, true, false]).expect("both");
        assert!((found.auroc - 0.5).abs() < 1e-12 && found.variance().abs() < 1e-12);
    }
}
