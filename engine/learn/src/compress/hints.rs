//! Hints: what a teaching network's last hidden layer says of rows, for a student's last hidden layer to follow.
//!
//! A wide layer is brought to few numbers by a random projection, which keeps how far rows are apart (Johnson and Lindenstrauss 1984); each
//! number has mean 0 and deviation 1 over the rows.

use std::path::Path;

use orrery_domain::{Failure, FailureClass, model::ModelCard};
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    client,
    quantize::{layers, values},
};
use crate::{
    nets::{self, Encoded, onnx::graph},
    prepare::Preprocessor,
    table::Table,
};

/// Most numbers of a hint.
const MOST: usize = 32;
/// Rows that are computed together.
const ROWS: usize = 1 << 15;
/// The layer whose input is the last hidden layer.
const HEAD: &str = "head.weight";

/// What a network's last hidden layer says of some rows.
pub(super) struct Hints {
    /// Numbers of a row.
    pub count: usize,
    /// `[rows, count]`
    values: Vec<f32>,
}

impl Hints {
    /// Outputs with their rows' hints after them. `[rows, outputs + count]`
    pub fn beside(&self, outputs: &[f32]) -> Vec<f32> {
        let rows = (self.values.len() / self.count.max(1)).max(1);
        let pairs = outputs
            .chunks_exact((outputs.len() / rows).max(1))
            .zip(self.values.chunks_exact(self.count.max(1)));
        pairs.flat_map(|(outputs, hints)| outputs.iter().chain(hints)).copied().collect()
    }
}

/// Asks the network in a folder.
///
/// # Errors
/// A client failure when it has no hidden layer that could be followed; those of reading and computing it.
pub(super) fn of(folder: &Path, card: &ModelCard, table: &Table) -> Result<Hints, Failure> {
    let none = |why: &str| {
        client(format!(
            "Its hidden layer cannot be followed: {why}. Nothing was made; follow its answers alone."
        ))
    };
    if !card.kind.is_network() {
        return Err(none("it has none"));
    }
    if card.is_quantized() {
        return Err(none("it is quantized; distil the model that it was made from"));
    }
    let (arch, weights) = nets::load(folder)?;
    let model = graph(&arch, &weights);
    let input = layers(&model).into_iter().find(|(matrix, _)| matrix == HEAD).and_then(|(_, input)| input);
    let input = input.filter(|_| arch.depth > 0).ok_or_else(|| none("it has none"))?;
    let encoded = Preprocessor::load(folder)?.transform(table)?.0;
    let members = arch.members.max(1);
    let mut projected = Vec::new();
    let mut count = 0;
    for part in encoded.values.chunks((ROWS * encoded.cols).max(1)) {
        let rows = part.len() / encoded.cols.max(1);
        let part = Encoded { rows, cols: encoded.cols, values: part.to_vec() };
        let found = values(&model, &part, std::slice::from_ref(&input)).map_err(|what| {
            Failure::new(
                FailureClass::Bug,
                format!("The teacher's hidden layer could not be looked at: {what}."),
            )
        })?;
        let layer = found.get(&input).ok_or_else(|| none("it says nothing"))?;
        // Members of an ensemble say it by their mean.
        let width = layer.len() / (rows * members).max(1);
        let projection = projection(width);
        count = projection.len();
        for row in 0..rows {
            let value = |unit: usize| -> f64 {
                (0..members).map(|member| f64::from(layer[(member * rows + row) * width + unit])).sum()
            };
            let units: Vec<f64> = (0..width).map(|unit| value(unit) / members as f64).collect();
            let along = |signs: &Vec<f64>| {
                signs.iter().zip(&units).map(|(sign, unit)| sign * unit).sum::<f64>() as f32
            };
            projected.extend(projection.iter().map(along));
        }
    }
    standardize(&mut projected, count);
    Ok(Hints { count, values: projected })
}

/// Directions that a layer is looked at along: its own units where they are few, else random signs (Achlioptas 2003), always the same.
/// `[directions][units]`
fn projection(width: usize) -> Vec<Vec<f64>> {
    if width <= MOST {
        return (0..width)
            .map(|at| (0..width).map(|unit| f64::from(u8::from(unit == at))).collect())
            .collect();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut sign = || if rng.random::<bool>() { 1.0 } else { -1.0 };
    (0..MOST).map(|_| (0..width).map(|_| sign()).collect()).collect()
}

/// Brings each column to mean 0 and deviation 1; one that says nothing becomes 0.
fn standardize(values: &mut [f32], columns: usize) {
    let rows = (values.len() / columns.max(1)).max(1) as f64;
    for column in 0..columns {
        let all = || values.iter().skip(column).step_by(columns).map(|value| f64::from(*value));
        let mean = all().sum::<f64>() / rows;
        let deviation = (all().map(|value| (value - mean).powi(2)).sum::<f64>() / rows).sqrt();
        for value in values.iter_mut().skip(column).step_by(columns) {
            *value = if deviation > 1e-9 { ((f64::from(*value) - mean) / deviation) as f32 } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_keeps_how_far_rows_are_apart() {
        let width = 400;
        let directions = projection(width);
        assert_eq!(directions.len(), MOST);
        let row = |seed: usize| -> Vec<f64> {
            (0..width).map(|at| ((at * 37 + seed * 101) % 97) as f64 / 97.0).collect()
        };
        let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let along = |row: &[f64]| -> Vec<f64> {
            directions
                .iter()
                .map(|signs| signs.iter().zip(row).map(|(sign, value)| sign * value).sum())
                .collect()
        };
        for pair in [(1, 2), (3, 50), (7, 8)] {
            let (a, b) = (row(pair.0), row(pair.1));
            let ratio = apart(&along(&a), &along(&b)) / MOST as f64 / apart(&a, &b);
            assert!((0.4..1.9).contains(&ratio), "{pair:?}: {ratio}");
        }
        assert_eq!(projection(2), [[1.0, 0.0], [0.0, 1.0]], "few units are looked at one by one");
    }

    #[test]
    fn columns_are_standardized_and_put_after_the_outputs() {
        let mut values = vec![1.0, 5.0, 3.0, 5.0, 5.0, 5.0];
        standardize(&mut values, 2);
        let expected = [-1.224_744_9, 0.0, 0.0, 0.0, 1.224_744_9, 0.0];
        assert!(values.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6), "{values:?}");
        let hints = Hints { count: 2, values };
        let all = hints.beside(&[10.0, 20.0, 30.0]);
        assert_eq!(all.len(), 9);
        assert_eq!((all[0], all[3], all[6]), (10.0, 20.0, 30.0));
    }
}
