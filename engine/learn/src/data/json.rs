//! JSON lines: one object a line, as chunks of cells whose columns are the union of the objects' fields.
//!
//! Values become texts and are typed like those of a CSV file, so that the same table in both formats reads the same. Arrays and
//! objects inside stay JSON text.

use std::{borrow::Cow, collections::HashMap, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    cells::{Cells, Span},
    csv::scan::Scanned,
    resolve::CellSource,
};

/// A text of JSON lines, cut into chunks.
pub(super) struct JsonText {
    /// The whole text.
    pub(super) text: String,
    /// Where chunks begin, the text's end last.
    pub(super) bounds: Vec<usize>,
    /// By chunk, the place of each of the file's columns among the chunk's own.
    pub(super) places: Vec<Vec<Option<usize>>>,
}

impl JsonText {
    /// The text of a chunk.
    pub(super) fn chunk(&self, chunk: usize) -> &str {
        &self.text[self.bounds[chunk]..self.bounds[chunk + 1]]
    }
}

impl CellSource for JsonText {
    fn chunks(&self) -> usize {
        self.bounds.len() - 1
    }

    fn cells(&self, chunk: usize) -> Cells<'_> {
        rows(self.chunk(chunk), usize::MAX).cells
    }

    fn local(&self, chunk: usize, column: usize) -> Option<usize> {
        self.places[chunk].get(column).copied().flatten()
    }

    fn commas_may_be_decimal(&self) -> bool {
        false
    }
}

/// Cells of a chunk at most: a few hundred for each byte of its text would all be empty.
const MOST_CELLS: usize = 1 << 24;

/// A chunk's rows.
pub(super) struct JsonRows {
    /// Their cells.
    pub(super) cells: Cells<'static>,
    /// Names of the cells' columns, in the order met.
    pub(super) names: Vec<String>,
    /// What else there was.
    pub(super) scanned: Scanned,
    /// Whether some value was an array or an object.
    pub(super) nested: bool,
    /// Whether the objects have more fields than were asked for.
    pub(super) too_wide: bool,
    /// Whether nearly all of the chunk's cells would be empty.
    pub(super) too_sparse: bool,
}

/// Reads the lines of `text`, stopping at more than `most` columns.
pub(super) fn rows(text: &str, most: usize) -> JsonRows {
    let mut builder = Builder::default();
    let mut scanned = Scanned::default();
    let (mut too_wide, mut too_sparse) = (false, false);
    for line in text.lines() {
        let row_line = scanned.lines;
        scanned.lines += 1;
        if line.trim_ascii().is_empty() {
            scanned.blank_at_end += 1;
            continue;
        }
        scanned.blank += std::mem::take(&mut scanned.blank_at_end);
        let known = builder.names.len();
        let mut json = serde_json::Deserializer::from_str(line);
        let read = RowSeed(&mut builder).deserialize(&mut json).and_then(|()| json.end());
        match read {
            Ok(()) => builder.finish_row(),
            Err(error) => {
                builder.drop_row(known);
                let reason = error.to_string();
                let reason = reason.split(" at line ").next().unwrap_or(&reason);
                scanned
                    .refuse(row_line, format!("It is no JSON object: {reason} (column {}).", error.column()));
            }
        }
        if builder.columns.len() > most {
            too_wide = true;
            break;
        }
        if builder.columns.len() * builder.rows > MOST_CELLS {
            too_sparse = true;
            break;
        }
    }
    let Builder { names, columns, rows, side, nested, .. } = builder;
    let cells = Cells {
        text: Cow::Borrowed(""),
        side,
        spans: columns.concat(),
        rows,
        row_stride: 1,
        column_stride: rows,
    };
    JsonRows { cells, names, scanned, nested, too_wide, too_sparse }
}

/// Columns being filled.
#[derive(Default)]
struct Builder {
    names: Vec<String>,
    index: HashMap<String, usize>,
    columns: Vec<Vec<Span>>,
    rows: usize,
    side: String,
    nested: bool,
    /// Columns the last row had, in its order: most rows have the same.
    order: Vec<usize>,
    next: usize,
}

impl Builder {
    fn column(&mut self, name: &str) -> usize {
        let guess = self.order.get(self.next).copied();
        let column = match guess {
            Some(column) if self.names[column] == name => column,
            _ => self.index.get(name).copied().unwrap_or_else(|| {
                let column = self.names.len();
                self.names.push(name.to_owned());
                self.index.insert(name.to_owned(), column);
                self.columns.push(vec![Span::HOLE; self.rows]);
                column
            }),
        };
        if guess != Some(column) {
            self.order.truncate(self.next);
            self.order.push(column);
        }
        self.next += 1;
        column
    }

    fn finish_row(&mut self) {
        self.rows += 1;
        self.next = 0;
        for column in &mut self.columns {
            column.resize(self.rows, Span::HOLE);
        }
    }

    /// Takes back what a bad row left, the columns that only it has too.
    fn drop_row(&mut self, known: usize) {
        self.next = 0;
        self.order.retain(|column| *column < known);
        for name in self.names.drain(known..) {
            self.index.remove(&name);
        }
        self.columns.truncate(known);
        for column in &mut self.columns {
            column.truncate(self.rows);
        }
    }

    fn put(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) -> Span {
        let begin = self.side.len();
        // Writing to a string cannot fail.
        if write(&mut self.side).is_err() {
            self.side.truncate(begin);
        }
        Span::aside(begin, self.side.len())
    }
}

/// Reads one object into the builder.
struct RowSeed<'b>(&'b mut Builder);

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(NameSeed)? {
            let column = self.0.column(&name);
            let span = map.next_value_seed(CellSeed(self.0))?;
            let rows = self.0.rows;
            if self.0.columns[column].len() > rows {
                return Err(A::Error::custom(format_args!("the field '{name}' occurs twice")));
            }
            self.0.columns[column].push(span);
        }
        Ok(())
    }
}

/// Reads a name without copying it where it holds no escapes.
struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Reads one value as the text a CSV file would hold.
struct CellSeed<'b>(&'b mut Builder);

impl<'de> DeserializeSeed<'de> for CellSeed<'_> {
    type Value = Span;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Span, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed<'_> {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Span, E> {
        Ok(Span::HOLE)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Span, E> {
        Ok(self.0.put(|side| fmt::Write::write_fmt(side, format_args!("{value}"))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Span, E> {
        Ok(self.0.put(|side| fmt::Write::write_fmt(side, format_args!("{value}"))))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Span, E> {
        Ok(self.0.put(|side| fmt::Write::write_fmt(side, format_args!("{value}"))))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Span, E> {
        // With its point, so that 2.0 stays a float.
        Ok(self.0.put(|side| fmt::Write::write_fmt(side, format_args!("{value:?}"))))
    }

    fn visit_str<E>(self, value: &str) -> Result<Span, E> {
        Ok(self.0.put(|side| fmt::Write::write_str(side, value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Span, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<serde_json::Value>()? {
            values.push(value);
        }
        self.0.nested = true;
        Ok(self
            .0
            .put(|side| fmt::Write::write_fmt(side, format_args!("{}", serde_json::Value::Array(values)))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Span, A::Error> {
        let mut fields = serde_json::Map::new();
        while let Some((name, value)) = map.next_entry()? {
            fields.insert(name, value);
        }
        self.0.nested = true;
        Ok(self
            .0
            .put(|side| fmt::Write::write_fmt(side, format_args!("{}", serde_json::Value::Object(fields)))))
    }
}
