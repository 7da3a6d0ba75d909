//! Regularized evolution: the best of a few of the youngest trials, changed in one parameter (Real et al. 2019, "Regularized evolution
//! for image classifier architecture search"). The oldest die, however good they were.

use orrery_domain::search::{Course, MODEL, Parameter, Range, Space, Trial, TrialState, Value, Values};

use super::{
    rng::Rng,
    tpe::{at_random, random},
};

/// The youngest that are alive.
const POPULATION: usize = 20;
/// Of them, those that are looked at for a parent.
const TOURNAMENT: usize = 5;
/// Width of a small step, as a share of the parameter's scale.
const STEP: f64 = 0.15;

/// The next trial's values.
pub fn sample(course: &Course, rng: &mut Rng) -> Values {
    let told = |trial: &&Trial| trial.state == TrialState::Finished || !trial.reached.is_empty();
    let alive: Vec<&Trial> = course
        .trials
        .iter()
        .rev()
        .filter(|trial| trial.state != TrialState::Failed)
        .filter(told)
        .take(POPULATION)
        .collect();
    if alive.len() < POPULATION {
        return random(&course.space, rng);
    }
    let key = |trial: &Trial| {
        let cost = course.cost(trial).unwrap_or(f64::INFINITY);
        match (trial.state, trial.reached.last()) {
            (TrialState::Finished, _) => (course.excess(trial), -1.0, cost),
            (_, Some(reached)) => (0.0, 1.0 / f64::from(reached.rung + 1), reached.loss),
            _ => (f64::INFINITY, 0.0, cost),
        }
    };
    let parent = (0..TOURNAMENT)
        .map(|_| alive[rng.below(alive.len())])
        .min_by(|a, b| {
            let (a, b) = (key(a), key(b));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2))
        })
        .map(|trial| trial.values.clone())
        .unwrap_or_default();
    mutate(&course.space, parent, rng)
}

/// Changes one parameter that can change; what plays a part only now is chosen at random.
fn mutate(space: &Space, mut values: Values, rng: &mut Rng) -> Values {
    let free: Vec<&Parameter> = space
        .0
        .iter()
        .filter(|parameter| values.contains_key(&parameter.name) && is_free(&parameter.range))
        .collect();
    if !free.is_empty() {
        let parameter = free[rng.below(free.len())];
        let changed = step(parameter, &values[&parameter.name], rng);
        values.insert(parameter.name.clone(), changed);
    }
    let mut whole = Values::new();
    let (models, others): (Vec<_>, Vec<_>) = space.0.iter().partition(|parameter| parameter.name == MODEL);
    for parameter in models.into_iter().chain(others) {
        if Space::is_active(parameter, &whole) {
            let kept = values.remove(&parameter.name).filter(|value| parameter.range.holds(value));
            whole.insert(parameter.name.clone(), kept.unwrap_or_else(|| at_random(parameter, rng)));
        }
    }
    whole
}

fn is_free(range: &Range) -> bool {
    match range {
        Range::Float { low, high, .. } => low < high,
        Range::Int { low, high, .. } => low < high,
        Range::Choice { options } => options.len() > 1,
    }
}

/// Another value: a small step on the parameter's scale, now and then one from anywhere.
fn step(parameter: &Parameter, now: &Value, rng: &mut Rng) -> Value {
    for _ in 0..100 {
        let anywhere = rng.unit() < 0.2 || matches!(parameter.range, Range::Choice { .. });
        let next = match (&parameter.range, parameter.range.place(now)) {
            (Range::Float { low, high, log }, Some(place)) if !anywhere => {
                Value::Float(at(place + STEP * rng.normal(), *low, *high, *log).clamp(*low, *high))
            }
            (Range::Int { low, high, log }, Some(place)) if !anywhere => {
                let number = at(place + STEP * rng.normal(), *low as f64, *high as f64, *log);
                Value::Int((number.round() as i64).clamp(*low, *high))
            }
            _ => at_random(parameter, rng),
        };
        if next != *now {
            return next;
        }
    }
    now.clone()
}

/// The number at a place of a scale.
fn at(place: f64, low: f64, high: f64, log: bool) -> f64 {
    let place = place.clamp(0.0, 1.0);
    if log { (low.ln() + place * (high.ln() - low.ln())).exp() } else { low + place * (high - low) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_domain::training::ModelKind;

    #[test]
    fn a_child_differs_from_its_parent_in_one_parameter_or_in_its_model() {
        let space = Space::of_models(&[ModelKind::Mlp, ModelKind::Gbt]);
        let mut rng = Rng::new(1, 1);
        for _ in 0..500 {
            let parent = random(&space, &mut rng);
            let child = mutate(&space, parent.clone(), &mut rng);
            let differ = child.iter().filter(|(name, value)| parent.get(*name) != Some(value)).count();
            if child[MODEL] == parent[MODEL] {
                assert_eq!((differ, child.len()), (1, parent.len()));
            }
            for parameter in &space.0 {
                assert_eq!(child.contains_key(&parameter.name), Space::is_active(parameter, &child));
                assert!(child.get(&parameter.name).is_none_or(|value| parameter.range.holds(value)));
            }
        }
    }
}
