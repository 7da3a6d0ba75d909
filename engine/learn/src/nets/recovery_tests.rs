//! What a fit survives: damaged checkpoints, numbers that go wrong, memory that ends, a lost device, a full disk.

use std::path::{Path, PathBuf};

use orrery_domain::{FailureClass, job::JobEvent, run::RunState};

use super::{
    batch::Noise,
    checkpoint::{self, Checkpoint, State},
    optimizer::Slots,
    tests::{Script, fitted, folder, put, rows, run, settings, small},
    *,
};
use crate::control::{Interrupt, Unwatched, Wish};

/// A checkpoint of a small network at a step, its values told by the step.
fn checkpoint_at(step: u64) -> Checkpoint {
    let arch = small(Family::Mlp, 1);
    let slots = Slots::new(&arch, initial_weights(&arch, step), settings(1).optimizer);
    let best = initial_weights(&arch, step);
    Checkpoint { state: State { fingerprint: "this".into(), step, ..State::default() }, slots, best }
}

/// Checkpoint files, the oldest first.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("the folder is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

/// The bytes of a checkpoint with one thing wrong, by turns: a flipped bit, a cut, nothing at all, a tensor of another
/// shape, numbers that are not finite, another file's bytes.
fn damage(turn: usize, bytes: &[u8], noise: &mut Noise) -> Vec<u8> {
    let place = (noise.uniform() * bytes.len() as f64) as usize;
    match turn % 6 {
        0 | 1 => {
            let mut bytes = bytes.to_vec();
            bytes[place] ^= 1 << (turn % 8);
            bytes
        }
        2 => bytes[..place].to_vec(),
        3 if turn % 4 == 3 => Vec::new(),
        3 => b"not a checkpoint".to_vec(),
        4 => {
            let mut other = checkpoint_at(2);
            other.slots.0[turn % 3].shape.push(1);
            other.slots.0[turn % 3].shape[0] += 1;
            let extra = other.slots.0[turn % 3].shape.iter().product::<usize>();
            other.slots.0[turn % 3].value.resize(extra, 0.0);
            other.slots.0[turn % 3].first.resize(extra, 0.0);
            other.slots.0[turn % 3].second.resize(extra, 0.0);
            other.to_bytes().expect("bytes")
        }
        _ => {
            let mut other = checkpoint_at(2);
            other.slots.0[0].value[0] = f32::NAN;
            other.to_bytes().expect("bytes")
        }
    }
}

#[test]
fn two_hundred_damaged_checkpoints_fall_back_to_the_one_before() {
    let dir = folder();
    let (first, second) = (checkpoint_at(1), checkpoint_at(2));
    for checkpoint in [&first, &second] {
        checkpoint::write(dir.path(), checkpoint, &Unwatched).expect("written");
    }
    let newest = files(dir.path()).pop().expect("two");
    let sound = std::fs::read(&newest).expect("readable");
    let mut noise = Noise::new(3, 99, 0);
    for turn in 0..200 {
        put(&newest, &damage(turn, &sound, &mut noise));
        let (found, warnings) = checkpoint::latest(dir.path(), "this", &second.slots);
        assert_eq!(found.as_ref(), Some(&first), "damage {turn}");
        assert_eq!(warnings.len(), 1, "it is said once: {warnings:?}");
        let place = dir.path().to_string_lossy();
        assert!(warnings[0].contains("damaged") && !warnings[0].contains(&*place), "{warnings:?}");
        // Not so for numbers that are not finite: the file is whole.
        let step = if turn % 6 >= 4 { 2 } else { 1 };
        assert_eq!(checkpoint::step(dir.path()), step, "damage {turn}");
    }
    put(&newest, &sound);
    assert_eq!(checkpoint::latest(dir.path(), "this", &second.slots), (Some(second), Vec::new()));
}

#[test]
fn what_a_kill_left_half_written_is_removed() {
    let dir = folder();
    put(&dir.path().join(".tmpAb12"), b"half");
    checkpoint::write(dir.path(), &checkpoint_at(1), &Unwatched).expect("written");
    checkpoint::latest(dir.path(), "this", &checkpoint_at(1).slots);
    assert_eq!(files(dir.path()).len(), 1);
}

/// More passes than one give the same losses: the rows, the masks and the sums are those of the whole batch.
#[test]
fn a_batch_in_parts_trains_as_a_whole_one() {
    let ((x, y), (vx, vy)) = (rows(200, 1), rows(100, 2));
    let weight: Vec<f32> = (0..200).map(|row| 0.5 + (row % 3) as f32 * 0.5).collect();
    for family in [Family::Mlp, Family::Resnet, Family::Tabm] {
        let arch = small(family, 1);
        let fits = [1, 3, 32].map(|passes| {
            let train = Rows { x: &x, y: &y, weight: Some(&weight) };
            let valid = Rows { x: &vx, y: &vy, weight: None };
            let means = Means { passes, ..orrery_domain::device::DeviceChoice::Cpu.into() };
            let dir = folder();
            fitted(&arch, train, valid, &settings(3), means, dir.path(), &Unwatched).expect("it trains")
        });
        for fit in &fits[1..] {
            let apart = (fit.best_valid_loss - fits[0].best_valid_loss).abs();
            assert!(apart < 1e-6, "{family:?}: {apart:.1e}");
        }
    }
}

#[cfg(feature = "fault-injection")]
mod injected {
    use super::*;
    use crate::faults::planned;

    fn warnings(listener: &Script) -> String {
        let said = listener.said().into_iter();
        said.filter_map(|event| if let JobEvent::Warning { message } = event { Some(message) } else { None })
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The learning rate of the last step.
    fn last_rate(listener: &Script) -> Option<f64> {
        let mut rates = listener.said().into_iter().filter_map(|event| {
            let JobEvent::Points { series } = event else { return None };
            let rate = series.into_iter().find(|(id, _)| *id == orrery_domain::run::SeriesId::LearningRate);
            rate.map(|(_, point)| point.value)
        });
        rates.next_back()
    }

    fn listener() -> Script {
        Script::new(|_| Wish::Continue)
    }

    #[test]
    fn a_loss_that_is_not_finite_goes_back_once_with_half_the_rate() {
        let (arch, settings) = (small(Family::Mlp, 1), settings(3));
        let (dir, heard) = (folder(), listener());
        let fitted = planned("nan-loss@step:9", || run(&arch, &settings, dir.path(), &heard));
        assert_eq!(fitted.expect("it goes on").steps, 18);
        let said = heard.said();
        let back = said.iter().position(|event| *event == JobEvent::RolledBack { step: 6 });
        assert!(back.is_some_and(|back| back > 0), "to the end of the first epoch: {said:?}");
        assert!(warnings(&heard).contains("not finite at step 9"), "{}", warnings(&heard));
        // A second time it fails, also where the first was in another process.
        let (dir, heard) =
            (folder(), Script::new(|asked| if asked == 12 { Wish::Stop } else { Wish::Continue }));
        let stopped = planned("nan-loss@step:9", || run(&arch, &settings, dir.path(), &heard));
        assert_eq!(stopped, Err(Interrupt::Stopped));
        let failed = planned("nan-loss@step:15", || run(&arch, &settings, dir.path(), &listener()));
        let Err(Interrupt::Failed(failure)) = failed else { panic!("it must fail: {failed:?}") };
        assert_eq!(failure.class, FailureClass::Model);
        assert!(failure.message.contains("step 15") && failure.kept.is_some(), "{failure:?}");
        assert_eq!(files(dir.path()).len(), 2, "checkpoints are kept");
    }

    #[test]
    fn one_gradient_that_is_not_finite_costs_the_same_as_a_loss_that_is_not() {
        let settings = settings(3);
        for family in [Family::Mlp, Family::Resnet, Family::Tabm] {
            let arch = small(family, 1);
            let [by_loss, by_gradient] = ["nan-loss@step:9", "nan-gradient@step:9"].map(|fault| {
                let heard = listener();
                let fitted = planned(fault, || run(&arch, &settings, folder().path(), &heard));
                let back: Vec<JobEvent> = heard
                    .said()
                    .into_iter()
                    .filter(|event| matches!(event, JobEvent::RolledBack { .. }))
                    .collect();
                assert_eq!(back, [JobEvent::RolledBack { step: 6 }], "{family:?}, {fault}");
                assert!(warnings(&heard).contains("not finite at step 9"), "{}", warnings(&heard));
                let rate = last_rate(&heard);
                assert_eq!(
                    rate,
                    Some(0.5 * settings.rate(17, 18)),
                    "{family:?}: half of the schedule's rate"
                );
                fitted.expect("it goes on")
            });
            // Caught before the step was taken: nothing of it is in the weights.
            assert_eq!(by_gradient.weights, by_loss.weights, "{family:?}");
            assert!(
                by_gradient.weights.values().all(|(_, values)| values.iter().all(|value| value.is_finite()))
            );
        }
        // The second time it fails, in the same step.
        let (arch, dir) = (small(Family::Mlp, 1), folder());
        let twice = "nan-gradient@step:9,nan-gradient@step:14";
        let failed = planned(twice, || run(&arch, &settings, dir.path(), &listener()));
        let Err(Interrupt::Failed(failure)) = failed else { panic!("it must fail: {failed:?}") };
        assert_eq!(failure.class, FailureClass::Model);
        assert!(failure.message.contains("step 14") && failure.kept.is_some(), "{failure:?}");
        assert_eq!(checkpoint::step(dir.path()), 12, "the checkpoint before it is kept");
    }

    #[test]
    fn before_the_first_checkpoint_it_goes_back_to_the_start() {
        let (dir, heard) = (folder(), listener());
        let fitted =
            planned("nan-loss@step:2", || run(&small(Family::Tabm, 1), &settings(2), dir.path(), &heard));
        assert_eq!(fitted.expect("it goes on").steps, 12);
        assert!(heard.said().contains(&JobEvent::RolledBack { step: 0 }));
    }

    #[test]
    fn memory_that_ends_halves_the_rows_at_once_and_changes_nothing_else() {
        let (arch, settings) = (small(Family::Tabm, 1), settings(3));
        let (whole, parts, heard) = (folder(), folder(), listener());
        let unbroken = run(&arch, &settings, whole.path(), &Unwatched).expect("it trains");
        let starved = planned("out-of-memory@step:3,out-of-memory@step:8", || {
            run(&arch, &settings, parts.path(), &heard)
        });
        let starved = starved.expect("it goes on");
        assert!((starved.best_valid_loss - unbroken.best_valid_loss).abs() < 1e-6);
        assert!(warnings(&heard).contains("16 rows at a time"), "{}", warnings(&heard));
        assert!(warnings(&heard).contains("8 rows at a time"), "{}", warnings(&heard));
        let dir = folder();
        let failed = planned("out-of-memory@step:3+", || run(&arch, &settings, dir.path(), &listener()));
        let Err(Interrupt::Failed(failure)) = failed else { panic!("one row does not fit: {failed:?}") };
        assert_eq!(failure.class, FailureClass::Capacity);
        assert!(failure.kept.is_some_and(|kept| kept.contains("step 2")));
        assert_eq!(checkpoint::step(dir.path()), 2);
    }

    #[test]
    fn a_lost_device_is_replaced_where_that_is_allowed() {
        let (arch, settings) = (small(Family::Mlp, 1), settings(3));
        let dir = folder();
        let failed = planned("lost-device@step:4", || run(&arch, &settings, dir.path(), &listener()));
        let Err(Interrupt::Failed(failure)) = failed else { panic!("it must fail: {failed:?}") };
        assert_eq!(failure.class, FailureClass::Hardware);
        assert!(failure.kept.is_some_and(|kept| kept.contains("step 3") && kept.contains("--device cpu")));
        let (unbroken, resumed) = (
            run(&arch, &settings, folder().path(), &Unwatched),
            run(&arch, &settings, dir.path(), &Unwatched),
        );
        assert_eq!(unbroken.expect("it trains").weights, resumed.expect("it resumes").weights);
        let ((x, y), (vx, vy)) = (rows(200, 1), rows(100, 2));
        let (train, valid) = (Rows { x: &x, y: &y, weight: None }, Rows { x: &vx, y: &vy, weight: None });
        let means = Means { cpu_fallback: true, ..orrery_domain::device::DeviceChoice::Cpu.into() };
        let heard = listener();
        let fitted = planned("lost-device@step:4", || {
            fitted(&arch, train, valid, &settings, means, folder().path(), &heard)
        });
        assert_eq!(fitted.expect("the CPU takes over").device, orrery_domain::device::DeviceChoice::Cpu);
        assert!(warnings(&heard).contains("goes on with the CPU from step 4"), "{}", warnings(&heard));
    }

    /// Fits the test's network on the CPU, which stands in for any device.
    fn fit_with_fallback(
        settings: &FitSettings,
        dir: &Path,
        heard: &Script,
    ) -> Result<FitOutcome, Interrupt> {
        let ((x, y), (vx, vy)) = (rows(200, 1), rows(100, 2));
        let (train, valid) = (Rows { x: &x, y: &y, weight: None }, Rows { x: &vx, y: &vy, weight: None });
        let means = Means { cpu_fallback: true, ..orrery_domain::device::DeviceChoice::Cpu.into() };
        fitted(&small(Family::Mlp, 1), train, valid, settings, means, dir, heard)
    }

    #[test]
    fn a_device_that_does_not_open_is_replaced_where_that_is_allowed() {
        let (settings, heard) = (settings(2), listener());
        let fitted = planned("lost-device@open:1", || fit_with_fallback(&settings, folder().path(), &heard));
        assert_eq!(fitted.expect("the CPU takes over").steps, 12);
        assert!(warnings(&heard).contains("goes on with the CPU"), "{}", warnings(&heard));
        let (arch, dir) = (small(Family::Mlp, 1), folder());
        let failed = planned("lost-device@open:1", || run(&arch, &settings, dir.path(), &listener()));
        let Err(Interrupt::Failed(failure)) = failed else { panic!("it must fail: {failed:?}") };
        assert_eq!(failure.class, FailureClass::Hardware);
        assert!(failure.kept.is_some_and(|kept| kept.contains("--device cpu")));
    }

    /// The validation losses that were said, with their steps.
    fn validations(listener: &Script) -> Vec<(u64, f64)> {
        let mut found = Vec::new();
        for event in listener.said() {
            let JobEvent::Points { series } = event else { continue };
            let valid = series.into_iter().filter(|(id, _)| *id == orrery_domain::run::SeriesId::ValidLoss);
            found.extend(valid.map(|(_, point)| (point.step, point.value)));
        }
        found
    }

    #[test]
    fn a_device_lost_in_a_validation_is_replaced_and_the_validation_repeated() {
        let settings = settings(3);
        let whole = listener();
        let unbroken = fit_with_fallback(&settings, folder().path(), &whole).expect("it trains");
        let heard = listener();
        let fitted =
            planned("lost-device@validation:2", || fit_with_fallback(&settings, folder().path(), &heard));
        assert_eq!(fitted.expect("the CPU takes over").weights, unbroken.weights);
        assert_eq!(validations(&heard), validations(&whole), "each epoch once, none lost");
        assert!(warnings(&heard).contains("with the CPU from the validation after step 12"));
        // Not allowed: it fails with everything kept, and the validation is the first thing done when it goes on.
        let (arch, dir) = (small(Family::Mlp, 1), folder());
        let failed = planned("lost-device@validation:3", || run(&arch, &settings, dir.path(), &listener()));
        let Err(Interrupt::Failed(failure)) = failed else { panic!("it must fail: {failed:?}") };
        assert_eq!(failure.class, FailureClass::Hardware);
        assert!(failure.kept.is_some_and(|kept| kept.contains("step 18")), "all steps are kept");
        let heard = listener();
        let resumed = run(&arch, &settings, dir.path(), &heard).expect("it resumes");
        assert_eq!(
            (&resumed.weights, resumed.best_valid_loss),
            (&unbroken.weights, unbroken.best_valid_loss)
        );
        assert_eq!(validations(&heard), validations(&whole)[2..]);
    }

    #[test]
    fn memory_that_ends_in_a_validation_halves_the_rows_scored_at_once() {
        let settings = settings(3);
        let whole = listener();
        let unbroken = fit_with_fallback(&settings, folder().path(), &whole).expect("it trains");
        let heard = listener();
        let starved = planned("out-of-memory@validation:1,out-of-memory@validation:2", || {
            fit_with_fallback(&settings, folder().path(), &heard)
        });
        assert!((starved.expect("it goes on").best_valid_loss - unbroken.best_valid_loss).abs() < 1e-6);
        assert_eq!(validations(&heard).len(), validations(&whole).len());
        assert!(warnings(&heard).contains("scored 50 at a time"), "{}", warnings(&heard));
        assert!(warnings(&heard).contains("scored 25 at a time"), "{}", warnings(&heard));
        let dir = folder();
        let failed =
            planned("out-of-memory@validation:1+", || fit_with_fallback(&settings, dir.path(), &listener()));
        let Err(Interrupt::Failed(failure)) = failed else { panic!("one row does not fit: {failed:?}") };
        assert_eq!(failure.class, FailureClass::Capacity);
        assert_eq!(checkpoint::step(dir.path()), 6);
    }

    #[test]
    fn a_full_disk_pauses_until_there_is_room() {
        let (arch, settings) = (small(Family::Mlp, 1), settings(3));
        let (dir, heard) = (folder(), listener());
        let fitted = planned("disk-full@checkpoint:1", || run(&arch, &settings, dir.path(), &heard));
        let unbroken = run(&arch, &settings, folder().path(), &Unwatched).expect("it trains");
        assert_eq!(fitted.expect("it goes on by itself").weights, unbroken.weights);
        let states: Vec<(RunState, Option<String>)> = heard
            .said()
            .into_iter()
            .filter_map(|event| {
                if let JobEvent::State { state, reason } = event { Some((state, reason)) } else { None }
            })
            .collect();
        assert_eq!(states.len(), 2, "{states:?}");
        assert_eq!((states[0].0, states[1].0), (RunState::Paused, RunState::Running));
        assert!(
            states[0]
                .1
                .as_ref()
                .is_some_and(|reason| reason.contains("disk is full") && reason.contains("Free some space"))
        );
        // Without room it can be stopped, and goes on from the checkpoint before when there is some.
        let (dir, impatient) =
            (folder(), Script::new(|asked| if asked > 20 { Wish::Stop } else { Wish::Continue }));
        let stopped = planned("disk-full@checkpoint:2+", || run(&arch, &settings, dir.path(), &impatient));
        assert_eq!(stopped, Err(Interrupt::Stopped));
        assert_eq!(checkpoint::step(dir.path()), 6, "the one before is kept");
        assert_eq!(
            run(&arch, &settings, dir.path(), &Unwatched).expect("it resumes").weights,
            unbroken.weights
        );
    }
}
