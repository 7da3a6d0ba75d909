//! CSV out: RFC 4180 quoting, and no cell that a spreadsheet would run as a formula.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use orrery_domain::{dataset::ColumnType, spreadsheet::harmless};

use super::columns::Added;
use crate::table::{Table, number_text};

/// The header line.
pub(super) fn header(table: &Table, added: &[Added]) -> Vec<u8> {
    let mut line = Vec::new();
    let names = table.schema.iter().map(|column| &column.name).chain(added.iter().map(|column| &column.name));
    for (index, name) in names.enumerate() {
        separate(&mut line, index);
        quote(&mut line, &harmless(name));
    }
    line.push(b'\n');
    line
}

/// Which columns are dates without a time of day: they are written as such. `[columns]`
pub(super) fn whole_days(table: &Table) -> Vec<bool> {
    const DAY_MICROS: i64 = 86_400_000_000;
    let dates = |(column, kind): (&ArrayRef, ColumnType)| {
        kind == ColumnType::Datetime
            && column
                .as_primitive::<TimestampMicrosecondType>()
                .iter()
                .flatten()
                .all(|time| time % DAY_MICROS == 0)
    };
    let kinds = table.schema.iter().map(|column| column.kind);
    table.batch.columns().iter().zip(kinds).map(dates).collect()
}

/// Rows of a table and of the columns added to it, as lines. `whole_days` are of [`whole_days`], `added` are
/// `[columns][rows]`.
pub(super) fn lines(table: &Table, whole_days: &[bool], added: &[ArrayRef]) -> Vec<u8> {
    let mut out = Vec::with_capacity(table.rows() * (table.schema.len() + added.len()) * 8);
    for row in 0..table.rows() {
        for (index, column) in table.schema.iter().enumerate() {
            separate(&mut out, index);
            let Some(text) = table.text(index, row) else { continue };
            match column.kind {
                ColumnType::Category | ColumnType::Text => quote(&mut out, &harmless(&text)),
                // "2013-01-01 00:00:00" without its midnight.
                _ if whole_days[index] => {
                    out.extend_from_slice(text.split(' ').next().unwrap_or_default().as_bytes());
                }
                _ => out.extend_from_slice(text.as_bytes()),
            }
        }
        for (index, column) in added.iter().enumerate() {
            separate(&mut out, table.schema.len() + index);
            cell(&mut out, column, row);
        }
        out.push(b'\n');
    }
    out
}

fn separate(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

/// One value of an added column.
fn cell(out: &mut Vec<u8>, column: &ArrayRef, row: usize) {
    if column.is_null(row) {
        return;
    }
    match column.data_type() {
        DataType::Float64 => {
            out.extend_from_slice(number_text(column.as_primitive::<Float64Type>().value(row)).as_bytes());
        }
        DataType::Int64 => {
            out.extend_from_slice(column.as_primitive::<Int64Type>().value(row).to_string().as_bytes());
        }
        DataType::Boolean => out.extend_from_slice(column.as_boolean().value(row).to_string().as_bytes()),
        _ => quote(out, &harmless(column.as_string::<i32>().value(row))),
    }
}

/// A field, quoted where it holds a quote, a comma or a line break, or where a reader might trim or lose it.
fn quote(out: &mut Vec<u8>, text: &str) {
    let plain = !text.is_empty()
        && !text.contains(['"', ',', '\n', '\r'])
        && !text.starts_with([' ', '\t', '#'])
        && !text.ends_with([' ', '\t']);
    if plain {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused_and_read_back_as_text() {
        for text in
            ["=1+1", "+1+1", "-1-1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", "=HYPERLINK(\"http://x\",\"a,b\")"]
        {
            let mut out = Vec::new();
            quote(&mut out, &harmless(text));
            let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(out.as_slice());
            let record = reader.records().next().expect("one line").expect("valid");
            assert_eq!(record.len(), 1);
            assert_eq!(&record[0], format!("'{text}"));
        }
        assert_eq!(harmless("a=b"), "a=b");
    }

    #[test]
    fn quoting_survives_every_awkward_text() {
        for text in ["", " a ", "a\"b", "\"", "a,b", "a\nb", "a\r\nb", "#x", "naïve ☂"] {
            let mut out = Vec::new();
            quote(&mut out, text);
            let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(out.as_slice());
            let record = reader.records().next().expect("one line").expect("valid");
            assert_eq!(&record[0], text);
        }
    }
}
