//! Row prints: a 128-bit print of every row and every column, to count rows and find columns that repeat others.

use std::hash::{BuildHasher, RandomState};

use arrow::{
    array::{Array, AsArray},
    datatypes::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use orrery_domain::dataset::ColumnType;
use rayon::prelude::*;

use crate::table::Table;

/// What repeats in a table. Two different rows have the same print once in 2^128 pairs.
#[derive(Debug)]
pub(super) struct Prints {
    /// Rows that equal an earlier row; missing equals missing.
    pub(super) duplicate_rows: u64,
    /// Columns that equal an earlier one in every row, with that one.
    pub(super) duplicate_columns: Vec<(usize, usize)>,
}

impl Prints {
    /// Of a table.
    pub(super) fn of(table: &Table) -> Self {
        let mut rows = vec![0_u128; table.rows()];
        let keys = RandomState::new();
        let mut columns: Vec<Option<u128>> = Vec::with_capacity(table.schema.len());
        for column in 0..table.schema.len() {
            let codes = codes(table, column, &keys);
            let array = table.batch.column(column);
            let mut print = 0;
            for (row, (code, seed)) in codes.iter().zip(&mut rows).enumerate() {
                let (code, present) = if array.is_valid(row) { (*code, 1) } else { ([0; 2], 0) };
                *seed = mixed(*seed, code, present);
                print = mixed(print, code, present);
            }
            columns.push((array.null_count() < array.len()).then_some(print));
        }
        rows.par_sort_unstable();
        let distinct = rows.chunk_by(PartialEq::eq).count();
        let comparable = |a: ColumnType, b: ColumnType| {
            a == b
                || matches!(
                    (a, b),
                    (ColumnType::Category, ColumnType::Text) | (ColumnType::Text, ColumnType::Category)
                )
        };
        let duplicate_columns = (0..columns.len())
            .filter_map(|later| {
                let print = columns[later]?;
                let same = |earlier: &usize| {
                    columns[*earlier] == Some(print)
                        && comparable(table.schema[*earlier].kind, table.schema[later].kind)
                };
                (0..later).find(same).map(|earlier| (later, earlier))
            })
            .collect();
        Self { duplicate_rows: (table.rows() - distinct) as u64, duplicate_columns }
    }
}

/// A number for each value: equal for equal values of a column. `[rows]`
fn codes(table: &Table, column: usize, keys: &RandomState) -> Vec<[u64; 2]> {
    let array = table.batch.column(column);
    let text = |text: &str| [keys.hash_one(text), keys.hash_one((text, 1_u8))];
    match table.schema[column].kind {
        ColumnType::Integer => {
            array.as_primitive::<Int64Type>().values().iter().map(|value| [*value as u64, 0]).collect()
        }
        ColumnType::Float => array
            .as_primitive::<Float64Type>()
            .values()
            .iter()
            .map(|value| [(value + 0.0).to_bits(), 0])
            .collect(),
        ColumnType::Datetime => array
            .as_primitive::<TimestampMicrosecondType>()
            .values()
            .iter()
            .map(|value| [*value as u64, 0])
            .collect(),
        ColumnType::Boolean => {
            array.as_boolean().values().iter().map(|value| [u64::from(value), 0]).collect()
        }
        ColumnType::Category => {
            let array = array.as_dictionary::<Int32Type>();
            let words: Vec<[u64; 2]> =
                array.values().as_string::<i32>().iter().map(|word| text(word.unwrap_or_default())).collect();
            array
                .keys()
                .values()
                .iter()
                .map(|key| words.get(*key as usize).copied().unwrap_or_default())
                .collect()
        }
        ColumnType::Text => {
            let array = array.as_string::<i64>();
            (0..array.len()).into_par_iter().map(|row| text(array.value(row))).collect()
        }
    }
}

/// One step of a multiply-fold hash, twice with different constants (Yi, wyhash).
#[inline]
fn mixed(seed: u128, code: [u64; 2], present: u64) -> u128 {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ (product >> 64) as u64
    };
    let (low, high) = (seed as u64, (seed >> 64) as u64);
    let first = fold(low ^ code[0] ^ 0xa076_1d64_78bd_642f, code[1] ^ present ^ 0xe703_7ed1_a0b4_28db)
        .wrapping_add(low.rotate_left(23));
    let second = fold(high ^ code[0] ^ 0x8ebc_6af0_9c88_c6e3, code[1] ^ present ^ 0x5899_65cc_7537_4cc3)
        .wrapping_add(high.rotate_left(29));
    (u128::from(second) << 64) | u128::from(first)
}
