//! Scanning: text to rows of fields by RFC 4180, leniently, without looking at what the fields mean.
//!
//! A quote opens a field only where the field begins; two quotes inside stand for one; what follows the closing quote belongs to
//! the field. A quote that is never closed makes its line a bad row, and reading goes on in the next line. Rows with another
//! number of fields than the header are bad rows. Blank lines are no rows.

use std::borrow::Cow;

use orrery_domain::dataset::BadRow;

use super::{Dialect, bounds::closing};
use crate::data::{
    MOST_LISTED,
    cells::{Cells, Span},
};

/// Rows that were left out of a chunk, and what else a person should know of it.
#[derive(Debug, Default)]
pub(in crate::data) struct Scanned {
    /// How many.
    pub(in crate::data) bad_rows: u64,
    /// The first of them; lines count from 0 within the chunk.
    pub(in crate::data) bad: Vec<BadRow>,
    /// Lines of the chunk.
    pub(in crate::data) lines: u64,
    /// Blank lines among them, those at its end apart.
    pub(in crate::data) blank: u64,
    /// Blank lines at its end.
    pub(in crate::data) blank_at_end: u64,
}

impl Scanned {
    /// Notes a bad row.
    pub(in crate::data) fn refuse(&mut self, line: u64, reason: String) {
        self.bad_rows += 1;
        if self.bad.len() < MOST_LISTED {
            self.bad.push(BadRow { line, reason });
        }
    }
}

/// Scans the rows of `text`, of `width` fields each.
pub(in crate::data) fn rows(text: &str, dialect: Dialect, width: usize) -> (Cells<'_>, Scanned) {
    let mut rows = Rows {
        text,
        dialect,
        width,
        spans: Vec::with_capacity(text.len() / 6),
        side: String::new(),
        row_begin: 0,
        row_line: 0,
        row_offset: 0,
        check_nul: text.contains('\0'),
        scanned: Scanned::default(),
    };
    if text.contains('"') {
        rows.scan_quoted();
    } else {
        rows.scan_plain();
    }
    let Rows { spans, side, scanned, .. } = rows;
    let count = spans.len() / width;
    let cells =
        Cells { text: Cow::Borrowed(text), side, spans, rows: count, row_stride: width, column_stride: 1 };
    (cells, scanned)
}

/// A row by itself.
pub(in crate::data) struct FirstRow {
    /// Its fields.
    pub(in crate::data) fields: Vec<String>,
    /// Where the next row begins.
    pub(in crate::data) next: usize,
    /// Lines passed, blank ones included.
    pub(in crate::data) lines: u64,
    /// Whether it opens a quote that is never closed; its last field then ends with its line.
    pub(in crate::data) open: bool,
}

/// The first row that is not blank; `None` if all is blank.
pub(in crate::data) fn first_row(text: &str, dialect: Dialect) -> Option<FirstRow> {
    let mut at = 0;
    let mut lines = 0;
    loop {
        let rest = &text[at..];
        let end = rest.find('\n').map_or(rest.len(), |end| end + 1);
        if end == 0 {
            return None;
        }
        if !rest[..end].trim_matches(['\r', '\n', ' ']).is_empty() {
            break;
        }
        at += end;
        lines += 1;
    }
    let mut fields = Vec::new();
    let mut rows = Rows {
        text,
        dialect,
        width: usize::MAX,
        spans: Vec::new(),
        side: String::new(),
        row_begin: 0,
        row_line: 0,
        row_offset: at,
        check_nul: false,
        scanned: Scanned::default(),
    };
    loop {
        let field = rows.quoted_field(at);
        let cells = Cells {
            text: Cow::Borrowed(text),
            side: std::mem::take(&mut rows.side),
            spans: vec![field.span],
            rows: 1,
            row_stride: 1,
            column_stride: 1,
        };
        fields.push(crate::data::cells::Texts::get(&cells.column(0), 0).unwrap_or_default().to_owned());
        lines += field.newlines;
        match field.end {
            End::Field(next) => at = next,
            End::Row(next) => return Some(FirstRow { fields, next, lines: lines + 1, open: false }),
            End::Text => {
                return Some(FirstRow { fields, next: text.len(), lines: lines + 1, open: false });
            }
            // The rest of the text is one field; take its first line and go on after it.
            End::Open => {
                let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
                fields.pop();
                fields.push(text[at + 1..end].trim_end_matches('\r').to_owned());
                let next = (end + 1).min(text.len());
                return Some(FirstRow { fields, next, lines: lines + 1, open: true });
            }
        }
    }
}

/// How a field ended.
enum End {
    /// At a delimiter: the next field begins here.
    Field(usize),
    /// At a line end: the next row begins here.
    Row(usize),
    /// With the text.
    Text,
    /// Never: its quote is not closed.
    Open,
}

/// A field as it was found.
struct FieldFound {
    span: Span,
    end: End,
    newlines: u64,
    quoted: bool,
}

/// The state of a scan.
struct Rows<'a> {
    text: &'a str,
    dialect: Dialect,
    width: usize,
    spans: Vec<Span>,
    side: String,
    /// Where the current row's spans begin.
    row_begin: usize,
    /// Line on which it begins.
    row_line: u64,
    /// Byte at which it begins.
    row_offset: usize,
    check_nul: bool,
    scanned: Scanned,
}

impl Rows<'_> {
    /// No quotes anywhere: eight bytes at a time.
    fn scan_plain(&mut self) {
        let bytes = self.text.as_bytes();
        let delimiter = self.dialect.delimiter;
        let mut field = 0;
        let (words, _) = bytes.as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            let mut hits = matches(word, delimiter) | matches(word, b'\n');
            while hits != 0 {
                let at = index * 8 + (hits.trailing_zeros() / 8) as usize;
                hits &= hits - 1;
                self.plain_field(field, at, bytes[at] == b'\n');
                field = at + 1;
            }
        }
        for (at, byte) in bytes.iter().enumerate().skip(words.len() * 8) {
            if *byte == delimiter || *byte == b'\n' {
                self.plain_field(field, at, *byte == b'\n');
                field = at + 1;
            }
        }
        if self.row_offset < bytes.len() {
            self.plain_field(field, bytes.len(), true);
        }
    }

    #[inline]
    fn plain_field(&mut self, start: usize, end: usize, row_ends: bool) {
        let span = self.span(start, end, row_ends);
        self.spans.push(span);
        if row_ends {
            self.end_row(end, false);
            self.next_row(end + 1, 1);
        }
    }

    /// The span of an unquoted field, without the `\r` of a line end and, where the file puts a blank after each delimiter,
    /// without that.
    #[inline]
    fn span(&self, mut start: usize, mut end: usize, row_ends: bool) -> Span {
        let bytes = self.text.as_bytes();
        if row_ends && end > start && bytes[end - 1] == b'\r' {
            end -= 1;
        }
        if self.dialect.blank_after_delimiter {
            while start < end && bytes[start] == b' ' {
                start += 1;
            }
        }
        Span::new(start, end)
    }

    fn scan_quoted(&mut self) {
        let mut at = 0;
        let mut quoted = false;
        let mut newlines = 0;
        let mut nothing_after = false;
        while at < self.text.len() || nothing_after {
            let field = self.quoted_field(at);
            self.spans.push(field.span);
            quoted |= field.quoted;
            newlines += field.newlines;
            nothing_after = false;
            match field.end {
                End::Field(next) => {
                    at = next;
                    nothing_after = next == self.text.len();
                }
                End::Row(next) => {
                    self.end_row(next - 1, quoted);
                    self.next_row(next, newlines + 1);
                    (at, quoted, newlines) = (next, false, 0);
                }
                End::Text => {
                    self.end_row(self.text.len(), quoted);
                    self.next_row(self.text.len(), newlines + 1);
                    return;
                }
                End::Open => {
                    self.drop_row("It opens a quote that is never closed.".to_owned());
                    // Lines before the open quote's own belong to this row; go on after that one.
                    let next = self.text[at..].find('\n').map_or(self.text.len(), |end| at + end + 1);
                    self.next_row(next, newlines + 1);
                    (at, quoted, newlines) = (next, false, 0);
                }
            }
        }
    }

    /// The field that begins at `start`.
    fn quoted_field(&mut self, start: usize) -> FieldFound {
        let bytes = self.text.as_bytes();
        let mut content = start;
        if self.dialect.blank_after_delimiter {
            while bytes.get(content) == Some(&b' ') {
                content += 1;
            }
        }
        if bytes.get(content) != Some(&b'"') {
            let (end, row_ends) = self.field_end(start);
            let span = self.span(start, end, row_ends);
            return FieldFound { span, end: self.end_at(end), newlines: 0, quoted: false };
        }
        content += 1;
        let Some(close) = closing(self.text, content) else {
            return FieldFound { span: Span::HOLE, end: End::Open, newlines: 0, quoted: true };
        };
        let (end, row_ends) = self.field_end(close + 1);
        let inside = &self.text[content..close];
        let newlines = inside.bytes().filter(|byte| *byte == b'\n').count() as u64;
        let mut after = &self.text[close + 1..end];
        if row_ends {
            after = after.strip_suffix('\r').unwrap_or(after);
        }
        let span = if after.is_empty() && !inside.contains('"') {
            Span::new(content, close)
        } else {
            let begin = self.side.len();
            self.side.push_str(&inside.replace("\"\"", "\""));
            self.side.push_str(after);
            Span::aside(begin, self.side.len())
        };
        FieldFound { span, end: self.end_at(end), newlines, quoted: true }
    }

    /// Where the rest of a field outside quotes ends, and whether a row ends there.
    fn field_end(&self, from: usize) -> (usize, bool) {
        let bytes = self.text.as_bytes();
        let found = bytes[from..].iter().position(|byte| *byte == self.dialect.delimiter || *byte == b'\n');
        let end = found.map_or(bytes.len(), |found| from + found);
        (end, bytes.get(end) != Some(&self.dialect.delimiter))
    }

    fn end_at(&self, end: usize) -> End {
        match self.text.as_bytes().get(end) {
            None => End::Text,
            Some(b'\n') => End::Row(end + 1),
            Some(_) => End::Field(end + 1),
        }
    }

    /// Keeps or refuses the row that ends before byte `end`.
    #[inline]
    fn end_row(&mut self, end: usize, quoted: bool) {
        let found = self.spans.len() - self.row_begin;
        if found == self.width && self.width > 1 && !self.check_nul {
            self.keep_row();
            return;
        }
        let line = &self.text[self.row_offset..end];
        if !quoted && found == 1 && line.trim_matches(['\r', ' ']).is_empty() {
            self.spans.truncate(self.row_begin);
            self.scanned.blank_at_end += 1;
        } else if self.check_nul && line.contains('\0') {
            self.drop_row("It holds a NUL byte.".to_owned());
        } else if found == self.width {
            self.keep_row();
        } else {
            let lines = line.bytes().filter(|byte| *byte == b'\n').count();
            let over = if lines > 0 {
                format!(" (a quoted field runs over {lines} line ends)")
            } else {
                String::new()
            };
            self.drop_row(format!(
                "It has {found} {}{over}, but the header has {}.",
                if found == 1 { "field" } else { "fields" },
                self.width
            ));
        }
    }

    #[inline]
    fn keep_row(&mut self) {
        self.scanned.blank += std::mem::take(&mut self.scanned.blank_at_end);
    }

    fn drop_row(&mut self, reason: String) {
        self.keep_row();
        self.spans.truncate(self.row_begin);
        self.scanned.refuse(self.row_line, reason);
    }

    #[inline]
    fn next_row(&mut self, offset: usize, lines: u64) {
        self.row_begin = self.spans.len();
        self.row_offset = offset;
        self.row_line += lines;
        self.scanned.lines += lines;
    }
}

/// The top bit of every byte of `word` that equals `byte`, and no other bit.
#[inline]
fn matches(word: u64, byte: u8) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let differs = word ^ (u64::from(byte) * 0x0101_0101_0101_0101);
    !((differs & LOW).wrapping_add(LOW) | differs | LOW)
}
