//! Schedules: which waiting trial goes on, and with which share of a training a new one begins.
//!
//! ASHA (Li et al. 2018, "A system for massively parallel hyperparameter tuning", algorithm 2): of the trials that reached a rung, the
//! best third goes on, as soon as it is known to be one. Hyperband (Li et al. 2017) runs it in brackets that begin higher and higher,
//! in the proportions of its algorithm 1.

use orrery_domain::search::{Course, Plan, Schedule, Trial, TrialState};

/// The rung that a new trial begins with.
pub fn bracket(plan: &Plan, number: u32) -> u32 {
    match plan.schedule {
        Schedule::Full | Schedule::Asha => 0,
        Schedule::Hyperband => {
            let sizes = sizes(plan.rungs);
            let mut place = number % sizes.iter().sum::<u32>();
            for (bracket, size) in (0_u32..).zip(sizes) {
                if place < size {
                    return bracket;
                }
                place -= size;
            }
            0
        }
    }
}

/// Trials of each bracket in one round of Hyperband, the one with the most halvings first.
fn sizes(rungs: u32) -> Vec<u32> {
    (0..rungs).rev().map(|halvings| (rungs * Plan::ETA.pow(halvings)).div_ceil(halvings + 1)).collect()
}

/// Those of a bracket that reached a rung, the best first.
fn at_rung(course: &Course, bracket: u32, rung: u32) -> Vec<(&Trial, f64)> {
    let reached = |trial: &Trial| trial.reached.iter().find(|reached| reached.rung == rung).map(|it| it.loss);
    let mut all: Vec<(&Trial, f64)> = course
        .trials
        .iter()
        .filter(|trial| trial.bracket == bracket)
        .filter_map(|trial| Some((trial, reached(trial)?)))
        .collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1));
    all
}

fn waits(trial: &Trial, rung: u32) -> bool {
    trial.state == TrialState::Waiting && trial.rung == rung
}

/// The trial that goes on to its next rung, if one is good enough; the furthest first.
pub fn promoted(course: &Course) -> Option<u32> {
    let top = course.plan.shares().len() as u32 - 1;
    (0..top).rev().find_map(|rung| {
        (0..=rung).find_map(|bracket| {
            let all = at_rung(course, bracket, rung);
            let best = all.len() / Plan::ETA as usize;
            all[..best].iter().find(|(trial, _)| waits(trial, rung)).map(|(trial, _)| trial.number)
        })
    })
}

/// Where nothing is left to start and nothing was trained to its end: the best of the furthest.
pub fn last_resort(course: &Course) -> Option<u32> {
    let waiting = course.trials.iter().filter(|trial| trial.state == TrialState::Waiting);
    waiting
        .filter_map(|trial| Some((trial, trial.reached.last()?)))
        .min_by(|(_, a), (_, b)| b.rung.cmp(&a.rung).then(a.loss.total_cmp(&b.loss)))
        .map(|(trial, _)| trial.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyperband_has_the_brackets_of_its_paper() {
        // Table 1 of the paper: R = 81, eta = 3.
        assert_eq!(sizes(5), [81, 34, 15, 8, 5]);
        assert_eq!(sizes(3), [9, 5, 3]);
        let plan = Plan { schedule: Schedule::Hyperband, ..Plan::default() };
        let first: Vec<u32> = (0..18).map(|number| bracket(&plan, number)).collect();
        assert_eq!(first, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 0]);
        let shares = plan.shares();
        assert!((shares[0] - 1.0 / 9.0).abs() < 1e-12 && (shares[2] - 1.0).abs() < 1e-12);
    }
}
