//! Transform: any table with the feature columns becomes the numbers a model takes.

use orrery_domain::{Failure, training::CategoryEncoding};
use rayon::prelude::*;

use super::{
    Category, Date, Encoding, Feature, Number, Preprocessor, Scale, TransformReport, TreeMatrix, column,
    normal,
};
use crate::{nets::Encoded, table::Table};

/// Scaled values are kept within this, so that a wild one cannot overflow a network.
const LIMIT: f64 = 1e6;
/// Rows assembled by one thread at a time.
const BLOCK: usize = 2048;
/// Rows up to which one thread is quicker than several.
const FEW: usize = 64;

/// One feature's inputs, before they are put side by side.
struct Columns {
    /// Continuous inputs. `[inputs][rows]`
    continuous: Vec<Vec<f32>>,
    /// Flags. `[inputs][rows]`
    flags: Vec<Vec<f32>>,
    /// Codes and their number, for categories. `[rows]`
    codes: Option<(Vec<u32>, usize)>,
    /// Rows with a category that training never saw.
    unseen: u64,
    /// Rows outside the training range.
    out_of_range: u64,
}

impl Columns {
    fn numbers(continuous: Vec<Vec<f32>>, flags: Vec<Vec<f32>>, out_of_range: u64) -> Self {
        Self { continuous, flags, codes: None, unseen: 0, out_of_range }
    }
}

/// What becomes of each feature's column: side by side, but for few rows one after the other, for other threads take longer to wake.
fn each_feature<T: Send>(
    rules: &Preprocessor,
    table: &Table,
    of: impl Fn(&Feature, &Table) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    if table.rows() <= FEW {
        return rules.features.iter().map(|feature| of(feature, table)).collect();
    }
    rules.features.par_iter().map(|feature| of(feature, table)).collect()
}

pub(super) fn encode(
    rules: &Preprocessor,
    table: &Table,
    categories: CategoryEncoding,
) -> Result<(Encoded, TransformReport), Failure> {
    let parts = each_feature(rules, table, columns)?;
    let mut report = TransformReport::default();
    for (feature, part) in rules.features.iter().zip(&parts) {
        report.add(&feature.name, part.unseen, part.out_of_range);
    }
    let layout = rules.layout_as(categories);
    let (rows, cols) = (table.rows(), layout.width());
    let numbers: Vec<&Vec<f32>> =
        parts.iter().flat_map(|p| &p.continuous).chain(parts.iter().flat_map(|p| &p.flags)).collect();
    let codes: Vec<&(Vec<u32>, usize)> = parts.iter().filter_map(|p| p.codes.as_ref()).collect();
    let mut values = vec![0.0_f32; rows * cols];
    if cols > 0 {
        let fill = |(block, out): (usize, &mut [f32])| {
            for (row, out) in out.chunks_exact_mut(cols).enumerate() {
                let row = block * BLOCK + row;
                for (value, column) in out.iter_mut().zip(&numbers) {
                    *value = column[row];
                }
                let mut at = numbers.len();
                for (codes, cardinality) in &codes {
                    match categories {
                        CategoryEncoding::Embedding => {
                            out[at] = codes[row] as f32;
                            at += 1;
                        }
                        CategoryEncoding::OneHot => {
                            out[at + codes[row] as usize] = 1.0;
                            at += cardinality;
                        }
                    }
                }
            }
        };
        if rows <= FEW {
            fill((0, &mut values));
        } else {
            values.par_chunks_mut(cols * BLOCK).enumerate().for_each(fill);
        }
    }
    Ok((Encoded { rows, cols, values }, report))
}

pub(super) fn trees(rules: &Preprocessor, table: &Table) -> Result<(TreeMatrix, TransformReport), Failure> {
    let parts = each_feature(rules, table, tree_columns)?;
    let mut report = TransformReport::default();
    let rows = table.rows();
    let cols = rules.tree_inputs().len();
    let mut values = Vec::with_capacity(rows * cols);
    for (feature, (columns, unseen, out_of_range)) in rules.features.iter().zip(parts) {
        report.add(&feature.name, unseen, out_of_range);
        values.extend(columns);
    }
    Ok((TreeMatrix { rows, cols, values }, report))
}

impl TransformReport {
    fn add(&mut self, name: &str, unseen: u64, out_of_range: u64) {
        if unseen > 0 {
            self.unseen.push((name.to_owned(), unseen));
        }
        if out_of_range > 0 {
            self.out_of_range.push((name.to_owned(), out_of_range));
        }
    }
}

fn columns(feature: &Feature, table: &Table) -> Result<Columns, Failure> {
    let place = column::position(table, &feature.name)?;
    Ok(match &feature.encoding {
        Encoding::Number(number) => {
            let values = column::numbers(table, place, feature.kind)?;
            let scaled = values.iter().map(|value| number.scale.apply(*value)).collect();
            let flags = number.indicator.then(|| missing_flags(&values));
            Columns::numbers(vec![scaled], flags.into_iter().collect(), outside(&values, number))
        }
        Encoding::Date(date) => {
            let values = column::dates(table, place)?;
            let (continuous, flags) = date.inputs(&values);
            Columns::numbers(continuous, flags, beyond(&values, date.range))
        }
        Encoding::Category(category) => {
            let (codes, unseen) = codes(category, table, place);
            Columns {
                continuous: Vec::new(),
                flags: Vec::new(),
                codes: Some((codes, category.cardinality())),
                unseen,
                out_of_range: 0,
            }
        }
    })
}

/// Columns for trees one after the other, rows with unseen categories, rows out of range.
fn tree_columns(feature: &Feature, table: &Table) -> Result<(Vec<f64>, u64, u64), Failure> {
    let place = column::position(table, &feature.name)?;
    Ok(match &feature.encoding {
        Encoding::Number(number) => {
            let values = column::numbers(table, place, feature.kind)?;
            let outside = outside(&values, number);
            (values, 0, outside)
        }
        Encoding::Date(date) => {
            let values = column::dates(table, place)?;
            let parts = date.parts.iter().flat_map(|part| values.iter().map(|value| part.of(*value)));
            (parts.collect(), 0, beyond(&values, date.range))
        }
        Encoding::Category(category) => {
            let (codes, unseen) = codes(category, table, place);
            let absent = if category.missing { category.missing_code() as u32 } else { u32::MAX };
            let places = category.orders.iter().flat_map(|order| {
                codes
                    .iter()
                    .map(|code| if *code == absent { f64::NAN } else { f64::from(order[*code as usize]) })
            });
            (places.collect(), unseen, 0)
        }
    })
}

/// The code of every row, and the number of rows with a category that training never saw. `[rows]`
fn codes(category: &Category, table: &Table, place: usize) -> (Vec<u32>, u64) {
    // A mark beside the code, so that a row's code is written once.
    const UNSEEN: u32 = 1 << 31;
    let mut codes = column::coded(table, place, |text| match text.map(|text| category.code(text)) {
        None => category.missing_code() as u32,
        Some((code, unseen)) => code as u32 | if unseen { UNSEEN } else { 0 },
    });
    let mut unseen = 0;
    for code in &mut codes {
        unseen += u64::from(*code & UNSEEN != 0);
        *code &= !UNSEEN;
    }
    (codes, unseen)
}

fn missing_flags(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| f32::from(u8::from(value.is_nan()))).collect()
}

fn outside(values: &[f64], number: &Number) -> u64 {
    beyond(values, (number.min, number.max))
}

fn beyond(values: &[f64], (low, high): (f64, f64)) -> u64 {
    values.iter().filter(|value| **value < low || **value > high).count() as u64
}

impl Scale {
    /// The scaled value; 0 for a missing one.
    pub fn apply(&self, value: f64) -> f32 {
        if value.is_nan() {
            return 0.0;
        }
        let scaled = match self {
            Self::Standard { mean, std } => (value - mean) / std,
            Self::Quantile { knots } => normal::quantile(share_below(knots, value)),
        };
        scaled.clamp(-LIMIT, LIMIT) as f32
    }
}

/// Share of the distribution with these evenly spaced quantiles that lies below a value: the middle of the run where knots repeat.
fn share_below(knots: &[f64], value: f64) -> f64 {
    let last = knots.len() - 1;
    let above = knots.partition_point(|knot| *knot <= value);
    let from = knots.partition_point(|knot| *knot < value);
    let place = if from < above {
        (from + above - 1) as f64 / 2.0
    } else if above == 0 {
        0.0
    } else if above > last {
        last as f64
    } else {
        let (low, high) = (knots[above - 1], knots[above]);
        (above - 1) as f64 + (value - low) / (high - low)
    };
    place / last as f64
}

impl Date {
    /// Continuous inputs and flags of dates in seconds since 1970.
    fn inputs(&self, values: &[f64]) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
        let (mut continuous, mut flags) = (Vec::new(), Vec::new());
        let or_zero = |value: f64| if value.is_nan() { 0.0 } else { value.clamp(-LIMIT, LIMIT) as f32 };
        for part in &self.parts {
            let numbers = values.iter().map(|value| part.of(*value));
            if let Some((first, length)) = part.cycle() {
                let angles: Vec<f64> =
                    numbers.map(|n| (n - first) / length * std::f64::consts::TAU).collect();
                flags.push(angles.iter().map(|angle| or_zero(angle.sin())).collect());
                flags.push(angles.iter().map(|angle| or_zero(angle.cos())).collect());
            } else {
                let (mean, std) = if *part == super::DatePart::Year { self.year } else { self.elapsed };
                continuous.push(numbers.map(|n| or_zero((n - mean) / std)).collect());
            }
        }
        if self.indicator {
            flags.push(missing_flags(values));
        }
        (continuous, flags)
    }
}
