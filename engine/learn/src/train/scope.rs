//! Scope: one family's part of a run, as the outside sees it: its share of the progress, its place on the curves, its time.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use orrery_domain::{
    job::JobEvent,
    run::{Progress, RunState, SeriesPoint},
    training::ModelKind,
};

use crate::control::{JobControl, Wish};

/// A control that passes on what a family says, moved to its place in the whole run.
pub(super) struct Scope<'a> {
    inner: &'a dyn JobControl,
    kind: ModelKind,
    /// Share of the run this family's progress covers.
    span: (f64, f64),
    /// Steps and seconds of the families before.
    before: (u64, f64),
    clock: Mutex<Clock>,
}

struct Clock {
    deadline: Option<Instant>,
    /// Last look while a person had paused the run, or it waited for room on the disk: that time does not count.
    paused_at: Option<Instant>,
    /// Whether it said that it is paused.
    waiting: bool,
    timed_out: bool,
}

impl Clock {
    /// Moves the deadline by the time since the last look, where that was in a pause.
    fn leave_out_pause(&mut self, now: Instant) {
        if let (Some(since), Some(deadline)) = (self.paused_at.take(), self.deadline) {
            self.deadline = Some(deadline + (now - since));
        }
    }
}

impl<'a> Scope<'a> {
    /// A scope; after `limit` of unpaused time the family is told to stop.
    pub fn new(
        inner: &'a dyn JobControl,
        kind: ModelKind,
        span: (f64, f64),
        before: (u64, f64),
        limit: Option<Duration>,
    ) -> Self {
        let deadline = limit.map(|limit| Instant::now() + limit);
        let clock = Clock { deadline, paused_at: None, waiting: false, timed_out: false };
        Self { inner, kind, span, before, clock: Mutex::new(clock) }
    }

    /// Whether the family was stopped for its time, and not by a person.
    pub fn timed_out(&self) -> bool {
        self.clock().timed_out
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn placed(&self, progress: Progress) -> Progress {
        let (from, to) = self.span;
        let fraction = progress.fraction.map(|share| from + (to - from) * share.clamp(0.0, 1.0));
        Progress { fraction, ..progress }
    }
}

impl JobControl for Scope<'_> {
    fn emit(&self, event: JobEvent) {
        let (steps, secs) = self.before;
        if let JobEvent::State { state, .. } = &event {
            let (mut clock, now) = (self.clock(), Instant::now());
            clock.leave_out_pause(now);
            clock.waiting = *state == RunState::Paused;
            clock.paused_at = clock.waiting.then_some(now);
        }
        self.inner.emit(match event {
            JobEvent::Progress { progress, kind } => {
                JobEvent::Progress { progress: self.placed(progress), kind: kind.or(Some(self.kind)) }
            }
            JobEvent::Points { series } => JobEvent::Points {
                series: series
                    .into_iter()
                    .map(|(id, point)| {
                        (id, SeriesPoint { step: point.step + steps, secs: point.secs + secs, ..point })
                    })
                    .collect(),
            },
            JobEvent::RolledBack { step } => JobEvent::RolledBack { step: step + steps },
            JobEvent::Checkpoint { step } => JobEvent::Checkpoint { step: step + steps },
            other => other,
        });
    }

    fn wish(&self) -> Wish {
        let wish = self.inner.wish();
        let mut clock = self.clock();
        let now = Instant::now();
        clock.leave_out_pause(now);
        match wish {
            Wish::Pause => clock.paused_at = Some(now),
            Wish::Continue if clock.waiting => clock.paused_at = Some(now),
            Wish::Continue if clock.deadline.is_some_and(|deadline| now >= deadline) => {
                clock.timed_out = true;
                return Wish::Stop;
            }
            Wish::Continue | Wish::Cancel | Wish::Stop => {}
        }
        wish
    }

    fn may_wait(&self) -> bool {
        self.inner.may_wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Unwatched;

    struct Steered(Mutex<(Wish, Vec<JobEvent>)>);

    impl JobControl for Steered {
        fn emit(&self, event: JobEvent) {
            self.0.lock().expect("no panic").1.push(event);
        }

        fn wish(&self) -> Wish {
            self.0.lock().expect("no panic").0
        }
    }

    #[test]
    fn time_runs_out_but_not_while_paused() {
        let steered = Steered(Mutex::new((Wish::Pause, Vec::new())));
        let limit = Duration::from_millis(40);
        let scope = Scope::new(&steered, ModelKind::Tabm, (0.0, 1.0), (0, 0.0), Some(limit));
        for _ in 0..8 {
            assert_eq!(scope.wish(), Wish::Pause);
            std::thread::sleep(Duration::from_millis(10));
        }
        steered.0.lock().expect("no panic").0 = Wish::Continue;
        assert_eq!(scope.wish(), Wish::Continue);
        std::thread::sleep(limit);
        assert_eq!(scope.wish(), Wish::Stop);
        assert!(scope.timed_out());
        assert_eq!(Scope::new(&Unwatched, ModelKind::Gbt, (0.0, 1.0), (0, 0.0), None).wish(), Wish::Continue);
    }

    #[test]
    fn time_does_not_run_out_while_a_full_disk_is_waited_for() {
        let limit = Duration::from_millis(40);
        let scope = Scope::new(&Unwatched, ModelKind::Tabm, (0.0, 1.0), (0, 0.0), Some(limit));
        scope.emit(JobEvent::State { state: RunState::Paused, reason: Some("The disk is full.".into()) });
        for _ in 0..8 {
            std::thread::sleep(Duration::from_millis(10));
            assert_eq!(scope.wish(), Wish::Continue);
        }
        scope.emit(JobEvent::State { state: RunState::Running, reason: None });
        assert!(!scope.timed_out());
        std::thread::sleep(limit);
        assert_eq!(scope.wish(), Wish::Stop);
    }

    #[test]
    fn events_are_moved_to_their_place() {
        let steered = Steered(Mutex::new((Wish::Continue, Vec::new())));
        let scope = Scope::new(&steered, ModelKind::Tabm, (0.5, 0.9), (100, 7.0), None);
        let progress = Progress { fraction: Some(0.5), ..Progress::default() };
        scope.emit(JobEvent::Progress { progress, kind: None });
        scope.emit(JobEvent::Checkpoint { step: 5 });
        let said = &steered.0.lock().expect("no panic").1;
        let JobEvent::Progress { progress, kind } = &said[0] else { panic!("progress expected") };
        assert!((progress.fraction.expect("known") - 0.7).abs() < 1e-12);
        assert_eq!(*kind, Some(ModelKind::Tabm));
        assert_eq!(said[1], JobEvent::Checkpoint { step: 105 });
    }
}
