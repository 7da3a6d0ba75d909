//! Summaries of numbers: moments, quantiles and a histogram.

use orrery_domain::profile::{Histogram, NumericSummary};

/// Most bins of a histogram.
const MOST_BINS: usize = 40;

/// Fewest bins where values are not whole.
const FEWEST_BINS: usize = 10;

const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Statistics of finite values in ascending order; `None` without any.
pub(super) fn numeric(sorted: &[f64]) -> Option<NumericSummary> {
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let count = sorted.len() as f64;
    let mean = (sum(sorted, |value| value) / count).clamp(min, max);
    let std = (sorted.len() > 1).then(|| {
        // Corrected two-pass algorithm (Chan, Golub and LeVeque 1983).
        let squares = sum(sorted, |value| (value - mean).powi(2));
        let drift = sum(sorted, |value| value - mean);
        ((squares - drift * drift / count) / (count - 1.0)).max(0.0).sqrt()
    });
    let zeros = sorted.iter().filter(|value| **value == 0.0).count() as u64;
    Some(NumericSummary { min, max, mean, std, quantiles: QUANTILES.map(|q| quantile(sorted, q)), zeros })
}

/// Pairwise sum, whose rounding error grows with the logarithm of the length.
fn sum(values: &[f64], of: impl Fn(f64) -> f64 + Copy) -> f64 {
    if values.len() <= 128 {
        return values.iter().map(|value| of(*value)).sum();
    }
    let (left, right) = values.split_at(values.len() / 2);
    sum(left, of) + sum(right, of)
}

/// A quantile by linear interpolation, as `numpy.quantile`.
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let low = at.floor();
    let share = at - low;
    let (a, b) = (sorted[low as usize], sorted[(low as usize + 1).min(sorted.len() - 1)]);
    if share < 0.5 { a + (b - a) * share } else { b - (b - a) * (1.0 - share) }
}

/// A histogram of equal bins over finite values in ascending order: one bin a number where few whole numbers are possible,
/// else as many as `numpy.histogram_bin_edges(bins="auto")` would take, between 10 and 40.
pub(super) fn histogram(sorted: &[f64], whole: bool) -> Option<Histogram> {
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    let (low, high, bins) = if whole && max - min < MOST_BINS as f64 {
        (min - 0.5, max + 0.5, (max - min) as usize + 1)
    } else if min < max {
        (min, max, automatic_bins(sorted, max - min))
    } else {
        (min - 0.5, max + 0.5, 1)
    };
    // Not `low + (high - low) * share`: the difference of two large numbers may overflow.
    let edges: Vec<f64> = (0..=bins)
        .map(|edge| edge as f64 / bins as f64)
        .map(|share| if share < 1.0 { low * (1.0 - share) + high * share } else { high })
        .collect();
    let mut counts = Vec::with_capacity(bins);
    let mut before = 0;
    for edge in &edges[1..bins] {
        let upto = sorted.partition_point(|value| value < edge);
        counts.push((upto - before) as u64);
        before = upto;
    }
    counts.push((sorted.len() - before) as u64);
    Some(Histogram { edges, counts })
}

fn automatic_bins(sorted: &[f64], range: f64) -> usize {
    let count = sorted.len() as f64;
    let sturges = count.log2() + 1.0;
    let spread = quantile(sorted, 0.75) - quantile(sorted, 0.25);
    let freedman_diaconis = if spread > 0.0 { range * count.cbrt() / (2.0 * spread) } else { 0.0 };
    (sturges.max(freedman_diaconis).ceil() as usize).clamp(FEWEST_BINS, MOST_BINS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy.quantile([1, 2, 4, 8, 16], [0.05, 0.25, 0.5, 0.75, 0.95])
        let summary = numeric(&[1.0, 2.0, 4.0, 8.0, 16.0]).expect("values");
        for (ours, numpy) in summary.quantiles.iter().zip([1.2, 2.0, 4.0, 8.0, 14.4]) {
            assert!((ours - numpy).abs() < 1e-12, "{ours} for {numpy}");
        }
        let std = summary.std.expect("five values");
        assert!((std - 6.099_180_272_790_763).abs() < 1e-12, "{std}");
        assert_eq!(numeric(&[3.0]).expect("one").std, None);
        assert!(numeric(&[]).is_none());
    }

    #[test]
    fn histograms_count_every_value_once() {
        let spread: Vec<f64> = (0..1000).map(|i| f64::from(i * i)).collect();
        for (values, whole) in [
            (vec![5.0], false),
            (vec![2.0, 2.0], true),
            (vec![1.0, 1.0, 2.0, 12.0], true),
            (spread, true),
            (vec![-1.7e308, 0.0, 1.7e308], false),
        ] {
            let histogram = histogram(&values, whole).expect("values");
            assert_eq!(histogram.edges.len(), histogram.counts.len() + 1);
            assert!(histogram.counts.len() <= 40 && histogram.edges.is_sorted());
            assert_eq!(histogram.counts.iter().sum::<u64>(), values.len() as u64);
            assert!(histogram.edges.iter().all(|edge| edge.is_finite()));
        }
        let months = histogram(&[1.0, 1.0, 3.0], true).expect("values");
        assert_eq!(months.counts, [2, 0, 1]);
        for (ours, edge) in months.edges.iter().zip([0.5, 1.5, 2.5, 3.5]) {
            assert!((ours - edge).abs() < 1e-12, "{ours} for {edge}");
        }
    }
}
