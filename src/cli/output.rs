//! What goes to standard output (results) and to standard error (everything else).

use std::{
    borrow::Cow,
    io::{IsTerminal, Write},
};

pub use orrery_domain::words::count;
use orrery_domain::{
    Failure,
    metric::{MetricId, MetricValue},
    units::UnixSecs,
};
use serde::Serialize;

use super::End;

/// The text as a terminal may have it: names and values come from files, and control characters or marks that turn the
/// direction of writing could rewrite what a person sees. Line ends stay.
fn shown(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(hidden) { Cow::Owned(text.replace(hidden, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// Writes one line to standard output. A reader that left (`| head`) ends the command quietly.
pub fn line(text: &str) {
    exact_line(&shown(text));
}

/// Writes one line that a program reads.
fn exact_line(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()).is_err()
    {
        std::process::exit(0);
    }
}

/// Writes one JSON document, or one line of a stream, to standard output.
pub fn json(document: &impl Serialize) -> Result<(), End> {
    let text = serde_json::to_string(document).map_err(|error| {
        Failure::new(orrery_domain::FailureClass::Bug, format!("The result is no JSON: {error}."))
    })?;
    exact_line(&text);
    Ok(())
}

/// Writes a message to standard error.
pub fn note(text: &str) {
    // Standard error may be closed: then nobody reads messages.
    let _unread = writeln!(std::io::stderr(), "{}", shown(text));
}

/// Says a failure: on standard error, and with `--json` as a document too.
pub fn failure(json: bool, failure: &Failure) {
    if json {
        let document = serde_json::json!({
            "event": "failed", "run": null, "class": failure.class, "message": failure.message, "kept": failure.kept,
        });
        exact_line(&document.to_string());
    }
    note(&format!("error: {}", failure.message));
    if let Some(kept) = &failure.kept {
        note(&format!("kept: {kept}"));
    }
}

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Writes aligned columns, the last one cut where a terminal is narrower.
pub fn table(head: &[(&str, Align)], rows: &[Vec<String>]) {
    for text in table_lines(head, rows) {
        line(&text);
    }
}

fn table_lines(head: &[(&str, Align)], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].0.chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    // A line end inside a name would break the table.
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| cell.replace(['\n', '\t'], " ")).collect()).collect();
    let titles: Vec<String> = head.iter().map(|(title, _)| (*title).to_owned()).collect();
    let draw = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(head).map(|((cell, width), (_, align))| match align {
            Align::Left => format!("{cell:<width$}"),
            Align::Right => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    std::iter::once(&titles).chain(&rows).map(draw).collect()
}

/// Whether a person watches standard error.
pub fn watched() -> bool {
    std::io::stderr().is_terminal()
}

/// A number with about five significant digits.
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (4.0 - value.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    if value.abs() >= 1e9 || value.abs() < 1e-5 {
        format!("{value:.4e}")
    } else {
        format!("{value:.digits$}")
    }
}

/// A metric's value with its interval.
pub fn metric(id: MetricId, value: &MetricValue) -> String {
    let places = |number: f64| {
        let bounded = !matches!(id, MetricId::Rmse | MetricId::Mae | MetricId::MedianAe);
        if bounded { format!("{number:.4}") } else { self::number(number) }
    };
    match (value.value, value.low, value.high) {
        (Some(value), Some(low), Some(high)) => {
            format!("{} [{}, {}]", places(value), places(low), places(high))
        }
        (Some(value), _, _) => places(value),
        (None, _, _) => "—".to_owned(),
    }
}

/// Bytes as a person reads them.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = value as f64;
    let mut unit = 0;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{value} B") } else { format!("{scaled:.1} {}", UNITS[unit]) }
}

/// Seconds as a person reads them.
pub fn duration(secs: f64) -> String {
    let whole = secs.max(0.0).round() as u64;
    match whole {
        0..60 if secs < 10.0 => format!("{:.1} s", secs.max(0.0)),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A moment in the machine's own time zone.
pub fn moment(at: UnixSecs) -> String {
    chrono::DateTime::from_timestamp(at as i64, 0).map_or_else(
        || "—".to_owned(),
        |time| time.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_words_left_and_numbers_right() {
        let head = [("Name", Align::Left), ("Rows", Align::Right)];
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["longer".to_owned(), "1,234".to_owned()]];
        assert_eq!(table_lines(&head, &rows), ["Name     Rows", "a           1", "longer  1,234"]);
    }

    #[test]
    fn figures_read_as_a_person_writes_them() {
        assert_eq!(number(0.123_456), "0.12346");
        assert_eq!(number(54_321.9), "54322");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(duration(3.21), "3.2 s");
        assert_eq!(duration(125.0), "2 min 05 s");
    }
}
