//! Tests of preparation: the laws each encoding keeps, and tables that are not what the model was trained on.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanArray, Float64Array, Int64Array, LargeStringArray, StringArray,
        TimestampMicrosecondArray,
    },
    compute::cast,
};
use orrery_domain::{FailureClass, dataset::ColumnType};

use super::*;
use crate::table::arrow_type;

fn table(columns: Vec<(&str, ColumnType, ArrayRef)>) -> Table {
    let schema = columns
        .iter()
        .map(|(name, kind, _)| ColumnSchema { name: (*name).to_owned(), kind: *kind, overridden: false })
        .collect();
    Table::new(schema, columns.into_iter().map(|(_, _, array)| array).collect())
}

fn floats(values: Vec<Option<f64>>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

fn categories(values: Vec<Option<&str>>) -> ArrayRef {
    cast(&StringArray::from(values), &arrow_type(ColumnType::Category)).expect("castable")
}

fn dates(days: Vec<Option<f64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(
        days.into_iter().map(|day| day.map(|day| (day * 86_400e6) as i64)).collect::<Vec<_>>(),
    ))
}

/// One column of every kind; `a` is dear, `b` cheap, `c` came once.
fn training() -> Table {
    table(vec![
        (
            "size",
            ColumnType::Float,
            floats(vec![Some(1.0), Some(2.0), Some(3.0), None, Some(4.0), Some(5.0)]),
        ),
        (
            "kind",
            ColumnType::Category,
            categories(vec![Some("a"), Some("b"), Some("a"), Some("b"), None, Some("c")]),
        ),
        (
            "day",
            ColumnType::Datetime,
            dates(vec![Some(0.0), Some(31.25), Some(62.5), Some(93.75), Some(400.0), None]),
        ),
        (
            "flag",
            ColumnType::Boolean,
            Arc::new(BooleanArray::from(vec![true, false, true, true, false, true])),
        ),
        ("note", ColumnType::Text, Arc::new(LargeStringArray::from(vec!["p", "q", "r", "s", "t", "u"]))),
        ("same", ColumnType::Integer, Arc::new(Int64Array::from(vec![7; 6]))),
    ])
}

fn fitted(scaling: Scaling, categories: CategoryEncoding) -> Fitted {
    let features = ["size", "kind", "day", "flag", "note", "same"].map(str::to_owned);
    Preprocessor::fit(&FitInput {
        train: &training(),
        features: &features,
        target: &[9.0, 1.0, 8.0, 2.0, 5.0, 5.0],
        classes: 0,
        weights: &[1.0; 6],
        categories,
        scaling,
        pixels: false,
    })
    .expect("fitted")
}

#[test]
fn scaled_numbers_have_mean_0_and_deviation_1_and_gaps_are_flagged() {
    let rules = fitted(Scaling::Standard, CategoryEncoding::Embedding).preprocessor;
    let (x, report) = rules.transform(&training()).expect("transformed");
    let names = rules.inputs();
    assert_eq!(x.cols, names.len());
    assert_eq!(rules.layout().width(), names.len());
    let column = |name: &str| -> Vec<f32> {
        let place = names.iter().position(|other| other == name).expect(name);
        (0..x.rows).map(|row| x.row(row)[place]).collect()
    };
    let size = column("size");
    let present: Vec<f32> = [0, 1, 2, 4, 5].map(|row| size[row]).to_vec();
    assert!(present.iter().sum::<f32>().abs() < 1e-6);
    assert!((present.iter().map(|v| v * v).sum::<f32>() / 5.0 - 1.0).abs() < 1e-6);
    assert!(size[3].abs() < 1e-9, "a gap stands at the mean");
    assert_eq!(column("size is missing"), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    assert_eq!(column("kind"), [1.0, 2.0, 1.0, 2.0, 3.0, 0.0], "codes; rare is 0, missing the last");
    assert_eq!(report, TransformReport::default());
    assert!(x.values.iter().all(|value| value.is_finite()));
    // A quarter of a day into the second month.
    let hour = column("day hour (sine)");
    assert!((hour[1] - 1.0).abs() < 1e-6 && hour[0].abs() < 1e-6, "{hour:?}");
}

#[test]
fn text_and_constant_columns_are_left_out_and_said() {
    let fitted = fitted(Scaling::Standard, CategoryEncoding::Embedding);
    assert_eq!(fitted.notes.len(), 2, "{:?}", fitted.notes);
    assert!(fitted.notes[0].contains("'note' is free text"));
    assert!(fitted.notes[1].contains("'same'"));
    let names: Vec<String> = fitted.preprocessor.features.into_iter().map(|f| f.name).collect();
    assert_eq!(names, ["size", "kind", "day", "flag"]);
}

#[test]
fn one_hot_rows_have_one_hot_input_a_category() {
    let rules = fitted(Scaling::Standard, CategoryEncoding::OneHot).preprocessor;
    let (x, _) = rules.transform(&training()).expect("transformed");
    let (codes, _) = rules.transform_codes(&training()).expect("transformed");
    let numbers = rules.layout().numbers();
    assert_eq!(x.cols, numbers + 4);
    assert_eq!(codes.cols, numbers + 1);
    for row in 0..x.rows {
        let hot = &x.row(row)[numbers..];
        assert!((hot.iter().sum::<f32>() - 1.0).abs() < 1e-9);
        assert!((hot[codes.row(row)[numbers] as usize] - 1.0).abs() < 1e-9);
    }
    let names = rules.inputs();
    assert_eq!(names[numbers..], ["kind = (other)", "kind = a", "kind = b", "kind = (missing)"]);
}

#[test]
fn quantile_scaling_is_monotone_and_symmetric() {
    let rules = fitted(Scaling::Quantile, CategoryEncoding::Embedding).preprocessor;
    let Encoding::Number(size) = &rules.features[0].encoding else { panic!("a number expected") };
    let scaled: Vec<f32> = [-9.0, 1.0, 2.0, 2.5, 3.0, 4.0, 5.0, 99.0].map(|v| size.scale.apply(v)).to_vec();
    assert!(scaled.is_sorted(), "{scaled:?}");
    assert!(scaled[4].abs() < 1e-6, "the median");
    assert!((scaled[1] + scaled[6]).abs() < 1e-4 && (scaled[0] - scaled[1]).abs() < 1e-6);
}

#[test]
fn trees_see_raw_numbers_and_categories_in_the_targets_order() {
    let rules = fitted(Scaling::Standard, CategoryEncoding::Embedding).preprocessor;
    let (x, _) = rules.transform_trees(&training()).expect("transformed");
    let names = rules.tree_inputs();
    assert_eq!(x.cols, names.len());
    let column = |name: &str| {
        let place = names.iter().position(|other| other == name).expect(name);
        x.values[place * x.rows..][..x.rows].to_vec()
    };
    assert!(column("size")[3].is_nan());
    assert!((column("size")[4] - 4.0).abs() < 1e-12);
    let kind = column("kind");
    assert!(kind[0] > kind[5] && kind[5] > kind[1], "dear above average above cheap: {kind:?}");
    assert!(kind[4].is_nan());
    assert!((column("day year")[4] - 1971.0).abs() < 1e-12);
    assert!((column("day weekday")[0] - 3.0).abs() < 1e-12, "1970 began on a Thursday");
}

#[test]
fn odd_rows_are_counted_and_still_encoded() {
    let rules = fitted(Scaling::Standard, CategoryEncoding::Embedding).preprocessor;
    let odd = table(vec![
        // Numbers as text and as whole numbers, a category as a number, in another order and with a column too many.
        ("extra", ColumnType::Integer, Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("kind", ColumnType::Category, categories(vec![Some("z"), Some("c"), None])),
        ("size", ColumnType::Category, categories(vec![Some("100"), Some(" 2.5 "), None])),
        ("flag", ColumnType::Integer, Arc::new(Int64Array::from(vec![0, 1, 1]))),
        (
            "day",
            ColumnType::Text,
            Arc::new(LargeStringArray::from(vec![
                "1970-01-05",
                "2031-01-01 10:00:00",
                "1970-02-01T00:00:00",
            ])),
        ),
    ]);
    let (x, report) = rules.transform(&odd).expect("transformed");
    assert_eq!(report.unseen, [("kind".to_owned(), 1)], "rare is not unseen");
    assert_eq!(report.out_of_range, [("size".to_owned(), 1), ("day".to_owned(), 1)]);
    assert!(x.values.iter().all(|value| value.is_finite()));
    let (_, trees) = rules.transform_trees(&odd).expect("transformed");
    assert_eq!(trees, report);
}

#[test]
fn a_missing_or_unfit_column_is_named() {
    let rules = fitted(Scaling::Standard, CategoryEncoding::Embedding).preprocessor;
    let whole = training();
    let mut columns: Vec<(&str, ColumnType, ArrayRef)> = whole
        .schema
        .iter()
        .zip(whole.batch.columns())
        .map(|(column, array)| (column.name.as_str(), column.kind, array.clone()))
        .collect();
    columns[0].0 = "sizes";
    let failure = rules.transform(&table(columns.clone())).expect_err("must be refused");
    assert_eq!(failure.class, FailureClass::Data);
    assert!(
        failure.message.contains("'size' is missing") && failure.message.contains("'sizes'"),
        "{failure}"
    );
    columns[0].0 = "size";
    columns[0].1 = ColumnType::Category;
    columns[0].2 = categories(vec![Some("1"), Some("two"), None, None, None, None]);
    let failure = rules.transform_trees(&table(columns)).expect_err("must be refused");
    assert!(failure.message.contains("'size' holds 'two'"), "{failure}");
}

#[test]
fn rules_are_read_back_and_broken_ones_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = fitted(Scaling::Quantile, CategoryEncoding::OneHot).preprocessor;
    rules.save(folder.path()).expect("saved");
    assert_eq!(Preprocessor::load(folder.path()).expect("loaded"), rules);
    let path = folder.path().join(FILE);
    let text = std::fs::read_to_string(&path).expect("readable");
    for (from, to) in [("\"format\": 1", "\"format\": 2"), ("\"a\",\n", "\"zz\",\n")] {
        assert!(text.contains(from));
        crate::train::files::write_bytes(&path, text.replacen(from, to, 1).as_bytes()).expect("written");
        assert!(Preprocessor::load(folder.path()).is_err(), "{to}");
    }
}
