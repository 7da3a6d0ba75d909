//! What page Explain shows of an answer, as plain data.

use std::borrow::Cow;

use orrery_domain::{
    compare::RowsOrigin,
    explain::{
        ColumnDependence, ColumnImportance, Counterfactuals, ExplainReport, ExplainScale, Explanation,
        RowExplanation,
    },
    words::{count, plural},
};

use crate::{
    format::{self, NONE},
    theme::State,
    widgets::{
        attributions::figure,
        chart::{ChartLine, range},
        grid::{Cell, GridRow},
        strips::{Dot, Strip, lifts},
        table::TableColumn,
        table_csv::csv,
    },
};

/// Columns that are shown at most; of one row the rest is summed up.
const MOST: usize = 15;
/// Parts of the axis that dots are counted in.
const PARTS: usize = 120;
/// Most values of a column of words that get a strip of their own.
const VALUES: usize = 15;

/// Strips and the range of their axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Picture {
    pub strips: Vec<Strip>,
    pub x: (f64, f64),
    pub summary: String,
}

/// What an axis is measured in.
pub(super) fn unit(scale: ExplainScale, class: Option<&String>) -> String {
    match (scale, class) {
        (ExplainScale::LogOdds, Some(class)) => format!("log-odds of {class}"),
        (ExplainScale::LogOdds, None) => "log-odds".to_owned(),
        (ExplainScale::Value, _) => "the target's unit".to_owned(),
        (ExplainScale::LogValue, _) => "the logarithm of the target".to_owned(),
    }
}

/// Which rows were looked at, and against what.
pub(super) fn about(report: &ExplainReport) -> String {
    let origin = match report.origin {
        RowsOrigin::TestRows => " (test rows)",
        RowsOrigin::All => "",
    };
    let against = report.found.against().map(|against| format!(", against {}", against.words()));
    format!(
        "{} of {}{origin}{}.",
        plural(report.explained, "row"),
        report.source,
        against.unwrap_or_default()
    )
}

/// That so many rows (or pictures) are shown, and of how many they were drawn.
pub(super) fn shown(here: usize, found: &Explanation, noun: &str) -> String {
    if found.totals.is_none() {
        return plural(here as u64, noun);
    }
    format!("{} of {}, drawn by a fixed seed", count(here as u64), plural(found.explained(), noun))
}

/// The row to show when another number than the one of the row at `from` is asked for: the nearest that is there, on that side.
pub(super) fn nearest(found: &Explanation, from: usize, asked: u64) -> usize {
    let last = found.rows.len().saturating_sub(1);
    let now = found.rows.get(from).map_or(0, |row| row.row);
    let place = if asked >= now {
        found.rows.partition_point(|row| row.row < asked)
    } else {
        found.rows.partition_point(|row| row.row <= asked).saturating_sub(1)
    };
    place.min(last)
}

/// Every check: how it ended, and what that means.
pub(super) fn checks(report: &ExplainReport) -> Vec<(State, &'static str, String)> {
    let line = |passed: bool, words: String| {
        if passed { (State::Ok, "Passed", words) } else { (State::Warning, "Failed", words) }
    };
    report.found.checks().into_iter().map(|check| line(check.passed, check.sentence())).collect()
}

/// Importances with their intervals, the largest first.
pub(super) fn importance(columns: &[ColumnImportance]) -> Picture {
    let strip = |column: &ColumnImportance| {
        let value = column.importance.value.unwrap_or_default();
        let interval = column.importance.low.zip(column.importance.high);
        let within = interval.map(|(low, high)| {
            format!(", 95% interval {} to {}", format::significant(low, 3), format::significant(high, 3))
        });
        Strip {
            name: column.column.clone(),
            value: format::significant(value, 3),
            bar: Some((0.0, value)),
            interval,
            spoken: format!(
                "{}: {}{}",
                column.column,
                format::significant(value, 3),
                within.unwrap_or_default()
            ),
            ..Strip::default()
        }
    };
    let shown = &columns[..columns.len().min(MOST)];
    let ends = shown.iter().flat_map(|column| {
        let value = &column.importance;
        [Some(0.0), value.value, value.low, value.high].into_iter().flatten()
    });
    let first = shown.first().map(|column| column.column.clone()).unwrap_or_default();
    let summary = match columns.len() {
        0 => "no columns".to_owned(),
        many if many > MOST => format!("{first} first; the {MOST} largest of {many} columns"),
        many => format!("{first} first of {}", plural(many as u64, "column")),
    };
    Picture { x: range(ends), strips: shown.iter().map(strip).collect(), summary }
}

/// The same as CSV.
pub(super) fn importance_csv(columns: &[ColumnImportance]) -> String {
    let line = |column: &ColumnImportance| {
        let value = &column.importance;
        let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let numbers = [value.value, value.low, value.high].map(number);
        std::iter::once(column.column.clone()).chain(numbers).map(Cow::Owned).collect()
    };
    text(&csv(&["column", "importance", "low", "high"], columns.iter().map(line)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where each row's value stands among the column's, from 0 (the lowest) to 1; none for words. `[rows]`
fn shades(found: &Explanation, column: usize) -> Vec<Option<f32>> {
    let values: Vec<Option<f64>> = found.rows.iter().map(|row| number_of(row, column)).collect();
    let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1).max(1) as f32;
    let words = sorted.len() * 2 < values.len();
    let rank = |value: f64| {
        let (below, upto) =
            (sorted.partition_point(|other| *other < value), sorted.partition_point(|other| *other <= value));
        (below + upto.saturating_sub(1)) as f32 / 2.0 / last
    };
    values.into_iter().map(|value| value.filter(|_| !words).map(rank)).collect()
}

/// The row's own value of a column as a number.
fn number_of(row: &RowExplanation, column: usize) -> Option<f64> {
    row.values.get(column)?.as_ref()?.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Every row's part of every column, as dots.
pub(super) fn beeswarm(found: &Explanation) -> Picture {
    let ranked = found.importance();
    let place = |name: &str| {
        found.rows.first().and_then(|row| row.attributions.0.iter().position(|(known, _)| known == name))
    };
    let columns: Vec<(usize, &ColumnImportance)> =
        ranked.iter().take(MOST).filter_map(|column| Some((place(&column.column)?, column))).collect();
    let value =
        |row: &RowExplanation, column: usize| row.attributions.0.get(column).map_or(0.0, |(_, value)| *value);
    let all = columns.iter().flat_map(|(column, _)| found.rows.iter().map(move |row| value(row, *column)));
    let x = range(all.chain([0.0]));
    let strips = columns
        .iter()
        .map(|(column, importance)| {
            let xs: Vec<f64> = found.rows.iter().map(|row| value(row, *column)).collect();
            let (low, high) = xs
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
            let dots = xs.iter().zip(lifts(&xs, x, PARTS)).zip(shades(found, *column));
            Strip {
                name: importance.column.clone(),
                dots: dots.map(|((x, lift), shade)| Dot { x: *x, lift, shade }).collect(),
                spoken: format!("{}: from {} to {}", importance.column, figure(low), figure(high)),
                ..Strip::default()
            }
        })
        .collect();
    let summary =
        format!("a dot a row, {}; colour from low to high values", shown(found.rows.len(), found, "row"));
    Picture { strips, x, summary }
}

/// Every row's parts as CSV.
pub(super) fn rows_csv(found: &Explanation) -> String {
    let names: Vec<&str> = found
        .rows
        .first()
        .map(|row| row.attributions.0.iter().map(|(name, _)| name.as_str()).collect())
        .unwrap_or_default();
    let head: Vec<&str> = ["row", "prediction", "baseline"].into_iter().chain(names).collect();
    let line = |row: &RowExplanation| {
        let numbers = [row.prediction, row.baseline]
            .into_iter()
            .chain(row.attributions.0.iter().map(|(_, value)| *value));
        std::iter::once(row.row.to_string())
            .chain(numbers.map(|value| value.to_string()))
            .map(Cow::Owned)
            .collect()
    };
    text(&csv(&head, found.rows.iter().map(line)))
}

/// From the baseline to the answer, a column at a time, the largest first.
pub(super) fn waterfall(row: &RowExplanation) -> Picture {
    let value = |name: &str| {
        let place = row.attributions.0.iter().position(|(known, _)| known == name)?;
        row.values.get(place).map(|value| value.clone().unwrap_or_else(|| "missing".to_owned()))
    };
    let ranked = row.attributions.ranked();
    let mut parts: Vec<(String, f64)> = ranked
        .iter()
        .take(MOST)
        .map(|(name, part)| {
            (value(name).map_or_else(|| name.clone(), |value| format!("{name} = {value}")), *part)
        })
        .collect();
    let others = &ranked[parts.len()..];
    if !others.is_empty() {
        parts.push((format!("{} other columns", others.len()), others.iter().map(|(_, part)| part).sum()));
    }
    let mut now = row.baseline;
    let mut strips = vec![point("Baseline", row.baseline)];
    let mut ends = vec![row.baseline, row.prediction];
    for (name, part) in parts {
        let (from, to) = (now, now + part);
        strips.push(Strip {
            value: figure(part),
            bar: Some((from, to)),
            color: usize::from(part < 0.0),
            spoken: format!("{name} adds {}", figure(part)),
            name,
            ..Strip::default()
        });
        ends.push(to);
        now = to;
    }
    strips.push(point("Answer", row.prediction));
    let summary = format!("from {} to {}", plain(row.baseline), plain(row.prediction));
    Picture { strips, x: range(ends.into_iter()), summary }
}

fn point(name: &str, value: f64) -> Strip {
    Strip {
        name: name.to_owned(),
        value: plain(value),
        interval: Some((value, value)),
        spoken: format!("{name} {}", plain(value)),
        ..Strip::default()
    }
}

/// Without a plus.
fn plain(value: f64) -> String {
    figure(value).trim_start_matches('+').to_owned()
}

/// One row's parts as CSV.
pub(super) fn waterfall_csv(row: &RowExplanation) -> String {
    let line = |((name, part), value): (&(String, f64), Option<&Option<String>>)| {
        let value = value.and_then(Clone::clone).unwrap_or_default();
        vec![Cow::Owned(name.clone()), Cow::Owned(value), Cow::Owned(part.to_string())]
    };
    let values = (0..row.attributions.0.len()).map(|place| row.values.get(place));
    text(&csv(&["column", "value", "adds"], row.attributions.0.iter().zip(values).map(line)))
}

/// A column's parts against its values.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Parts {
    /// Against numbers: points.
    Numbers(Vec<[f64; 2]>),
    /// Against words: a strip each.
    Words(Picture),
}

/// How a column's parts go with its values.
pub(super) fn parts(found: &Explanation, column: &str) -> Parts {
    let Some(place) =
        found.rows.first().and_then(|row| row.attributions.0.iter().position(|(name, _)| name == column))
    else {
        return Parts::Numbers(Vec::new());
    };
    let part = |row: &RowExplanation| row.attributions.0.get(place).map_or(0.0, |(_, value)| *value);
    let points: Vec<[f64; 2]> =
        found.rows.iter().filter_map(|row| Some([number_of(row, place)?, part(row)])).collect();
    if points.len() * 2 >= found.rows.len() {
        return Parts::Numbers(points);
    }
    let mut values: Vec<(String, Vec<f64>)> = Vec::new();
    for row in &found.rows {
        let value = row.values.get(place).and_then(Clone::clone).unwrap_or_else(|| "missing".to_owned());
        match values.iter_mut().find(|(known, _)| *known == value) {
            Some((_, parts)) => parts.push(part(row)),
            None => values.push((value, vec![part(row)])),
        }
    }
    values.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
    let many = values.len();
    values.truncate(VALUES);
    let x = range(values.iter().flat_map(|(_, parts)| parts.iter().copied()).chain([0.0]));
    let strips = values
        .into_iter()
        .map(|(name, parts)| {
            let mean = parts.iter().sum::<f64>() / parts.len() as f64;
            let dots = parts.iter().zip(lifts(&parts, x, PARTS));
            Strip {
                dots: dots.map(|(x, lift)| Dot { x: *x, lift, shade: Some(0.0) }).collect(),
                value: figure(mean),
                spoken: format!("{name}: {} on average, {}", figure(mean), plural(parts.len() as u64, "row")),
                name,
                ..Strip::default()
            }
        })
        .collect();
    Parts::Words(Picture { strips, x, summary: format!("{} of {column}", plural(many as u64, "value")) })
}

/// The same as CSV.
pub(super) fn parts_csv(found: &Explanation, column: &str) -> String {
    let place =
        found.rows.first().and_then(|row| row.attributions.0.iter().position(|(name, _)| name == column));
    let line = |row: &RowExplanation| {
        let value = place.and_then(|place| row.values.get(place)?.clone()).unwrap_or_default();
        let part = place.and_then(|place| row.attributions.0.get(place)).map_or(0.0, |(_, value)| *value);
        vec![Cow::Owned(row.row.to_string()), Cow::Owned(value), Cow::Owned(part.to_string())]
    };
    text(&csv(&["row", "value", "adds"], found.rows.iter().map(line)))
}

/// Lines of a partial dependence: single rows quietly, the mean with dots on its values.
pub(super) fn dependence(column: &ColumnDependence) -> (Vec<ChartLine>, (f64, f64), (f64, f64)) {
    let line = |values: &[f64]| -> Vec<[f64; 2]> {
        column.grid.iter().zip(values).map(|(point, value)| [point.x, *value]).collect()
    };
    let mut lines: Vec<ChartLine> = column
        .lines
        .iter()
        .map(|row| ChartLine {
            name: "Single rows".to_owned(),
            points: line(row),
            faint: true,
            ..ChartLine::default()
        })
        .collect();
    let mean: Vec<f64> = column.grid.iter().map(|point| point.mean).collect();
    lines.push(ChartLine {
        name: "Mean".to_owned(),
        color: Some(0),
        points: line(&mean),
        dots: true,
        ..ChartLine::default()
    });
    let x = range(column.grid.iter().map(|point| point.x));
    let y = range(column.lines.iter().flatten().chain(&mean).copied());
    (lines, x, y)
}

/// The same as CSV.
pub(super) fn dependence_csv(column: &ColumnDependence) -> String {
    let rows: Vec<String> = (0..column.lines.len()).map(|row| format!("row_{row}")).collect();
    let head: Vec<&str> = ["value", "mean"].into_iter().chain(rows.iter().map(String::as_str)).collect();
    let line = |(at, point): (usize, &orrery_domain::explain::GridPoint)| {
        let lines = column.lines.iter().map(|row| row.get(at).map(f64::to_string).unwrap_or_default());
        let value = point.value.clone().unwrap_or_default();
        [value, point.mean.to_string()].into_iter().chain(lines).map(Cow::Owned).collect()
    };
    text(&csv(&head, column.grid.iter().enumerate().map(line)))
}

/// The columns of the changes.
pub(super) fn change_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::number("Row", 60.0),
        TableColumn::text("The model says", 120.0),
        TableColumn::text("It would say", 120.0),
        TableColumn::text("If this changed", 380.0).growing(),
        TableColumn::number("Distance", 90.0)
            .help("In training units: deviations of numbers, 1 for another category"),
    ]
}

/// A row and its nearest change.
pub(super) fn changes(found: &Counterfactuals) -> Vec<GridRow> {
    let row = |row: &orrery_domain::explain::CounterfactualRow| {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "missing".to_owned());
        let nearest = row.nearest.as_ref();
        let change = match nearest {
            Some(nearest) => nearest
                .changes
                .iter()
                .map(|change| {
                    format!("{}: {} \u{2192} {}", change.column, value(&change.from), value(&change.to))
                })
                .collect::<Vec<_>>()
                .join("; "),
            None if row.already => "It is so already".to_owned(),
            None => "No change was found".to_owned(),
        };
        GridRow {
            key: row.row.to_string(),
            hover: change.clone(),
            cells: vec![
                Cell::number(Some(row.row as f64), |row| format::count(row as u64)),
                Cell::text(&row.prediction),
                Cell::text(nearest.map_or(NONE, |nearest| nearest.prediction.as_str())),
                Cell::text(change),
                Cell::number(nearest.map(|nearest| nearest.distance), |value| format::significant(value, 3)),
            ],
        }
    };
    found.rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use orrery_domain::explain::{Attributions, ExplainCheck, ExplainMethod, Totals};

    use super::*;

    fn explanation() -> Explanation {
        let row = |row: u64, distance: f64, carrier: f64, values: [&str; 2]| RowExplanation {
            row,
            prediction: distance + carrier - 1.0,
            baseline: -1.0,
            attributions: Attributions(vec![
                ("distance".to_owned(), distance),
                ("carrier".to_owned(), carrier),
            ]),
            standard_errors: None,
            values: values.map(|value| Some(value.to_owned())).to_vec(),
        };
        Explanation {
            totals: None,
            method: ExplainMethod::TreeShap,
            class: Some("true".to_owned()),
            scale: ExplainScale::LogOdds,
            rows: vec![
                row(0, 0.5, -2.0, ["300", "UA"]),
                row(1, -0.25, 1.0, ["1200", "AA"]),
                row(2, 0.0, 1.5, ["800", "AA"]),
            ],
            check: ExplainCheck::new("additivity", 0.0, 1e-6),
            checks: Vec::new(),
            against: None,
        }
    }

    #[test]
    fn a_waterfall_goes_from_the_baseline_to_the_answer() {
        let found = explanation();
        let picture = waterfall(&found.rows[0]);
        let names: Vec<&str> = picture.strips.iter().map(|strip| strip.name.as_str()).collect();
        assert_eq!(names, ["Baseline", "carrier = UA", "distance = 300", "Answer"]);
        assert_eq!(picture.strips[1].bar, Some((-1.0, -3.0)));
        assert_eq!(picture.strips[2].bar, Some((-3.0, -2.5)));
        assert_eq!((picture.strips[1].color, picture.strips[2].color), (1, 0));
        assert_eq!(picture.strips[3].interval, Some((-2.5, -2.5)));
        assert!(picture.x.0 < -3.0 && picture.x.1 > -1.0);
        assert_eq!(
            waterfall_csv(&found.rows[0]),
            "column,value,adds\r\ndistance,300,0.5\r\ncarrier,UA,-2\r\n"
        );
    }

    #[test]
    fn columns_are_ordered_by_size_and_dots_are_shaded_by_value() {
        let found = explanation();
        assert_eq!(importance(&found.importance()).strips[0].name, "carrier");
        let swarm = beeswarm(&found);
        assert_eq!(swarm.strips[1].name, "distance");
        let shades: Vec<Option<f32>> = swarm.strips[1].dots.iter().map(|dot| dot.shade).collect();
        assert_eq!(shades, [Some(0.0), Some(1.0), Some(0.5)]);
        assert!(swarm.strips[0].dots.iter().all(|dot| dot.shade.is_none()), "words have no order");
        assert_eq!(rows_csv(&found).lines().count(), 4);
        assert!(swarm.summary.starts_with("a dot a row, 3 rows;"), "{}", swarm.summary);
    }

    #[test]
    fn of_a_sample_the_picture_says_how_many_and_a_row_that_is_not_there_is_its_neighbour() {
        let mut found = explanation();
        found.rows[1].row = 40;
        found.rows[2].row = 7000;
        let totals = Totals { rows: 12_345, sums: vec![1.0, 2.0], squares: vec![1.0, 2.0] };
        found.totals = Some(totals);
        let summary = beeswarm(&found).summary;
        assert!(summary.starts_with("a dot a row, 3 of 12,345 rows, drawn by a fixed seed;"), "{summary}");
        let steps = [(0, 1, 1), (1, 41, 2), (2, 6999, 1), (1, 39, 0), (0, 9000, 2), (2, 0, 0), (1, 40, 1)];
        for (from, asked, place) in steps {
            assert_eq!(nearest(&found, from, asked), place, "{asked} from {from}");
        }
    }

    #[test]
    fn parts_of_numbers_are_points_and_of_words_strips() {
        let found = explanation();
        assert_eq!(
            parts(&found, "distance"),
            Parts::Numbers(vec![[300.0, 0.5], [1200.0, -0.25], [800.0, 0.0]])
        );
        let Parts::Words(picture) = parts(&found, "carrier") else { panic!("words") };
        assert_eq!(picture.strips[0].name, "AA");
        assert_eq!(picture.strips[0].value, "+1.250");
    }
}
