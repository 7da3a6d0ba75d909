//! JSON lines, Parquet and Arrow IPC, as their own libraries write them.

use std::{fmt::Write as _, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
        Int8Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt64Array,
    },
    datatypes::Int32Type,
    ipc::writer::{FileWriter, StreamWriter},
};
use orrery_domain::dataset::FileFormat;
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};

use super::*;
use ColumnType::{Boolean, Category, Datetime, Float, Integer};

fn batch() -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("small", Arc::new(Int8Array::from(vec![Some(1), None, Some(-3)]))),
        ("unsigned", Arc::new(UInt64Array::from(vec![1, 2, u64::MAX]))),
        ("float", Arc::new(Float64Array::from(vec![0.5, f64::NAN, 2.0]))),
        ("half", Arc::new(Float32Array::from(vec![0.5, 1.5, 2.5]))),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("day", Arc::new(Date32Array::from(vec![0, 1, 15_706]))),
        (
            "when",
            Arc::new(
                TimestampNanosecondArray::from(vec![1_000, 2_000, 1_357_034_400_000_000_000])
                    .with_timezone("+02:00"),
            ),
        ),
        (
            "price",
            Arc::new(
                Decimal128Array::from(vec![1_050, 2_000, 5]).with_precision_and_scale(10, 2).expect("legal"),
            ),
        ),
        ("text", Arc::new(StringArray::from(vec![Some("a"), Some("NA"), None]))),
        ("iso", Arc::new(StringArray::from(vec!["2013-01-01", "2013-01-02", "2013-01-03"]))),
        ("digits", Arc::new(StringArray::from(vec!["1", "2", "3"]))),
        (
            "words",
            Arc::new(vec![Some("z"), Some("y"), None].into_iter().collect::<DictionaryArray<Int32Type>>()),
        ),
    ];
    RecordBatch::try_from_iter(columns).expect("one length")
}

fn check(bytes: &[u8], format: FileFormat) {
    let (table, report) = read(bytes);
    assert_eq!(report.source.format, format);
    assert_eq!(
        kinds(&table),
        [
            Integer, Category, Float, Float, Boolean, Datetime, Datetime, Float, Category, Datetime,
            Category, Category
        ]
    );
    assert_eq!(texts(&table, "unsigned")[2].as_deref(), Some("18446744073709551615"));
    assert_eq!(texts(&table, "float"), [Some("0.5".into()), None, Some("2".into())]);
    assert_eq!(texts(&table, "when")[2].as_deref(), Some("2013-01-01 10:00:00"));
    assert_eq!(texts(&table, "day")[2].as_deref(), Some("2013-01-01 00:00:00"));
    assert_eq!(texts(&table, "price")[0].as_deref(), Some("10.5"));
    assert_eq!(texts(&table, "text"), [Some("a".into()), Some("NA".into()), None]);
    assert_eq!(table.labels(11).classes, ["y", "z"]);
}

#[test]
fn parquet_with_every_packing() {
    for packing in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
    ] {
        let properties = WriterProperties::builder().set_compression(packing).build();
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch().schema(), Some(properties)).expect("a writer");
        writer.write(&batch()).expect("written");
        writer.close().expect("closed");
        check(&bytes, FileFormat::Parquet);
    }
}

#[test]
fn arrow_files_and_streams() {
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new(&mut bytes, &batch().schema()).expect("a writer");
    writer.write(&batch()).expect("written");
    writer.finish().expect("closed");
    drop(writer);
    check(&bytes, FileFormat::Arrow);
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &batch().schema()).expect("a writer");
    writer.write(&batch()).expect("written");
    writer.finish().expect("closed");
    drop(writer);
    check(&bytes, FileFormat::Arrow);
}

#[test]
fn types_can_be_set_for_typed_columns_too() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(20_130_131), Some(-1), None, Some(1)]));
    let batch = RecordBatch::try_from_iter([("x", values)]).expect("one column");
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new(&mut bytes, &batch.schema()).expect("a writer");
    writer.write(&batch).expect("written");
    writer.finish().expect("closed");
    drop(writer);
    for (kind, expected) in [
        (ColumnType::Float, ["20130131", "-1", "", "1"]),
        (ColumnType::Category, ["20130131", "-1", "", "1"]),
        (ColumnType::Text, ["20130131", "-1", "", "1"]),
        (ColumnType::Datetime, ["2013-01-31 00:00:00", "", "", ""]),
        (ColumnType::Boolean, ["", "", "", "true"]),
    ] {
        let options = ImportOptions { types: [("x".to_owned(), kind)].into(), ..ImportOptions::default() };
        let (table, _) = read_with(&bytes, &options).expect("it reads");
        assert_eq!(kinds(&table), [kind]);
        let found: Vec<String> = texts(&table, "x").into_iter().map(Option::unwrap_or_default).collect();
        assert_eq!(found, expected, "{kind:?}");
    }
    let options = ImportOptions { null_tokens: vec!["-1".into()], ..ImportOptions::default() };
    let (table, _) = read_with(&bytes, &options).expect("it reads");
    assert_eq!(table.batch.column(0).null_count(), 2);
}

#[test]
fn json_lines_join_their_fields_and_list_bad_lines() {
    let json = "{\"a\": 1, \"b\": \"x\"}\nnonsense\n{\"b\": \"y\\n\\u00e9\", \"c\": [1, {\"d\": 2}]}\n[1]\n{\"a\": 2, \"a\": 3}\n\
                {\"a\": 2.5e3, \"c\": null}\n{\"a\": 1";
    let (table, report) = read(json);
    assert_eq!(table.rows(), 3);
    assert_eq!(texts(&table, "a"), [Some("1".into()), None, Some("2500".into())]);
    assert_eq!(texts(&table, "b")[1].as_deref(), Some("y\né"));
    assert_eq!(texts(&table, "c")[1].as_deref(), Some("[1,{\"d\":2}]"));
    let lines: Vec<u64> = report.bad_row_list.iter().map(|row| row.line).collect();
    assert_eq!(lines, [2, 4, 5, 7]);
    assert!(report.bad_row_list[2].reason.contains("'a' occurs twice"), "{:?}", report.bad_row_list);
    assert!(report.warnings.iter().any(|warning| warning.contains("JSON text")));
}

#[test]
fn json_lines_of_many_chunks_agree_with_csv() {
    let (mut json, mut csv) = (String::new(), String::from("id,x,late\n"));
    for row in 0..60_000 {
        let x = f64::from(row) / 8.0;
        let late = row == 59_999;
        writeln!(csv, "{row},{x:?},{}", if late { "yes" } else { "" }).expect("a string");
        let more = if late { ",\"late\":\"yes\"" } else { "" };
        writeln!(json, "{{\"id\":{row},\"x\":{x:?}{more}}}").expect("a string");
    }
    let ((csv, _), (json, _)) = (read(csv), read(json));
    assert_eq!(csv.schema, json.schema);
    assert_eq!(csv.batch, json.batch);
}
