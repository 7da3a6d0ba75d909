//! Search: every value and every pair of values, corrected for how many were looked at.

use std::collections::HashMap;

use orrery_domain::{
    compare::{Condition, Slice, SliceSearch},
    metric::{MetricId, MetricValue},
};
use rayon::prelude::*;

use super::{
    cells::{Cells, NONE},
    judge::{Judge, Judged, Whole},
};
use crate::compare::corrections::benjamini_hochberg;

/// Slices that are listed.
const LISTED: usize = 10;
/// Columns of which pairs are looked at.
const PAIRED_COLUMNS: usize = 16;
/// False discovery rate at which a slice counts as worse.
const LEVEL: f64 = 0.05;

/// How to search.
#[derive(Clone, Debug)]
pub struct SliceSettings<'a> {
    /// Fewest rows of a slice.
    pub min_rows: usize,
    /// The metric that was asked for.
    pub metric: MetricId,
    /// Columns whose slices are all listed.
    pub asked: &'a [String],
}

/// A slice that was looked at.
struct Found {
    /// Column and code of each condition.
    conditions: Vec<(usize, u16)>,
    rows: usize,
    judged: Judged,
}

/// Looks at every value of the columns and every pair of values of the first 16 of them (the caller puts the most telling first).
/// A pair is listed only where the model is worse than on either value alone. `None` where nothing can be judged.
pub fn search(judge: &Judge, columns: &[Cells], settings: &SliceSettings<'_>) -> Option<SliceSearch> {
    let whole = judge.whole()?;
    let order = judge.order();
    let singles: Vec<Found> = (0..columns.len())
        .into_par_iter()
        .flat_map_iter(|column| single(judge, &whole, &order, columns, column))
        .collect();
    let few = columns.len().min(PAIRED_COLUMNS);
    let both: Vec<(usize, usize)> = (0..few).flat_map(|a| (a + 1..few).map(move |b| (a, b))).collect();
    let pairs: Vec<Found> = both
        .into_par_iter()
        .flat_map_iter(|(a, b)| pair(judge, &whole, &order, (columns, settings.min_rows), (a, b)))
        .collect();
    let alone: HashMap<(usize, u16), f64> =
        singles.iter().filter_map(|found| Some((found.conditions[0], found.judged.value.value?))).collect();
    let all: Vec<Found> = singles.into_iter().chain(pairs).collect();
    let adjusted = benjamini_hochberg(&all.iter().map(|found| found.judged.p).collect::<Vec<f64>>());
    let metric = judge.metric(settings.metric);
    let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
    let worse_than_parts = |found: &Found| {
        let value = |value: &MetricValue| value.value.unwrap_or(f64::NAN) * sign;
        found.conditions.len() == 1
            || found.conditions.iter().all(|condition| {
                alone.get(condition).is_none_or(|part| value(&found.judged.value) < part * sign)
            })
    };
    let slice = |(found, p_adjusted): (&Found, &f64)| Slice {
        conditions: found
            .conditions
            .iter()
            .map(|(column, code)| Condition {
                column: columns[*column].column.clone(),
                value: columns[*column].values[usize::from(*code)].clone(),
            })
            .collect(),
        rows: found.rows as u64,
        value: found.judged.value.clone(),
        rest: found.judged.rest,
        p: found.judged.p,
        p_adjusted: *p_adjusted,
    };
    let looked = || all.iter().zip(&adjusted);
    let mut worst: Vec<Slice> =
        looked().filter(|(found, p)| **p < LEVEL && worse_than_parts(found)).map(slice).collect();
    worst.sort_by(|a, b| a.p.total_cmp(&b.p).then(a.conditions.len().cmp(&b.conditions.len())));
    worst.truncate(LISTED);
    let is_asked = |found: &Found| {
        found.conditions.len() == 1 && settings.asked.contains(&columns[found.conditions[0].0].column)
    };
    Some(SliceSearch {
        metric,
        looked_at: all.len() as u64,
        min_rows: settings.min_rows as u64,
        worst,
        asked: looked().filter(|(found, _)| is_asked(found)).map(slice).collect(),
    })
}

fn single(judge: &Judge, whole: &Whole, order: &[u32], columns: &[Cells], column: usize) -> Vec<Found> {
    let cells = &columns[column];
    let mut groups = vec![Vec::new(); cells.values.len()];
    for row in order {
        let code = cells.codes[*row as usize];
        if code != NONE {
            groups[usize::from(code)].push(*row);
        }
    }
    let judged = |(code, rows): (usize, &Vec<u32>)| {
        let judged = judge.judge(rows, whole, true)?;
        Some(Found { conditions: vec![(column, code as u16)], rows: rows.len(), judged })
    };
    groups.iter().enumerate().filter_map(judged).collect()
}

fn pair(
    judge: &Judge,
    whole: &Whole,
    order: &[u32],
    (columns, min_rows): (&[Cells], usize),
    (a, b): (usize, usize),
) -> Vec<Found> {
    let (first, second) = (&columns[a], &columns[b]);
    let wide = second.values.len();
    let mut groups = vec![Vec::new(); first.values.len() * wide];
    for row in order {
        let (x, y) = (first.codes[*row as usize], second.codes[*row as usize]);
        if x != NONE && y != NONE {
            groups[usize::from(x) * wide + usize::from(y)].push(*row);
        }
    }
    let judged = |(place, rows): (usize, &Vec<u32>)| {
        if rows.len() < min_rows.max(1) || rows.len() == order.len() {
            return None;
        }
        let judged = judge.judge(rows, whole, false)?;
        let conditions = vec![(a, (place / wide) as u16), (b, (place % wide) as u16)];
        Some(Found { conditions, rows: rows.len(), judged })
    };
    groups.iter().enumerate().filter_map(judged).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(column: &str, values: usize, code: impl Fn(usize) -> u16, rows: usize) -> Cells {
        Cells {
            column: column.to_owned(),
            values: (0..values).map(|value| format!("= {value}")).collect(),
            codes: (0..rows).map(code).collect(),
        }
    }

    fn settings(asked: &[String]) -> SliceSettings<'_> {
        SliceSettings { min_rows: 50, metric: MetricId::Accuracy, asked }
    }

    /// A number from 0 to below 1 that looks random.
    fn noise(row: usize) -> f64 {
        ((row as f64 * 12.9898).sin() * 43_758.545_3).fract().abs()
    }

    #[test]
    fn a_planted_bad_slice_is_found_and_chance_is_not() {
        let rows = 4000;
        let columns = [
            cells("a", 4, |row| (row % 4) as u16, rows),
            cells("b", 5, |row| (row / 4 % 5) as u16, rows),
            cells("c", 3, |row| (row / 20 % 3) as u16, rows),
        ];
        // Right nine times of ten, but where a = 2 and b = 3: half.
        let planted = |row: usize| row % 4 == 2 && row / 4 % 5 == 3;
        let right = |bad: bool| {
            (0..rows).map(|row| noise(row) > if bad && planted(row) { 0.5 } else { 0.1 }).collect()
        };
        let found = search(&Judge::Shares(right(true)), &columns, &settings(&[])).expect("judged");
        assert_eq!(found.worst[0].title(), "a = 2 and b = 3", "{:?}", found.worst);
        assert!(found.worst[0].p_adjusted < 1e-6 && found.worst[0].rest > 0.85);
        assert_eq!(found.looked_at, 12 + 20 + 12 + 15);
        let none =
            search(&Judge::Shares(right(false)), &columns, &settings(&["c".to_owned()])).expect("judged");
        assert!(none.worst.is_empty(), "{:?}", none.worst);
        assert_eq!(none.asked.len(), 3);
    }

    #[test]
    fn losses_and_rankings_find_the_same_place() {
        let rows = 3000;
        let columns =
            [cells("a", 3, |row| (row % 3) as u16, rows), cells("b", 2, |row| (row / 3 % 2) as u16, rows)];
        let bad = |row: usize| row % 3 == 1;
        let loss = (0..rows).map(|row| noise(row) * if bad(row) { 3.0 } else { 1.0 }).collect();
        let found = search(&Judge::Means(loss, false), &columns, &settings(&[])).expect("judged");
        assert_eq!((found.worst[0].title().as_str(), found.metric), ("a = 1", MetricId::Mae));
        let positive: Vec<bool> = (0..rows).map(|row| noise(row + 7) > 0.6).collect();
        let score = |row: usize| noise(row + 99) + if positive[row] && !bad(row) { 0.5 } else { 0.0 };
        let judge = Judge::rankings((0..rows).map(score).collect(), positive.clone());
        let found = search(&judge, &columns, &settings(&[])).expect("judged");
        assert_eq!((found.worst[0].title().as_str(), found.metric), ("a = 1", MetricId::Auroc));
        let worst = &found.worst[0];
        assert!(worst.value.high.expect("interval") < worst.rest && worst.p_adjusted < 1e-6);
    }

    #[test]
    fn models_without_mistakes_or_rows_have_no_worst_slice() {
        let columns = [cells("a", 2, |row| (row % 2) as u16, 200)];
        let found = search(&Judge::Shares(vec![true; 200]), &columns, &settings(&[])).expect("judged");
        assert!(found.worst.is_empty());
        assert!(
            search(&Judge::rankings(vec![0.5; 200], vec![true; 200]), &columns, &settings(&[])).is_none()
        );
        assert!(
            search(&Judge::Means(vec![0.0; 200], true), &[], &settings(&[]))
                .expect("judged")
                .worst
                .is_empty()
        );
    }
}
