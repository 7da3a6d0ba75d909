//! Pruning: units, over pictures channels, taken out of a network with everything that goes with them, or single weights set to 0; in
//! rounds, with training in between.
//!
//! A round ranks what is left, takes out as much as brings the whole to its share of the way, and trains. The first weights of each
//! round's training are what the round before left, so that the same request goes on from its checkpoints round by round.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use orrery_domain::{
    Failure,
    compress::{CompressTarget, LayerShape, PruneConfig, PruneCriterion, PruneRound, PruneStructure},
    model::ModelCard,
};

use super::{
    CompressJob, GENTLE, Made, Stretch, check_budget, client, copy_rules,
    material::{Aids, Material},
    say,
};
use crate::{
    control::{Interrupt, JobControl, check},
    nets::{self, Architecture, Scorer, Start, Units, Weights, parameter_count, slopes},
    prepare::Preprocessor,
    train::again::Again,
};

/// Training rows that gradients are looked at on, at most, and rows of a batch of these.
const LOOKED_AT: (usize, usize) = (8192, 256);
/// The same of pictures, which are dear.
const PICTURES_LOOKED_AT: (usize, usize) = (2048, 64);
/// Fewest units of a layer.
const FEWEST: usize = 1;

/// Prunes a model into the staged folder.
///
/// # Errors
/// A client failure when the request makes no sense; those of reading and training; an interruption.
pub(super) fn make(
    job: &CompressJob,
    config: &PruneConfig,
    card: &ModelCard,
    rows: &Again,
    control: &dyn JobControl,
) -> Result<Made, Interrupt> {
    check_config(config)?;
    let rules = Preprocessor::load(&job.folder)?;
    let (arch, weights) = nets::load(&job.folder)?;
    let material = Material::new(rows, &rules, arch.output)?;
    let bench = Bench { job, config, card, rows, material, said: Mutex::default() };
    let most = (bench.left(&arch, &weights) as f64 * (1.0 - config.share)) as u64;
    let before = (arch.clone(), weights.clone());
    let (arch, weights, rounds) = bench.rounds(arch, weights, control)?;
    let target = Some(CompressTarget::Parameters { most, left: bench.left(&arch, &weights) });
    let notes = bench.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
    nets::save(&job.staged, &arch, &weights)?;
    copy_rules(job, card, true)?;
    let made = Made {
        parameters: parameter_count(&arch),
        shapes: shapes(&before.1, &weights),
        rounds,
        target,
        notes,
        ..Made::like(card)
    };
    Ok(made)
}

fn check_config(config: &PruneConfig) -> Result<(), Failure> {
    if !(config.share > 0.0 && config.share < 1.0) {
        let message = format!("A share of {} is not possible: it must be above 0 and below 1.", config.share);
        return Err(client(message));
    }
    if !(1..=50).contains(&config.rounds) {
        return Err(client(format!("{} rounds are not possible: from 1 to 50 are.", config.rounds)));
    }
    if config.round_epochs.max(config.final_epochs) > 1000 {
        return Err(client("More than 1,000 passes are not possible."));
    }
    check_budget(config.loss_budget)
}

/// Tensors that became smaller or got zeros.
fn shapes(before: &Weights, after: &Weights) -> Vec<LayerShape> {
    let wide = |shape: &[usize]| shape.iter().map(|length| *length as u64).collect::<Vec<_>>();
    let zeros = |values: &[f32]| values.iter().filter(|value| **value == 0.0).count() as u64;
    let changed = before.iter().filter_map(|(name, (shape, values))| {
        let (new, found) = after.get(name)?;
        let fresh = zeros(found).saturating_sub(zeros(values));
        let kept = zeros(found);
        (shape != new || fresh > 0).then(|| LayerShape {
            layer: name.clone(),
            before: wide(shape),
            after: wide(new),
            zeros: if fresh > 0 { kept } else { 0 },
        })
    });
    changed.collect()
}

struct Bench<'a> {
    job: &'a CompressJob,
    config: &'a PruneConfig,
    card: &'a ModelCard,
    rows: &'a Again,
    material: Material,
    /// What befell the training.
    said: Mutex<Vec<String>>,
}

/// A network between two rounds.
type Network = (Architecture, Weights);

impl Bench<'_> {
    /// Every round and the last training.
    fn rounds(
        &self,
        arch: Architecture,
        weights: Weights,
        control: &dyn JobControl,
    ) -> Result<(Architecture, Weights, Vec<PruneRound>), Interrupt> {
        let count = self.config.rounds;
        let base = self.loss(&arch, &weights)?;
        let all = self.left(&arch, &weights) as f64;
        let step = 0.85 / f64::from(count + 1);
        let mut kept: Network = (arch, weights);
        let mut rounds: Vec<PruneRound> = Vec::new();
        for round in 1..=count {
            let from = 0.05 + step * f64::from(round - 1);
            say(control, &format!("Round {round} of {count}: looking for what to take out"), from)?;
            // Less with each round, to the whole share in the last (Zhu and Gupta 2017, "To prune, or not to prune", equation 1).
            let share = self.config.share * (1.0 - (1.0 - f64::from(round) / f64::from(count)).powi(3));
            let wanted = all * (1.0 - share);
            let taken = self.take(&kept, wanted, control)?;
            let last = round == count;
            let epochs = if last { 0 } else { self.config.round_epochs };
            let phase = format!("Round {round} of {count}: training what is left");
            let next =
                self.train(taken, epochs, &format!("round-{round}"), (&phase, from, from + step), control)?;
            let valid_loss = self.loss(&next.0, &next.1)?;
            // What the last round costs is known after the last training.
            let fits = last || self.fits(valid_loss, base);
            rounds.push(PruneRound { parameters: self.left(&next.0, &next.1), valid_loss, kept: fits });
            if !fits {
                break;
            }
            let before = std::mem::replace(&mut kept, next);
            if last {
                let within = (0.90 - step, 0.90);
                let trained = self.finish(kept.clone(), "final", within, control)?;
                let valid_loss = self.loss(&trained.0, &trained.1)?;
                let fits = self.fits(valid_loss, base);
                if let Some(round) = rounds.last_mut() {
                    (round.valid_loss, round.kept) = (valid_loss, fits);
                }
                if fits {
                    return Ok((trained.0, trained.1, rounds));
                }
                kept = before;
            }
        }
        if rounds.iter().all(|round| !round.kept) {
            let message = format!(
                "Nothing can be taken out within {:.3} % more loss. Nothing was made; allow more, or take out less in more rounds.",
                self.config.loss_budget.unwrap_or_default() * 100.0
            );
            return Err(client(message).into());
        }
        let (arch, weights) = self.finish(kept, "final-within", (0.88, 0.90), control)?;
        Ok((arch, weights, rounds))
    }

    /// Whether a loss keeps to the budget beside the loss before.
    fn fits(&self, loss: f64, before: f64) -> bool {
        let rise = (loss - before) / before.abs().max(f64::MIN_POSITIVE);
        self.config.loss_budget.is_none_or(|budget| rise <= budget)
    }

    /// Parameters that are left: those that were not set to 0.
    fn left(&self, arch: &Architecture, weights: &Weights) -> u64 {
        match self.config.structure {
            PruneStructure::Units => parameter_count(arch),
            PruneStructure::Weights => matrices(weights)
                .map(|(_, values)| values.iter().filter(|value| **value != 0.0).count() as u64)
                .sum(),
        }
    }

    fn loss(&self, arch: &Architecture, weights: &Weights) -> Result<f64, Failure> {
        let raw = Scorer::new(arch, weights)?.score(&self.material.valid_x)?;
        Ok(self.rows.valid_loss(&self.rows.predictions(&raw)?))
    }

    /// Takes out as much as leaves `wanted` parameters.
    fn take(&self, network: &Network, wanted: f64, control: &dyn JobControl) -> Result<Network, Interrupt> {
        let (arch, weights) = network;
        match self.config.structure {
            PruneStructure::Units => {
                let groups = arch.removable();
                let scores = self.scores(arch, weights, &groups, control)?;
                let kept = choose(arch, &groups, &scores, wanted);
                Ok(arch.keep(weights, &kept))
            }
            PruneStructure::Weights => {
                let worth = self.worths(arch, weights, control)?;
                Ok((arch.clone(), masked(weights, wanted as usize, |name, at| worth[name][at])))
            }
        }
    }

    /// Calls `each` with the gradients of the loss on some batches of training rows, and their number.
    fn gradients(
        &self,
        arch: &Architecture,
        weights: &Weights,
        control: &dyn JobControl,
        mut each: impl FnMut(&Weights, f64),
    ) -> Result<(), Interrupt> {
        let rows = self.material.train();
        let (most, size) = if arch.image.is_some() { PICTURES_LOOKED_AT } else { LOOKED_AT };
        let step = rows.x.rows.div_ceil(most).max(1);
        let chosen: Vec<u32> = (0..rows.x.rows as u32).step_by(step).collect();
        let batches = chosen.chunks(size);
        let count = batches.len() as f64;
        for batch in batches {
            check(control)?;
            each(&slopes(arch, weights, self.material.loss, rows, batch)?, count);
        }
        Ok(())
    }

    /// What each unit of each layer is worth.
    fn scores(
        &self,
        arch: &Architecture,
        weights: &Weights,
        groups: &[Units],
        control: &dyn JobControl,
    ) -> Result<Vec<Vec<f64>>, Interrupt> {
        let value = |name: &str, at: usize| f64::from(weights[name].1[at]);
        let beside_the_mean = |sums: Vec<f64>| {
            let mean = sums.iter().sum::<f64>() / sums.len().max(1) as f64;
            sums.into_iter().map(|sum| sum / mean.max(f64::MIN_POSITIVE)).collect()
        };
        Ok(match self.config.criterion {
            PruneCriterion::L1 => {
                let of = |units: &Units| units.sums(weights, |name, at| value(name, at).abs());
                groups.iter().map(|units| beside_the_mean(of(units))).collect()
            }
            PruneCriterion::L2 => {
                let of = |units: &Units| units.sums(weights, |name, at| value(name, at).powi(2));
                groups.iter().map(|units| beside_the_mean(of(units))).collect()
            }
            PruneCriterion::Taylor => {
                let mut means: Vec<Vec<f64>> = groups.iter().map(|units| vec![0.0; units.count]).collect();
                self.gradients(arch, weights, control, |batch, count| {
                    for (units, means) in groups.iter().zip(&mut means) {
                        let changes = changes(units, weights, batch);
                        means.iter_mut().zip(changes).for_each(|(mean, one)| *mean += one * one / count);
                    }
                })?;
                means
            }
        })
    }

    /// What each single weight of the matrices is worth.
    fn worths(
        &self,
        arch: &Architecture,
        weights: &Weights,
        control: &dyn JobControl,
    ) -> Result<BTreeMap<String, Vec<f64>>, Interrupt> {
        let of = |size: fn(f32) -> f64| -> BTreeMap<String, Vec<f64>> {
            let all = matrices(weights);
            all.map(|(name, values)| (name.clone(), values.iter().map(|value| size(*value)).collect()))
                .collect()
        };
        if self.config.criterion != PruneCriterion::Taylor {
            return Ok(of(|value| f64::from(value.abs())));
        }
        let mut worths = of(|_| 0.0);
        self.gradients(arch, weights, control, |batch, count| {
            for (name, worths) in &mut worths {
                let pairs = weights[name].1.iter().zip(&batch[name].1);
                for (worth, (value, slope)) in worths.iter_mut().zip(pairs) {
                    *worth += f64::from(value * slope).powi(2) / count;
                }
            }
        })?;
        Ok(worths)
    }

    fn finish(
        &self,
        network: Network,
        name: &str,
        (from, to): (f64, f64),
        control: &dyn JobControl,
    ) -> Result<Network, Interrupt> {
        self.train(network, self.config.final_epochs, name, ("The last training", from, to), control)
    }

    /// Trains what is left.
    fn train(
        &self,
        (arch, weights): Network,
        epochs: u32,
        name: &str,
        (phase, from, to): (&str, f64, f64),
        control: &dyn JobControl,
    ) -> Result<Network, Interrupt> {
        if epochs == 0 {
            return Ok((arch, weights));
        }
        let mut settings = self.material.settings(&self.card.config, self.card.kind, Some(epochs));
        settings.learning_rate *= GENTLE;
        settings.patience = 0;
        let folder: &Path = &self.job.work.join(name);
        let start = Start { weights: &weights, hold_zeros: self.config.structure == PruneStructure::Weights };
        let aids = Aids { start: Some(start), ..Aids::default() };
        let stretch = Stretch { control, phase: phase.to_owned(), from, to, said: &self.said };
        let fitted = self.material.fit(&arch, aids, &settings, folder, &stretch)?;
        // Training may end up worse than it began: then it is left out.
        let (before, after) = (self.loss(&arch, &weights)?, self.loss(&arch, &fitted.weights)?);
        Ok(if after <= before { (arch, fitted.weights) } else { (arch, weights) })
    }
}

/// What the loss would change by without each unit, to first order: its numbers times their gradients, summed.
fn changes(units: &Units, weights: &Weights, gradients: &Weights) -> Vec<f64> {
    units.sums(weights, |name, at| f64::from(weights[name].1[at]) * f64::from(gradients[name].1[at]))
}

/// The matrices of a network: what weights are taken from.
fn matrices(weights: &Weights) -> impl Iterator<Item = (&String, &Vec<f32>)> {
    weights
        .iter()
        .filter(|(name, _)| {
            name.ends_with(".weight") && !["embedding.weight", "ple.weight"].contains(&name.as_str())
        })
        .map(|(name, (_, values))| (name, values))
}

/// The weights with all but the `wanted` worthiest of the matrices set to 0.
fn masked(weights: &Weights, wanted: usize, worth: impl Fn(&str, usize) -> f64) -> Weights {
    let mut all: Vec<(f64, &str, usize)> = matrices(weights)
        .flat_map(|(name, values)| {
            let worth = &worth;
            let left = values.iter().enumerate().filter(|(_, value)| **value != 0.0);
            left.map(move |(at, _)| (worth(name, at), name.as_str(), at))
        })
        .collect();
    let surplus = all.len().saturating_sub(wanted);
    let mut made = weights.clone();
    if surplus > 0 {
        all.select_nth_unstable_by(surplus - 1, |a, b| {
            a.0.total_cmp(&b.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2)))
        });
        for (_, name, at) in &all[..surplus] {
            if let Some((_, values)) = made.get_mut(*name) {
                values[*at] = 0.0;
            }
        }
    }
    made
}

/// The units that stay, by layer and ascending: the least worthy go, one after the other, until `wanted` parameters are left or every layer
/// has its fewest.
fn choose(arch: &Architecture, groups: &[Units], scores: &[Vec<f64>], wanted: f64) -> Vec<Vec<usize>> {
    let mut order: Vec<(usize, usize)> = groups
        .iter()
        .enumerate()
        .flat_map(|(at, units)| (0..units.count).map(move |unit| (at, unit)))
        .collect();
    order.sort_by(|a, b| scores[a.0][a.1].total_cmp(&scores[b.0][b.1]).then(a.cmp(b)));
    let mut counts: Vec<usize> = groups.iter().map(|units| units.count).collect();
    let mut gone: Vec<Vec<bool>> = groups.iter().map(|units| vec![false; units.count]).collect();
    for (layer, unit) in order {
        if parameter_count(&arch.with_units(&counts)) as f64 <= wanted {
            break;
        }
        if counts[layer] > FEWEST {
            counts[layer] -= 1;
            gone[layer][unit] = true;
        }
    }
    gone.into_iter().map(|gone| (0..gone.len()).filter(|unit| !gone[*unit]).collect()).collect()
}

#[cfg(test)]
mod tests {
    use orrery_domain::{
        image::ImageShape,
        training::{HyperParameters, ModelKind},
    };

    use super::*;
    use crate::nets::{Encoded, Family, Loss, OutputScale, Rows, initial_weights};

    fn arch(family: Family) -> Architecture {
        Architecture {
            family,
            numeric: 5,
            category_sizes: Vec::new(),
            embedding: 0,
            outputs: 1,
            width: 16,
            depth: 2,
            hidden: Vec::new(),
            dropout: 0.0,
            members: if family == Family::Tabm { 3 } else { 1 },
            ple_edges: Vec::new(),
            ple_width: 0,
            output: OutputScale::Logits,
            image: None,
        }
    }

    /// What stays when at most this share of the parameters may, and their number. The worth of a unit is its number: the first ones go.
    fn last_units(arch: &Architecture, share: f64) -> (Vec<Vec<usize>>, f64) {
        let groups = arch.removable();
        let scores: Vec<Vec<f64>> =
            groups.iter().map(|units| (0..units.count).map(|unit| unit as f64).collect()).collect();
        let wanted = parameter_count(arch) as f64 * share;
        (choose(arch, &groups, &scores, wanted), wanted)
    }

    #[test]
    fn the_least_worthy_go_until_the_share_is_reached() {
        for family in [Family::Mlp, Family::Resnet, Family::Tabm] {
            let arch = arch(family);
            let weights = initial_weights(&arch, 1);
            let groups = arch.removable();
            let (kept, wanted) = last_units(&arch, 0.5);
            let (smaller, taken) = arch.keep(&weights, &kept);
            let left = parameter_count(&smaller) as f64;
            assert!(left <= wanted && left > wanted * 0.8, "{family:?}: {left} of {wanted}");
            for (kept, units) in kept.iter().zip(&groups) {
                let first = kept[0];
                assert!(kept.iter().copied().eq(first..units.count), "{family:?}: the last ones stay");
            }
            Scorer::new(&smaller, &taken).expect("every tensor fits");
        }
    }

    #[test]
    fn no_layer_loses_its_last_unit() {
        let arch = arch(Family::Mlp);
        let groups = arch.removable();
        let scores: Vec<Vec<f64>> = groups.iter().map(|units| vec![0.0; units.count]).collect();
        let kept = choose(&arch, &groups, &scores, 0.0);
        assert!(kept.iter().all(|units| units.len() == 1));
    }

    #[test]
    fn a_mask_leaves_the_largest_weights_and_nothing_else_changes() {
        let weights = initial_weights(&arch(Family::Mlp), 2);
        let all: usize = matrices(&weights).map(|(_, values)| values.len()).sum();
        let made = masked(&weights, all / 4, |name, at| f64::from(weights[name].1[at].abs()));
        let left: Vec<f32> = matrices(&made)
            .flat_map(|(_, values)| values.iter().copied().filter(|value| *value != 0.0))
            .collect();
        assert_eq!(left.len(), all / 4);
        let least = left.iter().fold(f32::INFINITY, |least, value| least.min(value.abs()));
        for (name, (_, values)) in &weights {
            for (before, after) in values.iter().zip(&made[name].1) {
                let zero = *after == 0.0 && *before != 0.0;
                assert!(
                    before.to_bits() == after.to_bits() || zero && before.abs() <= least,
                    "{name}: {before} {after}"
                );
            }
        }
        assert_eq!(weights["layers.0.bias"], made["layers.0.bias"]);
    }

    /// A small network over pictures of 8x8 in three classes.
    fn over_pictures(kind: ModelKind) -> Architecture {
        let shape = ImageShape { width: 8, height: 8, channels: 1 };
        let hyper =
            HyperParameters { width: Some(4), depth: Some(2), dropout: Some(0.0), ..Default::default() };
        let logits = OutputScale::Logits;
        Architecture::design(kind, &hyper, shape.values(), Vec::new(), 3, logits, Vec::new()).over(shape)
    }

    #[test]
    fn channels_go_until_the_share_is_reached_and_none_goes_alone_that_is_normalized_with_others() {
        for (kind, name) in
            [(ModelKind::Cnn, "stages.1.conv.weight"), (ModelKind::ResnetCnn, "blocks.1.conv2.weight")]
        {
            let arch = over_pictures(kind);
            let weights = initial_weights(&arch, 1);
            let (kept, wanted) = last_units(&arch, 0.5);
            let (smaller, taken) = arch.keep(&weights, &kept);
            let left = parameter_count(&smaller) as f64;
            assert!(left <= wanted && left > wanted * 0.6, "{kind:?}: {left} of {wanted}");
            let held: u64 = taken.values().map(|(_, values)| values.len() as u64).sum();
            assert_eq!(held, parameter_count(&smaller), "the architecture says what there is");
            let changed = shapes(&weights, &taken);
            let shape = changed.iter().find(|shape| shape.layer == name).expect("it shrank");
            assert!(shape.after[0] < shape.before[0] && shape.after[1] < shape.before[1], "{shape:?}");
            assert_eq!(shape.after[2..], [3, 3]);
            let (least, _) = last_units(&arch, 0.0);
            assert!(least.iter().all(|units| units.len() == 1), "a unit of each stays");
            let (smallest, rest) = arch.keep(&weights, &least);
            Scorer::new(&smallest, &rest).expect("every tensor fits");
            let made = masked(&weights, 100, |name, at| f64::from(weights[name].1[at].abs()));
            let zeros = made[name].1.iter().filter(|value| **value == 0.0).count();
            assert!(zeros > 0, "filters are masked as matrices are");
        }
    }

    /// Ranks of values, from 0.
    fn ranks(values: &[f64]) -> Vec<f64> {
        values.iter().map(|value| values.iter().filter(|other| *other < value).count() as f64).collect()
    }

    /// The first-order change beside what the loss really does when a unit is set to 0, where units matter to very different degrees.
    #[test]
    fn units_are_ranked_as_setting_each_to_zero_ranks_them() {
        let count = 48_u32;
        let value = |at: u32| ((at.wrapping_mul(2_654_435_761) >> 8) % 1000) as f32 / 500.0 - 1.0;
        let x = Encoded { rows: 48, cols: 64, values: (0..count * 64).map(value).collect() };
        let truth: Vec<f32> = (0..count).map(|row| (row % 3) as f32).collect();
        let batch: Vec<u32> = (0..count).collect();
        for (kind, layer) in [(ModelKind::Cnn, "stages.1.conv"), (ModelKind::ResnetCnn, "blocks.1.conv1")] {
            let arch = over_pictures(kind);
            let mut weights = initial_weights(&arch, 3);
            let groups = arch.removable();
            let units = groups.iter().find(|units| units.name == layer).expect("it is there");
            // Each next channel is heard a third as loud.
            let (heard, axis) = match kind {
                ModelKind::Cnn => ("hidden.weight", 0),
                _ => ("blocks.1.conv2.weight", 1),
            };
            let (shape, values) = weights.get_mut(heard).expect("it is there");
            let inner: usize = shape[axis + 1..].iter().product();
            let run = shape[axis] / units.count;
            for (at, value) in values.iter_mut().enumerate() {
                let unit = at / inner % shape[axis] / run;
                *value *= 3.0_f32.powi(-(unit as i32));
            }
            let loss = |weights: &Weights| -> f64 {
                let raw = Scorer::new(&arch, weights).expect("they fit").score(&x).expect("they score");
                let row = |(out, class): (&[f64], &f32)| {
                    out.iter().map(|z| z.exp()).sum::<f64>().ln() - out[*class as usize]
                };
                raw.chunks_exact(3).zip(&truth).map(row).sum::<f64>() / f64::from(count)
            };
            let rows = Rows { x: &x, y: &truth, weight: None };
            let gradients = slopes(&arch, &weights, Loss::Multiclass, rows, &batch).expect("it computes");
            let expected: Vec<f64> = (0..units.count)
                .map(|unit| {
                    let mut without = weights.clone();
                    units.silence(&mut without, &[unit]);
                    (loss(&without) - loss(&weights)).abs()
                })
                .collect();
            let found: Vec<f64> = changes(units, &weights, &gradients).iter().map(|one| one.abs()).collect();
            let apart = |(a, b): (f64, f64)| (a - b).powi(2);
            let squares: f64 = ranks(&found).into_iter().zip(ranks(&expected)).map(apart).sum();
            let many = units.count as f64;
            // Spearman's coefficient of rank correlation.
            let correlation = 1.0 - 6.0 * squares / (many * (many * many - 1.0));
            assert!(correlation > 0.7, "{kind:?}: {correlation}: {found:?} {expected:?}");
        }
    }
}
