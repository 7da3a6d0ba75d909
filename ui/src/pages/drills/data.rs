//! What page Drills shows, as plain data.

use orrery_domain::fleet::{Drill, DrillPhase};

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

/// What a drill is called.
pub(super) fn title(drill: &Drill) -> String {
    format!("{} at {}", drill.region, format::moment(drill.started_at))
}

/// State and word of a phase.
pub(super) fn phase(phase: DrillPhase) -> (State, &'static str) {
    match phase {
        DrillPhase::Baseline => (State::Running, "Baseline"),
        DrillPhase::Cut => (State::Running, "Cut"),
        DrillPhase::Shifting => (State::Running, "Shifting"),
        DrillPhase::Shifted => (State::Running, "Shifted"),
        DrillPhase::Recovering => (State::Running, "Recovering"),
        DrillPhase::Done => (State::Ok, "Done"),
        DrillPhase::Failed => (State::Failed, "Failed"),
    }
}

/// The columns of the drills.
pub(super) fn columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Begun (UTC)", 130.0),
        TableColumn::text("Region", 120.0).growing(),
        TableColumn::text("Gateway", 120.0).growing(),
        TableColumn::text("State", 110.0).drawn(),
        TableColumn::number("Detection", 88.0).help("From the cut until the region counted as ill"),
        TableColumn::number("Shift", 80.0).help("From the cut until the other regions carried everything"),
        TableColumn::number("Recovery", 84.0).help("From putting it back until it carried its share again"),
        TableColumn::number("Requests", 88.0).help("That callers sent from the cut to the end"),
        TableColumn::number("Failures", 80.0).help("Of these, failed"),
        TableColumn::number("Failed share", 92.0),
    ]
}

/// A drill's row.
pub(super) fn row(drill: &Drill) -> GridRow {
    let (state, word) = phase(drill.phase);
    let count =
        |value: Option<u64>| Cell::number(value.map(|value| value as f64), |v| format::count(v as u64));
    let share = match (drill.failures, drill.requests) {
        (Some(failures), Some(requests)) if requests > 0 => Some(failures as f64 / requests as f64),
        _ => None,
    };
    GridRow {
        key: drill.id.clone(),
        hover: drill.reason.clone(),
        cells: vec![
            Cell {
                text: format::moment(drill.started_at),
                number: Some(drill.started_at),
                look: Look::Plain,
            },
            Cell::text(&drill.region),
            Cell::text(&drill.gateway),
            Cell::state(word, state, if state == State::Running { 0.0 } else { 1.0 }),
            Cell::number(drill.detection_secs, serve::time),
            Cell::number(drill.shift_secs, serve::time),
            Cell::number(drill.recovery_secs, serve::time),
            count(drill.requests),
            count(drill.failures),
            Cell::number(share, format::percent),
        ],
    }
}

/// A drill's phases, with the seconds that were measured.
pub(super) fn phases(drill: &Drill) -> Vec<Step> {
    let measured = |words: &str, secs: Option<f64>| {
        secs.map(|secs| format!("{words} {}", serve::time(secs))).unwrap_or_default()
    };
    let all = [
        ("Baseline", String::new()),
        ("Cut", measured("noticed after", drill.detection_secs)),
        ("Shifting", measured("moved after", drill.shift_secs)),
        ("Shifted", String::new()),
        ("Recovering", measured("back after", drill.recovery_secs)),
        ("Done", String::new()),
    ];
    let present = match drill.phase {
        DrillPhase::Baseline => 0,
        DrillPhase::Shifting => 2,
        DrillPhase::Shifted => 3,
        DrillPhase::Recovering => 4,
        DrillPhase::Done => 6,
        // How far it came is told by what was measured.
        DrillPhase::Failed if drill.shift_secs.is_some() => 3,
        DrillPhase::Failed if drill.detection_secs.is_some() => 2,
        DrillPhase::Cut | DrillPhase::Failed => 1,
    };
    let step = |(index, (title, detail)): (usize, (&str, String))| {
        let state = match index.cmp(&present) {
            std::cmp::Ordering::Less => State::Ok,
            std::cmp::Ordering::Equal if drill.phase == DrillPhase::Failed => State::Failed,
            std::cmp::Ordering::Equal => State::Running,
            std::cmp::Ordering::Greater => State::Waiting,
        };
        Step { title: title.to_owned(), detail, state }
    };
    all.into_iter().enumerate().map(step).collect()
}

/// The record of a drill.
pub(super) fn step_rows(drill: &Drill) -> Vec<GridRow> {
    let row = |(index, (at, what)): (usize, &(f64, String))| GridRow {
        key: index.to_string(),
        hover: String::new(),
        cells: vec![
            Cell::text(serve::clock(*at)),
            Cell::number(Some(at - drill.started_at), |secs| format!("+{secs:.1} s")),
            Cell::text(if what.is_empty() { NONE } else { what }),
        ],
    };
    drill.steps.iter().enumerate().map(row).collect()
}

/// The columns of the record.
pub(super) fn step_columns() -> [TableColumn; 3] {
    [
        TableColumn::text("Time (UTC)", 90.0).unsorted(),
        TableColumn::number("After", 80.0).unsorted(),
        TableColumn::text("What was done", 300.0).growing().unsorted(),
    ]
}
