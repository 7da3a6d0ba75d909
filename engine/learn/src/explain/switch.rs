//! Switch: the value of a set of raw columns, which is the mean answer over a background with those columns taken from the row.
//!
//! All Shapley methods ask for values of many sets of one row. A column whose value is the same in the row and in a background row may
//! be switched without asking the model again, so sets that differ in such columns only are computed once.

use std::collections::HashMap;

use rayon::prelude::*;

use super::{
    answers::{Answers, Rows},
    players::Players,
};
use crate::control::{Interrupt, JobControl, check};

/// Mixed rows that are computed together: bounds the memory.
const AT_ONCE: usize = 32_768;
/// Most players whose sets are numbers of an array.
const DENSE: usize = 12;

/// Sets of players.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    players: usize,
    /// Whether a player is in a set. `[sets, players]`
    on: Vec<bool>,
    /// The same as bits; empty where there are too many players.
    keys: Vec<u128>,
}

impl Sets {
    /// No sets.
    pub fn new(players: usize) -> Self {
        Self { players, on: Vec::new(), keys: Vec::new() }
    }

    /// Adds a set.
    pub fn push(&mut self, on: impl Fn(usize) -> bool) {
        let first = self.on.len();
        self.on.extend((0..self.players).map(on));
        if self.players <= 128 {
            let bits = self.on[first..].iter().enumerate().filter(|(_, on)| **on);
            self.keys.push(bits.fold(0, |key, (player, _)| key | 1 << player));
        }
    }

    /// Sets.
    pub fn len(&self) -> usize {
        self.on.len() / self.players.max(1)
    }

    /// Who is in a set. `[players]`
    pub fn of(&self, set: usize) -> &[bool] {
        &self.on[set * self.players..][..self.players]
    }
}

/// Rows that are switched on a background.
#[derive(Clone, Copy)]
pub(super) struct Switch<'a> {
    /// The model.
    pub model: &'a dyn Answers,
    /// Raw columns.
    pub players: &'a Players,
    /// Rows whose values stand in for those that are switched off; one at least.
    pub background: &'a Rows,
}

/// What one row needs on one background row.
struct Unit {
    /// Different mixed rows, row-major.
    mixed: Vec<f64>,
    /// The mixed row of each set.
    places: Vec<u32>,
}

impl Switch<'_> {
    /// The value of every set, for every row. `sets`: one for all rows, or one a row. `[rows][sets]`
    ///
    /// # Errors
    /// A failure of the model, or an interruption.
    pub fn values(
        &self,
        x: &Rows,
        sets: &[Sets],
        control: &dyn JobControl,
    ) -> Result<Vec<Vec<f64>>, Interrupt> {
        let of_row = |row: usize| &sets[if sets.len() == 1 { 0 } else { row }];
        let many = self.background.len();
        let most = sets.iter().map(Sets::len).max().unwrap_or_default();
        let mut sums: Vec<Vec<f64>> = (0..x.len()).map(|row| vec![0.0; of_row(row).len()]).collect();
        let units: Vec<usize> = (0..x.len() * many).collect();
        for units in units.chunks((AT_ONCE / most.max(1)).max(1)) {
            check(control)?;
            let found: Vec<Unit> = units
                .par_iter()
                .map(|unit| {
                    self.unit(x.row(unit / many), self.background.row(unit % many), of_row(unit / many))
                })
                .collect();
            let mixed =
                Rows { cols: x.cols, values: found.iter().flat_map(|unit| &unit.mixed).copied().collect() };
            let answers = self.model.answers(&mixed)?;
            let mut first = 0;
            for (unit, found) in units.iter().zip(&found) {
                for (sum, place) in sums[unit / many].iter_mut().zip(&found.places) {
                    *sum += answers[first + *place as usize];
                }
                first += found.mixed.len() / x.cols.max(1);
            }
        }
        sums.iter_mut().flatten().for_each(|sum| *sum /= many as f64);
        Ok(sums)
    }

    fn unit(&self, row: &[f64], other: &[f64], sets: &Sets) -> Unit {
        let differs: Vec<bool> = self
            .players
            .inputs
            .iter()
            .map(|inputs| inputs.iter().any(|at| !same(row[*at], other[*at])))
            .collect();
        let bits = differs.iter().enumerate().filter(|(_, differs)| **differs).take(128);
        let bits = bits.fold(0_u128, |bits, (player, _)| bits | 1 << (player % 128));
        let mut known = Known::new(self.players.len());
        let mut unit = Unit { mixed: Vec::new(), places: Vec::with_capacity(sets.len()) };
        let mut rows = 0;
        for set in 0..sets.len() {
            let place = match sets.keys.get(set) {
                Some(key) => known.place(key & bits, rows),
                None => rows,
            };
            if place == rows {
                let from = unit.mixed.len();
                unit.mixed.extend_from_slice(other);
                let mixed = &mut unit.mixed[from..];
                let on = sets.of(set).iter().zip(&self.players.inputs).filter(|(on, _)| **on);
                for at in on.flat_map(|(_, inputs)| inputs) {
                    mixed[*at] = row[*at];
                }
                rows += 1;
            }
            unit.places.push(place);
        }
        unit
    }
}

/// Where a set of different columns was computed.
enum Known {
    Dense(Vec<u32>),
    Sparse(HashMap<u128, u32>),
}

impl Known {
    fn new(players: usize) -> Self {
        if players <= DENSE {
            Self::Dense(vec![u32::MAX; 1 << players])
        } else {
            Self::Sparse(HashMap::new())
        }
    }

    /// The place of a set, which is `next` where it was not known.
    fn place(&mut self, key: u128, next: u32) -> u32 {
        match self {
            Self::Dense(places) => {
                let place = &mut places[key as usize];
                if *place == u32::MAX {
                    *place = next;
                }
                *place
            }
            Self::Sparse(places) => *places.entry(key).or_insert(next),
        }
    }
}

/// Whether two values are the same to a model; missing ones are.
fn same(a: f64, b: f64) -> bool {
    a.total_cmp(&b).is_eq() || (a.is_nan() && b.is_nan())
}
