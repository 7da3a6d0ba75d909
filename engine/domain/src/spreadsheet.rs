//! Cells for spreadsheets: what they would run as a formula is led by an apostrophe.

use std::borrow::Cow;

/// First characters that make a spreadsheet take a cell for a formula, or that it drops before one (OWASP ASVS 5, 1.2.10, and
/// OWASP's "CSV injection", which adds the full-width forms).
const LEADS: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];

/// A cell as it may be written to a file that a spreadsheet opens. A plain number such as `-3.2` or `+1e6` stays as it is.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(LEADS) && !is_plain_number(text) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Digits with a sign, a point and an exponent; the words for infinity are none, because a spreadsheet takes them for names.
fn is_plain_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'))
        && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn formulas_get_an_apostrophe() {
        for text in
            ["=1+1", "+1+1", "-1-", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1", "-", "+", "-inf", "＝1"]
        {
            assert_eq!(harmless(text), format!("'{text}"));
        }
    }

    #[test]
    fn numbers_and_other_texts_stay() {
        for text in ["", "a=b", "-3.2", "+1", "-1e6", "+.5", "12", "'=1", " =1"] {
            assert_eq!(harmless(text), text);
        }
    }
}
