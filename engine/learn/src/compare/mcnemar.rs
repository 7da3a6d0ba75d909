//! `McNemar`'s test of two classifiers' mistakes on the same rows.

use orrery_domain::compare::McNemar;
use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF, DiscreteCDF};

/// Rows that only one got right from which on the chi-square approximation is good enough.
const APPROXIMATE_FROM: u64 = 25;

/// `McNemar`'s test (1947) of which rows either got right. `[rows]` each. With fewer than 25 rows that only one got right the p is
/// the exact binomial one, else chi-square's with Edwards' continuity correction (1948).
pub fn mcnemar(a: impl IntoIterator<Item = bool>, b: impl IntoIterator<Item = bool>) -> McNemar {
    let (mut both_right, mut only_a, mut only_b, mut both_wrong) = (0, 0, 0, 0);
    for right in a.into_iter().zip(b) {
        match right {
            (true, true) => both_right += 1,
            (true, false) => only_a += 1,
            (false, true) => only_b += 1,
            (false, false) => both_wrong += 1,
        }
    }
    let exact = only_a + only_b < APPROXIMATE_FROM;
    let (chi_square, p) = if exact {
        (None, exact_p(only_a, only_b))
    } else {
        let (statistic, p) = corrected(only_a, only_b);
        (Some(statistic), p)
    };
    McNemar { both_right, only_a, only_b, both_wrong, exact, chi_square, p }
}

/// Two-sided binomial p of `a` against `b` at even odds.
pub(super) fn exact_p(a: u64, b: u64) -> f64 {
    let tail = Binomial::new(0.5, a + b).map_or(1.0, |binomial| binomial.cdf(a.min(b)));
    (2.0 * tail).min(1.0)
}

/// Chi-square with continuity correction, and its p. Equal counts give 0 and 1.
pub(super) fn corrected(a: u64, b: u64) -> (f64, f64) {
    let gap = (a.abs_diff(b) as f64 - 1.0).max(0.0);
    let statistic = gap * gap / (a + b).max(1) as f64;
    (statistic, ChiSquared::new(1.0).map_or(1.0, |chi| chi.sf(statistic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fall_into_their_four_cells() {
        let a = [true, true, false, false, true];
        let b = [true, false, true, false, true];
        let found = mcnemar(a, b);
        assert_eq!((found.both_right, found.only_a, found.only_b, found.both_wrong), (2, 1, 1, 1));
        assert!(found.exact && found.chi_square.is_none());
        assert!((found.p - 1.0).abs() < 1e-12);
    }

    #[test]
    fn models_that_err_alike_cannot_be_told_apart() {
        assert!((mcnemar([true; 9], [true; 9]).p - 1.0).abs() < 1e-12);
        assert!((mcnemar([], []).p - 1.0).abs() < 1e-12);
        assert_eq!(corrected(50, 50), (0.0, 1.0));
    }

    #[test]
    fn few_disagreements_are_judged_exactly() {
        // One of eight: (1 + 8) / 2^8, both sides.
        assert!((exact_p(1, 7) - 18.0 / 256.0).abs() < 1e-12);
    }
}
