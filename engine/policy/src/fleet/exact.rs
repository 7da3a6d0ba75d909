//! Exact tests of failure rates, right at any count: Fisher's for two versions, the binomial one against a fixed rate.

/// Requests, and how many of them failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests.
    pub requests: u64,
    /// Of these, failed.
    pub failures: u64,
}

impl Counts {
    /// Share that failed, 0 to 1; 0 without requests.
    pub fn share(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failures as f64 / self.requests as f64 }
    }
}

/// One-sided p-value of Fisher's exact test, 0 to 1: the chance that `tried` has as many failures or more if both fail alike and
/// their requests and failures in all are as they are, which is a hypergeometric distribution's upper tail.
///
/// Fisher, "Statistical Methods for Research Workers" (5th edition, 1934), section 21.02; Agresti, "Categorical Data Analysis" (2nd
/// edition, 2002), section 3.5.1. R has it as `fisher.test(alternative = "greater")`.
pub fn fisher(tried: Counts, other: Counts) -> f64 {
    let (drawn, found) = (tried.requests, tried.failures.min(tried.requests));
    let all = drawn.saturating_add(other.requests);
    let marked = found.saturating_add(other.failures.min(other.requests));
    let lowest = drawn.saturating_sub(all - marked);
    let highest = drawn.min(marked);
    let ln_chance = |count: u64| {
        ln_choose(marked, count) + ln_choose(all - marked, drawn - count) - ln_choose(all, drawn)
    };
    // The chance of one more than `count`, over that of `count`.
    let growth = |count: u64| {
        let up = (marked - count) as f64 * (drawn - count) as f64;
        up / ((count + 1) as f64 * (all - marked + count + 1 - drawn) as f64)
    };
    let mean = drawn as f64 * (marked as f64 / all.max(1) as f64);
    upper_tail(found, lowest..=highest, mean, ln_chance, growth)
}

/// One-sided p-value of the exact binomial test, 0 to 1: the chance of as many failures or more where each request fails with the
/// chance `rate`, 0 to 1. Clopper and Pearson, Biometrika 26 (1934); R has it as `binom.test(alternative = "greater")`.
pub fn binomial(tried: Counts, rate: f64) -> f64 {
    let (requests, found) = (tried.requests, tried.failures.min(tried.requests));
    if rate <= 0.0 || rate >= 1.0 {
        return if found == 0 || rate >= 1.0 { 1.0 } else { 0.0 };
    }
    let ln_chance = |count: u64| {
        ln_choose(requests, count) + count as f64 * rate.ln() + (requests - count) as f64 * (-rate).ln_1p()
    };
    let growth = |count: u64| (requests - count) as f64 / (count + 1) as f64 * (rate / (1.0 - rate));
    upper_tail(found, 0..=requests, requests as f64 * rate, ln_chance, growth)
}

/// The chance of `from` or more of a distribution with one peak. Summed away from the peak, so that terms only fall and those too
/// small to count are left out.
fn upper_tail(
    from: u64,
    range: std::ops::RangeInclusive<u64>,
    mean: f64,
    ln_chance: impl Fn(u64) -> f64,
    growth: impl Fn(u64) -> f64,
) -> f64 {
    let (lowest, highest) = range.into_inner();
    if from <= lowest {
        return 1.0;
    }
    let above = from as f64 > mean;
    let first = if above { from } else { from - 1 };
    let (mut sum, mut term, mut count) = (1.0, 1.0, first);
    while term > sum * 1e-17 {
        if above && count < highest {
            term *= growth(count);
            count += 1;
        } else if !above && count > lowest {
            count -= 1;
            term /= growth(count);
        } else {
            break;
        }
        sum += term;
    }
    let tail = (ln_chance(first) + sum.ln()).exp().min(1.0);
    if above { tail } else { 1.0 - tail }
}

/// Logarithm of the number of ways to choose `count` of `all`.
fn ln_choose(all: u64, count: u64) -> f64 {
    ln_factorial(all) - ln_factorial(count) - ln_factorial(all - count)
}

/// Logarithm of a factorial: summed for small numbers, Stirling's series (Abramowitz and Stegun, 6.1.41) above, where its error is
/// below 1e-15.
fn ln_factorial(number: u64) -> f64 {
    if number < 256 {
        return (2..=number).map(|factor| (factor as f64).ln()).sum();
    }
    let x = number as f64;
    (x + 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts([failures, requests]: [u64; 2]) -> Counts {
        Counts { requests, failures }
    }

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= expected * 1e-8
    }

    /// Failures and requests of both versions, and `scipy.stats.fisher_exact([[f1, n1 - f1], [f2, n2 - f2]], "greater")` of scipy
    /// 1.17.1. The first is Fisher's lady tasting tea: 17/70, as in Agresti (2002), table 3.8, and R's help of `fisher.test`.
    const FISHER: [([u64; 2], [u64; 2], f64); 13] = [
        ([3, 4], [1, 4], 0.242_857_142_857_142_83),
        ([4, 4], [0, 4], 0.014_285_714_285_714_284),
        ([6, 8], [1, 5], 0.086_247_086_247_086_25),
        ([1, 50], [0, 1000], 0.047_619_047_619_047_616),
        ([2, 50], [0, 1000], 0.002_224_340_641_881_156_3),
        ([1, 10], [11, 14], 0.999_966_348_095_302_2),
        ([5, 50], [1, 1000], 1.163_425_530_908_491_6e-6),
        ([10, 200], [19, 19_000], 2.023_470_875_887_202_2e-13),
        ([3, 100], [30, 1000], 0.590_772_598_770_501_7),
        ([50, 50_000], [900, 1_000_000], 0.253_699_338_342_127_54),
        ([12, 500], [500, 500_000], 3.282_603_742_326_933e-13),
        ([0, 50], [3, 1000], 1.0),
        ([7, 10], [2, 2], 1.0),
    ];

    #[test]
    fn fishers_test_is_scipys() {
        for (tried, other, expected) in FISHER {
            let found = fisher(counts(tried), counts(other));
            assert!(close(found, expected), "{tried:?} {other:?}: {found} against {expected}");
        }
        assert!((fisher(counts([3, 4]), counts([1, 4])) - 17.0 / 70.0).abs() < 1e-15);
    }

    #[test]
    fn the_binomial_test_is_scipys() {
        // scipy.stats.binom.sf(f - 1, n, rate) of scipy 1.17.1.
        for (tried, rate, expected) in [
            ([1, 50], 0.01, 0.394_993_932_862_463_37),
            ([3, 50], 0.01, 0.013_817_270_830_600_381),
            ([5, 5], 0.5, 0.031_25),
            ([4, 200], 0.01, 0.141_965_965_555_256),
        ] {
            let found = binomial(counts(tried), rate);
            assert!(close(found, expected), "{tried:?} {rate}: {found} against {expected}");
        }
        assert_eq!((binomial(counts([0, 9]), 0.0), binomial(counts([1, 9]), 0.0)), (1.0, 0.0));
        assert!(close(binomial(counts([9, 9]), 1.0), 1.0));
    }

    #[test]
    fn any_counts_give_a_chance_and_more_failures_a_smaller_one() {
        let huge = u64::MAX / 4;
        for tried in [[0, 0], [5, 3], [0, 7], [7, 7], [1, huge], [huge, huge]] {
            for other in [[0, 0], [9, 3], [0, 100], [100, 100], [huge / 2, huge]] {
                let p = fisher(counts(tried), counts(other));
                assert!((0.0..=1.0).contains(&p), "{tried:?} {other:?}: {p}");
            }
        }
        for failures in 1..=40 {
            let p = |failures| fisher(counts([failures, 40]), counts([11, 300]));
            assert!(p(failures) < p(failures - 1), "{failures}");
        }
    }
}
