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
