//! Dates and times as people write them, as microseconds since 1970 UTC.
//!
//! ISO 8601 dates with or without a time (`T` or a blank between them) and an offset; `2013/01/31`; `31.01.2013`; `31-Jan-2013`;
//! `Jan 31, 2013`; `01/31/2013` and `31/01/2013`, whose order the whole column decides. A time without an offset is UTC.

/// Order of `01/02/2013`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// January 2nd.
    #[default]
    MonthFirst,
    /// February 1st.
    DayFirst,
}

/// What the texts read so far showed.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an observation of its own; any of them may come together"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// `01/02/2013` in one order or the other.
    pub(super) ordered: bool,
    /// Only month first makes sense.
    pub(super) month_first: bool,
    /// Only day first makes sense.
    pub(super) day_first: bool,
    /// With an offset.
    pub(super) zoned: bool,
    /// With a time of day but no offset.
    pub(super) local: bool,
}

impl Evidence {
    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            ordered: self.ordered | other.ordered,
            month_first: self.month_first | other.month_first,
            day_first: self.day_first | other.day_first,
            zoned: self.zoned | other.zoned,
            local: self.local | other.local,
        }
    }

    /// Whether both orders are needed, so that the texts cannot be dates of one kind.
    pub(super) fn contradicts_itself(self) -> bool {
        self.month_first && self.day_first
    }

    /// The order that the texts need.
    pub(super) fn order(self) -> Order {
        if self.day_first { Order::DayFirst } else { Order::MonthFirst }
    }
}

/// Reads one date or time, and notes what it showed.
pub(super) fn parse(text: &str, order: Order, evidence: &mut Evidence) -> Option<i64> {
    let mut rest = Rest(super::value::trim(text.as_bytes()));
    if rest.0.len() < 8 {
        return None;
    }
    let days = date(&mut rest, order, evidence)?;
    let micros = days * 86_400_000_000;
    if rest.0.is_empty() {
        return Some(micros);
    }
    if !(rest.take(b'T') || rest.take(b't') || rest.take(b' ')) {
        return None;
    }
    let time = time_of_day(&mut rest)?;
    rest.skip_blanks();
    if rest.0.is_empty() {
        evidence.local = true;
        return Some(micros + time);
    }
    let offset = offset_minutes(&mut rest)?;
    evidence.zoned = true;
    Some(micros + time - offset * 60_000_000)
}

/// Reads eight digits `20130131` as a date: only where a person said so, or to recognize such numbers.
pub(super) fn compact(text: &str) -> Option<i64> {
    let mut rest = Rest(super::value::trim(text.as_bytes()));
    if rest.0.len() != 8 {
        return None;
    }
    let (year, month, day) = (rest.fixed(4)?, rest.fixed(2)?, rest.fixed(2)?);
    days_of(year, month, day).map(|days| days * 86_400_000_000)
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    fn skip_blanks(&mut self) {
        while self.take(b' ') {}
    }

    /// A number of one to `most` digits, and how many it had.
    #[inline]
    fn digits(&mut self, most: usize) -> Option<(i64, usize)> {
        let mut value = 0;
        let mut count = 0;
        while count < most {
            let Some(digit) =
                self.0.get(count).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
            else {
                break;
            };
            value = value * 10 + i64::from(digit);
            count += 1;
        }
        self.0 = &self.0[count..];
        (count > 0).then_some((value, count))
    }

    #[inline]
    fn fixed(&mut self, count: usize) -> Option<i64> {
        self.digits(count).filter(|(_, found)| *found == count).map(|(value, _)| value)
    }

    fn word(&mut self) -> &[u8] {
        let end = self.0.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }
}

fn date(rest: &mut Rest<'_>, order: Order, evidence: &mut Evidence) -> Option<i64> {
    if rest.0[0].is_ascii_alphabetic() {
        let month = month_name(rest.word())?;
        rest.take(b'.');
        rest.skip_blanks();
        let (day, _) = rest.digits(2)?;
        rest.take(b',');
        rest.skip_blanks();
        return days_of(rest.fixed(4)?, month, day);
    }
    let (first, width) = rest.digits(4)?;
    let separator = *rest.0.first()?;
    match (width, separator) {
        (4, b'-' | b'/' | b'.') => {
            rest.take(separator);
            let (month, _) = rest.digits(2)?;
            rest.take(separator).then_some(())?;
            let (day, _) = rest.digits(2)?;
            days_of(first, month, day)
        }
        (4, digit) if digit.is_ascii_digit() => {
            // 20130131T170500
            let (month, day) = (rest.fixed(2)?, rest.fixed(2)?);
            matches!(rest.0.first(), Some(b'T')).then_some(())?;
            days_of(first, month, day)
        }
        (1 | 2, b'-' | b'/' | b'.' | b' ') => {
            rest.take(separator);
            if rest.0.first()?.is_ascii_alphabetic() {
                let month = month_name(rest.word())?;
                rest.take(separator).then_some(())?;
                return days_of(rest.fixed(4)?, month, first);
            }
            let (second, _) = rest.digits(2)?;
            rest.take(separator).then_some(())?;
            let year = rest.fixed(4)?;
            match separator {
                b'.' => days_of(year, second, first),
                b' ' => None,
                _ => ordered_days(year, first, second, order, evidence),
            }
        }
        _ => None,
    }
}

fn ordered_days(year: i64, first: i64, second: i64, order: Order, evidence: &mut Evidence) -> Option<i64> {
    evidence.ordered = true;
    evidence.day_first |= first > 12;
    evidence.month_first |= second > 12;
    let (month, day) = match order {
        Order::MonthFirst => (first, second),
        Order::DayFirst => (second, first),
    };
    // A month of 13 to 31 is a date in the other order: its value is not used, the evidence is.
    if month > 12 && day <= 12 { days_of(year, day, month) } else { days_of(year, month, day) }
}

/// Microseconds since midnight of `HH:MM[:SS[.fraction]]`, 12 or 24 hours, or `HHMMSS`.
fn time_of_day(rest: &mut Rest<'_>) -> Option<i64> {
    let (mut hour, width) = rest.digits(2)?;
    let compact = width == 2 && rest.0.first().is_some_and(u8::is_ascii_digit);
    if !compact {
        rest.take(b':').then_some(())?;
    }
    let minute = rest.fixed(2)?;
    let (mut second, mut micros) = (0, 0);
    if compact || rest.take(b':') {
        second = rest.fixed(2)?;
        if rest.take(b'.') || rest.take(b',') {
            let (fraction, digits) = rest.digits(9)?;
            micros = if digits <= 6 {
                fraction * 10_i64.pow(6 - digits as u32)
            } else {
                fraction / 10_i64.pow(digits as u32 - 6)
            };
        }
    }
    let before = rest.0;
    rest.skip_blanks();
    if matches!(rest.0.first(), Some(b'a' | b'A' | b'p' | b'P')) {
        let afternoon = match rest.word().to_ascii_lowercase().as_slice() {
            b"am" => 0,
            b"pm" => 12,
            _ => return None,
        };
        (1..=12).contains(&hour).then_some(())?;
        hour = hour % 12 + afternoon;
    } else {
        rest.0 = before;
    }
    let legal = (hour < 24 && minute < 60 && second < 60)
        || (hour == 24 && minute == 0 && second == 0 && micros == 0);
    legal.then_some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// Minutes east of UTC.
fn offset_minutes(rest: &mut Rest<'_>) -> Option<i64> {
    let sign = match rest.0.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => {
            let word = rest.word();
            let utc = word.eq_ignore_ascii_case(b"z")
                || word.eq_ignore_ascii_case(b"utc")
                || word.eq_ignore_ascii_case(b"gmt");
            return (utc && rest.0.is_empty()).then_some(0);
        }
    };
    rest.0 = &rest.0[1..];
    let hours = rest.fixed(2)?;
    let minutes = if rest.0.is_empty() {
        0
    } else {
        rest.take(b':');
        rest.fixed(2)?
    };
    (rest.0.is_empty() && hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn month_name(word: &[u8]) -> Option<i64> {
    const NAMES: [&[u8]; 12] = [
        b"january",
        b"february",
        b"march",
        b"april",
        b"may",
        b"june",
        b"july",
        b"august",
        b"september",
        b"october",
        b"november",
        b"december",
    ];
    let word = word.to_ascii_lowercase();
    let known =
        |name: &[u8]| name == word || name[..3] == word[..] || word == b"sept" && name.starts_with(b"sept");
    NAMES.iter().position(|name| known(name)).map(|index| index as i64 + 1)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=9999).contains(&year) || !(1..=last).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<i64> {
        parse(text, Order::MonthFirst, &mut Evidence::default())
    }

    fn truth(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text).expect("RFC 3339").timestamp_micros()
    }

    proptest! {
        #[test]
        fn every_moment_reads_as_chrono_reads_it(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
            let time = chrono::DateTime::from_timestamp_micros(micros).expect("in range");
            prop_assert_eq!(read(&time.to_rfc3339()), Some(micros));
            prop_assert_eq!(read(&crate::table::datetime_text(micros)), Some(micros));
            prop_assert_eq!(read(&time.format("%d.%m.%Y %H:%M:%S%.6f").to_string()), Some(micros));
            prop_assert_eq!(read(&time.format("%b %e, %Y %I:%M:%S%.6f %p").to_string()), Some(micros));
        }

        #[test]
        fn no_text_panics(text in "[-0-9T:/. aAPpMmJn+Z,é]{0,24}") {
            let _ = (read(&text), compact(&text));
        }
    }

    #[test]
    fn forms_that_people_write() {
        let noon = truth("2013-01-31T17:05:00Z");
        for text in [
            "2013-01-31T17:05:00Z",
            "2013-01-31 17:05",
            "2013-01-31T18:05:00+01:00",
            "2013-01-31 12:05:00-0500",
            "2013/1/31 17:05:00",
            "31.01.2013 17:05",
            "01/31/2013 5:05 PM",
            "31-Jan-2013 17:05:00.000",
            "20130131T170500Z",
            "January 31, 2013 05:05pm",
            "2013-01-31 17:05:00 UTC",
        ] {
            assert_eq!(read(text), Some(noon), "{text}");
        }
        assert_eq!(read("2013-01-31"), Some(truth("2013-01-31T00:00:00Z")));
        assert_eq!(compact("20130131"), read("2013-01-31"));
    }

    #[test]
    fn texts_that_are_no_dates() {
        for text in [
            "2013",
            "2013-02-30",
            "0000-00-00",
            "2013-1",
            "12:30",
            "2013-01-31T25:00",
            "20130131",
            "1.2.3.4",
            "31/31/2013",
            "2013-01-31X",
            "10-20-30",
            "2013-01-31 5",
            "1,234.56",
            "192.168.0.1",
            "2013-01/31",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_order_of_day_and_month_is_noted() {
        let mut evidence = Evidence::default();
        assert!(parse("03/04/2013", Order::MonthFirst, &mut evidence).is_some());
        assert!(evidence.ordered && !evidence.day_first && !evidence.month_first);
        assert!(parse("13/04/2013", Order::MonthFirst, &mut evidence).is_some());
        assert_eq!(evidence.order(), Order::DayFirst);
        assert_eq!(parse("13/04/2013", Order::DayFirst, &mut evidence), read("2013-04-13"));
        assert!(parse("04/13/2013", Order::DayFirst, &mut evidence).is_some());
        assert!(evidence.contradicts_itself());
    }
}
