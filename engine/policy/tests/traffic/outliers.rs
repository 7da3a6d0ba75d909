//! Outlier detection over whole lives: ejection times, their growth and fall, the share that may be out.

use Answer::{GatewayFailure, Good, ServerError};
use orrery_policy::traffic::{
    Nanos, OutlierConfig, OutlierDetector, Random, SplitMix64,
    outlier::{Answer, Cause, Verdict},
};
use proptest::prelude::*;

fn secs(secs: u64) -> Nanos {
    Nanos(secs * 1_000_000_000)
}

/// Five failures in a row of endpoint 0 at `now`.
fn fail(detector: &mut OutlierDetector, now: u64) -> Option<Verdict> {
    let mut random = SplitMix64::new(1);
    (0..5).filter_map(|_| detector.record(0, Answer::ServerError, secs(now), &mut random)).next_back()
}

/// Checks every ten seconds until endpoint 0 is back: when that is.
fn back(detector: &mut OutlierDetector, from: u64) -> u64 {
    let mut now = from;
    while detector.is_ejected(0) {
        now += 10;
        detector.check(secs(now), &mut SplitMix64::new(1));
    }
    now
}

#[test]
fn ejections_grow_to_their_most_and_good_times_shorten_them() {
    let mut detector = OutlierDetector::new(OutlierConfig::default(), 3, Nanos::ZERO);
    let mut now = 0;
    let mut out = Vec::new();
    for _ in 0..12 {
        let verdict = fail(&mut detector, now);
        assert!(matches!(verdict, Some(Verdict::Ejected { endpoint: 0, cause: Cause::Consecutive5xx, .. })));
        let returned = back(&mut detector, now);
        out.push(returned - now);
        now = returned;
    }
    assert_eq!(out, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]);
    for _ in 0..4 {
        now += 10;
        detector.check(secs(now), &mut SplitMix64::new(1));
    }
    assert!(fail(&mut detector, now).is_some());
    assert_eq!(back(&mut detector, now) - now, 210, "ten less four good intervals, and one more");
}

#[test]
fn no_ejection_is_longer_than_the_most() {
    let config = OutlierConfig {
        base_ejection_time_secs: 40.0,
        max_ejection_time_secs: 100.0,
        max_ejection_time_jitter_secs: 5.0,
        ..OutlierConfig::default()
    };
    let mut detector = OutlierDetector::new(config, 3, Nanos::ZERO);
    let mut now = 0;
    for expected in [40, 80, 100, 100] {
        let Some(Verdict::Ejected { until, .. }) = fail(&mut detector, now) else { panic!("ejected") };
        let out = until - secs(now);
        assert!(out >= secs(expected) && out < secs(expected + 5), "{out:?}");
        now = back(&mut detector, now);
    }
}

#[test]
fn good_answers_break_the_row_and_kinds_are_told_apart() {
    let mut random = SplitMix64::new(1);
    let enforced = OutlierConfig { enforcing_consecutive_gateway_failure: 100, ..OutlierConfig::default() };
    let mut run = |config: OutlierConfig, answers: &[Answer]| {
        let mut detector = OutlierDetector::new(config, 3, Nanos::ZERO);
        answers
            .iter()
            .filter_map(|&answer| detector.record(0, answer, secs(1), &mut random))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(enforced, &[ServerError, ServerError, ServerError, ServerError, Good, ServerError]), []);
    let mixed = [GatewayFailure, GatewayFailure, ServerError, GatewayFailure, GatewayFailure];
    let cause = |verdicts: Vec<Verdict>| match verdicts[..] {
        [Verdict::Ejected { cause, .. }] => Some(cause),
        _ => None,
    };
    assert_eq!(cause(run(enforced, &mixed)), Some(Cause::Consecutive5xx));
    assert_eq!(cause(run(enforced, &[GatewayFailure; 5])), Some(Cause::ConsecutiveGatewayFailure));
    assert_eq!(cause(run(OutlierConfig::default(), &[GatewayFailure; 5])), Some(Cause::Consecutive5xx));
    let spared = OutlierConfig { enforcing_consecutive_5xx: 0, ..OutlierConfig::default() };
    let verdicts = run(spared, &[ServerError; 5]);
    assert_eq!(verdicts, [Verdict::Spared { endpoint: 0, cause: Cause::Consecutive5xx }]);
    assert_eq!(
        [200, 404, 500, 501, 502, 503, 504, 505].map(Answer::of_status),
        [Good, Good, ServerError, ServerError, GatewayFailure, GatewayFailure, GatewayFailure, ServerError]
    );
}

#[test]
fn success_rates_are_compared_each_interval() {
    let mut random = SplitMix64::new(1);
    let mut detector = OutlierDetector::new(OutlierConfig::default(), 10, Nanos::ZERO);
    for endpoint in 0..10 {
        for call in 0..200 {
            let bad = call % 5 == 0 && (endpoint == 7 || call % 50 == 0);
            let answer = if bad { Answer::ServerError } else { Answer::Good };
            assert_eq!(detector.record(endpoint, answer, secs(1), &mut random), None);
        }
    }
    assert_eq!(detector.check(secs(9), &mut random), [], "not before its time");
    let until = secs(10) + secs(30);
    let expected = [Verdict::Ejected { endpoint: 7, cause: Cause::SuccessRate, until }];
    assert_eq!(detector.check(secs(10), &mut random), expected);
    assert_eq!(detector.check(secs(20), &mut random), [], "answers count once");
}

#[test]
fn a_passing_check_brings_it_back_where_it_may() {
    for may in [true, false] {
        let config =
            OutlierConfig { successful_active_health_check_uneject_host: may, ..OutlierConfig::default() };
        let mut detector = OutlierDetector::new(config, 3, Nanos::ZERO);
        assert_eq!(detector.active_check_passed(0), None);
        fail(&mut detector, 1);
        assert_eq!(detector.active_check_passed(0).is_some(), may);
        assert_eq!(detector.is_ejected(0), !may);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// However answers fall: at most `max_ejection_percent` and one endpoint are out, nobody is out longer than the most
    /// and two intervals, and what is out came from a verdict.
    #[test]
    fn never_too_many_nor_too_long(hosts in 1_usize..40, percent in 0_u32..=100, bad in 0_u32..=100, seed: u64) {
        let config = OutlierConfig {
            max_ejection_percent: percent,
            base_ejection_time_secs: 20.0,
            max_ejection_time_secs: 60.0,
            enforcing_failure_percentage: 100,
            ..OutlierConfig::default()
        };
        let mut random = SplitMix64::new(seed);
        let mut detector = OutlierDetector::new(config, hosts, Nanos::ZERO);
        let mut out: Vec<Option<u64>> = vec![None; hosts];
        for now in 0..200 {
            let mut verdicts = detector.check(secs(now), &mut random);
            for _ in 0..hosts * 20 {
                let endpoint = random.below(hosts as u64) as usize;
                let answer = if random.percent(bad) { Answer::GatewayFailure } else { Answer::Good };
                verdicts.extend(detector.record(endpoint, answer, secs(now), &mut random));
            }
            for verdict in verdicts {
                match verdict {
                    Verdict::Ejected { endpoint, .. } => prop_assert!(out[endpoint].replace(now).is_none()),
                    Verdict::Restored { endpoint } => prop_assert!(out[endpoint].take().is_some()),
                    Verdict::Spared { .. } => {}
                }
            }
            let ejected = out.iter().flatten().count();
            prop_assert!(ejected <= (hosts * percent as usize).div_ceil(100), "{} out of {}", ejected, hosts);
            prop_assert!(out.iter().flatten().all(|since| now - since <= 80));
            prop_assert!((0..hosts).all(|endpoint| detector.is_ejected(endpoint) == out[endpoint].is_some()));
        }
    }
}
