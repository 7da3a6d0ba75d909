//! Any table written as CSV reads back equal.

use proptest::prelude::*;

use super::*;
use crate::data::value::Missing;

/// A column: its type and its values as texts.
#[derive(Clone, Debug)]
struct Column {
    kind: ColumnType,
    values: Vec<Option<String>>,
}

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Zé ,;\"'\n|\t\\-]{1,12}".prop_filter("it means something else", |text| {
        let other = Missing::in_text(&[]).is(text)
            || crate::data::value::boolean(text).is_some()
            || crate::data::value::number(text, crate::data::value::Style::Point).is_some();
        !other && !text.starts_with(' ')
    })
}

fn value(kind: ColumnType) -> BoxedStrategy<String> {
    match kind {
        ColumnType::Integer => any::<i64>().prop_map(|value| value.to_string()).boxed(),
        ColumnType::Float => {
            let odd = any::<i32>().prop_map(|value| f64::from(value) + 0.5);
            prop_oneof![prop::num::f64::NORMAL.prop_filter("whole", |v| v.fract() != 0.0), odd]
                .prop_map(|value| format!("{value:?}"))
                .boxed()
        }
        ColumnType::Boolean => any::<bool>().prop_map(|value| value.to_string()).boxed(),
        ColumnType::Datetime => (0_i64..4_000_000_000_000_000).prop_map(crate::table::datetime_text).boxed(),
        ColumnType::Category | ColumnType::Text => word().boxed(),
    }
}

fn column(rows: usize) -> impl Strategy<Value = Column> {
    prop::sample::select(
        &[
            ColumnType::Integer,
            ColumnType::Float,
            ColumnType::Boolean,
            ColumnType::Datetime,
            ColumnType::Category,
        ][..],
    )
    .prop_flat_map(move |kind| {
        prop::collection::vec(prop::option::weighted(0.8, value(kind)), rows)
            .prop_map(move |values| Column { kind, values })
    })
}

fn table() -> impl Strategy<Value = Vec<Column>> {
    (1_usize..40).prop_flat_map(|rows| prop::collection::vec(column(rows), 1..6))
}

proptest! {
    #[test]
    fn any_table_reads_back(columns in table(), delimiter in prop::sample::select(&b",;\t|"[..]), always: bool) {
        let quotes = if always { ::csv::QuoteStyle::Always } else { ::csv::QuoteStyle::Necessary };
        let mut writer = ::csv::WriterBuilder::new().delimiter(delimiter).quote_style(quotes).from_writer(Vec::new());
        let names: Vec<String> = (0..columns.len()).map(|index| format!("c{index}")).collect();
        writer.write_record(&names).expect("written");
        for row in 0..columns[0].values.len() {
            writer.write_record(columns.iter().map(|column| column.values[row].as_deref().unwrap_or(""))).expect("written");
        }
        let bytes = writer.into_inner().expect("written");
        let options = ImportOptions { delimiter: Some(char::from(delimiter)), ..ImportOptions::default() };
        let (read, report) = read_with(&bytes, &options).expect("it reads");
        prop_assert_eq!(report.bad_rows, 0);
        prop_assert_eq!(read.rows(), columns[0].values.len());
        for (index, column) in columns.iter().enumerate() {
            let found = texts(&read, &names[index]);
            if column.values.iter().all(Option::is_none) {
                prop_assert!(found.iter().all(Option::is_none));
                continue;
            }
            prop_assert_eq!(read.schema[index].kind, column.kind);
            for (found, wrote) in found.iter().zip(&column.values) {
                if column.kind == ColumnType::Float {
                    let number = |text: &Option<String>| text.as_ref().map(|text| text.parse::<f64>().expect("a number"));
                    prop_assert_eq!(number(found), number(wrote));
                } else {
                    prop_assert_eq!(found, wrote);
                }
            }
        }
        // The typed file keeps everything.
        let folder = tempfile::tempdir().expect("a folder");
        let (hash, bytes) = read.write_blob(folder.path()).expect("written");
        let path = folder.path().join(format!("{hash}.arrow"));
        let raw = std::fs::read(&path).expect("it is there");
        prop_assert_eq!(raw.len() as u64, bytes);
        prop_assert_eq!(blake3::hash(&raw).to_hex().to_string(), hash);
        let back = Table::read_arrow(&path, &read.schema).expect("it reads");
        prop_assert_eq!(&back.batch, &read.batch);
    }
}

#[test]
fn a_long_table_reads_back_whole() {
    use std::fmt::Write as _;

    let mut csv = "a,b,c\n".to_owned();
    for row in 0..300_000 {
        writeln!(csv, "{row},w{},{}", row % 300, if row % 7 == 0 { "" } else { "0.5" })
            .expect("a string takes it");
    }
    let (table, _) = read(csv);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("table.arrow");
    table.write_arrow(&path).expect("written");
    let again = Table::read_arrow(&path, &table.schema).expect("read");
    assert_eq!(again.batch, table.batch);
}
