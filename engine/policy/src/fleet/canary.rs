//! Canary: whether a version that is tried goes on, goes further or goes back, by what both versions did within a stage.

use orrery_domain::fleet::Guards;

use super::{
    error_guard::{Looks, TooMany, is_broken, last_look},
    exact::Counts,
};

/// What both versions did within the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stage {
    /// Seconds since the stage began.
    pub secs: f64,
    /// Stages of the whole canary.
    pub stages: usize,
    /// The canary's requests.
    pub canary: Counts,
    /// The primary's requests.
    pub primary: Counts,
    /// The primary's requests within this stage and those before, which the canary's failures are held against: the last stage leaves
    /// it none.
    pub primary_so_far: Counts,
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

/// Judges a stage that lasts at least `stage_secs`; `looks` are those at this stage's failures so far.
///
/// The guard on latency needs [`Guards::min_requests`] of both versions, for a quantile of few says little.
pub fn judge(guards: &Guards, stage: &Stage, stage_secs: f64, looks: &mut Looks) -> Verdict {
    let (canary, reference) = (stage.canary, stage.primary_so_far);
    if is_broken(canary, reference) {
        return Verdict::RollBack(format!("{} of its requests failed.", percent(canary.share())));
    }
    if canary.requests < guards.min_requests {
        return Verdict::Stay(format!("{} of {} requests seen.", canary.requests, guards.min_requests));
    }
    if let Some(found) = looks.look(guards, stage.stages, canary, reference) {
        return too_many(guards, canary, reference, found);
    }
    if let (Some(mine), Some(other)) = (stage.canary_p95, stage.primary_p95)
        && stage.primary.requests >= guards.min_requests
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
    match last_look(guards, stage.stages, canary, reference) {
        Some(found) => too_many(guards, canary, reference, found),
        None => Verdict::Advance,
    }
}

fn too_many(guards: &Guards, canary: Counts, reference: Counts, found: TooMany) -> Verdict {
    Verdict::RollBack(format!(
        "{} of its {} requests failed, {} above the other version; {} is allowed, and chance does not explain it (p = {:.2e}, {:.2e} is \
         the bound at this look).",
        percent(canary.share()),
        canary.requests,
        percent(canary.share() - reference.share()),
        percent(guards.max_error_ratio_above),
        found.p,
        found.level
    ))
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Stage = Stage {
        secs: 61.0,
        stages: 4,
        canary: Counts { requests: 100, failures: 0 },
        primary: Counts { requests: 1000, failures: 0 },
        primary_so_far: Counts { requests: 1000, failures: 0 },
        canary_p95: Some(0.010),
        primary_p95: Some(0.010),
        drift: Some(0.01),
        drift_waits: false,
    };

    fn of(stage: Stage) -> Verdict {
        judge(&Guards::default(), &stage, 60.0, &mut Looks::default())
    }

    fn failing(failures: u64, requests: u64) -> Stage {
        Stage { canary: Counts { requests, failures }, ..GOOD }
    }

    #[test]
    fn each_guard_ends_it_and_nothing_else_does() {
        assert_eq!(of(GOOD), Verdict::Advance);
        assert!(matches!(of(Stage { secs: 59.0, ..GOOD }), Verdict::Stay(_)));
        assert!(matches!(of(failing(0, 49)), Verdict::Stay(_)));
        assert!(matches!(of(failing(4, 100)), Verdict::RollBack(_)));
        assert_eq!(of(failing(1, 50)), Verdict::Advance, "one of fifty is chance");
        let alike = Counts { requests: 1000, failures: 40 };
        assert_eq!(of(Stage { primary_so_far: alike, ..failing(4, 100) }), Verdict::Advance);
        assert!(matches!(of(Stage { canary_p95: Some(0.0151), ..GOOD }), Verdict::RollBack(_)));
        let few = Counts { requests: 10, failures: 0 };
        assert_eq!(of(Stage { canary_p95: Some(0.02), primary: few, ..GOOD }), Verdict::Advance);
        assert!(matches!(of(Stage { drift: Some(0.3), ..GOOD }), Verdict::RollBack(_)));
        assert!(matches!(of(Stage { drift: None, drift_waits: true, ..GOOD }), Verdict::Stay(_)));
        assert_eq!(of(Stage { drift: None, canary_p95: None, ..GOOD }), Verdict::Advance);
    }

    #[test]
    fn a_broken_version_goes_early() {
        assert!(matches!(of(failing(5, 6)), Verdict::RollBack(_)));
        assert!(matches!(of(failing(3, 6)), Verdict::Stay(_)), "unlucky");
    }

    #[test]
    fn the_end_of_a_stage_is_a_look_of_its_own() {
        let mut looks = Looks::default();
        let mut seen = |stage: Stage| judge(&Guards::default(), &stage, 60.0, &mut looks);
        assert!(matches!(seen(Stage { secs: 30.0, ..failing(0, 50) }), Verdict::Stay(_)));
        // The next look comes with 100 requests: until then, only the stage's end is one.
        assert!(matches!(seen(Stage { secs: 59.0, ..failing(4, 99) }), Verdict::Stay(_)));
        assert!(matches!(seen(failing(4, 99)), Verdict::RollBack(_)));
    }
}
