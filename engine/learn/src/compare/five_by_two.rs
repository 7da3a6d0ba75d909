//! 5x2 cross-validation: whether two ways of training differ, from five halvings of the rows.

use statrs::distribution::{ContinuousCDF, FisherSnedecor, StudentsT};

/// Repetitions.
pub const REPETITIONS: usize = 5;

/// Both tests of ten differences. None where nothing varies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FiveByTwo {
    /// Dietterich's t (1998, section 3.5), 5 degrees of freedom, and its two-sided p.
    pub t: Option<(f64, f64)>,
    /// Alpaydin's combined F (1999), 10 and 5 degrees of freedom, and its p.
    pub f: Option<(f64, f64)>,
}

/// The tests of the differences of a metric on both halves of five repetitions. `[5][2]`
pub fn five_by_two(differences: &[[f64; 2]; REPETITIONS]) -> FiveByTwo {
    let variances: f64 = differences
        .iter()
        .map(|[first, second]| {
            let mean = f64::midpoint(*first, *second);
            (first - mean).powi(2) + (second - mean).powi(2)
        })
        .sum();
    let squares: f64 = differences.iter().flatten().map(|difference| difference * difference).sum();
    // Halves of differences are exact but for rounding in the mean.
    if variances.is_nan() || variances <= f64::MIN_POSITIVE {
        return FiveByTwo { t: None, f: None };
    }
    let t = differences[0][0] / (variances / REPETITIONS as f64).sqrt();
    let f = squares / (2.0 * variances);
    FiveByTwo {
        t: StudentsT::new(0.0, 1.0, 5.0).ok().map(|student| (t, (2.0 * student.sf(t.abs())).min(1.0))),
        f: FisherSnedecor::new(10.0, 5.0).ok().map(|fisher| (f, fisher.sf(f))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_configurations_have_no_test() {
        assert_eq!(five_by_two(&[[0.0; 2]; 5]), FiveByTwo { t: None, f: None });
        assert_eq!(five_by_two(&[[f64::NAN; 2]; 5]), FiveByTwo { t: None, f: None });
    }
}
