//! Canary: whether a version that is tried goes on, goes further or goes back, by what both versions did within a stage.

use orrery_domain::fleet::Guards;

/// Failures after which more than half of a canary's requests failing is enough to end it, however few there were.
const EARLY_FAILURES: u64 = 5;

/// What both versions did within the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stage {
    /// Seconds since the stage began.
    pub secs: f64,
    /// Requests to the canary.
    pub canary_requests: u64,
    /// Of these, failed.
    pub canary_failures: u64,
    /// Requests to the primary.
    pub primary_requests: u64,
    /// Of these, failed.
    pub primary_failures: u64,
    /// The canary's 95th percentile, seconds.
    pub canary_p95: Option<f64>,
    /// The primary's.
    pub primary_p95: Option<f64>,
    /// Population stability index of the predictions.
    pub drift: Option<f64>,
    /// The next stage is the last, and there are too few predictions to tell whether they drifted.
    pub drift_waits: bool,
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It stays as it is; why, in words.
    Stay(String),
    /// The next stage, or the end where there is none.
    Advance,
    /// The version before serves; why, in words.
    RollBack(String),
}

/// Judges a stage that lasts at least `stage_secs`.
///
/// The guard on latency needs [`Guards::min_requests`] of both versions, for a quantile of few says little.
pub fn judge(guards: &Guards, stage: &Stage, stage_secs: f64) -> Verdict {
    let ratio =
        |failures: u64, requests: u64| if requests == 0 { 0.0 } else { failures as f64 / requests as f64 };
    let canary = ratio(stage.canary_failures, stage.canary_requests);
    let above = canary - ratio(stage.primary_failures, stage.primary_requests);
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    if stage.canary_failures >= EARLY_FAILURES && canary > 0.5 && above > guards.max_error_ratio_above {
        return Verdict::RollBack(format!("{} of its requests failed.", percent(canary)));
    }
    if stage.canary_requests < guards.min_requests {
        return Verdict::Stay(format!("{} of {} requests seen.", stage.canary_requests, guards.min_requests));
    }
    if above > guards.max_error_ratio_above {
        return Verdict::RollBack(format!(
            "{} of its requests failed, {} above the other version; {} is allowed.",
            percent(canary),
            percent(above),
            percent(guards.max_error_ratio_above)
        ));
    }
    if let (Some(mine), Some(other)) = (stage.canary_p95, stage.primary_p95)
        && stage.primary_requests >= guards.min_requests
        && mine > other * guards.max_p95_ratio
    {
        return Verdict::RollBack(format!(
            "Its p95 is {:.1} ms, {:.2} times the other version's; {} is allowed.",
            mine * 1e3,
            mine / other,
            guards.max_p95_ratio
        ));
    }
    if let Some(drift) = stage.drift.filter(|drift| *drift > guards.max_drift) {
        let allowed = guards.max_drift;
        return Verdict::RollBack(format!(
            "Its predictions drifted: index {drift:.2}; {allowed} is allowed."
        ));
    }
    if stage.drift_waits {
        return Verdict::Stay("More predictions are needed to tell whether they drifted.".to_owned());
    }
    if stage.secs < stage_secs {
        return Verdict::Stay(format!("{:.0} of {stage_secs:.0} s are over; every guard holds.", stage.secs));
    }
    Verdict::Advance
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Stage = Stage {
        secs: 61.0,
        canary_requests: 100,
        canary_failures: 0,
        primary_requests: 1000,
        primary_failures: 0,
        canary_p95: Some(0.010),
        primary_p95: Some(0.010),
        drift: Some(0.01),
        drift_waits: false,
    };

    fn of(stage: Stage) -> Verdict {
        judge(&Guards::default(), &stage, 60.0)
    }

    #[test]
    fn each_guard_ends_it_and_nothing_else_does() {
        assert_eq!(of(GOOD), Verdict::Advance);
        assert!(matches!(of(Stage { secs: 59.0, ..GOOD }), Verdict::Stay(_)));
        assert!(matches!(of(Stage { canary_requests: 49, ..GOOD }), Verdict::Stay(_)));
        assert!(matches!(of(Stage { canary_failures: 2, ..GOOD }), Verdict::RollBack(_)));
        assert_eq!(
            of(Stage { canary_failures: 2, primary_failures: 20, ..GOOD }),
            Verdict::Advance,
            "both fail alike"
        );
        assert!(matches!(of(Stage { canary_p95: Some(0.0151), ..GOOD }), Verdict::RollBack(_)));
        assert_eq!(of(Stage { canary_p95: Some(0.02), primary_requests: 10, ..GOOD }), Verdict::Advance);
        assert!(matches!(of(Stage { drift: Some(0.3), ..GOOD }), Verdict::RollBack(_)));
        assert!(matches!(of(Stage { drift: None, drift_waits: true, ..GOOD }), Verdict::Stay(_)));
        assert_eq!(of(Stage { drift: None, canary_p95: None, ..GOOD }), Verdict::Advance);
    }

    #[test]
    fn a_broken_version_goes_early() {
        let broken = Stage { canary_requests: 6, canary_failures: 5, ..GOOD };
        assert!(matches!(of(broken), Verdict::RollBack(_)));
        let unlucky = Stage { canary_requests: 6, canary_failures: 3, ..GOOD };
        assert!(matches!(of(unlucky), Verdict::Stay(_)));
    }
}
