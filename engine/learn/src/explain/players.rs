//! Players: the raw column that each encoded input comes from.

use crate::prepare::{Encoding, Preprocessor};

/// Raw columns and their encoded inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Players {
    /// The player of each input. `[inputs]`
    pub owners: Vec<usize>,
    /// The inputs of each player. `[players]`
    pub inputs: Vec<Vec<usize>>,
    /// Whether an input is a number that can be a little larger or smaller. `[inputs]`
    pub continuous: Vec<bool>,
}

impl Players {
    /// Those of a network's inputs: numbers, then flags, then one a category feature or one a code, as the rules encode them.
    pub fn of_inputs(rules: &Preprocessor) -> Self {
        let features = || rules.features.iter().enumerate();
        let mut owners = Vec::new();
        for (place, feature) in features() {
            owners.extend(feature.continuous_inputs().iter().map(|_| place));
        }
        let numbers = owners.len();
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
        let continuous = (0..owners.len()).map(|input| input < numbers).collect();
        Self::new(owners, rules.features.len(), continuous)
    }

    /// Those of the columns for trees.
    pub fn of_tree_inputs(rules: &Preprocessor) -> Self {
        let (mut owners, mut continuous) = (Vec::new(), Vec::new());
        for (place, feature) in rules.features.iter().enumerate() {
            let inputs = feature.tree_inputs().len();
            owners.extend(std::iter::repeat_n(place, inputs));
            let number = matches!(feature.encoding, Encoding::Number(_));
            continuous.extend(std::iter::repeat_n(number, inputs));
        }
        Self::new(owners, rules.features.len(), continuous)
    }

    /// Players of these owners.
    pub fn new(owners: Vec<usize>, players: usize, continuous: Vec<bool>) -> Self {
        let mut inputs = vec![Vec::new(); players];
        for (input, owner) in owners.iter().enumerate() {
            inputs[*owner].push(input);
        }
        Self { owners, inputs, continuous }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }
}
