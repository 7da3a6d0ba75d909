//! Channels: which numbers of an image network go together when some of it is taken out.

use super::{
    super::{Unit, Units},
    steps::{Conv, Plan, Step},
};

/// Units under collection.
#[derive(Default)]
struct Found(Vec<Units>);

impl Found {
    /// New units, whose index is given back.
    fn open(&mut self, name: &str, count: usize) -> usize {
        self.0.push(Units { name: name.to_owned(), count, size: 1, places: Vec::new() });
        self.0.len() - 1
    }

    /// An axis that has places for these units; `None`: the picture's own channels, which stay.
    fn place(&mut self, units: Option<usize>, tensor: String, axis: usize) {
        if let Some(units) = units {
            self.0[units].places.push(Unit { tensor, axis });
        }
    }

    /// A convolution reads a picture of some channels.
    fn reads(&mut self, conv: &Conv, channels: Option<usize>) {
        self.place(channels, format!("{}.weight", conv.name), 1);
    }

    /// A convolution makes a picture of some channels.
    fn makes(&mut self, conv: &Conv, channels: Option<usize>) {
        self.place(channels, format!("{}.weight", conv.name), 0);
        self.place(channels, format!("{}.bias", conv.name), 0);
    }

    /// What normalizes channels takes `size` of them together.
    fn normalized(&mut self, name: &str, channels: Option<usize>, size: usize) {
        self.place(channels, format!("{name}.gamma"), 0);
        self.place(channels, format!("{name}.beta"), 0);
        if let Some(channels) = channels {
            let units = &mut self.0[channels];
            (units.count, units.size) = (units.count * units.size / size, size);
        }
    }

    /// The channels of the newest convolution are those of an older picture, which it is added to.
    fn joins(&mut self, older: Option<usize>) {
        let Some(newest) = self.0.pop() else { return };
        for Unit { tensor, axis } in newest.places {
            self.place(older, tensor, axis);
        }
    }
}

/// What can be taken out, in the order in which the plan comes upon it, which is that of [`Architecture::hidden`]: the channels of each
/// convolution, those of a residual stream once, and the units of a hidden layer. Where channels are normalized, a whole group of them is
/// one unit: without it the others' means and deviations are what they were.
///
/// [`Architecture::hidden`]: super::super::Architecture::hidden
pub(in super::super) fn removable(plan: &Plan) -> Vec<Units> {
    let mut found = Found::default();
    let (mut now, mut kept) = (None, None);
    for step in &plan.steps {
        match step {
            Step::Conv(conv) => {
                found.reads(conv, now);
                now = Some(found.open(&conv.name, conv.outputs));
                found.makes(conv, now);
            }
            Step::Norm { name, channels, groups } => found.normalized(name, now, channels / groups),
            Step::Keep => kept = now,
            Step::Add(Some(shortcut)) => {
                found.reads(shortcut, kept);
                found.makes(shortcut, now);
            }
            Step::Add(None) => {
                found.joins(kept);
                now = kept;
            }
            Step::Relu | Step::Pool => {}
        }
    }
    for (at, layer) in plan.layers.iter().enumerate() {
        found.place(now, format!("{}.weight", layer.name), 0);
        if at + 1 < plan.layers.len() {
            now = Some(found.open(&layer.name, layer.outputs));
            found.place(now, format!("{}.weight", layer.name), 1);
            found.place(now, format!("{}.bias", layer.name), 0);
        }
    }
    found.0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use orrery_domain::training::ModelKind;

    use super::{
        super::{
            super::{
                Architecture, Encoded, Loss, Rows, Scorer, Weights, onnx::graph, parameter_count, slopes,
            },
            tests::{doubles, network, networks, oracle_loss, pictures, weights},
        },
        *,
    };
    use crate::onnx::{Elements, OnnxModel, OnnxTensor};

    fn listed(all: &[Units]) -> Vec<(&str, usize, usize)> {
        all.iter().map(|units| (units.name.as_str(), units.count, units.size)).collect()
    }

    fn every(groups: &[Units]) -> Vec<Vec<usize>> {
        groups.iter().map(|units| (0..units.count).collect()).collect()
    }

    fn scores(arch: &Architecture, weights: &Weights, x: &Encoded) -> Vec<f64> {
        Scorer::new(arch, weights).expect("they fit").score(x).expect("they score")
    }

    fn assert_near(found: &[f64], expected: &[f64], what: &str) {
        let largest = expected.iter().fold(1.0_f64, |top, value| top.max(value.abs()));
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 2e-5 * largest, "{what}: {found} {expected}");
        }
    }

    #[test]
    fn streams_and_groups_go_together() {
        let arch = network(ModelKind::ResnetCnn, (8, 8, 1), 3);
        let all = arch.removable();
        let expected = [
            ("stem", 4, 1),
            ("blocks.0.conv1", 4, 1),
            ("blocks.1.conv1", 8, 1),
            ("blocks.1.conv2", 8, 1),
            // 16 channels are normalized in 8 groups of 2.
            ("blocks.2.conv1", 8, 2),
            ("blocks.2.conv2", 8, 2),
        ];
        assert_eq!(listed(&all), expected);
        let places = |units: &Units| -> Vec<String> {
            units.places.iter().map(|place| format!("{} {}", place.tensor, place.axis)).collect()
        };
        let stem = [
            "stem.weight 0",
            "stem.bias 0",
            "blocks.0.norm1.gamma 0",
            "blocks.0.norm1.beta 0",
            "blocks.0.conv1.weight 1",
            "blocks.0.conv2.weight 0",
            "blocks.0.conv2.bias 0",
            "blocks.1.norm1.gamma 0",
            "blocks.1.norm1.beta 0",
            "blocks.1.conv1.weight 1",
            "blocks.1.shortcut.weight 1",
        ];
        assert_eq!(places(&all[0]), stem);
        let last = [
            "blocks.2.conv2.weight 0",
            "blocks.2.conv2.bias 0",
            "blocks.2.shortcut.weight 0",
            "blocks.2.shortcut.bias 0",
            "norm.gamma 0",
            "norm.beta 0",
            "head.weight 0",
        ];
        assert_eq!(places(&all[5]), last);
        // Two channels: their filters over 8 channels and biases, two scales and shifts, their part of 16 filters.
        let counts = all[4].sums(&weights(&arch, 1), |_, _| 1.0);
        let expected = f64::from(2 * (8 * 9 + 1) + 2 * 2 + 2 * 16 * 9);
        assert!(counts.iter().all(|count| (count - expected).abs() < 1e-9), "{counts:?}");
        // A fifth block has as many channels as the fourth: they are one stream.
        let deep = Architecture { depth: 5, ..arch }.removable();
        assert_eq!(deep.len(), 1 + 5 + 3);
        assert!(places(&deep[7]).contains(&"blocks.4.conv2.weight 0".to_owned()), "{:?}", places(&deep[7]));
    }

    #[test]
    fn a_channel_owns_its_pixels_of_the_hidden_layer() {
        let arch = network(ModelKind::Cnn, (8, 8, 1), 3);
        let all = arch.removable();
        let expected =
            [("stages.0.conv", 4, 1), ("stages.1.conv", 8, 1), ("stages.2.conv", 16, 1), ("hidden", 16, 1)];
        assert_eq!(listed(&all), expected);
        // A filter over 8 channels, its bias, and four pixels that 16 units read.
        let counts = all[2].sums(&weights(&arch, 1), |_, _| 1.0);
        let expected = f64::from(8 * 9 + 1 + 2 * 2 * 16);
        assert!(counts.iter().all(|count| (count - expected).abs() < 1e-9), "{counts:?}");
    }

    /// What is taken out answers as what is only silent does: one after the other, and all of them together.
    #[test]
    fn a_network_without_channels_says_what_it_says_with_them_at_zero() {
        for arch in networks(3) {
            let (whole, x) = (weights(&arch, 4), pictures(&arch, 5, 7));
            let groups = arch.removable();
            let all: Vec<usize> = (0..groups.len()).collect();
            for chosen in all.iter().map(|at| vec![*at]).chain([all.clone()]) {
                let (mut masked, mut kept) = (whole.clone(), every(&groups));
                for at in chosen {
                    let silent = [1, groups[at].count - 1];
                    groups[at].silence(&mut masked, &silent);
                    kept[at].retain(|unit| !silent.contains(unit));
                }
                let (smaller, taken) = arch.keep(&whole, &kept);
                assert!(parameter_count(&smaller) < parameter_count(&arch));
                let what = format!("{:?} {:?}", arch.image, smaller.hidden);
                assert_near(&scores(&smaller, &taken, &x), &scores(&arch, &masked, &x), &what);
            }
        }
    }

    /// A stream that is cut to the width of the one before it is still a stream of its own; what is cut once can be cut again and is
    /// read back.
    #[test]
    fn streams_of_one_width_stay_two() {
        let arch = Architecture { depth: 2, ..network(ModelKind::ResnetCnn, (8, 8, 1), 3) };
        let (whole, x) = (weights(&arch, 4), pictures(&arch, 5, 7));
        let groups = arch.removable();
        let mut kept = every(&groups);
        kept[3].truncate(4);
        let mut masked = whole.clone();
        groups[3].silence(&mut masked, &[4, 5, 6, 7]);
        let (smaller, taken) = arch.keep(&whole, &kept);
        assert_eq!(smaller.width, 4, "as it was designed");
        assert_eq!(smaller.hidden, [4, 4, 8, 4]);
        assert!(taken.contains_key("blocks.1.shortcut.weight"));
        assert_near(&scores(&smaller, &taken, &x), &scores(&arch, &masked, &x), "one width");
        let json = serde_json::to_string(&smaller).expect("JSON");
        assert_eq!(serde_json::from_str::<Architecture>(&json).expect("an architecture"), smaller);
        let again: Vec<Vec<usize>> =
            smaller.removable().iter().map(|units| (0..units.count).step_by(2).collect()).collect();
        let (least, rest) = smaller.keep(&taken, &again);
        assert_eq!(least.hidden, [2, 2, 4, 2]);
        assert_eq!(scores(&least, &rest, &x).len(), 15);
        let (same, _) = arch.keep(&whole, &every(&groups));
        assert_eq!(same, arch, "nothing was taken: nothing is noted");
        assert!(!serde_json::to_string(&arch).expect("JSON").contains("hidden"), "cards are as they were");
    }

    #[test]
    fn exported_graphs_shrink_and_answer_as_the_smaller_networks_do() {
        let folder = super::super::super::tests::folder();
        for arch in networks(3) {
            let whole = weights(&arch, 2);
            let kept: Vec<Vec<usize>> =
                arch.removable().iter().map(|units| (0..units.count).step_by(2).collect()).collect();
            let (smaller, taken) = arch.keep(&whole, &kept);
            let shapes = |arch: &Architecture, weights: &Weights| -> BTreeMap<String, Vec<i64>> {
                let all = graph(arch, weights).graph.expect("a graph").initializer;
                all.into_iter().map(|tensor| (tensor.name, tensor.dims)).collect()
            };
            let (before, after) = (shapes(&arch, &whole), shapes(&smaller, &taken));
            for (name, (shape, _)) in taken.iter().filter(|(name, _)| name.ends_with(".weight")) {
                let shape: Vec<i64> = shape.iter().map(|length| *length as i64).collect();
                assert_eq!(after[name], shape, "{name}");
                let values = |shape: &[i64]| shape.iter().product::<i64>();
                assert!(values(&shape) <= values(&before[name]) / 2, "{name}: {:?} {shape:?}", before[name]);
            }
            let path = folder.path().join("model.onnx");
            super::super::super::tests::put(&path, &super::super::super::onnx::export(&smaller, &taken));
            let model = OnnxModel::load(&path).expect("it is served");
            let x = pictures(&arch, 3, 5);
            let expected = scores(&smaller, &taken, &x);
            let given = OnnxTensor { shape: vec![3, x.cols], elements: Elements::Floats(x.values) };
            let found = model.run(&[given]).expect("an answer");
            let Elements::Floats(found) = &found[0].elements else { panic!("{found:?}") };
            for (found, expected) in found.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-4, "{:?}: {found} {expected}", arch.family);
            }
        }
    }

    /// Numbers times their gradients, summed over a unit: how the loss falls as the unit fades, by the oracle in doubles.
    #[test]
    fn the_worth_of_a_unit_is_the_slope_of_the_loss_as_it_fades() {
        for kind in [ModelKind::Cnn, ModelKind::ResnetCnn] {
            let arch = network(kind, (7, 5, 3), 3);
            let weights = weights(&arch, 9);
            let x = pictures(&arch, 6, 3);
            let truth = [0.0, 1.0, 2.0, 0.0, 1.0, 2.0];
            let rows = Rows { x: &x, y: &truth, weight: None };
            let found =
                slopes(&arch, &weights, Loss::Multiclass, rows, &[0, 1, 2, 3, 4, 5]).expect("it computes");
            for units in arch.removable() {
                let product =
                    |name: &str, at: usize| f64::from(weights[name].1[at]) * f64::from(found[name].1[at]);
                let worth = units.sums(&weights, product);
                let largest = worth.iter().fold(1e-2_f64, |top, value| top.max(value.abs()));
                for unit in [0, units.count - 1] {
                    let loss = |factor: f64| {
                        let mut faded = doubles(&weights);
                        for Unit { tensor, axis } in &units.places {
                            let owner = units.owner(&weights[tensor].0, *axis);
                            let values = faded.get_mut(tensor).expect("it is there");
                            for (at, value) in values.iter_mut().enumerate() {
                                if owner(at) == unit {
                                    *value *= factor;
                                }
                            }
                        }
                        oracle_loss(&arch, &faded, &x, &truth)
                    };
                    let measured = (loss(1.0 + 1e-6) - loss(1.0 - 1e-6)) / 2e-6;
                    let error = (measured - worth[unit]).abs();
                    assert!(error < 2e-3 * largest, "{} {unit}: {measured} {}", units.name, worth[unit]);
                }
            }
        }
    }
}
