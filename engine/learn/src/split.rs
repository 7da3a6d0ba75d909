//! Splits: which rows train, which stop the training early, and which judge it.
//!
//! Test rows are chosen before anything is fitted. The same table, request and seed give the same rows.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, btree_map::Entry},
};

use orrery_domain::{
    Failure, FailureClass,
    dataset::ColumnType,
    training::{Split, Task},
    words,
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::table::Table;

/// Rows by their use, each list in ascending order. No row is in two lists; together they hold every row of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SplitRows {
    /// Rows that are fitted on.
    pub train: Vec<u32>,
    /// Rows for early stopping, calibration and the choice among models.
    pub valid: Vec<u32>,
    /// Rows nothing but the final judgement sees.
    pub test: Vec<u32>,
    /// Rows whose target is missing (or, for a number, not finite): never used, always reported.
    pub without_target: Vec<u32>,
}

/// Share of the rows that are not test rows held out for validation where a request names none.
pub const VALID_SHARE: f64 = 0.15;

/// Share of all rows held out for the test where a request names none.
pub const TEST_SHARE: f64 = 0.2;

/// Divides the rows of `table` for a model of column `target`.
///
/// `test_share` is the share of all rows with a target, `valid_share` the share of what remains; both lie between 0 and 1,
/// exclusive. A split by column takes its test rows (and, if it names any, its validation rows) from that column; a split
/// by time takes the latest rows for the test and the latest of the rest for validation, and never parts equal times.
///
/// # Errors
/// A client failure when the request does not fit the table, a data failure when a part comes out empty or the training
/// rows hold fewer than two classes.
pub fn split(
    table: &Table,
    target: usize,
    task: Task,
    split: &Split,
    valid_share: f64,
    test_share: f64,
    seed: u64,
) -> Result<SplitRows, Failure> {
    check_share("validation", valid_share)?;
    check_share("test", test_share)?;
    let classes = Classes::of(table, target, task)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let stratify = match (split, task) {
        (Split::Stratified, Task::Regression) => {
            return Err(client(format!(
                "A stratified split needs classes, but '{}' is predicted as a number. Choose a random split or one by time.",
                table.schema[target].name
            )));
        }
        (Split::Auto | Split::Stratified | Split::Column { .. }, _) => task != Task::Regression,
        (Split::Random | Split::Time { .. }, _) => false,
    };
    let codes = stratify.then_some(classes.codes.as_slice());
    let mut rows = SplitRows { without_target: classes.without_target.clone(), ..SplitRows::default() };
    match split {
        Split::Auto | Split::Random | Split::Stratified => {
            let rest;
            (rest, rows.test) = hold_out(&classes.rows, codes, test_share, &mut rng);
            (rows.train, rows.valid) = hold_out(&rest, codes, valid_share, &mut rng);
        }
        Split::Time { column } => {
            let times = order_column(table, column)?;
            let ordered = in_time_order(&classes.rows, &times, column)?;
            let rest;
            (rest, rows.test) = latest(&ordered, &times, test_share);
            (rows.train, rows.valid) = latest(&rest, &times, valid_share);
        }
        Split::Column { column } => {
            let [mut train, valid, test] = by_column(table, column, &classes.rows)?;
            rows.test = test;
            (rows.train, rows.valid) = if valid.is_empty() {
                hold_out(&train, codes, valid_share, &mut rng)
            } else {
                train.sort_unstable();
                (train, valid)
            };
        }
    }
    for part in [&mut rows.train, &mut rows.valid, &mut rows.test] {
        part.sort_unstable();
    }
    check_parts(&rows, &classes, &table.schema[target].name)?;
    Ok(rows)
}

/// The target as far as a split needs it.
struct Classes {
    /// Class of every row of the table (0 for a number).
    codes: Vec<u32>,
    /// How many classes; 0 for a number.
    count: usize,
    /// Rows with a target.
    rows: Vec<u32>,
    /// Rows without one.
    without_target: Vec<u32>,
}

impl Classes {
    fn of(table: &Table, target: usize, task: Task) -> Result<Self, Failure> {
        let column = &table.schema[target];
        let (codes, count, present) = if task == Task::Regression {
            if matches!(column.kind, ColumnType::Text | ColumnType::Category) {
                return Err(client(format!(
                    "'{}' holds {}, not numbers, so it cannot be predicted as a number. Choose a classification task, \
                     or give the column a numeric type.",
                    column.name,
                    column.kind.name()
                )));
            }
            let present = table.numbers(target).iter().map(|value| value.is_finite()).collect::<Vec<_>>();
            (vec![0; table.rows()], 0, present)
        } else {
            let labels = table.labels(target);
            let present = labels.codes.iter().map(Option::is_some).collect();
            let codes = labels.codes.into_iter().map(Option::unwrap_or_default).collect();
            (codes, labels.classes.len(), present)
        };
        let (rows, without_target): (Vec<u32>, Vec<u32>) =
            (0..table.rows() as u32).partition(|row| present[*row as usize]);
        if rows.is_empty() {
            return Err(data(format!(
                "No row has a value in the target '{}'. Choose another target.",
                column.name
            )));
        }
        match (task, count) {
            (Task::Regression, _) => {}
            (_, 0 | 1) => {
                return Err(data(format!(
                    "The target '{}' has one value only, so there is nothing to tell apart. Choose another target.",
                    column.name
                )));
            }
            (Task::Binary, 3..) => {
                return Err(client(format!(
                    "The target '{}' has {count} classes; a binary task needs two. Choose the multiclass task.",
                    column.name
                )));
            }
            _ => {}
        }
        Ok(Self { codes, count, rows, without_target })
    }
}

fn client(message: String) -> Failure {
    Failure::new(FailureClass::Client, message)
}

fn data(message: String) -> Failure {
    Failure::new(FailureClass::Data, message)
}

fn check_share(what: &str, share: f64) -> Result<(), Failure> {
    if share > 0.0 && share < 1.0 {
        return Ok(());
    }
    Err(client(format!("The {what} share is {share}; it must lie between 0 and 1. Use 0.2, for example.")))
}

/// Takes `share` of `rows` at random, within each class of `codes` where given. Returns what stays and what was taken.
fn hold_out(rows: &[u32], codes: Option<&[u32]>, share: f64, rng: &mut ChaCha8Rng) -> (Vec<u32>, Vec<u32>) {
    let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for &row in rows {
        groups.entry(codes.map_or(0, |codes| codes[row as usize])).or_default().push(row);
    }
    let sizes: Vec<usize> = groups.values().map(Vec::len).collect();
    let (mut kept, mut taken) = (Vec::with_capacity(rows.len()), Vec::new());
    for (group, take) in groups.values_mut().zip(apportion(&sizes, share)) {
        group.shuffle(rng);
        taken.extend_from_slice(&group[..take]);
        kept.extend_from_slice(&group[take..]);
    }
    (kept, taken)
}

/// How many of each group to take so that the sum is `share` of all, by the largest remainder; a group keeps at least one
/// member, and where there are two or more rows at least one is taken in all.
fn apportion(sizes: &[usize], share: f64) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let room: usize = sizes.iter().map(|size| size.saturating_sub(1)).sum();
    let goal = ((total as f64 * share).round() as usize).clamp(1, room.max(1)).min(room);
    let exact: Vec<f64> = sizes.iter().map(|size| *size as f64 * share).collect();
    let mut take: Vec<usize> = sizes
        .iter()
        .zip(&exact)
        .map(|(size, exact)| (exact.floor() as usize).min(size.saturating_sub(1)))
        .collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|a, b| (exact[*b].fract()).total_cmp(&exact[*a].fract()).then(a.cmp(b)));
    let mut left = goal.saturating_sub(take.iter().sum());
    while left > 0 {
        let before = left;
        for &group in &order {
            if left > 0 && take[group] + 1 < sizes[group] {
                take[group] += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    take
}

/// The numbers that order the rows.
fn order_column(table: &Table, name: &str) -> Result<Vec<f64>, Failure> {
    let column = find(table, name)?;
    if matches!(table.schema[column].kind, ColumnType::Datetime | ColumnType::Integer | ColumnType::Float) {
        return Ok(table.numbers(column));
    }
    Err(client(format!(
        "The rows cannot be put in time order by '{name}', which holds {}. Choose a column of dates or numbers, or read \
         this one as datetime.",
        table.schema[column].kind.name()
    )))
}

fn find(table: &Table, name: &str) -> Result<usize, Failure> {
    table.position(name).ok_or_else(|| {
        let names: Vec<&str> = table.schema.iter().map(|column| column.name.as_str()).collect();
        client(format!("There is no column '{name}' to split by. The columns are: {}.", names.join(", ")))
    })
}

fn in_time_order(rows: &[u32], times: &[f64], name: &str) -> Result<Vec<u32>, Failure> {
    let untimed = rows.iter().filter(|row| times[**row as usize].is_nan()).count();
    if untimed > 0 {
        return Err(data(format!(
            "{} rows have no value in '{name}', so they cannot be put in time order. Choose another column or \
             another split.",
            words::count(untimed as u64)
        )));
    }
    let mut ordered = rows.to_vec();
    ordered.sort_by(|a, b| {
        times[*a as usize].partial_cmp(&times[*b as usize]).unwrap_or(Ordering::Equal).then(a.cmp(b))
    });
    Ok(ordered)
}

/// Cuts the latest `share` off rows in time order, at the change of time that is nearest to the exact cut. The second part
/// is empty when all times are equal.
fn latest(ordered: &[u32], times: &[f64], share: f64) -> (Vec<u32>, Vec<u32>) {
    let time = |index: usize| times[ordered[index] as usize];
    let changes_at = |index: usize| time(index - 1) < time(index);
    let cut = ordered.len() - (ordered.len() as f64 * share).round() as usize;
    let before = (1..=cut.min(ordered.len().saturating_sub(1))).rev().find(|index| changes_at(*index));
    let after = (cut.max(1)..ordered.len()).find(|index| changes_at(*index));
    let at = match (before, after) {
        (Some(before), Some(after)) if cut - before > after - cut => after,
        (Some(before), _) => before,
        (None, Some(after)) => after,
        (None, None) => ordered.len(),
    };
    (ordered[..at].to_vec(), ordered[at..].to_vec())
}

/// Rows for training, validation and test as a column of the file names them.
fn by_column(table: &Table, name: &str, rows: &[u32]) -> Result<[Vec<u32>; 3], Failure> {
    let labels = table.labels(find(table, name)?);
    let part: Vec<Option<usize>> = labels
        .classes
        .iter()
        .map(|class| match class.trim().to_lowercase().as_str() {
            "train" | "training" => Some(0),
            "valid" | "validation" | "val" | "dev" => Some(1),
            "test" | "testing" => Some(2),
            _ => None,
        })
        .collect();
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    let mut unknown: BTreeMap<&str, usize> = BTreeMap::new();
    for &row in rows {
        let code = labels.codes[row as usize];
        match code.and_then(|code| part[code as usize]) {
            Some(index) => parts[index].push(row),
            None => match unknown.entry(code.map_or("", |code| &labels.classes[code as usize])) {
                Entry::Vacant(entry) => {
                    entry.insert(1);
                }
                Entry::Occupied(mut entry) => *entry.get_mut() += 1,
            },
        }
    }
    if !unknown.is_empty() {
        let mut named: Vec<String> = unknown
            .iter()
            .take(5)
            .map(|(value, count)| {
                let rows = words::plural(*count as u64, "row");
                if value.is_empty() { format!("missing ({rows})") } else { format!("'{value}' ({rows})") }
            })
            .collect();
        if unknown.len() > 5 {
            named.push(format!("{} more", unknown.len() - 5));
        }
        return Err(data(format!(
            "The split column '{name}' may hold train, valid and test only, but it also holds {}. Mend the column or choose \
             another split.",
            named.join(", ")
        )));
    }
    Ok(parts)
}

fn check_parts(rows: &SplitRows, classes: &Classes, target: &str) -> Result<(), Failure> {
    for (part, what) in [(&rows.train, "training"), (&rows.valid, "validation"), (&rows.test, "test")] {
        if part.is_empty() {
            return Err(data(format!(
                "No {what} rows come out of this split: {} rows have a value in the target '{target}'. Choose another split \
                 or bring more rows.",
                words::count(classes.rows.len() as u64)
            )));
        }
    }
    if classes.count > 0 {
        let first = classes.codes[rows.train[0] as usize];
        if rows.train.iter().all(|row| classes.codes[*row as usize] == first) {
            return Err(data(format!(
                "Every training row has the same class in '{target}', so there is nothing to learn. Choose another split."
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
