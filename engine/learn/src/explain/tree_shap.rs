//! `TreeSHAP`: exact Shapley values of a sum of trees, with whole raw columns as the players.
//!
//! Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees", algorithm 2: the value of a
//! set of columns is the trees' answer where a split on a column of the set follows the row, and a split on another goes to
//! every child by the share of training rows (their second derivatives) that went there. Splits on several inputs of one raw column
//! are splits on one player, which the algorithm allows like two splits on one input.

use orrery_domain::{Failure, FailureClass};

use crate::gbt::{Forest, Tree};

/// The trees of one output, ready to be explained.
pub(super) struct Game<'a> {
    forest: &'a Forest,
    output: usize,
    /// The player of each feature.
    owners: &'a [usize],
    players: usize,
    mean: f64,
}

/// A player on the path from the root, and the sum over the sets of players before it.
#[derive(Clone, Copy)]
struct Step {
    player: usize,
    /// Share of the rows that go on where the player is absent.
    absent: f64,
    /// 1 where the explained row goes on, else 0.
    present: f64,
    /// Weight of the sets of this many players.
    weight: f64,
}

/// No player: the root.
const NOBODY: usize = usize::MAX;

impl<'a> Game<'a> {
    /// A game of the trees of `output`.
    ///
    /// # Errors
    /// A model failure when the trees do not say how many rows went where.
    pub fn new(
        forest: &'a Forest,
        output: usize,
        owners: &'a [usize],
        players: usize,
    ) -> Result<Self, Failure> {
        let mut game = Self { forest, output, owners, players, mean: 0.0 };
        if !game.trees().all(|tree| tree.cover.iter().all(|cover| cover.is_finite() && *cover >= 0.0)) {
            return Err(Failure::new(
                FailureClass::Model,
                "The model's trees do not say how many training rows went to each branch, so they cannot be explained. Train the \
                 model again.",
            ));
        }
        let sum: f64 = game.trees().map(|tree| mean(tree, 0)).sum();
        game.mean = forest.base[output] + forest.scale * sum;
        Ok(game)
    }

    /// The trees' mean answer over their training rows: the value of no column at all.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The Shapley value of every player for a row of features.
    pub fn values(&self, features: &[f64]) -> Vec<f64> {
        let mut values = vec![0.0; self.players];
        let mut steps = Vec::with_capacity(256);
        for tree in self.trees() {
            steps.clear();
            let root = Step { player: NOBODY, absent: 1.0, present: 1.0, weight: 0.0 };
            Walk { tree, features, owners: self.owners, values: &mut values, steps: &mut steps }
                .visit(0, 0, root);
        }
        for value in &mut values {
            *value *= self.forest.scale;
        }
        values
    }

    fn trees(&self) -> impl Iterator<Item = &'a Tree> {
        let output = self.output;
        self.forest.trees.iter().filter(move |tree| tree.output as usize == output)
    }
}

/// The node's children, each once, with the share of its rows that went there.
fn children(tree: &Tree, node: usize) -> impl Iterator<Item = (usize, f64)> + Clone + use<> {
    let (left, right, missing) =
        (tree.left[node] as usize, tree.right[node] as usize, tree.missing[node] as usize);
    let own = [
        Some(left),
        (right != left).then_some(right),
        (missing != left && missing != right).then_some(missing),
    ];
    let own = own.map(|child| child.map(|child| (child, tree.cover[child])));
    let (count, total) =
        own.iter().flatten().fold((0.0, 0.0), |(count, total), (_, cover)| (count + 1.0, total + cover));
    own.into_iter()
        .flatten()
        .map(move |(child, cover)| (child, if total > 0.0 { cover / total } else { 1.0 / count }))
}

/// The mean of a node's leaves.
fn mean(tree: &Tree, node: usize) -> f64 {
    if tree.left[node] == 0 {
        return tree.value[node];
    }
    children(tree, node).map(|(child, share)| share * mean(tree, child)).sum()
}

struct Walk<'a> {
    tree: &'a Tree,
    features: &'a [f64],
    owners: &'a [usize],
    values: &'a mut [f64],
    /// The paths of the nodes above, one after the other; the visited node's own is the last.
    steps: &'a mut Vec<Step>,
}

impl Walk<'_> {
    /// Visits a node whose parent's path begins at `parent` in `steps` and is followed by `step`.
    fn visit(&mut self, node: usize, parent: usize, step: Step) {
        let first = self.steps.len();
        self.steps.extend_from_within(parent..first);
        self.visit_own(node, first, step);
        self.steps.truncate(first);
    }

    /// As [`Self::visit`], where the node's own path begins at `first` and lacks `step`.
    fn visit_own(&mut self, node: usize, first: usize, step: Step) {
        extend(self.steps, first, step);
        let tree = self.tree;
        if tree.left[node] == 0 {
            for place in first + 1..self.steps.len() {
                let Step { player, absent, present, .. } = self.steps[place];
                let weight = unwound_sum(&self.steps[first..], place - first);
                self.values[player] += weight * (present - absent) * tree.value[node];
            }
            return;
        }
        let feature = tree.feature[node] as usize;
        let player = self.owners[feature];
        let value = self.features[feature];
        let hot = if value.is_nan() {
            tree.missing[node]
        } else if value < tree.threshold[node] {
            tree.left[node]
        } else {
            tree.right[node]
        } as usize;
        let (mut absent, mut present) = (1.0, 1.0);
        if let Some(place) = self.steps[first..].iter().position(|step| step.player == player) {
            absent = self.steps[first + place].absent;
            present = self.steps[first + place].present;
            unwind(self.steps, first, place);
        }
        for (child, share) in children(tree, node) {
            let (absent, present) = (absent * share, if child == hot { present } else { 0.0 });
            if absent == 0.0 && present == 0.0 {
                // No set of players comes here.
                continue;
            }
            self.visit(child, first, Step { player, absent, present, weight: 0.0 });
        }
    }
}

/// Adds a step to the path that begins at `first`.
fn extend(steps: &mut Vec<Step>, first: usize, step: Step) {
    let depth = steps.len() - first;
    steps.push(Step { weight: if depth == 0 { 1.0 } else { 0.0 }, ..step });
    let path = &mut steps[first..];
    let sets = (depth + 1) as f64;
    for place in (0..depth).rev() {
        path[place + 1].weight += step.present * path[place].weight * (place + 1) as f64 / sets;
        path[place].weight = step.absent * path[place].weight * (depth - place) as f64 / sets;
    }
}

/// Takes the step at `place` out of the path that begins at `first`.
fn unwind(steps: &mut Vec<Step>, first: usize, place: usize) {
    let path = &mut steps[first..];
    let depth = path.len() - 1;
    let Step { absent, present, .. } = path[place];
    let sets = (depth + 1) as f64;
    let mut next = path[depth].weight;
    for at in (0..depth).rev() {
        if present == 0.0 {
            path[at].weight = path[at].weight * sets / (absent * (depth - at) as f64);
        } else {
            let weight = path[at].weight;
            path[at].weight = next * sets / ((at + 1) as f64 * present);
            next = weight - path[at].weight * absent * (depth - at) as f64 / sets;
        }
    }
    for at in place..depth {
        let Step { player, absent, present, .. } = path[at + 1];
        path[at] = Step { player, absent, present, weight: path[at].weight };
    }
    steps.pop();
}

/// The sum of the weights that the path would have without the step at `place`.
fn unwound_sum(path: &[Step], place: usize) -> f64 {
    let depth = path.len() - 1;
    let Step { absent, present, .. } = path[place];
    let sets = (depth + 1) as f64;
    let (mut next, mut sum) = (path[depth].weight, 0.0);
    for at in (0..depth).rev() {
        if present == 0.0 {
            sum += path[at].weight * sets / (absent * (depth - at) as f64);
        } else {
            let weight = next * sets / ((at + 1) as f64 * present);
            sum += weight;
            next = path[at].weight - weight * absent * (depth - at) as f64 / sets;
        }
    }
    sum
}
