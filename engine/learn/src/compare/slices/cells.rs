//! Cells: a column's values as few codes: categories as they are, numbers in quantile bins.

use orrery_domain::dataset::ColumnType;

use crate::{
    metrics::quantile,
    table::{Table, datetime_text, number_text},
};

/// Most values of a column that are slices, the most frequent ones.
const MOST_VALUES: usize = 20;
/// Distinct numbers up to which a column of numbers is taken by its values.
const FEW_NUMBERS: usize = 10;
/// Quantile bins of a column of numbers.
const BINS: usize = 4;
/// Distinct texts from which on a column names its rows rather than grouping them.
const MOST_TEXTS: usize = 1000;

/// The code of a row that is in no slice of the column.
pub(super) const NONE: u16 = u16::MAX;

/// A column's values as codes.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    /// Column.
    pub column: String,
    /// What each code means, in words that follow the column's name.
    pub values: Vec<String>,
    /// Code of each row, [`NONE`] where it has none. `[rows]`
    pub(super) codes: Vec<u16>,
}

impl Cells {
    /// Those of a column with at least `min_rows` rows each; `None` where fewer than two groups of rows come out.
    pub fn of(table: &Table, column: usize, min_rows: usize) -> Option<Self> {
        let name = table.schema[column].name.clone();
        let kind = table.schema[column].kind;
        let labels = table.labels(column);
        let numeric = matches!(kind, ColumnType::Integer | ColumnType::Float | ColumnType::Datetime);
        let cells = if numeric && labels.classes.len() > FEW_NUMBERS {
            binned(name, &table.numbers(column), kind)
        } else if labels.classes.len() > MOST_TEXTS {
            return None;
        } else {
            let mut values: Vec<String> = labels.classes.iter().map(|class| format!("= {class}")).collect();
            let missing = values.len() as u32;
            values.push("missing".to_owned());
            let codes: Vec<u32> = labels.codes.iter().map(|code| code.unwrap_or(missing)).collect();
            Self::frequent(name, &values, &codes, min_rows)
        };
        cells.filtered(min_rows)
    }

    /// The most frequent values.
    fn frequent(column: String, values: &[String], codes: &[u32], min_rows: usize) -> Self {
        let mut counts = vec![0_usize; values.len()];
        for code in codes {
            counts[*code as usize] += 1;
        }
        let mut order: Vec<usize> =
            (0..values.len()).filter(|value| counts[*value] >= min_rows.max(1)).collect();
        order.sort_by(|a, b| counts[*b].cmp(&counts[*a]).then(a.cmp(b)));
        order.truncate(MOST_VALUES);
        order.sort_unstable();
        let mut to = vec![NONE; values.len()];
        for (new, old) in order.iter().enumerate() {
            to[*old] = new as u16;
        }
        Self {
            column,
            values: order.iter().map(|value| values[*value].clone()).collect(),
            codes: codes.iter().map(|code| to[*code as usize]).collect(),
        }
    }

    /// Without the groups that are too small; `None` where none is left that is not all rows.
    fn filtered(mut self, min_rows: usize) -> Option<Self> {
        let mut counts = vec![0_usize; self.values.len()];
        for code in self.codes.iter().filter(|code| **code != NONE) {
            counts[usize::from(*code)] += 1;
        }
        let rows = self.codes.len();
        let mut to = vec![NONE; counts.len()];
        let mut values = Vec::new();
        for (code, count) in counts.iter().enumerate() {
            if *count >= min_rows.max(1) && *count < rows {
                to[code] = values.len() as u16;
                values.push(std::mem::take(&mut self.values[code]));
            }
        }
        for code in self.codes.iter_mut().filter(|code| **code != NONE) {
            *code = to[usize::from(*code)];
        }
        self.values = values;
        (!self.values.is_empty()).then_some(self)
    }
}

/// Numbers in bins between their quartiles; what is missing is a group of its own.
fn binned(column: String, numbers: &[f64], kind: ColumnType) -> Cells {
    let mut sorted: Vec<f64> = numbers.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut edges: Vec<f64> = (1..BINS)
        .filter(|_| !sorted.is_empty())
        .map(|bin| quantile(&sorted, bin as f64 / BINS as f64))
        .collect();
    edges.dedup_by(|a, b| a <= b);
    let text = |value: f64| match kind {
        ColumnType::Datetime => datetime_text((value * 1e6) as i64),
        _ => number_text((value * 1e6).round() / 1e6),
    };
    let mut values: Vec<String> = (0..=edges.len())
        .map(|bin| match (bin.checked_sub(1).map(|below| edges[below]), edges.get(bin)) {
            (None, Some(end)) => format!("below {}", text(*end)),
            (Some(begin), Some(end)) => format!("{} to {}", text(begin), text(*end)),
            (Some(begin), None) => format!("from {}", text(begin)),
            (None, None) => "present".to_owned(),
        })
        .collect();
    let missing = values.len() as u16;
    values.push("missing".to_owned());
    let codes = numbers
        .iter()
        .map(
            |value| {
                if value.is_finite() { edges.partition_point(|edge| edge <= value) as u16 } else { missing }
            },
        )
        .collect();
    Cells { column, values, codes }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int64Array};
    use orrery_domain::dataset::ColumnSchema;

    use super::*;

    fn table(kind: ColumnType, array: ArrayRef) -> Table {
        Table::new(vec![ColumnSchema { name: "x".into(), kind, overridden: false }], vec![array])
    }

    #[test]
    fn many_numbers_are_cut_at_their_quartiles_and_missing_is_a_group() {
        let values = (0..100).map(|row| (row >= 20).then_some(f64::from(row)));
        let cells = Cells::of(&table(ColumnType::Float, Arc::new(values.collect::<Float64Array>())), 0, 10)
            .expect("groups");
        assert_eq!(cells.values, ["below 39.75", "39.75 to 59.5", "59.5 to 79.25", "from 79.25", "missing"]);
        assert_eq!((cells.codes[0], cells.codes[20], cells.codes[99]), (4, 0, 3));
    }

    #[test]
    fn few_numbers_are_taken_by_value_and_small_groups_left_out() {
        let values = (0..100).map(|row| if row < 5 { 7 } else { i64::from(row % 2) });
        let array: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
        let cells = Cells::of(&table(ColumnType::Integer, array), 0, 10).expect("groups");
        assert_eq!(cells.values, ["= 0", "= 1"]);
        assert_eq!((cells.codes[0], cells.codes[6], cells.codes[7]), (NONE, 0, 1));
    }

    #[test]
    fn a_column_of_one_value_or_of_names_has_no_slices() {
        let array: ArrayRef = Arc::new(Int64Array::from(vec![3; 100]));
        assert!(Cells::of(&table(ColumnType::Integer, array), 0, 10).is_none());
        let names: ArrayRef = Arc::new(arrow::array::LargeStringArray::from_iter_values(
            (0..2000).map(|row| format!("n{row}")),
        ));
        assert!(Cells::of(&table(ColumnType::Text, names), 0, 1).is_none());
    }
}
