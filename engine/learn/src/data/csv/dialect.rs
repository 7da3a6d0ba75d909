//! Dialects: which character separates the fields of a text file.

use super::scan;

/// Characters that may separate fields.
const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Rows that are looked at.
const SAMPLE_ROWS: usize = 200;

/// Bytes that are looked at.
const SAMPLE_BYTES: usize = 1 << 17;

/// How a file separates its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data) struct Dialect {
    /// The delimiter.
    pub(in crate::data) delimiter: u8,
    /// Whether a blank follows every delimiter and belongs to it.
    pub(in crate::data) blank_after_delimiter: bool,
}

impl Dialect {
    /// A delimiter without blanks.
    pub(in crate::data) fn new(delimiter: u8) -> Self {
        Self { delimiter, blank_after_delimiter: false }
    }

    /// Whether the quote at byte `at` opens a field.
    pub(in crate::data) fn opens(self, bytes: &[u8], at: usize) -> bool {
        let mut before = at;
        if self.blank_after_delimiter {
            while before > 0 && bytes[before - 1] == b' ' {
                before -= 1;
            }
        }
        before == 0 || bytes[before - 1] == self.delimiter || bytes[before - 1] == b'\n'
    }

    /// The dialect of a file: the delimiter under which most rows have as many fields as the header, and more than one; among
    /// equals the one that gives more fields.
    pub(in crate::data) fn of(text: &str, given: Option<u8>) -> Self {
        let whole = text.len();
        let text = sample(text, given);
        let cut = text.len() < whole;
        let mut best = (Self::new(given.unwrap_or(b',')), 0, 0.0, 0);
        if given.is_none() {
            for delimiter in CANDIDATES {
                let counts = field_counts(text, Self::new(delimiter), cut);
                let header = counts.first().copied().unwrap_or(0);
                let same = counts.iter().filter(|count| **count == header).count();
                let share = same as f64 / counts.len().max(1) as f64;
                // Rows may be bad, but a delimiter that most rows do not hold is chance.
                let parted = counts.iter().filter(|count| **count > 1).count() * 2 > counts.len();
                let several = usize::from(header > 1 && parted);
                let better = (several, share, header);
                if (better.0, better.1) > (best.1, best.2)
                    || (better.0, better.1) == (best.1, best.2) && better.2 > best.3
                {
                    best = (Self::new(delimiter), better.0, better.1, better.2);
                }
            }
        }
        let (mut dialect, ..) = best;
        dialect.blank_after_delimiter = blanks_follow(text, dialect);
        dialect
    }
}

/// The first rows. A first row with a long quoted field is whole.
fn sample(text: &str, given: Option<u8>) -> &str {
    let candidates = given.map_or(CANDIDATES.to_vec(), |given| vec![given]);
    let mut bytes = SAMPLE_BYTES;
    loop {
        let sample = &text[..text.floor_char_boundary(bytes)];
        let cut = sample.len() < text.len()
            && candidates
                .iter()
                .any(|one| scan::first_row(sample, Dialect::new(*one)).is_some_and(|row| row.open));
        if !cut {
            return sample;
        }
        bytes = bytes.saturating_mul(16);
    }
}

/// Fields of the first rows. A quote that is open at the end of a text that was cut is closed after it: that row does not count.
fn field_counts(text: &str, dialect: Dialect, cut: bool) -> Vec<usize> {
    let mut counts = Vec::new();
    let mut at = 0;
    while counts.len() < SAMPLE_ROWS {
        let Some(row) = scan::first_row(&text[at..], dialect) else { break };
        if row.open && cut {
            break;
        }
        counts.push(row.fields.len());
        at += row.next;
    }
    counts
}

/// Whether in the first rows every field but the first begins with a blank.
fn blanks_follow(text: &str, dialect: Dialect) -> bool {
    let mut at = 0;
    let mut seen = 0;
    for _ in 0..SAMPLE_ROWS {
        let Some(row) = scan::first_row(&text[at..], dialect) else { break };
        at += row.next;
        if row.fields.iter().skip(1).any(|field| !field.starts_with(' ')) {
            return false;
        }
        seen += row.fields.len().saturating_sub(1);
    }
    seen > 0
}
