//! Ranking: areas under the ROC and precision-recall curves of rows sorted once, for any row counts.

/// Most rows a ranking can hold: two bits of an entry are flags.
pub(super) const MOST_ROWS: usize = 1 << 30;
const POSITIVE: u32 = 1 << 31;
const GROUP_END: u32 = 1 << 30;
const ROW: u32 = GROUP_END - 1;

/// Rows by falling score, each with whether it is positive and whether it ends a group of equal scores. `[rows]`
pub(super) struct Ranking {
    entries: Vec<u32>,
}

/// The two areas; `None` where the rows leave them undefined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Areas {
    /// Area under the ROC curve; needs both classes.
    pub(super) auroc: Option<f64>,
    /// Average precision; needs a positive row.
    pub(super) average_precision: Option<f64>,
}

impl Ranking {
    /// Sorts the rows. `scores` are finite and at most [`MOST_ROWS`].
    pub(super) fn new(scores: &[f64], positive: impl Fn(usize) -> bool) -> Self {
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        order.sort_unstable_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b)));
        let entries = order
            .iter()
            .enumerate()
            .map(|(position, row)| {
                let index = *row as usize;
                let ends = order.get(position + 1).is_none_or(|next| scores[*next as usize] < scores[index]);
                row | if positive(index) { POSITIVE } else { 0 } | if ends { GROUP_END } else { 0 }
            })
            .collect();
        Self { entries }
    }

    /// Both areas where row `i` counts `counts[i]` times: AUROC by the trapezoid over groups of equal scores, average
    /// precision as the sum of precision times gained recall (scikit-learn's definitions).
    pub(super) fn areas(&self, counts: &[u32]) -> Areas {
        let (mut tp, mut fp) = (0_u64, 0_u64);
        let (mut group_tp, mut group_fp) = (0_u64, 0_u64);
        let mut twice_area = 0_u64;
        let mut precision_sum = 0.0;
        for entry in &self.entries {
            let count = u64::from(counts[(entry & ROW) as usize]);
            if entry & POSITIVE == 0 {
                group_fp += count;
            } else {
                group_tp += count;
            }
            if entry & GROUP_END != 0 {
                twice_area += group_fp * (2 * tp + group_tp);
                tp += group_tp;
                fp += group_fp;
                if group_tp > 0 {
                    precision_sum += group_tp as f64 * tp as f64 / (tp + fp) as f64;
                }
                (group_tp, group_fp) = (0, 0);
            }
        }
        Areas {
            auroc: (tp > 0 && fp > 0).then(|| twice_area as f64 / 2.0 / tp as f64 / fp as f64),
            average_precision: (tp > 0).then(|| precision_sum / tp as f64),
        }
    }

    /// True and false positives after each group of equal scores, from the highest score down, with the group's score.
    pub(super) fn steps(&self, scores: &[f64]) -> Vec<(u64, u64, f64)> {
        let (mut tp, mut fp) = (0, 0);
        let mut steps = Vec::new();
        for entry in &self.entries {
            if entry & POSITIVE == 0 {
                fp += 1;
            } else {
                tp += 1;
            }
            if entry & GROUP_END != 0 {
                steps.push((tp, fp, scores[(entry & ROW) as usize]));
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areas(scores: &[f64], positive: &[bool], counts: &[u32]) -> Areas {
        Ranking::new(scores, |row| positive[row]).areas(counts)
    }

    /// The share of (positive, negative) pairs ranked right, ties counting a half: AUROC by its meaning.
    fn pairs(scores: &[f64], positive: &[bool], counts: &[u32]) -> f64 {
        let (mut right, mut all) = (0.0, 0.0);
        for (p, _) in positive.iter().enumerate().filter(|(_, positive)| **positive) {
            for (n, _) in positive.iter().enumerate().filter(|(_, positive)| !**positive) {
                let weight = f64::from(counts[p]) * f64::from(counts[n]);
                all += weight;
                right += weight
                    * match scores[p].total_cmp(&scores[n]) {
                        std::cmp::Ordering::Greater => 1.0,
                        std::cmp::Ordering::Equal => 0.5,
                        std::cmp::Ordering::Less => 0.0,
                    };
            }
        }
        right / all
    }

    #[test]
    fn auroc_is_the_share_of_pairs_ranked_right_with_ties_and_counts() {
        let scores: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 11) / 11.0).collect();
        let positive: Vec<bool> = (0..60).map(|i| i * 29 % 7 < 3).collect();
        let counts: Vec<u32> = (0..60).map(|i| i % 4).collect();
        let area = areas(&scores, &positive, &counts).auroc.expect("both classes");
        assert!((area - pairs(&scores, &positive, &counts)).abs() < 1e-14);
    }

    #[test]
    fn counts_mean_the_same_as_rows_written_out() {
        let scores = [0.9, 0.8, 0.8, 0.3, 0.1];
        let positive = [true, false, true, true, false];
        let counts = [2, 0, 1, 3, 1];
        let mut long = (Vec::new(), Vec::new());
        for row in 0..5 {
            for _ in 0..counts[row] {
                long.0.push(scores[row]);
                long.1.push(positive[row]);
            }
        }
        assert_eq!(areas(&scores, &positive, &counts), areas(&long.0, &long.1, &[1; 7]));
    }

    #[test]
    fn one_class_has_no_auroc() {
        let none = Areas { auroc: None, average_precision: None };
        assert_eq!(areas(&[0.1, 0.2], &[false, false], &[1, 1]), none);
        assert_eq!(areas(&[], &[], &[]), none);
        let only_positive = areas(&[0.1, 0.2], &[true, true], &[1, 1]);
        assert_eq!(only_positive, Areas { auroc: None, average_precision: Some(1.0) });
    }
}
