//! Laws of splits: nothing lost, nothing shared, proportions kept, the seed decides.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::Int32Type;
use orrery_domain::dataset::ColumnSchema;
use proptest::prelude::*;

use super::*;

fn column(name: &str, kind: ColumnType) -> ColumnSchema {
    ColumnSchema { name: name.to_owned(), kind, overridden: false }
}

fn words(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<DictionaryArray<Int32Type>>())
}

/// A table of a class target, a part column and a time.
fn table(target: &[Option<&str>], part: &[Option<&str>], time: Vec<Option<i64>>) -> Table {
    Table::new(
        vec![
            column("y", ColumnType::Category),
            column("part", ColumnType::Category),
            column("when", ColumnType::Datetime),
        ],
        vec![words(target), words(part), Arc::new(TimestampMicrosecondArray::from(time))],
    )
}

fn all_rows(rows: &SplitRows) -> Vec<u32> {
    let mut all = [&rows.train[..], &rows.valid, &rows.test, &rows.without_target].concat();
    all.sort_unstable();
    all
}

fn ask(table: &Table, by: &Split, seed: u64) -> Result<SplitRows, Failure> {
    split(table, 0, Task::Binary, by, VALID_SHARE, TEST_SHARE, seed)
}

proptest! {
    #[test]
    fn every_row_is_in_exactly_one_part(
        codes in prop::collection::vec(prop::option::weighted(0.9, 0_usize..4), 1..300),
        seed in 0_u64..5,
        valid in 0.05_f64..0.6,
        test in 0.05_f64..0.6,
    ) {
        let names = ["a", "b", "c", "d"];
        let target: Vec<Option<&str>> = codes.iter().map(|code| code.map(|code| names[code])).collect();
        let part = vec![Some("x"); codes.len()];
        let table = table(&target, &part, (0..codes.len() as i64).map(|i| Some(i / 3)).collect());
        for by in [Split::Auto, Split::Random, Split::Stratified, Split::Time { column: "when".into() }] {
            let Ok(rows) = split(&table, 0, Task::Multiclass, &by, valid, test, seed) else { continue };
            prop_assert_eq!(all_rows(&rows), (0..codes.len() as u32).collect::<Vec<_>>());
            prop_assert_eq!(rows.without_target.len(), target.iter().filter(|value| value.is_none()).count());
            let again = split(&table, 0, Task::Multiclass, &by, valid, test, seed).expect("as before");
            prop_assert_eq!(rows, again);
        }
    }
}

#[test]
fn stratified_parts_keep_the_shares_of_the_classes() {
    let target: Vec<Option<&str>> =
        (0..1000).map(|row| Some(if row % 10 == 0 { "rare" } else { "common" })).collect();
    let table = table(&target, &vec![None; 1000], vec![None; 1000]);
    let rows = ask(&table, &Split::Auto, 7).expect("a fair split");
    assert_eq!((rows.test.len(), rows.valid.len(), rows.train.len()), (200, 120, 680));
    let rare = |part: &[u32]| part.iter().filter(|row| **row % 10 == 0).count();
    assert_eq!((rare(&rows.test), rare(&rows.valid), rare(&rows.train)), (20, 12, 68));
    assert_ne!(rows.test, ask(&table, &Split::Auto, 8).expect("another seed").test);
}

#[test]
fn a_split_by_time_never_looks_back_and_never_parts_equal_times() {
    let target: Vec<Option<&str>> = (0..100).map(|row| Some(if row % 2 == 0 { "a" } else { "b" })).collect();
    let times: Vec<Option<i64>> = (0..100).map(|row| Some((99 - row) / 7)).collect();
    let table = table(&target, &vec![None; 100], times.clone());
    let rows = ask(&table, &Split::Time { column: "when".into() }, 0).expect("ordered");
    let time = |part: &[u32]| part.iter().map(|row| times[*row as usize]).collect::<Vec<_>>();
    assert!(time(&rows.train).iter().max() < time(&rows.valid).iter().min());
    assert!(time(&rows.valid).iter().max() < time(&rows.test).iter().min());
    assert!((15..=25).contains(&rows.test.len()), "{}", rows.test.len());
}

#[test]
fn a_split_column_is_read_as_people_write_it() {
    let target: Vec<Option<&str>> = (0..8).map(|row| Some(if row % 2 == 0 { "a" } else { "b" })).collect();
    let part = ["Train", "train", "VALIDATION", "dev", "test", " Test ", "train", "TRAIN"].map(Some);
    let both = table(&target, &part, vec![None; 8]);
    let by = Split::Column { column: "part".into() };
    let rows = ask(&both, &by, 0).expect("known names");
    assert_eq!((rows.train, rows.valid, rows.test), (vec![0, 1, 6, 7], vec![2, 3], vec![4, 5]));

    let part = ["train", "train", "train", "train", "train", "train", "test", "test"].map(Some);
    let carved = ask(&table(&target, &part, vec![None; 8]), &by, 0).expect("validation rows come from train");
    assert_eq!((carved.train.len(), carved.valid.len(), carved.test), (5, 1, vec![6, 7]));

    let part =
        [Some("train"), Some("holdout"), None, Some("holdout"), Some("test"), None, None, Some("train")];
    let error = ask(&table(&target, &part, vec![None; 8]), &by, 0).expect_err("unknown names");
    assert!(
        error.message.contains("'holdout' (2 rows)") && error.message.contains("missing (3 rows)"),
        "{error}"
    );
}

#[test]
fn requests_that_cannot_be_met_say_why() {
    let one = table(&[Some("a"); 10], &[None; 10], vec![None; 10]);
    assert!(ask(&one, &Split::Auto, 0).expect_err("one class").message.contains("one value only"));
    let none = table(&[None; 10], &[None; 10], vec![None; 10]);
    assert!(ask(&none, &Split::Auto, 0).expect_err("no target").message.contains("No row has a value"));
    let two = table(&[Some("a"), Some("b")], &[None; 2], vec![None, Some(3)]);
    assert!(ask(&two, &Split::Auto, 0).expect_err("too few").message.contains("No "));
    let by = |column: &str| Split::Time { column: column.into() };
    assert!(
        ask(&two, &by("when"), 0).expect_err("no time").message.contains("1 rows have no value in 'when'")
    );
    assert!(ask(&two, &by("part"), 0).expect_err("words").message.contains("holds category"));
    assert!(ask(&two, &by("nowhere"), 0).expect_err("no column").message.contains("no column 'nowhere'"));
    let shares = split(&two, 0, Task::Binary, &Split::Auto, 0.1, 1.0, 0).expect_err("no training rows");
    assert_eq!(shares.class, FailureClass::Client);
    let three = table(&[Some("a"), Some("b"), Some("c")], &[None; 3], vec![None; 3]);
    assert!(ask(&three, &Split::Auto, 0).expect_err("three classes").message.contains("3 classes"));
}

#[test]
fn numbers_that_are_not_finite_are_no_targets() {
    let target = Float64Array::from(vec![
        Some(1.0),
        None,
        Some(f64::NAN),
        Some(f64::INFINITY),
        Some(2.0),
        Some(3.0),
        Some(4.0),
    ]);
    let rows = Int64Array::from_iter_values(0..7);
    let table = Table::new(
        vec![column("y", ColumnType::Float), column("row", ColumnType::Integer)],
        vec![Arc::new(target), Arc::new(rows)],
    );
    let rows = split(&table, 0, Task::Regression, &Split::Auto, 0.3, 0.3, 1).expect("four rows are left");
    assert_eq!(rows.without_target, [1, 2, 3]);
    let error = split(&table, 0, Task::Regression, &Split::Stratified, 0.3, 0.3, 1).expect_err("no classes");
    assert!(error.message.contains("needs classes"));
}
