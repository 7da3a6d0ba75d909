//! Design: the architecture of a request, every default resolved, with bin edges from the training rows.

use orrery_domain::training::{HyperParameters, ModelKind};

use super::{Architecture, Encoded, Family, OutputScale};

/// Most bins of a piecewise-linear embedding.
const BINS: usize = 48;
/// Width of a numeric column's piecewise-linear embedding.
const PLE_WIDTH: usize = 8;

impl Architecture {
    /// The network of a request. Kinds that are no network give the linear family.
    ///
    /// `numeric` columns of `train` come first, then one column for each of `category_sizes`; `train` must hold training
    /// rows only, since bin edges are their quantiles.
    pub fn design(
        kind: ModelKind,
        hyper: &HyperParameters,
        numeric: usize,
        category_sizes: Vec<usize>,
        outputs: usize,
        output: OutputScale,
        train: &Encoded,
    ) -> Self {
        let (family, width, depth, dropout, members) = match kind {
            ModelKind::Mlp => (Family::Mlp, 256, 3, 0.0, 1),
            ModelKind::Resnet => (Family::Resnet, 192, 3, 0.1, 1),
            ModelKind::Tabm => (Family::Tabm, 128, 3, 0.0, 8),
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
            dropout: if linear { 0.0 } else { hyper.dropout.unwrap_or(dropout).clamp(0.0, 0.95) },
            members: if tabm { asked(hyper.members, members) } else { members },
            ple_edges: if linear { Vec::new() } else { ple_edges(train, numeric) },
            ple_width: if linear { 0 } else { PLE_WIDTH },
            output,
        }
    }
}

/// Width of the categories' shared embedding table: fastai's rule for the largest of them, at most 16.
fn embedding_width(category_sizes: &[usize]) -> usize {
    let largest = category_sizes.iter().copied().max().unwrap_or(0) as f64;
    ((1.6 * largest.powf(0.56)).round() as usize).clamp(2, 16)
}

/// Edges of each numeric column's bins: its quantiles over the rows, repeated values once; none for a column of two values or one (Gorishniy et al. 2022, "On
/// embeddings for numerical features in tabular deep learning", section 3.2). Ascending.
fn ple_edges(train: &Encoded, numeric: usize) -> Vec<Vec<f32>> {
    (0..numeric)
        .map(|column| {
            let mut values: Vec<f32> =
                (0..train.rows).map(|row| train.values[row * train.cols + column]).collect();
            values.sort_by(f32::total_cmp);
            let mut edges: Vec<f32> = Vec::with_capacity(BINS + 1);
            for bin in 0..=BINS {
                let at = bin as f64 / BINS as f64 * (values.len().saturating_sub(1)) as f64;
                let edge = values.get(at.round() as usize).copied().unwrap_or(0.0);
                if edges.last().is_none_or(|&last| edge > last) {
                    edges.push(edge);
                }
            }
            // Indicators and constants have nothing to gain from bins.
            if edges.len() > 2 { edges } else { Vec::new() }
        })
        .collect()
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
        let edges = ple_edges(&train, 3);
        assert_eq!(edges[0].len(), BINS + 1);
        assert!(edges[0].windows(2).all(|pair| pair[0] < pair[1]));
        assert!(edges[1].is_empty() && edges[2].is_empty());
    }
}
