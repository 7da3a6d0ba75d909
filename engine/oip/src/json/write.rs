//! Writing JSON: strings with their escapes, and numbers in their shortest form.

use serde::Serialize;

/// Appends a string in quotes.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    push_value(out, text);
}

/// Appends a plain value: a number, a flag, a text.
pub(crate) fn push_value(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Writing plain values into memory cannot fail; if it did, the body must still be whole JSON.
    let before = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}
