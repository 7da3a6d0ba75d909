//! What page Tune shows, as plain data.

use orrery_domain::{
    serving::Serving,
    tune::{Figure, Interval, TuneMeasurement, TuneReport, TuneStage},
};

use crate::{
    format::{self, NONE},
    theme::State,
    widgets::{
        grid::{Cell, GridRow},
        table::TableColumn,
        tile::Tile,
    },
};

/// The columns of the tunings.
pub(super) fn columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Model", 150.0).growing(),
        TableColumn::text("Goal", 240.0).growing(),
        TableColumn::number("Measured", 100.0).help("Settings measured, of as many as were asked for"),
        TableColumn::text("State", 110.0).drawn(),
        TableColumn::number("Best", 120.0),
        TableColumn::text("Asked (UTC)", 130.0),
    ]
}

/// A tuning's row.
pub(super) fn row(report: &TuneReport) -> GridRow {
    let (measured, asked) = (report.measurements.len(), report.request.max_measurements);
    let (word, state) = match report.stage {
        TuneStage::Finished => ("Finished", State::Ok),
        TuneStage::Unfinished => ("Unfinished", State::Waiting),
    };
    let objective = report.request.goals.objective;
    let best = report.chosen().and_then(|best| best.value(objective));
    GridRow {
        key: report.id.clone(),
        hover: String::new(),
        cells: vec![
            Cell::text(report.request.model.to_string()),
            Cell::text(report.request.goals.words()),
            Cell { number: Some(measured as f64), ..Cell::text(format!("{measured} of {asked}")) },
            Cell::state(word, state, f64::from(u8::from(report.stage == TuneStage::Finished))),
            Cell::number(best, |value| objective.words(value)),
            Cell { number: Some(report.created_at), ..Cell::text(format::moment(report.created_at)) },
        ],
    }
}

/// The columns of the measurements.
pub(super) fn measurement_columns() -> Vec<TableColumn> {
    let figure = |figure: Figure| {
        TableColumn::number(figure_title(figure), 132.0).help(
            "Mean over repetitions, and half its 95% interval; noisy where that is wider than was asked",
        )
    };
    vec![
        TableColumn::number("No.", 44.0),
        TableColumn::number("Version", 64.0).help("The version that is served: its precision"),
        TableColumn::number("Batch", 60.0).help("Most rows that are computed together"),
        TableColumn::number("Threads", 66.0).help("Threads of each instance"),
        TableColumn::number("Instances", 76.0).help("Batches that are computed side by side"),
        TableColumn::number("Delay, µs", 72.0).help("Longest that a request waits for others"),
        figure(Figure::Throughput),
        figure(Figure::P95),
        figure(Figure::P50),
        figure(Figure::P99),
        figure(Figure::Memory),
        figure(Figure::Cpu),
        TableColumn::number("Repeats", 66.0),
        TableColumn::text("Says", 190.0).drawn().growing(),
    ]
}

/// A figure's name with its unit.
fn figure_title(figure: Figure) -> String {
    match figure {
        Figure::Throughput | Figure::Cpu => figure.title().to_owned(),
        other => format!("{}, {}", other.title(), other.unit().0),
    }
}

/// A value with half its interval, in its unit, marked where that is wide.
fn interval(measured: &TuneMeasurement, figure: Figure) -> Cell {
    let Some(found) = measured.figures.get(&figure) else { return Cell::text(NONE) };
    let mark = noisy_mark(measured, figure);
    Cell { number: Some(found.value), ..Cell::text(figure.interval(found) + mark) }
}

/// What stands behind a figure whose interval is wider than was asked.
pub(super) fn noisy_mark(found: &TuneMeasurement, figure: Figure) -> &'static str {
    if found.is_noisy(figure) { " noisy" } else { "" }
}

/// What a measurement is, in words with a state.
fn says(report: &TuneReport, at: usize, found: &TuneMeasurement) -> (String, State) {
    if let Some(why) = &found.failure {
        return (format!("Failed: {why}"), State::Failed);
    }
    let broken = !report.request.goals.kept(&found.figures);
    let all = [
        (report.best == Some(at), "Best"),
        (found.setting == report.before, "Served so before"),
        (!found.steady, "Noisy"),
        (found.steady && !found.noisy.is_empty(), "Noisy in part"),
        (broken, "Breaks a bound"),
    ];
    let words: Vec<&str> = all.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect();
    let noisy = !found.steady || !found.noisy.is_empty();
    let state = if noisy || broken { State::Warning } else { State::Ok };
    let words = if words.is_empty() { "Steady".to_owned() } else { words.join(", ") };
    (words, state)
}

/// A measurement's row.
pub(super) fn measurement_row(report: &TuneReport, at: usize) -> GridRow {
    let found = &report.measurements[at];
    let serving = &found.setting.serving;
    let whole = |value: u64| Cell::number(Some(value as f64), |value| format::count(value as u64));
    let threads = match serving.threads {
        0 => Cell { number: Some(0.0), ..Cell::text("all") },
        threads => whole(u64::from(threads)),
    };
    let mut cells = vec![
        whole(at as u64 + 1),
        whole(u64::from(found.setting.model.version)),
        whole(u64::from(serving.batch_rows)),
        threads,
        whole(u64::from(serving.instances)),
        whole(serving.delay_micros),
    ];
    let order = [Figure::Throughput, Figure::P95, Figure::P50, Figure::P99, Figure::Memory, Figure::Cpu];
    cells.extend(order.map(|figure| interval(found, figure)));
    cells.push(whole(u64::from(found.repeats)));
    let (words, state) = says(report, at, found);
    cells.push(Cell::state(words, state, at as f64));
    GridRow { key: at.to_string(), cells, hover: found.setting.words() }
}

/// The tiles above: the best beside how it was served before.
pub(super) fn tiles(report: &TuneReport) -> Vec<Tile> {
    let (best, before) = (report.chosen(), report.current());
    [Figure::Throughput, Figure::P95, Figure::Memory, Figure::Cpu]
        .into_iter()
        .map(|figure| {
            let of =
                |found: Option<&TuneMeasurement>| found.and_then(|found| found.figures.get(&figure).copied());
            let value = of(best).map_or_else(|| NONE.to_owned(), |found| figure.number(found.value));
            let mark = best.map_or("", |best| noisy_mark(best, figure));
            let within = |found: Interval| {
                format!("95% {} – {}{mark}", figure.number(found.low), figure.number(found.high))
            };
            let detail = match (of(best), of(before)) {
                (Some(found), Some(before)) => {
                    format!("{} before; {}", figure.words(before.value), within(found))
                }
                (Some(found), None) => within(found),
                _ => "not measured".to_owned(),
            };
            Tile {
                title: figure.title().to_owned(),
                value,
                unit: figure.unit().0.to_owned(),
                detail,
                help: "Of the best measurement; the interval is of the mean over repetitions".to_owned(),
                ..Tile::default()
            }
        })
        .collect()
}

/// How the model is served now, in words.
pub(super) fn in_force(report: &TuneReport, serving: Option<&Serving>) -> String {
    match serving.and_then(Serving::in_force) {
        Some(applied) => format!(
            "{}:{} is in force: {}",
            report.request.model.name,
            applied.version,
            applied.settings.words()
        ),
        None => {
            format!("Nothing is applied to {}: nodes serve it by their own flags", report.request.model.name)
        }
    }
}
