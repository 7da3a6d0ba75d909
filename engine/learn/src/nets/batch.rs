//! Batches: seeded noise, row orders, gathered rows and dropout masks, all on the host and all repeatable.

use rayon::prelude::*;

use super::{Architecture, Encoded, embed::Tables};

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
    /// For samples of rows.
    pub const SAMPLE: u64 = 4;
    /// For variations of pictures.
    pub const AUGMENT: u64 = 5;

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
    pub fn below(&mut self, limit: usize) -> usize {
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

/// A dropout mask of `rows` of `width` numbers, the first of them row `first` of the whole: 0 with probability `rate`, else
/// `1 / (1 - rate)`; probabilities in steps of 2^-16. A row's mask is the same whatever rows are drawn with it.
pub(super) fn dropout_mask(
    (first, rows): (usize, usize),
    width: usize,
    rate: f64,
    (seed, stream): (u64, u64),
) -> Vec<f32> {
    let limit = (rate * 65536.0).round() as u64;
    let scale = (1.0 / (1.0 - limit as f64 / 65536.0)) as f32;
    let mut mask = vec![0.0_f32; rows * width];
    mask.par_chunks_mut(width.max(1)).with_min_len(64).enumerate().for_each(|(row, values)| {
        let mut noise = Noise::new(seed ^ mix(stream), Noise::DROPOUT, (first + row) as u64);
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

/// Where a number falls among its column's bins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// Bin.
    pub bin: u32,
    /// Share of the bin that lies below the number: below 0 left of the first bin, above 1 right of the last.
    pub share: f32,
}

impl Place {
    /// The place of a value among ascending edges, two or more.
    fn of(value: f32, edges: &[f32]) -> Self {
        let inner = &edges[1..edges.len() - 1];
        let bin = inner.partition_point(|edge| *edge <= value);
        let (low, high) = (edges[bin], edges[bin + 1]);
        Self { bin: bin as u32, share: (value - low) / (high - low) }
    }
}

/// A batch, gathered from its rows.
#[derive(Clone, Debug, Default)]
pub(super) struct HostBatch {
    /// Rows.
    pub rows: usize,
    /// Numbers that enter as they are. `[rows, plain columns]`
    pub plain: Vec<f32>,
    /// Numbers that are embedded. `[rows, embedded columns]`
    pub places: Vec<Place>,
    /// Rows of the shared embedding table. `[rows, categories]`
    pub codes: Vec<u32>,
}

/// Gathers rows into batches of one architecture.
#[derive(Clone, Debug)]
pub(super) struct Gatherer {
    numeric: usize,
    plain: Vec<usize>,
    /// Embedded columns with their edges.
    embedded: Vec<(usize, Vec<f32>)>,
    /// First row of each category in the shared table, and its codes.
    categories: Vec<(u32, u32)>,
}

impl Gatherer {
    /// A gatherer for an architecture.
    pub fn new(arch: &Architecture) -> Self {
        let mut offset = 0;
        let categories = arch.category_sizes.iter().map(|&size| {
            let first = offset;
            offset += size as u32;
            (first, size as u32)
        });
        let embedded = arch.ple_columns().into_iter().map(|column| (column, arch.ple_edges[column].clone()));
        Self {
            numeric: arch.numeric,
            plain: arch.plain_columns(),
            embedded: embedded.collect(),
            categories: categories.collect(),
        }
    }

    /// The batch of these rows. A code outside its category counts as unknown (0).
    pub fn gather(&self, x: &Encoded, rows: &[u32]) -> HostBatch {
        let mut batch = HostBatch {
            rows: rows.len(),
            plain: Vec::with_capacity(rows.len() * self.plain.len()),
            places: Vec::with_capacity(rows.len() * self.embedded.len()),
            codes: Vec::with_capacity(rows.len() * self.categories.len()),
        };
        for &row in rows {
            let (numbers, codes) = x.row(row as usize).split_at(self.numeric);
            if self.plain.len() == self.numeric {
                batch.plain.extend_from_slice(numbers);
            } else {
                batch.plain.extend(self.plain.iter().map(|&column| numbers[column]));
            }
            batch
                .places
                .extend(self.embedded.iter().map(|(column, edges)| Place::of(numbers[*column], edges)));
            batch.codes.extend(self.categories.iter().zip(codes).map(|(&(first, size), &value)| {
                let code = value as i64;
                first + if (0..i64::from(size)).contains(&code) { code as u32 } else { 0 }
            }));
        }
        batch
    }
    /// Gradients of the numeric columns `[rows, numeric]`, from those of the plain ones `[rows, plain columns]` and of the
    /// embedded inputs `[rows, inputs]`.
    pub fn number_slopes(
        &self,
        tables: &Tables,
        batch: &HostBatch,
        plain: &[f32],
        embedded: &[f32],
    ) -> Vec<f64> {
        let mut out = vec![0.0; batch.rows * self.numeric];
        for (row, slopes) in plain.chunks_exact(self.plain.len().max(1)).enumerate() {
            for (&column, slope) in self.plain.iter().zip(slopes) {
                out[row * self.numeric + column] = f64::from(*slope);
            }
        }
        let shares = tables.share_slopes(batch, embedded);
        let places = shares.iter().zip(&batch.places);
        for (index, (slope, place)) in places.enumerate() {
            let (row, (column, edges)) =
                (index / self.embedded.len(), &self.embedded[index % self.embedded.len()]);
            let bin = place.bin as usize;
            let width = f64::from(edges[bin + 1]) - f64::from(edges[bin]);
            out[row * self.numeric + column] = slope / width;
        }
        out
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
        let draw = |first, rows, stream| dropout_mask((first, rows), 3, 0.25, (3, stream));
        let mask = draw(0, 66_667, 9);
        let kept = mask.iter().filter(|&&v| v > 0.0).count() as f64 / mask.len() as f64;
        assert!((kept - 0.75).abs() < 0.005, "{kept}");
        assert!((mask.iter().map(|&v| f64::from(v)).sum::<f64>() / mask.len() as f64 - 1.0).abs() < 0.01);
        assert_eq!(mask[300..600], draw(100, 100, 9), "a part draws what the whole does");
        assert_ne!(mask, draw(0, 66_667, 10));
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
        let place = |bin, share| Place { bin, share };
        assert_eq!(batch.places, [place(1, 0.5), place(0, 0.5), place(0, -0.5), place(0, 3.0)]);
        assert_eq!(batch.plain, [7.0, 8.0]);
        assert_eq!(batch.codes, [2, 0], "a code out of range is unknown");
    }
}
