//! Building: a column's pieces as the one Arrow array of its type, and the rule that parts categories from free text.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, LargeStringArray,
        NullBufferBuilder, StringArray, TimestampMicrosecondArray,
    },
    buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
};
use orrery_domain::dataset::{ColumnSchema, ColumnType};

use super::{piece::Piece, resolve::Column};

/// Most distinct texts of a category column.
const MOST_CATEGORIES: usize = 10_000;

/// Distinct texts that make a category column whatever the number of rows.
const FEW_CATEGORIES: usize = 50;

/// Longest text of a category, bytes.
const LONGEST_CATEGORY: usize = 200;

/// Whether texts are categories rather than free text: at most 10,000 distinct ones of at most 200 bytes, and either no more
/// than 50 of them or two rows for each on average.
pub(super) fn are_categories(distinct: usize, present: usize, longest: usize) -> bool {
    distinct <= MOST_CATEGORIES
        && longest <= LONGEST_CATEGORY
        && (distinct <= FEW_CATEGORIES || distinct * 2 <= present)
}

/// The column's schema and array.
pub(super) fn build(column: Column) -> (ColumnSchema, ArrayRef) {
    let Column { name, forced, pieces, kind, .. } = column;
    let rows = pieces.iter().map(rows_of).sum();
    let (kind, array): (ColumnType, ArrayRef) = match kind {
        ColumnType::Integer => {
            let (values, present) = numbers(pieces, rows, |piece| match piece {
                Piece::Integers(values) => Some((values.values.to_vec(|value| value), values.present)),
                _ => None,
            });
            (kind, Arc::new(Int64Array::new(values, present)))
        }
        ColumnType::Float => {
            let (values, present) = numbers(pieces, rows, |piece| match piece {
                Piece::Floats(values, _) => Some((values.values, values.present)),
                Piece::Integers(values) => Some((values.values.to_vec(|value| value as f64), values.present)),
                _ => None,
            });
            (kind, Arc::new(Float64Array::new(values, present)))
        }
        ColumnType::Datetime => {
            let (values, present) = numbers(pieces, rows, |piece| match piece {
                Piece::Datetimes(values, ..) => Some((values.values, values.present)),
                _ => None,
            });
            (kind, Arc::new(TimestampMicrosecondArray::new(values, present)))
        }
        ColumnType::Boolean => (kind, booleans(pieces, rows)),
        ColumnType::Category => {
            let lexicon = Lexicon::of(&pieces, usize::MAX).unwrap_or_default();
            (kind, lexicon.dictionary(&pieces, rows))
        }
        ColumnType::Text => {
            let lexicon = forced.is_none().then(|| Lexicon::of(&pieces, MOST_CATEGORIES)).flatten();
            match lexicon {
                Some(lexicon) if are_categories(lexicon.words.len(), lexicon.present, lexicon.longest) => {
                    (ColumnType::Category, lexicon.dictionary(&pieces, rows))
                }
                _ => (kind, texts(&pieces, rows)),
            }
        }
    };
    (ColumnSchema { name, kind, overridden: forced.is_some() }, array)
}

fn rows_of(piece: &Piece) -> usize {
    match piece {
        Piece::Missing(rows) => *rows,
        Piece::Integers(values) => values.values.len(),
        Piece::Datetimes(values, ..) => values.values.len(),
        Piece::Floats(values, _) => values.values.len(),
        Piece::Booleans(values) => values.values.len(),
        Piece::Words(words) => words.codes.len(),
        Piece::Strings(strings) => strings.ends.len(),
    }
}

fn append(present: &mut NullBufferBuilder, piece: Option<&NullBuffer>, rows: usize) {
    match piece {
        Some(piece) => present.append_buffer(piece),
        None => present.append_n_non_nulls(rows),
    }
}

fn numbers<T: Copy + Default + arrow::datatypes::ArrowNativeType>(
    pieces: Vec<Piece>,
    rows: usize,
    values_of: impl Fn(Piece) -> Option<(Vec<T>, Option<NullBuffer>)>,
) -> (ScalarBuffer<T>, Option<NullBuffer>) {
    let mut all = Vec::with_capacity(rows);
    let mut present = NullBufferBuilder::new(rows);
    for piece in pieces {
        let count = rows_of(&piece);
        if let Some((values, mask)) = values_of(piece) {
            all.extend_from_slice(&values);
            append(&mut present, mask.as_ref(), count);
        } else {
            all.resize(all.len() + count, T::default());
            present.append_n_nulls(count);
        }
    }
    (all.into(), present.finish())
}

fn booleans(pieces: Vec<Piece>, rows: usize) -> ArrayRef {
    let mut all = Vec::with_capacity(rows);
    let mut present = NullBufferBuilder::new(rows);
    for piece in pieces {
        let count = rows_of(&piece);
        if let Piece::Booleans(values) = piece {
            all.extend_from_slice(&values.values);
            append(&mut present, values.present.as_ref(), count);
        } else {
            all.resize(all.len() + count, false);
            present.append_n_nulls(count);
        }
    }
    Arc::new(BooleanArray::new(all.into(), present.finish()))
}

/// The distinct texts of a column.
#[derive(Debug, Default)]
struct Lexicon<'a> {
    words: Vec<&'a str>,
    index: HashMap<&'a str, i32>,
    present: usize,
    longest: usize,
}

impl<'a> Lexicon<'a> {
    /// Those of all pieces; `None` once there are more than `most`.
    fn of(pieces: &'a [Piece], most: usize) -> Option<Self> {
        let mut lexicon = Self::default();
        for piece in pieces {
            match piece {
                Piece::Words(words) => {
                    lexicon.present += words.codes.iter().filter(|code| **code >= 0).count();
                    words.words.iter().for_each(|word| lexicon.add(word));
                }
                Piece::Strings(strings) => {
                    for text in (0..strings.ends.len()).filter_map(|row| strings.get(row)) {
                        lexicon.present += 1;
                        lexicon.add(text);
                        if lexicon.words.len() > most {
                            return None;
                        }
                    }
                }
                _ => {}
            }
            if lexicon.words.len() > most {
                return None;
            }
        }
        Some(lexicon)
    }

    fn add(&mut self, word: &'a str) {
        let next = self.words.len() as i32;
        if *self.index.entry(word).or_insert(next) == next {
            self.words.push(word);
            self.longest = self.longest.max(word.len());
        }
    }

    /// A dictionary array whose values are in sort order.
    fn dictionary(self, pieces: &[Piece], rows: usize) -> ArrayRef {
        let Self { mut words, mut index, .. } = self;
        words.sort_unstable();
        for (rank, word) in words.iter().enumerate() {
            index.insert(word, rank as i32);
        }
        let mut keys: Vec<i32> = Vec::with_capacity(rows);
        for piece in pieces {
            match piece {
                Piece::Words(piece) => {
                    let ranks: Vec<i32> = piece.words.iter().map(|word| index[word.as_str()]).collect();
                    keys.extend(
                        piece.codes.iter().map(|code| ranks.get(*code as usize).copied().unwrap_or(-1)),
                    );
                }
                Piece::Strings(piece) => {
                    keys.extend(
                        (0..piece.ends.len()).map(|row| piece.get(row).map_or(-1, |text| index[text])),
                    );
                }
                other => keys.resize(keys.len() + rows_of(other), -1),
            }
        }
        let mut present = NullBufferBuilder::new(rows);
        for key in &mut keys {
            present.append(*key >= 0);
            *key = (*key).max(0);
        }
        let keys = Int32Array::new(keys.into(), present.finish());
        let values = StringArray::from_iter_values(words);
        Arc::new(DictionaryArray::new(keys, Arc::new(values)))
    }
}

fn texts(pieces: &[Piece], rows: usize) -> ArrayRef {
    let mut bytes: Vec<u8> = Vec::new();
    let mut offsets: Vec<i64> = Vec::with_capacity(rows + 1);
    offsets.push(0);
    let mut present = NullBufferBuilder::new(rows);
    let mut push = |text: Option<&str>| {
        bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
        offsets.push(bytes.len() as i64);
        present.append(text.is_some());
    };
    for piece in pieces {
        match piece {
            Piece::Words(words) => {
                for code in &words.codes {
                    push(words.words.get(*code as usize).map(String::as_str));
                }
            }
            Piece::Strings(strings) => (0..strings.ends.len()).for_each(|row| push(strings.get(row))),
            other => (0..rows_of(other)).for_each(|_| push(None)),
        }
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Arc::new(LargeStringArray::new(offsets, Buffer::from_vec(bytes), present.finish()))
}
