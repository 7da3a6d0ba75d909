//! Separated text: dialects, encodings, types, overrides, bad rows.

use std::fmt::Write as _;

use orrery_domain::dataset::{BadRow, FileFormat};

use super::*;
use ColumnType::{Boolean, Category, Datetime, Float, Integer, Text};

#[test]
fn types_are_found_over_the_whole_file() {
    let csv = "i,f,b,c,d,code,big,when\n\
               1,1.5,true,red,2013-01-01,0012,12345678901234567890,2013-01-01T10:00:00Z\n\
               -2,2,False,blue,2013-01-02,0013,12345678901234567891,2013-01-01 11:30\n\
               NA,,TRUE,red,NaN,0001,12345678901234567892,null\n";
    let (table, report) = read(csv);
    assert_eq!(kinds(&table), [Integer, Float, Boolean, Category, Datetime, Category, Category, Datetime]);
    assert_eq!(report.bad_rows, 0);
    assert_eq!(texts(&table, "i"), [Some("1".into()), Some("-2".into()), None]);
    assert_eq!(texts(&table, "code")[0].as_deref(), Some("0012"));
    assert_eq!(texts(&table, "big")[2].as_deref(), Some("12345678901234567892"));
    assert_eq!(texts(&table, "when")[1].as_deref(), Some("2013-01-01 11:30:00"));
    assert_eq!(report.source.format, FileFormat::Csv);
}

#[test]
fn one_late_value_changes_the_type_of_every_row() {
    let mut csv = String::from("a,b,c,d\n");
    for row in 0..200_000 {
        writeln!(csv, "{row},{row},2013-01-01,{}", row % 7).expect("a string");
    }
    csv.push_str("x,0.5,hello,0007\n");
    let (table, _) = read(&csv);
    assert_eq!(kinds(&table), [Text, Float, Category, Category]);
    assert_eq!(table.text(0, 199_999).as_deref(), Some("199999"));
    assert_eq!(table.text(0, 200_000).as_deref(), Some("x"));
    assert_eq!(table.text(1, 3).as_deref(), Some("3"));
    assert_eq!(table.text(3, 200_000).as_deref(), Some("0007"));
}

#[test]
fn the_same_table_reads_the_same_however_it_is_written() {
    let csv =
        "name,x,n,day\nAda,1.5,1,2013-01-02\nBob,-2.25,,2013-01-03\n\"C, D\",3.0,3,\nAda,4.5,4,2013-01-04\n";
    let (truth, _) = read(csv);
    let quoted = "\"name\",\"x\",\"n\",\"day\"\r\n\"Ada\",\"1.5\",\"1\",\"2013-01-02\"\r\n\"Bob\",\"-2.25\",\"\",\"2013-01-03\"\r\n\
                  \"C, D\",\"3.0\",\"3\",\"NA\"\r\n\"Ada\",\"4.5\",\"4\",\"2013-01-04\"";
    let semicolons =
        "name;x;n;day\nAda;1,5;1;2013-01-02\nBob;-2,25;;2013-01-03\nC, D;3,0;3;\nAda;4,5;4;2013-01-04\n";
    let tabs = csv.replace("\"C, D\"", "C| D").replace(',', "\t").replace("C| D", "C, D");
    let pipes = tabs.replace('\t', "|");
    let old_mac = csv.replace('\n', "\r");
    let blanks = "name, x, n, day\nAda, 1.5, 1, 2013-01-02\nBob, -2.25, , 2013-01-03\n\"C, D\", 3.0, 3, \nAda, 4.5, 4, 2013-01-04\n";
    let mark = format!("\u{feff}{csv}");
    let wide: Vec<u8> =
        std::iter::once(0xfeff).chain(csv.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let narrow: Vec<u8> = csv.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gz, csv.as_bytes()).expect("packed");
    let gz = gz.finish().expect("packed");
    let json = "{\"name\":\"Ada\",\"x\":1.5,\"n\":1,\"day\":\"2013-01-02\"}\n{\"name\":\"Bob\",\"x\":-2.25,\"n\":null,\"day\":\"2013-01-03\"}\n\
                {\"name\":\"C, D\",\"x\":3.0,\"n\":3}\n{\"day\":\"2013-01-04\",\"name\":\"Ada\",\"x\":4.5,\"n\":4}\n";
    let variants: [&[u8]; 10] = [
        quoted.as_bytes(),
        semicolons.as_bytes(),
        tabs.as_bytes(),
        pipes.as_bytes(),
        old_mac.as_bytes(),
        blanks.as_bytes(),
        mark.as_bytes(),
        &wide,
        &narrow,
        &gz,
    ];
    for variant in variants.into_iter().chain([json.as_bytes()]) {
        let (table, report) = read(variant);
        let shown = String::from_utf8_lossy(variant);
        assert_eq!(table.schema, truth.schema, "{shown}");
        assert_eq!(all_texts(&table), all_texts(&truth), "{shown}");
        assert_eq!(report.bad_rows, 0, "{shown}");
    }
}

#[test]
fn bad_rows_are_listed_with_the_line_they_begin_on() {
    let csv = "a,b\n1,2\n3\n\"x\ny\",4\n5,6,7\n\n8,9\n\"two\nlines\",1,1\n10,\"11\n";
    let (table, report) = read(csv);
    assert_eq!(table.rows(), 3);
    assert_eq!(report.bad_rows, 4);
    let lines: Vec<u64> = report.bad_row_list.iter().map(|row| row.line).collect();
    assert_eq!(lines, [3, 6, 9, 11]);
    let BadRow { reason, .. } = &report.bad_row_list[0];
    assert_eq!(reason, "It has 1 field, but the header has 2.");
    assert!(report.bad_row_list[2].reason.contains("runs over 1 line end"));
    assert!(report.bad_row_list[3].reason.contains("never closed"));
    assert!(report.warnings.iter().any(|warning| warning.contains("1 blank lines")), "{:?}", report.warnings);
}

#[test]
fn lines_count_right_across_chunks() {
    let mut csv = String::from("a,b\n");
    for row in 0..300_000 {
        match row % 1000 {
            0 => csv.push_str("1,2,3\n"),
            1 => csv.push_str("\"multi\nline\",x\n"),
            _ => csv.push_str("1,2\n"),
        }
    }
    let (table, report) = read(&csv);
    assert_eq!((table.rows(), report.bad_rows), (299_700, 300));
    for (index, bad) in report.bad_row_list.iter().enumerate() {
        assert_eq!(bad.line, 2 + index as u64 * 1001, "bad row {index}");
    }
}

#[test]
fn an_open_quote_costs_its_own_line_only() {
    let mut csv = String::from("a,b\n1,\"open\n");
    for row in 0..100_000 {
        writeln!(csv, "{row},x").expect("a string");
    }
    let (table, report) = read(&csv);
    assert_eq!((table.rows(), report.bad_rows, report.bad_row_list[0].line), (100_000, 1, 2));
}

#[test]
fn overrides_win_and_count_what_does_not_fit() {
    let csv = "a,b,c,d,e\n1,x,0012,20130131,yes\n2.5,3,13,20130201,no\nz,4,,nonsense,maybe\n";
    let mut options = ImportOptions::default();
    let asked =
        [("a", Integer), ("b", Integer), ("c", Category), ("d", Datetime), ("e", Boolean), ("zz", Integer)];
    options.types = asked.map(|(name, kind)| (name.to_owned(), kind)).into();
    let (table, report) = read_with(csv, &options).expect("it reads");
    assert_eq!(kinds(&table), [Integer, Integer, Category, Datetime, Boolean]);
    assert!(table.schema.iter().all(|column| column.overridden));
    assert_eq!(texts(&table, "a"), [Some("1".into()), None, None]);
    assert_eq!(texts(&table, "c"), [Some("0012".into()), Some("13".into()), None]);
    assert_eq!(texts(&table, "d")[1].as_deref(), Some("2013-02-01 00:00:00"));
    assert_eq!(texts(&table, "e"), [Some("true".into()), Some("false".into()), None]);
    assert_eq!(report.unknown_types, ["zz"]);
    assert!(
        report.warnings[0].starts_with("2 values of 'a' do not fit the type integer"),
        "{:?}",
        report.warnings
    );
    assert_eq!(report.warnings.len(), 4, "{:?}", report.warnings);
}

#[test]
fn decimal_commas_and_grouped_thousands() {
    let (table, report) = read("x;y;z;t\n1,5;1.234;7;a,b\n2;22.000;8;c\n1.000,25;3;9;d\n");
    assert_eq!(kinds(&table), [Float, Integer, Integer, Category]);
    assert_eq!(texts(&table, "y"), [Some("1234".into()), Some("22000".into()), Some("3".into())]);
    assert_eq!(texts(&table, "x")[2].as_deref(), Some("1000.25"));
    assert!(report.warnings[0].contains("decimal comma"), "{:?}", report.warnings);
    let options = ImportOptions { decimal_comma: Some(false), ..ImportOptions::default() };
    let (table, _) = read_with("x;y\n1,5;1.234\n2,5;22.000\n", &options).expect("it reads");
    assert_eq!(kinds(&table), [Category, Float]);
    let options = ImportOptions { types: [("x".to_owned(), Float)].into(), ..ImportOptions::default() };
    let (table, report) = read_with("x;y\n1,5;a\n2,5;b\nq;c\n", &options).expect("it reads");
    assert_eq!(texts(&table, "x"), [Some("1.5".into()), Some("2.5".into()), None]);
    assert!(report.warnings.iter().any(|w| w.starts_with("1 values of 'x'")), "{:?}", report.warnings);
}

#[test]
fn the_order_of_day_and_month_is_decided_by_the_whole_column() {
    let mut csv = String::from("d\n");
    for _ in 0..100_000 {
        csv.push_str("03/04/2013\n");
    }
    let (month_first, report) = read(&csv);
    assert_eq!(month_first.text(0, 0).as_deref(), Some("2013-03-04 00:00:00"));
    assert!(report.warnings[0].contains("month first"), "{:?}", report.warnings);
    csv.push_str("25/04/2013\n");
    let (day_first, report) = read(&csv);
    assert_eq!(day_first.text(0, 0).as_deref(), Some("2013-04-03 00:00:00"));
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    csv.push_str("04/25/2013\n");
    assert_eq!(kinds(&read(&csv).0), [ColumnType::Category]);
}

#[test]
fn old_encodings_read_with_a_warning() {
    let (table, report) = read(b"name,x\nJos\xe9,1\nZo\xeb,2\n");
    assert_eq!(texts(&table, "name"), [Some("José".into()), Some("Zoë".into())]);
    assert!(report.warnings[0].contains("Latin-1") && report.warnings[0].contains("line 2"));
    let mut damaged = "name\n".to_owned() + &"äöü ß\n".repeat(50);
    damaged.push_str("x\n");
    let mut bytes = damaged.into_bytes();
    let last = bytes.len() - 2;
    bytes[last] = 0xff;
    let (table, report) = read(bytes);
    assert_eq!(table.text(0, 0).as_deref(), Some("äöü ß"));
    assert!(report.warnings[0].contains("1 bytes are no valid UTF-8"), "{:?}", report.warnings);
}

#[test]
fn null_tokens_names_and_delimiters_can_be_set() {
    let mut options =
        ImportOptions { null_tokens: vec!["-999".into(), "?".into()], ..ImportOptions::default() };
    options.delimiter = Some(':');
    let (table, report) = read_with("a:a:\n1:-999:x\n2:5:?\n", &options).expect("it reads");
    let names: Vec<&str> = table.schema.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "a.1", "column_3"]);
    assert_eq!(texts(&table, "a.1"), [None, Some("5".into())]);
    assert_eq!(texts(&table, "column_3"), [Some("x".into()), None]);
    assert_eq!(report.warnings.len(), 2);
}

#[test]
fn texts_become_categories_by_the_documented_rule() {
    let column = |values: Vec<String>| kinds(&read(format!("c,n\n{}", values.join(",1\n") + ",1\n")).0)[0];
    assert_eq!(column((0..50).map(|i| format!("v{i}")).collect()), ColumnType::Category);
    assert_eq!(column((0..51).map(|i| format!("v{i}")).collect()), ColumnType::Text);
    assert_eq!(column((0..200).map(|i| format!("v{}", i % 100)).collect()), ColumnType::Category);
    assert_eq!(column((0..9).map(|i| format!("{i}{}", "long ".repeat(50))).collect()), ColumnType::Text);
    assert_eq!(column((0..21_000).map(|i| format!("v{}", i % 10_001)).collect()), ColumnType::Text);
}
