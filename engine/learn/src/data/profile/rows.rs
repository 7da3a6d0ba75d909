//! Row prints: a 128-bit print of every row and every column, to count rows and find columns that repeat others.

use std::hash::{BuildHasher, RandomState};

use arrow::{
    array::{Array, ArrayRef, AsArray, LargeStringArray},
    buffer::BooleanBuffer,
    datatypes::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use orrery_domain::dataset::ColumnType;
use rayon::prelude::*;

use crate::table::Table;

/// Rows that one thread takes at a time: their prints fit the second-level cache.
const BLOCK_ROWS: usize = 1 << 14;

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
        let keys = RandomState::new();
        let codes: Vec<Codes<'_>> =
            (0..table.schema.len()).map(|column| Codes::of(table, column, &keys)).collect();
        let mut rows = vec![0_u128; table.rows()];
        let blocks: Vec<Vec<u128>> = rows
            .par_chunks_mut(BLOCK_ROWS)
            .enumerate()
            .map(|(block, seeds)| {
                let from = block * BLOCK_ROWS;
                codes
                    .iter()
                    .zip(table.batch.columns())
                    .map(|(codes, array)| codes.mix(array, from, seeds))
                    .collect()
            })
            .collect();
        let columns: Vec<Option<u128>> = (0..codes.len())
            .map(|column| {
                let array = table.batch.column(column);
                let join = |print: u128, block: &Vec<u128>| {
                    mixed(print, [block[column] as u64, (block[column] >> 64) as u64], 1)
                };
                (array.null_count() < array.len()).then(|| blocks.iter().fold(0, join))
            })
            .collect();
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

/// A number for each value of a column: equal for equal values.
enum Codes<'a> {
    Whole(&'a [i64]),
    Float(&'a [f64]),
    Boolean(&'a BooleanBuffer),
    Category { keys: &'a [i32], words: Vec<[u64; 2]> },
    Text { texts: &'a LargeStringArray, keys: &'a RandomState },
}

impl<'a> Codes<'a> {
    fn of(table: &'a Table, column: usize, keys: &'a RandomState) -> Self {
        let array = table.batch.column(column);
        match table.schema[column].kind {
            ColumnType::Integer => Self::Whole(array.as_primitive::<Int64Type>().values()),
            ColumnType::Datetime => Self::Whole(array.as_primitive::<TimestampMicrosecondType>().values()),
            ColumnType::Float => Self::Float(array.as_primitive::<Float64Type>().values()),
            ColumnType::Boolean => Self::Boolean(array.as_boolean().values()),
            ColumnType::Category => {
                let array = array.as_dictionary::<Int32Type>();
                let words = array.values().as_string::<i32>();
                let words = words.iter().map(|word| of_text(word.unwrap_or_default(), keys)).collect();
                Self::Category { keys: array.keys().values(), words }
            }
            ColumnType::Text => Self::Text { texts: array.as_string::<i64>(), keys },
        }
    }

    /// Mixes the column's rows from `from` on into the rows' prints; the print of those rows of the column.
    fn mix(&self, array: &ArrayRef, from: usize, prints: &mut [u128]) -> u128 {
        match self {
            Self::Whole(values) => mix(array, from, prints, |row| [values[row] as u64, 0]),
            // Adding zero turns -0.0 into 0.0, which is the same value.
            Self::Float(values) => mix(array, from, prints, |row| [(values[row] + 0.0).to_bits(), 0]),
            Self::Boolean(values) => mix(array, from, prints, |row| [u64::from(values.value(row)), 0]),
            Self::Category { keys, words } => {
                mix(array, from, prints, |row| words.get(keys[row] as usize).copied().unwrap_or_default())
            }
            Self::Text { texts, keys } => mix(array, from, prints, |row| of_text(texts.value(row), keys)),
        }
    }
}

fn of_text(text: &str, keys: &RandomState) -> [u64; 2] {
    [keys.hash_one(text), keys.hash_one((text, 1_u8))]
}

#[inline]
fn mix(array: &ArrayRef, from: usize, prints: &mut [u128], code: impl Fn(usize) -> [u64; 2]) -> u128 {
    let missing = array.nulls();
    let mut print = 0;
    for (row, seed) in (from..).zip(prints) {
        let present = missing.is_none_or(|nulls| nulls.is_valid(row));
        let (code, present) = if present { (code(row), 1) } else { ([0; 2], 0) };
        *seed = mixed(*seed, code, present);
        print = mixed(print, code, present);
    }
    print
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
