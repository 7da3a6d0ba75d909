//! Observation: what values a layer's input takes on training rows, and the range that is made of them.

use std::collections::BTreeMap;

use orrery_domain::{Failure, FailureClass, compress::Calibration};
use prost::Message;

use crate::{
    nets::{
        Encoded,
        codes::Range,
        onnx::proto::{FLOAT, ModelProto, TensorTypeProto, TypeProto, ValueInfoProto},
    },
    onnx::{Elements, OnnxModel, OnnxTensor},
};

/// The graph's input.
const INPUT: &str = "x";
/// Values of an input that are kept, at most.
const MOST: usize = 4_000_000;
/// Rows that are computed together: layers over pictures are large on their way.
const PART: usize = 64;
/// The golden section of 2^64.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// Values over which the least squared error is sought.
const SAMPLE: usize = 200_000;
/// Share of the values that the percentiles cut off at each end.
const CUT: f64 = 1e-4;
/// Narrower ranges that are tried for the least squared error, from whole to a quarter.
const TRIES: usize = 76;

/// The range of each named value, over these rows.
///
/// # Errors
/// A bug failure when the graph does not run.
pub fn ranges(
    model: &ModelProto,
    rows: &Encoded,
    names: &[String],
    how: Calibration,
) -> Result<BTreeMap<String, Range>, Failure> {
    seen(model, rows, names)
        .map(|all| all.into_iter().map(|(name, seen)| (name, range(seen, how))).collect())
        .map_err(|what| {
            Failure::new(
                FailureClass::Bug,
                format!("The model's inner values could not be looked at: {what}. Nothing was made."),
            )
        })
}

/// What was seen of a value.
struct Seen {
    /// Smallest number, or 0.
    low: f32,
    /// Largest number, or 0.
    high: f32,
    /// How many there were.
    count: u64,
    /// Share of them that is kept, of [`u64::MAX`].
    share: u64,
    kept: Vec<f32>,
}

impl Seen {
    /// Nothing yet, of so many numbers that are to come.
    fn of(count: usize) -> Self {
        let share = u64::MAX / count.div_ceil(MOST).max(1) as u64;
        Self { low: 0.0, high: 0.0, count: 0, share, kept: Vec::new() }
    }

    fn add(&mut self, values: &[f32]) {
        for &value in values.iter().filter(|value| value.is_finite()) {
            (self.low, self.high) = (self.low.min(value), self.high.max(value));
            // By multiples of the golden section, which no line of a picture has in common with another.
            if self.count.wrapping_mul(GOLDEN) <= self.share {
                self.kept.push(value);
            }
            self.count += 1;
        }
    }
}

/// What each named value is on these rows, some at a time; a sentence part where the graph does not run.
fn seen(model: &ModelProto, rows: &Encoded, names: &[String]) -> Result<BTreeMap<String, Seen>, String> {
    let probe = Probe::new(model, names)?;
    let mut all: BTreeMap<String, Seen> = BTreeMap::new();
    for part in rows.values.chunks((PART * rows.cols).max(1)) {
        let count = part.len() / rows.cols.max(1);
        let part = Encoded { rows: count, cols: rows.cols, values: part.to_vec() };
        for (name, values) in probe.values(&part)? {
            let whole = values.len() / count.max(1) * rows.rows;
            all.entry(name).or_insert_with(|| Seen::of(whole)).add(&values);
        }
    }
    Ok(all)
}

/// What each named value is on these rows; a sentence part where the graph does not run.
pub fn values(
    model: &ModelProto,
    rows: &Encoded,
    names: &[String],
) -> Result<BTreeMap<String, Vec<f32>>, String> {
    Probe::new(model, names)?.values(rows)
}

/// A graph that gives its inner values.
struct Probe {
    /// None where only its input is looked at.
    model: Option<OnnxModel>,
    /// Names of the values it gives.
    inner: Vec<String>,
    /// Whether its input is looked at, too.
    input: bool,
}

impl Probe {
    fn new(model: &ModelProto, names: &[String]) -> Result<Self, String> {
        let mut inner: Vec<String> = names.iter().filter(|name| *name != INPUT).cloned().collect();
        inner.sort();
        inner.dedup();
        let mut model = model.clone();
        let tensor = || TypeProto { tensor_type: Some(TensorTypeProto { elem_type: FLOAT, shape: None }) };
        if let Some(graph) = &mut model.graph {
            let output = |name: &String| ValueInfoProto { name: name.clone(), r#type: Some(tensor()) };
            graph.output = inner.iter().map(output).collect();
        }
        let model = if inner.is_empty() { None } else { Some(OnnxModel::of(model.encode_to_vec())?) };
        Ok(Self { model, inner, input: names.iter().any(|name| name == INPUT) })
    }

    fn values(&self, rows: &Encoded) -> Result<BTreeMap<String, Vec<f32>>, String> {
        let mut found = BTreeMap::new();
        if self.input {
            found.insert(INPUT.to_owned(), rows.values.clone());
        }
        let Some(model) = &self.model else { return Ok(found) };
        let shape = vec![rows.rows, rows.cols];
        let x = OnnxTensor { shape, elements: Elements::Floats(rows.values.clone()) };
        let outputs = model.run(&[x]).map_err(|failure| failure.message)?;
        for (name, output) in self.inner.iter().zip(outputs) {
            let Elements::Floats(values) = output.elements else {
                return Err(format!("'{name}' is no float"));
            };
            found.insert(name.clone(), values);
        }
        Ok(found)
    }
}

/// The range that covers what was seen, as it is asked for.
fn range(seen: Seen, how: Calibration) -> Range {
    let Seen { low, high, kept: mut values, .. } = seen;
    match how {
        Calibration::MinMax => Range::covering(low, high),
        Calibration::Percentile => {
            let cut = (values.len() as f64 * CUT) as usize;
            if cut == 0 {
                return Range::covering(low, high);
            }
            let last = values.len() - 1 - cut;
            let (_, low, _) = values.select_nth_unstable_by(cut, f32::total_cmp);
            let low = *low;
            let (_, high, _) = values.select_nth_unstable_by(last, f32::total_cmp);
            Range::covering(low, *high)
        }
        Calibration::Mse => {
            let step = values.len().div_ceil(SAMPLE).max(1);
            let sample: Vec<f32> = values.into_iter().step_by(step).collect();
            let tries = (0..TRIES).map(|at| 1.0 - at as f32 / 100.0).map(|share| {
                let range = Range::covering(low * share, high * share);
                (error(&sample, range), range)
            });
            tries.min_by(|(a, _), (b, _)| a.total_cmp(b)).map_or(Range::covering(low, high), |(_, best)| best)
        }
    }
}

/// Sum of the squared errors of rounding to a range.
fn error(values: &[f32], range: Range) -> f64 {
    let zero = f32::from(range.zero);
    let one = |value: &f32| {
        let code = ((value / range.scale).round() + zero).clamp(0.0, 255.0);
        f64::from((code - zero) * range.scale - value).powi(2)
    };
    values.iter().map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many small values and a few far ones.
    fn spiky() -> Vec<f32> {
        let small = (0..50_000).map(|at| (at % 101) as f32 / 100.0);
        small.chain([40.0, -3.0]).collect()
    }

    fn seen(values: &[f32]) -> Seen {
        let mut seen = Seen::of(values.len());
        seen.add(values);
        seen
    }

    #[test]
    fn of_very_many_values_some_are_kept_and_the_ends_of_all() {
        let count = 3 * MOST;
        let mut seen = Seen::of(count);
        // Lines of 28 places, each with its own number; one far value where none is kept.
        let line: Vec<f32> = (0..28_u8).map(f32::from).collect();
        for _ in 0..count / 28 {
            seen.add(&line);
        }
        seen.add(&[f32::NAN]);
        seen.add(&[-7.0, 99.0, -8.0]);
        assert!(seen.kept.len().abs_diff(MOST) < MOST / 100, "{}", seen.kept.len());
        let (low, high) = (seen.low, seen.high);
        let mean = seen.kept.iter().map(|value| f64::from(*value)).sum::<f64>() / seen.kept.len() as f64;
        assert!((mean - 13.5).abs() < 0.01, "{mean}: every place of a line");
        assert_eq!(range(seen, Calibration::MinMax), Range::covering(low, high));
        assert_eq!((low.to_bits(), high.to_bits()), ((-8.0_f32).to_bits(), 99.0_f32.to_bits()));
    }

    #[test]
    fn each_way_has_its_own_range() {
        let whole = range(seen(&spiky()), Calibration::MinMax);
        assert_eq!(whole, Range::covering(-3.0, 40.0));
        let cut = range(seen(&spiky()), Calibration::Percentile);
        assert_eq!(cut, Range::covering(0.0, 1.0), "the far ones are cut off");
        let best = range(seen(&spiky()), Calibration::Mse);
        let errors = [whole, cut, best].map(|range| error(&spiky(), range));
        assert!(errors[2] <= errors[0] && errors[2] <= errors[1] + 1e-9, "{errors:?}");
    }

    #[test]
    fn zero_is_exact_and_nothing_is_a_range_too() {
        for (low, high) in [(0.5, 3.0), (-2.0, -1.0), (-1.0, 1.0), (0.0, 0.0)] {
            let range = Range::covering(low, high);
            let zero = f32::from(range.zero);
            assert!((0.0..=255.0).contains(&zero) && range.scale > 0.0);
            assert!(zero.fract().abs() < f32::EPSILON, "0 has a code of its own");
        }
        assert_eq!(range(seen(&[]), Calibration::Percentile), Range::covering(0.0, 0.0));
        assert_eq!(range(seen(&[f32::NAN]), Calibration::Mse), Range::covering(0.0, 0.0));
    }
}
