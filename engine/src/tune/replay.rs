//! Replay: the search on a surface that was measured by brute force, beside as many settings drawn at random.

use orrery_domain::tune::{Goals, Replay, Surface};

use orrery_policy::traffic::{Random as _, SplitMix64};

use super::Searcher;

/// Replays a search of `measurements` settings with `seeds` seeds. `None` where no setting keeps the bounds: there is no optimum.
pub fn replay(surface: &Surface, goals: &Goals, measurements: usize, seeds: u64) -> Option<Replay> {
    let (_, optimum) = surface.optimum(goals)?;
    let turned = surface.turned();
    let mut found = Replay {
        surface: surface.title.clone(),
        goals: goals.clone(),
        settings: surface.space.len(),
        measurements,
        optimum,
        shares: Vec::new(),
        random: Vec::new(),
        judged: Vec::new(),
        random_judged: Vec::new(),
    };
    for seed in 0..seeds {
        found.shares.push(share(surface, goals, &searched(surface, goals, measurements, seed)));
        found.random.push(share(surface, goals, &drawn(surface, measurements, seed)));
        // Each of the two measurements is searched as often as it judges.
        let Some(turned) = &turned else { continue };
        let searches = if seed % 2 == 0 { surface } else { turned };
        found.judged.extend(judged(searches, goals, &searched(searches, goals, measurements, seed)));
        found.random_judged.extend(judged(searches, goals, &drawn(searches, measurements, seed)));
    }
    Some(found)
}

/// As many settings drawn at random.
fn drawn(surface: &Surface, measurements: usize, seed: u64) -> Vec<usize> {
    let mut all: Vec<usize> = (0..surface.space.len()).collect();
    SplitMix64::new(seed).shuffle(&mut all);
    all.truncate(measurements);
    all
}

/// The best of some settings, and its objective; `None` where none keeps the bounds.
fn best(surface: &Surface, goals: &Goals, numbers: &[usize]) -> Option<(usize, f64)> {
    let worths = numbers.iter().filter_map(|number| {
        let figures = surface.at(*number);
        let worth = goals.worth(&figures)?;
        Some((*number, worth, figures[&goals.objective].value))
    });
    let best = worths.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    Some((best.0, best.2))
}

/// How much of the recorded optimum the best of some settings is.
fn share(surface: &Surface, goals: &Goals, numbers: &[usize]) -> f64 {
    let (Some((_, value)), Some((_, optimum))) = (best(surface, goals, numbers), surface.optimum(goals))
    else {
        return 0.0;
    };
    goals.share(value, optimum)
}

/// The best of some settings over the best of all, both by the second measurement; `None` where nothing keeps the bounds at all.
fn judged(surface: &Surface, goals: &Goals, numbers: &[usize]) -> Option<f64> {
    let (brute, _) = surface.optimum(goals)?;
    let value = |number| surface.judged(number, goals.objective);
    let optimum = value(brute)?;
    let Some(found) = best(surface, goals, numbers).and_then(|(number, _)| value(number)) else {
        return Some(0.0);
    };
    Some(if goals.objective.more_is_better() { found / optimum } else { optimum / found })
}

/// Numbers of the settings that a search measures, in order.
pub fn searched(surface: &Surface, goals: &Goals, measurements: usize, seed: u64) -> Vec<usize> {
    let mut searcher = Searcher::new(surface.space.clone(), goals.clone(), measurements, seed);
    let mut asked = Vec::new();
    while let Some(number) = searcher.ask() {
        let figures = surface.at(number);
        searcher.tell(number, (!figures.is_empty()).then_some(&figures));
        asked.push(number);
    }
    asked
}

#[cfg(test)]
mod tests {
    use orrery_domain::{
        ModelRef,
        tune::{Figure, Limit, TuneSpace, Workload},
    };

    use super::*;

    /// A server as a queue: batches fill within the delay, cost a fixed and a row's time, and instances share the cores. `noise` is
    /// the standard deviation of the logarithm, about.
    fn queue(cores: f64, fixed: f64, row: f64, noise: f64) -> Surface {
        let version = |version| ModelRef { name: "m".to_owned(), version };
        let mut space = TuneSpace::of(vec![version(1), version(2)], 4);
        space.instances.pop();
        space.delay_micros.pop();
        let mut draw = SplitMix64::new(7);
        let mut jitter = || {
            let sum: f64 = (0..12).map(|_| draw.unit()).sum();
            ((sum - 6.0) * noise).exp()
        };
        let cells = (0..space.len())
            .map(|number| {
                let setting = space.setting(number);
                let serving = setting.serving;
                let row = if setting.model.version == 2 { row * 0.6 } else { row };
                let (clients, rows) = (32.0, 4.0);
                let busy = f64::from(serving.instances * serving.threads);
                let slowed = (busy / cores).max(1.0).powf(0.9) * f64::from(serving.instances).powf(0.15);
                let delay = serving.delay_micros as f64 * 1e-6;
                let batch = (clients * rows / f64::from(serving.instances))
                    .min(f64::from(serving.batch_rows).max(rows));
                let waits = if batch >= f64::from(serving.batch_rows) { delay * 0.1 } else { delay };
                let speed_up = f64::from(serving.threads).min(1.0 + batch / 64.0).powf(0.8);
                let secs = (fixed + row * batch / speed_up) * slowed;
                let throughput = f64::from(serving.instances) * batch / (secs + waits);
                let p95 = 1.3 * clients * rows / throughput;
                let memory = 3e7 * (1.0 + 0.2 * busy) + 4e3 * batch;
                vec![throughput * jitter(), p95 * jitter(), memory, busy.min(cores) * jitter()]
            })
            .collect();
        Surface {
            title: format!("queue of {cores} cores, {fixed} s and {row} s a row"),
            machine: String::new(),
            space,
            workload: Workload::default(),
            figures: vec![Figure::Throughput, Figure::P95, Figure::Memory, Figure::Cpu],
            cells,
            noisy: Vec::new(),
            again: Vec::new(),
        }
    }

    fn goals(surface: &Surface, cores: f64) -> [Goals; 3] {
        let limit = |figure, share| Limit { figure, bound: surface.quantile(figure, share).expect("values") };
        [
            Goals::default(),
            Goals { objective: Figure::Throughput, limits: vec![limit(Figure::Memory, 0.3)] },
            Goals { objective: Figure::P95, limits: vec![Limit { figure: Figure::Cpu, bound: cores * 0.7 }] },
        ]
    }

    #[test]
    fn few_measurements_find_nearly_the_best_of_made_up_queues() {
        for (cores, fixed, row, noise) in [
            (2.0, 1e-4, 2e-6, 0.0),
            (4.0, 5e-4, 1e-5, 0.01),
            (2.0, 2e-5, 5e-5, 0.02),
            (8.0, 1e-3, 1e-6, 0.01),
        ] {
            let surface = queue(cores, fixed, row, noise);
            assert_eq!(surface.refusal(), None);
            let measurements = surface.space.len() * 8 / 100;
            for goals in goals(&surface, cores) {
                let found = replay(&surface, &goals, measurements, 3).expect("an optimum");
                let (mean, random) = (Replay::mean(&found.shares), Replay::mean(&found.random));
                assert!(mean >= 0.97, "{}, {}: {:?}", found.surface, goals.words(), found.shares);
                assert!(mean >= random, "{}, {}: random {random}", found.surface, goals.words());
            }
        }
    }

    #[test]
    fn a_choice_is_judged_by_the_measurement_that_did_not_make_it() {
        let mut surface = queue(2.0, 1e-4, 2e-6, 0.0);
        surface.again.clone_from(&surface.cells);
        let all = surface.space.len();
        let found = replay(&surface, &Goals::default(), all, 4).expect("an optimum");
        assert_eq!((found.judged, found.random_judged), (vec![1.0; 4], vec![1.0; 4]));
        // The best by the first is worth half of the rest by the second.
        let (best, _) = surface.optimum(&Goals::default()).expect("one");
        for (number, cell) in surface.again.iter_mut().enumerate() {
            cell[0] = if number == best { 50.0 } else { 100.0 };
        }
        let numbers: Vec<usize> = (0..all).filter(|number| *number != best).collect();
        assert_eq!(judged(&surface, &Goals::default(), &numbers), Some(2.0));
        assert_eq!(judged(&surface, &Goals::default(), &[best]), Some(1.0));
        assert_eq!(judged(&surface, &Goals::default(), &[]), Some(0.0));
        surface.again.pop();
        assert!(surface.refusal().is_some());
    }

    #[test]
    fn a_search_goes_on_from_what_it_was_told_as_if_it_had_never_ended() {
        let surface = queue(4.0, 5e-4, 1e-5, 0.01);
        let whole = searched(&surface, &Goals::default(), 20, 3);
        assert_eq!(whole.len(), 20);
        let mut unique = whole.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), 20, "nothing is measured twice");
        let mut searcher = Searcher::new(surface.space.clone(), Goals::default(), 20, 3);
        for number in &whole[..9] {
            searcher.tell(*number, Some(&surface.at(*number)));
        }
        let kept = serde_json::to_string(&searcher).expect("JSON");
        let again: Searcher = serde_json::from_str(&kept).expect("reads back");
        assert_eq!(again.ask(), Some(whole[9]));
        assert_ne!(whole, searched(&surface, &Goals::default(), 20, 4), "another seed, other settings");
    }

    #[test]
    fn settings_that_fail_and_bounds_that_nothing_keeps_do_not_end_it() {
        let mut surface = queue(2.0, 1e-4, 2e-6, 0.0);
        for number in (0..surface.cells.len()).step_by(3) {
            surface.cells[number].clear();
        }
        let found = replay(&surface, &Goals::default(), 40, 3).expect("an optimum");
        assert!(Replay::mean(&found.shares) > 0.9, "{:?}", found.shares);
        let limit = Limit { figure: Figure::P95, bound: 1e-12 };
        let never = Goals { objective: Figure::Throughput, limits: vec![limit] };
        assert!(replay(&surface, &never, 10, 1).is_none());
        assert_eq!(searched(&surface, &never, 10, 1).len(), 10);
        surface.cells.iter_mut().for_each(Vec::clear);
        assert_eq!(searched(&surface, &Goals::default(), 10, 1).len(), 10);
        let all = surface.space.len();
        assert_eq!(
            searched(&surface, &Goals::default(), all + 5, 1).len(),
            all,
            "it ends when all is measured"
        );
    }
}
