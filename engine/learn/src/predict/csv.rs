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
    use std::sync::Arc;

    use arrow::array::{LargeStringArray, StringArray};
    use orrery_domain::dataset::ColumnSchema;

    use super::*;
    use crate::table::arrow_type;

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

    /// Every text of a file comes back as one cell, and no cell begins as OWASP's "CSV injection" says that a formula does.
    #[test]
    fn a_thousand_payloads_in_every_place_of_a_file_stay_single_harmless_cells() {
        let leads = [
            "=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠", " ", "\"", "'", ",", ";",
            "\r\n", "x",
        ];
        let ends = ["", "1+1", "SUM(1,2)", "cmd|' /C calc'!A0", "1\",\"=2", "1\"\n=2,\"=3", " "];
        let payloads: Vec<String> = leads
            .iter()
            .flat_map(|one| leads.map(|other| format!("{one}{other}")))
            .flat_map(|lead| ends.map(|end| format!("{lead}{end}")))
            .collect();
        assert!(payloads.len() >= 1000, "{}", payloads.len());
        let schema = [("=name", ColumnType::Text), ("@kind", ColumnType::Category)]
            .map(|(name, kind)| ColumnSchema { name: name.to_owned(), kind, overridden: false });
        let texts: ArrayRef = Arc::new(LargeStringArray::from_iter_values(&payloads));
        let plain: ArrayRef = Arc::new(StringArray::from_iter_values(&payloads));
        let kinds = arrow::compute::cast(&plain, &arrow_type(ColumnType::Category)).expect("castable");
        let table = Table::new(schema.to_vec(), vec![texts, kinds]);
        let mut file = header(&table, &[]);
        file.extend(lines(&table, &[false, false], &[plain]));
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file.as_slice());
        let records: Vec<::csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("valid");
        assert_eq!(records.len(), payloads.len() + 1);
        assert_eq!(records[0].iter().collect::<Vec<_>>(), ["'=name", "'@kind"]);
        let dangerous = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];
        for (record, payload) in records[1..].iter().zip(&payloads) {
            assert_eq!(record.len(), 3, "{payload:?} stays one cell");
            for cell in record {
                // None of these payloads is a number.
                assert!(!cell.starts_with(dangerous), "{payload:?} is read back as {cell:?}");
                let left = if payload.starts_with(dangerous) { cell.strip_prefix('\'') } else { Some(cell) };
                assert_eq!(left, Some(payload.as_str()));
            }
        }
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
