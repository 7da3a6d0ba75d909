//! Intervals and tails of the distributions that tests need.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Standard normal quantile of 0.975.
pub(super) const Z95: f64 = 1.959_963_984_540_054;

/// Upper tail of the standard normal distribution.
pub(super) fn normal_sf(z: f64) -> f64 {
    Normal::new(0.0, 1.0).map_or(f64::NAN, |normal| normal.sf(z))
}

/// Wilson's 95 % score interval (1927) of a share. `(0, 1)` of no rows.
pub fn wilson(hits: u64, rows: u64) -> (f64, f64) {
    if rows == 0 {
        return (0.0, 1.0);
    }
    let (n, z2) = (rows as f64, Z95 * Z95);
    let share = hits as f64 / n;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Student's 95 % interval of a mean; the mean itself of fewer than two rows.
pub(crate) fn student(mean: f64, variance: f64, rows: f64) -> (f64, f64) {
    let Some(t) = (rows >= 2.0).then(|| StudentsT::new(0.0, 1.0, rows - 1.0).ok()).flatten() else {
        return (mean, mean);
    };
    let half = t.inverse_cdf(0.975) * (variance.max(0.0) / rows).sqrt();
    (mean - half, mean + half)
}

/// Upper tail of Welch's test (1947): how easily a mean this much above the other comes by chance. Each `(mean, variance, rows)`.
/// One half where nothing varies and the means are equal.
pub(super) fn welch_sf(a: (f64, f64, f64), b: (f64, f64, f64)) -> f64 {
    let (va, vb) = (a.1.max(0.0) / a.2, b.1.max(0.0) / b.2);
    let error = (va + vb).sqrt();
    let gap = a.0 - b.0;
    if error <= 0.0 {
        return if gap > 0.0 {
            0.0
        } else if gap < 0.0 {
            1.0
        } else {
            0.5
        };
    }
    let freedom = (va + vb).powi(2) / (va * va / (a.2 - 1.0) + vb * vb / (b.2 - 1.0));
    StudentsT::new(0.0, 1.0, freedom).map_or(0.5, |t| t.sf(gap / error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_never_leaves_the_unit_interval_nor_excludes_the_share() {
        for (hits, rows) in [(0, 1), (1, 1), (0, 40), (40, 40), (7, 40)] {
            let (low, high) = wilson(hits, rows);
            let share = hits as f64 / rows as f64;
            assert!(low >= 0.0 && high <= 1.0 && low <= share + 1e-12 && high >= share - 1e-12);
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn means_without_variance_are_told_apart_only_where_they_differ() {
        assert!((welch_sf((1.0, 0.0, 5.0), (1.0, 0.0, 5.0)) - 0.5).abs() < 1e-12);
        assert!(welch_sf((2.0, 0.0, 5.0), (1.0, 0.0, 5.0)) < 1e-12);
        assert_eq!(student(3.0, 1.0, 1.0), (3.0, 3.0));
    }
}
