//! What page Deployments shows, as plain data.

use orrery_domain::fleet::{Deployment, GuardReading, Rollout, RolloutState, VersionShare};

use super::super::serve;
use crate::{
    format::{self, NONE},
    theme::State,
    widgets::{
        grid::{Cell, GridRow, Look},
        stepper::Step,
        table::TableColumn,
    },
};

/// The columns of the deployments.
pub(super) fn columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Model", 150.0).growing(),
        TableColumn::text("Versions", 190.0).growing().help("Each version with its share of the traffic"),
        TableColumn::text("Endpoints", 220.0).growing(),
        TableColumn::text("Ready", 96.0).drawn().help("Endpoints that a probe inference proved"),
        TableColumn::number("Requests/s", 84.0).help("Over the last minute, where a gateway counts them"),
        TableColumn::number("p95", 70.0).help("95 of 100 answers were faster, where a gateway measures it"),
        TableColumn::text("Made by", 80.0).help("Ours: this workspace made it; adopted: it was found there"),
        TableColumn::text("Last change (UTC)", 130.0),
    ]
}

/// A deployment's row.
pub(super) fn row(deployment: &Deployment) -> GridRow {
    let mut endpoints: Vec<&str> =
        deployment.versions.iter().flat_map(|version| &version.endpoints).map(String::as_str).collect();
    endpoints.sort_unstable();
    endpoints.dedup();
    let places: usize = deployment.versions.iter().map(|version| version.endpoints.len()).sum();
    let ready: usize = deployment.versions.iter().map(|version| version.ready).sum();
    let state = match ready {
        0 => State::Failed,
        ready if ready < places => State::Warning,
        _ => State::Ok,
    };
    GridRow {
        key: deployment.model.clone(),
        hover: endpoints.join("\n"),
        cells: vec![
            Cell::text(&deployment.model),
            Cell::text(deployment.versions.iter().map(version_words).collect::<Vec<_>>().join(", ")),
            Cell::text(endpoints.join(", ")),
            Cell {
                text: format!("{ready} of {places}"),
                number: Some(ready as f64),
                look: Look::State(state),
            },
            Cell::number(deployment.requests_per_sec, serve::per_sec),
            Cell::number(deployment.latency.p95, serve::time),
            Cell::text(if deployment.ours { "Ours" } else { "Adopted" }),
            Cell {
                text: deployment.changed_at.map_or_else(|| NONE.to_owned(), format::moment),
                number: deployment.changed_at,
                look: Look::Plain,
            },
        ],
    }
}

fn version_words(version: &VersionShare) -> String {
    match version.percent {
        Some(percent) => format!("v{} {percent}%", version.version),
        None => format!("v{}", version.version),
    }
}

/// State and word of a rollout.
pub(super) fn rollout_state(state: RolloutState) -> (State, &'static str) {
    match state {
        RolloutState::Planned => (State::Waiting, "Planned"),
        RolloutState::Loading => (State::Running, "Loading"),
        RolloutState::Warming => (State::Running, "Warming"),
        RolloutState::Canary => (State::Running, "Canary"),
        RolloutState::Done => (State::Ok, "Done"),
        RolloutState::RolledBack => (State::Warning, "Rolled back"),
        RolloutState::Failed => (State::Failed, "Failed"),
    }
}

/// Whether a rollout has not ended.
pub(super) fn goes_on(state: RolloutState) -> bool {
    matches!(state, RolloutState::Loading | RolloutState::Warming | RolloutState::Canary)
}

/// A rollout's stages: load, warm, each percent, done.
pub(super) fn stages(rollout: &Rollout) -> Vec<Step> {
    // How many steps are behind: load and warm come before the percents.
    let reached = match rollout.state {
        RolloutState::Planned | RolloutState::Loading => 0,
        RolloutState::Warming => 1,
        RolloutState::Done => usize::MAX,
        _ => 2 + rollout.stage,
    };
    let readings = |percent: u32| rollout.readings.iter().rev().find(|reading| reading.percent == percent);
    let mut titles = vec![("Load".to_owned(), String::new()), ("Warm".to_owned(), String::new())];
    for percent in &rollout.plan.stages {
        let seen = readings(*percent).map(|reading| format::plural(reading.requests, "request"));
        titles.push((format!("{percent}%"), seen.unwrap_or_default()));
    }
    let step = |(index, (title, detail)): (usize, (String, String))| {
        let state = match index.cmp(&reached) {
            std::cmp::Ordering::Less => State::Ok,
            std::cmp::Ordering::Greater => State::Waiting,
            std::cmp::Ordering::Equal => match rollout.state {
                RolloutState::Failed => State::Failed,
                RolloutState::RolledBack => State::Warning,
                RolloutState::Planned => State::Waiting,
                _ => State::Running,
            },
        };
        Step { title, detail, state }
    };
    titles.into_iter().enumerate().map(step).collect()
}

/// A guard: its reading against its limit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GuardLine {
    pub(super) name: &'static str,
    pub(super) reading: String,
    pub(super) limit: String,
    pub(super) state: State,
    pub(super) help: &'static str,
}

/// The last reading of each guard.
pub(super) fn guards(rollout: &Rollout) -> Vec<GuardLine> {
    let last = rollout.readings.last();
    let limits = rollout.plan.guards;
    let state = |value: Option<f64>, limit: f64| match value {
        None => State::Unknown,
        Some(value) if value > limit => State::Failed,
        Some(value) if value > 0.8 * limit => State::Warning,
        Some(_) => State::Ok,
    };
    let line = |name, value: Option<f64>, limit: f64, write: fn(f64) -> String, help| GuardLine {
        name,
        reading: value.map_or_else(|| NONE.to_owned(), write),
        limit: format!("limit {}", write(limit)),
        state: state(value, limit),
        help,
    };
    vec![
        line(
            "Failures above primary",
            last.and_then(|reading| reading.error_ratio_above),
            limits.max_error_ratio_above,
            |value| format!("{:+.2} pp", value * 100.0),
            "The canary's share of failures less the primary's, in percentage points; measured at the gateway. More than the limit \
             ends the canary where chance does not explain it",
        ),
        line(
            "p95 against primary",
            last.and_then(|reading| reading.p95_ratio),
            limits.max_p95_ratio,
            |value| format!("{value:.2}×"),
            "The canary's p95 over the primary's; measured at the gateway",
        ),
        line(
            "Drift",
            last.and_then(|reading| reading.drift),
            limits.max_drift,
            |value| format!("{value:.3}"),
            "Population stability index between both versions' predictions",
        ),
    ]
}

/// The guards of a reading, each as a share of its limit.
pub(super) fn shares(rollout: &Rollout, reading: &GuardReading) -> [Option<f64>; 3] {
    let limits = rollout.plan.guards;
    let part = |value: Option<f64>, limit: f64| value.filter(|_| limit > 0.0).map(|value| value / limit);
    [
        part(reading.error_ratio_above, limits.max_error_ratio_above),
        part(reading.p95_ratio, limits.max_p95_ratio),
        part(reading.drift, limits.max_drift),
    ]
}

/// The record of a rollout's steps.
pub(super) fn step_rows(rollout: &Rollout) -> Vec<GridRow> {
    let row = |(index, step): (usize, &orrery_domain::fleet::RolloutStep)| {
        let (state, word) = match step.ok {
            Some(true) => (State::Ok, "Done"),
            Some(false) => (State::Failed, "Failed"),
            None => (State::Waiting, "Planned"),
        };
        let time = if step.ok.is_some() { serve::clock(step.at) } else { NONE.to_owned() };
        GridRow {
            key: index.to_string(),
            hover: step.detail.clone(),
            cells: vec![
                Cell::text(time),
                Cell::state(word, state, 0.0),
                Cell::text(&step.what),
                Cell::text(&step.detail),
            ],
        }
    };
    rollout.steps.iter().enumerate().map(row).collect()
}

/// The columns of the record.
pub(super) fn step_columns() -> [TableColumn; 4] {
    [
        TableColumn::text("Time (UTC)", 80.0).unsorted(),
        TableColumn::text("State", 86.0).drawn().unsorted(),
        TableColumn::text("Step", 170.0).growing().unsorted(),
        TableColumn::text("Detail", 150.0).growing().unsorted(),
    ]
}
