//! Asking for the next piece of work, and telling what came of one.

use orrery_domain::search::{Course, Rung, Sampler, Trial, TrialState};

use super::{evolve, rng::Rng, schedule, tpe};

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A new trial, of that number.
    Start(u32),
    /// A waiting trial goes on to its next rung.
    GoOn(u32),
    /// Nothing until something in training was told.
    Wait,
    /// Everything was tried.
    Done,
}

/// Chooses what is done next, and counts it as in training.
pub fn ask(course: &mut Course) -> Next {
    if let Some(number) = schedule::promoted(course) {
        return go_on(course, number);
    }
    let number = u32::try_from(course.trials.len()).unwrap_or(u32::MAX);
    if number < course.plan.trials {
        let values = sample(course, number);
        let bracket = schedule::bracket(&course.plan, number);
        course.trials.push(Trial {
            number,
            values,
            bracket,
            rung: bracket,
            state: TrialState::Running,
            reached: Vec::new(),
            quality: None,
            row_secs: None,
            bytes: None,
            secs: None,
            run: None,
            why: None,
        });
        return Next::Start(number);
    }
    if course.count(TrialState::Running) > 0 {
        return Next::Wait;
    }
    match schedule::last_resort(course).filter(|_| course.count(TrialState::Finished) == 0) {
        Some(number) => go_on(course, number),
        None => Next::Done,
    }
}

fn go_on(course: &mut Course, number: u32) -> Next {
    if let Some(trial) = course.trials.get_mut(number as usize) {
        trial.state = TrialState::Running;
        trial.rung += 1;
    }
    Next::GoOn(number)
}

fn sample(course: &Course, number: u32) -> orrery_domain::search::Values {
    let mut rng = Rng::new(course.plan.seed, u64::from(number));
    match course.plan.sampler {
        Sampler::Random => tpe::random(&course.space, &mut rng),
        Sampler::Tpe => tpe::sample(course, true, &mut rng),
        Sampler::IndependentTpe => tpe::sample(course, false, &mut rng),
        Sampler::Evolution => evolve::sample(course, &mut rng),
    }
}

/// A trial reached its rung with that validation loss and waits.
pub fn reach(course: &mut Course, number: u32, loss: f64) {
    if let Some(trial) = course.trials.get_mut(number as usize) {
        trial.state = TrialState::Waiting;
        trial.reached.retain(|reached| reached.rung != trial.rung);
        let loss = if loss.is_nan() { f64::MAX } else { loss.clamp(f64::MIN, f64::MAX) };
        trial.reached.push(Rung { rung: trial.rung, loss });
    }
}

/// A trial was trained to its end; its quality is in the metric's own unit. One without a quality counts as failed.
pub fn finish(course: &mut Course, number: u32, quality: Option<f64>) {
    let Some(trial) = course.trials.get_mut(number as usize) else { return };
    match quality.filter(|quality| quality.is_finite()) {
        Some(quality) => {
            trial.state = TrialState::Finished;
            trial.quality = Some(quality);
        }
        None => fail(course, number, "Its quality is not defined on the validation rows."),
    }
}

/// A trial could not be trained.
pub fn fail(course: &mut Course, number: u32, why: &str) {
    if let Some(trial) = course.trials.get_mut(number as usize) {
        trial.state = TrialState::Failed;
        trial.why = Some(why.to_owned());
    }
}

/// A trial whose training never began, taken back: asking again gives the same values.
pub fn restore(course: &mut Course) {
    while course.trials.last().is_some_and(|trial| trial.state == TrialState::Running && trial.run.is_none())
    {
        course.trials.pop();
    }
}

/// Whether the best trial is as good as was wished.
pub fn is_enough(course: &Course) -> bool {
    let Some(goal) = course.plan.goal else { return false };
    let quality = course.best().and_then(|trial| trial.quality);
    quality.is_some_and(|quality| if course.plan.maximize { quality >= goal } else { quality <= goal })
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_domain::search::{Limits, Parameter, Plan, Range, Schedule, Space, Value};

    fn space() -> Space {
        let float = |name: &str| Parameter {
            name: name.into(),
            range: Range::Float { low: -1.0, high: 1.0, log: false },
            only: Vec::new(),
        };
        Space(vec![float("x"), float("y")])
    }

    fn loss(trial: &Trial) -> f64 {
        let of = |name: &str| trial.values[name].number().expect("a number");
        of("x").powi(2) + of("y").powi(2)
    }

    /// Runs a course to its end with `at_once` in training at a time, the oldest told first.
    fn run(course: &mut Course, at_once: usize) -> Vec<Next> {
        let (mut steps, mut going) = (Vec::new(), std::collections::VecDeque::new());
        let top = course.plan.shares().len() as u32 - 1;
        loop {
            let next = if going.len() < at_once { ask(course) } else { Next::Wait };
            match next {
                Next::Start(number) | Next::GoOn(number) => {
                    going.push_back(number);
                    steps.push(next);
                }
                Next::Done => return steps,
                Next::Wait => {
                    let number = going.pop_front().expect("something is in training");
                    let trial = &course.trials[number as usize];
                    let (loss, rung) = (loss(trial), trial.rung);
                    if rung == top {
                        finish(course, number, Some(loss));
                    } else {
                        reach(course, number, loss);
                    }
                }
            }
        }
    }

    #[test]
    fn every_sampler_stays_in_the_space_and_the_clever_ones_beat_chance() {
        let best = |sampler, seed| {
            let plan = Plan { sampler, trials: 100, seed, ..Plan::default() };
            let mut course = Course::new(space(), plan);
            run(&mut course, 1);
            assert_eq!(course.count(TrialState::Finished), 100);
            for trial in &course.trials {
                assert!(course.space.0.iter().all(|it| it.range.holds(&trial.values[&it.name])));
            }
            course.best().and_then(|trial| trial.quality).expect("finished")
        };
        let mean = |sampler| (0..10).map(|seed| best(sampler, seed)).sum::<f64>() / 10.0;
        let random = mean(Sampler::Random);
        for sampler in [Sampler::Tpe, Sampler::IndependentTpe, Sampler::Evolution] {
            assert!(mean(sampler) < 0.6 * random, "{sampler:?} {} {random}", mean(sampler));
        }
    }

    #[test]
    fn asha_trains_a_third_of_each_rung_further() {
        let plan = Plan { schedule: Schedule::Asha, sampler: Sampler::Random, trials: 27, ..Plan::default() };
        let mut course = Course::new(space(), plan);
        run(&mut course, 4);
        let reached = |rung| {
            course.trials.iter().filter(|it| it.reached.iter().any(|reached| reached.rung == rung)).count()
        };
        assert_eq!(reached(0), 27);
        // Asynchronous: at least the best third, and what was among them when it was asked.
        assert!((9..=14).contains(&reached(1)), "{}", reached(1));
        assert!(course.count(TrialState::Finished) >= 3);
        let best = course.trials.iter().map(loss).fold(f64::INFINITY, f64::min);
        assert_eq!(course.best().and_then(|trial| trial.quality), Some(best), "the best always goes on");
    }

    #[test]
    fn few_trials_end_with_one_that_is_finished() {
        for schedule in [Schedule::Asha, Schedule::Hyperband] {
            for trials in 1..6 {
                let plan = Plan { schedule, trials, ..Plan::default() };
                let mut course = Course::new(space(), plan);
                run(&mut course, 2);
                assert!(course.best().is_some(), "{schedule:?} {trials}");
            }
        }
    }

    #[test]
    fn a_course_that_was_read_back_goes_on_as_it_would_have() {
        let plan = Plan { trials: 30, schedule: Schedule::Hyperband, ..Plan::default() };
        let mut whole = Course::new(space(), plan.clone());
        run(&mut whole, 1);
        let mut first = Course::new(space(), Plan { trials: 17, ..plan });
        run(&mut first, 1);
        let text = serde_json::to_string(&first).expect("JSON");
        let mut again: Course = serde_json::from_str(&text).expect("reads back");
        assert_eq!(again, first);
        again.plan.trials = 30;
        run(&mut again, 1);
        let values = |course: &Course| course.trials.iter().map(|it| it.values.clone()).collect::<Vec<_>>();
        assert_eq!(values(&again)[..17], values(&whole)[..17]);
        assert_eq!(again.trials.len(), 30);
        assert!(again.best().and_then(|it| it.quality) <= first.best().and_then(|it| it.quality));
    }

    #[test]
    fn what_is_over_the_limits_is_never_the_best() {
        let limits = Limits { row_secs: Some(1e-3), bytes: Some(1000) };
        let mut course = Course::new(space(), Plan { limits, trials: 4, ..Plan::default() });
        for (quality, row_secs, bytes) in [
            (1.0, Some(2e-3), Some(10)),
            (2.0, Some(1e-4), Some(2000)),
            (3.0, Some(1e-4), Some(999)),
            (0.5, None, Some(10)),
        ] {
            let Next::Start(number) = ask(&mut course) else { panic!("a new one") };
            finish(&mut course, number, Some(quality));
            let trial = &mut course.trials[number as usize];
            (trial.row_secs, trial.bytes) = (row_secs, bytes);
        }
        assert_eq!(course.best().map(|trial| trial.number), Some(2));
        assert_eq!(course.best_so_far(), [(0, None), (1, None), (2, Some(3.0)), (3, Some(3.0))]);
        assert_eq!(course.front(), [0, 1, 2], "what was not measured is on no front");
        course.plan.goal = Some(3.0);
        assert!(is_enough(&course));
    }

    #[test]
    fn failed_trials_count_and_are_not_repeated() {
        let mut course = Course::new(space(), Plan { trials: 3, ..Plan::default() });
        for _ in 0..3 {
            let Next::Start(number) = ask(&mut course) else { panic!("a new one") };
            finish(&mut course, number, Some(f64::NAN));
        }
        assert_eq!((course.count(TrialState::Failed), ask(&mut course)), (3, Next::Done));
        assert!(course.best().is_none());
        // One that never began is taken back, and comes out the same.
        course.plan.trials = 4;
        let Next::Start(number) = ask(&mut course) else { panic!("a new one") };
        let values = course.trials[number as usize].values.clone();
        restore(&mut course);
        assert_eq!(course.trials.len(), 3);
        assert_eq!(ask(&mut course), Next::Start(3));
        assert_eq!(course.trials[3].values, values);
        assert!(matches!(values["x"], Value::Float(_)));
    }
}
