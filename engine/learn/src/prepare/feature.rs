//! Features: what was learnt about one column from the training rows, and how it enters a model.

use orrery_domain::dataset::ColumnType;
use serde::{Deserialize, Serialize};

/// One feature column and its learnt encoding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// The column's name.
    pub name: String,
    /// The column's type in the training table.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// How it is encoded.
    pub encoding: Encoding,
}

/// How a column becomes numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Encoding {
    /// A number (integer, float, or a boolean as 0 and 1).
    Number(Number),
    /// One of a set.
    Category(Category),
    /// A date.
    Date(Date),
}

/// What the training rows said about a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Number {
    /// Smallest training value.
    pub min: f64,
    /// Largest training value.
    pub max: f64,
    /// How it is scaled.
    pub scale: Scale,
    /// Whether training rows lacked it: then a 0/1 input says so.
    pub indicator: bool,
}

/// A monotone map to numbers near 0 with deviation near 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Scale {
    /// `(value - mean) / std`; a missing value becomes 0, the mean.
    Standard {
        /// Mean over present training values.
        mean: f64,
        /// Their deviation (divisor n), 1 where it would be 0.
        std: f64,
    },
    /// Piecewise linear from `knots` (evenly spaced training quantiles) to the normal distribution's quantiles; a missing
    /// value becomes 0, the median.
    Quantile {
        /// Quantiles of the present training values, ascending; at least 2.
        knots: Vec<f64>,
    },
}

/// What the training rows said about a set of categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Category {
    /// Categories with a code of their own, by code point; the code is the position plus 1. Code 0 is the bucket for
    /// categories that are unknown or were too rare.
    pub values: Vec<String>,
    /// Training categories in the bucket: known, but rare. By code point.
    pub rare: Vec<String>,
    /// Whether training rows lacked it: then missing has the last code; otherwise it goes to the bucket.
    pub missing: bool,
    /// For trees: one column each, the place of every code in an order: that of the smoothed target mean (for several
    /// classes, of each frequent class' share), and for more than three codes also that of the code points.
    pub orders: Vec<Vec<f32>>,
}

impl Category {
    /// Number of codes: the bucket, the categories, and missing if it has one.
    pub fn cardinality(&self) -> usize {
        self.values.len() + 1 + usize::from(self.missing)
    }

    /// The code of a missing value.
    pub fn missing_code(&self) -> usize {
        if self.missing { self.values.len() + 1 } else { 0 }
    }

    /// The code of a present value, and whether training never saw it.
    pub fn code(&self, value: &str) -> (usize, bool) {
        match self.values.binary_search_by(|known| known.as_str().cmp(value)) {
            Ok(place) => (place + 1, false),
            Err(_) => (0, self.rare.binary_search_by(|known| known.as_str().cmp(value)).is_err()),
        }
    }

    /// The name of a code.
    pub fn label(&self, code: usize) -> &str {
        match code.checked_sub(1).map(|place| self.values.get(place)) {
            None => "(other)",
            Some(None) => "(missing)",
            Some(Some(value)) => value,
        }
    }
}

/// What the training rows said about a date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Date {
    /// Parts that vary in the training rows.
    pub parts: Vec<DatePart>,
    /// Mean and deviation of the year.
    pub year: (f64, f64),
    /// Mean and deviation of the days since 1970.
    pub elapsed: (f64, f64),
    /// Earliest and latest training value, seconds since 1970.
    pub range: (f64, f64),
    /// Whether training rows lacked it.
    pub indicator: bool,
}

/// A part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatePart {
    /// Days since 1970, with fractions.
    Elapsed,
    /// Calendar year.
    Year,
    /// 1 to 12.
    Month,
    /// 1 to 31.
    Day,
    /// 0 (Monday) to 6.
    Weekday,
    /// 0 to below 24, with fractions.
    Hour,
}

impl DatePart {
    /// Every part, in the order of the inputs.
    pub const ALL: [Self; 6] = [Self::Elapsed, Self::Year, Self::Month, Self::Day, Self::Weekday, Self::Hour];

    /// Its name in an input's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elapsed => "elapsed",
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Weekday => "weekday",
            Self::Hour => "hour",
        }
    }

    /// First value and length of the cycle, for parts that come round again.
    pub fn cycle(self) -> Option<(f64, f64)> {
        match self {
            Self::Elapsed | Self::Year => None,
            Self::Month => Some((1.0, 12.0)),
            Self::Day => Some((1.0, 31.0)),
            Self::Weekday => Some((0.0, 7.0)),
            Self::Hour => Some((0.0, 24.0)),
        }
    }

    /// The part of a time given in seconds since 1970; NaN for a missing one.
    pub fn of(self, secs: f64) -> f64 {
        use chrono::{Datelike, Timelike};
        // A missing time would count as 1970: NaN becomes 0 as a whole number.
        let Some(time) =
            secs.is_finite().then(|| chrono::DateTime::from_timestamp(secs.floor() as i64, 0)).flatten()
        else {
            return f64::NAN;
        };
        match self {
            Self::Elapsed => secs / 86_400.0,
            Self::Year => f64::from(time.year()),
            Self::Month => f64::from(time.month()),
            Self::Day => f64::from(time.day()),
            Self::Weekday => f64::from(time.weekday().num_days_from_monday()),
            Self::Hour => f64::from(time.num_seconds_from_midnight()) / 3600.0,
        }
    }
}

impl Feature {
    /// Names of its continuous inputs to a network.
    pub fn continuous_inputs(&self) -> Vec<String> {
        match &self.encoding {
            Encoding::Number(_) => vec![self.name.clone()],
            Encoding::Category(_) => Vec::new(),
            Encoding::Date(date) => date
                .parts
                .iter()
                .filter(|part| part.cycle().is_none())
                .map(|part| format!("{} {}", self.name, part.name()))
                .collect(),
        }
    }

    /// Names of its inputs to a network that lie within -1 to 1: missing indicators and date parts that come round again.
    pub fn flag_inputs(&self) -> Vec<String> {
        let missing = |indicator: bool| indicator.then(|| format!("{} is missing", self.name));
        match &self.encoding {
            Encoding::Number(number) => missing(number.indicator).into_iter().collect(),
            Encoding::Category(_) => Vec::new(),
            Encoding::Date(date) => {
                let cyclic = date.parts.iter().filter(|part| part.cycle().is_some());
                let waves = cyclic.flat_map(|part| {
                    ["sine", "cosine"].map(|wave| format!("{} {} ({wave})", self.name, part.name()))
                });
                waves.chain(missing(date.indicator)).collect()
            }
        }
    }

    /// Names of its columns for trees.
    pub fn tree_inputs(&self) -> Vec<String> {
        let name = &self.name;
        match &self.encoding {
            Encoding::Number(_) => vec![name.clone()],
            Encoding::Category(category) => (0..category.orders.len())
                .map(|order| if order == 0 { name.clone() } else { format!("{name} (order {order})") })
                .collect(),
            Encoding::Date(date) => date.parts.iter().map(|part| format!("{name} {}", part.name())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DatePart;

    #[test]
    fn a_missing_time_has_no_parts_and_is_not_1970() {
        for part in DatePart::ALL {
            assert!(part.of(f64::NAN).is_nan(), "{}", part.name());
            assert!(part.of(0.0).is_finite(), "{}", part.name());
        }
    }
}
