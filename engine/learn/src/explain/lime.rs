//! LIME: a linear surrogate of the model around a row, in columns that are kept or taken from other rows.
//!
//! Ribeiro, Singh and Guestrin 2016, "Why should I trust you?": neighbours are weighted by an exponential kernel of width
//! 0.75 sqrt(columns) and fitted by ridge regression with penalty 1, as their library does. A column's figure is what keeping the row's
//! own value adds against the background's. A neighbour's answer is the mean over some rows of the background, not that of one drawn at
//! random: what the surrogate then misses is the model's own bends, not the draw.

use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    Parts,
    answers::Rows,
    solve::Cholesky,
    switch::{Sets, Switch},
};
use crate::control::{Interrupt, JobControl, check};

/// Neighbours where no number is asked for.
pub(super) const NEIGHBOURS: u32 = 1000;
/// Rows of the background that a neighbour's answer is the mean over, at most.
const BACKGROUND: usize = 20;
/// Penalty of the squared coefficients.
const RIDGE: f64 = 1.0;
/// Kernel's width, by the root of the number of columns.
const WIDTH: f64 = 0.75;

/// Explains rows; each with the share of the model's changes that the surrogate misses. The neighbours are the same for every row.
///
/// # Errors
/// A failure of the model, or an interruption.
pub(super) fn lime(
    switch: &Switch<'_>,
    x: &Rows,
    neighbours: u32,
    seed: u64,
    control: &dyn JobControl,
) -> Result<Vec<Parts>, Interrupt> {
    let players = switch.players.len();
    let background = switch.background.select(0..switch.background.len().min(BACKGROUND));
    let switch = Switch { background: &background, ..*switch };
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x0011_3e00);
    let mut kept = vec![true; players];
    let mut sets = Sets::new(players);
    sets.push(|_| true);
    for _ in 1..neighbours.max(2) {
        let on: Vec<bool> = (0..players).map(|_| rng.random()).collect();
        sets.push(|player| on[player]);
        kept.extend(on);
    }
    let values = switch.values(x, std::slice::from_ref(&sets), control)?;
    values.iter().map(|answers| fit(&kept, answers, players, control)).collect()
}

/// The weighted ridge regression of answers on what was kept. `[neighbours, columns]`
fn fit(kept: &[bool], answers: &[f64], players: usize, control: &dyn JobControl) -> Result<Parts, Interrupt> {
    let weight = |on: &[bool]| {
        let off = on.iter().filter(|on| !**on).count() as f64;
        (-off / (WIDTH * WIDTH * players as f64)).exp().sqrt()
    };
    let rows = || kept.chunks_exact(players.max(1)).zip(answers);
    let mass: f64 = rows().map(|(on, _)| weight(on)).sum();
    let mean = rows().map(|(on, answer)| weight(on) * answer).sum::<f64>() / mass;
    let mut centre = vec![0.0; players];
    for (on, _) in rows() {
        let weight = weight(on) / mass;
        centre.iter_mut().zip(on).for_each(|(sum, on)| *sum += weight * f64::from(u8::from(*on)));
    }
    let mut matrix = vec![0.0; players * players];
    let mut right = vec![0.0; players];
    for (on, answer) in rows() {
        check(control)?;
        let weight = weight(on);
        let away: Vec<f64> =
            on.iter().zip(&centre).map(|(on, mean)| f64::from(u8::from(*on)) - mean).collect();
        for (i, a) in away.iter().enumerate() {
            right[i] += weight * a * (answer - mean);
            for (j, b) in away.iter().enumerate() {
                matrix[i * players + j] += weight * a * b;
            }
        }
    }
    for i in 0..players {
        matrix[i * players + i] += RIDGE;
    }
    // The penalty makes it positive definite.
    let solved = Cholesky::of(&matrix, players, control)?;
    let columns = solved.map_or_else(|| vec![0.0; players], |solved| solved.solve(&right));
    let intercept = mean - columns.iter().zip(&centre).map(|(a, b)| a * b).sum::<f64>();
    let (mut missed, mut whole) = (0.0, 0.0);
    for (on, answer) in rows() {
        let said =
            intercept + columns.iter().zip(on).filter(|(_, on)| **on).map(|(value, _)| value).sum::<f64>();
        missed += weight(on) * (answer - said).powi(2);
        whole += weight(on) * (answer - mean).powi(2);
    }
    let missed = if whole > 0.0 { missed / whole } else { 0.0 };
    Ok(Parts { measured: Some((missed, super::SURROGATE)), ..Parts::new(answers[0], intercept, columns) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::tests::After;

    #[test]
    fn a_surrogate_ends_between_two_neighbours_when_it_is_cancelled() {
        let (players, neighbours) = (6, 40);
        let kept: Vec<bool> = (0..players * neighbours)
            .map(|at| at < players || ((at / players) >> (at % players)) & 1 == 1)
            .collect();
        let answers: Vec<f64> =
            kept.chunks(players).map(|on| on.iter().filter(|on| **on).count() as f64).collect();
        // In the sums over the neighbours, and among the rows of the factors.
        for most in [3, neighbours + 2] {
            let ended = After::new(most);
            assert!(matches!(fit(&kept, &answers, players, &ended), Err(Interrupt::Cancelled)));
            assert_eq!(ended.looks(), most + 1);
        }
        let whole =
            fit(&kept, &answers, players, &After::new(neighbours + players)).expect("not interrupted");
        assert!(whole.columns.iter().all(|value| *value > 0.0), "{whole:?}");
    }
}
