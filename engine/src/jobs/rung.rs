//! Rungs: a training that stops with a checkpoint when it has come as far as its search wanted.

use std::sync::{Mutex, PoisonError};

use orrery_domain::{
    job::JobEvent,
    run::{Progress, SeriesId},
    training::ModelKind,
};
use orrery_learn::control::{JobControl, Wish};

/// A control that passes everything on, and wishes a stop from the first validation at or after a number of epochs or trees.
pub struct ToRung<'a> {
    inner: &'a dyn JobControl,
    until: u64,
    trees: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    progress: Progress,
    best: Option<f64>,
    there: bool,
}

impl<'a> ToRung<'a> {
    /// To `until` epochs, or rounds of trees where trees are trained.
    pub fn new(inner: &'a dyn JobControl, until: u64, kind: ModelKind) -> Self {
        Self { inner, until, trees: kind == ModelKind::Gbt, seen: Mutex::default() }
    }

    /// What a validation says: the rung, the first time that it is reached. One at the very end is left to the training's own end.
    fn judge(&self, step: u64, loss: f64) -> Option<JobEvent> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if loss.is_finite() {
            seen.best = Some(seen.best.map_or(loss, |best| best.min(loss)));
        }
        // Trees tell their progress only now and then; their points count rounds.
        let resource = if self.trees { step } else { seen.progress.epoch.round() as u64 };
        let ended = seen.progress.steps > 0 && step >= seen.progress.steps;
        if seen.there || ended || resource < self.until {
            return None;
        }
        seen.there = true;
        // Without a single finite loss it is the worst of all.
        Some(JobEvent::Rung { resource, loss: seen.best.unwrap_or(f64::MAX) })
    }
}

impl JobControl for ToRung<'_> {
    fn emit(&self, event: JobEvent) {
        let mut rung = None;
        match &event {
            JobEvent::Progress { progress, .. } => {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                if progress.steps > 0 {
                    seen.progress = progress.clone();
                }
            }
            JobEvent::Points { series } => {
                let valid = series.iter().find(|(id, _)| *id == SeriesId::ValidLoss);
                rung = valid.and_then(|(_, point)| self.judge(point.step, point.value));
            }
            _ => {}
        }
        self.inner.emit(event);
        if let Some(rung) = rung {
            self.inner.emit(rung);
        }
    }

    fn wish(&self) -> Wish {
        match self.inner.wish() {
            Wish::Continue if self.seen.lock().unwrap_or_else(PoisonError::into_inner).there => Wish::Stop,
            wish => wish,
        }
    }

    fn may_wait(&self) -> bool {
        self.inner.may_wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_domain::run::SeriesPoint;

    struct Heard(Mutex<Vec<JobEvent>>);

    impl JobControl for Heard {
        fn emit(&self, event: JobEvent) {
            self.0.lock().expect("no panic").push(event);
        }

        fn wish(&self) -> Wish {
            Wish::Continue
        }
    }

    fn epoch(control: &ToRung<'_>, epoch: u64, of: u64, kind: ModelKind, loss: f64) {
        // Trees say nothing of their progress while they are quick.
        if kind != ModelKind::Gbt {
            let progress =
                Progress { step: epoch * 10, steps: of * 10, epoch: epoch as f64, ..Progress::default() };
            control.emit(JobEvent::Progress { progress, kind: Some(kind) });
        }
        let point = SeriesPoint { step: epoch * 10, secs: 0.0, value: loss };
        control.emit(JobEvent::Points { series: vec![(SeriesId::ValidLoss, point)] });
    }

    #[test]
    fn it_stops_at_the_rung_with_the_best_loss_up_to_there() {
        let heard = Heard(Mutex::default());
        let control = ToRung::new(&heard, 3, ModelKind::Mlp);
        for (at, loss) in [(1, 0.5), (2, 0.3)] {
            epoch(&control, at, 9, ModelKind::Mlp, loss);
            assert_eq!(control.wish(), Wish::Continue);
        }
        epoch(&control, 3, 9, ModelKind::Mlp, 0.4);
        assert_eq!(control.wish(), Wish::Stop);
        let said = heard.0.lock().expect("no panic");
        assert_eq!(said.last(), Some(&JobEvent::Rung { resource: 3, loss: 0.3 }));
    }

    #[test]
    fn trees_are_counted_and_the_end_is_the_trainings_own() {
        let heard = Heard(Mutex::default());
        let control = ToRung::new(&heard, 25, ModelKind::Gbt);
        epoch(&control, 2, 9, ModelKind::Gbt, 0.5);
        assert_eq!(control.wish(), Wish::Continue);
        epoch(&control, 3, 9, ModelKind::Gbt, f64::NAN);
        assert_eq!(control.wish(), Wish::Stop);
        let control = ToRung::new(&heard, 3, ModelKind::Mlp);
        epoch(&control, 3, 3, ModelKind::Mlp, 0.5);
        assert_eq!(control.wish(), Wish::Continue, "nothing is left to stop");
    }
}
