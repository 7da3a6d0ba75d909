//! Pieces: one chunk of one column, parsed as the narrowest type that fits every value in it.

use std::collections::HashMap;

use arrow::{array::NullBufferBuilder, buffer::NullBuffer};
use orrery_domain::dataset::ColumnType;

use super::{
    cells::Texts,
    datetime::{self, Evidence, Order},
    value::{self, Missing, Number, Style},
};

/// Distinct words after which a piece keeps every text by itself.
const MOST_WORDS: usize = 4096;

/// Values of a piece: one a row, anything where missing.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the values of the values are the values")]
pub(super) struct Values<T> {
    /// `[rows]`
    pub(super) values: Vec<T>,
    /// Which are present; `None` if all are.
    pub(super) present: Option<NullBuffer>,
    /// Values that did not fit the type that was asked for, and the first of them.
    pub(super) misfits: Misfits,
}

/// Values that did not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Misfits {
    /// How many.
    pub(super) count: u64,
    /// The first.
    pub(super) example: Option<String>,
}

impl Misfits {
    fn add(&mut self, text: &str) {
        self.count += 1;
        if self.example.is_none() {
            self.example = Some(super::text::shown(text).into_owned());
        }
    }

    /// Both together.
    pub(super) fn and(self, other: &Self) -> Self {
        Self { count: self.count + other.count, example: self.example.or_else(|| other.example.clone()) }
    }
}

/// What the whole numbers among floats were like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FloatFacts {
    /// Some number has a fraction, an exponent or is infinite.
    pub(super) fractional: bool,
    /// Some whole number is beyond 64 bits.
    pub(super) huge: bool,
    /// Some such number would lose digits.
    pub(super) lossy: bool,
}

/// Whole numbers in the narrowest width that holds them all: a chunk's pieces wait until the whole file is read.
#[derive(Debug)]
pub(super) struct Integers {
    /// `[rows]`
    pub(super) values: Whole,
    /// Which are present; `None` if all are.
    pub(super) present: Option<NullBuffer>,
    /// Values that did not fit the type that was asked for, and the first of them.
    pub(super) misfits: Misfits,
}

/// Whole numbers of one width.
#[derive(Debug)]
pub(super) enum Whole {
    /// 16 bits.
    Short(Vec<i16>),
    /// 32 bits.
    Medium(Vec<i32>),
    /// 64 bits.
    Long(Vec<i64>),
}

impl Whole {
    fn of(values: Vec<i64>) -> Self {
        let (low, high) =
            values.iter().fold((0, 0), |(low, high): (i64, i64), value| (low.min(*value), high.max(*value)));
        if i16::try_from(low).is_ok() && i16::try_from(high).is_ok() {
            Self::Short(values.iter().map(|value| *value as i16).collect())
        } else if i32::try_from(low).is_ok() && i32::try_from(high).is_ok() {
            Self::Medium(values.iter().map(|value| *value as i32).collect())
        } else {
            Self::Long(values)
        }
    }

    /// Rows.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Short(values) => values.len(),
            Self::Medium(values) => values.len(),
            Self::Long(values) => values.len(),
        }
    }

    /// All of them, as numbers of another type.
    pub(super) fn to_vec<T>(&self, of: impl Fn(i64) -> T) -> Vec<T> {
        match self {
            Self::Short(values) => values.iter().map(|value| of(i64::from(*value))).collect(),
            Self::Medium(values) => values.iter().map(|value| of(i64::from(*value))).collect(),
            Self::Long(values) => values.iter().map(|value| of(*value)).collect(),
        }
    }
}

impl From<Values<i64>> for Piece {
    fn from(values: Values<i64>) -> Self {
        let Values { values, present, misfits } = values;
        Self::Integers(Integers { values: Whole::of(values), present, misfits })
    }
}

/// One chunk of a column.
#[derive(Debug)]
pub(super) enum Piece {
    /// Nothing but missing values.
    Missing(usize),
    /// Whole numbers.
    Integers(Integers),
    /// Numbers.
    Floats(Values<f64>, FloatFacts),
    /// Truth values.
    Booleans(Values<bool>),
    /// Times in microseconds.
    Datetimes(Values<i64>, Order, Evidence),
    /// Few distinct texts.
    Words(Words),
    /// Many distinct texts.
    Strings(Strings),
}

/// Texts by code.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Index into `words`, or -1 where missing. `[rows]`
    pub(super) codes: Vec<i32>,
    /// Distinct texts in the order met.
    pub(super) words: Vec<String>,
}

/// Texts one after the other.
#[derive(Debug)]
pub(super) struct Strings {
    /// All of them.
    pub(super) bytes: String,
    /// Where each ends. `[rows]`
    pub(super) ends: Vec<usize>,
    /// Which are present.
    pub(super) present: NullBufferBuilder,
}

impl Strings {
    /// Text of a row.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        self.present.is_valid(row).then(|| &self.bytes[start..self.ends[row]])
    }
}

impl Piece {
    /// Memory it holds, bytes, about.
    pub(super) fn bytes(&self) -> u64 {
        (match self {
            // The table will hold them.
            Self::Missing(rows) => rows * 8,
            // The table will hold them in 64 bits.
            Self::Integers(values) => values.values.len() * 8,
            Self::Datetimes(values, ..) => values.values.len() * 8,
            Self::Floats(values, _) => values.values.len() * 8,
            Self::Booleans(values) => values.values.len(),
            Self::Words(words) => {
                words.codes.len() * 4 + words.words.iter().map(|word| word.len() + 24).sum::<usize>()
            }
            Self::Strings(strings) => strings.bytes.len() + strings.ends.len() * 8,
        }) as u64
    }
}

/// Parses `column` as the narrowest type that fits all of it.
pub(super) fn infer(column: &impl Texts, missing: &Missing, style: Style) -> Piece {
    let first = (0..column.len()).filter_map(|row| column.get(row)).find(|text| !missing.is(text));
    let Some(first) = first else {
        return Piece::Missing(column.len());
    };
    let parsed = match value::number(first, style) {
        Some(Number::Integer(_)) => integers(column, missing, style, false).map(Piece::from).or_else(|| {
            floats(column, missing, style, false).map(|(values, facts)| Piece::Floats(values, facts))
        }),
        Some(_) => floats(column, missing, style, false).map(|(values, facts)| Piece::Floats(values, facts)),
        None if value::boolean(first).is_some() => {
            collect(column, missing, false, value::boolean).map(Piece::Booleans)
        }
        None => datetimes(column, missing, None),
    };
    parsed.unwrap_or_else(|| texts(column, missing))
}

/// How a column is to be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// As this type.
    pub(super) kind: ColumnType,
    /// With numbers written so.
    pub(super) style: Style,
    /// With dates written so; `None` lets this piece decide.
    pub(super) order: Option<Order>,
    /// What does not fit becomes missing, and codes are numbers: a person asked for this type.
    pub(super) forced: bool,
}

/// Parses `column` as `target`. Without force it returns `None` when a value does not fit.
pub(super) fn parse_as(column: &impl Texts, missing: &Missing, target: Target) -> Option<Piece> {
    let Target { kind, style, order, forced } = target;
    match kind {
        ColumnType::Integer => integers(column, missing, style, forced).map(Piece::from),
        ColumnType::Float => {
            floats(column, missing, style, forced).map(|(values, facts)| Piece::Floats(values, facts))
        }
        ColumnType::Boolean if forced => {
            collect(column, missing, true, value::lenient_boolean).map(Piece::Booleans)
        }
        ColumnType::Boolean => collect(column, missing, false, value::boolean).map(Piece::Booleans),
        ColumnType::Datetime if forced => Some(forced_datetimes(column, missing, order)),
        ColumnType::Datetime => datetimes(column, missing, order),
        ColumnType::Category | ColumnType::Text => Some(texts(column, missing)),
    }
}

/// Reads every present value with `parse`; a misfit ends it, or with force becomes missing.
#[inline]
fn collect<T: Copy + Default>(
    column: &impl Texts,
    missing: &Missing,
    forced: bool,
    mut parse: impl FnMut(&str) -> Option<T>,
) -> Option<Values<T>> {
    let rows = column.len();
    let mut values = Vec::with_capacity(rows);
    let mut present = NullBufferBuilder::new(rows);
    let mut misfits = Misfits::default();
    let extra = missing.has_extra();
    for row in 0..rows {
        let text = column.get(row);
        // Most values fit and none of the built-in missing texts does, so parsing comes first.
        let value = match text {
            Some(text) if !(extra && missing.is(text)) => match parse(text) {
                Some(value) => Some(value),
                None if missing.is(text) => None,
                None if forced => {
                    misfits.add(text);
                    None
                }
                None => return None,
            },
            _ => None,
        };
        present.append(value.is_some());
        values.push(value.unwrap_or_default());
    }
    Some(Values { values, present: present.finish(), misfits })
}

fn integers(column: &impl Texts, missing: &Missing, style: Style, forced: bool) -> Option<Values<i64>> {
    if !forced {
        return collect(column, missing, false, |text| match value::number(text, style) {
            Some(Number::Integer(value)) => Some(value),
            _ => None,
        });
    }
    collect(column, missing, true, |text| match forced_number(text, style)? {
        Number::Integer(value) => Some(value),
        // 3.0 is a whole number; 2^53 bounds what a float holds exactly.
        Number::Float(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => {
            Some(value as i64)
        }
        _ => None,
    })
}

fn floats(
    column: &impl Texts,
    missing: &Missing,
    style: Style,
    forced: bool,
) -> Option<(Values<f64>, FloatFacts)> {
    let mut facts = FloatFacts::default();
    let values = collect(column, missing, forced, |text| {
        let number = if forced { forced_number(text, style)? } else { value::number(text, style)? };
        match number {
            Number::Integer(_) => {}
            Number::Float(_) => facts.fractional = true,
            Number::Huge { exact, .. } => {
                facts.huge = true;
                facts.lossy |= !exact;
            }
        }
        Some(number.value())
    })?;
    Some((values, facts))
}

/// A number where a person said there are numbers: codes and thousands marks count too.
fn forced_number(text: &str, style: Style) -> Option<Number> {
    let bytes = value::trim(text.as_bytes());
    value::number_or_code(bytes, style)
        .or_else(|| (style == Style::Point).then(|| value::number_or_code(bytes, Style::Thousands)).flatten())
}

/// Dates in `order`, or in the one this piece shows.
fn datetimes(column: &impl Texts, missing: &Missing, order: Option<Order>) -> Option<Piece> {
    let mut asked = order.unwrap_or_default();
    loop {
        let mut evidence = Evidence::default();
        let values = collect(column, missing, false, |text| datetime::parse(text, asked, &mut evidence))?;
        if evidence.contradicts_itself() {
            return None;
        }
        if evidence.ordered && order.is_none() && evidence.order() != asked {
            asked = evidence.order();
            continue;
        }
        return Some(Piece::Datetimes(values, asked, evidence));
    }
}

fn forced_datetimes(column: &impl Texts, missing: &Missing, order: Option<Order>) -> Piece {
    let mut asked = order.unwrap_or_default();
    loop {
        let mut evidence = Evidence::default();
        let values = collect(column, missing, true, |text| {
            datetime::parse(text, asked, &mut evidence).or_else(|| datetime::compact(text))
        })
        .unwrap_or(Values { values: Vec::new(), present: None, misfits: Misfits::default() });
        if order.is_none() && evidence.day_first && !evidence.month_first && asked == Order::MonthFirst {
            asked = Order::DayFirst;
            continue;
        }
        return Piece::Datetimes(values, asked, evidence);
    }
}

/// Texts as they are: by code while they are few, each by itself from then on.
fn texts(column: &impl Texts, missing: &Missing) -> Piece {
    let rows = column.len();
    let mut index: HashMap<&str, i32> = HashMap::new();
    let mut codes: Vec<i32> = Vec::with_capacity(rows);
    let mut last: Option<(&str, i32)> = None;
    for row in 0..rows {
        let Some(text) = column.get(row).filter(|text| !missing.is(text)) else {
            codes.push(-1);
            continue;
        };
        let code = match last {
            Some((same, code)) if same == text => code,
            _ => {
                let next = index.len() as i32;
                *index.entry(text).or_insert(next)
            }
        };
        last = Some((text, code));
        codes.push(code);
        if index.len() > MOST_WORDS {
            return Piece::Strings(strings(column, missing));
        }
    }
    let mut words = vec![String::new(); index.len()];
    for (text, code) in index {
        text.clone_into(&mut words[code as usize]);
    }
    Piece::Words(Words { codes, words })
}

fn strings(column: &impl Texts, missing: &Missing) -> Strings {
    let rows = column.len();
    let mut strings = Strings {
        bytes: String::new(),
        ends: Vec::with_capacity(rows),
        present: NullBufferBuilder::new(rows),
    };
    for row in 0..rows {
        let text = column.get(row).filter(|text| !missing.is(text));
        strings.bytes.push_str(text.unwrap_or_default());
        strings.ends.push(strings.bytes.len());
        strings.present.append(text.is_some());
    }
    strings
}
