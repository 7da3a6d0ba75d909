//! Recorded objectives: a sampler tried on a table of what every combination came to.

use std::collections::HashMap;

use orrery_domain::{
    Failure, FailureClass,
    search::{Course, Plan, Range, Rung, Space, Value},
};
use serde::{Deserialize, Serialize};

use super::ask::{Next, ask, finish, is_enough, reach};

/// A recorded objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What it is, and where it came from.
    #[serde(default)]
    pub about: String,
    /// Whether more is better.
    #[serde(default)]
    pub maximize: bool,
    /// The parameters; every range is a choice.
    pub space: Space,
    /// A row a combination: the place of each parameter's value among its options, and what it came to.
    pub rows: Vec<Entry>,
}

/// What one combination came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Places of the values among their options.
    pub at: Vec<usize>,
    /// What it came to at the end.
    pub value: f64,
    /// Losses after equal parts of the training, the last at its end; for schedules.
    #[serde(default)]
    pub curve: Vec<f64>,
}

/// How a sampler did on a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The seed.
    pub seed: u64,
    /// The best value after each trial that was trained to its end.
    pub best: Vec<f64>,
    /// Full trainings that it would have cost.
    pub trainings: f64,
    /// The table's own best.
    pub optimum: f64,
}

fn wrong(why: impl std::fmt::Display) -> Failure {
    Failure::new(FailureClass::Data, format!("The table cannot be used: {why}."))
}

impl Table {
    /// The steps of a parameter's range: a table holds one value of each.
    fn steps(range: &Range) -> Option<usize> {
        match range {
            Range::Int { low, high, .. } => usize::try_from(high - low + 1).ok(),
            Range::Choice { options } => Some(options.len()),
            Range::Float { .. } => None,
        }
    }

    /// Checks that it is whole.
    ///
    /// # Errors
    /// A data failure that says what is missing.
    pub fn check(&self) -> Result<(), Failure> {
        if let Some(why) = self.space.fault() {
            return Err(wrong(why.trim_end_matches('.')));
        }
        let mut cells = 1_usize;
        for parameter in &self.space.0 {
            let steps = Self::steps(&parameter.range)
                .ok_or_else(|| wrong(format!("'{}' is neither whole nor a choice", parameter.name)))?;
            cells = cells.saturating_mul(steps);
            if !parameter.only.is_empty() {
                return Err(wrong(format!("'{}' plays a part only sometimes", parameter.name)));
            }
        }
        if cells != self.rows.len() {
            return Err(wrong(format!("{cells} combinations have {} rows", self.rows.len())));
        }
        for row in &self.rows {
            let fits =
                row.at.len() == self.space.0.len()
                    && row.at.iter().zip(&self.space.0).all(|(at, parameter)| {
                        Self::steps(&parameter.range).is_some_and(|steps| *at < steps)
                    });
            let numbers = row.value.is_finite() && row.curve.iter().all(|loss| loss.is_finite());
            if !fits || !numbers {
                return Err(wrong(format!("a row at {:?} does not fit", row.at)));
            }
        }
        Ok(())
    }

    /// Lets a plan search the table.
    ///
    /// # Errors
    /// A data failure when the table is not whole or has no curves that the plan's schedule needs, a client failure for a plan that
    /// makes no sense.
    pub fn replay(&self, plan: &Plan) -> Result<Replay, Failure> {
        self.check()?;
        if let Some(why) = plan.fault() {
            return Err(Failure::new(FailureClass::Client, why));
        }
        let found: HashMap<&[usize], &Entry> = self.rows.iter().map(|row| (row.at.as_slice(), row)).collect();
        if found.len() != self.rows.len() {
            return Err(wrong("a combination is there twice"));
        }
        let plan = Plan { maximize: self.maximize, ..plan.clone() };
        let shares = plan.shares();
        if shares.len() > 1 && self.rows.iter().any(|row| row.curve.is_empty()) {
            return Err(wrong("it has no curves, and the schedule stops trials early"));
        }
        let mut course = Course::new(self.space.clone(), plan);
        let better = |a: f64, b: f64| if self.maximize { a > b } else { a < b };
        let (mut best, mut trainings) = (Vec::<f64>::new(), 0.0);
        while let Next::Start(number) | Next::GoOn(number) = ask(&mut course) {
            let trial = &course.trials[number as usize];
            let row = self.place(trial).and_then(|at| found.get(at.as_slice()).copied());
            let row = row.ok_or_else(|| wrong("a trial left its space"))?;
            let before = trial.reached.last().map_or(0.0, |Rung { rung, .. }| shares[*rung as usize]);
            let share = shares[trial.rung as usize];
            trainings += share - before;
            if trial.rung as usize + 1 < shares.len() {
                let part = (share * row.curve.len() as f64).ceil().max(1.0) as usize;
                reach(&mut course, number, row.curve[part.min(row.curve.len()) - 1]);
                continue;
            }
            finish(&mut course, number, Some(row.value));
            let before = best.last().copied().filter(|before| !better(row.value, *before));
            best.push(before.unwrap_or(row.value));
            if is_enough(&course) {
                break;
            }
        }
        let optimum = self.rows.iter().map(|row| row.value).reduce(|a, b| if better(b, a) { b } else { a });
        Ok(Replay {
            seed: course.plan.seed,
            best,
            trainings,
            optimum: optimum.ok_or_else(|| wrong("it has no rows"))?,
        })
    }

    /// The places of a trial's values.
    fn place(&self, trial: &orrery_domain::search::Trial) -> Option<Vec<usize>> {
        let of = |parameter: &orrery_domain::search::Parameter| match (
            &parameter.range,
            trial.values.get(&parameter.name)?,
        ) {
            (Range::Int { low, .. }, Value::Int(value)) => usize::try_from(value - low).ok(),
            (Range::Choice { options }, Value::Text(text)) => {
                options.iter().position(|option| option == text)
            }
            _ => None,
        };
        self.space.0.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_domain::search::{Parameter, Sampler, Schedule};

    fn table() -> Table {
        let whole = |name: &str, high| Parameter {
            name: name.into(),
            range: Range::Int { low: 0, high, log: false },
            only: Vec::new(),
        };
        let rows = (0..5).flat_map(|a| (0..8).map(move |b| (a, b))).map(|(a, b): (usize, usize)| {
            let value = (a as f64 - 3.0).abs() + (b as f64 - 2.0).abs();
            Entry { at: vec![a, b], value, curve: vec![value + 2.0, value + 1.0, value] }
        });
        Table {
            about: String::new(),
            maximize: false,
            space: Space(vec![whole("a", 4), whole("b", 7)]),
            rows: rows.collect(),
        }
    }

    #[test]
    fn a_replay_finds_the_best_and_says_what_it_cost() {
        let table = table();
        for sampler in Sampler::ALL {
            let plan = Plan { sampler, trials: 200, goal: Some(0.0), ..Plan::default() };
            let replay = table.replay(&plan).expect("whole");
            assert_eq!((replay.optimum, replay.best.last().copied()), (0.0, Some(0.0)), "{sampler:?}");
            assert!((replay.trainings - replay.best.len() as f64).abs() < 1e-9);
            assert!(replay.best.windows(2).all(|pair| pair[1] <= pair[0]));
        }
        let plan = Plan { schedule: Schedule::Asha, trials: 27, ..Plan::default() };
        let replay = table.replay(&plan).expect("whole");
        assert!(replay.trainings < 27.0 / 2.0, "{}", replay.trainings);
    }

    #[test]
    fn tables_that_are_not_whole_are_refused() {
        let plan = Plan::default();
        let mut short = table();
        short.rows.pop();
        let mut twice = table();
        twice.rows[1] = twice.rows[0].clone();
        let mut far = table();
        far.rows[0].at = vec![9, 9];
        let mut bad = table();
        bad.rows[0].value = f64::NAN;
        for broken in [short, twice, far, bad] {
            assert_eq!(broken.replay(&plan).expect_err("refused").class, FailureClass::Data);
        }
        let mut flat = table();
        flat.rows.iter_mut().for_each(|row| row.curve.clear());
        assert!(flat.replay(&plan).is_ok());
        assert!(flat.replay(&Plan { schedule: Schedule::Asha, ..plan }).is_err());
    }
}
