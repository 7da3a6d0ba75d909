//! Suspects: columns and targets that a person should look at before training, each with its remedy.

use orrery_domain::{
    dataset::ColumnType,
    profile::{ColumnProfile, DataWarning, Remedy, WarningKind},
    training::Task,
    words::{count, percent},
};

use crate::{
    data::{datetime, value},
    table::Table,
};

/// Share of rows without a value that is "mostly".
const MOSTLY: f64 = 0.5;

/// Share of present values that are distinct in an id-like column of texts.
const ID_SHARE: f64 = 0.95;

/// Rows below which nothing is called id-like.
const ID_ROWS: u64 = 20;

/// Median length above which texts are prose, not ids.
const PROSE_LENGTH: u64 = 60;

/// Share of values that must look like another type.
const LOOKS_SHARE: f64 = 0.95;

/// A class is rare below this share of what an even spread would give it.
const RARE: f64 = 0.2;

/// What is suspicious about the columns.
pub(super) fn of_columns(
    table: &Table,
    columns: &[ColumnProfile],
    duplicates: &[(usize, usize)],
) -> Vec<DataWarning> {
    let rows = table.rows() as u64;
    let mut warnings = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let name = &column.name;
        let exclude = Some(Remedy::Exclude { column: name.clone() });
        let mut warn = |kind: WarningKind, message: String, remedy: Option<Remedy>| {
            warnings.push(DataWarning { column: Some(name.clone()), kind, message, remedy });
        };
        let share = column.missing as f64 / rows.max(1) as f64;
        if column.distinct == 1 && column.missing == 0 {
            warn(
                WarningKind::Constant,
                format!("'{name}' has the same value in every row."),
                exclude.clone(),
            );
        }
        if share >= MOSTLY {
            let message = format!("'{name}' is missing in {} of the rows.", percent(share));
            warn(WarningKind::MostlyMissing { share }, message, exclude.clone());
        }
        if let Some((_, earlier)) = duplicates.iter().find(|(later, _)| *later == index)
            && column.distinct > 1
        {
            let other = columns[*earlier].name.clone();
            let message = format!("'{name}' equals '{other}' in every row.");
            warn(WarningKind::DuplicateOf { column: other }, message, exclude.clone());
        }
        if is_id_like(column, rows) {
            let message = format!(
                "'{name}' has its own value in (nearly) every row: a model can only learn it by heart."
            );
            warn(WarningKind::IdLike, message, exclude);
        } else if let Some((hint, why)) = looks_like(table, index, column) {
            let message = format!("'{name}' is read as {} but {why}.", column.kind.name());
            let remedy = Remedy::Retype { column: name.clone(), to: hint };
            warn(WarningKind::LooksLike { kind_hint: hint }, message, Some(remedy));
        }
    }
    warnings
}

fn is_id_like(column: &ColumnProfile, rows: u64) -> bool {
    let present = rows - column.missing;
    if present < ID_ROWS {
        return false;
    }
    match column.kind {
        ColumnType::Text | ColumnType::Category => {
            let short = column.text_length.is_some_and(|(median, _)| median <= PROSE_LENGTH);
            short && column.distinct as f64 >= present as f64 * ID_SHARE
        }
        // All different and close together, or called an id: a quantity may have distinct values by chance.
        ColumnType::Integer => {
            let dense = column.numeric.as_ref().is_some_and(|n| n.max - n.min < present as f64 * 2.0);
            column.distinct == present
                && column.missing == 0
                && (dense || is_called(&column.name, &["id", "key", "uuid", "index"]))
        }
        ColumnType::Float | ColumnType::Boolean | ColumnType::Datetime => false,
    }
}

/// Whether one of the name's words is one of these.
fn is_called(name: &str, words: &[&str]) -> bool {
    let mut parts = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower) {
            parts.push(String::new());
        }
        lower = c.is_lowercase();
        if let (true, Some(part)) = (c.is_alphanumeric(), parts.last_mut()) {
            part.extend(c.to_lowercase());
        }
    }
    parts.iter().any(|part| words.contains(&part.as_str()))
}

/// A type that the values look more like, and why.
fn looks_like(table: &Table, index: usize, column: &ColumnProfile) -> Option<(ColumnType, &'static str)> {
    if table.schema[index].overridden || column.distinct < 2 {
        return None;
    }
    match column.kind {
        ColumnType::Text | ColumnType::Category => {
            let labels = table.labels(index);
            let mut counts = vec![0_u64; labels.classes.len()];
            labels.codes.iter().flatten().for_each(|code| counts[*code as usize] += 1);
            let total: u64 = counts.iter().sum();
            let share = |fits: &dyn Fn(&str) -> bool| {
                let fitting = labels.classes.iter().zip(&counts).filter(|(class, _)| fits(class));
                fitting.map(|(_, count)| *count).sum::<u64>() as f64 / total.max(1) as f64
            };
            let number = |text: &str| {
                [value::Style::Point, value::Style::Thousands]
                    .into_iter()
                    .find_map(|style| value::number(text, style))
            };
            // Whole numbers beyond 64 bits are ids; they stay texts.
            let plain = |text: &str| {
                matches!(number(text), Some(value::Number::Integer(_) | value::Number::Float(_)))
            };
            let date = |text: &str| {
                let mut evidence = datetime::Evidence::default();
                datetime::parse(text, datetime::Order::default(), &mut evidence).is_some()
            };
            if share(&plain) >= LOOKS_SHARE {
                let whole =
                    |text: &str| plain(text) && matches!(number(text), Some(value::Number::Integer(_)));
                let kind = if share(&whole) >= LOOKS_SHARE { ColumnType::Integer } else { ColumnType::Float };
                Some((kind, "nearly all its values are numbers"))
            } else if share(&date) >= LOOKS_SHARE {
                Some((ColumnType::Datetime, "nearly all its values are dates"))
            } else {
                None
            }
        }
        ColumnType::Integer => {
            let numeric = column.numeric.as_ref()?;
            let dates = numeric.min >= 19_000_101.0 && numeric.max <= 21_001_231.0;
            let labels = || table.labels(index).classes;
            if dates && labels().iter().all(|class| datetime::compact(class).is_some()) {
                return Some((ColumnType::Datetime, "its numbers are dates such as 20130131"));
            }
            let codes = is_called(&column.name, &["zip", "zipcode", "postcode", "code", "category", "type"]);
            (codes && column.distinct <= 1000)
                .then_some((ColumnType::Category, "its numbers are codes by their name"))
        }
        ColumnType::Float | ColumnType::Boolean | ColumnType::Datetime => None,
    }
}

/// What is suspicious about the target.
pub(super) fn of_target(
    table: &Table,
    profile: &ColumnProfile,
    target: usize,
    task: Option<Task>,
) -> Vec<DataWarning> {
    let name = &profile.name;
    let mut warnings = Vec::new();
    if profile.missing > 0 {
        warnings.push(DataWarning {
            column: Some(name.clone()),
            kind: WarningKind::MissingTarget { rows: profile.missing },
            message: format!(
                "{} rows have no value in '{name}'; they are not used for training or testing.",
                count(profile.missing)
            ),
            remedy: None,
        });
    }
    if matches!(task, Some(Task::Binary | Task::Multiclass)) {
        let labels = table.labels(target);
        let mut counts = vec![0_u64; labels.classes.len()];
        labels.codes.iter().flatten().for_each(|code| counts[*code as usize] += 1);
        let total: u64 = counts.iter().sum();
        let rarest = counts.iter().enumerate().min_by_key(|(_, count)| **count);
        if let Some((class, count)) = rarest {
            let share = *count as f64 / total.max(1) as f64;
            if share < RARE / counts.len() as f64 {
                let class = labels.classes[class].clone();
                warnings.push(DataWarning {
                    column: Some(name.clone()),
                    message: format!("The class '{class}' makes up {} of '{name}'.", percent(share)),
                    kind: WarningKind::Imbalance { class, share },
                    remedy: Some(Remedy::WeightClasses),
                });
            }
        }
    }
    warnings
}
