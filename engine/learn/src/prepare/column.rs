//! Columns: one feature's values read from any table, coerced to the type it was trained with where that can be done.

use arrow::{
    array::{Array, AsArray},
    datatypes::Int32Type,
};
use orrery_domain::{Failure, FailureClass, dataset::ColumnType};

use crate::table::Table;

/// The position of a feature column.
///
/// # Errors
/// A data failure that names the column, and the nearest one there is.
pub fn position(table: &Table, name: &str) -> Result<usize, Failure> {
    table.position(name).ok_or_else(|| {
        let near = nearest(name, table.schema.iter().map(|column| column.name.as_str()))
            .map_or(String::new(), |near| format!(" The nearest name there is '{near}'."));
        Failure::new(
            FailureClass::Data,
            format!(
                "The column '{name}' is missing: the model was trained with it.{near} Add the column (it may be empty) and try again."
            ),
        )
    })
}

/// A number column's values: NaN where missing or not finite. `[rows]`
///
/// # Errors
/// A data failure when the column holds something that is no number.
pub fn numbers(table: &Table, column: usize, trained: ColumnType) -> Result<Vec<f64>, Failure> {
    let found = table.schema[column].kind;
    let finite = |mut values: Vec<f64>| {
        for value in &mut values {
            if !value.is_finite() {
                *value = f64::NAN;
            }
        }
        values
    };
    match found {
        ColumnType::Integer | ColumnType::Float | ColumnType::Boolean => Ok(finite(table.numbers(column))),
        ColumnType::Category | ColumnType::Text => parsed(table, column, trained, |text| {
            let text = text.trim();
            match text {
                "true" | "True" | "TRUE" => Some(1.0),
                "false" | "False" | "FALSE" => Some(0.0),
                _ => text.parse().ok(),
            }
        })
        .map(finite),
        ColumnType::Datetime => Err(unfit(table, column, trained, "dates")),
    }
}

/// A date column's values in seconds since 1970: NaN where missing. `[rows]`
///
/// # Errors
/// A data failure when the column holds something that is no date.
pub fn dates(table: &Table, column: usize) -> Result<Vec<f64>, Failure> {
    match table.schema[column].kind {
        ColumnType::Datetime => Ok(table.numbers(column)),
        ColumnType::Category | ColumnType::Text => {
            parsed(table, column, ColumnType::Datetime, date_from_text)
        }
        // A column without any value may have any type.
        _ if table.batch.column(column).null_count() == table.rows() => Ok(vec![f64::NAN; table.rows()]),
        _ => Err(unfit(table, column, ColumnType::Datetime, "numbers")),
    }
}

/// Seconds since 1970 of an ISO 8601 date or date and time, as the import writes it too.
pub fn date_from_text(text: &str) -> Option<f64> {
    let text = text.trim();
    let micros = |time: chrono::NaiveDateTime| time.and_utc().timestamp_micros() as f64 / 1e6;
    if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros() as f64 / 1e6);
    }
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| chrono::NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
        .map(micros)
}

/// Calls `each` for every row with its text (`None` where missing); texts of dictionary columns are made once.
/// The answer of `code` for a text is kept by dictionary entry. `[rows]`
pub fn coded<T: Copy>(table: &Table, column: usize, mut code: impl FnMut(Option<&str>) -> T) -> Vec<T> {
    let array = table.batch.column(column);
    match table.schema[column].kind {
        ColumnType::Category => {
            let array = array.as_dictionary::<Int32Type>();
            let values = array.values().as_string::<i32>();
            let missing = code(None);
            let by_key: Vec<T> =
                values.iter().map(|value| if value.is_none() { missing } else { code(value) }).collect();
            array.keys().iter().map(|key| key.map_or(missing, |key| by_key[key as usize])).collect()
        }
        ColumnType::Text => array.as_string::<i64>().iter().map(code).collect(),
        _ => (0..table.rows()).map(|row| code(table.text(column, row).as_deref())).collect(),
    }
}

/// Texts parsed to numbers; each distinct text of a dictionary is parsed once.
fn parsed(
    table: &Table,
    column: usize,
    trained: ColumnType,
    parse: impl Fn(&str) -> Option<f64>,
) -> Result<Vec<f64>, Failure> {
    let values = coded(table, column, |text| match text {
        None => Some(f64::NAN),
        Some(text) => parse(text),
    });
    // A dictionary may hold entries that no row uses; only rows count.
    if let Some(row) = values.iter().position(Option::is_none) {
        let text = table.text(column, row).unwrap_or_default();
        return Err(unfit(table, column, trained, &format!("'{}'", short(&text))));
    }
    Ok(values.into_iter().flatten().collect())
}

/// The first characters of a text, for a message.
fn short(text: &str) -> String {
    let mut cut: String = text.chars().take(40).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

fn unfit(table: &Table, column: usize, trained: ColumnType, found: &str) -> Failure {
    let name = &table.schema[column].name;
    Failure::new(
        FailureClass::Data,
        format!(
            "The column '{name}' holds {found}, but the model was trained with the type {}. Mend the column or set its type with --types {name}={}.",
            trained.name(),
            trained.name()
        ),
    )
}

/// The candidate nearest to `name` by edit distance, if it is near at all (about a third of its length at most).
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = ((name.chars().count() + 1) / 3).max(1);
    candidates
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .min()
        .filter(|(distance, _)| *distance <= limit)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let kept = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = kept.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names_are_near() {
        let names = ["price", "carat", "clarity"];
        assert_eq!(nearest("prise", names.into_iter()), Some("price"));
        assert_eq!(nearest("Carat", names.into_iter()), Some("carat"));
        assert_eq!(nearest("zebra", names.into_iter()), None);
    }

    #[test]
    fn dates_are_read_as_utc() {
        assert_eq!(date_from_text("1970-01-02"), Some(86_400.0));
        assert_eq!(date_from_text("1970-01-01 00:00:01.5"), Some(1.5));
        assert_eq!(date_from_text("1970-01-01T01:00:00+01:00"), Some(0.0));
        assert_eq!(date_from_text("yesterday"), None);
    }
}
