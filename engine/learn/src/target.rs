//! Targets: which rows cannot be used for want of one, said with their numbers and the reason.

use crate::table::Table;

/// Rows named one by one for each reason.
const NAMED: usize = 5;

/// A sentence about the rows (ascending, from 0) whose target is missing or no finite number; `None` where there are none.
/// Rows are numbered from 1, as they stand in the table.
pub(crate) fn left_out(table: &Table, target: usize, rows: &[u32]) -> Option<String> {
    let numbers = table.numbers(target);
    let (infinite, missing): (Vec<u32>, Vec<u32>) =
        rows.iter().partition(|row| numbers.get(**row as usize).is_some_and(|value| value.is_infinite()));
    let parts: Vec<String> = [(missing, "missing"), (infinite, "infinite")]
        .into_iter()
        .filter(|(rows, _)| !rows.is_empty())
        .map(|(rows, why)| named(&rows, why))
        .collect();
    let name = &table.schema[target].name;
    let what = parts.join(", ");
    (!parts.is_empty())
        .then(|| format!("Left out for want of a usable value in the target '{name}': {what}."))
}

/// So many rows, the first of them by their numbers.
fn named(rows: &[u32], why: &str) -> String {
    let numbers: Vec<String> = rows.iter().take(NAMED).map(|row| (u64::from(*row) + 1).to_string()).collect();
    let more = if rows.len() > NAMED { ", …" } else { "" };
    let word = if rows.len() == 1 { "row" } else { "rows" };
    let count = orrery_domain::words::count(rows.len() as u64);
    format!("{count} {word} where it is {why} ({word} {}{more})", numbers.join(", "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Float64Array;
    use orrery_domain::dataset::{ColumnSchema, ColumnType};

    use super::*;

    #[test]
    fn rows_are_named_with_the_reason() {
        let mut values = vec![Some(1.0), None, Some(f64::INFINITY), Some(2.0), Some(f64::NEG_INFINITY)];
        values.extend([None; 6]);
        let schema = vec![ColumnSchema { name: "y".into(), kind: ColumnType::Float, overridden: false }];
        let table = Table::new(schema, vec![Arc::new(Float64Array::from(values))]);
        assert_eq!(left_out(&table, 0, &[]), None);
        assert_eq!(
            left_out(&table, 0, &[2]).as_deref(),
            Some(
                "Left out for want of a usable value in the target 'y': 1 row where it is infinite (row 3)."
            )
        );
        assert_eq!(
            left_out(&table, 0, &[1, 2, 4, 5, 6, 7, 8, 9, 10]).as_deref(),
            Some(
                "Left out for want of a usable value in the target 'y': 7 rows where it is missing (rows 2, 6, 7, 8, 9, …), \
                 2 rows where it is infinite (rows 3, 5)."
            )
        );
    }
}
