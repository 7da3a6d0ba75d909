//! Judge: how good a model is on some rows, and whether it is worse there than on the others.

use orrery_domain::metric::{MetricId, MetricValue};

use crate::compare::{
    delong::Placements,
    intervals::{normal_sf, student, welch_sf, wilson},
};

/// Fewest rows of either class that an AUROC is judged by.
const MIN_CLASS_ROWS: usize = 10;
/// A rough p above which a slice is not looked at more closely.
const HARDLY: f64 = 0.15;

/// What a model is judged by, row by row.
#[derive(Clone, Debug)]
pub enum Judge {
    /// Share of rows that are right: Wilson's interval, a test of two shares.
    Shares(Vec<bool>),
    /// Mean of a loss: Student's interval, Welch's test. The second: the root of the mean is shown.
    Means(Vec<f64>, bool),
    /// AUROC: `DeLong`'s interval and variance.
    Rankings {
        /// Scores of the positive class. `[rows]`
        scores: Vec<f64>,
        /// Whether each row is positive. `[rows]`
        positive: Vec<bool>,
        /// Rows by rising score. `[rows]`
        order: Vec<u32>,
    },
}

/// What was found on a slice.
pub(super) struct Judged {
    pub value: MetricValue,
    pub rest: f64,
    pub p: f64,
}

impl Judge {
    /// By AUROC.
    pub fn rankings(scores: Vec<f64>, positive: Vec<bool>) -> Self {
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        order.sort_unstable_by(|a, b| scores[*a as usize].total_cmp(&scores[*b as usize]));
        Self::Rankings { scores, positive, order }
    }

    /// The metric it measures, where `asked` was asked for.
    pub fn metric(&self, asked: MetricId) -> MetricId {
        match self {
            Self::Shares(_) => MetricId::Accuracy,
            Self::Rankings { .. } => MetricId::Auroc,
            Self::Means(_, true) => MetricId::Rmse,
            Self::Means(_, false) => match asked {
                MetricId::LogLoss | MetricId::Brier => asked,
                _ => MetricId::Mae,
            },
        }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Shares(right) => right.len(),
            Self::Means(loss, _) => loss.len(),
            Self::Rankings { scores, .. } => scores.len(),
        }
    }

    /// Rows in the order in which [`Self::judge`] wants them.
    pub(super) fn order(&self) -> Vec<u32> {
        match self {
            Self::Rankings { order, .. } => order.clone(),
            _ => (0..self.rows() as u32).collect(),
        }
    }

    /// Judges `rows` (in the order of [`Self::order`]) against all others; where it need not be `exact`, what is far from significant is
    /// judged roughly. `None` where one of the two has too few rows.
    pub(super) fn judge(&self, rows: &[u32], whole: &Whole, exact: bool) -> Option<Judged> {
        let judged = match self {
            Self::Shares(right) => {
                let hits = rows.iter().filter(|row| right[**row as usize]).count() as u64;
                Some(shares((hits, rows.len() as u64), whole))
            }
            Self::Means(loss, root) => means(rows.iter().map(|row| loss[*row as usize]), *root, whole),
            Self::Rankings { scores, positive, order } => {
                rankings((scores, positive, order), rows, whole, exact)
            }
        };
        // Losses too large to square have no variance.
        judged.filter(|judged| judged.rest.is_finite() && judged.value.low.is_some_and(f64::is_finite))
    }

    /// What all rows have together.
    pub(super) fn whole(&self) -> Option<Whole> {
        let rows = self.rows() as f64;
        Some(match self {
            Self::Shares(right) => Whole {
                rows,
                sum: right.iter().filter(|right| **right).count() as f64,
                squares: 0.0,
                auroc: None,
            },
            Self::Means(loss, _) => Whole {
                rows,
                sum: loss.iter().sum(),
                squares: loss.iter().map(|loss| loss * loss).sum(),
                auroc: None,
            },
            Self::Rankings { scores, positive, order } => {
                let auroc = Placements::of_sorted(order, scores, positive)?.auroc;
                Whole { rows, sum: 0.0, squares: 0.0, auroc: Some(auroc) }
            }
        })
    }
}

/// Sums over all rows.
pub(super) struct Whole {
    rows: f64,
    sum: f64,
    squares: f64,
    auroc: Option<f64>,
}

/// The pooled test of two shares.
fn shares((hits, rows): (u64, u64), whole: &Whole) -> Judged {
    let (n, m) = (rows as f64, whole.rows - rows as f64);
    let (here, rest) = (hits as f64 / n, (whole.sum - hits as f64) / m.max(1.0));
    let pooled = whole.sum / whole.rows;
    let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m.max(1.0))).sqrt();
    let p = if error > 0.0 { normal_sf((rest - here) / error) } else { 0.5 };
    let (low, high) = wilson(hits, rows);
    Judged { value: MetricValue { value: Some(here), low: Some(low), high: Some(high) }, rest, p }
}

fn means(losses: impl Iterator<Item = f64> + Clone, root: bool, whole: &Whole) -> Option<Judged> {
    let (n, sum, squares) =
        losses.fold((0.0, 0.0, 0.0), |(n, sum, squares), loss| (n + 1.0, sum + loss, squares + loss * loss));
    let m = whole.rows - n;
    if n < 2.0 || m < 2.0 {
        return None;
    }
    let variance = |n: f64, sum: f64, squares: f64| ((squares - sum * sum / n) / (n - 1.0)).max(0.0);
    let here = (sum / n, variance(n, sum, squares), n);
    let (other, other_squares) = (whole.sum - sum, whole.squares - squares);
    let rest = (other / m, variance(m, other, other_squares), m);
    let (low, high) = student(here.0, here.1, n);
    let shown = |value: f64| if root { value.max(0.0).sqrt() } else { value };
    Some(Judged {
        value: MetricValue { value: Some(shown(here.0)), low: Some(shown(low)), high: Some(shown(high)) },
        rest: shown(rest.0),
        p: welch_sf(here, rest),
    })
}

/// The slice's AUROC against that of the rows outside. Where it need not be exact, what is outside is first estimated from the slice
/// and the whole, as if AUROCs were means; what is far from significant by that estimate is left at it.
fn rankings(
    (scores, positive, order): (&[f64], &[bool], &[u32]),
    rows: &[u32],
    whole: &Whole,
    exact: bool,
) -> Option<Judged> {
    let positives = rows.iter().filter(|row| positive[**row as usize]).count();
    if positives < MIN_CLASS_ROWS || rows.len() - positives < MIN_CLASS_ROWS {
        return None;
    }
    let here = Placements::of_sorted(rows, scores, positive)?;
    let all = whole.auroc?;
    let against = |rest: f64, variance: f64| {
        let error = variance.sqrt();
        if error > 0.0 { normal_sf((rest - here.auroc) / error) } else { 0.5 }
    };
    let outside = (order.len() - rows.len()).max(1) as f64;
    let share = rows.len() as f64 / outside;
    let estimate = all + share * (all - here.auroc);
    let roughly = against(estimate, here.variance() * (1.0 + share));
    if !exact && roughly > HARDLY {
        return Some(Judged { value: here.value(), rest: estimate.clamp(0.0, 1.0), p: roughly });
    }
    let mut inside = vec![false; scores.len()];
    for row in rows {
        inside[*row as usize] = true;
    }
    let outside: Vec<u32> = order.iter().copied().filter(|row| !inside[*row as usize]).collect();
    let rest = Placements::of_sorted(&outside, scores, positive)?;
    let p = against(rest.auroc, here.variance() + rest.variance());
    Some(Judged { value: here.value(), rest: rest.auroc, p })
}
