//! Tasks: what a target column suggests.

use orrery_domain::{Failure, FailureClass, dataset::ColumnType, training::Task};

use crate::table::Table;

/// Most whole numbers that are taken for classes rather than for a quantity.
const FEW_NUMBERS: usize = 20;

/// Rows each of those numbers must have on average.
const ROWS_A_NUMBER: usize = 10;

/// Most classes a text target may have.
const MOST_CLASSES: usize = 1_000;

/// The task that a target suggests: two distinct values make it binary, of whatever type; categories, texts and truth values
/// are classes; so are at most 20 distinct whole numbers, all between 0 and 99, that have ten rows each on average; all other
/// numbers are quantities.
///
/// # Errors
/// A client failure when there is no such column or it holds dates; a data failure when it has fewer than two distinct values,
/// or more than 1,000 distinct texts.
pub fn detect_task(table: &Table, target: &str) -> Result<Task, Failure> {
    let Some(column) = table.position(target) else {
        return Err(super::unknown_column(table, target));
    };
    let kind = table.schema[column].kind;
    let labels = table.labels(column);
    let distinct = labels.classes.len();
    match (kind, distinct) {
        (_, 0) => Err(data(format!("The target '{target}' has no values at all. Choose another target."))),
        (_, 1) => Err(data(format!(
            "The target '{target}' has one value only, '{}', so there is nothing to tell apart. Choose another target.",
            labels.classes[0]
        ))),
        (ColumnType::Datetime, _) => Err(Failure::new(
            FailureClass::Client,
            format!(
                "The target '{target}' holds dates, which cannot be predicted. Choose another target, or read it as a number."
            ),
        )),
        (_, 2) => Ok(Task::Binary),
        (ColumnType::Boolean | ColumnType::Category | ColumnType::Text, _) => {
            if distinct > MOST_CLASSES {
                return Err(data(format!(
                    "The target '{target}' has {distinct} different texts, too many to be classes ({MOST_CLASSES} at most). \
                     Choose another target."
                )));
            }
            Ok(Task::Multiclass)
        }
        (ColumnType::Integer | ColumnType::Float, _) => {
            let rows = labels.codes.iter().flatten().count();
            let small_and_whole = |class: &String| class.parse::<u32>().is_ok_and(|value| value < 100);
            let few = distinct <= FEW_NUMBERS
                && distinct * ROWS_A_NUMBER <= rows
                && labels.classes.iter().all(small_and_whole);
            Ok(if few { Task::Multiclass } else { Task::Regression })
        }
    }
}

fn data(message: String) -> Failure {
    Failure::new(FailureClass::Data, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int64Array, LargeStringArray};
    use orrery_domain::dataset::ColumnSchema;

    use super::*;

    fn task(kind: ColumnType, values: ArrayRef) -> Result<Task, Failure> {
        let schema = vec![ColumnSchema { name: "y".into(), kind, overridden: false }];
        detect_task(&Table::new(schema, vec![values]), "y")
    }

    #[test]
    fn the_documented_rule_holds() {
        let integers = |values: Vec<i64>| task(ColumnType::Integer, Arc::new(Int64Array::from(values)));
        assert_eq!(integers((0..500).map(|i| i % 2 * 7).collect()), Ok(Task::Binary));
        assert_eq!(integers((0..500).map(|i| i % 10).collect()), Ok(Task::Multiclass));
        assert_eq!(integers((0..50).map(|i| i % 10).collect()), Ok(Task::Regression));
        assert_eq!(integers((0..500).map(|i| i % 10 * 50).collect()), Ok(Task::Regression));
        assert_eq!(integers((0..500).collect()), Ok(Task::Regression));
        assert_eq!(integers(vec![3; 9]).expect_err("constant").class, FailureClass::Data);
        let floats = |values: Vec<f64>| task(ColumnType::Float, Arc::new(Float64Array::from(values)));
        assert_eq!(floats((0..500).map(|i| f64::from(i % 5)).collect()), Ok(Task::Multiclass));
        assert_eq!(floats((0..500).map(|i| f64::from(i % 5) / 2.0).collect()), Ok(Task::Regression));
        let texts = |most: usize| {
            let values = LargeStringArray::from_iter_values((0..3000).map(|i| format!("t{}", i % most)));
            task(ColumnType::Text, Arc::new(values))
        };
        assert_eq!(texts(2), Ok(Task::Binary));
        assert_eq!(texts(12), Ok(Task::Multiclass));
        assert!(texts(1001).expect_err("too many").message.contains("1001 different texts"));
    }
}
