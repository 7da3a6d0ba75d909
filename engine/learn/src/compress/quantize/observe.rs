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
/// Values of an input that are looked at, at most.
const MOST: usize = 4_000_000;
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
    values(model, rows, names)
        .map(|all| all.into_iter().map(|(name, values)| (name, range(values, how))).collect())
        .map_err(|what| {
            Failure::new(
                FailureClass::Bug,
                format!("The model's inner values could not be looked at: {what}. Nothing was made."),
            )
        })
}

/// What each named value is on these rows; a sentence part where the graph does not run.
pub fn values(
    model: &ModelProto,
    rows: &Encoded,
    names: &[String],
) -> Result<BTreeMap<String, Vec<f32>>, String> {
    let mut found = BTreeMap::new();
    let mut inner: Vec<&String> = names.iter().filter(|name| *name != INPUT).collect();
    inner.sort();
    inner.dedup();
    if names.iter().any(|name| name == INPUT) {
        found.insert(INPUT.to_owned(), rows.values.clone());
    }
    let mut model = model.clone();
    let Some(graph) = &mut model.graph else { return Ok(found) };
    let tensor = || TypeProto { tensor_type: Some(TensorTypeProto { elem_type: FLOAT, shape: None }) };
    graph.output =
        inner.iter().map(|name| ValueInfoProto { name: (*name).clone(), r#type: Some(tensor()) }).collect();
    if inner.is_empty() {
        return Ok(found);
    }
    let runnable = OnnxModel::of(model.encode_to_vec())?;
    let x = OnnxTensor { shape: vec![rows.rows, rows.cols], elements: Elements::Floats(rows.values.clone()) };
    let outputs = runnable.run(&[x]).map_err(|failure| failure.message)?;
    for (name, output) in inner.into_iter().zip(outputs) {
        let Elements::Floats(values) = output.elements else { return Err(format!("'{name}' is no float")) };
        found.insert(name.clone(), values);
    }
    Ok(found)
}

/// The range that covers values, as it is asked for.
fn range(mut values: Vec<f32>, how: Calibration) -> Range {
    values.retain(|value| value.is_finite());
    values.truncate(MOST);
    let ends = |values: &[f32]| {
        values.iter().fold((0.0_f32, 0.0_f32), |(low, high), value| (low.min(*value), high.max(*value)))
    };
    let (low, high) = ends(&values);
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

    #[test]
    fn each_way_has_its_own_range() {
        let whole = range(spiky(), Calibration::MinMax);
        assert_eq!(whole, Range::covering(-3.0, 40.0));
        let cut = range(spiky(), Calibration::Percentile);
        assert_eq!(cut, Range::covering(0.0, 1.0), "the far ones are cut off");
        let best = range(spiky(), Calibration::Mse);
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
        assert_eq!(range(Vec::new(), Calibration::Percentile), Range::covering(0.0, 0.0));
        assert_eq!(range(vec![f32::NAN], Calibration::Mse), Range::covering(0.0, 0.0));
    }
}
