//! Plans of rollouts: which ones may be asked for, and how much longer one may take than promised.

use orrery_domain::fleet::{Guards, RolloutPlan};

/// Seconds that a canary's stage may wait for enough requests beyond its own length, before a rollout gives up watching.
pub const PATIENCE_SECS: f64 = 3600.0;

/// Why a plan cannot be carried out as it is; `None` where it can.
pub fn refusal(plan: &RolloutPlan) -> Option<String> {
    let stages = &plan.stages;
    if stages.last() != Some(&100) {
        return Some("The last stage must be 100 percent.".to_owned());
    }
    if stages.len() > 20 || stages.iter().any(|&percent| percent == 0 || percent > 100) {
        return Some("Stages are 1 to 20 percents from 1 to 100.".to_owned());
    }
    if stages.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Some("Each stage must be larger than the one before.".to_owned());
    }
    if !(1.0..=86_400.0).contains(&plan.stage_secs) {
        return Some("A stage lasts 1 to 86,400 seconds.".to_owned());
    }
    guards_refusal(&plan.guards).map(str::to_owned)
}

/// Why guards cannot be as they are; `None` where they can.
pub fn guards_refusal(guards: &Guards) -> Option<&'static str> {
    if !(0.0..=1.0).contains(&guards.max_error_ratio_above) {
        return Some("The guard on errors is a share from 0 to 1.");
    }
    if !(1e-6..=0.5).contains(&guards.significance_level) {
        return Some("The significance level is a chance from 0.000001 to 0.5.");
    }
    if !(1.0..=100.0).contains(&guards.max_p95_ratio) {
        return Some("The guard on latency is a ratio from 1 to 100.");
    }
    if !(0.0..=10.0).contains(&guards.max_drift) {
        return Some("The guard on drift is an index from 0 to 10.");
    }
    if !(1..=1_000_000).contains(&guards.min_requests) {
        return Some("A stage needs 1 to 1,000,000 requests before it is judged.");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_domain::ModelRef;

    #[test]
    fn plans_are_checked_field_by_field() {
        let model = ModelRef { name: "m".to_owned(), version: 1 };
        let good = RolloutPlan::new(model);
        assert_eq!(refusal(&good), None);
        let with = |change: fn(&mut RolloutPlan)| {
            let mut plan = good.clone();
            change(&mut plan);
            refusal(&plan)
        };
        assert!(with(|plan| plan.stages = vec![]).is_some());
        assert!(with(|plan| plan.stages = vec![1, 50]).is_some());
        assert!(with(|plan| plan.stages = vec![50, 5, 100]).is_some());
        assert!(with(|plan| plan.stages = vec![0, 100]).is_some());
        assert!(with(|plan| plan.stages = vec![100]).is_none());
        assert!(with(|plan| plan.stage_secs = f64::NAN).is_some());
        assert!(with(|plan| plan.guards = Guards { max_p95_ratio: 0.5, ..Guards::default() }).is_some());
        assert!(with(|plan| plan.guards = Guards { min_requests: 0, ..Guards::default() }).is_some());
        assert!(with(|plan| plan.guards = Guards { significance_level: 0.0, ..Guards::default() }).is_some());
        assert!(with(|plan| plan.guards = Guards { max_drift: f64::NAN, ..Guards::default() }).is_some());
    }
}
