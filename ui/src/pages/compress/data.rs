//! What page Compress shows, as plain data.

use orrery_domain::{
    ModelRef,
    compress::{
        CompressReport, CompressedFigures, DistilTrial, LayerCost, LayerShape, ModelSpeed, PruneRound, Spread,
    },
    metric::MetricId,
    snapshot::ModelEntry,
};

use crate::{
    format::{self, NONE},
    theme::State,
    widgets::{
        grid::{Cell, GridRow, Look},
        table::TableColumn,
        tile::Tile,
    },
};

/// Models that were made from another.
pub(super) fn compressed(models: &[ModelEntry]) -> impl Iterator<Item = &ModelEntry> {
    models.iter().filter(|entry| !entry.deleted && entry.compressed_from.is_some())
}

/// What a model was made from.
pub(super) fn origin(models: &[ModelEntry], model: &ModelRef) -> Option<ModelRef> {
    models.iter().find(|entry| entry.model == *model)?.compressed_from.clone()
}

/// The columns of the models.
pub(super) fn columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Model", 180.0).growing(),
        TableColumn::text("Made from", 180.0).growing(),
        TableColumn::number("On disk", 90.0),
        TableColumn::text("Metric", 110.0),
        TableColumn::number("Test", 90.0).help("On the test rows of the run that its origin came from"),
        TableColumn::text("Made (UTC)", 130.0),
    ]
}

/// A model's row.
pub(super) fn row(entry: &ModelEntry) -> GridRow {
    let (metric, value) = &entry.primary;
    let from = entry.compressed_from.as_ref().map_or_else(|| NONE.to_owned(), ToString::to_string);
    GridRow {
        key: entry.model.to_string(),
        hover: String::new(),
        cells: vec![
            Cell::text(entry.model.to_string()),
            Cell::text(from),
            Cell::number(Some(entry.bytes as f64), |bytes| format::bytes(bytes as u64)),
            Cell::text(metric.title()),
            Cell::number(value.value, |value| format::metric(*metric, Some(value))),
            Cell { number: Some(entry.created_at), ..Cell::text(format::moment(entry.created_at)) },
        ],
    }
}

/// The columns of the figures.
pub(super) fn figure_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Figure", 190.0).growing(),
        TableColumn::number("Before", 230.0),
        TableColumn::number("After", 230.0),
        TableColumn::number("After / before", 110.0),
    ]
}

fn spread(spread: Spread) -> String {
    let [median, low, high] = [spread.median, spread.low, spread.high].map(format::duration);
    format!("{median} ({low} – {high})")
}

/// One figure of both models.
fn figure(
    title: &str,
    report: &CompressReport,
    of: impl Fn(&CompressedFigures) -> Option<(f64, String)>,
) -> GridRow {
    let (before, after) = (of(&report.before), of(&report.after));
    let ratio = before.as_ref().zip(after.as_ref()).filter(|((before, _), _)| *before > 0.0);
    let cell = |value: Option<(f64, String)>| match value {
        Some((number, text)) => Cell { number: Some(number), ..Cell::text(text) },
        None => Cell::text(NONE),
    };
    let ratio = ratio.map(|((before, _), (after, _))| after / before);
    let cells = vec![
        Cell::text(title),
        cell(before),
        cell(after),
        Cell::number(ratio, |ratio| format!("{ratio:.2}")),
    ];
    GridRow { key: title.to_owned(), cells, hover: String::new() }
}

/// Every figure before and after.
pub(super) fn figure_rows(report: &CompressReport) -> Vec<GridRow> {
    let speed = |of: fn(&ModelSpeed) -> Option<(f64, String)>| {
        move |figures: &CompressedFigures| figures.speed.as_ref().and_then(of)
    };
    let mut rows = vec![
        figure("Parameters", report, |figures| {
            Some((figures.parameters as f64, format::count(figures.parameters)))
        }),
        figure("Bytes on disk", report, |figures| Some((figures.bytes as f64, format::bytes(figures.bytes)))),
        figure(
            "Seconds for one row",
            report,
            speed(|speed| Some((speed.row_secs.median, spread(speed.row_secs)))),
        ),
        figure(
            "Seconds for 64 rows",
            report,
            speed(|speed| Some((speed.batch_secs.median, spread(speed.batch_secs)))),
        ),
        figure(
            "Rows a second, by 64",
            report,
            speed(|speed| Some((speed.rows_per_sec, format::count_short(speed.rows_per_sec)))),
        ),
        figure(
            "Memory added by the model",
            report,
            speed(|speed| speed.added_memory_bytes.map(|bytes| (bytes as f64, format::bytes(bytes)))),
        ),
        figure(
            "Peak memory of its process",
            report,
            speed(|speed| speed.peak_memory_bytes.map(|bytes| (bytes as f64, format::bytes(bytes)))),
        ),
    ];
    for id in MetricId::CLASSIFICATION.iter().chain(&MetricId::REGRESSION) {
        if report.after.test.contains_key(id) {
            rows.push(figure(id.title(), report, |figures| {
                let value = figures.test.get(id)?;
                let text = match (value.low, value.high) {
                    (Some(low), Some(high)) => format!(
                        "{} ({} – {})",
                        format::metric(*id, value.value),
                        format::metric(*id, Some(low)),
                        format::metric(*id, Some(high))
                    ),
                    _ => format::metric(*id, value.value),
                };
                Some((value.value?, text))
            }));
        }
    }
    rows
}

/// The columns of the layers.
pub(super) fn layer_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Layer", 170.0).growing(),
        TableColumn::number("Parameters", 100.0),
        TableColumn::number("Loss, alone", 110.0)
            .help("Relative change of the loss on validation rows with this layer alone quantized"),
        TableColumn::text("Made of", 150.0).drawn(),
    ]
}

/// A layer's row.
pub(super) fn layer_row(cost: &LayerCost) -> GridRow {
    let state = if cost.quantized { State::Ok } else { State::Waiting };
    GridRow {
        key: cost.layer.clone(),
        hover: String::new(),
        cells: vec![
            Cell::text(&cost.layer),
            Cell::number(Some(cost.parameters as f64), |count| format::count(count as u64)),
            Cell::number(Some(cost.loss_rise), |rise| format!("{:+.4}%", rise * 100.0)),
            Cell::state(cost.form(), state, f64::from(cost.bits.unwrap_or(32))),
        ],
    }
}

/// The tiles above: what a person looks for first.
pub(super) fn tiles(report: &CompressReport) -> Vec<Tile> {
    let ratio = |before: f64, after: f64| format!("{:.2}", after / before);
    let mut all = vec![Tile {
        title: "On disk".to_owned(),
        value: ratio(report.before.bytes as f64, report.after.bytes as f64),
        unit: "\u{d7}".to_owned(),
        detail: format!(
            "{} \u{2192} {}",
            format::bytes(report.before.bytes),
            format::bytes(report.after.bytes)
        ),
        ..Tile::default()
    }];
    for (title, of) in [
        ("Time of one row", (|speed| speed.row_secs) as fn(&ModelSpeed) -> Spread),
        ("Time of 64 rows", |speed| speed.batch_secs),
    ] {
        let both = report.before.speed.as_ref().map(of).zip(report.after.speed.as_ref().map(of));
        all.push(Tile {
            title: title.to_owned(),
            value: both.map_or_else(|| NONE.to_owned(), |(a, b)| ratio(a.median, b.median)),
            unit: both.map_or_else(String::new, |_| "\u{d7}".to_owned()),
            detail: both.map_or_else(
                || "not measured".to_owned(),
                |(a, b)| format!("{} \u{2192} {}", format::duration(a.median), format::duration(b.median)),
            ),
            help: "Measured in a new process that loads the model from disk; without preprocessing"
                .to_owned(),
            ..Tile::default()
        });
    }
    if let Some((metric, difference)) = &report.difference {
        let detail = match (difference.low, difference.high) {
            (Some(low), Some(high)) => format!("95% {low:+.5} – {high:+.5}"),
            _ => String::new(),
        };
        all.push(Tile {
            title: format!("{} after less before", metric.title()),
            value: difference.value.map_or_else(|| NONE.to_owned(), |value| format!("{value:+.5}")),
            detail,
            help: "On the same test rows; the interval is a paired 95% bootstrap".to_owned(),
            ..Tile::default()
        });
    }
    all
}

/// The columns of the rounds.
pub(super) fn round_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::number("Round", 70.0),
        TableColumn::number("Parameters left", 130.0),
        TableColumn::number("Validation loss", 130.0).help("After the round's training"),
        TableColumn::text("Kept", 130.0).drawn().growing(),
    ]
}

/// A round's row.
pub(super) fn round_row((at, round): (usize, &PruneRound)) -> GridRow {
    let (word, state) = if round.kept { ("Kept", State::Ok) } else { ("Over the budget", State::Warning) };
    GridRow {
        key: at.to_string(),
        hover: String::new(),
        cells: vec![
            Cell::number(Some(at as f64 + 1.0), |number| format::count(number as u64)),
            Cell::number(Some(round.parameters as f64), |count| format::count(count as u64)),
            Cell::number(Some(round.valid_loss), |loss| format!("{loss:.5}")),
            Cell::state(word, state, f64::from(u8::from(round.kept))),
        ],
    }
}

/// The columns of the shapes.
pub(super) fn shape_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Tensor", 190.0).growing(),
        TableColumn::number("Before", 110.0),
        TableColumn::number("After", 110.0),
        TableColumn::number("Zeros", 90.0),
    ]
}

/// A tensor's row.
pub(super) fn shape_row(shape: &LayerShape) -> GridRow {
    let write = |shape: &[u64]| {
        shape.iter().map(|length| format::count(*length)).collect::<Vec<_>>().join(" \u{d7} ")
    };
    let sized = |shape: &[u64]| Cell {
        text: write(shape),
        number: Some(shape.iter().product::<u64>() as f64),
        look: Look::Words,
    };
    GridRow {
        key: shape.layer.clone(),
        hover: String::new(),
        cells: vec![
            Cell::text(&shape.layer),
            sized(&shape.before),
            sized(&shape.after),
            Cell::number(Some(shape.zeros as f64), |count| format::count(count as u64)),
        ],
    }
}

/// The columns of the students.
pub(super) fn trial_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Student", 150.0).growing(),
        TableColumn::number("Parameters", 100.0),
        TableColumn::number("Temperature", 100.0),
        TableColumn::number("Validation loss", 120.0),
        TableColumn::text("", 140.0).drawn(),
    ]
}

/// A student's row.
pub(super) fn trial_row((at, trial): (usize, &DistilTrial)) -> GridRow {
    let (word, state) = match (trial.chosen, trial.taught) {
        (true, _) => ("Made", State::Ok),
        (false, true) => ("Tried", State::Waiting),
        (false, false) => ("Without teacher", State::Waiting),
    };
    GridRow {
        key: at.to_string(),
        hover: String::new(),
        cells: vec![
            Cell::text(&trial.student),
            Cell::number(Some(trial.parameters as f64), |count| format::count(count as u64)),
            Cell::number(trial.temperature, |temperature| temperature.to_string()),
            Cell::number(Some(trial.valid_loss), |loss| format!("{loss:.5}")),
            Cell::state(word, state, f64::from(u8::from(trial.chosen))),
        ],
    }
}
