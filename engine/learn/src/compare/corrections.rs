//! Corrections for many tests at once.

/// Holm's step-down correction (1979): the chance of any false finding stays below the level. In the order given. `[tests]`
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![1.0; p.len()];
    let mut worst: f64 = 0.0;
    for (rank, test) in ascending(p).into_iter().enumerate() {
        worst = worst.max((p[test] * (p.len() - rank) as f64).min(1.0));
        adjusted[test] = worst;
    }
    adjusted
}

/// Benjamini and Hochberg's step-up correction (1995): the expected share of false findings stays below the level. In the order
/// given. `[tests]`
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (rank, test) in ascending(p).into_iter().enumerate().rev() {
        least = least.min(p[test] * p.len() as f64 / (rank + 1) as f64);
        adjusted[test] = least;
    }
    adjusted
}

fn ascending(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_test_needs_no_correction_and_none_is_none() {
        assert_eq!(holm(&[0.03]), [0.03]);
        assert_eq!(benjamini_hochberg(&[0.03]), [0.03]);
        assert!(holm(&[]).is_empty() && benjamini_hochberg(&[]).is_empty());
    }

    #[test]
    fn corrected_values_keep_the_order_and_never_shrink() {
        let p = [0.04, 0.001, 0.9, 0.02, 0.02];
        for adjusted in [holm(&p), benjamini_hochberg(&p)] {
            for (first, q) in p.iter().zip(&adjusted) {
                assert!(q >= first && *q <= 1.0);
                for (second, other) in p.iter().zip(&adjusted) {
                    assert!(first >= second || q <= other);
                }
            }
        }
    }
}
