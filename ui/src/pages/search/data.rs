//! What page Search shows, as plain data.

use orrery_domain::{
    metric::MetricId,
    search::{Course, Range, Search, SearchState, Space, Trial, TrialState},
    snapshot::{JobKind, Snapshot},
    spreadsheet::harmless,
    words,
};

use crate::{
    command::FindInSnapshot,
    format::{self, NONE},
    theme::State,
    widgets::{
        grid::{Cell, GridRow},
        parallel::{Axis, Parallel, ParallelLine},
        table::TableColumn,
        tile::Tile,
    },
};

/// Whether a process has the search, as far as this window knows: one of its own, or one that wrote lately.
pub(super) fn is_going_on(search: &Search, snapshot: &Snapshot) -> bool {
    let own = snapshot.jobs.iter().any(|job| {
        job.outcome.is_none() && matches!(&job.kind, JobKind::Search { search: id } if *id == search.id)
    });
    let alive = || {
        search.course.trials.iter().filter_map(|trial| trial.run.as_ref()).rev().take(64).any(|run| {
            snapshot.find_run(run).is_some_and(|run| run.state == orrery_domain::run::RunState::Running)
        })
    };
    own || (search.state == SearchState::Running && alive())
}

/// The word and look of a search's state.
pub(super) fn state(search: &Search, going_on: bool) -> (&'static str, State) {
    match search.state {
        SearchState::Running if going_on => ("Running", State::Running),
        SearchState::Running => ("Interrupted", State::Warning),
        SearchState::Paused => ("Paused", State::Waiting),
        SearchState::Finished => ("Finished", State::Ok),
        SearchState::Failed => ("Failed", State::Failed),
        SearchState::Cancelled => ("Cancelled", State::Unknown),
    }
}

/// A quality in its metric's own way.
pub(super) fn quality(search: &Search, value: Option<f64>) -> String {
    match (search.metric(), value) {
        (Some(metric), value) => format::metric(metric, value),
        (None, Some(value)) => format::significant(value, 4),
        (None, None) => NONE.to_owned(),
    }
}

/// The columns of the searches.
pub(super) fn columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Search", 200.0),
        TableColumn::text("Dataset", 140.0).growing(),
        TableColumn::text("Target", 110.0),
        TableColumn::text("Models", 140.0),
        TableColumn::text("State", 110.0).drawn(),
        TableColumn::number("Trials", 80.0),
        TableColumn::number("Best", 100.0).help("On the validation rows, within the limits"),
        TableColumn::text("Model made", 150.0),
    ]
}

/// A search's row.
pub(super) fn row(search: &Search, snapshot: &Snapshot) -> GridRow {
    let (word, look) = state(search, is_going_on(search, snapshot));
    let best = search.course.best().and_then(|trial| trial.quality);
    let tried = search.course.trials.len();
    GridRow {
        key: search.id.clone(),
        hover: String::new(),
        cells: vec![
            Cell::text(&search.id),
            Cell::text(&search.request.dataset.name),
            Cell::text(&search.request.config.target),
            Cell::text(search.course.space.models().join(", ")),
            Cell::state(word, look, f64::from(u8::from(search.state == SearchState::Running))),
            Cell::number(Some(tried as f64), |count| words::count(count as u64)),
            Cell { number: best, ..Cell::text(quality(search, best)) },
            Cell::text(search.model.as_ref().map_or_else(|| NONE.to_owned(), ToString::to_string)),
        ],
    }
}

/// What a person looks for first.
pub(super) fn tiles(search: &Search) -> Vec<Tile> {
    let course = &search.course;
    let (finished, failed) = (course.count(TrialState::Finished), course.count(TrialState::Failed));
    let metric = search.metric().map_or("Quality", MetricId::title);
    let best = course.best();
    let limits = &course.plan.limits;
    let limit =
        |words: Option<String>| words.map_or_else(|| "no limit".to_owned(), |words| format!("limit {words}"));
    vec![
        Tile {
            title: format!("Best {metric}"),
            value: quality(search, best.and_then(|trial| trial.quality)),
            detail: best.map_or_else(
                || "no trial within the limits yet".to_owned(),
                |trial| format!("trial {}, validation rows", trial.number + 1),
            ),
            help: "The best trial within the limits. The test rows are looked at once, for the trial that is chosen.".to_owned(),
            ..Tile::default()
        },
        Tile {
            title: "Trials".to_owned(),
            value: format!("{} of {}", course.trials.len(), course.plan.trials),
            detail: format!(
                "{finished} finished, {} stopped early, {failed} failed",
                course.count(TrialState::Waiting)
            ),
            ..Tile::default()
        },
        Tile {
            title: "Time of one row".to_owned(),
            value: best.and_then(|trial| trial.row_secs).map_or_else(|| NONE.to_owned(), format::duration),
            detail: limit(limits.row_secs.map(format::duration)),
            help: "Of the best trial's exported model: the median, measured in a new process while other trials pause".to_owned(),
            ..Tile::default()
        },
        Tile {
            title: "On disk".to_owned(),
            value: best.and_then(|trial| trial.bytes).map_or_else(|| NONE.to_owned(), format::bytes),
            detail: limit(limits.bytes.map(format::bytes)),
            ..Tile::default()
        },
        Tile {
            title: "Time".to_owned(),
            value: format::duration(search.elapsed_secs),
            detail: match course.plan.secs {
                Some(secs) => format!("of {}, {} at once", format::duration(secs), search.at_once),
                None => format!("{} at once", search.at_once),
            },
            ..Tile::default()
        },
    ]
}

/// The parameters that a person may care about: more than one value, or of a model that is searched.
pub(super) fn shown(space: &Space) -> Vec<&orrery_domain::search::Parameter> {
    let free = |range: &Range| match range {
        Range::Float { low, high, .. } => low < high,
        Range::Int { low, high, .. } => low < high,
        Range::Choice { options } => options.len() > 1,
    };
    space.0.iter().filter(|parameter| free(&parameter.range)).collect()
}

/// The columns of the trials.
pub(super) fn trial_columns(search: &Search) -> Vec<TableColumn> {
    let metric = search.metric().map_or("Quality", MetricId::title);
    let mut all = vec![
        TableColumn::number("Trial", 60.0),
        TableColumn::text("State", 140.0).drawn(),
        TableColumn::number(metric, 90.0).help("On the validation rows"),
        TableColumn::number("One row", 90.0).help("Measured, the median"),
        TableColumn::number("On disk", 90.0),
        TableColumn::number("Trained", 90.0),
        TableColumn::text("Marks", 120.0)
            .help("The best within the limits; the front of quality, time and size"),
    ];
    all.extend(shown(&search.course.space).iter().map(|parameter| {
        if matches!(parameter.range, Range::Choice { .. }) {
            TableColumn::text(parameter.name.clone(), 120.0)
        } else {
            TableColumn::number(parameter.name.clone(), 120.0)
        }
    }));
    all.push(TableColumn::text("Why it failed", 220.0).hidden());
    all
}

/// The word and look of a trial's state.
fn trial_state(trial: &Trial, going_on: bool) -> (&'static str, State) {
    match trial.state {
        TrialState::Running if going_on => ("In training", State::Running),
        TrialState::Running => ("Left unfinished", State::Waiting),
        TrialState::Waiting => ("Stopped early", State::Waiting),
        TrialState::Finished => ("Finished", State::Ok),
        TrialState::Failed => ("Failed", State::Failed),
    }
}

/// A trial's row.
pub(super) fn trial_row(search: &Search, trial: &Trial, front: &[u32], going_on: bool) -> GridRow {
    let course = &search.course;
    let (word, look) = trial_state(trial, going_on);
    let mut marks = Vec::new();
    if course.best().is_some_and(|best| best.number == trial.number) {
        marks.push("best");
    }
    if trial.state == TrialState::Finished && course.excess(trial) > 0.0 {
        marks.push("over the limits");
    }
    if front.contains(&trial.number) {
        marks.push("front");
    }
    let mut cells = vec![
        Cell::number(Some(f64::from(trial.number) + 1.0), |number| words::count(number as u64)),
        Cell::state(word, look, f64::from(trial.state as u8)),
        Cell { number: trial.quality, ..Cell::text(quality(search, trial.quality)) },
        Cell::number(trial.row_secs, format::duration),
        Cell::number(trial.bytes.map(|bytes| bytes as f64), |bytes| format::bytes(bytes as u64)),
        Cell::number(trial.secs, format::duration),
        Cell::text(marks.join(", ")),
    ];
    cells.extend(shown(&course.space).iter().map(|parameter| match trial.values.get(&parameter.name) {
        Some(value) => Cell { number: value.number(), ..Cell::text(value.to_string()) },
        None => Cell::text(NONE),
    }));
    cells.push(Cell::text(trial.why.as_deref().unwrap_or(NONE)));
    GridRow { key: trial.number.to_string(), cells, hover: trial.why.clone().unwrap_or_default() }
}

/// Finished trials as lines over the parameters' axes, the quality's last; the best is drawn on top. Also their numbers.
pub(super) fn parallel(search: &Search) -> (Parallel<'static>, Vec<u32>) {
    let course = &search.course;
    let parameters = shown(&course.space);
    let mut finished: Vec<(&Trial, f64)> = course
        .trials
        .iter()
        .filter(|trial| trial.state == TrialState::Finished)
        .filter_map(|trial| Some((trial, course.cost(trial)?)))
        .collect();
    finished.sort_by(|a, b| b.1.total_cmp(&a.1));
    let ends = |range: &Range| match range {
        Range::Float { low, high, .. } => (format::significant(*low, 2), format::significant(*high, 2)),
        Range::Int { low, high, .. } => (low.to_string(), high.to_string()),
        Range::Choice { options } => {
            (options.first().cloned().unwrap_or_default(), options.last().cloned().unwrap_or_default())
        }
    };
    let mut axes: Vec<Axis> = parameters
        .iter()
        .map(|parameter| Axis { name: parameter.name.clone(), ends: ends(&parameter.range) })
        .collect();
    let qualities = || finished.iter().filter_map(|(trial, _)| trial.quality);
    let (low, high) =
        (qualities().fold(f64::INFINITY, f64::min), qualities().fold(f64::NEG_INFINITY, f64::max));
    axes.push(Axis {
        name: search.metric().map_or("Quality", MetricId::title).to_owned(),
        ends: (quality(search, Some(low)), quality(search, Some(high))),
    });
    let count = finished.len();
    let lines = finished.iter().enumerate().map(|(rank, (trial, _))| {
        let mut at: Vec<Option<f32>> = parameters
            .iter()
            .map(|parameter| {
                let value = trial.values.get(&parameter.name)?;
                parameter.range.place(value).map(|place| place.clamp(0.0, 1.0) as f32)
            })
            .collect();
        let share = |value: f64| if high > low { ((value - low) / (high - low)) as f32 } else { 0.5 };
        at.push(trial.quality.map(share));
        ParallelLine { at, shade: Some(1.0 - rank as f32 / (count.max(2) - 1) as f32) }
    });
    let picture = Parallel {
        title: "Trials across parameters",
        axes,
        lines: lines.collect(),
        summary: format!(
            "{}; the best are in the strongest colour",
            words::plural(count as u64, "finished trial")
        ),
    };
    (picture, finished.iter().map(|(trial, _)| trial.number).collect())
}

/// The trials as CSV, one a line.
pub(super) fn csv(course: &Course) -> String {
    let quoted = |text: &str| {
        let text = harmless(text);
        if text.contains([',', '"', '\n']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.into_owned()
        }
    };
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let names: Vec<&str> = course.space.0.iter().map(|parameter| parameter.name.as_str()).collect();
    let mut out = format!("trial,state,quality,row_secs,bytes,train_secs,run,{}\n", names.join(","));
    for trial in &course.trials {
        let state = serde_json::to_value(trial.state).ok();
        let mut cells = vec![
            (trial.number + 1).to_string(),
            state.as_ref().and_then(|state| state.as_str()).unwrap_or_default().to_owned(),
            number(trial.quality),
            number(trial.row_secs),
            trial.bytes.map_or_else(String::new, |bytes| bytes.to_string()),
            number(trial.secs),
            trial.run.as_ref().map_or_else(String::new, ToString::to_string),
        ];
        cells.extend(names.iter().map(|name| {
            trial.values.get(*name).map_or_else(String::new, |value| match value.number() {
                Some(number) => number.to_string(),
                None => quoted(&value.to_string()),
            })
        }));
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}
