//! Error guard: whether a canary fails more often than the stable version, looked at again and again without crying wolf.

use orrery_domain::fleet::Guards;

use super::exact::{Counts, binomial, fisher};

/// Failures that a canary needs before it can count as plainly broken.
const BROKEN_FAILURES: u64 = 5;
/// Share of failures above which it does.
const BROKEN_SHARE: f64 = 0.5;
/// Times the stable version's share of failures above which it does: a server or a caller that fails both is not the canary's fault.
const BROKEN_TIMES: f64 = 4.0;

/// The looks at one stage's failures: plain state, new with each stage.
///
/// A test that is made again and again finds something by chance in the end, so the chance of a false alarm,
/// [`Guards::significance_level`], is spent (Lan and `DeMets`, Biometrika 70, 1983): each stage has an equal share; half of a stage's
/// is for the look at its end, the other half for those before, of which the k-th has 1/(k(k+1)). These sum to one, so that by
/// Boole's inequality a canary that is as good as the stable version is sent back with at most that chance, over all of its
/// stages and looks. Looks before the end come when the canary's requests have doubled, whatever failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    made: u32,
    next_requests: u64,
}

/// Why a canary is sent back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TooMany {
    /// The chance to see as much by accident, 0 to 1.
    pub p: f64,
    /// What it may be at this look.
    pub level: f64,
}

/// Whether a canary is plainly broken, however few requests it had: at least 5 failed, which are more than half of all and more than 4
/// times the stable version's share. A canary as good as the stable version ever meets this with a chance below 0.004, whatever its
/// share of failures (it is largest at 1 in 8); the test computes it.
pub fn is_broken(canary: Counts, primary: Counts) -> bool {
    let share = canary.share();
    canary.failures >= BROKEN_FAILURES && share > BROKEN_SHARE && share > BROKEN_TIMES * primary.share()
}

impl Looks {
    /// Looks, if a look is due at so many requests; `stages` are all of the canary's.
    pub fn look(
        &mut self,
        guards: &Guards,
        stages: usize,
        canary: Counts,
        primary: Counts,
    ) -> Option<TooMany> {
        if canary.requests < self.next_requests.max(guards.min_requests) {
            return None;
        }
        self.made = self.made.saturating_add(1);
        self.next_requests = canary.requests.saturating_mul(2);
        let look = f64::from(self.made);
        too_many(guards, canary, primary, half(guards, stages) / (look * (look + 1.0)))
    }
}

/// The look at a stage's end, before the canary gets more.
pub fn last_look(guards: &Guards, stages: usize, canary: Counts, primary: Counts) -> Option<TooMany> {
    too_many(guards, canary, primary, half(guards, stages))
}

/// Half of a stage's share of the chance of a false alarm.
fn half(guards: &Guards, stages: usize) -> f64 {
    guards.significance_level / (2.0 * stages.max(1) as f64)
}

/// Whether the canary fails more often by more than is allowed, and by more than chance explains. A stable version that had no
/// request cannot be compared with: then the canary's failures are held against what is allowed alone.
fn too_many(guards: &Guards, canary: Counts, primary: Counts, level: f64) -> Option<TooMany> {
    if canary.share() - primary.share() <= guards.max_error_ratio_above {
        return None;
    }
    let p = if primary.requests == 0 {
        binomial(canary, guards.max_error_ratio_above)
    } else {
        fisher(canary, primary)
    };
    (p <= level).then_some(TooMany { p, level })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(failures: u64, requests: u64) -> Counts {
        Counts { requests, failures }
    }

    #[test]
    fn one_failure_of_fifty_is_chance_and_three_are_not() {
        let (guards, good) = (Guards::default(), counts(1, 1000));
        let at = |failures| Looks::default().look(&guards, 4, counts(failures, 50), good);
        assert_eq!(at(1), None);
        let found = at(3).expect("sent back");
        assert!(found.p <= found.level && (found.level - 0.05 / 16.0).abs() < 1e-15, "{found:?}");
        assert_eq!(Looks::default().look(&guards, 4, counts(3, 49), good), None, "too few requests");
    }

    #[test]
    fn what_is_allowed_is_allowed_however_sure_it_is() {
        let guards = Guards::default();
        let (canary, primary) = (counts(1_500, 100_000), counts(600, 100_000));
        assert!(fisher(canary, primary) < 1e-12);
        assert_eq!(last_look(&guards, 1, canary, primary), None, "0.9 points above; one is allowed");
    }

    #[test]
    fn looks_come_with_twice_the_requests_and_spend_no_more_than_there_is() {
        let guards = Guards { min_requests: 1, significance_level: 0.04, ..Guards::default() };
        let (mut looks, mut spent) = (Looks::default(), 0.0);
        for requests in 1..=10_000 {
            // Everything fails: each look finds something, and tells its level.
            spent += looks
                .look(&guards, 2, counts(requests, requests), counts(0, 1_000_000))
                .map_or(0.0, |found| found.level);
        }
        assert_eq!(looks.made, 14, "1, 2, 4, to 8192");
        let last = last_look(&guards, 2, counts(9, 9), counts(0, 1_000)).expect("found").level;
        assert!(spent < last && (last - 0.01).abs() < 1e-15, "{spent} {last}");
    }

    #[test]
    fn without_a_stable_version_what_is_allowed_is_the_measure() {
        let guards = Guards::default();
        assert_eq!(last_look(&guards, 1, counts(2, 50), Counts::default()), None, "p is 0.089");
        assert!(last_look(&guards, 1, counts(3, 50), Counts::default()).is_some(), "p is 0.014");
    }

    /// The chance that a canary which fails with this chance, as the stable version does, ever counts as plainly broken.
    fn ever_broken(chance: f64) -> f64 {
        let primary = counts((chance * 1e6) as u64, 1_000_000);
        // Of canaries not found broken yet, the share with each number of failures.
        let (mut shares, mut found) = (vec![1.0], 0.0);
        for requests in 1..=300 {
            let mut next = vec![0.0; shares.len() + 1];
            for (failures, share) in shares.iter().enumerate() {
                next[failures] += share * (1.0 - chance);
                next[failures + 1] += share * chance;
            }
            for (failures, share) in next.iter_mut().enumerate() {
                if is_broken(counts(failures as u64, requests), primary) {
                    found += std::mem::take(share);
                }
            }
            shares = next;
        }
        found
    }

    #[test]
    fn a_healthy_canary_is_hardly_ever_plainly_broken() {
        let most = (1..50).map(|percent| ever_broken(f64::from(percent) / 100.0)).fold(0.0, f64::max);
        assert!(most < 0.004, "{most}");
        assert!(ever_broken(0.01) < 1e-7);
    }

    #[test]
    fn plainly_broken_needs_no_statistics() {
        let none = Counts::default();
        assert!(is_broken(counts(5, 5), none) && is_broken(counts(6, 11), counts(1, 10)));
        for (canary, primary) in
            [(counts(4, 4), none), (counts(5, 10), none), (counts(9, 10), counts(5, 10)), (none, none)]
        {
            assert!(!is_broken(canary, primary), "{canary:?} {primary:?}");
        }
    }
}
