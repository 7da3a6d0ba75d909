//! Following a run's child from a terminal: its progress, Ctrl-C, a second try after running out of memory, the result.

use std::{
    sync::{
        atomic::Ordering,
        mpsc::{RecvTimeoutError, channel},
    },
    time::Duration,
};

use orrery_domain::{
    Failure, FailureClass, RunId,
    job::{JobEvent, Steering, TrainSummary},
    metric::MetricId,
    run::{Run, RunState},
};
use orrery_engine::policy::ending::{self, Ending};
use orrery_engine::{
    jobs::{Heard, spawn},
    runs,
    store::Store,
    workspace,
};

use super::{
    Context, End, INTERRUPTED, Outcome, catch_interrupts,
    output::{self, Align},
    progress,
};

/// Starts a run's child and lets it go on by itself.
pub fn detach(context: &Context, run: &RunId) -> Outcome {
    let launch = runs::launch(&context.workspace, run, true)?;
    spawn::start(&context.launcher, &launch, |_| {})?;
    output::note(&format!("{run} goes on by itself. `orrery runs show {run}` says how far it is."));
    if context.json { output::json(&serde_json::json!({ "run": run })) } else { Ok(()) }
}

/// Starts a run's child and stays with it to its end.
pub fn follow(context: &Context, store: &mut Store, run: &RunId) -> Outcome {
    catch_interrupts();
    let mut summary = None;
    loop {
        let how = attend(context, run, &mut summary)?;
        match runs::after_end(&context.workspace, store, run, &how)? {
            Some(again) if !INTERRUPTED.load(Ordering::Relaxed) => {
                let death = ending::classify(&how).map(|death| death.message).unwrap_or_default();
                output::note(&format!("warning: {death} {}", again.says()));
            }
            _ => break,
        }
    }
    let record = store.run(run)?.ok_or_else(|| workspace::no_run(run))?;
    conclude(context, &record, summary.as_deref())
}

/// One child, from its start to its end.
fn attend(context: &Context, run: &RunId, summary: &mut Option<Box<TrainSummary>>) -> Result<Ending, End> {
    let launch = runs::launch(&context.workspace, run, false)?;
    let (sender, heard) = channel();
    let job = spawn::start(&context.launcher, &launch, move |message| {
        if sender.send(message).is_err() {
            log::debug!("nobody follows the run any more");
        }
    })?;
    let mut line = progress::Line::new();
    let mut told = false;
    loop {
        if INTERRUPTED.load(Ordering::Relaxed) && !std::mem::replace(&mut told, true) {
            line.clear();
            output::note("Stopping with a checkpoint… (Ctrl-C again leaves at once)");
            job.steer(Steering::Stop);
        }
        match heard.recv_timeout(Duration::from_millis(100)) {
            Ok(Heard::Event(event)) => {
                mirror(context, &event)?;
                if context.json && !output::watched() {
                    // The stream says it all.
                } else {
                    line.show(&event);
                }
                if let JobEvent::Failed { failure, .. } = &*event
                    && failure.class == FailureClass::Transient
                {
                    // The child never had the run: its record is another process' to write.
                    return Err(End::Said(refused(failure)));
                }
                if let JobEvent::Finished { summary: finished, .. } = *event {
                    *summary = Some(finished);
                }
            }
            Ok(Heard::Ended(how)) => {
                line.clear();
                if let Some(death) = ending::classify(&how) {
                    log::info!("the run's process died: {death}");
                }
                return Ok(how);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(Ending::default()),
        }
    }
}

fn refused(failure: &Failure) -> u8 {
    output::note(&format!("error: {}", failure.message));
    ending::exit_code(failure.class)
}

/// With `--json`, repeats what the child says, but for the points of its curves.
fn mirror(context: &Context, event: &JobEvent) -> Outcome {
    if context.json && !matches!(event, JobEvent::Points { .. }) {
        return output::json(event);
    }
    Ok(())
}

/// Says what came of a run.
fn conclude(context: &Context, run: &Run, summary: Option<&TrainSummary>) -> Outcome {
    match run.state {
        RunState::Finished => {
            if let (Some(summary), false) = (summary, context.json) {
                show_summary(run, summary);
            }
            Ok(())
        }
        RunState::Failed => {
            let failure = run
                .failure
                .clone()
                .unwrap_or_else(|| Failure::new(FailureClass::Bug, "The run failed without saying why."));
            // A child that failed by its own words has put them on the stream already; a dead one could not.
            output::note(&format!("error: {}", failure.message));
            if let Some(kept) = &failure.kept {
                output::note(&format!("kept: {kept}"));
            }
            let code = ending::exit_code(failure.class);
            if context.json && died(context, run) {
                output::json(&JobEvent::Failed { run: Some(run.id.clone()), failure })?;
            }
            Err(End::Said(code))
        }
        RunState::Paused => {
            output::note(&format!("Stopped with a checkpoint. `orrery runs resume {}` goes on.", run.id));
            Err(End::Said(130))
        }
        RunState::Cancelled => Err(End::Cancelled),
        RunState::Queued | RunState::Running => Err(Failure::new(
            FailureClass::Bug,
            format!("The run '{}' ended, but its record says '{}'.", run.id, run.state.name()),
        )
        .into()),
    }
}

/// Whether the last words on a run's log are its parent's.
fn died(context: &Context, run: &Run) -> bool {
    let events = runs::events(&context.workspace, &run.id);
    events.last().is_some_and(|last| match &last.event {
        JobEvent::Failed { failure, .. } => {
            failure.kept.as_deref().is_some_and(|kept| kept.starts_with("The last checkpoint"))
        }
        _ => false,
    })
}

/// The test metrics beside the baselines', and what to do next.
fn show_summary(run: &Run, summary: &TrainSummary) {
    let model = summary.model.as_ref().map(ToString::to_string).unwrap_or_default();
    output::line(&format!(
        "{model}: {} on {}, trained in {} ({} rows/s)",
        summary.kind.title(),
        summary.device,
        output::duration(summary.train_secs),
        output::count(summary.samples_per_sec.max(0.0) as u64)
    ));
    let mut head = vec![("Test", Align::Left), (summary.kind.name(), Align::Left)];
    head.extend(summary.baselines.iter().map(|baseline| (baseline.name.as_str(), Align::Left)));
    let order = run.task.map_or(&MetricId::CLASSIFICATION[..], MetricId::of);
    let rows: Vec<Vec<String>> = order
        .iter()
        .filter_map(|id| summary.test.get(id).map(|value| (*id, value)))
        .map(|(id, value)| {
            let mut row = vec![id.title().to_owned(), output::metric(id, value)];
            row.extend(summary.baselines.iter().map(|baseline| {
                baseline.test.get(&id).map_or_else(|| "—".to_owned(), |value| output::metric(id, value))
            }));
            row
        })
        .collect();
    output::table(&head, &rows);
    if let Some(verdict) = &summary.verdict {
        output::line(&verdict.message);
    }
    output::note(&format!("Next: orrery predict --model {model} --data FILE --out predictions.csv"));
}
