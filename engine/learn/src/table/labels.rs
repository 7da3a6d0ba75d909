//! Labels: a column as classes in sort order, for targets, split columns and targets' codes.

use std::collections::HashMap;

use arrow::{
    array::AsArray,
    datatypes::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use orrery_domain::dataset::ColumnType;

use super::{Labels, Table, datetime_text, number_text};

impl Table {
    /// A column as classes; works for every type. A float that is not a number counts as missing.
    pub fn labels(&self, column: usize) -> Labels {
        let array = self.batch.column(column);
        match self.schema[column].kind {
            ColumnType::Integer => {
                let values = array.as_primitive::<Int64Type>().iter();
                ranked(values, Ord::cmp, ToString::to_string)
            }
            ColumnType::Float => {
                // Adding zero turns -0.0 into 0.0, which is the same class.
                let values = array.as_primitive::<Float64Type>().iter();
                let bits = values.map(|value| value.filter(|v| !v.is_nan()).map(|v| (v + 0.0).to_bits()));
                let order = |a: &u64, b: &u64| f64::from_bits(*a).total_cmp(&f64::from_bits(*b));
                ranked(bits, order, |bits| number_text(f64::from_bits(*bits)))
            }
            ColumnType::Boolean => ranked(array.as_boolean().iter(), Ord::cmp, bool::to_string),
            ColumnType::Datetime => {
                let values = array.as_primitive::<TimestampMicrosecondType>().iter();
                ranked(values, Ord::cmp, |micros| datetime_text(*micros))
            }
            ColumnType::Category => {
                let array = array.as_dictionary::<Int32Type>();
                let words = array.values().as_string::<i32>();
                let mut labels = ranked(
                    array.keys().iter(),
                    |a, b| words.value(*a as usize).cmp(words.value(*b as usize)),
                    |key| words.value(*key as usize).to_owned(),
                );
                merge_equal_neighbours(&mut labels);
                labels
            }
            ColumnType::Text => ranked(array.as_string::<i64>().iter(), Ord::cmp, |text| (*text).to_owned()),
        }
    }
}

fn ranked<T: Copy + Eq + std::hash::Hash>(
    values: impl Iterator<Item = Option<T>>,
    order: impl Fn(&T, &T) -> std::cmp::Ordering,
    text: impl Fn(&T) -> String,
) -> Labels {
    let mut seen: HashMap<T, u32> = HashMap::new();
    let mut codes: Vec<Option<u32>> = values
        .map(|value| {
            value.map(|value| {
                let next = seen.len() as u32;
                *seen.entry(value).or_insert(next)
            })
        })
        .collect();
    let mut classes: Vec<(T, u32)> = seen.into_iter().collect();
    classes.sort_by(|(a, _), (b, _)| order(a, b));
    let mut rank = vec![0; classes.len()];
    for (index, (_, first_seen)) in classes.iter().enumerate() {
        rank[*first_seen as usize] = index as u32;
    }
    for code in codes.iter_mut().flatten() {
        *code = rank[*code as usize];
    }
    Labels { classes: classes.iter().map(|(value, _)| text(value)).collect(), codes }
}

/// A dictionary may hold a word twice; a class may not.
fn merge_equal_neighbours(labels: &mut Labels) {
    let mut to = Vec::with_capacity(labels.classes.len());
    let mut kept: Vec<String> = Vec::with_capacity(labels.classes.len());
    for class in labels.classes.drain(..) {
        if kept.last() != Some(&class) {
            kept.push(class);
        }
        to.push(kept.len() as u32 - 1);
    }
    labels.classes = kept;
    for code in labels.codes.iter_mut().flatten() {
        *code = to[*code as usize];
    }
}
