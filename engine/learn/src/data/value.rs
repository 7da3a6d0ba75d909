//! Values: what one text means as a number or a truth value, and which texts mean "missing".

/// Texts that mean "missing" in every file: the list of pandas' `read_csv`.
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
    "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// Knows which texts mean "missing".
#[derive(Clone, Debug)]
pub(super) struct Missing {
    /// Whether the built-in list counts.
    built_in: bool,
    extra: Vec<String>,
}

impl Missing {
    /// The built-in list and `extra`; text formats.
    pub(super) fn in_text(extra: &[String]) -> Self {
        Self { built_in: true, extra: extra.to_vec() }
    }

    /// Only `extra`; formats that can say "missing" themselves.
    pub(super) fn in_typed(extra: &[String]) -> Self {
        Self { built_in: false, extra: extra.to_vec() }
    }

    /// Whether a text means "missing". Blanks around it do not count.
    #[inline]
    pub(super) fn is(&self, text: &str) -> bool {
        if !self.extra.is_empty() && self.extra.iter().any(|token| token == text || token == text.trim()) {
            return true;
        }
        self.built_in && is_built_in(text)
    }

    /// Whether a number can mean "missing".
    pub(super) fn has_extra(&self) -> bool {
        !self.extra.is_empty()
    }
}

#[inline]
fn is_built_in(text: &str) -> bool {
    let bytes = trim(text.as_bytes());
    match bytes.first() {
        None => true,
        Some(b'#' | b'-' | b'1' | b'<' | b'N' | b'n') => {
            bytes.len() <= 9 && MISSING.iter().any(|token| token.as_bytes() == bytes)
        }
        Some(_) => false,
    }
}

/// Without blanks and tabs at both ends.
#[inline]
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) if *first > b' ' && *last > b' ' => bytes,
        _ => bytes.trim_ascii(),
    }
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `1234.5`.
    Point,
    /// `1234,5` or `1.234,5`.
    Comma,
    /// `1,234.5`: only where a person said that a column holds numbers.
    Thousands,
}

/// A number as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// A whole number of 64 bits.
    Integer(i64),
    /// A number with a fraction or an exponent, or an infinity.
    Float(f64),
    /// A whole number beyond 64 bits, and whether `value` is exactly that number.
    Huge {
        /// The nearest float.
        value: f64,
        /// Whether nothing is lost.
        exact: bool,
    },
}

impl Number {
    /// Its value.
    pub(super) fn value(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) | Self::Huge { value, .. } => value,
        }
    }
}

/// Reads a number. Codes such as `0012` are none: their zeros mean something. Use [`number_or_code`] to read them anyway.
#[inline]
pub(super) fn number(text: &str, style: Style) -> Option<Number> {
    let bytes = trim(text.as_bytes());
    if is_code(bytes) {
        return None;
    }
    number_or_code(bytes, style)
}

/// Whether a text is digits with a leading zero, such as `0012`.
pub(super) fn is_code(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    digits.len() > 1 && digits[0] == b'0' && digits.iter().all(u8::is_ascii_digit)
}

/// Reads a number; leading zeros do not matter.
#[inline]
pub(super) fn number_or_code(bytes: &[u8], style: Style) -> Option<Number> {
    match style {
        Style::Point => point_number(bytes),
        Style::Comma => point_number(&rewritten(bytes, b'.', b',')?),
        Style::Thousands => point_number(&rewritten(bytes, b',', b'.')?),
    }
}

#[inline]
fn point_number(bytes: &[u8]) -> Option<Number> {
    let (negative, digits) = match bytes.first()? {
        b'-' => (true, &bytes[1..]),
        b'+' => (false, &bytes[1..]),
        _ => (false, bytes),
    };
    // Eighteen digits always fit.
    if digits.len() <= 18 {
        let mut value = 0_i64;
        for (index, byte) in digits.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return fraction(bytes, negative, digits, index, value);
            }
            value = value * 10 + i64::from(digit);
        }
        return (!digits.is_empty()).then_some(Number::Integer(if negative { -value } else { value }));
    }
    long_number(bytes, digits)
}

/// Goes on at the first byte that is no digit, at `index` of `digits`; `whole` is the number before it.
///
/// A mantissa below 2^53 and a power of ten up to 22 are exact, so one division rounds right (Clinger 1990, fast path).
fn fraction(bytes: &[u8], negative: bool, digits: &[u8], index: usize, whole: i64) -> Option<Number> {
    const POWERS: [f64; 19] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
        1e18,
    ];
    if digits[index] != b'.' {
        return slow_float(bytes);
    }
    let decimals = &digits[index + 1..];
    if index + decimals.len() == 0 {
        return None;
    }
    let mut mantissa = whole;
    for byte in decimals {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return slow_float(bytes);
        }
        mantissa = mantissa * 10 + i64::from(digit);
    }
    if mantissa >= 1 << 53 {
        return slow_float(bytes);
    }
    let value = mantissa as f64 / POWERS[decimals.len()];
    Some(Number::Float(if negative { -value } else { value }))
}

fn long_number(bytes: &[u8], digits: &[u8]) -> Option<Number> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return slow_float(bytes);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    if let Ok(value) = text.parse() {
        return Some(Number::Integer(value));
    }
    let value: f64 = text.parse().ok()?;
    if value.is_infinite() {
        return None;
    }
    let exact = format!("{:.0}", value.abs()).as_bytes() == digits;
    Some(Number::Huge { value, exact })
}

/// What the standard library reads, which rounds right; an overflow is no number.
fn slow_float(bytes: &[u8]) -> Option<Number> {
    let unsigned = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    let infinite = unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity");
    if !infinite && !unsigned.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return None;
    }
    let value: f64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (value.is_finite() || infinite).then_some(Number::Float(value))
}

/// The number with its `group` marks taken out and `decimal` turned into a point; `None` where the groups are not of three.
fn rewritten(bytes: &[u8], group: u8, decimal: u8) -> Option<Vec<u8>> {
    let at = bytes.iter().position(|byte| *byte == decimal);
    let (whole, rest) = bytes.split_at(at.unwrap_or(bytes.len()));
    let mut out = Vec::with_capacity(bytes.len());
    if whole.contains(&group) {
        let mut groups = whole.split(|byte| *byte == group);
        let first = groups.next()?;
        let digits = first.strip_prefix(b"-").or_else(|| first.strip_prefix(b"+")).unwrap_or(first);
        if !(1..=3).contains(&digits.len()) {
            return None;
        }
        out.extend_from_slice(first);
        for three in groups {
            if three.len() != 3 || !three.iter().all(u8::is_ascii_digit) {
                return None;
            }
            out.extend_from_slice(three);
        }
    } else {
        out.extend_from_slice(whole);
    }
    if let Some((_, decimals)) = rest.split_first() {
        if decimals.contains(&group) || decimals.contains(&decimal) {
            return None;
        }
        out.push(b'.');
        out.extend_from_slice(decimals);
    }
    Some(out)
}

/// Reads `true` or `false` in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let text = text.trim_ascii();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Reads what a person may call true or false where they said that a column is boolean.
pub(super) fn lenient_boolean(text: &str) -> Option<bool> {
    boolean(text).or_else(|| match text.trim_ascii().to_ascii_lowercase().as_str() {
        "yes" | "y" | "t" | "on" | "1" | "1.0" => Some(true),
        "no" | "n" | "f" | "off" | "0" | "0.0" => Some(false),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_float_reads_back(value in prop::num::f64::NORMAL | prop::num::f64::ZERO) {
            for text in [format!("{value:?}"), format!("{value}"), format!("{value:e}")] {
                let read = number(&text, Style::Point).or_else(|| number_or_code(text.as_bytes(), Style::Point));
                prop_assert_eq!(read.expect("a number").value().to_bits(), value.to_bits(), "{}", text);
            }
        }

        #[test]
        fn decimals_read_as_the_standard_library_reads_them(whole in 0_u64..1_000_000_000, part in "[0-9]{0,9}") {
            let text = format!("{whole}.{part}");
            let value: f64 = text.parse().expect("a number");
            prop_assert_eq!(number(&text, Style::Point), Some(Number::Float(value)));
            let comma = text.replace('.', ",");
            prop_assert_eq!(number(&comma, Style::Comma), Some(Number::Float(value)));
        }

        #[test]
        fn every_integer_reads_back(value: i64) {
            prop_assert_eq!(number(&value.to_string(), Style::Point), Some(Number::Integer(value)));
        }

        #[test]
        fn no_text_panics(text in ".{0,24}") {
            for style in [Style::Point, Style::Comma, Style::Thousands] {
                let _ = number(&text, style);
            }
        }
    }

    #[test]
    fn texts_that_are_no_numbers() {
        for text in [
            "", ".", "-", "+", "e5", "1e", "0x10", "0012", "-01", "1 2", "1_000", "1e400", "infinite", "nan",
            "--1",
        ] {
            assert_eq!(number(text, Style::Point), None, "{text}");
        }
        assert_eq!(number("-inf", Style::Point), Some(Number::Float(f64::NEG_INFINITY)));
        assert_eq!(number(" 7\t", Style::Point), Some(Number::Integer(7)));
        assert_eq!(number("1.", Style::Point), Some(Number::Float(1.0)));
        assert_eq!(number(".5", Style::Point), Some(Number::Float(0.5)));
    }

    #[test]
    fn integers_beyond_64_bits_say_what_is_lost() {
        assert_eq!(number("9223372036854775807", Style::Point), Some(Number::Integer(i64::MAX)));
        let Some(Number::Huge { exact: false, .. }) = number("9223372036854775809", Style::Point) else {
            panic!("digits would be lost")
        };
        let Some(Number::Huge { exact: true, value }) = number("18446744073709551616", Style::Point) else {
            panic!("a power of two is exact")
        };
        assert!((value - 2_f64.powi(64)).abs() < f64::EPSILON);
    }

    #[test]
    fn groups_of_three() {
        assert_eq!(number("1.234.567,5", Style::Comma), Some(Number::Float(1_234_567.5)));
        assert_eq!(number("1.234", Style::Comma), Some(Number::Integer(1234)));
        assert_eq!(number("1.23,5", Style::Comma), None);
        assert_eq!(number("1,2,3", Style::Comma), None);
        assert_eq!(number("-12,345.5", Style::Thousands), Some(Number::Float(-12_345.5)));
    }

    #[test]
    fn the_missing_list_is_that_of_pandas() {
        let missing = Missing::in_text(&["-999".to_owned()]);
        for token in MISSING {
            assert!(missing.is(token), "{token}");
        }
        assert!(missing.is("-999") && missing.is(" NA ") && missing.is("   "));
        assert!(!missing.is("none") && !missing.is("nA") && !missing.is("-99") && !missing.is("0"));
        assert!(!Missing::in_typed(&[]).is("NA"));
    }
}
