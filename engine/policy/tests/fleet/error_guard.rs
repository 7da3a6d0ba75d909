//! Properties of the guard on failures, whatever the counts.

use orrery_domain::fleet::Guards;
use orrery_policy::fleet::{
    error_guard::{Looks, last_look},
    exact::{Counts, fisher},
};
use proptest::prelude::*;

fn counts() -> impl Strategy<Value = Counts> {
    (0_u64..5_000, 0.0..=1.0).prop_map(|(requests, share)| {
        let failures = (share * requests as f64) as u64;
        Counts { requests, failures }
    })
}

/// The hypergeometric tail by multiplying out, for small counts.
fn by_hand(tried: Counts, other: Counts) -> f64 {
    let choose =
        |all: u64, count: u64| (0..count).fold(1.0, |product, k| product * (all - k) as f64 / (k + 1) as f64);
    let (all, marked) = (tried.requests + other.requests, tried.failures + other.failures);
    let chance = |count: u64| choose(marked, count) * choose(all - marked, tried.requests - count);
    let lowest = (tried.requests + marked).saturating_sub(all);
    let total: f64 = (lowest..=tried.requests.min(marked)).map(chance).sum();
    (tried.failures.max(lowest)..=tried.requests.min(marked)).map(chance).sum::<f64>() / total
}

proptest! {
    #[test]
    fn fishers_test_agrees_with_multiplying_out(
        tried in (0_u64..60, 0_u64..60), other in (0_u64..60, 0_u64..60),
    ) {
        let counts = |(good, failures)| Counts { requests: good + failures, failures };
        let (found, expected) = (fisher(counts(tried), counts(other)), by_hand(counts(tried), counts(other)));
        prop_assert!((found - expected).abs() <= 1e-9 * expected.max(1e-3), "{found} against {expected}");
    }

    #[test]
    fn a_stage_never_spends_more_than_its_share(
        steps in prop::collection::vec(1_u64..100_000, 1..200),
        stages in 1_usize..20,
        significance_level in 1e-6..0.5,
        min_requests in 1_u64..1_000,
    ) {
        let guards =
            Guards { significance_level, min_requests, max_error_ratio_above: 0.0, ..Guards::default() };
        let good = Counts { requests: 1_000_000, failures: 0 };
        let (mut looks, mut requests, mut spent) = (Looks::default(), 0, 0.0);
        for step in steps {
            requests += step;
            // So bad that every look finds it, and tells the level it had.
            let bad = Counts { requests, failures: requests };
            spent += looks.look(&guards, stages, bad, good).map_or(0.0, |found| found.level);
        }
        let bad = Counts { requests, failures: requests };
        spent += last_look(&guards, stages, bad, good).map_or(0.0, |found| found.level);
        prop_assert!(spent <= significance_level / stages as f64 * (1.0 + 1e-12), "{spent}");
    }

    #[test]
    fn a_canary_that_fails_no_more_is_never_sent_back(canary in counts(), primary in counts()) {
        prop_assume!(canary.share() <= primary.share());
        prop_assert_eq!(last_look(&Guards::default(), 1, canary, primary), None);
        prop_assert_eq!(Looks::default().look(&Guards::default(), 1, canary, primary), None);
    }
}
