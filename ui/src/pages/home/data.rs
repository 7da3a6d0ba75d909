//! What page Home shows, as plain data: the next step, what runs, what was made lately, what went wrong.

use orrery_domain::{
    DatasetId, Failure, ModelRef, RunId, Snapshot,
    run::{Progress, Run, RunState},
    snapshot::{JobEntry, JobKind, JobOutcome},
};
use serde::Serialize;

use crate::format;

/// Lines of a list at most.
const LINES: usize = 5;

/// The page's view model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HomeView {
    /// Nothing was ever imported here.
    pub first_start: bool,
    /// What to do next.
    pub next: NextStep,
    /// What computes or waits.
    pub active: Vec<ActiveLine>,
    /// Newest models.
    pub models: Vec<ModelLine>,
    /// Newest datasets.
    pub datasets: Vec<DatasetLine>,
    /// Newest failures.
    pub failures: Vec<FailureLine>,
}

/// What to do next, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextStep {
    /// What it is about.
    pub heading: String,
    /// One sentence.
    pub sentence: String,
    /// Words of the button.
    pub button: String,
    /// Where it leads.
    pub action: NextAction,
}

/// Where the next step leads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum NextAction {
    /// Open a file.
    OpenFile,
    /// Watch a run.
    ShowRun(RunId),
    /// Look at a model.
    ShowModel(ModelRef),
    /// Train on a dataset.
    Train(DatasetId),
}

/// A run or a job that goes on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActiveLine {
    /// Its name.
    pub name: String,
    /// Its state; `None` for a job that is no run.
    pub state: Option<RunState>,
    /// How far it is.
    pub progress: Progress,
    /// The run, if it is one.
    pub run: Option<RunId>,
    /// The job's number, if it is none.
    pub job: Option<u64>,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelLine {
    /// Which.
    pub model: ModelRef,
    /// Family and dataset.
    pub about: String,
    /// Name of its primary metric.
    pub metric: &'static str,
    /// Its value.
    pub value: String,
    /// How old it is.
    pub age: String,
}

/// A dataset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetLine {
    /// Which.
    pub id: DatasetId,
    /// Its name.
    pub name: String,
    /// Rows and columns.
    pub shape: String,
    /// How old it is.
    pub age: String,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureLine {
    /// What failed.
    pub name: String,
    /// Why.
    pub failure: Failure,
    /// The run, if it was one.
    pub run: Option<RunId>,
    /// When.
    pub age: String,
}

/// The view model of a snapshot.
pub fn of(snapshot: &Snapshot) -> HomeView {
    let runs: Vec<&Run> = snapshot.runs.iter().map(AsRef::as_ref).filter(|run| !run.deleted).collect();
    let active_runs = runs.iter().filter(|run| !run.state.is_final()).map(|run| ActiveLine {
        name: run.name.clone(),
        state: Some(run.state),
        progress: run.progress.clone(),
        run: Some(run.id.clone()),
        job: None,
    });
    let active_jobs = snapshot.jobs.iter().filter(|job| job.outcome.is_none()).map(|job| ActiveLine {
        name: job_words(&job.kind),
        state: None,
        progress: job.progress.clone(),
        run: None,
        job: Some(job.id),
    });
    let models = snapshot.models.iter().filter(|entry| !entry.deleted).take(LINES).map(|entry| ModelLine {
        model: entry.model.clone(),
        about: format!("{} on {}", entry.kind.title(), entry.dataset_name),
        metric: entry.primary.0.title(),
        value: format::metric(entry.primary.0, entry.primary.1.value),
        age: format::ago(snapshot.now, entry.created_at),
    });
    let datasets =
        snapshot.datasets.iter().filter(|entry| !entry.deleted).take(LINES).map(|entry| DatasetLine {
            id: entry.dataset.id.clone(),
            name: entry.dataset.name.clone(),
            shape: format!(
                "{} · {}",
                format::plural(entry.dataset.rows, "row"),
                format::plural(entry.dataset.columns.len() as u64, "column")
            ),
            age: format::ago(snapshot.now, entry.dataset.imported_at),
        });
    HomeView {
        first_start: snapshot.datasets.is_empty() && snapshot.models.is_empty() && runs.is_empty(),
        next: next_step(snapshot, &runs),
        active: active_runs.chain(active_jobs).collect(),
        models: models.collect(),
        datasets: datasets.collect(),
        failures: failures(snapshot, &runs),
    }
}

/// What a job is called.
pub fn job_words(kind: &JobKind) -> String {
    let file =
        |path: &std::path::Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    match kind {
        JobKind::Import { file: path } => format!("Import of {}", file(path)),
        JobKind::Profile { .. } => "Profile of a dataset".to_owned(),
        JobKind::Predict { model, file: path } => format!("{model} on {}", file(path)),
        JobKind::Compare { models } => {
            let names: Vec<String> = models.iter().map(ToString::to_string).collect();
            format!("Comparison of {}", names.join(", "))
        }
        JobKind::Explain { model, method } => {
            let method = method.map_or("Explanation", orrery_domain::explain::ExplainMethod::title);
            format!("{method} of {model}")
        }
        JobKind::Compress { model, method } => format!("{model}: {}", method.title()),
        JobKind::Search { search } => format!("Search {search}"),
        JobKind::Tune { request, .. } => format!("Tuning of {}", request.model),
        JobKind::Probe => "Measurement of the devices".to_owned(),
    }
}

fn failures(snapshot: &Snapshot, runs: &[&Run]) -> Vec<FailureLine> {
    let of_runs = runs.iter().filter_map(|run| {
        let failure = run.failure.clone().filter(|_| run.state == RunState::Failed)?;
        let at = run.ended_at.unwrap_or(run.created_at);
        Some((
            at,
            FailureLine {
                name: run.name.clone(),
                failure,
                run: Some(run.id.clone()),
                age: format::ago(snapshot.now, at),
            },
        ))
    });
    let of_jobs = snapshot.jobs.iter().filter_map(|job: &JobEntry| match &job.outcome {
        Some(JobOutcome::Failed { failure }) => Some((
            job.started_at,
            FailureLine {
                name: job_words(&job.kind),
                failure: failure.clone(),
                run: None,
                age: format::ago(snapshot.now, job.started_at),
            },
        )),
        _ => None,
    });
    let mut all: Vec<_> = of_runs.chain(of_jobs).collect();
    all.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    all.into_iter().take(3).map(|(_, line)| line).collect()
}

fn next_step(snapshot: &Snapshot, runs: &[&Run]) -> NextStep {
    if let Some(run) = runs.iter().find(|run| run.state == RunState::Running) {
        let left = run
            .progress
            .secs_left
            .map(|secs| format!(", {} left", format::duration(secs)))
            .unwrap_or_default();
        let done = run.progress.fraction.map(format::percent).unwrap_or_default();
        return NextStep {
            heading: format!("{} is training", run.name),
            sentence: format!("{done} done{left}. Its curves are live.").trim_start().to_owned(),
            button: "Watch it".to_owned(),
            action: NextAction::ShowRun(run.id.clone()),
        };
    }
    let newest = runs.first();
    if let Some(run) = newest.filter(|run| run.state == RunState::Failed) {
        return NextStep {
            heading: format!("{} failed", run.name),
            sentence: "See what happened, what was kept and what to change.".to_owned(),
            button: "See why".to_owned(),
            action: NextAction::ShowRun(run.id.clone()),
        };
    }
    if let Some(run) = newest.filter(|run| run.state == RunState::Paused) {
        return NextStep {
            heading: format!("{} is paused", run.name),
            sentence: "It goes on from its checkpoint whenever you like.".to_owned(),
            button: "Show the run".to_owned(),
            action: NextAction::ShowRun(run.id.clone()),
        };
    }
    let untrained = snapshot
        .datasets
        .iter()
        .filter(|entry| !entry.deleted)
        .find(|entry| !runs.iter().any(|run| run.dataset == entry.dataset.id));
    if let Some(entry) = untrained {
        return NextStep {
            heading: format!("Train a model on {}", entry.dataset.name),
            sentence: format!(
                "{} are imported and nothing was trained on them yet.",
                format::plural(entry.dataset.rows, "row")
            ),
            button: "Train…".to_owned(),
            action: NextAction::Train(entry.dataset.id.clone()),
        };
    }
    if let Some(entry) = snapshot.models.iter().find(|entry| !entry.deleted) {
        let (metric, value) = &entry.primary;
        return NextStep {
            heading: format!("{} is ready", entry.model),
            sentence: format!(
                "{} {} on the test rows. Compare it with its baselines, try a row, predict on a file.",
                metric.title(),
                format::metric(*metric, value.value)
            ),
            button: "Judge it".to_owned(),
            action: NextAction::ShowModel(entry.model.clone()),
        };
    }
    NextStep {
        heading: "Open a table".to_owned(),
        sentence: "CSV, JSON lines, Parquet or Arrow; or drop a file anywhere on this window.".to_owned(),
        button: "Open a file…".to_owned(),
        action: NextAction::OpenFile,
    }
}
