//! CSV: separated text as chunks of cells.

pub(super) mod bounds;
mod dialect;
pub(super) mod scan;

pub(super) use self::dialect::Dialect;
use super::{cells::Cells, resolve::CellSource};

/// A separated text, cut into chunks at row ends.
pub(super) struct CsvText {
    /// The whole text.
    pub(super) text: String,
    /// How it separates fields.
    pub(super) dialect: Dialect,
    /// Fields of a row.
    pub(super) width: usize,
    /// Where chunks begin, the text's end last.
    pub(super) bounds: Vec<usize>,
}

impl CsvText {
    /// The text of a chunk.
    pub(super) fn chunk(&self, chunk: usize) -> &str {
        &self.text[self.bounds[chunk]..self.bounds[chunk + 1]]
    }
}

impl CellSource for CsvText {
    fn chunks(&self) -> usize {
        self.bounds.len() - 1
    }

    fn cells(&self, chunk: usize) -> Cells<'_> {
        scan::rows(self.chunk(chunk), self.dialect, self.width).0
    }

    fn commas_may_be_decimal(&self) -> bool {
        self.dialect.delimiter != b','
    }
}
