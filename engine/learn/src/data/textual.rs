//! Text formats: chunks of cells parsed on all cores, then one type a column.

use std::sync::atomic::{AtomicU64, Ordering};

use orrery_domain::dataset::{BadRow, ColumnType};
use rayon::prelude::*;

use super::{
    MOST_LISTED,
    build::build,
    cells::{Cells, MAX_CHUNK_BYTES},
    csv::{
        CsvText, Dialect, bounds,
        scan::{self, FirstRow, Scanned},
    },
    header,
    json::{self, JsonText},
    piece::{self, Piece, Target},
    progress::Meter,
    read::{Content, Reading},
    resolve::{CellSource, Column, resolve},
    value::{Missing, Style},
};
use crate::{control::Interrupt, table::Table};

/// Bytes of text that one thread parses at a time: its fields' places fit the second-level cache.
const CHUNK_BYTES: usize = 1 << 19;

/// Reads separated text.
///
/// # Errors
/// As [`super::read_table`].
pub(super) fn csv(text: String, reading: &mut Reading<'_>) -> Result<Content, Interrupt> {
    let given = match reading.options.delimiter {
        Some(c) if c.is_ascii() && !matches!(c, '"' | '\n' | '\r' | '\0') => Some(c as u8),
        Some(c) => {
            return Err(orrery_domain::Failure::new(
                orrery_domain::FailureClass::Client,
                format!(
                    "The delimiter '{c}' cannot be used: it must be one ASCII character other than a quote."
                ),
            )
            .into());
        }
        None => None,
    };
    let (given, begin) = separator_line(&text, given, &mut reading.warnings);
    let dialect = Dialect::of(&text[begin..], given);
    if dialect.blank_after_delimiter {
        reading.warnings.push("A blank follows every delimiter; it was left out of the values.".to_owned());
    }
    let Some(FirstRow { fields: names, next, lines: header_lines, open }) =
        scan::first_row(&text[begin..], dialect)
    else {
        return Err(reading.failure("The file holds blank lines only. Choose another.").into());
    };
    if open {
        reading.warnings.push(
            "The line of column names opens a quote that is never closed; its last name ends with the line."
                .to_owned(),
        );
    }
    let header_lines = header_lines + u64::from(begin > 0);
    let begin = begin + next;
    reading.check_columns(names.len())?;
    warn_of_numbers_as_names(&names, &mut reading.warnings);
    let names = header::unique_names(&names, &mut reading.warnings);
    let mut cuts = bounds::at_row_ends(&text[begin..], dialect, CHUNK_BYTES);
    for cut in &mut cuts {
        *cut += begin;
    }
    let source = CsvText { text, dialect, width: names.len(), bounds: cuts };
    check_chunks(&source.bounds, reading)?;

    let pass = Pass::new(reading, source.text.len());
    let forced = pass.forced(&names);
    let chunks = (0..source.chunks())
        .into_par_iter()
        .map(|chunk| {
            let text = source.chunk(chunk);
            let (cells, scanned) = scan::rows(text, source.dialect, source.width);
            let pieces = pass.pieces(&cells, &forced, text.len())?;
            Ok((pieces, scanned))
        })
        .collect::<Result<Vec<_>, Interrupt>>()?;

    let mut by_column: Vec<Vec<Piece>> = names.iter().map(|_| Vec::with_capacity(chunks.len())).collect();
    let mut found = Found::after(header_lines);
    for (pieces, scanned) in chunks {
        found.add(scanned);
        for (column, piece) in by_column.iter_mut().zip(pieces) {
            column.push(piece);
        }
    }
    finish(names, forced, by_column, source, found, pass)
}

/// A first line such as `sep=;`, with which a spreadsheet says its delimiter: the delimiter and where the table begins.
fn separator_line(text: &str, given: Option<u8>, warnings: &mut Vec<String>) -> (Option<u8>, usize) {
    let line = text.split('\n').next().unwrap_or_default();
    let said = line.trim_end_matches('\r').strip_prefix("sep=").map(str::as_bytes);
    let delimiter = match said {
        Some([one]) if *one == b'\t' || (one.is_ascii_punctuation() && *one != b'"') => *one,
        _ => return (given, 0),
    };
    warnings.push("The first line names the delimiter; it was left out of the table.".to_owned());
    (given.or(Some(delimiter)), (line.len() + 1).min(text.len()))
}

/// Reads JSON lines.
///
/// # Errors
/// As [`super::read_table`].
pub(super) fn json(text: String, reading: &mut Reading<'_>) -> Result<Content, Interrupt> {
    // No line end is inside a JSON string, so no quote matters here.
    let cuts = bounds::at_line_ends(&text, CHUNK_BYTES);
    let mut source = JsonText { text, bounds: cuts, places: Vec::new() };
    check_chunks(&source.bounds, reading)?;
    let most = reading.budget.columns as usize;
    let pass = Pass::new(reading, source.text.len());
    let chunks = (0..source.chunks())
        .into_par_iter()
        .map(|chunk| {
            let text = source.chunk(chunk);
            let rows = json::rows(text, most);
            if rows.too_sparse {
                let message = "Its objects have thousands of different fields, few of them in each: a table of them would be \
                               nearly empty and far larger than the file. Write fewer fields.";
                return Err(pass.reading.over_budget(message).into());
            }
            let forced = pass.forced(&rows.names);
            let pieces = pass.pieces(&rows.cells, &forced, text.len())?;
            let cells_rows = rows.cells.rows;
            Ok((rows.names, pieces, rows.scanned, (cells_rows, rows.nested, rows.too_wide)))
        })
        .collect::<Result<Vec<_>, Interrupt>>()?;

    let mut names: Vec<String> = Vec::new();
    let mut index = std::collections::HashMap::new();
    for (own, ..) in &chunks {
        for name in own {
            index.entry(name.clone()).or_insert_with(|| {
                names.push(name.clone());
                names.len() - 1
            });
        }
    }
    pass.reading.check_columns(names.len())?;
    let mut by_column: Vec<Vec<Piece>> = names.iter().map(|_| Vec::with_capacity(chunks.len())).collect();
    let mut found = Found::after(0);
    let mut absent_bytes = 0;
    for (own, pieces, scanned, (rows, nested, too_wide)) in chunks {
        if too_wide {
            pass.reading.check_columns(own.len())?;
        }
        found.nested |= nested;
        found.add(scanned);
        let mut places = vec![None; names.len()];
        for (place, (name, piece)) in own.iter().zip(pieces).enumerate() {
            places[index[name]] = Some(place);
            by_column[index[name]].push(piece);
        }
        source.places.push(places);
        let filled = source.places.len();
        for column in &mut by_column {
            if column.len() < filled {
                let piece = Piece::Missing(rows);
                absent_bytes += piece.bytes();
                column.push(piece);
            }
        }
        pass.reading.check_memory(pass.memory.load(Ordering::Relaxed) + absent_bytes)?;
    }
    if names.is_empty() {
        if let Some(first) = found.bad.first() {
            return Err(pass
                .reading
                .failure(format_args!(
                    "No line is a JSON object. Line {}: {} Write each object on one line (JSON lines).",
                    first.line, first.reason
                ))
                .into());
        }
        return Err(pass.reading.failure("The objects have no fields. Choose another file.").into());
    }
    let forced = pass.forced(&names);
    finish(names, forced, by_column, source, found, pass)
}

/// What one pass over the chunks shares.
struct Pass<'r, 'a> {
    reading: &'r mut Reading<'a>,
    missing: Missing,
    style: Style,
    text_bytes: u64,
    rows: AtomicU64,
    memory: AtomicU64,
    meter: Meter<'a>,
}

impl<'r, 'a> Pass<'r, 'a> {
    fn new(reading: &'r mut Reading<'a>, text_bytes: usize) -> Self {
        let style = if reading.options.decimal_comma == Some(true) { Style::Comma } else { Style::Point };
        let missing = Missing::in_text(&reading.options.null_tokens);
        let meter = Meter::new(reading.control, "Reading the values", text_bytes as u64);
        let text_bytes = text_bytes as u64;
        Self {
            reading,
            missing,
            style,
            text_bytes,
            rows: AtomicU64::new(0),
            memory: text_bytes.into(),
            meter,
        }
    }

    /// The types a person asked for.
    fn forced(&self, names: &[String]) -> Vec<Option<ColumnType>> {
        names.iter().map(|name| self.reading.options.types.get(name).copied()).collect()
    }

    /// Parses a chunk's columns.
    fn pieces(
        &self,
        cells: &Cells<'_>,
        forced: &[Option<ColumnType>],
        bytes: usize,
    ) -> Result<Vec<Piece>, Interrupt> {
        let rows = self.rows.fetch_add(cells.rows as u64, Ordering::Relaxed) + cells.rows as u64;
        self.reading.check_rows(rows)?;
        let mut pieces = Vec::with_capacity(forced.len());
        for (column, forced) in forced.iter().enumerate() {
            let texts = cells.column(column);
            let parsed = forced.and_then(|kind| {
                piece::parse_as(
                    &texts,
                    &self.missing,
                    Target { kind, style: self.style, order: None, forced: true },
                )
            });
            let piece = parsed.unwrap_or_else(|| piece::infer(&texts, &self.missing, self.style));
            let held = self.memory.fetch_add(piece.bytes(), Ordering::Relaxed) + piece.bytes();
            self.reading.check_memory(held)?;
            pieces.push(piece);
        }
        self.meter.advance(bytes as u64, cells.rows as u64)?;
        Ok(pieces)
    }
}

/// Rows left out over all chunks, with their lines in the file.
#[derive(Default)]
struct Found {
    line: u64,
    bad_rows: u64,
    bad: Vec<BadRow>,
    blank: u64,
    /// Blank lines since the last row: only those before another row count.
    pending_blank: u64,
    nested: bool,
}

impl Found {
    fn after(header_lines: u64) -> Self {
        Self { line: header_lines, ..Self::default() }
    }

    fn add(&mut self, scanned: Scanned) {
        let Scanned { bad_rows, bad, lines, blank, blank_at_end } = scanned;
        let room = MOST_LISTED - self.bad.len();
        self.bad.extend(
            bad.into_iter()
                .take(room)
                .map(|row| BadRow { line: self.line + row.line + 1, reason: row.reason }),
        );
        self.bad_rows += bad_rows;
        if lines > blank_at_end {
            self.blank += std::mem::take(&mut self.pending_blank) + blank;
        }
        self.pending_blank += blank_at_end;
        self.line += lines;
    }
}

fn finish(
    names: Vec<String>,
    forced: Vec<Option<ColumnType>>,
    by_column: Vec<Vec<Piece>>,
    source: impl CellSource,
    found: Found,
    pass: Pass<'_, '_>,
) -> Result<Content, Interrupt> {
    let Pass { reading, missing, style, meter, memory, text_bytes, .. } = pass;
    let mut columns: Vec<Column> = names
        .into_iter()
        .zip(forced)
        .zip(by_column)
        .map(|((name, forced), pieces)| Column::new(name, forced, pieces, style))
        .collect();
    if found.blank > 0 {
        reading.warnings.push(format!("{} blank lines between rows were passed over.", found.blank));
    }
    if found.nested {
        reading.warnings.push("Arrays and objects inside rows were read as JSON text.".to_owned());
    }
    let comma = reading.options.decimal_comma;
    resolve(&mut columns, &source, &missing, comma, &mut reading.warnings, &meter)?;
    // Its text is as large as the table, which is built now.
    drop(source);
    // While a column is built, its pieces and its array are both held.
    reading.check_memory(memory.into_inner().max(text_bytes))?;
    let (schema, arrays) = columns.into_par_iter().map(build).unzip();
    Ok(Content { table: Table::new(schema, arrays), bad_rows: found.bad_rows, bad_row_list: found.bad })
}

fn check_chunks(bounds: &[usize], reading: &Reading<'_>) -> Result<(), Interrupt> {
    let longest = bounds.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
    if longest > MAX_CHUNK_BYTES {
        return Err(reading
            .over_budget("A single row of the file is larger than 2 GB. Mend the file.")
            .into());
    }
    Ok(())
}

/// A header of numbers is likely a first row of data; numbers that only count the columns are a header.
fn warn_of_numbers_as_names(names: &[String], warnings: &mut Vec<String>) {
    let number = |name: &String| super::value::number(name, Style::Point).map(super::value::Number::value);
    let numbers: Option<Vec<f64>> = names.iter().map(number).collect();
    if let Some(numbers) = numbers
        && !numbers.windows(2).all(|pair| (pair[1] - pair[0] - 1.0).abs() < f64::EPSILON)
    {
        warnings.push("The first line holds only numbers; it was taken for the column names.".to_owned());
    }
}
