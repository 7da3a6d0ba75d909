//! Cells: a run of rows as spans of text, before anyone knows their types.

use std::borrow::Cow;

/// One column's texts. Whether a text means "missing" is for [`super::value::Missing`] to say; `None` is a hole.
pub(super) trait Texts {
    /// Rows.
    fn len(&self) -> usize;

    /// Text of a row; `None` where the row has no such field at all.
    fn get(&self, row: usize) -> Option<&str>;
}

/// A field's place: in the text it was read from or, where it had to be unescaped, in the side text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u32,
    length: u32,
}

const SIDE: u32 = 1 << 31;
const HOLE: u32 = u32::MAX;

/// Longest text that spans can address, bytes.
pub(super) const MAX_CHUNK_BYTES: usize = (SIDE - 2) as usize;

impl Span {
    /// A field without a value.
    pub(super) const HOLE: Self = Self { start: 0, length: HOLE };

    /// Bytes `start..end` of the text.
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, length: (end - start) as u32 }
    }

    /// Bytes `start..end` of the side text.
    pub(super) fn aside(start: usize, end: usize) -> Self {
        Self { start: start as u32, length: (end - start) as u32 | SIDE }
    }
}

/// The rows of one chunk of a file.
#[derive(Debug)]
pub(super) struct Cells<'a> {
    /// The text spans point into.
    pub(super) text: Cow<'a, str>,
    /// Fields that had to be unescaped.
    pub(super) side: String,
    /// One span a field.
    pub(super) spans: Vec<Span>,
    /// Rows.
    pub(super) rows: usize,
    /// Distance from a row's field to the next row's in `spans`.
    pub(super) row_stride: usize,
    /// Distance from a column's field to the next column's in `spans`.
    pub(super) column_stride: usize,
}

impl Cells<'_> {
    /// The texts of a column.
    pub(super) fn column(&self, column: usize) -> CellColumn<'_> {
        CellColumn {
            text: &self.text,
            side: &self.side,
            spans: self.spans.get(column * self.column_stride..).unwrap_or_default(),
            stride: self.row_stride,
            rows: self.rows,
        }
    }
}

/// One column of [`Cells`].
#[derive(Clone, Copy, Debug)]
pub(super) struct CellColumn<'a> {
    text: &'a str,
    side: &'a str,
    spans: &'a [Span],
    stride: usize,
    rows: usize,
}

impl Texts for CellColumn<'_> {
    fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    fn get(&self, row: usize) -> Option<&str> {
        let span = self.spans[row * self.stride];
        if span.length == HOLE {
            return None;
        }
        let start = span.start as usize;
        if span.length & SIDE == 0 {
            Some(&self.text[start..start + span.length as usize])
        } else {
            Some(&self.side[start..start + (span.length & !SIDE) as usize])
        }
    }
}
