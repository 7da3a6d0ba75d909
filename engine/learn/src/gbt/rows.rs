//! Rows of boosting: which of them a tree sees, what it adds to them, and what a run was computed from.

use forust_ml::sampler::SampleMethod;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{
    boost::GbtJob,
    forest::{Objective, Tree},
    settings::GbtSettings,
};
use crate::prepare::TreeMatrix;

/// Rows and features of a tree, the draw's own numbers.
pub(super) fn sample(
    settings: &GbtSettings,
    x: &TreeMatrix,
    draw: u64,
) -> (Vec<usize>, Vec<usize>, SampleMethod) {
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    rng.set_stream(draw);
    let mut columns: Vec<usize> = (0..x.cols).collect();
    let kept = ((x.cols as f64 * settings.feature_share).ceil() as usize).clamp(1, x.cols);
    for place in 0..kept.min(x.cols - 1) {
        columns.swap(place, rng.random_range(place..x.cols));
    }
    columns.truncate(kept);
    columns.sort_unstable();
    if settings.row_share >= 1.0 {
        return ((0..x.rows).collect(), columns, SampleMethod::None);
    }
    let rows: Vec<usize> = (0..x.rows).filter(|_| rng.random::<f64>() < settings.row_share).collect();
    if rows.is_empty() {
        return ((0..x.rows).collect(), columns, SampleMethod::None);
    }
    (rows, columns, SampleMethod::Random)
}

/// Adds a tree's leaf values to raw outputs.
pub(super) fn add_tree(tree: &Tree, x: &TreeMatrix, raw: &mut [f64]) {
    const BLOCK: usize = 8192;
    raw.par_chunks_mut(BLOCK).enumerate().for_each(|(block, raw)| {
        for (row, raw) in raw.iter_mut().enumerate() {
            let row = block * BLOCK + row;
            *raw += tree.leaf_value(|feature| x.values[feature * x.rows + row]);
        }
    });
}

/// Weighted mean and deviation of a number's training values, so that penalties mean the same for every target.
pub(super) fn unit(job: &GbtJob<'_>) -> (f64, f64) {
    if job.objective != Objective::Squared {
        return (0.0, 1.0);
    }
    let total: f64 = job.train.weight.iter().sum();
    let pairs = || job.train.y.iter().zip(job.train.weight);
    let mean = pairs().map(|(y, w)| w * y).sum::<f64>() / total;
    let std = (pairs().map(|(y, w)| w * (y - mean).powi(2)).sum::<f64>() / total).sqrt();
    if mean.is_finite() && std > 0.0 && std.is_finite() { (mean, std) } else { (0.0, 1.0) }
}

/// What a state was computed from.
pub(super) fn fingerprint(job: &GbtJob<'_>) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(job.source.as_bytes());
    hash.update(format!("{:?} {:?} {:?} {}", job.settings, job.objective, job.classes, job.log).as_bytes());
    for rows in [&job.train, &job.valid] {
        hash.update(&(rows.x.rows as u64).to_le_bytes());
        for values in [rows.x.values.as_slice(), rows.y, rows.weight] {
            for part in values.chunks(1024) {
                let bytes: Vec<u8> = part.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect();
                hash.update(&bytes);
            }
        }
    }
    hash.finalize().to_hex().to_string()
}
