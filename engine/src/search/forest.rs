//! Importance: how much of the variance of the quality each parameter explains by itself, over its whole range.
//!
//! Functional ANOVA of a random forest (Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing hyperparameter
//! importance"): each tree is piecewise constant on boxes, so that its variance and the variance of its marginal of one parameter are
//! exact sums over its leaves.

use orrery_domain::search::{Course, Importance, Range, TrialState};

use super::rng::Rng;

/// Trees of the forest.
const TREES: u64 = 64;
/// Fewest trials that say anything.
const FEWEST: usize = 10;
/// Fewest trials of a node that is divided.
const DIVIDED: usize = 4;

/// A box of the unit cube and the mean quality in it.
struct Leaf {
    low: Vec<f64>,
    high: Vec<f64>,
    value: f64,
}

impl Leaf {
    fn volume(&self) -> f64 {
        self.low.iter().zip(&self.high).map(|(low, high)| high - low).product()
    }
}

/// Trials as points of the unit cube, one coordinate a parameter.
struct Points {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    /// Options of a choice, 0 for a number: an option is a cell of the cube's side.
    options: Vec<usize>,
}

/// The parameters' importance, most first; empty where fewer than ten trials are finished or all are alike.
pub fn importance(course: &Course) -> Vec<Importance> {
    let space = &course.space.0;
    let options: Vec<usize> = space
        .iter()
        .map(|parameter| match &parameter.range {
            Range::Choice { options } => options.len(),
            _ => 0,
        })
        .collect();
    let mut points = Points { x: Vec::new(), y: Vec::new(), options };
    for trial in course.trials.iter().filter(|trial| trial.state == TrialState::Finished) {
        let Some(cost) = course.cost(trial) else { continue };
        let place = |(parameter, options): (&orrery_domain::search::Parameter, &usize)| {
            // What plays no part stands in the middle.
            let place = trial.values.get(&parameter.name).and_then(|value| parameter.range.place(value));
            let place = place.unwrap_or(0.5).clamp(0.0, 1.0);
            // Options are the middles of equal cells.
            if *options > 0 {
                let cells = *options as f64;
                ((place * (cells - 1.0)).round() + 0.5) / cells
            } else {
                place
            }
        };
        points.x.push(space.iter().zip(&points.options).map(place).collect());
        points.y.push(cost);
    }
    if points.y.len() < FEWEST {
        return Vec::new();
    }
    let mut shares: Vec<Vec<f64>> = vec![Vec::new(); space.len()];
    for tree in 0..TREES {
        let leaves = grow(&points, &mut Rng::new(course.plan.seed, tree));
        let mean: f64 = leaves.iter().map(|leaf| leaf.volume() * leaf.value).sum();
        let variance: f64 = leaves.iter().map(|leaf| leaf.volume() * (leaf.value - mean).powi(2)).sum();
        if variance > 1e-12 * mean.powi(2) && variance > 0.0 {
            for (side, shares) in shares.iter_mut().enumerate() {
                shares.push(marginal_variance(&leaves, side, mean) / variance);
            }
        }
    }
    let mut all: Vec<Importance> = space
        .iter()
        .zip(&shares)
        .filter(|(_, shares)| !shares.is_empty())
        .map(|(parameter, shares)| {
            let count = shares.len() as f64;
            let share = shares.iter().sum::<f64>() / count;
            let deviation = (shares.iter().map(|one| (one - share).powi(2)).sum::<f64>() / count).sqrt();
            Importance { parameter: parameter.name.clone(), share, deviation }
        })
        .collect();
    all.sort_by(|a, b| b.share.total_cmp(&a.share));
    all
}

/// Variance of a tree's marginal of one side of the cube: what a sweep over the leaves' ends adds up to.
fn marginal_variance(leaves: &[Leaf], side: usize, mean: f64) -> f64 {
    let mut ends: Vec<(f64, f64)> = Vec::with_capacity(2 * leaves.len());
    for leaf in leaves {
        let (low, high) = (leaf.low[side], leaf.high[side]);
        let height = leaf.value * leaf.volume() / (high - low);
        ends.push((low, height));
        ends.push((high, -height));
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut variance, mut height, mut from) = (0.0, 0.0, 0.0);
    for (at, change) in ends {
        variance += (at - from) * (height - mean).powi(2);
        height += change;
        from = at;
    }
    variance
}

/// Grows one tree on a bootstrap sample; each division looks at a random two thirds of the sides.
fn grow(points: &Points, rng: &mut Rng) -> Vec<Leaf> {
    let (rows, sides) = (points.y.len(), points.options.len());
    let sample: Vec<usize> = (0..rows).map(|_| rng.below(rows)).collect();
    let mut open = vec![(sample, vec![0.0; sides], vec![1.0; sides])];
    let mut leaves = Vec::new();
    while let Some((rows, low, high)) = open.pop() {
        let looked_at = (2 * sides).div_ceil(3);
        let mut order: Vec<usize> = (0..sides).collect();
        (0..looked_at).for_each(|at| order.swap(at, at + rng.below(sides - at)));
        let split = if rows.len() < DIVIDED { None } else { best_split(points, &rows, &order[..looked_at]) };
        let Some((side, at)) = split else {
            let value = rows.iter().map(|row| points.y[*row]).sum::<f64>() / rows.len() as f64;
            leaves.push(Leaf { low, high, value });
            continue;
        };
        let (left, right) = rows.iter().partition(|row| points.x[**row][side] <= at);
        let (mut middle_high, mut middle_low) = (high.clone(), low.clone());
        (middle_high[side], middle_low[side]) = (at, at);
        open.push((left, low, middle_high));
        open.push((right, middle_low, high));
    }
    leaves
}

/// The division that leaves the least squared error, if any divides.
fn best_split(points: &Points, rows: &[usize], sides: &[usize]) -> Option<(usize, f64)> {
    let mut best: Option<(f64, usize, f64)> = None;
    let sum: f64 = rows.iter().map(|row| points.y[*row]).sum();
    for &side in sides {
        let mut sorted: Vec<(f64, f64)> =
            rows.iter().map(|row| (points.x[*row][side], points.y[*row])).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut left = 0.0;
        for at in 1..sorted.len() {
            left += sorted[at - 1].1;
            let (here, next) = (sorted[at - 1].0, sorted[at].0);
            if next <= here {
                continue;
            }
            let (a, b) = (at as f64, (sorted.len() - at) as f64);
            let gain = left * left / a + (sum - left).powi(2) / b;
            if best.is_none_or(|(most, ..)| gain > most) {
                let cells = points.options[side] as f64;
                // Between options the border is a cell's end.
                let middle = f64::midpoint(here, next);
                let border = if cells > 0.0 { (middle * cells).round() / cells } else { middle };
                best = Some((gain, side, border));
            }
        }
    }
    let whole = sum * sum / rows.len() as f64;
    best.filter(|(gain, ..)| *gain > whole * (1.0 + 1e-12) || *gain > whole + 1e-300)
        .map(|(_, side, at)| (side, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::ask::{Next, ask, finish};
    use orrery_domain::search::{Parameter, Plan, Sampler, Space, Value};

    fn course(trials: u32, quality: impl Fn(f64, f64, &str) -> f64) -> Course {
        let float = |name: &str| Parameter {
            name: name.into(),
            range: Range::Float { low: 0.0, high: 1.0, log: false },
            only: Vec::new(),
        };
        let options = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let choice = Parameter { name: "c".into(), range: Range::Choice { options }, only: Vec::new() };
        let space = Space(vec![float("x"), float("y"), choice, float("nothing")]);
        let plan = Plan { sampler: Sampler::Random, trials, ..Plan::default() };
        let mut course = Course::new(space, plan);
        while let Next::Start(number) = ask(&mut course) {
            let values = &course.trials[number as usize].values;
            let number_of = |name: &str| values[name].number().expect("a number");
            let Value::Text(option) = &values["c"] else { panic!("an option") };
            let quality = quality(number_of("x"), number_of("y"), option);
            finish(&mut course, number, Some(quality));
        }
        course
    }

    /// An additive function's variances are known: 3x has 9/12, y has 1/12, the option's steps of 0, 1, 2, 3 have 15/12.
    #[test]
    fn an_additive_function_has_its_own_shares() {
        let step = |option: &str| f64::from(option.as_bytes()[0] - b'a');
        let found = importance(&course(1500, |x, y, option| 3.0 * x + y + step(option)));
        let share = |name: &str| found.iter().find(|it| it.parameter == name).expect("there").share;
        for (name, expected) in [("c", 15.0 / 25.0), ("x", 9.0 / 25.0), ("y", 1.0 / 25.0), ("nothing", 0.0)] {
            assert!((share(name) - expected).abs() < 0.03, "{name}: {} {expected}", share(name));
        }
        assert_eq!(found[0].parameter, "c");
    }

    #[test]
    fn a_pure_interaction_is_no_ones_own() {
        let found = importance(&course(800, |x, y, _| (x - 0.5) * (y - 0.5)));
        assert!(found.iter().all(|it| it.share < 0.1), "{found:?}");
    }

    #[test]
    fn too_little_or_nothing_but_one_value_says_nothing() {
        assert!(importance(&course(9, |x, _, _| x)).is_empty());
        assert!(importance(&course(30, |_, _, _| 5.0)).is_empty());
    }
}
