//! Batches: seeded noise, row orders, gathered rows and dropout masks, all on the host and all repeatable.

use rayon::prelude::*;

use super::{Architecture, Encoded};

/// A stream of random bits fixed by (seed, purpose, index): `SplitMix64` (Steele, Lea and Flood 2014). Nothing is carried
/// from step to step, so a resumed run draws what an unbroken one would have drawn.
#[derive(Clone, Debug)]
pub(super) struct Noise(u64);

impl Noise {
    /// For first weights.
    pub const WEIGHTS: u64 = 1;
    /// For row orders.
    pub const ORDER: u64 = 2;
    /// For dropout.
    pub const DROPOUT: u64 = 3;

    /// The stream of `index` among those of one seed and purpose.
    pub fn new(seed: u64, purpose: u64, index: u64) -> Self {
        Self(mix(mix(mix(seed) ^ purpose) ^ index))
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// The next number in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The next whole number below `limit`, which must not be 0 (Lemire's multiplication, bias below 2^-32).
    fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }
}

/// The finalizer of `SplitMix64`.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The order of rows in an epoch (Fisher and Yates).
pub(super) fn order(rows: usize, seed: u64, epoch: u64) -> Vec<u32> {
    let mut noise = Noise::new(seed, Noise::ORDER, epoch);
    let mut order: Vec<u32> = (0..rows as u32).collect();
    for last in (1..rows).rev() {
        order.swap(last, noise.below(last + 1));
    }
    order
}

/// A dropout mask: 0 with probability `rate`, else `1 / (1 - rate)`; probabilities in steps of 2^-16.
pub(super) fn dropout_mask(size: usize, rate: f64, seed: u64, stream: u64) -> Vec<f32> {
    const CHUNK: usize = 1 << 14;
    let limit = (rate * 65536.0).round() as u64;
    let scale = (1.0 / (1.0 - limit as f64 / 65536.0)) as f32;
    let mut mask = vec![0.0_f32; size];
    mask.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, values)| {
        let mut noise = Noise::new(seed ^ mix(stream), Noise::DROPOUT, chunk as u64);
        for quad in values.chunks_mut(4) {
            let bits = noise.next();
            for (lane, value) in quad.iter_mut().enumerate() {
                let draw = (bits >> (16 * lane)) & 0xFFFF;
                *value = if draw < limit { 0.0 } else { scale };
            }
        }
    });
    mask
}

/// Piecewise-linear encoding as one clamped line a bin: `clamp((x - origin) * slope, low, high)`; tables are
/// `[embedded columns, bins]`, missing bins are all 0.
#[derive(Clone, Debug, Default)]
pub(super) struct PleTables {
    /// Bins of the widest column.
    pub bins: usize,
    /// Left edges.
    pub origin: Vec<f32>,
    /// One over the bins' widths.
    pub slope: Vec<f32>,
    /// Lower limits: 0, but none in a column's first bin.
    pub low: Vec<f32>,
    /// Upper limits: 1, but none in a column's last bin.
    pub high: Vec<f32>,
}

impl PleTables {
    /// The tables of an architecture's edges.
    pub fn new(arch: &Architecture) -> Self {
        let bins = arch.bins();
        let columns = arch.ple_columns();
        let zeros = || vec![0.0; columns.len() * bins];
        let mut tables = Self { bins, origin: zeros(), slope: zeros(), low: zeros(), high: zeros() };
        for (position, &column) in columns.iter().enumerate() {
            let edges = &arch.ple_edges[column];
            let last = edges.len().saturating_sub(2);
            for (bin, pair) in edges.windows(2).enumerate() {
                let at = position * bins + bin;
                tables.origin[at] = pair[0];
                tables.slope[at] = 1.0 / (pair[1] - pair[0]);
                tables.low[at] = if bin == 0 { f32::MIN } else { 0.0 };
                tables.high[at] = if bin == last { f32::MAX } else { 1.0 };
            }
        }
        tables
    }
}

/// A batch ready for a device.
#[derive(Clone, Debug, Default)]
pub(super) struct HostBatch {
    /// Rows.
    pub rows: usize,
    /// Numbers that enter as they are. `[rows, plain columns]`
    pub plain: Vec<f32>,
    /// Encoded numbers. `[embedded columns, rows, bins]`
    pub piecewise: Vec<f32>,
    /// Rows of the shared embedding table. `[rows * categories]`
    pub codes: Vec<i32>,
}

/// Gathers rows into batches of one architecture.
#[derive(Clone, Debug)]
pub(super) struct Gatherer {
    numeric: usize,
    plain: Vec<usize>,
    embedded: Vec<usize>,
    tables: PleTables,
    /// First row of each category in the shared table, and its codes.
    categories: Vec<(i32, i32)>,
}

impl Gatherer {
    /// A gatherer for an architecture.
    pub fn new(arch: &Architecture) -> Self {
        let mut offset = 0;
        let categories = arch.category_sizes.iter().map(|&size| {
            let first = offset;
            offset += size as i32;
            (first, size as i32)
        });
        Self {
            numeric: arch.numeric,
            plain: arch.plain_columns(),
            embedded: arch.ple_columns(),
            categories: categories.collect(),
            tables: PleTables::new(arch),
        }
    }

    /// The batch of these rows. A code outside its category counts as unknown (0).
    pub fn gather(&self, x: &Encoded, rows: &[u32]) -> HostBatch {
        let mut codes = Vec::with_capacity(rows.len() * self.categories.len());
        if !self.categories.is_empty() {
            for &row in rows {
                let values = &x.row(row as usize)[self.numeric..];
                for (&(first, size), &value) in self.categories.iter().zip(values) {
                    let code = value as i32;
                    codes.push(first + if (0..size).contains(&code) { code } else { 0 });
                }
            }
        }
        let (plain, piecewise) = (self.plain(x, rows), self.piecewise(x, rows));
        HostBatch { rows: rows.len(), plain, piecewise, codes }
    }

    fn plain(&self, x: &Encoded, rows: &[u32]) -> Vec<f32> {
        let mut plain = Vec::with_capacity(rows.len() * self.plain.len());
        for &row in rows {
            let row = x.row(row as usize);
            if self.plain.len() == self.numeric {
                plain.extend_from_slice(&row[..self.numeric]);
            } else {
                plain.extend(self.plain.iter().map(|&column| row[column]));
            }
        }
        plain
    }

    fn piecewise(&self, x: &Encoded, rows: &[u32]) -> Vec<f32> {
        let PleTables { bins, origin, slope, low, high } = &self.tables;
        let bins = *bins;
        let mut encoded = vec![0.0; self.embedded.len() * rows.len() * bins];
        encoded.par_chunks_mut((rows.len() * bins).max(1)).zip(&self.embedded).enumerate().for_each(
            |(position, (block, &column))| {
                let span = position * bins..(position + 1) * bins;
                let (origin, slope) = (&origin[span.clone()], &slope[span.clone()]);
                let (low, high) = (&low[span.clone()], &high[span]);
                for (&row, out) in rows.iter().zip(block.chunks_exact_mut(bins)) {
                    let value = x.values[row as usize * x.cols + column];
                    for bin in 0..bins {
                        out[bin] = ((value - origin[bin]) * slope[bin]).max(low[bin]).min(high[bin]);
                    }
                }
            },
        );
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::Family;
    use crate::nets::tests::small;

    #[test]
    fn an_order_is_a_permutation_and_differs_by_epoch() {
        let (a, b) = (order(1000, 7, 0), order(1000, 7, 1));
        assert_ne!(a, b);
        assert_eq!(a, order(1000, 7, 0));
        let mut sorted = a.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(i, &row)| i as u32 == row));
        assert!(order(1, 0, 0) == [0] && order(0, 0, 0).is_empty());
    }

    #[test]
    fn a_mask_keeps_its_mean_and_its_rate() {
        let mask = dropout_mask(200_001, 0.25, 3, 9);
        let kept = mask.iter().filter(|&&v| v > 0.0).count() as f64 / mask.len() as f64;
        assert!((kept - 0.75).abs() < 0.005, "{kept}");
        assert!((mask.iter().map(|&v| f64::from(v)).sum::<f64>() / mask.len() as f64 - 1.0).abs() < 0.01);
        assert_eq!(mask, dropout_mask(200_001, 0.25, 3, 9));
        assert_ne!(mask, dropout_mask(200_001, 0.25, 3, 10));
    }

    /// Definition 3.1 of Gorishniy et al. 2022: below a bin 0, above it 1, linear inside, open at both ends.
    #[test]
    fn piecewise_encoding_follows_its_definition() {
        let mut arch = small(Family::Tabm, 1);
        arch.numeric = 3;
        arch.category_sizes = vec![3];
        arch.ple_edges = vec![vec![0.0, 1.0, 3.0], Vec::new(), vec![-1.0, 1.0]];
        let gatherer = Gatherer::new(&arch);
        let x = Encoded { rows: 2, cols: 4, values: vec![2.0, 7.0, 0.0, 2.0, -0.5, 8.0, 5.0, 99.0] };
        let batch = gatherer.gather(&x, &[0, 1]);
        assert_eq!(batch.piecewise, [1.0, 0.5, -0.5, 0.0, 0.5, 0.0, 3.0, 0.0]);
        assert_eq!(batch.plain, [7.0, 8.0]);
        assert_eq!(batch.codes, [2, 0], "a code out of range is unknown");
    }
}
