//! Fitting: what the training rows teach about each column.

use std::collections::HashMap;

use orrery_domain::{
    Failure, FailureClass,
    dataset::ColumnType,
    training::{CategoryEncoding, Scaling},
};
use rayon::prelude::*;

use super::{Category, Date, DatePart, Encoding, FORMAT, Feature, Number, Preprocessor, Scale, column};
use crate::table::Table;

/// Most categories with a code of their own, by encoding: an embedding row is cheap, an input is not.
const MOST_CODES: usize = 4096;
const MOST_ONE_HOT: usize = 256;
/// Knots of a quantile scale.
const KNOTS: usize = 1000;
/// Strength, in rows, of the prior that pulls a category's target mean to the overall mean.
const PRIOR_ROWS: f64 = 10.0;
/// Columns of orders for several classes: one for each of the most frequent classes.
const MOST_ORDERS: usize = 8;

/// What a fit learns from. Every slice has one entry a training row: no other row can leak in.
#[derive(Clone, Copy, Debug)]
pub struct FitInput<'a> {
    /// The training rows.
    pub train: &'a Table,
    /// Feature columns.
    pub features: &'a [String],
    /// The target: its value (regression), 0 or 1 (binary), or the class number.
    pub target: &'a [f64],
    /// Number of classes; 0 for regression.
    pub classes: usize,
    /// Row weights.
    pub weights: &'a [f64],
    /// How categories enter a network.
    pub categories: CategoryEncoding,
    /// How numbers are scaled.
    pub scaling: Scaling,
    /// Whether the features are the pixels of pictures: all are kept, and all are scaled alike.
    pub pixels: bool,
}

/// A fit's outcome.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The rules.
    pub preprocessor: Preprocessor,
    /// Columns that could not be used, and why: sentences.
    pub notes: Vec<String>,
}

/// A feature, or a sentence that says why there is none.
type Learnt = (Option<Feature>, Option<String>);

pub(super) fn fit(input: &FitInput<'_>) -> Result<Fitted, Failure> {
    if input.pixels {
        return pixels(input);
    }
    let learnt: Vec<Result<Learnt, Failure>> =
        input.features.par_iter().map(|name| feature(input, name)).collect();
    let (mut features, mut notes) = (Vec::new(), Vec::new());
    for entry in learnt {
        let (feature, note) = entry?;
        features.extend(feature);
        notes.extend(note);
    }
    if features.is_empty() {
        return Err(Failure::new(
            FailureClass::Client,
            format!(
                "No column is left to learn from. Exclude fewer columns, or set their types with --types. {}",
                notes.join(" ")
            ),
        ));
    }
    let preprocessor =
        Preprocessor { format: FORMAT, categories: input.categories, scaling: input.scaling, features };
    Ok(Fitted { preprocessor, notes })
}

/// Pixels: one mean and one deviation over all of them, so that a picture keeps its shades; none is left out, and a missing one is
/// as dark as the mean.
fn pixels(input: &FitInput<'_>) -> Result<Fitted, Failure> {
    let columns = input.features.par_iter().map(|name| {
        let place = column::position(input.train, name)?;
        let kind = input.train.schema[place].kind;
        Ok((kind, column::numbers(input.train, place, kind)?))
    });
    let columns = columns.collect::<Result<Vec<_>, Failure>>()?;
    let present = || columns.iter().flat_map(|(_, values)| values).copied().filter(|value| !value.is_nan());
    let (min, max) = present()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(value), max.max(value)));
    if min >= max {
        let message = "All pixels of the training pictures are the same, so there is nothing to learn. Look at the pictures.";
        return Err(Failure::new(FailureClass::Data, message));
    }
    let count = present().count() as f64;
    let mean = present().sum::<f64>() / count;
    let std = (present().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    let number = Number { min, max, scale: Scale::Standard { mean, std }, indicator: false };
    let feature = |(name, (kind, _)): (&String, &(ColumnType, Vec<f64>))| Feature {
        name: name.clone(),
        kind: *kind,
        encoding: Encoding::Number(number.clone()),
    };
    let preprocessor = Preprocessor {
        format: FORMAT,
        categories: input.categories,
        scaling: Scaling::Standard,
        features: input.features.iter().zip(&columns).map(feature).collect(),
    };
    Ok(Fitted { preprocessor, notes: Vec::new() })
}

/// What one column teaches, or why it teaches nothing.
fn feature(input: &FitInput<'_>, name: &str) -> Result<Learnt, Failure> {
    let place = column::position(input.train, name)?;
    let kind = input.train.schema[place].kind;
    let encoding = match kind {
        ColumnType::Text => {
            let note = format!(
                "The column '{name}' is free text and was left out; set its type to category if its values repeat."
            );
            return Ok((None, Some(note)));
        }
        ColumnType::Integer | ColumnType::Float | ColumnType::Boolean => {
            number(column::numbers(input.train, place, kind)?, input.scaling).map(Encoding::Number)
        }
        ColumnType::Datetime => date(&column::dates(input.train, place)?).map(Encoding::Date),
        ColumnType::Category => category(input, place).map(Encoding::Category),
    };
    Ok(match encoding {
        Some(encoding) => (Some(Feature { name: name.to_owned(), kind, encoding }), None),
        None => (
            None,
            Some(format!(
                "The column '{name}' has no two repeating values in the training rows and was left out."
            )),
        ),
    })
}

/// Mean and deviation (divisor n), the deviation 1 where it would be 0.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let std = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    (mean, if std > 0.0 && std.is_finite() { std } else { 1.0 })
}

/// `None` for a column that is the same in every row.
fn number(values: Vec<f64>, scaling: Scaling) -> Option<Number> {
    let rows = values.len();
    let mut present: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
    let indicator = present.len() < rows;
    let (min, max) = present
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(*value), max.max(*value)));
    if present.is_empty() || (min >= max && !indicator) {
        return None;
    }
    let scale = match scaling {
        Scaling::Standard => {
            let (mean, std) = moments(&present);
            Scale::Standard { mean, std }
        }
        Scaling::Quantile => {
            present.sort_unstable_by(f64::total_cmp);
            let last = present.len() - 1;
            let knots = KNOTS.min(present.len()).max(2);
            let at = |knot: usize| {
                let place = knot as f64 * last as f64 / (knots - 1) as f64;
                let low = present[place.floor() as usize];
                low + (present[(place.ceil() as usize).min(last)] - low) * place.fract()
            };
            Scale::Quantile { knots: (0..knots).map(at).collect() }
        }
    };
    Some(Number { min, max, scale, indicator })
}

/// `None` for a date that is the same in every row.
fn date(values: &[f64]) -> Option<Date> {
    let present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let indicator = present.len() < values.len();
    let first = *present.first()?;
    let range = present.iter().fold((first, first), |(min, max), value| (min.min(*value), max.max(*value)));
    let varies = |part: &DatePart| {
        let first = part.of(present[0]);
        present.iter().any(|value| part.of(*value).total_cmp(&first).is_ne())
    };
    let parts: Vec<DatePart> = DatePart::ALL.into_iter().filter(varies).collect();
    if parts.is_empty() && !indicator {
        return None;
    }
    let of = |part: DatePart| -> Vec<f64> { present.iter().map(|value| part.of(*value)).collect() };
    Some(Date {
        parts,
        year: moments(&of(DatePart::Year)),
        elapsed: moments(&of(DatePart::Elapsed)),
        range,
        indicator,
    })
}

/// `None` when no category repeats.
fn category(input: &FitInput<'_>, place: usize) -> Option<Category> {
    const MISSING: u32 = u32::MAX;
    let mut numbers: HashMap<String, u32> = HashMap::new();
    // One number a distinct value, in order of appearance.
    let mut found: Vec<u32> = column::coded(input.train, place, |text| {
        let next = numbers.len() as u32;
        text.map_or(MISSING, |text| *numbers.entry(text.to_owned()).or_insert(next))
    });
    let mut counts = vec![0_usize; numbers.len()];
    let mut missing = false;
    for number in &found {
        match counts.get_mut(*number as usize) {
            Some(count) => *count += 1,
            None => missing = true,
        }
    }
    let fewest = (found.len() / 20_000).clamp(2, 20);
    let most = match input.categories {
        CategoryEncoding::Embedding => MOST_CODES,
        CategoryEncoding::OneHot => MOST_ONE_HOT,
    };
    let mut by_count: Vec<(&String, usize)> = numbers
        .iter()
        .map(|(text, number)| (text, counts[*number as usize]))
        .filter(|(_, n)| *n > 0)
        .collect();
    by_count.sort_by(|(a, n), (b, m)| m.cmp(n).then(a.cmp(b)));
    let kept = by_count.iter().take(most).take_while(|(_, count)| *count >= fewest).count();
    let sorted = |part: &[(&String, usize)]| {
        let mut texts: Vec<String> = part.iter().map(|(text, _)| (*text).clone()).collect();
        texts.sort_unstable();
        texts
    };
    let (values, rare) = (sorted(&by_count[..kept]), sorted(&by_count[kept..]));
    if values.len() + usize::from(missing) + usize::from(!rare.is_empty()) < 2
        || (values.is_empty() && !missing)
    {
        return None;
    }
    let mut category = Category { values, rare, missing, orders: Vec::new() };
    let mut code_of = vec![0; numbers.len()];
    for (text, number) in &numbers {
        code_of[*number as usize] = category.code(text).0 as u32;
    }
    let absent = category.missing_code() as u32;
    for number in &mut found {
        *number = code_of.get(*number as usize).copied().unwrap_or(absent);
    }
    category.orders = orders(input, &found, category.cardinality());
    Some(category)
}

/// First, the place of every code among the codes sorted by their smoothed target mean: means are pulled to the overall mean as if
/// [`PRIOR_ROWS`] more rows had it, so that a code without rows stands where the average is. `[orders][codes]`
fn orders(input: &FitInput<'_>, codes: &[u32], cardinality: usize) -> Vec<Vec<f32>> {
    let order_of = |value: &dyn Fn(usize) -> f64| {
        let (mut sums, mut weights) = (vec![0.0; cardinality], vec![0.0; cardinality]);
        let (mut sum, mut weight) = (0.0, 0.0);
        for (row, code) in codes.iter().enumerate() {
            let (w, y) = (input.weights[row], value(row));
            sums[*code as usize] += w * y;
            weights[*code as usize] += w;
            sum += w * y;
            weight += w;
        }
        let mean = if weight > 0.0 { sum / weight } else { 0.0 };
        let prior = PRIOR_ROWS * weight / codes.len().max(1) as f64;
        let smooth: Vec<f64> = (0..cardinality)
            .map(|code| {
                if weights[code] + prior > 0.0 {
                    (sums[code] + prior * mean) / (weights[code] + prior)
                } else {
                    mean
                }
            })
            .collect();
        let mut sorted: Vec<usize> = (0..cardinality).collect();
        sorted.sort_by(|a, b| smooth[*a].total_cmp(&smooth[*b]).then(a.cmp(b)));
        let mut places = vec![0.0; cardinality];
        for (place, code) in sorted.into_iter().enumerate() {
            places[code] = place as f32;
        }
        places
    };
    if input.classes < 3 {
        let mut orders = vec![order_of(&|row| input.target[row])];
        // Grades and ranges are often spelt in their own order, which the target's mean hides where another column confounds it.
        if cardinality > 3 {
            orders.push((0..cardinality).map(|code| code as f32).collect());
        }
        return orders;
    }
    let mut counts = vec![0_usize; input.classes];
    for class in input.target {
        counts[*class as usize] += 1;
    }
    let mut frequent: Vec<usize> = (0..input.classes).collect();
    frequent.sort_by_key(|class| std::cmp::Reverse(counts[*class]));
    frequent
        .into_iter()
        .take(MOST_ORDERS)
        .map(|class| order_of(&|row| f64::from(u8::from(input.target[row] as usize == class))))
        .collect()
}
