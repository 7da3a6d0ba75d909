//! Steadiness: the interval of repeated figures, and whether they are repeated once more.

use std::collections::BTreeMap;

use orrery_domain::tune::{Figure, Goals, Interval, Limit, Pace};

/// Quantiles 0.975 of Student's distribution for 1 to 30 degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// The mean of repetitions and its 95% interval by Student's distribution; `None` without any.
pub fn interval(values: &[f64]) -> Option<Interval> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    if n == 1 {
        return Some(Interval { value: mean, low: f64::NEG_INFINITY, high: f64::INFINITY });
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
    let half = STUDENT.get(n - 2).copied().unwrap_or(1.96) * (variance / n as f64).sqrt();
    Some(Interval { value: mean, low: mean - half, high: mean + half })
}

/// Figures of repetitions.
pub fn intervals(repeats: &[BTreeMap<Figure, f64>]) -> BTreeMap<Figure, Interval> {
    let of = |figure: Figure| {
        let values: Vec<f64> = repeats.iter().filter_map(|found| found.get(&figure).copied()).collect();
        Some((figure, interval(&values)?))
    };
    Figure::ALL.into_iter().filter_map(of).collect()
}

/// Whether the goals' figures are known well enough: the objective's interval is narrow, and those with a bound are narrow or lie on
/// one side of it.
pub fn is_steady(goals: &Goals, figures: &BTreeMap<Figure, Interval>, doubt: f64) -> bool {
    let narrow = |figure: Figure| figures.get(&figure).is_none_or(|found| found.doubt() <= doubt);
    let clear = |limit: &Limit| {
        figures.get(&limit.figure).is_none_or(|found| limit.keeps(found.low) == limit.keeps(found.high))
    };
    narrow(goals.objective) && goals.limits.iter().all(|limit| narrow(limit.figure) || clear(limit))
}

/// What comes after some repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Once more.
    Repeat,
    /// It is known well enough.
    Steady,
    /// It stays noisy.
    Noisy,
}

/// Whether a setting is measured once more.
pub fn next(goals: &Goals, repeats: &[BTreeMap<Figure, f64>], pace: &Pace) -> Next {
    let steady = is_steady(goals, &intervals(repeats), pace.doubt);
    match repeats.len() {
        n if n < pace.fewest as usize => Next::Repeat,
        _ if steady => Next::Steady,
        n if n < pace.most as usize => Next::Repeat,
        _ => Next::Noisy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_a_textbook() {
        // Five values, mean 10, standard deviation sqrt(2.5): half is 2.776 * sqrt(2.5 / 5).
        let found = interval(&[8.0, 9.0, 10.0, 11.0, 12.0]).expect("values");
        assert!(
            (found.value - 10.0).abs() < 1e-12 && (found.high - 10.0 - 2.776 * 0.5_f64.sqrt()).abs() < 1e-9
        );
        assert_eq!(interval(&[]), None);
        assert!(interval(&[1.0]).expect("a value").doubt().is_infinite(), "one repetition proves nothing");
    }

    #[test]
    fn it_repeats_until_it_is_steady_or_says_that_it_is_noisy() {
        let pace = Pace { fewest: 3, most: 5, doubt: 0.05, ..Pace::default() };
        let goals = Goals::default();
        let of = |values: &[f64]| {
            values.iter().map(|value| BTreeMap::from([(Figure::Throughput, *value)])).collect::<Vec<_>>()
        };
        assert_eq!(next(&goals, &of(&[100.0, 100.0]), &pace), Next::Repeat);
        assert_eq!(next(&goals, &of(&[100.0, 100.5, 99.5]), &pace), Next::Steady);
        assert_eq!(next(&goals, &of(&[100.0, 150.0, 60.0]), &pace), Next::Repeat);
        assert_eq!(next(&goals, &of(&[100.0, 150.0, 60.0, 100.0, 140.0]), &pace), Next::Noisy);
        // A wide interval that lies on one side of a bound decides it all the same.
        let bound = |bound| Goals {
            objective: Figure::Throughput,
            limits: vec![Limit { figure: Figure::P95, bound }],
        };
        let wide: Vec<_> = [(100.0, 0.010), (100.5, 0.012), (99.5, 0.014)]
            .map(|(a, b)| BTreeMap::from([(Figure::Throughput, a), (Figure::P95, b)]))
            .to_vec();
        assert_eq!(next(&bound(1.0), &wide, &pace), Next::Steady);
        assert_eq!(next(&bound(0.012), &wide, &pace), Next::Repeat);
    }
}
