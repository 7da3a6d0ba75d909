//! The life of a run: where it stands after an event, and what may be asked of it.

use orrery_domain::{
    job::JobEvent,
    run::{Run, RunState, SeriesId},
    units::UnixSecs,
};

/// Applies an event of the run's own log, said at `at`, to its record. Applying a whole log to a new record gives the
/// same record each time.
pub fn fold(run: &mut Run, event: &JobEvent, at: UnixSecs) {
    match event {
        JobEvent::Started { task, kind, device, .. } => {
            run.state = RunState::Running;
            run.task = Some(*task);
            run.kind = *kind;
            run.device = Some(device.clone());
            run.started_at.get_or_insert(at);
            run.ended_at = None;
            run.failure = None;
        }
        JobEvent::Progress { progress, kind } => {
            run.progress = progress.clone();
            if let Some(kind) = kind {
                run.kind = *kind;
            }
        }
        JobEvent::Points { series } => {
            for (id, point) in series {
                if *id == SeriesId::ValidLoss && point.value.is_finite() {
                    let best = run.best_valid_loss.map_or(point.value, |best| best.min(point.value));
                    run.best_valid_loss = Some(best);
                }
            }
        }
        JobEvent::State { state, .. } => {
            run.state = *state;
            run.ended_at = state.is_final().then_some(at);
            if *state != RunState::Running {
                settle(run);
            }
        }
        JobEvent::Finished { summary, .. } => {
            run.state = RunState::Finished;
            run.model.clone_from(&summary.model);
            run.test = Some(summary.test.clone());
            run.kind = summary.kind;
            run.device = Some(summary.device.clone());
            run.ended_at = Some(at);
            run.failure = None;
            run.progress.fraction = Some(1.0);
            settle(run);
        }
        JobEvent::Failed { failure, .. } => {
            run.state = RunState::Failed;
            run.failure = Some(failure.clone());
            run.ended_at = Some(at);
            settle(run);
        }
        JobEvent::Checkpoint { .. }
        | JobEvent::RolledBack { .. }
        | JobEvent::Warning { .. }
        | JobEvent::Imported { .. }
        | JobEvent::Profiled { .. }
        | JobEvent::Evaluated { .. }
        | JobEvent::Compressed { .. }
        | JobEvent::TuneStep { .. }
        | JobEvent::Tuned { .. }
        | JobEvent::Explained { .. }
        | JobEvent::Predicted { .. }
        | JobEvent::Compared { .. }
        | JobEvent::Rung { .. }
        | JobEvent::Trial { .. }
        | JobEvent::Searched { .. }
        | JobEvent::Devices { .. }
        | JobEvent::Probed { .. }
        | JobEvent::Row { .. } => {}
    }
}

/// What was a rate a moment ago is nothing for a run that does not compute.
fn settle(run: &mut Run) {
    run.progress.rows_per_sec = None;
    run.progress.secs_left = None;
    run.progress.cpu_cores = None;
    run.progress.memory_bytes = None;
}

/// What a person may ask of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Checkpoint and wait.
    Pause,
    /// Go on.
    Resume,
    /// End it.
    Cancel,
    /// Delete it.
    Delete,
}

/// Why this cannot be asked of a run in that state, or `None` if it can.
///
/// A failed or cancelled run may be resumed: finished records never change, so a new run goes on from its checkpoint.
pub fn refusal(order: Order, state: RunState) -> Option<String> {
    use RunState::{Cancelled, Failed, Finished, Paused, Queued, Running};
    let allowed = match order {
        Order::Pause => matches!(state, Queued | Running),
        Order::Resume => matches!(state, Paused | Failed | Cancelled),
        Order::Cancel => matches!(state, Queued | Running | Paused),
        Order::Delete => matches!(state, Paused | Finished | Failed | Cancelled),
    };
    let word = match order {
        Order::Pause => "paused",
        Order::Resume => "resumed",
        Order::Cancel => "cancelled",
        Order::Delete => "deleted",
    };
    (!allowed).then(|| match (order, state) {
        (Order::Delete, _) => {
            format!("A {} run cannot be deleted: cancel it first.", state.name())
        }
        _ => format!("The run is {} and cannot be {word}.", state.name()),
    })
}

/// Whether resuming such a run makes a new one from its checkpoint.
pub fn resumes_as_new(state: RunState) -> bool {
    matches!(state, RunState::Failed | RunState::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_domain::{
        DatasetId, Failure, FailureClass, RunId,
        job::TrainSummary,
        run::{Progress, SeriesPoint},
        training::{ModelKind, Task, TrainConfig},
    };

    fn run() -> Run {
        Run {
            id: RunId("r".into()),
            name: "r".into(),
            note: String::new(),
            state: RunState::Queued,
            dataset: DatasetId("d".into()),
            dataset_name: "d".into(),
            config: TrainConfig::new("y"),
            task: None,
            kind: ModelKind::Auto,
            progress: Progress::default(),
            device: None,
            failure: None,
            model: None,
            test: None,
            best_valid_loss: None,
            created_at: 0.0,
            started_at: None,
            ended_at: None,
            deleted: false,
        }
    }

    fn started() -> JobEvent {
        JobEvent::Started {
            run: RunId("r".into()),
            task: Task::Binary,
            kind: ModelKind::Gbt,
            device: "CPU".into(),
            train_rows: 10,
            parameters: 3,
            from_step: 0,
        }
    }

    #[test]
    fn a_whole_life_folds_to_its_end() {
        let mut run = run();
        fold(&mut run, &started(), 5.0);
        assert_eq!((run.state, run.started_at), (RunState::Running, Some(5.0)));
        let point = |value| (SeriesId::ValidLoss, SeriesPoint { step: 1, secs: 1.0, value });
        fold(&mut run, &JobEvent::Points { series: vec![point(0.5), point(0.7), point(f64::NAN)] }, 6.0);
        assert_eq!(run.best_valid_loss, Some(0.5));
        fold(&mut run, &JobEvent::State { state: RunState::Paused, reason: None }, 7.0);
        assert_eq!((run.state, run.ended_at), (RunState::Paused, None));
        fold(&mut run, &started(), 8.0);
        assert_eq!((run.state, run.started_at), (RunState::Running, Some(5.0)));
        let summary = TrainSummary {
            model: Some("m:1".parse().expect("legal")),
            kind: ModelKind::Tabm,
            test: [].into(),
            baselines: Vec::new(),
            verdict: None,
            samples_per_sec: 1.0,
            device: "CPU".into(),
            train_secs: 1.0,
        };
        fold(&mut run, &JobEvent::Finished { run: RunId("r".into()), summary: Box::new(summary) }, 9.0);
        assert_eq!((run.state, run.kind, run.ended_at), (RunState::Finished, ModelKind::Tabm, Some(9.0)));
    }

    #[test]
    fn a_failure_keeps_its_reason_until_the_run_goes_on() {
        let mut run = run();
        let failure = Failure::new(FailureClass::Model, "The loss is not finite.");
        fold(&mut run, &JobEvent::Failed { run: None, failure: failure.clone() }, 1.0);
        assert_eq!((run.state, run.failure.clone()), (RunState::Failed, Some(failure)));
        fold(&mut run, &started(), 2.0);
        assert_eq!((run.state, run.failure, run.ended_at), (RunState::Running, None, None));
    }

    #[test]
    fn orders_are_refused_where_they_make_no_sense() {
        assert!(refusal(Order::Pause, RunState::Finished).is_some());
        assert!(refusal(Order::Resume, RunState::Running).is_some());
        assert!(refusal(Order::Delete, RunState::Running).is_some());
        assert!(refusal(Order::Cancel, RunState::Paused).is_none());
        assert!(refusal(Order::Resume, RunState::Failed).is_none() && resumes_as_new(RunState::Failed));
        assert!(!resumes_as_new(RunState::Paused));
    }
}
