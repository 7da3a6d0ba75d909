//! Numbers in cells and axes: dates, shares that never round to a lie, and figures of four digits with thousands grouped.

use orrery_domain::units::UnixSecs;

use crate::format::{self, NONE};

/// A number of sensible length: four significant digits, grouped when large, scientific when tiny or huge.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { NONE.to_owned() } else { format!("{value}").replace("inf", "∞") };
    }
    let size = value.abs();
    let magnitude = if size == 0.0 { 0.0 } else { size.log10().floor() };
    if !(-4.0..9.0).contains(&magnitude) {
        return trimmed(&format!("{value:.3e}"));
    }
    let decimals = (3 - magnitude as i32).max(0) as usize;
    let text = format!("{size:.decimals$}");
    let (whole, rest) = text.split_once('.').unwrap_or((text.as_str(), ""));
    let rest = rest.trim_end_matches('0');
    let whole = format::count(whole.parse().unwrap_or_default());
    let sign = if value < 0.0 && (whole != "0" || !rest.is_empty()) { "−" } else { "" };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

/// A value of a table's own column: as [`number`], but four digits stand ungrouped, for they are years as often as not.
pub fn datum(value: f64) -> String {
    let text = number(value);
    if value.abs() < 9_999.5 { text.replace(',', "") } else { text }
}

/// A share as a percentage that says when it is not quite none or not quite all: `0%`, `<0.1%`, `12.5%`, `>99.9%`.
pub fn share(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        NONE.to_owned()
    } else if value > 0.0 && value < 0.1 {
        "<0.1%".to_owned()
    } else if share < 1.0 && value > 99.9 {
        ">99.9%".to_owned()
    } else {
        let text = format!("{value:.1}");
        format!("{}%", text.strip_suffix(".0").unwrap_or(&text))
    }
}

/// What a date column holds: the day, with the time of day only where it is not midnight.
pub fn date(at: UnixSecs) -> String {
    let text = format::moment(at);
    text.strip_suffix(" 00:00").map(str::to_owned).unwrap_or(text)
}

fn trimmed(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    format!("{mantissa}e{exponent}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits_and_every_size_is_legible() {
        let expected = [
            (0.0, "0"),
            (0.812_345, "0.8123"),
            (-12.5, "−12.5"),
            (-0.000_01, "−1e−5"),
            (3_932.799_7, "3,933"),
            (1_234_567.0, "1,234,567"),
            (0.000_012_3, "1.23e−5"),
            (1e12, "1e12"),
            (f64::NAN, NONE),
            (f64::NEG_INFINITY, "-∞"),
        ];
        for (value, text) in expected {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn a_year_in_a_column_is_no_count() {
        for (value, text) in [(2_013.0, "2013"), (-12_345.0, "−12,345"), (0.5, "0.5")] {
            assert_eq!(datum(value), text, "{value}");
        }
    }

    #[test]
    fn shares_never_round_to_a_lie() {
        let expected =
            [(0.0, "0%"), (0.000_1, "<0.1%"), (0.125, "12.5%"), (0.999_99, ">99.9%"), (1.0, "100%")];
        for (value, text) in expected {
            assert_eq!(share(value), text, "{value}");
        }
        assert_eq!(share(f64::NAN), NONE);
    }

    #[test]
    fn dates_leave_out_midnight() {
        assert_eq!(date(951_782_400.0), "2000-02-29");
        assert_eq!(date(1_772_357_400.0), "2026-03-01 09:30");
    }
}
