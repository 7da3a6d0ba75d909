//! Drift: how differently two versions answer, by the population stability index of their predictions.

use orrery_domain::fleet::ServerKind;
use orrery_oip::{DataType, DecodeOptions, Limits, decode_response};

use crate::fleet::identity_dialect;

/// Predictions kept of a version: the first of a stage.
const KEPT: usize = 2_000;
/// Predictions of each version before they are compared: then chance moves the index by 0.04 (its standard deviation).
const LEAST: usize = 200;
/// Bins of equal counts of the primary's predictions.
const BINS: usize = 10;

/// Predictions of both versions within a stage.
#[derive(Clone, Debug, Default)]
pub struct Predictions {
    primary: Vec<f64>,
    canary: Vec<f64>,
}

impl Predictions {
    /// Takes the first number of each row of an answer's last numeric output.
    pub fn take(&mut self, canary: bool, body: &[u8], header_length: Option<usize>) {
        let kept = if canary { &mut self.canary } else { &mut self.primary };
        if kept.len() < KEPT
            && let Some(values) = read(body, header_length)
        {
            kept.extend(values.into_iter().filter(|value| value.is_finite()).take(KEPT - kept.len()));
        }
    }

    /// The index between both versions, less what chance alone would give; `None` before there are enough.
    ///
    /// Of equal distributions the index is about chi-squared with `BINS - 1` degrees of freedom, times `1/n + 1/m` (Yurdakul,
    /// "Statistical Properties of Population Stability Index", 2018).
    pub fn index(&self) -> Option<f64> {
        (self.primary.len() >= LEAST && self.canary.len() >= LEAST).then(|| {
            let chance = 1.0 / self.primary.len() as f64 + 1.0 / self.canary.len() as f64;
            (stability(&self.primary, &self.canary) - (BINS - 1) as f64 * chance).max(0.0)
        })
    }

    /// Whether predictions can be read and there are too few to compare yet.
    pub fn waits(&self) -> bool {
        !self.primary.is_empty() && !self.canary.is_empty() && self.index().is_none()
    }
}

/// The column that is compared: the last one of the last output of numbers (of probabilities: the last class's).
fn read(body: &[u8], header_length: Option<usize>) -> Option<Vec<f64>> {
    let options = DecodeOptions::of(identity_dialect(ServerKind::Orrery), Limits::default());
    let response = decode_response(body, header_length, &options).ok()?;
    let numeric = |datatype| !matches!(datatype, DataType::Bytes | DataType::Bool);
    let tensor = response.outputs.iter().rev().find(|tensor| numeric(tensor.datatype()))?;
    let width = tensor.shape().iter().skip(1).product::<u64>().max(1) as usize;
    let values = tensor.as_f64().ok()?;
    Some(values.chunks(width).filter_map(|row| row.last().copied()).collect())
}

/// Population stability index over bins of equal counts of `expected`: the sum of (q - p) ln(q / p). Empty bins count as half a value.
///
/// Source: Siddiqi, "Credit Risk Scorecards" (2006). Below 0.1 nothing has shifted, above 0.25 much has.
pub fn stability(expected: &[f64], found: &[f64]) -> f64 {
    let mut sorted = expected.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut edges: Vec<f64> = (1..BINS).map(|bin| sorted[bin * sorted.len() / BINS]).collect();
    edges.dedup();
    let shares = |values: &[f64]| {
        let mut counts = vec![0_u32; edges.len() + 1];
        for value in values {
            counts[edges.partition_point(|edge| edge <= value)] += 1;
        }
        let all = values.len() as f64;
        counts.into_iter().map(|count| f64::from(count).max(0.5) / all).collect::<Vec<_>>()
    };
    shares(expected).iter().zip(&shares(found)).map(|(p, q)| (q - p) * (q / p).ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_nothing_for_the_same_and_much_for_a_shift() {
        let even: Vec<f64> = (0..1000).map(f64::from).collect();
        assert!(stability(&even, &even).abs() < 1e-12);
        let shifted: Vec<f64> = (500..1500).map(f64::from).collect();
        assert!(stability(&even, &shifted) > 0.25);
        // By hand: two bins, 50/50 against 70/30: 0.2 ln(1.4) - 0.2 ln(0.6).
        let expected: Vec<f64> = (0..100).map(|n| f64::from(n % 2)).collect();
        let found: Vec<f64> = (0..100).map(|n| if n < 30 { 1.0 } else { 0.0 }).collect();
        let by_hand = 0.2 * 1.4_f64.ln() - 0.2 * 0.6_f64.ln();
        assert!((stability(&expected, &found) - by_hand).abs() < 1e-12);
        assert!((stability(&[1.0; 200], &[1.0; 200])).abs() < 1e-12, "one value has one bin");
    }

    #[test]
    fn predictions_are_read_from_answers() {
        let body = br#"{"model_name":"m","outputs":[{"name":"label","datatype":"BYTES","shape":[2],"data":["a","b"]},
            {"name":"p","datatype":"FP64","shape":[2,2],"data":[0.1,0.9,0.8,0.2]}]}"#;
        assert_eq!(read(body, None), Some(vec![0.9, 0.2]));
        assert_eq!(read(b"garbage", None), None);
        let mut predictions = Predictions::default();
        for _ in 0..100 {
            predictions.take(true, body, None);
        }
        assert_eq!(predictions.index(), None, "the primary has none yet");
        for _ in 0..100 {
            predictions.take(false, body, None);
        }
        assert!(predictions.index().is_some_and(|index| index.abs() < 1e-12));
    }
}
