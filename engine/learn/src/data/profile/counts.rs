//! Counts: how many distinct values a column has, which are frequent, and its numbers in order.

use std::collections::HashMap;

use arrow::{
    array::{Array, AsArray},
    datatypes::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use orrery_domain::{dataset::ColumnType, profile::ValueCount};

use super::{TOP_VALUES, shortened};
use crate::table::{Table, datetime_text, number_text};

/// What was counted in one column.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) present: u64,
    pub(super) distinct: u64,
    pub(super) top_values: Vec<ValueCount>,
    /// Finite numbers in ascending order; dates in seconds; empty for other types.
    pub(super) finite: Vec<f64>,
    /// Whether those are whole by type.
    pub(super) whole: bool,
    /// Median and maximum length in characters.
    pub(super) text_length: Option<(u64, u64)>,
}

/// Counts the values of a column.
pub(super) fn count(table: &Table, column: usize) -> Counted {
    let array = table.batch.column(column);
    let present = (array.len() - array.null_count()) as u64;
    let counted = match table.schema[column].kind {
        ColumnType::Integer => {
            let mut values: Vec<i64> = array.as_primitive::<Int64Type>().iter().flatten().collect();
            sort_integers(&mut values);
            let counted = runs(&values, i64::to_string);
            // Of the same size, so the values' memory is used again.
            let finite = values.into_iter().map(|value| value as f64).collect();
            Counted { finite, whole: true, ..counted }
        }
        ColumnType::Datetime => {
            let mut values: Vec<i64> =
                array.as_primitive::<TimestampMicrosecondType>().iter().flatten().collect();
            values.sort_unstable();
            let counted = runs(&values, |micros| datetime_text(*micros));
            let finite = values.into_iter().map(|micros| micros as f64 / 1e6).collect();
            Counted { finite, ..counted }
        }
        ColumnType::Float => {
            // Adding zero turns -0.0 into 0.0, which is the same value.
            let values = array.as_primitive::<Float64Type>().iter().flatten();
            let mut values: Vec<f64> = values.map(|value| value + 0.0).collect();
            values.sort_unstable_by(f64::total_cmp);
            let counted = runs(&values, |value| number_text(*value));
            values.retain(|value| value.is_finite());
            Counted { finite: values, ..counted }
        }
        ColumnType::Boolean => {
            let array = array.as_boolean();
            let yes = array.iter().flatten().filter(|value| *value).count() as u64;
            let counts = [("false", present - yes), ("true", yes)];
            pairs(&counts.into_iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>())
        }
        ColumnType::Category => {
            let array = array.as_dictionary::<Int32Type>();
            let words = array.values().as_string::<i32>();
            let mut counts = vec![0_u64; words.len()];
            array.keys().iter().flatten().for_each(|key| counts[key as usize] += 1);
            let used = counts.iter().enumerate().filter(|(_, count)| **count > 0);
            texts(used.map(|(key, count)| (words.value(key), *count)).collect())
        }
        ColumnType::Text => {
            let mut counts: HashMap<&str, u64> = HashMap::new();
            for text in array.as_string::<i64>().iter().flatten() {
                *counts.entry(text).or_default() += 1;
            }
            texts(counts.into_iter().collect())
        }
    };
    Counted { present, ..counted }
}

/// Sorts, by counting where the range is small.
fn sort_integers(values: &mut Vec<i64>) {
    let range = values
        .iter()
        .min()
        .zip(values.iter().max())
        .and_then(|(min, max)| Some((*min, max.checked_sub(*min)?)));
    let Some((min, width)) = range else {
        return values.sort_unstable();
    };
    if width as u64 > (values.len() as u64).max(1024) {
        return values.sort_unstable();
    }
    let mut counts = vec![0_usize; width as usize + 1];
    for value in values.iter() {
        counts[(value - min) as usize] += 1;
    }
    values.clear();
    for (offset, count) in counts.into_iter().enumerate() {
        values.extend(std::iter::repeat_n(min + offset as i64, count));
    }
}

/// Distinct and frequent values of a sorted list.
fn runs<T: PartialEq>(sorted: &[T], text: impl Fn(&T) -> String) -> Counted {
    let runs: Vec<(&T, u64)> =
        sorted.chunk_by(PartialEq::eq).map(|run| (&run[0], run.len() as u64)).collect();
    Counted { distinct: runs.len() as u64, top_values: top(&runs, |value| text(value)), ..Counted::default() }
}

fn pairs(counts: &[(&str, u64)]) -> Counted {
    let top_values = top(counts, |value| (*value).to_owned());
    Counted { distinct: counts.len() as u64, top_values, ..Counted::default() }
}

fn texts(mut counts: Vec<(&str, u64)>) -> Counted {
    counts.sort_unstable_by_key(|(text, _)| *text);
    let mut lengths: Vec<(u64, u64)> =
        counts.iter().map(|(text, count)| (text.chars().count() as u64, *count)).collect();
    lengths.sort_unstable();
    let rows: u64 = lengths.iter().map(|(_, count)| count).sum();
    let mut before = 0;
    let median = lengths.iter().find(|(_, count)| {
        before += count;
        before * 2 >= rows
    });
    let text_length = median.zip(lengths.last()).map(|((median, _), (longest, _))| (*median, *longest));
    Counted { text_length, ..pairs(&counts) }
}

/// The most frequent of values in value order; ties keep that order.
fn top<T>(counts: &[(T, u64)], text: impl Fn(&T) -> String) -> Vec<ValueCount> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    let by_count = |a: &usize, b: &usize| counts[*b].1.cmp(&counts[*a].1).then(a.cmp(b));
    if order.len() > TOP_VALUES {
        order.select_nth_unstable_by(TOP_VALUES, by_count);
        order.truncate(TOP_VALUES);
    }
    order.sort_unstable_by(by_count);
    order
        .into_iter()
        .map(|index| ValueCount { value: shortened(text(&counts[index].0)), count: counts[index].1 })
        .collect()
}
