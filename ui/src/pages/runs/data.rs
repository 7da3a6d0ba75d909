//! What page Runs shows, as plain data.

use std::collections::BTreeMap;

use orrery_domain::{
    DatasetId, Failure, ModelRef, RunId, Snapshot,
    metric::{MetricId, MetricValue},
    model::{Baseline, Verdict},
    run::{Progress, Run, RunState},
    training::{ModelKind, Task},
};
use serde::Serialize;

use crate::{
    format::{self, NONE},
    run_index::{self, Runs},
    widgets::badge::run_word,
};

/// The header of the run selected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunView {
    /// Its id.
    pub id: RunId,
    /// Its name.
    pub name: String,
    /// A person's note.
    pub note: String,
    /// Where it stands.
    pub state: RunState,
    /// Dataset, to train again.
    pub dataset: DatasetId,
    /// What is learned from what: `late in flights`.
    pub subject: String,
    /// The family, and for `auto` what it came to.
    pub model_kind: String,
    /// Device, once known.
    pub device: Option<String>,
    /// How far it is.
    pub progress: Progress,
    /// Facts beside the progress: rows a second, memory, cores, time.
    pub facts: Vec<Fact>,
    /// Why it ended badly.
    pub failure: Option<Failure>,
    /// What it reached, once finished.
    pub result: Option<ResultView>,
}

/// A fact in the header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// Its value with its unit.
    pub value: String,
}

/// What a finished run reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResultView {
    /// The model.
    pub model: Option<ModelRef>,
    /// The task.
    pub task: Task,
    /// Test metrics, the most telling first.
    pub metrics: Vec<(MetricId, MetricValue)>,
    /// Whether it beat the baselines, once the card is loaded.
    pub verdict: Option<Verdict>,
    /// The baselines' value of the primary metric.
    pub baselines: Vec<(String, Option<f64>)>,
    /// The card is not there yet.
    pub loading: bool,
}

/// The header of a run, from a snapshot.
pub fn header(snapshot: &Snapshot, id: &RunId) -> Option<RunView> {
    let run = run_index::find(&snapshot.runs, id).filter(|run| !run.deleted)?;
    Some(RunView {
        id: run.id.clone(),
        name: run.name.clone(),
        note: run.note.clone(),
        state: run.state,
        dataset: run.dataset.clone(),
        subject: format!("{} in {}", run.config.target, run.dataset_name),
        model_kind: kind_words(run),
        device: run.device.clone(),
        progress: run.progress.clone(),
        facts: facts(snapshot, run),
        failure: run.failure.clone(),
        result: result(snapshot, run),
    })
}

/// The family of a run; for `auto` also that it was chosen.
pub fn kind_words(run: &Run) -> String {
    match (run.config.model, run.kind) {
        (ModelKind::Auto, ModelKind::Auto) => "auto".to_owned(),
        (ModelKind::Auto, kind) => format!("{} (auto)", kind.name()),
        (_, kind) => kind.name().to_owned(),
    }
}

fn facts(snapshot: &Snapshot, run: &Run) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut say = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            facts.push(Fact { name: name.to_owned(), value });
        }
    };
    let Progress { step, steps, epoch, rows_per_sec, secs_left, memory_bytes, cpu_cores, .. } = &run.progress;
    let live = run.state == RunState::Running;
    say("Time left", secs_left.filter(|_| live).map(format::duration));
    say("Elapsed", duration(run, snapshot.now).map(format::duration));
    say("Speed", rows_per_sec.filter(|_| live).map(|rate| format!("{} rows/s", format::count_short(rate))));
    say("Step", (*steps > 0).then(|| format!("{} of {}", format::count(*step), format::count(*steps))));
    say("Epoch", (*epoch > 0.0).then(|| format!("{epoch:.1}")));
    say("Memory", memory_bytes.filter(|_| live).map(format::bytes));
    say("Cores", cpu_cores.filter(|_| live).map(|cores| format!("{cores:.1}")));
    say("Best validation loss", run.best_valid_loss.map(|loss| format::significant(loss, 4)));
    facts
}

/// How long a run has computed, or did: seconds.
pub fn duration(run: &Run, now: f64) -> Option<f64> {
    let begun = run.started_at?;
    let until = match (run.ended_at, run.state) {
        (Some(ended), _) => ended,
        (None, RunState::Running) => now,
        // Paused: how long it has waited since is nobody's computing time.
        (None, _) => return None,
    };
    Some((until - begun).max(0.0))
}

fn result(snapshot: &Snapshot, run: &Run) -> Option<ResultView> {
    if run.state != RunState::Finished {
        return None;
    }
    let (task, test) = (run.task?, run.test.as_ref()?);
    let entry =
        run.model.as_ref().and_then(|model| snapshot.models.iter().find(|entry| entry.model == *model));
    let card = entry.and_then(|entry| entry.card.as_deref());
    let primary = MetricId::primary(task);
    let value = |baseline: &Baseline| baseline.test.get(&primary).and_then(|metric| metric.value);
    Some(ResultView {
        model: run.model.clone(),
        task,
        metrics: MetricId::of(task).iter().filter_map(|id| Some((*id, test.get(id)?.clone()))).collect(),
        verdict: card.and_then(|card| card.verdict.clone()),
        baselines: card
            .map(|card| {
                card.baselines.iter().map(|baseline| (baseline.name.clone(), value(baseline))).collect()
            })
            .unwrap_or_default(),
        loading: entry.is_some_and(|entry| !entry.deleted) && card.is_none(),
    })
}

/// The primary test metric of a run.
pub fn primary(run: &Run) -> Option<(MetricId, &MetricValue)> {
    let id = MetricId::primary(run.task?);
    Some((id, run.test.as_ref()?.get(&id)?))
}

/// The primary metric with its interval, as the table shows it.
pub fn metric_words(run: &Run) -> String {
    let Some((id, metric)) = primary(run) else { return NONE.to_owned() };
    let value = format::metric(id, metric.value);
    match (metric.low, metric.high) {
        (Some(low), Some(high)) => {
            format!(
                "{} {value} [{}, {}]",
                id.title(),
                format::metric(id, Some(low)),
                format::metric(id, Some(high))
            )
        }
        _ => format!("{} {value}", id.title()),
    }
}

/// The progress of a run in words.
pub fn progress_words(run: &Run) -> String {
    match (run.state, run.progress.fraction) {
        (RunState::Finished, _) => "100%".to_owned(),
        (_, Some(fraction)) => format::percent(fraction),
        (_, None) => NONE.to_owned(),
    }
}

/// Runs that are not deleted, as places in the snapshot's list; and how many are in each state.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunList {
    /// Places of the runs shown.
    pub shown: Vec<u32>,
    /// Places of the deleted ones, newest first.
    pub deleted: Vec<u32>,
    /// How many are in each state, by its word.
    pub states: BTreeMap<String, usize>,
}

/// The list of a snapshot's runs. `O(n)`, without looking at a run that has not changed.
pub fn list(runs: &Runs) -> RunList {
    let mut list = RunList::default();
    let mut counts = [0_usize; 6];
    let states = [
        RunState::Queued,
        RunState::Running,
        RunState::Paused,
        RunState::Finished,
        RunState::Failed,
        RunState::Cancelled,
    ];
    run_index::with_marks(runs, |marks| {
        for (place, mark) in (0_u32..).zip(marks) {
            if mark.deleted {
                list.deleted.push(place);
            } else {
                list.shown.push(place);
                if let Some(count) = states.iter().position(|state| *state == mark.state) {
                    counts[count] += 1;
                }
            }
        }
    });
    let named = states.iter().zip(counts).filter(|(_, count)| *count > 0);
    list.states = named.map(|(state, count)| (run_word(*state).to_owned(), count)).collect();
    list
}
