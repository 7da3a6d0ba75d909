//! Embed: encoded numbers and categories to inputs of the first layer, and gradients back to their tables. It is done on the
//! host, on every device: a few lookups a row are less work than moving what a device would need to do them.

use super::{
    Architecture,
    batch::{HostBatch, Place},
};

/// Names of the tensors that are read here and are never put on a device.
pub(super) const TABLES: [&str; 3] = ["embedding.weight", "ple.weight", "ple.bias"];

/// The tables of one state of the weights.
///
/// A piecewise-linear encoding is 1 in the bins below a value, the value's share in its own bin and 0 above, so its product
/// with the weights is a sum over bins: `below[bin] + share * inside[bin]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    columns: usize,
    bins: usize,
    width: usize,
    categories: usize,
    embedding: usize,
    /// Bias and the weights of all bins below. `[columns, bins, width]`
    below: Vec<f32>,
    /// The weights. `[columns, bins, width]`
    inside: Vec<f32>,
    /// Embeddings of all categories. `[codes, embedding]`
    codes: Vec<f32>,
}

impl Tables {
    /// The tables of named weights.
    pub fn new<'a>(arch: &Architecture, weights: impl Iterator<Item = (&'a str, &'a [f32])>) -> Self {
        let mut tables = Self {
            columns: arch.ple_columns().len(),
            bins: arch.bins(),
            width: arch.ple_width,
            categories: arch.category_sizes.len(),
            embedding: arch.embedding,
            ..Self::default()
        };
        let mut bias: &[f32] = &[];
        for (name, values) in weights {
            match name {
                "embedding.weight" => tables.codes = values.to_vec(),
                "ple.weight" => tables.inside = values.to_vec(),
                "ple.bias" => bias = values,
                _ => {}
            }
        }
        let block = (tables.bins * tables.width).max(1);
        for (weights, bias) in tables.inside.chunks_exact(block).zip(bias.chunks_exact(tables.width.max(1))) {
            let mut sum = bias.to_vec();
            for weights in weights.chunks_exact(tables.width) {
                tables.below.extend_from_slice(&sum);
                sum.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
            }
        }
        tables
    }

    /// Inputs that are embedded.
    pub fn inputs(&self) -> usize {
        self.columns * self.width + self.categories * self.embedding
    }

    /// The embedded inputs of a batch. `[rows, inputs]`
    pub fn embed(&self, batch: &HostBatch) -> Vec<f32> {
        let mut out = vec![0.0; batch.rows * self.inputs()];
        for (row, out) in out.chunks_exact_mut(self.inputs().max(1)).enumerate() {
            let (numbers, categories) = out.split_at_mut(self.columns * self.width);
            let places = &batch.places[row * self.columns..][..self.columns];
            for ((column, place), out) in
                places.iter().enumerate().zip(numbers.chunks_exact_mut(self.width.max(1)))
            {
                let at = self.at(column, *place);
                let (below, inside) = (&self.below[at..][..out.len()], &self.inside[at..][..out.len()]);
                for ((out, below), inside) in out.iter_mut().zip(below).zip(inside) {
                    *out = below + place.share * inside;
                }
            }
            let codes = &batch.codes[row * self.categories..][..self.categories];
            for (&code, out) in codes.iter().zip(categories.chunks_exact_mut(self.embedding.max(1))) {
                out.copy_from_slice(self.code(code));
            }
        }
        out
    }

    /// The embedding of a code of the shared table. `[embedding]`
    pub fn code(&self, code: u32) -> &[f32] {
        &self.codes[code as usize * self.embedding..][..self.embedding]
    }

    /// Gradients of the shares of embedded numbers within their bins `[rows, columns]`, from those of the embedded inputs
    /// `[rows, inputs]`.
    pub fn share_slopes(&self, batch: &HostBatch, slopes: &[f32]) -> Vec<f64> {
        let mut out = Vec::with_capacity(batch.places.len());
        for (row, slopes) in slopes.chunks_exact(self.inputs().max(1)).enumerate() {
            for column in 0..self.columns {
                let at = self.at(column, batch.places[row * self.columns + column]);
                let inside = &self.inside[at..][..self.width];
                let slopes = &slopes[column * self.width..][..self.width];
                out.push(slopes.iter().zip(inside).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum());
            }
        }
        out
    }

    /// Gradients of the tensors called [`TABLES`], in that order, from those of the embedded inputs `[rows, inputs]`.
    pub fn backward(&self, batch: &HostBatch, slopes: &[f32]) -> [Vec<f32>; 3] {
        let mut codes = vec![0.0; self.codes.len()];
        let (mut below, mut inside) = (vec![0.0; self.inside.len()], vec![0.0; self.inside.len()]);
        for (row, slopes) in slopes.chunks_exact(self.inputs().max(1)).enumerate() {
            let (numbers, categories) = slopes.split_at(self.columns * self.width);
            let places = &batch.places[row * self.columns..][..self.columns];
            for ((column, place), slopes) in
                places.iter().enumerate().zip(numbers.chunks_exact(self.width.max(1)))
            {
                let at = self.at(column, *place);
                let (below, inside) = (&mut below[at..][..slopes.len()], &mut inside[at..][..slopes.len()]);
                for ((below, inside), slope) in below.iter_mut().zip(inside).zip(slopes) {
                    *below += slope;
                    *inside += place.share * slope;
                }
            }
            let at = &batch.codes[row * self.categories..][..self.categories];
            for (&code, slopes) in at.iter().zip(categories.chunks_exact(self.embedding.max(1))) {
                let table = &mut codes[code as usize * self.embedding..][..self.embedding];
                table.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope);
            }
        }
        let bias = self.unsum(&below, &mut inside);
        [codes, inside, bias]
    }

    /// Adds to each bin's gradient those of the sums above it that it is part of; returns the biases' gradients, which are
    /// part of all.
    fn unsum(&self, below: &[f32], inside: &mut [f32]) -> Vec<f32> {
        let block = (self.bins * self.width).max(1);
        let mut bias = Vec::with_capacity(self.columns * self.width);
        for (below, inside) in below.chunks_exact(block).zip(inside.chunks_exact_mut(block)) {
            let mut sum = vec![0.0; self.width];
            let bins = below.chunks_exact(self.width).zip(inside.chunks_exact_mut(self.width));
            for (below, inside) in bins.rev() {
                inside.iter_mut().zip(&sum).for_each(|(inside, sum)| *inside += sum);
                sum.iter_mut().zip(below).for_each(|(sum, below)| *sum += below);
            }
            bias.extend(sum);
        }
        bias
    }

    /// Where a place's weights begin.
    fn at(&self, column: usize, place: Place) -> usize {
        (column * self.bins + place.bin as usize) * self.width
    }
}
