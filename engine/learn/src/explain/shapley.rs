//! Shapley values by their definition, and by switching columns on in many orders.

use std::ops::Range;

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    Parts,
    answers::Rows,
    switch::{Sets, Switch},
};
use crate::control::{Interrupt, JobControl, check};

/// Most columns of exact Shapley values: 4,096 sets.
pub(super) const MOST_EXACT: usize = 12;
/// Orders of permutation SHAP where none are asked for; each is walked forth and back.
pub(super) const ORDERS: u32 = 10;
/// Sets of columns that are drawn for several rows at once: bounds the memory.
const MOST_SETS: usize = 1 << 20;

/// Shapley's sum over all sets (1953), for at most [`MOST_EXACT`] players.
///
/// # Errors
/// A failure of the model, or an interruption.
pub(super) fn exact(
    switch: &Switch<'_>,
    x: &Rows,
    control: &dyn JobControl,
) -> Result<Vec<Parts>, Interrupt> {
    let players = switch.players.len();
    let many = 1_usize << players;
    let mut sets = Sets::new(players);
    for set in 0..many {
        sets.push(|player| set >> player & 1 == 1);
    }
    // s! (n - s - 1)! / n!, by the size of the set without the player.
    let mut weights = vec![1.0 / players.max(1) as f64; players];
    for size in 1..players {
        weights[size] = weights[size - 1] * size as f64 / (players - size) as f64;
    }
    let values = switch.values(x, &[sets], control)?;
    let parts = |values: Vec<f64>| {
        let mut columns = vec![0.0; players];
        for (player, column) in columns.iter_mut().enumerate() {
            for set in (0..many).filter(|set| set >> player & 1 == 0) {
                *column += weights[set.count_ones() as usize] * (values[set | 1 << player] - values[set]);
            }
        }
        Parts::new(values[many - 1], values[0], columns)
    };
    Ok(values.into_iter().map(parts).collect())
}

/// Permutation SHAP: columns are switched on one after the other in random orders, each walked forth and back (antithetic sampling,
/// Mitchell et al. 2022). The parts add up however few the orders are; the standard errors are those of the mean over the orders.
///
/// # Errors
/// A failure of the model, or an interruption.
pub(super) fn permutation(
    switch: &Switch<'_>,
    x: &Rows,
    orders: u32,
    seed: u64,
    control: &dyn JobControl,
) -> Result<Vec<Parts>, Interrupt> {
    let (players, orders) = (switch.players.len(), orders.max(1) as usize);
    let at_once = (MOST_SETS / (2 * orders * players.max(1))).max(1);
    let mut all = Vec::with_capacity(x.len());
    for first in (0..x.len()).step_by(at_once) {
        check(control)?;
        let rows = first..(first + at_once).min(x.len());
        all.extend(permuted(switch, x, rows, orders, seed, control)?);
    }
    Ok(all)
}

/// Some of the rows.
fn permuted(
    switch: &Switch<'_>,
    x: &Rows,
    rows: Range<usize>,
    orders: usize,
    seed: u64,
    control: &dyn JobControl,
) -> Result<Vec<Parts>, Interrupt> {
    let players = switch.players.len();
    let drawn: Vec<Vec<Vec<usize>>> = rows
        .clone()
        .map(|row| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5e1e_c700);
            rng.set_stream(row as u64);
            let order = |_| {
                let mut order: Vec<usize> = (0..players).collect();
                order.shuffle(&mut rng);
                order
            };
            (0..orders).map(order).collect()
        })
        .collect();
    let sets: Vec<Sets> = drawn.iter().map(|orders| walks(players, orders)).collect();
    let part = Rows { cols: x.cols, values: x.values[rows.start * x.cols..rows.end * x.cols].to_vec() };
    let values = switch.values(&part, &sets, control)?;
    Ok(values.iter().zip(&drawn).map(|(values, orders)| walked(values, players, orders)).collect())
}

/// The empty set, the full one, then what each order meets forth and back.
fn walks(players: usize, orders: &[Vec<usize>]) -> Sets {
    let mut sets = Sets::new(players);
    sets.push(|_| false);
    sets.push(|_| true);
    for order in orders {
        let mut place = vec![0; players];
        order.iter().enumerate().for_each(|(at, player)| place[*player] = at);
        for on in 1..players {
            sets.push(|player| place[player] < on);
        }
        for on in 1..players {
            sets.push(|player| place[player] >= players - on);
        }
    }
    sets
}

fn walked(values: &[f64], players: usize, orders: &[Vec<usize>]) -> Parts {
    let (begin, end) = (values[0], values[1]);
    let mut sums = vec![0.0; players];
    let mut squares = vec![0.0; players];
    let between = players.saturating_sub(1);
    for (order, met) in orders.iter().zip(values[2..].chunks(2 * between.max(1))) {
        let mut pair = vec![0.0; players];
        let (forth, back) = met.split_at(between.min(met.len()));
        for (met, players) in [
            (forth, Box::new(order.iter()) as Box<dyn Iterator<Item = &usize>>),
            (back, Box::new(order.iter().rev())),
        ] {
            let mut before = begin;
            for (player, value) in players.zip(met.iter().chain([&end])) {
                pair[*player] += (value - before) / 2.0;
                before = *value;
            }
        }
        for ((sum, square), value) in sums.iter_mut().zip(&mut squares).zip(&pair) {
            *sum += value;
            *square += value * value;
        }
    }
    if players == 1 {
        return Parts::new(end, begin, vec![end - begin]);
    }
    let many = orders.len() as f64;
    let error = |(sum, square): (&f64, &f64)| {
        ((square - sum * sum / many).max(0.0) / (many - 1.0).max(1.0) / many).sqrt()
    };
    let errors = (orders.len() > 1).then(|| sums.iter().zip(&squares).map(error).collect());
    let columns = sums.iter().map(|sum| sum / many).collect();
    Parts { errors, ..Parts::new(end, begin, columns) }
}
