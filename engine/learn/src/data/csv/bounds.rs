//! Bounds: where a text can be cut into chunks that are parsed apart.

use super::Dialect;

/// Where chunks of about `size` bytes begin, at row ends outside quotes; the first is 0 and the last `text.len()`.
pub(in crate::data) fn at_row_ends(text: &str, dialect: Dialect, size: usize) -> Vec<usize> {
    let mut bounds = vec![0];
    let mut goal = size;
    // Cuts where wanted in `..until`, which is outside quotes from `safe` on.
    let mut cut = |safe: usize, until: usize| {
        while goal < until {
            let from = goal.max(safe);
            let Some(end) = text.get(from..until).map_or_else(
                || text.as_bytes()[from..until].iter().position(|byte| *byte == b'\n'),
                |part| part.find('\n'),
            ) else {
                return;
            };
            bounds.push(from + end + 1);
            goal = from + end + 1 + size;
        }
    };
    let mut at = 0;
    while let Some(quote) = text[at..].find('"').map(|quote| at + quote) {
        cut(at, quote);
        if !dialect.opens(text.as_bytes(), quote) {
            at = quote + 1;
            continue;
        }
        match closing(text, quote + 1) {
            Some(close) => at = close + 1,
            None => at = text[quote..].find('\n').map_or(text.len(), |end| quote + end + 1),
        }
    }
    cut(at, text.len());
    if bounds.last() != Some(&text.len()) {
        bounds.push(text.len());
    }
    bounds
}

/// The same for a text in which every line end ends a row.
pub(in crate::data) fn at_line_ends(text: &str, size: usize) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut bounds = vec![0];
    let mut at = 0;
    while at < bytes.len() {
        let goal = (at + size).min(bytes.len());
        at = bytes[goal..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| goal + end + 1);
        bounds.push(at);
    }
    bounds
}

/// The quote that closes a field whose content begins at `from`.
pub(super) fn closing(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let quote = at + text[at..].find('"')?;
        if text.as_bytes().get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        at = quote + 2;
    }
}
