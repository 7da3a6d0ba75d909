//! What page Compare shows of an answer, as plain data.

use orrery_domain::{
    ModelRef,
    compare::{Better, CompareReport, ComparedModel, ComparedPair, MetricComparison, RowsOrigin, Slice},
    metric::{MetricId, MetricValue},
    words::plural,
};

use super::paired;
use crate::{
    format::{self, NONE},
    theme::State,
    widgets::{
        grid::{Cell, GridRow, Look},
        table::TableColumn,
    },
};

/// Slices of a version that are shown.
const SLICES: usize = 6;

/// An answer, ready to draw.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    /// Place of the pair that is shown.
    pub pair: usize,
    /// The result in a sentence, and how it looks.
    pub verdict: (State, &'static str, String),
    /// Which rows, in a sentence.
    pub rows: String,
    /// The pairs in words.
    pub pairs: Vec<String>,
    /// Tests of the pair in sentences.
    pub tests: Vec<String>,
    /// Metrics: the pair's values, their difference with its interval, and what it says.
    pub metrics: Vec<GridRow>,
    /// The worst slices of every version.
    pub slices: Vec<GridRow>,
    /// Every slice of the columns that were asked for, of every version.
    pub asked: Vec<GridRow>,
    /// Whether slices were looked for and not found, in a sentence a version.
    pub without_slices: Vec<String>,
    /// Quality, latency and bytes of each version.
    pub costs: Vec<GridRow>,
    /// Settings of the pair that differ.
    pub settings: Vec<GridRow>,
    /// Tensors of the pair.
    pub tensors: Vec<GridRow>,
    /// What else is different, in sentences.
    pub built: Vec<String>,
}

impl Shown {
    /// Of a report, with the pair at that place.
    pub fn of(report: &CompareReport, pair: usize) -> Self {
        let pair = pair.min(report.pairs.len().saturating_sub(1));
        let chosen = report.pairs.get(pair);
        let apart = report.pairs.iter().any(|pair| pair.verdict.better != Better::NotDistinguishable);
        let best = report.models.iter().any(|one| is_best(report, &one.model));
        let (state, word) = match (best, apart) {
            (true, _) => (State::Ok, "One is better"),
            (false, true) => (State::Unknown, "No single best"),
            (false, false) => (State::Unknown, "Not distinguishable"),
        };
        let verdict = (state, word, report.message.clone());
        let searched = |model: &ComparedModel| {
            let found = model.slices.as_ref()?;
            found.worst.is_empty().then(|| {
                format!(
                    "{}: in none of {} with {} or more is its {} certainly worse than in the rest.",
                    model.model,
                    plural(found.looked_at, "slice"),
                    plural(found.min_rows, "row"),
                    found.metric.title()
                )
            })
        };
        Self {
            pair,
            verdict,
            rows: rows(report),
            pairs: report.pairs.iter().map(|pair| format!("{} against {}", pair.b, pair.a)).collect(),
            tests: chosen.map(|pair| paired::sentences(pair, report.pairs.len() > 1)).unwrap_or_default(),
            metrics: chosen.map(|pair| metrics(report, pair)).unwrap_or_default(),
            slices: report.models.iter().flat_map(|model| slices(model, worst(model))).collect(),
            asked: report.models.iter().flat_map(|model| slices(model, asked(model))).collect(),
            without_slices: report.models.iter().filter_map(searched).collect(),
            costs: report.models.iter().map(|model| cost(report, model)).collect(),
            settings: chosen.map(settings).unwrap_or_default(),
            tensors: chosen.map(tensors).unwrap_or_default(),
            built: chosen.map(built).unwrap_or_default(),
        }
    }
}

/// Whether a version is better than each other one.
fn is_best(report: &CompareReport, model: &ModelRef) -> bool {
    report.pairs.iter().all(|pair| match pair.verdict.better {
        Better::A => pair.b != *model,
        Better::B => pair.a != *model,
        Better::NotDistinguishable => pair.a != *model && pair.b != *model,
    })
}

fn rows(report: &CompareReport) -> String {
    let rows = &report.rows;
    let which = match rows.origin {
        RowsOrigin::TestRows => "test rows of every version that was trained on it",
        RowsOrigin::All => "all rows with a target",
    };
    format!("On {} of {}: {which}.", plural(rows.used, "row"), rows.source)
}

/// A p as one reads it.
pub(super) fn p(value: f64) -> String {
    if value < 0.0001 { "< 0.0001".to_owned() } else { format!("{value:.4}") }
}

/// Columns of the metrics.
pub(super) fn metric_columns(pair: Option<&ComparedPair>) -> Vec<TableColumn> {
    let name = |model: Option<String>| model.unwrap_or_else(|| NONE.to_owned());
    vec![
        TableColumn::text("Metric", 150.0).growing(),
        TableColumn::number(name(pair.map(|pair| pair.a.to_string())), 120.0),
        TableColumn::number(name(pair.map(|pair| pair.b.to_string())), 120.0),
        TableColumn::number("Difference", 96.0).help("The second less the first"),
        TableColumn::text("95% interval", 240.0)
            .drawn()
            .help("Of the difference, by the paired bootstrap; the line is 0"),
        TableColumn::number("p", 84.0)
            .help("Two-sided, of the paired bootstrap; not corrected for the number of metrics"),
        TableColumn::text("Better", 170.0).drawn(),
    ]
}

fn metrics(report: &CompareReport, pair: &ComparedPair) -> Vec<GridRow> {
    pair.metrics.iter().map(|found| metric_row(report, pair, found)).collect()
}

fn metric_row(report: &CompareReport, pair: &ComparedPair, found: &MetricComparison) -> GridRow {
    let id = found.metric;
    let write = |value: f64| format::metric(id, Some(value));
    let decides = if id == report.metric { " (decides)" } else { "" };
    let interval = match (found.difference.low, found.difference.high) {
        (Some(low), Some(high)) => {
            let scale = low.abs().max(high.abs()).max(f64::MIN_POSITIVE);
            let state = if found.better == Better::NotDistinguishable { State::Unknown } else { State::Ok };
            Cell {
                text: format!("{} to {}", write(low), write(high)),
                number: found.difference.value,
                look: Look::Interval {
                    low: low / scale,
                    value: (found.b - found.a) / scale,
                    high: high / scale,
                    state,
                },
            }
        }
        _ => Cell::text(NONE),
    };
    let (state, words) = match found.better {
        Better::A => (State::Ok, pair.a.to_string()),
        Better::B => (State::Ok, pair.b.to_string()),
        Better::NotDistinguishable => (State::Unknown, "not distinguishable".to_owned()),
    };
    GridRow {
        key: id.name().to_owned(),
        hover: String::new(),
        cells: vec![
            Cell::text(format!("{}{decides}", id.title())),
            Cell::number(Some(found.a), write),
            Cell::number(Some(found.b), write),
            Cell::number(Some(found.b - found.a), write),
            interval,
            Cell::number(found.p, p),
            Cell::state(words, state, 0.0),
        ],
    }
}

/// Columns of the slices.
pub(super) fn slice_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Version", 130.0),
        TableColumn::text("Slice", 240.0).growing(),
        TableColumn::number("Rows", 70.0),
        TableColumn::text("Metric", 110.0),
        TableColumn::number("Here", 84.0),
        TableColumn::text("95% interval", 150.0).unsorted(),
        TableColumn::number("Rest", 84.0).help("The same metric on all other rows"),
        TableColumn::number("p, corrected", 100.0).help(
            "That it is no worse here, after Benjamini and Hochberg's correction over every slice looked at",
        ),
    ]
}

fn worst(model: &ComparedModel) -> &[Slice] {
    let all = model.slices.as_ref().map(|found| found.worst.as_slice()).unwrap_or_default();
    &all[..all.len().min(SLICES)]
}

fn asked(model: &ComparedModel) -> &[Slice] {
    model.slices.as_ref().map(|found| found.asked.as_slice()).unwrap_or_default()
}

/// Rows of some slices of a version.
fn slices(model: &ComparedModel, some: &[Slice]) -> Vec<GridRow> {
    let Some(found) = &model.slices else { return Vec::new() };
    let metric = found.metric;
    let row = |(place, slice): (usize, &Slice)| {
        let write = |value: f64| format::metric(metric, Some(value));
        GridRow {
            key: format!("{} {place}", model.model),
            hover: slice.title(),
            cells: vec![
                Cell::text(model.model.to_string()),
                Cell::text(slice.title()),
                Cell::number(Some(slice.rows as f64), |rows| format::count(rows as u64)),
                Cell::text(metric.title()),
                Cell::number(slice.value.value, write),
                Cell::text(interval(metric, &slice.value)),
                Cell::number(Some(slice.rest), write),
                Cell::number(Some(slice.p_adjusted), p),
            ],
        }
    };
    some.iter().enumerate().map(row).collect()
}

fn interval(metric: MetricId, value: &MetricValue) -> String {
    match (value.low, value.high) {
        (Some(low), Some(high)) => {
            format!("{} to {}", format::metric(metric, Some(low)), format::metric(metric, Some(high)))
        }
        _ => NONE.to_owned(),
    }
}

/// Columns of quality, latency and size.
pub(super) fn cost_columns(metric: MetricId) -> Vec<TableColumn> {
    vec![
        TableColumn::text("Version", 140.0).growing(),
        TableColumn::number(metric.title(), 100.0),
        TableColumn::text("95% interval", 150.0).unsorted(),
        TableColumn::number("Latency", 84.0)
            .help("Median of one row at a time, measured in one process on this machine"),
        TableColumn::number("95th percentile", 110.0),
        TableColumn::number("On disk", 84.0),
        TableColumn::number("Parameters", 96.0).help("Or leaves of all trees"),
        TableColumn::text("Pareto front", 110.0)
            .drawn()
            .help("No other version is at least as good in all three and better in one"),
    ]
}

/// Seconds as milli- or microseconds.
pub(super) fn micros(secs: f64) -> String {
    if secs >= 0.001 { format!("{:.2} ms", secs * 1e3) } else { format!("{:.0} µs", secs * 1e6) }
}

fn cost(report: &CompareReport, model: &ComparedModel) -> GridRow {
    let metric = report.metric;
    let value = model.metrics.get(&metric);
    let count = |value: u64| Cell::number(Some(value as f64), |value| format::count(value as u64));
    let front = if model.on_front {
        Cell::state("on it", State::Ok, 0.0)
    } else {
        Cell::state("behind it", State::Unknown, 1.0)
    };
    GridRow {
        key: model.model.to_string(),
        hover: String::new(),
        cells: vec![
            Cell::text(format!("{} · {}", model.model, model.kind.title())),
            Cell::number(value.and_then(|value| value.value), |value| format::metric(metric, Some(value))),
            Cell::text(value.map_or_else(|| NONE.to_owned(), |value| interval(metric, value))),
            Cell::number(Some(model.latency.median_secs), micros),
            Cell::number(Some(model.latency.p95_secs), micros),
            Cell::number(Some(model.bytes as f64), |bytes| format::bytes(bytes as u64)),
            count(model.architecture.parameters),
            front,
        ],
    }
}

/// Columns of settings, or of tensors.
pub(super) fn built_columns(first: &str, pair: Option<&ComparedPair>, apart: bool) -> Vec<TableColumn> {
    let name = |model: Option<String>| model.unwrap_or_else(|| NONE.to_owned());
    let mut columns = vec![
        TableColumn::text(first, 200.0).growing(),
        TableColumn::text(name(pair.map(|pair| pair.a.to_string())), 230.0),
        TableColumn::text(name(pair.map(|pair| pair.b.to_string())), 230.0),
    ];
    if apart {
        columns.push(
            TableColumn::number("Relative distance", 130.0)
                .help("Norm of the difference over that of the first's weights; 0 means the same weights"),
        );
    }
    columns
}

fn settings(pair: &ComparedPair) -> Vec<GridRow> {
    let value = |value: Option<&String>| Cell::text(value.map_or(NONE, String::as_str));
    let row = |diff: &orrery_domain::compare::SettingDiff| GridRow {
        key: diff.name.clone(),
        hover: String::new(),
        cells: vec![Cell::text(&diff.name), value(diff.a.as_ref()), value(diff.b.as_ref())],
    };
    pair.architecture.settings.iter().map(row).collect()
}

fn tensors(pair: &ComparedPair) -> Vec<GridRow> {
    let shape = |shape: Option<&Vec<u64>>| {
        let sizes = |sizes: &Vec<u64>| sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(" × ");
        Cell::text(shape.map_or_else(|| NONE.to_owned(), sizes))
    };
    let row = |diff: &orrery_domain::compare::TensorDiff| GridRow {
        key: diff.name.clone(),
        hover: String::new(),
        cells: vec![
            Cell::text(&diff.name),
            shape(diff.a.as_ref()),
            shape(diff.b.as_ref()),
            Cell::number(diff.relative_distance, |value| format::significant(value, 3)),
        ],
    };
    pair.architecture.tensors.iter().map(row).collect()
}

fn built(pair: &ComparedPair) -> Vec<String> {
    let found = &pair.architecture;
    let mut all = Vec::new();
    if found.settings.is_empty() {
        all.push("Every setting is the same.".to_owned());
    }
    for (model, columns) in [(&pair.a, &found.only_a_features), (&pair.b, &found.only_b_features)] {
        if !columns.is_empty() {
            all.push(format!("Columns only {model} takes: {}.", columns.join(", ")));
        }
    }
    if let Some(trees) = found.trees {
        all.push(format!("Trees: {} and {}, the first {} the same.", trees.a, trees.b, trees.same));
    }
    all
}
