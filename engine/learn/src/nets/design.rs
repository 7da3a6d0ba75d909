//! Design: the architecture of a request, every default resolved, with bin edges from the training rows.

use orrery_domain::{
    image::ImageShape,
    training::{HyperParameters, ModelKind},
};
use rayon::prelude::*;

use super::{Architecture, Encoded, Family, OutputScale, batch::Noise};

/// Most bins of a piecewise-linear embedding.
const BINS: usize = 48;
/// Most rows that bins are found by.
const SAMPLE: usize = 1 << 15;
/// Width of a numeric column's piecewise-linear embedding.
const PLE_WIDTH: usize = 8;

impl Architecture {
    /// The network of a request. Kinds that are no network give the linear family.
    ///
    /// `numeric` columns come first, then one column for each of `category_sizes`; `edges` are those of [`bin_edges`], or
    /// none where numbers enter as they are.
    pub fn design(
        kind: ModelKind,
        hyper: &HyperParameters,
        numeric: usize,
        category_sizes: Vec<usize>,
        outputs: usize,
        output: OutputScale,
        edges: Vec<Vec<f32>>,
    ) -> Self {
        let (family, width, depth, dropout, members) = match kind {
            ModelKind::Mlp => (Family::Mlp, 256, 3, 0.0, 1),
            ModelKind::Resnet => (Family::Resnet, 192, 3, 0.1, 1),
            ModelKind::Tabm => (Family::Tabm, 128, 3, 0.0, 8),
            ModelKind::Cnn => (Family::Cnn, 24, 3, 0.2, 1),
            ModelKind::ResnetCnn => (Family::ResnetCnn, 24, 3, 0.1, 1),
            ModelKind::Auto | ModelKind::Gbt | ModelKind::Linear => (Family::Linear, 0, 0, 0.0, 1),
        };
        let tabm = family == Family::Tabm;
        let linear = family == Family::Linear;
        let asked = |value: Option<u32>, default: usize| value.map_or(default, |value| value.max(1) as usize);
        Self {
            family,
            numeric,
            embedding: embedding_width(&category_sizes),
            category_sizes,
            outputs,
            width: if linear { 0 } else { asked(hyper.width, width) },
            depth: if linear { 0 } else { asked(hyper.depth, depth) },
            hidden: Vec::new(),
            dropout: if linear { 0.0 } else { hyper.dropout.unwrap_or(dropout).clamp(0.0, 0.95) },
            members: if tabm { asked(hyper.members, members) } else { members },
            ple_edges: if linear { Vec::new() } else { edges },
            ple_width: if linear { 0 } else { PLE_WIDTH },
            output,
            image: None,
        }
    }

    /// The same over pictures of a shape, whose values enter as they are.
    #[must_use]
    pub fn over(self, image: ImageShape) -> Self {
        Self { image: Some(image), ple_edges: Vec::new(), ple_width: 0, ..self }
    }
}

/// Width of the categories' shared embedding table: fastai's rule for the largest of them, at most 16.
fn embedding_width(category_sizes: &[usize]) -> usize {
    let largest = category_sizes.iter().copied().max().unwrap_or(0) as f64;
    ((1.6 * largest.powf(0.56)).round() as usize).clamp(2, 16)
}

/// Edges of the bins of the first `numeric` columns: their quantiles over `train`, which must hold training rows only, repeated
/// values once; none for a column of two values or one (Gorishniy et al. 2022, "On embeddings for numerical features in tabular
/// deep learning", section 3.2). Ascending. Of more than 32,768 rows so many are looked at, the same in every run: a bin
/// then holds its share of the rows to within a few percent of it.
pub fn bin_edges(train: &Encoded, numeric: usize) -> Vec<Vec<f32>> {
    let rows = sample(train.rows);
    let edges = |column: usize| {
        // As whole numbers in the floats' total order: they sort several times faster.
        let mut keys: Vec<i32> =
            rows.iter().map(|row| key(train.values[row * train.cols + column])).collect();
        // Flags and one-hot inputs have two values and no bins: no need to sort them.
        let other = keys.iter().find(|key| **key != keys[0]);
        if keys.iter().all(|key| *key == keys[0] || Some(key) == other) {
            return Vec::new();
        }
        keys.sort_unstable();
        let mut edges: Vec<f32> = Vec::with_capacity(BINS + 1);
        for bin in 0..=BINS {
            let at = bin as f64 / BINS as f64 * (keys.len().saturating_sub(1)) as f64;
            let edge = keys.get(at.round() as usize).map_or(0.0, |key| from_key(*key));
            if edges.last().is_none_or(|&last| edge > last) {
                edges.push(edge);
            }
        }
        // Indicators and constants have nothing to gain from bins.
        if edges.len() > 2 { edges } else { Vec::new() }
    };
    (0..numeric).into_par_iter().map(edges).collect()
}

/// Every row, or one at random out of each of so many runs of rows.
fn sample(rows: usize) -> Vec<usize> {
    if rows <= SAMPLE {
        return (0..rows).collect();
    }
    let mut noise = Noise::new(0, Noise::SAMPLE, rows as u64);
    let begin = |run: usize| run * rows / SAMPLE;
    (0..SAMPLE).map(|run| begin(run) + noise.below(begin(run + 1) - begin(run))).collect()
}

/// A float as a whole number with the same order (that of `f32::total_cmp`).
fn key(value: f32) -> i32 {
    let bits = value.to_bits().cast_signed();
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}

/// The float of a [`key`]: the map is its own inverse on the bits.
fn from_key(key: i32) -> f32 {
    f32::from_bits((key ^ ((key >> 31).cast_unsigned() >> 1).cast_signed()).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_ascend_and_constants_and_indicators_have_none() {
        let rows = 1000;
        let values =
            (0..rows).flat_map(|row| [row as f32, 7.0, f32::from(u8::from(row % 10 == 0))]).collect();
        let train = Encoded { rows, cols: 3, values };
        let edges = bin_edges(&train, 3);
        assert_eq!(edges[0].len(), BINS + 1);
        assert!(edges[0].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(edges[1].is_empty() && edges[2].is_empty());
    }

    #[test]
    fn a_sample_of_many_rows_gives_nearly_their_quantiles() {
        let rows = 300_000;
        let values: Vec<f32> = (0..rows).map(|row| (row * 7919 % rows) as f32).collect();
        let edges = &bin_edges(&Encoded { rows, cols: 1, values: values.clone() }, 1)[0];
        assert_eq!(edges.len(), BINS + 1);
        for pair in edges.windows(2) {
            let inside = values.iter().filter(|value| pair[0] <= **value && **value < pair[1]).count();
            let share = inside as f64 / rows as f64 * BINS as f64;
            assert!((share - 1.0).abs() < 0.25, "{share}");
        }
        assert_eq!(sample(rows), sample(rows));
        assert!(sample(SAMPLE + 1).iter().all(|row| *row <= SAMPLE));
    }

    #[test]
    fn keys_keep_the_floats_order_and_give_them_back() {
        let mut values =
            [3.5, -0.0, 0.0, -7.25, f32::MAX, f32::MIN, f32::MIN_POSITIVE, -1e-30, 1.0, f32::INFINITY];
        values.sort_by(f32::total_cmp);
        assert!(values.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert!(values.iter().all(|value| from_key(key(*value)).to_bits() == value.to_bits()));
    }
}
