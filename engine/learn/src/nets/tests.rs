//! Whole-network tests: resuming, pausing, ensembles and files.

use super::*;

/// A small architecture with every kind of input: 3 numbers, 2 categories.
pub(super) fn small(family: Family, outputs: usize) -> Architecture {
    let tabm = family == Family::Tabm;
    Architecture {
        family,
        numeric: 3,
        category_sizes: vec![4, 3],
        embedding: 2,
        outputs,
        width: 8,
        depth: if family == Family::Linear { 0 } else { 2 },
        dropout: 0.2,
        members: if tabm { 4 } else { 1 },
        ple_edges: if tabm {
            vec![vec![-1.0, 0.0, 1.0], vec![-2.0, 2.0], vec![-1.0, -0.5, 0.0, 0.5]]
        } else {
            Vec::new()
        },
        ple_width: if tabm { 3 } else { 0 },
        output: OutputScale::Logits,
    }
}
