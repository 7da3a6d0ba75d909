//! Pictures: a folder of PNG and JPEG files or a file in MNIST's format, as a table with one column a pixel.
//!
//! ```text
//! folder ──folder──► files, hashed ──decode──► picture ──resize──┐
//! images.idx3 + labels.idx1 ──idx────────────────────────────────┴──► [channels, height, width] ──► Table
//! ```

mod decode;
pub(super) mod folder;
pub(super) mod idx;
mod resize;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, LargeStringArray, StringArray};
use orrery_domain::{
    dataset::{ColumnSchema, ColumnType},
    image::{CLASS, FILE, ImageShape, SPLIT},
};
use rayon::prelude::*;

use crate::table::Table;

/// Pictures of one shape with what is known of each.
#[derive(Debug, Default)]
struct Pictures {
    /// Values, 0 (black) to 255. `[pictures][channels * height * width]`
    values: Vec<Vec<u8>>,
    /// File of each; empty where they have none.
    files: Vec<String>,
    /// Part of each; empty where there are none.
    splits: Vec<Option<String>>,
    /// Class of each, `None` where it has none. `[pictures]`
    classes: Vec<Option<String>>,
}

impl Pictures {
    /// The table: file, split and class as far as they are known, then the pixels.
    fn table(&self, shape: ImageShape) -> Table {
        let mut columns: Vec<(String, ColumnType, ArrayRef)> = Vec::new();
        if !self.files.is_empty() {
            let files: ArrayRef = Arc::new(LargeStringArray::from_iter_values(&self.files));
            columns.push((FILE.to_owned(), ColumnType::Text, files));
        }
        for (name, values) in [(SPLIT, &self.splits), (CLASS, &self.classes)] {
            if values.iter().any(Option::is_some) {
                columns.push((name.to_owned(), ColumnType::Category, categories(values)));
            }
        }
        let names = shape.columns();
        let pixels = names.into_par_iter().enumerate().map(|(at, name)| {
            let values = self.values.iter().map(|picture| i64::from(picture[at]));
            let values: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
            (name, ColumnType::Integer, values)
        });
        columns.extend(pixels.collect::<Vec<_>>());
        let schema = columns.iter().map(|(name, kind, _)| ColumnSchema {
            name: name.clone(),
            kind: *kind,
            overridden: false,
        });
        Table::new(schema.collect(), columns.iter().map(|(.., values)| Arc::clone(values)).collect())
    }
}

/// A category column.
fn categories(values: &[Option<String>]) -> ArrayRef {
    let mut words: Vec<&str> = values.iter().flatten().map(String::as_str).collect();
    words.sort_unstable();
    words.dedup();
    let key = |word: &String| words.binary_search(&word.as_str()).ok().map(|place| place as i32);
    let keys: Int32Array = values.iter().map(|value| value.as_ref().and_then(key)).collect();
    let words = Arc::new(StringArray::from_iter_values(&words));
    Arc::new(DictionaryArray::new(keys, words))
}
