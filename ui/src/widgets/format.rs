//! Numbers as a person reads them: grouped counts, bytes, durations, dates, and figures of a sensible precision.

use orrery_domain::units::{Figure, Unit, UnixSecs};

/// Stands for "no value".
pub const NOTHING: &str = "–";

/// A whole number with thousands in groups: `336,776`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count in at most four characters and a letter: `950`, `12.3k`, `1.2M`.
pub fn short_count(value: u64) -> String {
    if value < 1_000 {
        return value.to_string();
    }
    scaled(value as f64, 1000.0, &["", "k", "M", "G", "T", "P", "E"], "")
}

/// A number of sensible length: four significant digits, grouped when large, scientific when tiny or huge.
pub fn number(value: f64) -> String {
    significant(value, 4)
}

/// A number with `digits` significant digits, trailing zeros cut.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "not a number".to_owned() } else { format!("{value}").replace("inf", "∞") };
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    let magnitude = size.log10().floor();
    if !(-4.0..9.0).contains(&magnitude) {
        return trimmed(&format!("{value:.*e}", digits.saturating_sub(1)));
    }
    let decimals = (digits as i32 - 1 - magnitude as i32).max(0) as usize;
    let text = format!("{size:.decimals$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), ""), |(whole, rest)| (whole, rest));
    let rest = rest.trim_end_matches('0');
    let whole = whole.parse().map_or_else(|_too_long| whole.to_owned(), count);
    let sign = if value < 0.0 { "−" } else { "" };
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

/// A number with exactly `decimals` digits after the point, so that a column of them lines up.
pub fn fixed(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}").replacen('-', "−", 1) } else { NOTHING.to_owned() }
}

/// A share as a percentage: `0 %`, `< 0.1 %`, `12.5 %`.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        NOTHING.to_owned()
    } else if value > 0.0 && value < 0.1 {
        "< 0.1 %".to_owned()
    } else if share < 1.0 && value > 99.9 {
        "> 99.9 %".to_owned()
    } else {
        format!("{} %", significant((value * 10.0).round() / 10.0, 3))
    }
}

/// Bytes in binary units: `512 B`, `1.5 MiB`.
pub fn bytes(value: u64) -> String {
    if value < 1024 {
        return format!("{value} B");
    }
    scaled(value as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], " ")
}

/// A duration in two units at most: `340 ms`, `4.2 s`, `1 min 40 s`, `2 h 05 min`, `3 d 4 h`.
pub fn duration(secs: f64) -> String {
    if !secs.is_finite() || secs < 0.0 {
        return NOTHING.to_owned();
    }
    if secs < 0.000_5 {
        return "0 s".to_owned();
    }
    if secs < 0.999_5 {
        return format!("{:.0} ms", secs * 1000.0);
    }
    if secs < 9.95 {
        return format!("{secs:.1} s");
    }
    let whole = secs.round() as u64;
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest:02} s"),
        (0, _, _) => format!("{hours} h {minutes:02} min"),
        _ => format!("{} d {hours} h", count(days)),
    }
}

/// How long ago `then` was, in one unit: `just now`, `5 min ago`, `3 d ago`.
pub fn ago(then: UnixSecs, now: UnixSecs) -> String {
    let secs = now - then;
    if !secs.is_finite() {
        return NOTHING.to_owned();
    }
    match secs.max(0.0) as u64 {
        0..60 => "just now".to_owned(),
        secs @ 60..3_600 => format!("{} min ago", secs / 60),
        secs @ 3_600..86_400 => format!("{} h ago", secs / 3_600),
        secs => format!("{} d ago", count(secs / 86_400)),
    }
}

/// A moment as a UTC date and time: `2026-03-01 09:30 UTC`.
pub fn moment(at: UnixSecs) -> String {
    if !at.is_finite() {
        return NOTHING.to_owned();
    }
    let secs = at.floor() as i64;
    let (year, month, day) = civil(secs.div_euclid(86_400));
    let of_day = secs.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", of_day / 3_600, of_day / 60 % 60)
}

/// A moment as a UTC date, with the time of day only where it is not midnight: what a date column holds.
pub fn date(at: UnixSecs) -> String {
    let text = moment(at);
    match text.split_once(' ') {
        Some((day, "00:00 UTC")) => day.to_owned(),
        _ => text.trim_end_matches(" UTC").to_owned(),
    }
}

/// A figure with its unit, `–` where there is none yet.
pub fn figure(figure: &Figure) -> String {
    figure.value.map_or_else(|| NOTHING.to_owned(), |value| with_unit(value, &figure.unit))
}

/// A number with its unit.
pub fn with_unit(value: f64, unit: &Unit) -> String {
    match unit {
        Unit::Count => count(value.max(0.0).round() as u64),
        Unit::Ratio => significant(value, 4),
        Unit::Seconds => duration(value),
        Unit::Bytes => bytes(value.max(0.0) as u64),
        Unit::RowsPerSec => rate(value),
        Unit::Nats => format!("{} nats", significant(value, 4)),
        Unit::Target(name) if name.is_empty() => significant(value, 4),
        Unit::Target(name) => format!("{} {name}", significant(value, 4)),
        Unit::TargetSquared(name) if name.is_empty() => significant(value, 4),
        Unit::TargetSquared(name) => format!("{} {name}²", significant(value, 4)),
    }
}

/// Rows a second: `12,300 rows/s`.
pub fn rate(rows_per_sec: f64) -> String {
    if !rows_per_sec.is_finite() {
        return NOTHING.to_owned();
    }
    let text = if rows_per_sec < 10.0 {
        significant(rows_per_sec, 2)
    } else {
        significant((rows_per_sec / 10.0).round() * 10.0, 4)
    };
    format!("{text} rows/s")
}

fn scaled(value: f64, step: f64, units: &[&str], gap: &str) -> String {
    let mut value = value;
    let mut unit = 0;
    // 999.95 would print as 1000.0: it belongs to the next unit already.
    while value >= step - 0.05 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let text = if value < 99.95 { format!("{value:.1}") } else { format!("{value:.0}") };
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{text}{gap}{}", units[unit])
}

fn trimmed(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    format!("{mantissa}e{exponent}").replace('-', "−")
}

/// Year, month and day of a day counted from 1970-01-01, proleptic Gregorian calendar
/// (Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        let expected = [(0, "0"), (999, "999"), (1_000, "1,000"), (336_776, "336,776"), (10_000_000, "10,000,000")];
        for (value, text) in expected {
            assert_eq!(count(value), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn short_counts_change_unit_without_showing_a_thousand() {
        let expected =
            [(999, "999"), (1_000, "1k"), (12_345, "12.3k"), (999_949, "1M"), (999_999, "1M"), (2_500_000, "2.5M")];
        for (value, text) in expected {
            assert_eq!(short_count(value), text, "{value}");
        }
    }

    #[test]
    fn numbers_keep_four_digits_and_every_size_is_legible() {
        let expected = [
            (0.0, "0"),
            (0.812_345, "0.8123"),
            (-12.5, "−12.5"),
            (3_932.799_7, "3,933"),
            (1_234_567.0, "1,234,567"),
            (0.000_012_3, "1.23e−5"),
            (1e12, "1e12"),
            (f64::NAN, "not a number"),
            (f64::NEG_INFINITY, "-∞"),
        ];
        for (value, text) in expected {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn shares_never_round_to_a_lie() {
        let expected = [(0.0, "0 %"), (0.000_1, "< 0.1 %"), (0.125, "12.5 %"), (0.999_99, "> 99.9 %"), (1.0, "100 %")];
        for (share, text) in expected {
            assert_eq!(percent(share), text, "{share}");
        }
        assert_eq!(percent(f64::NAN), NOTHING);
    }

    #[test]
    fn bytes_and_durations() {
        for (value, text) in [(0, "0 B"), (1_023, "1023 B"), (1_024, "1 KiB"), (1_572_864, "1.5 MiB"), (1_048_575, "1 MiB")] {
            assert_eq!(bytes(value), text);
        }
        let expected = [
            (0.0, "0 s"),
            (0.34, "340 ms"),
            (4.21, "4.2 s"),
            (59.0, "59 s"),
            (59.7, "1 min 00 s"),
            (100.0, "1 min 40 s"),
            (7_500.0, "2 h 05 min"),
            (273_600.0, "3 d 4 h"),
            (f64::NAN, NOTHING),
            (-1.0, NOTHING),
        ];
        for (secs, text) in expected {
            assert_eq!(duration(secs), text, "{secs}");
        }
    }

    #[test]
    fn dates_follow_the_calendar() {
        // Checked with `date -u -d @N`.
        let expected = [
            (0.0, "1970-01-01 00:00 UTC"),
            (951_782_400.0, "2000-02-29 00:00 UTC"),
            (1_772_357_400.0, "2026-03-01 09:30 UTC"),
            (-1.0, "1969-12-31 23:59 UTC"),
            (-11_644_473_600.0, "1601-01-01 00:00 UTC"),
        ];
        for (at, text) in expected {
            assert_eq!(moment(at), text);
        }
        assert_eq!(date(951_782_400.0), "2000-02-29");
        assert_eq!(date(1_772_357_400.0), "2026-03-01 09:30");
        assert_eq!(ago(0.0, 90.0), "1 min ago");
        assert_eq!(ago(100.0, 90.0), "just now", "clocks may differ");
    }

    #[test]
    fn figures_carry_their_unit_and_say_when_there_is_none() {
        assert_eq!(figure(&Figure::unknown(Unit::Seconds)), NOTHING);
        assert_eq!(figure(&Figure::measured(2_048.0, Unit::Bytes)), "2 KiB");
        assert_eq!(figure(&Figure::estimated(12_345.0, Unit::RowsPerSec)), "12,350 rows/s");
        assert_eq!(with_unit(530.25, &Unit::Target("USD".to_owned())), "530.2 USD");
    }
}
