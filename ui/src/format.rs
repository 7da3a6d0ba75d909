//! Numbers as words: every figure a person reads is written here, with its unit. "No value" is an en dash.

use orrery_domain::{
    metric::MetricId,
    units::{Figure, Unit, UnixSecs},
};

pub use orrery_domain::words::{NONE, count, percent, plural};

/// A count in few characters: `512`, `9,600`, `12.3k`, `4.56M`.
pub fn count_short(value: f64) -> String {
    let (scaled, suffix) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    if suffix.is_empty() {
        let sign = if scaled <= -0.5 { "-" } else { "" };
        format!("{sign}{}", count(scaled.abs().round() as u64))
    } else {
        format!("{}{suffix}", significant(scaled, 3))
    }
}

/// Bytes in binary units: `512 B`, `1.4 MiB`.
pub fn bytes(value: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    let mut scaled = value as f64 / 1024.0;
    let mut unit = 0;
    while scaled >= 1024.0 && unit + 1 < units.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{} {}", significant(scaled, 3), units[unit])
}

/// A length of time: `240 ms`, `12.3 s`, `4 min 05 s`, `2 h 10 min`.
pub fn duration(secs: f64) -> String {
    if !secs.is_finite() || secs < 0.0 {
        return NONE.to_owned();
    }
    let whole = secs.round() as u64;
    match secs {
        _ if secs < 1.0 => format!("{} ms", significant(secs * 1e3, 2)),
        _ if secs < 10.0 => format!("{secs:.1} s"),
        _ if secs < 59.5 => format!("{secs:.0} s"),
        _ if whole < 3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ if whole < 86_400 => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

/// How long ago something was: `just now`, `5 min ago`, `3 d ago`.
pub fn ago(now: UnixSecs, then: UnixSecs) -> String {
    let secs = (now - then).max(0.0);
    match secs {
        _ if secs < 45.0 => "just now".to_owned(),
        _ if secs < 3600.0 => format!("{:.0} min ago", (secs / 60.0).max(1.0)),
        _ if secs < 86_400.0 => format!("{:.0} h ago", secs / 3600.0),
        _ => format!("{:.0} d ago", secs / 86_400.0),
    }
}

/// A moment as UTC: `2026-11-22 06:31`.
pub fn moment(at: UnixSecs) -> String {
    if !at.is_finite() {
        return NONE.to_owned();
    }
    let secs = at.floor() as i64;
    let (days, of_day) = (secs.div_euclid(86_400), secs.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", of_day / 3600, of_day % 3600 / 60)
}

/// Days since 1970-01-01 as a date (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A number with `digits` significant digits, without an exponent where one can be avoided.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-5..15).contains(&magnitude) {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    let decimals = (digits as i32 - 1 - magnitude).max(0) as usize;
    format!("{value:.decimals$}")
}

/// A metric's value without its unit: ratios with four decimals, others with four significant digits.
pub fn metric(id: MetricId, value: Option<f64>) -> String {
    match value {
        None => NONE.to_owned(),
        Some(value) if !value.is_finite() => NONE.to_owned(),
        Some(value) => match id.unit("") {
            Unit::Ratio | Unit::Nats => format!("{value:.4}"),
            _ => significant(value, 4),
        },
    }
}

/// A figure with its unit.
pub fn figure(figure: &Figure) -> String {
    let Some(value) = figure.value else { return NONE.to_owned() };
    match &figure.unit {
        Unit::Count => count(value.max(0.0).round() as u64),
        Unit::Ratio => significant(value, 4),
        Unit::Seconds => duration(value),
        Unit::Bytes => bytes(value.max(0.0) as u64),
        Unit::RowsPerSec => format!("{} rows/s", count_short(value)),
        Unit::Nats => format!("{} nats", significant(value, 4)),
        Unit::Target(unit) => format!("{} {unit}", significant(value, 4)).trim_end().to_owned(),
        Unit::TargetSquared(unit) if unit.is_empty() => significant(value, 4),
        Unit::TargetSquared(unit) => format!("{} {unit}²", significant(value, 4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(count_short(12_345.0), "12.3k");
        assert_eq!(count_short(1000.0), "1,000");
        assert_eq!(count_short(-1500.0), "-1,500");
        assert_eq!(count_short(-0.2), "0");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1_572_864), "1.50 MiB");
        assert_eq!(duration(0.24), "240 ms");
        assert_eq!(duration(3.04), "3.0 s");
        assert_eq!(duration(59.7), "1 min 00 s");
        assert_eq!(duration(100.0), "1 min 40 s");
        assert_eq!(duration(7800.0), "2 h 10 min");
        assert_eq!(duration(f64::NAN), NONE);
        assert_eq!(significant(0.001_234, 3), "0.00123");
        assert_eq!(significant(123_456.0, 3), "123456");
        assert_eq!(moment(0.0), "1970-01-01 00:00");
        assert_eq!(moment(1_795_329_060.0), "2026-11-22 06:31");
        assert_eq!(moment(951_782_400.0), "2000-02-29 00:00");
        assert_eq!(ago(1000.0, 400.0), "10 min ago");
        assert_eq!(metric(MetricId::Auroc, Some(0.806_11)), "0.8061");
        assert_eq!(metric(MetricId::Rmse, Some(531.46)), "531.5");
        assert_eq!(metric(MetricId::Rmse, None), NONE);
        assert_eq!(figure(&Figure::measured(5.2e8, Unit::Bytes)), "496 MiB");
    }
}
