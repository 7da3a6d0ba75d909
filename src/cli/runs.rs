//! `orrery runs`: list, show, steer, rename and delete runs, whichever process has them.

use std::time::{Duration, Instant};

use clap::Subcommand;
use orrery_domain::{
    Failure, FailureClass, RunId,
    device::DeviceChoice,
    job::JobEvent,
    metric::MetricId,
    run::{Run, RunState},
};
use orrery_engine::policy::{lifecycle, lifecycle::Order};
use orrery_engine::{
    devices,
    jobs::{LoggedEvent, lines::Tail, now},
    runs::{self, Ordered},
    store::Store,
    workspace,
};

use super::{
    Context, End, Outcome, follow,
    output::{self, Align},
};

/// How long a steered run may take to write its checkpoint before the command stops waiting for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a run that has lost its parent may take to end.
const LAST_CHECKPOINT: Duration = Duration::from_secs(10);

#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// All runs, newest first
    List,
    /// One run
    Show {
        /// Its id, or a unique beginning or ending of it
        id: String,
    },
    /// Write a checkpoint and wait
    Pause {
        /// Its id
        id: String,
    },
    /// Go on from the last checkpoint
    Resume {
        /// Its id
        id: String,
        /// Start it and return; it goes on by itself
        #[arg(long)]
        detach: bool,
        /// Compute somewhere else from here on: cpu, gpu or gpu:N
        #[arg(long)]
        device: Option<DeviceChoice>,
    },
    /// End a run
    Cancel {
        /// Its id
        id: String,
    },
    /// Give a run another name
    Rename {
        /// Its id
        id: String,
        /// The name
        name: String,
    },
    /// Write a note on a run
    Note {
        /// Its id
        id: String,
        /// The whole note
        note: String,
    },
    /// Delete a run that has ended; its model stays
    Delete {
        /// Its id
        id: String,
    },
    /// Bring a deleted run back
    Restore {
        /// Its id
        id: String,
    },
}

pub fn run(context: &Context, command: RunsCommand) -> Outcome {
    let mut store = context.store()?;
    runs::reconcile(&context.workspace, &mut store)?;
    match command {
        RunsCommand::List => list(context, &mut store),
        RunsCommand::Show { id } => show(context, &mut store, &id),
        RunsCommand::Pause { id } => steer(context, &mut store, &id, Order::Pause),
        RunsCommand::Cancel { id } => steer(context, &mut store, &id, Order::Cancel),
        RunsCommand::Resume { id, detach, device } => resume(context, &mut store, &id, detach, device),
        RunsCommand::Rename { id, name } => {
            let run = runs::find(&mut store, &id)?;
            let run = runs::rename(&mut store, &run.id, &name)?;
            said(context, &run, &format!("{} is called '{}' now.", run.id, run.name))
        }
        RunsCommand::Note { id, note } => {
            let run = runs::find(&mut store, &id)?;
            let run = runs::note(&mut store, &run.id, &note)?;
            said(context, &run, "Noted.")
        }
        RunsCommand::Delete { id } => {
            let mut run = runs::find(&mut store, &id)?;
            runs::delete(&context.workspace, &mut store, &run.id)?;
            run.deleted = true;
            said(context, &run, &format!("Deleted. `orrery runs restore {}` brings it back.", run.id))
        }
        RunsCommand::Restore { id } => {
            let mut run = runs::find(&mut store, &id)?;
            runs::restore(&context.workspace, &mut store, &run.id)?;
            run.deleted = false;
            said(context, &run, &format!("'{}' is back.", run.name))
        }
    }
}

fn said(context: &Context, run: &Run, message: &str) -> Outcome {
    output::note(message);
    if context.json { output::json(&serde_json::json!({ "run": run })) } else { Ok(()) }
}

/// The record, with what the run's own log knows better while a process has it.
fn fresh(context: &Context, mut run: Run) -> Run {
    if run.state == RunState::Running {
        for logged in runs::events(&context.workspace, &run.id) {
            lifecycle::fold(&mut run, &logged.event, logged.at);
        }
    }
    run
}

fn list(context: &Context, store: &mut Store) -> Outcome {
    let all: Vec<Run> =
        store.runs()?.into_iter().filter(|run| !run.deleted).map(|run| fresh(context, run)).collect();
    if context.json {
        return output::json(&serde_json::json!({ "runs": all }));
    }
    if all.is_empty() {
        output::note("There are no runs yet. Begin with `orrery train --data FILE --target COL`.");
        return Ok(());
    }
    let head = [
        ("Id", Align::Left),
        ("Name", Align::Left),
        ("State", Align::Left),
        ("Progress", Align::Right),
        ("Model", Align::Left),
        ("Test", Align::Left),
        ("Took", Align::Right),
        ("Begun", Align::Left),
    ];
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    output::table(&head, &rows);
    Ok(())
}

fn row(run: &Run) -> Vec<String> {
    let progress = run.progress.fraction.map(orrery_domain::words::percent);
    let model = run.model.as_ref().map_or_else(|| run.kind.name().to_owned(), ToString::to_string);
    vec![
        run.id.0.clone(),
        run.name.clone(),
        run.state.name().to_owned(),
        progress.unwrap_or_default(),
        model,
        primary(run).unwrap_or_default(),
        took(run).map(output::duration).unwrap_or_default(),
        output::moment(run.created_at),
    ]
}

fn primary(run: &Run) -> Option<String> {
    let id = MetricId::primary(run.task?);
    let value = run.test.as_ref()?.get(&id)?;
    Some(format!("{} {}", id.title(), output::metric(id, value)))
}

/// Seconds from its start to its end, or to now.
fn took(run: &Run) -> Option<f64> {
    let end = run.ended_at.or_else(|| (run.state == RunState::Running).then(now));
    end.zip(run.started_at).map(|(end, start)| end - start)
}

fn show(context: &Context, store: &mut Store, id: &str) -> Outcome {
    let run = runs::find(store, id)?;
    let run = fresh(context, run);
    if context.json {
        return output::json(&serde_json::json!({ "run": run }));
    }
    let mut lines = vec![
        ("Run", run.id.to_string()),
        ("Name", run.name.clone()),
        ("State", run.state.name().to_owned()),
        ("Dataset", run.dataset_name.clone()),
        ("Target", run.config.target.clone()),
        ("Model", run.model.as_ref().map_or_else(|| run.kind.title().to_owned(), ToString::to_string)),
        ("Device", run.device.clone().unwrap_or_else(|| "not known yet".to_owned())),
        ("Asked for", output::moment(run.created_at)),
    ];
    if let Some(fraction) = run.progress.fraction {
        lines.push((
            "Progress",
            format!("{} {}", orrery_domain::words::percent(fraction), run.progress.phase),
        ));
    }
    if let Some(secs) = took(&run) {
        lines.push(("Took", output::duration(secs)));
    }
    if let Some(test) = primary(&run) {
        lines.push(("Test", test));
    }
    if !run.note.is_empty() {
        lines.push(("Note", run.note.clone()));
    }
    if let Some(failure) = &run.failure {
        lines.push(("Failed", failure.message.clone()));
        lines.extend(failure.kept.iter().map(|kept| ("Kept", kept.clone())));
    }
    if let Some(reason) = last_reason(context, &run) {
        lines.push(("Reason", reason));
    }
    for (title, value) in lines {
        output::line(&format!("{title:<10} {value}"));
    }
    Ok(())
}

/// Why a run stands where it stands, if its log says.
fn last_reason(context: &Context, run: &Run) -> Option<String> {
    let events = runs::events(&context.workspace, &run.id);
    events.into_iter().rev().find_map(|logged| match logged.event {
        JobEvent::State { state, reason } => Some(reason.filter(|_| state == run.state)),
        _ => None,
    })?
}

fn steer(context: &Context, store: &mut Store, id: &str, order: Order) -> Outcome {
    let run = runs::find(store, id)?;
    let run = tell(context, store, &run.id, order)?;
    said(context, &run, &format!("{} is {}.", run.id, run.state.name()))
}

/// Gives an order, waits for what comes of it where a process has the run, and returns the record.
fn tell(context: &Context, store: &mut Store, id: &RunId, order: Order) -> Result<Run, End> {
    let from = Tail::length(&context.workspace.run(id).join("events.jsonl"));
    if runs::order(&context.workspace, store, id, order)? == Ordered::Told {
        wait(context, id, order, from)?;
    }
    Ok(store.run(id)?.ok_or_else(|| workspace::no_run(id))?)
}

/// Waits until the run's process says that it did what it was told.
fn wait(context: &Context, id: &RunId, order: Order, from: u64) -> Outcome {
    let mut tail = Tail::new(context.workspace.run(id).join("events.jsonl"), from);
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        for logged in tail.read::<LoggedEvent>() {
            let ended = matches!(logged.event, JobEvent::Finished { .. } | JobEvent::Failed { .. });
            let state = match &logged.event {
                JobEvent::State { state, .. } => Some(*state),
                _ => None,
            };
            let done = match order {
                Order::Pause => state == Some(RunState::Paused),
                Order::Resume => state == Some(RunState::Running),
                Order::Cancel | Order::Delete => state == Some(RunState::Cancelled),
            };
            if done || ended {
                // The record follows its log within a moment.
                std::thread::sleep(Duration::from_millis(50));
                return Ok(());
            }
        }
        if !runs::is_alive(&context.workspace, id)? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let message = format!(
        "The run '{id}' was told, but has not answered within a minute. `orrery runs show {id}` says when it has."
    );
    Err(Failure::new(FailureClass::Transient, message).into())
}

fn resume(
    context: &Context,
    store: &mut Store,
    id: &str,
    detach: bool,
    device: Option<DeviceChoice>,
) -> Outcome {
    let device = match device {
        None => None,
        Some(wished) => Some(devices::resolve(&context.launcher, &context.workspace, store, wished)?.0),
    };
    let run = runs::find(store, id)?;
    // A process whose parent was killed is just writing its last checkpoint: that takes a moment, and then it is gone.
    let end = Instant::now() + LAST_CHECKPOINT;
    while runs::is_alive(&context.workspace, &run.id)? {
        let known = store.run(&run.id)?.ok_or_else(|| workspace::no_run(&run.id))?;
        if known.state == RunState::Paused || Instant::now() >= end {
            // A paused process waits in another terminal or window: it only has to be told. Unless it was on its way out.
            let told = tell(context, store, &run.id, Order::Resume)?;
            if told.state.is_final() || runs::is_alive(&context.workspace, &run.id)? {
                return said(context, &told, &format!("{} is {}.", told.id, told.state.name()));
            }
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    runs::settle(&context.workspace, store, &run.id, None)?;
    let next = runs::prepare_resume(&context.workspace, store, &run.id, RunState::Running, device)?;
    if next != run.id {
        output::note(&format!("{} is over; {next} goes on from its last checkpoint.", run.id));
    }
    if detach { follow::detach(context, &next) } else { follow::follow(context, store, &next) }
}
