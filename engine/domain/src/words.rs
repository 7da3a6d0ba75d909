//! Numbers as words, the same in the window, on the command line and in every message: `10,000 rows`, `95%`.

/// What stands where there is no value.
pub const NONE: &str = "–";

/// A count with thousands separators: `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A measured rate or size to the nearest whole: `12,346`. Nothing below 0, nothing without a value.
pub fn whole(value: f64) -> String {
    if value.is_finite() { count(value.max(0.0).round() as u64) } else { NONE.to_owned() }
}

/// A number with so many decimals, thousands grouped: `12,345.6`.
pub fn decimals(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let text = format!("{:.digits$}", value.abs());
    let whole = text.find('.').unwrap_or(text.len());
    let grouped = text[..whole].parse().map_or_else(|_| text[..whole].to_owned(), count);
    let nothing = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if value < 0.0 && !nothing { "-" } else { "" };
    format!("{sign}{grouped}{}", &text[whole..])
}

/// `1 row`, `2,000 rows`: a count with its noun.
pub fn plural(value: u64, noun: &str) -> String {
    if value == 1 {
        return format!("1 {noun}");
    }
    // The end of an epoch is a k.
    let hisses = ["s", "x", "ch", "sh"].iter().any(|end| noun.ends_with(end)) && !noun.ends_with("epoch");
    format!("{} {noun}{}", count(value), if hisses { "es" } else { "s" })
}

/// A share: `63%`, `0.4%`, `<0.1%`.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if !value.is_finite() {
        NONE.to_owned()
    } else if value > 0.0 && value < 0.05 {
        "<0.1%".to_owned()
    } else if value == 0.0 || value.abs() >= 9.95 {
        format!("{value:.0}%")
    } else {
        format!("{value:.1}%")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_group_thousands_and_keep_their_sign() {
        let expected = [
            (12_345.67, 1, "12,345.7"),
            (999.5, 0, "1,000"),
            (-1_234.0, 0, "-1,234"),
            (0.256, 2, "0.26"),
            (-0.001, 2, "0.00"),
            (1e30, 0, "1000000000000000019884624838656"),
            (f64::NAN, 2, NONE),
        ];
        for (value, digits, text) in expected {
            assert_eq!(decimals(value, digits), text, "{value}");
        }
    }

    #[test]
    fn counts_and_shares_are_written_one_way() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(whole(12_345.6), "12,346");
        assert_eq!(whole(-0.2), "0");
        assert_eq!(whole(f64::NAN), NONE);
        assert_eq!(plural(1, "row"), "1 row");
        assert_eq!(plural(10_000, "row"), "10,000 rows");
        assert_eq!(plural(0, "class"), "0 classes");
        assert_eq!([plural(2, "search"), plural(3, "epoch")], ["2 searches", "3 epochs"]);
        assert_eq!(percent(0.634), "63%");
        assert_eq!(percent(0.004), "0.4%");
        assert_eq!(percent(0.0998), "10%");
        assert_eq!(percent(0.0001), "<0.1%");
        assert_eq!(percent(0.0), "0%");
    }
}
