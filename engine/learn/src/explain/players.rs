//! Players: the raw column that each encoded input comes from.

use crate::prepare::{Encoding, Preprocessor};

/// The feature of each input of a network, one a category feature or one a code, as the rules encode them.
/// `[layout().width()]`
pub(super) fn of_inputs(rules: &Preprocessor) -> Vec<usize> {
    let features = || rules.features.iter().enumerate();
    let mut owners = Vec::new();
    for (place, feature) in features() {
        owners.extend(feature.continuous_inputs().iter().map(|_| place));
    }
    for (place, feature) in features() {
        owners.extend(feature.flag_inputs().iter().map(|_| place));
    }
    let one_hot = rules.layout().cardinalities().is_empty();
    for (place, feature) in features() {
        if let Encoding::Category(category) = &feature.encoding {
            let inputs = if one_hot { category.cardinality() } else { 1 };
            owners.extend(std::iter::repeat_n(place, inputs));
        }
    }
    owners
}

/// The feature of each column for trees. `[tree_inputs().len()]`
pub(super) fn of_tree_inputs(rules: &Preprocessor) -> Vec<usize> {
    let inputs = |(place, feature): (usize, &crate::prepare::Feature)| {
        std::iter::repeat_n(place, feature.tree_inputs().len())
    };
    rules.features.iter().enumerate().flat_map(inputs).collect()
}
