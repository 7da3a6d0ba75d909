//! Piecewise: the tables of piecewise-linear encoding as graph operations apply them.

use crate::nets::Architecture;

/// Piecewise-linear encoding as one clamped line a bin: `clamp((x - origin) * slope, low, high)`; tables are
/// `[embedded columns, bins]`, missing bins are all 0.
#[derive(Clone, Debug, Default)]
pub(super) struct PleTables {
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
        let mut tables = Self { origin: zeros(), slope: zeros(), low: zeros(), high: zeros() };
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
