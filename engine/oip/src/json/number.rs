//! Numbers of JSON: scanned once, then taken as the type that is asked for, correctly rounded.

/// A number's text and what the scan learned of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number<'a> {
    /// The text, valid by JSON's grammar.
    pub text: &'a str,
    negative: bool,
    /// All digits as one number; only when `fits`.
    mantissa: u64,
    /// Power of ten of the mantissa.
    exponent: i32,
    /// Whether the mantissa holds every digit.
    fits: bool,
    /// Whether there is neither a fraction nor an exponent.
    whole: bool,
}

/// Powers of ten that `f32` holds exactly.
const EXACT_F32: [f32; 11] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
/// Powers of ten that `f64` holds exactly.
const EXACT_F64: [f64; 23] = [
    1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

impl<'a> Number<'a> {
    /// Scans the number at the start of `text`; `None` when there is none by JSON's grammar.
    pub(crate) fn scan(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut scan = Scan { bytes, at: 0, mantissa: 0, digits: 0 };
        let negative = scan.take(b'-');
        let first = scan.at;
        let whole_digits = scan.digits();
        if whole_digits == 0 || (whole_digits > 1 && bytes[first] == b'0') {
            return None;
        }
        let (mut exponent, mut whole) = (0_i32, true);
        if scan.take(b'.') {
            whole = false;
            let digits = scan.digits();
            exponent = i32::try_from(digits).map_or(i32::MIN, |digits| -digits);
            if digits == 0 {
                return None;
            }
        }
        if scan.take(b'e') || scan.take(b'E') {
            whole = false;
            exponent = exponent.saturating_add(scan.exponent()?);
        }
        let Scan { at, mantissa, digits, .. } = scan;
        Some(Self { text: &text[..at], negative, mantissa, exponent, fits: digits <= 19, whole })
    }

    /// As a whole number; `None` with a fraction or an exponent, or beyond `i128`.
    pub(crate) fn integer(&self) -> Option<i128> {
        match (self.whole, self.fits) {
            (false, _) => None,
            (true, true) if self.negative => Some(-i128::from(self.mantissa)),
            (true, true) => Some(i128::from(self.mantissa)),
            (true, false) => self.text.parse().ok(),
        }
    }

    /// Whether it has neither a fraction nor an exponent.
    pub(crate) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// The nearest `f32`; infinite beyond its range.
    pub(crate) fn single(&self) -> f32 {
        // Digits and power both exact, so one operation rounds once (Clinger, PLDI 1990).
        let power = EXACT_F32.get(self.exponent.unsigned_abs() as usize);
        match power {
            Some(power) if self.fits && self.mantissa <= 1 << 24 => {
                let digits = self.mantissa as f32;
                let number = if self.exponent < 0 { digits / power } else { digits * power };
                if self.negative { -number } else { number }
            }
            _ => self.text.parse().unwrap_or(f32::NAN),
        }
    }

    /// The nearest `f64`; infinite beyond its range.
    pub(crate) fn double(&self) -> f64 {
        let power = EXACT_F64.get(self.exponent.unsigned_abs() as usize);
        match power {
            Some(power) if self.fits && self.mantissa <= 1 << 53 => {
                let digits = self.mantissa as f64;
                let number = if self.exponent < 0 { digits / power } else { digits * power };
                if self.negative { -number } else { number }
            }
            _ => self.text.parse().unwrap_or(f64::NAN),
        }
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    mantissa: u64,
    /// Digits of the mantissa, leading zeros not counted.
    digits: usize,
}

impl Scan<'_> {
    fn take(&mut self, byte: u8) -> bool {
        let there = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    /// Reads digits into the mantissa; how many.
    fn digits(&mut self) -> usize {
        let begin = self.at;
        while let Some(digit) =
            self.bytes.get(self.at).map(|byte| byte.wrapping_sub(b'0')).filter(|d| *d < 10)
        {
            self.mantissa = self.mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.digits += usize::from(self.mantissa != 0 || self.digits > 0);
            self.at += 1;
        }
        self.at - begin
    }

    /// The digits of an exponent with their sign; `None` when there are none.
    fn exponent(&mut self) -> Option<i32> {
        let negative = self.take(b'-');
        if !negative {
            self.take(b'+');
        }
        let (begin, mut exponent) = (self.at, 0_i32);
        while let Some(digit) =
            self.bytes.get(self.at).map(|byte| byte.wrapping_sub(b'0')).filter(|d| *d < 10)
        {
            exponent = exponent.saturating_mul(10).saturating_add(i32::from(digit));
            self.at += 1;
        }
        (self.at > begin).then_some(if negative { -exponent } else { exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_correctly_rounded() {
        let texts = [
            "0",
            "-0",
            "1",
            "-1",
            "0.1",
            "16777217",
            "16777216.000000001",
            "1e10",
            "1e11",
            "1e-45",
            "7e-46",
            "1e-400",
            "3.4028235e38",
            "3.4028236e38",
            "1e400",
            "9007199254740993",
            "123456789012345678901234567890",
            "0.000000000000000000001",
            "1e22",
            "1e23",
            "5e-324",
            "1.7976931348623157e308",
            "0e999999999999",
            "1e-999999999999",
            "18446744073709551615",
            "0.30000000000000004",
            "2.2250738585072011e-308",
            "00.1",
            "000000000000000000000.5",
        ];
        for text in texts.iter().filter(|text| !text.starts_with("00")) {
            let number = Number::scan(text).unwrap();
            assert_eq!(number.text, *text);
            assert_eq!(number.single().to_bits(), text.parse::<f32>().unwrap().to_bits(), "{text}");
            assert_eq!(number.double().to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", "+1", "01", "00", ".5", "1.", "1.e5", "1e", "1e+", "--1", "e5", "-.5", "x"] {
            assert!(Number::scan(text).is_none(), "{text}");
        }
        for (text, taken) in [("1,2", "1"), ("1.5]", "1.5"), ("0x10", "0"), ("1e5e5", "1e5"), ("1-2", "1")] {
            assert_eq!(Number::scan(text).unwrap().text, taken);
        }
    }

    #[test]
    fn integers_are_exact() {
        for (text, expected) in [
            ("18446744073709551615", Some(i128::from(u64::MAX))),
            ("-9223372036854775808", Some(i128::from(i64::MIN))),
            ("-0", Some(0)),
            ("1.0", None),
            ("1e3", None),
            ("999999999999999999999999999999999999999999", None),
        ] {
            assert_eq!(Number::scan(text).unwrap().integer(), expected, "{text}");
        }
    }
}
