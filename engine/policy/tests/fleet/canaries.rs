//! Whole canaries, simulated: how many good ones are sent back, and how soon bad ones are.

use orrery_domain::fleet::Guards;
use orrery_policy::{
    fleet::{
        canary::{Stage, Verdict, judge},
        error_guard::Looks,
        exact::Counts,
    },
    traffic::{Random, SplitMix64},
};

const STAGES: [u32; 4] = [1, 5, 25, 100];
const STAGE_SECS: f64 = 60.0;
/// Seconds between two judgements, as the gateway has it.
const JUDGE_EVERY: f64 = 0.5;

/// How a canary ended.
struct Ended {
    /// The stage it was sent back in; `None` where it went through all.
    sent_back: Option<usize>,
    /// Requests that failed at the canary.
    failed: u64,
}

/// Runs a canary under `per_sec` requests a second; both versions fail with these chances.
fn canary(guards: &Guards, per_sec: u32, chances: (f64, f64), random: &mut SplitMix64) -> Ended {
    let (mut so_far, mut failed) = (Counts::default(), 0);
    for (index, percent) in STAGES.into_iter().enumerate() {
        let (mut canary, mut primary, mut looks, mut secs) =
            (Counts::default(), Counts::default(), Looks::default(), 0.0);
        loop {
            secs += JUDGE_EVERY;
            for _ in 0..(f64::from(per_sec) * JUDGE_EVERY) as u32 {
                let tried = random.percent(percent);
                let chance = if tried { chances.0 } else { chances.1 };
                let fails = u64::from(random.unit() < chance);
                for version in if tried { vec![&mut canary] } else { vec![&mut primary, &mut so_far] } {
                    version.requests += 1;
                    version.failures += fails;
                }
            }
            let stage = Stage {
                secs,
                stages: STAGES.len(),
                canary,
                primary,
                primary_so_far: so_far,
                ..Stage::default()
            };
            match judge(guards, &stage, STAGE_SECS, &mut looks) {
                Verdict::Stay(_) => {}
                Verdict::Advance => break,
                Verdict::RollBack(_) => {
                    return Ended { sent_back: Some(index), failed: failed + canary.failures };
                }
            }
        }
        failed += canary.failures;
    }
    Ended { sent_back: None, failed }
}

/// The share of `runs` good canaries that are sent back, and the most that chance would make of `alpha`: three standard deviations.
fn false_alarms(guards: &Guards, per_sec: u32, chance: f64, runs: u32) -> (f64, f64) {
    let mut random = SplitMix64::new(u64::from(per_sec) ^ chance.to_bits());
    let sent_back = (0..runs)
        .filter(|_| canary(guards, per_sec, (chance, chance), &mut random).sent_back.is_some())
        .count();
    let alpha = guards.significance_level;
    (sent_back as f64 / f64::from(runs), alpha + 3.0 * (alpha * (1.0 - alpha) / f64::from(runs)).sqrt())
}

/// Good canaries at several rates of failure. Nothing is allowed above the stable version, so that the test alone decides.
fn good_canaries(runs: u32) {
    for (per_sec, chance) in [(20, 0.001), (20, 0.05), (100, 0.001), (100, 0.01), (100, 0.2)] {
        for significance_level in [0.05, 0.2] {
            let guards = Guards { max_error_ratio_above: 0.0, significance_level, ..Guards::default() };
            let (share, most) = false_alarms(&guards, per_sec, chance, runs);
            eprintln!("{per_sec}/s, {chance} fail, alpha {significance_level}: {share} of {runs} sent back");
            assert!(share <= most, "{per_sec} {chance}: {share} of at most {most}");
        }
    }
}

/// Canaries that fail 5 % where the stable version fails 0.1 %.
fn bad_canaries(runs: u32) {
    let mut random = SplitMix64::new(5);
    let ends: Vec<Ended> =
        (0..runs).map(|_| canary(&Guards::default(), 100, (0.05, 0.001), &mut random)).collect();
    let by = |last: usize| ends.iter().filter(|end| end.sent_back.is_some_and(|stage| stage <= last)).count();
    let failed = ends.iter().map(|end| end.failed).sum::<u64>() as f64 / f64::from(runs);
    eprintln!("sent back by stage: {:?} of {runs}; {failed:.1} failed requests each", [by(0), by(1), by(2)]);
    assert!(by(1) as f64 >= 0.99 * f64::from(runs), "by the second stage, of 5 percent");
    assert!(failed < 15.0, "{failed} requests failed at each");
}

#[test]
fn good_canaries_are_sent_back_no_more_often_than_stated() {
    good_canaries(200);
}

#[test]
fn a_canary_that_fails_one_in_twenty_is_found_early() {
    bad_canaries(300);
}

#[test]
fn a_canary_that_fails_always_ends_after_five_requests() {
    let mut random = SplitMix64::new(7);
    for _ in 0..100 {
        let ended = canary(&Guards::default(), 20, (1.0, 0.001), &mut random);
        assert_eq!(ended.sent_back, Some(0));
        assert!(ended.failed <= 10, "{}", ended.failed);
    }
}

#[test]
#[ignore = "full size"]
fn good_and_bad_canaries_at_full_size() {
    good_canaries(10_000);
    bad_canaries(10_000);
}
