//! Calibration in bins of equally many rows, and the parts of the Brier score.

use orrery_domain::compare::{BrierParts, Calibration, ReliabilityBin};

use super::intervals::{student, wilson};

/// Most bins.
const BINS: usize = 15;

/// Calibration of probabilities. `[rows]` each. `None` unless they fit, are finite and there is a row.
pub fn of_shares(predicted: &[f64], came_true: &[bool], of: &str) -> Option<Calibration> {
    let observed: Vec<f64> = came_true.iter().map(|hit| f64::from(u8::from(*hit))).collect();
    let bins = binned(predicted, &observed)?;
    let mut found = calibration(&bins, of, |bin| {
        let hits = bin.observed.iter().filter(|hit| **hit > 0.5).count() as u64;
        wilson(hits, bin.observed.len() as u64)
    });
    found.brier = Some(brier(&bins));
    Some(found)
}

/// Calibration of numbers: the mean of the true ones in each bin of predictions. `[rows]` each. `None` unless they fit, are finite
/// and there is a row.
pub fn of_values(predicted: &[f64], truth: &[f64], of: &str) -> Option<Calibration> {
    let bins = binned(predicted, truth)?;
    let found = calibration(&bins, of, |bin| {
        let mean = mean(&bin.observed);
        let rows = bin.observed.len() as f64;
        let variance =
            bin.observed.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (rows - 1.0).max(1.0);
        student(mean, variance, rows)
    });
    // Numbers too large to square have no interval.
    let finite = |bin: &ReliabilityBin| {
        [bin.predicted, bin.observed, bin.low, bin.high].iter().all(|end| end.is_finite())
    };
    found.bins.iter().all(finite).then_some(found)
}

/// Rows of neighbouring predictions.
struct Bin {
    predicted: Vec<f64>,
    observed: Vec<f64>,
}

/// Rows by rising prediction, cut into at most [`BINS`] bins of equally many rows; equal predictions stay together.
fn binned(predicted: &[f64], observed: &[f64]) -> Option<Vec<Bin>> {
    let rows = predicted.len();
    let finite = predicted.iter().chain(observed).all(|value| value.is_finite());
    if rows == 0 || rows != observed.len() || !finite {
        return None;
    }
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by(|a, b| predicted[*a].total_cmp(&predicted[*b]));
    let mut bins: Vec<Bin> = Vec::new();
    let mut begin = 0;
    while begin < rows {
        // The next cut that lies beyond what is in bins already.
        let bin = begin * BINS / rows + 1;
        let mut end = (bin * rows).div_ceil(BINS).clamp(begin + 1, rows);
        while end < rows && predicted[order[end]] <= predicted[order[end - 1]] {
            end += 1;
        }
        let part = &order[begin..end];
        bins.push(Bin {
            predicted: part.iter().map(|row| predicted[*row]).collect(),
            observed: part.iter().map(|row| observed[*row]).collect(),
        });
        begin = end;
    }
    Some(bins)
}

fn calibration(bins: &[Bin], of: &str, interval: impl Fn(&Bin) -> (f64, f64)) -> Calibration {
    let bins: Vec<ReliabilityBin> = bins
        .iter()
        .map(|bin| {
            let (low, high) = interval(bin);
            ReliabilityBin {
                predicted: mean(&bin.predicted),
                observed: mean(&bin.observed),
                low,
                high,
                rows: bin.observed.len() as u64,
            }
        })
        .collect();
    let rows: u64 = bins.iter().map(|bin| bin.rows).sum();
    let gap = |bin: &ReliabilityBin| (bin.predicted - bin.observed).abs();
    Calibration {
        of: of.to_owned(),
        ece: bins.iter().map(|bin| gap(bin) * bin.rows as f64).sum::<f64>() / rows as f64,
        largest: bins.iter().map(gap).fold(0.0, f64::max),
        bins,
        brier: None,
    }
}

/// Murphy's three parts over the bins, and what the bins hide.
fn brier(bins: &[Bin]) -> BrierParts {
    let rows = bins.iter().map(|bin| bin.observed.len()).sum::<usize>() as f64;
    let rate = bins.iter().flat_map(|bin| &bin.observed).sum::<f64>() / rows;
    let (mut score, mut reliability, mut resolution) = (0.0, 0.0, 0.0);
    for bin in bins {
        let (predicted, observed) = (mean(&bin.predicted), mean(&bin.observed));
        let share = bin.observed.len() as f64 / rows;
        reliability += share * (predicted - observed).powi(2);
        resolution += share * (observed - rate).powi(2);
        score += bin.predicted.iter().zip(&bin.observed).map(|(p, o)| (p - o).powi(2)).sum::<f64>() / rows;
    }
    let uncertainty = rate * (1.0 - rate);
    BrierParts {
        brier: score,
        reliability,
        resolution,
        uncertainty,
        within_bins: score - (reliability - resolution + uncertainty),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_equally_many_rows_and_never_part_equal_predictions() {
        let predicted: Vec<f64> = (0..150).map(|row| f64::from(row) / 150.0).collect();
        let found = of_shares(&predicted, &[true; 150], "x").expect("defined");
        assert!(found.bins.len() == 15 && found.bins.iter().all(|bin| bin.rows == 10));
        let constant =
            of_shares(&[0.4; 70], &(0..70).map(|row| row % 5 < 2).collect::<Vec<_>>(), "x").expect("defined");
        assert_eq!(constant.bins.len(), 1);
        assert!(constant.ece < 1e-12 && constant.brier.expect("classes").within_bins.abs() < 1e-12);
        let few = of_shares(&[0.1, 0.9, 0.5], &[false, true, true], "x").expect("defined");
        assert_eq!(few.bins.len(), 3);
    }

    #[test]
    fn what_does_not_fit_has_no_calibration() {
        assert!(of_values(&[1.0, 1.0], &[1e300, -1e300], "x").is_none());
        assert!(of_shares(&[], &[], "x").is_none());
        assert!(of_shares(&[0.5], &[], "x").is_none());
        assert!(of_values(&[f64::NAN], &[1.0], "x").is_none());
    }
}
