//! TPE: values that are likely among the good trials and unlikely among the others (Bergstra et al. 2011).

use orrery_domain::search::{Course, MODEL, Parameter, Space, Trial, TrialState, Value, Values};

use super::{
    parzen::{Kernels, log_sum, weights},
    rng::Rng,
};

/// Trials at random before the first estimate.
const STARTUP: usize = 10;
/// Values drawn from the good trials' density; the best ratio is taken.
const CANDIDATES: usize = 24;

/// How many of `count` trials are good ones.
fn share_of_good(count: usize) -> usize {
    count.div_ceil(10).min(25)
}

/// A value at random from a parameter's whole range.
pub fn at_random(parameter: &Parameter, rng: &mut Rng) -> Value {
    use orrery_domain::search::Range;
    let between = |low: f64, high: f64, log: bool, unit: f64| {
        if log { (low.ln() + unit * (high.ln() - low.ln())).exp() } else { low + unit * (high - low) }
    };
    match &parameter.range {
        Range::Float { low, high, log } => {
            Value::Float(between(*low, *high, *log, rng.unit()).clamp(*low, *high))
        }
        Range::Int { low, high, log } => {
            // Cells of the whole numbers, so that the ends are as likely as they should be.
            let number = between(*low as f64 - 0.5, *high as f64 + 0.5, *log, rng.unit());
            Value::Int((number.round() as i64).clamp(*low, *high))
        }
        Range::Choice { options } => Value::Text(options[rng.below(options.len())].clone()),
    }
}

/// All active parameters at random, the model first.
pub fn random(space: &Space, rng: &mut Rng) -> Values {
    choose(space, |parameter, _| at_random(parameter, rng))
}

/// Chooses parameters one after another, the model first, those that play no part left out.
fn choose(space: &Space, mut value: impl FnMut(&Parameter, &Values) -> Value) -> Values {
    let mut values = Values::new();
    let (models, others): (Vec<_>, Vec<_>) = space.0.iter().partition(|parameter| parameter.name == MODEL);
    for parameter in models.into_iter().chain(others) {
        if Space::is_active(parameter, &values) {
            let chosen = value(parameter, &values);
            values.insert(parameter.name.clone(), chosen);
        }
    }
    values
}

/// Trials that say something, best first: finished ones within the limits, then those that waited, the furthest first, then finished
/// ones over the limits; and those in training now, which count as bad ones, so that several at once do not all try the same.
fn ranked(course: &Course) -> (Vec<&Trial>, Vec<&Trial>) {
    let key = |trial: &&Trial| {
        let waited = trial.reached.last().map(|rung| (rung.rung, rung.loss));
        match (trial.state, waited) {
            (TrialState::Finished, _) => {
                let (cost, excess) = (course.cost(trial).unwrap_or(f64::INFINITY), course.excess(trial));
                if excess > 0.0 { (2, 0.0, excess) } else { (0, 0.0, cost) }
            }
            (_, Some((rung, loss))) => (1, -f64::from(rung), loss),
            _ => (3, 0.0, 0.0),
        }
    };
    let told = |trial: &&Trial| {
        trial.state == TrialState::Finished
            || (trial.state != TrialState::Failed && !trial.reached.is_empty())
    };
    let mut best: Vec<&Trial> = course.trials.iter().filter(told).collect();
    best.sort_by(|a, b| {
        let (a, b) = (key(a), key(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2))
    });
    let running = |trial: &&Trial| trial.state == TrialState::Running && trial.reached.is_empty();
    (best, course.trials.iter().filter(running).collect())
}

/// The next trial's values.
pub fn sample(course: &Course, joint: bool, rng: &mut Rng) -> Values {
    let (best, running) = ranked(course);
    if best.len() < STARTUP {
        return random(&course.space, rng);
    }
    let (good, bad) = best.split_at(share_of_good(best.len()));
    let others: Vec<&Trial> = bad.iter().chain(&running).copied().collect();
    let (good, bad) = (by_number(good.to_vec()), by_number(others));
    if !joint {
        return choose(&course.space, |parameter, _| {
            let chosen = best_of(&[parameter], &good, &bad, rng);
            chosen.into_iter().next().unwrap_or_else(|| at_random(parameter, rng))
        });
    }
    // The model by itself; what belongs to it together, from trials of the same model.
    let mut values = Values::new();
    if let Some(model) = course.space.get(MODEL) {
        let chosen = best_of(&[model], &good, &bad, rng);
        values.extend(chosen.into_iter().next().map(|value| (MODEL.to_owned(), value)));
    }
    let active: Vec<&Parameter> = course
        .space
        .0
        .iter()
        .filter(|parameter| parameter.name != MODEL && Space::is_active(parameter, &values))
        .collect();
    let chosen = best_of(&active, &good, &bad, rng);
    values.extend(active.iter().zip(chosen).map(|(parameter, value)| (parameter.name.clone(), value)));
    values
}

/// The trials' values, the oldest first.
fn by_number(mut trials: Vec<&Trial>) -> Vec<&Values> {
    trials.sort_by_key(|trial| trial.number);
    trials.into_iter().map(|trial| &trial.values).collect()
}

/// Of values drawn from the density of the good, those whose ratio to the density of the bad is largest; one a parameter.
fn best_of(parameters: &[&Parameter], good: &[&Values], bad: &[&Values], rng: &mut Rng) -> Vec<Value> {
    let (good, bad) = (Density::new(parameters, good), Density::new(parameters, bad));
    let mut best: Option<(f64, Vec<Value>)> = None;
    for _ in 0..CANDIDATES {
        let drawn = good.draw(rng);
        let ratio = good.log(&drawn) - bad.log(&drawn);
        if best.as_ref().is_none_or(|(most, _)| ratio > *most) {
            best = Some((ratio, drawn));
        }
    }
    best.map(|(_, values)| values).unwrap_or_default()
}

/// A density over several parameters: a sum of products of kernels.
pub(super) struct Density<'a> {
    parameters: &'a [&'a Parameter],
    kernels: Vec<Kernels>,
    weights: Vec<f64>,
}

impl<'a> Density<'a> {
    /// Learns from trials that have all of the parameters, within their present ranges.
    pub fn new(parameters: &'a [&'a Parameter], trials: &[&Values]) -> Self {
        let fits = |values: &&&Values| {
            let holds = |parameter: &&Parameter| {
                values.get(&parameter.name).is_some_and(|value| parameter.range.holds(value))
            };
            parameters.iter().all(holds)
        };
        let trials: Vec<&Values> = trials.iter().filter(fits).copied().collect();
        let kernels = parameters
            .iter()
            .map(|parameter| {
                let seen: Vec<&Value> =
                    trials.iter().filter_map(|values| values.get(&parameter.name)).collect();
                Kernels::new(&parameter.range, &seen)
            })
            .collect();
        Self { parameters, kernels, weights: weights(trials.len()) }
    }

    fn draw(&self, rng: &mut Rng) -> Vec<Value> {
        let kernel = rng.weighted(&self.weights);
        let draw =
            |(kernels, parameter): (&Kernels, &&Parameter)| kernels.draw(kernel, &parameter.range, rng);
        self.kernels.iter().zip(self.parameters).map(draw).collect()
    }

    /// Logarithm of the density at values, one a parameter.
    pub fn log(&self, values: &[Value]) -> f64 {
        let mut logs = vec![0.0; self.weights.len()];
        for ((kernels, parameter), value) in self.kernels.iter().zip(self.parameters).zip(values) {
            kernels.add_log(value, &parameter.range, &mut logs);
        }
        log_sum(&logs, &self.weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_domain::search::Range;

    #[test]
    fn a_tenth_are_good_and_never_more_than_25() {
        assert_eq!([1, 10, 11, 100, 400].map(share_of_good), [1, 1, 2, 10, 25]);
    }

    #[test]
    fn random_values_cover_their_range_evenly_on_its_scale() {
        let int = Parameter {
            name: "n".into(),
            range: Range::Int { low: 1, high: 4, log: false },
            only: Vec::new(),
        };
        let float = Parameter {
            name: "x".into(),
            range: Range::Float { low: 1e-4, high: 1.0, log: true },
            only: Vec::new(),
        };
        let (mut rng, mut counts, mut below) = (Rng::new(5, 5), [0_u32; 4], 0_u32);
        for _ in 0..20_000 {
            let Value::Int(n) = at_random(&int, &mut rng) else { panic!("whole") };
            counts[(n - 1) as usize] += 1;
            below += u32::from(at_random(&float, &mut rng).number().is_some_and(|x| x < 1e-2));
        }
        assert!(counts.iter().all(|count| (4_700..5_300).contains(count)), "{counts:?}");
        assert!((9_600..10_400).contains(&below), "{below}");
    }
}
