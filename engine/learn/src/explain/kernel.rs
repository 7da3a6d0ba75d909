//! Kernel SHAP: Shapley values as the solution of a weighted regression over sets of columns.
//!
//! Lundberg and Lee 2017, "A unified approach to interpreting model predictions", theorem 2, with the parts bound to add up. Sizes of
//! sets are taken whole, the smallest and largest first, as long as the number of sets suffices; the rest is sampled in pairs of a set
//! and its complement (Covert and Lee 2021, "Improving `KernelSHAP`"). Where all sets are taken the values are exact. The sets are the
//! same for every row, so that the regression is solved once.

use orrery_domain::{Failure, FailureClass};
use rand::{RngExt as _, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    Parts,
    answers::Rows,
    solve::Cholesky,
    switch::{Sets, Switch},
};
use crate::control::{Interrupt, JobControl, check};

/// Groups of the jackknife.
const GROUPS: usize = 10;

/// Sets of columns where no number is asked for, as shap takes it.
pub(super) fn usual(players: usize) -> u32 {
    2 * players as u32 + 2048
}

/// Sets with their weights in the regression.
struct Design {
    /// The empty set, the full one, and those of the regression.
    sets: Sets,
    /// Of the sets from the third on.
    weights: Vec<f64>,
    /// Group of the jackknife, for what was sampled.
    groups: Vec<Option<usize>>,
}

/// Kernel SHAP with about `samples` sets; standard errors by a jackknife over what was sampled.
///
/// # Errors
/// A client failure when there are too few sets, a failure of the model, or an interruption.
pub(super) fn kernel(
    switch: &Switch<'_>,
    x: &Rows,
    samples: u32,
    seed: u64,
    control: &dyn JobControl,
) -> Result<Vec<Parts>, Interrupt> {
    let players = switch.players.len();
    let design = Design::new(players, samples as usize, seed);
    let values = switch.values(x, std::slice::from_ref(&design.sets), control)?;
    if players < 2 {
        let only = |values: &Vec<f64>| Parts::new(values[1], values[0], vec![values[1] - values[0]; players]);
        return Ok(values.iter().map(only).collect());
    }
    let few = || {
        Failure::new(
            FailureClass::Client,
            format!(
                "{samples} sets of columns are too few for {players} columns. Give {} at least.",
                4 * players
            ),
        )
    };
    let whole = Fit::new(&design, players, None, control)?.ok_or_else(few)?;
    let sampled = design.groups.iter().any(Option::is_some);
    let mut without = Vec::new();
    for group in (0..GROUPS).filter(|_| sampled) {
        without.extend(Fit::new(&design, players, Some(group), control)?);
    }
    let parts = |values: &Vec<f64>| {
        let columns = whole.columns(&design, values, control)?;
        let all: Result<Vec<Vec<f64>>, Interrupt> =
            without.iter().map(|fit| fit.columns(&design, values, control)).collect();
        let all = all?;
        let errors = (all.len() > 1).then(|| jackknife(&all));
        Ok(Parts { errors, ..Parts::new(values[1], values[0], columns) })
    };
    values.iter().map(parts).collect()
}

/// Standard errors from the estimates without each group.
fn jackknife(all: &[Vec<f64>]) -> Vec<f64> {
    let many = all.len() as f64;
    (0..all[0].len())
        .map(|column| {
            let mean = all.iter().map(|found| found[column]).sum::<f64>() / many;
            let squares: f64 = all.iter().map(|found| (found[column] - mean).powi(2)).sum();
            ((many - 1.0) / many * squares).sqrt()
        })
        .collect()
}

impl Design {
    fn new(players: usize, samples: usize, seed: u64) -> Self {
        let mut design = Self { sets: Sets::new(players), weights: Vec::new(), groups: Vec::new() };
        design.sets.push(|_| false);
        design.sets.push(|_| true);
        if players < 2 {
            return design;
        }
        // The kernel's mass by size, both sizes of a pair together.
        let halves = players / 2;
        let mass = |size: usize| {
            let one = (players - 1) as f64 / (size * (players - size)) as f64;
            if size * 2 == players { one } else { 2.0 * one }
        };
        let all: f64 = (1..=halves).map(mass).sum();
        let mut left = samples as f64;
        let mut rest = all;
        let mut size = 1;
        while size <= halves {
            let many = choose(players, size) * if size * 2 == players { 1.0 } else { 2.0 };
            if left * mass(size) / rest < many * (1.0 - 1e-8) {
                break;
            }
            design.whole(players, size, mass(size) / all / many);
            left -= many;
            rest -= mass(size);
            size += 1;
        }
        if size <= halves {
            let sizes: Vec<(usize, f64)> = (size..=halves).map(|size| (size, mass(size) / rest)).collect();
            design.sample(players, &sizes, rest / all, (left / 2.0) as usize, seed);
        }
        design
    }

    /// Every set of a size, and of the size of their complements.
    fn whole(&mut self, players: usize, size: usize, weight: f64) {
        let mut chosen: Vec<usize> = (0..size).collect();
        loop {
            let mut on = vec![false; players];
            for player in &chosen {
                on[*player] = true;
            }
            self.add(|player| on[player], weight, None);
            if size * 2 != players {
                self.add(|player| !on[player], weight, None);
            }
            let Some(at) = (0..size).rev().find(|at| chosen[*at] < players - size + at) else { return };
            chosen[at] += 1;
            for next in at + 1..size {
                chosen[next] = chosen[next - 1] + 1;
            }
        }
    }

    fn sample(&mut self, players: usize, sizes: &[(usize, f64)], mass: f64, pairs: usize, seed: u64) {
        let pairs = pairs.max(2 * players).max(2 * GROUPS);
        let weight = mass / (2 * pairs) as f64;
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0ce2_ae15);
        let mut order: Vec<usize> = (0..players).collect();
        for pair in 0..pairs {
            let mut place: f64 = rng.random();
            let size = sizes.iter().find(|(_, share)| {
                place -= share;
                place < 0.0
            });
            let size = size.or(sizes.last()).map_or(1, |(size, _)| *size);
            order.shuffle(&mut rng);
            let mut on = vec![false; players];
            for player in &order[..size] {
                on[*player] = true;
            }
            let group = Some(pair % GROUPS);
            self.add(|player| on[player], weight, group);
            self.add(|player| !on[player], weight, group);
        }
    }

    fn add(&mut self, on: impl Fn(usize) -> bool, weight: f64, group: Option<usize>) {
        self.sets.push(on);
        self.weights.push(weight);
        self.groups.push(group);
    }
}

/// The regression, ready for values.
struct Fit {
    factors: Cholesky,
    /// The solution for ones, and its sum.
    ones: (Vec<f64>, f64),
    weights: Vec<f64>,
}

impl Fit {
    /// Without a group of what was sampled; none where the sets do not tell the columns apart.
    fn new(
        design: &Design,
        players: usize,
        without: Option<usize>,
        control: &dyn JobControl,
    ) -> Result<Option<Self>, Interrupt> {
        let left_out = |group: &Option<usize>| without.is_some() && *group == without;
        let sum = |keep: &dyn Fn(&Option<usize>) -> bool| -> f64 {
            let all = design.weights.iter().zip(&design.groups);
            all.filter(|(_, group)| group.is_some() && keep(group)).map(|(weight, _)| weight).sum()
        };
        let scale = if without.is_some() { sum(&|_| true) / sum(&|group| !left_out(group)) } else { 1.0 };
        let weights: Vec<f64> = design
            .weights
            .iter()
            .zip(&design.groups)
            .map(|(weight, group)| match group {
                Some(_) if left_out(group) => 0.0,
                Some(_) => weight * scale,
                None => *weight,
            })
            .collect();
        let mut matrix = vec![0.0; players * players];
        for (set, weight) in weights.iter().enumerate() {
            check(control)?;
            let on: Vec<usize> = members(design.sets.of(set + 2)).collect();
            for i in &on {
                for j in &on {
                    matrix[i * players + j] += weight;
                }
            }
        }
        let Some(factors) = Cholesky::of(&matrix, players, control)? else { return Ok(None) };
        let ones = factors.solve(&vec![1.0; players]);
        let sum = ones.iter().sum();
        Ok(Some(Self { factors, ones: (ones, sum), weights }))
    }

    /// Each column's part: the least squares that add up (Lagrange's multiplier on their sum).
    fn columns(
        &self,
        design: &Design,
        values: &[f64],
        control: &dyn JobControl,
    ) -> Result<Vec<f64>, Interrupt> {
        check(control)?;
        let (begin, end) = (values[0], values[1]);
        let mut right = vec![0.0; self.ones.0.len()];
        for (set, weight) in self.weights.iter().enumerate() {
            let value = weight * (values[set + 2] - begin);
            for player in members(design.sets.of(set + 2)) {
                right[player] += value;
            }
        }
        let mut columns = self.factors.solve(&right);
        let gap = columns.iter().sum::<f64>() - (end - begin);
        let (ones, sum) = &self.ones;
        columns.iter_mut().zip(ones).for_each(|(column, one)| *column -= one * gap / sum);
        Ok(columns)
    }
}

fn members(on: &[bool]) -> impl Iterator<Item = usize> {
    on.iter().enumerate().filter(|(_, on)| **on).map(|(player, _)| player)
}

/// Binomial coefficient.
fn choose(of: usize, many: usize) -> f64 {
    (0..many).fold(1.0, |all, at| all * (of - at) as f64 / (at + 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::tests::After;

    #[test]
    fn a_fit_ends_between_two_sets_when_it_is_cancelled() {
        let design = Design::new(30, usual(30) as usize, 0);
        let many = design.weights.len();
        // In the sums over the sets, and among the rows of the factors.
        for most in [5, many + 5] {
            let ended = After::new(most);
            assert!(matches!(Fit::new(&design, 30, None, &ended), Err(Interrupt::Cancelled)));
            assert_eq!(ended.looks(), most + 1);
        }
        let fit = Fit::new(&design, 30, None, &After::new(many + 30)).expect("not interrupted");
        let (fit, values) = (fit.expect("the sets tell the columns apart"), vec![0.0; many + 2]);
        let ended = fit.columns(&design, &values, &After::new(0));
        assert!(matches!(ended, Err(Interrupt::Cancelled)));
    }

    #[test]
    fn few_columns_take_every_set_once_and_the_mass_is_one() {
        for players in 2..10 {
            let design = Design::new(players, usual(players) as usize, 0);
            assert_eq!(design.sets.len(), 1 << players, "{players}");
            assert!((design.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(design.groups.iter().all(Option::is_none));
        }
        let design = Design::new(30, usual(30) as usize, 0);
        assert!((design.weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(design.groups.iter().any(Option::is_some) && design.groups[0].is_none());
        assert!(design.sets.len() <= usual(30) as usize + 2);
    }
}
