//! Input: a file read for a model, with the columns it needs, as they are and as the model takes them.

use std::{path::Path, sync::Arc};

use arrow::array::{ArrayRef, Float64Array, TimestampMicrosecondArray};
use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnSchema, ColumnType, ImportBudget, ImportOptions},
    model::ModelCard,
    words::count,
};

use super::row::boolean;
use crate::{
    control::{Interrupt, JobControl},
    data::{self, ReadReport},
    prepare::column::{date_from_text, nearest},
    table::Table,
};

/// A file read for a model.
pub(super) struct Input {
    /// The file's columns as they are.
    pub(super) table: Table,
    /// The same rows as the model takes them: texts in columns of numbers or dates are parsed.
    pub(super) scored: Table,
    /// What a person should know about the file.
    pub(super) read: ReadReport,
}

/// Reads a file for a model. Category and text columns are read as in training, because a code such as `007` would lose its
/// zeros as a number; all other types are found by looking, so that a number with a decimal point is welcome in a column that
/// had none, and what is written out again is what was there.
pub(super) fn read(file: &Path, card: &ModelCard, control: &dyn JobControl) -> Result<Input, Interrupt> {
    let types = card
        .features
        .iter()
        .filter(|feature| is_text(feature.kind))
        .map(|feature| (feature.name.clone(), feature.kind))
        .collect();
    let options = ImportOptions { types, ..ImportOptions::default() };
    let (table, mut read) = data::read_table(file, &options, &ImportBudget::default(), control)?;
    require(&table, card.features.iter().map(|feature| feature.name.as_str()), file)?;
    let scored = parsed(&table, &card.features, &mut read.warnings)?;
    Ok(Input { table, scored, read })
}

/// Checks that every column is there.
///
/// # Errors
/// A data failure that names those which are not, each with the nearest name there is.
pub(super) fn require<'a>(
    table: &Table,
    columns: impl Iterator<Item = &'a str>,
    file: &Path,
) -> Result<(), Failure> {
    let missing: Vec<String> = columns
        .filter(|name| table.position(name).is_none())
        .map(|name| {
            let near = nearest(name, table.schema.iter().map(|column| column.name.as_str()));
            near.map_or(format!("'{name}'"), |near| format!("'{name}' (the file has '{near}')"))
        })
        .collect();
    let what = match missing.len() {
        0 => return Ok(()),
        1 => format!("The column {} is missing", missing[0]),
        count => format!("{count} columns are missing: {}", missing.join(", ")),
    };
    Err(Failure::new(
        FailureClass::Data,
        format!(
            "{what}, and the model needs it. Add what is missing (a column may be empty) and try again. ({})",
            file.display()
        ),
    ))
}

fn is_text(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Category | ColumnType::Text)
}

/// The table with texts parsed where a model was trained on numbers or dates. What cannot be parsed counts as missing, and is
/// said so; a column where nothing can be parsed is refused.
fn parsed(table: &Table, features: &[ColumnSchema], warnings: &mut Vec<String>) -> Result<Table, Failure> {
    let mut schema = table.schema.clone();
    let mut columns = table.batch.columns().to_vec();
    for feature in features.iter().filter(|feature| !is_text(feature.kind)) {
        let Some(place) = table.position(&feature.name).filter(|place| is_text(schema[*place].kind)) else {
            continue;
        };
        let texts: Vec<Option<String>> = (0..table.rows()).map(|row| table.text(place, row)).collect();
        let values: Vec<Option<f64>> = texts
            .iter()
            .map(|text| text.as_deref().and_then(|text| number(feature.kind, text.trim())))
            .collect();
        let is_bad = |row: &usize| texts[*row].is_some() && values[*row].is_none();
        let bad = (0..texts.len()).filter(is_bad).count();
        if let Some(first) = (0..texts.len()).find(is_bad) {
            let text = texts[first].as_deref().unwrap_or_default();
            if values.iter().all(Option::is_none) {
                return Err(unfit(feature, text));
            }
            warnings.push(format!(
                "'{}' holds {} values that are no {}, such as '{}' in row {}; they count as missing.",
                feature.name,
                count(bad as u64),
                feature.kind.name(),
                shortened(text),
                count(first as u64 + 1)
            ));
        }
        let (kind, column) = stored(feature.kind, &values);
        schema[place].kind = kind;
        columns[place] = column;
    }
    Ok(Table::new(schema, columns))
}

/// The number, 0 or 1, or seconds since 1970 that a text stands for.
fn number(kind: ColumnType, text: &str) -> Option<f64> {
    match kind {
        ColumnType::Datetime => date_from_text(text),
        ColumnType::Boolean => boolean(text).map(|value| f64::from(u8::from(value))),
        _ => text.parse().ok().filter(|value: &f64| value.is_finite()),
    }
}

fn stored(kind: ColumnType, values: &[Option<f64>]) -> (ColumnType, ArrayRef) {
    if kind == ColumnType::Datetime {
        let micros = values.iter().map(|value| value.map(|secs| (secs * 1e6).round() as i64));
        (kind, Arc::new(micros.collect::<TimestampMicrosecondArray>()))
    } else {
        (ColumnType::Float, Arc::new(values.iter().copied().collect::<Float64Array>()))
    }
}

fn unfit(feature: &ColumnSchema, text: &str) -> Failure {
    Failure::new(
        FailureClass::Data,
        format!(
            "The column '{}' holds texts such as '{}', but the model was trained with {} values there. Mend the column and try \
             again.",
            feature.name,
            shortened(text),
            feature.kind.name()
        ),
    )
}

/// The first characters of a text.
fn shortened(text: &str) -> String {
    let cut: String = text.chars().take(40).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}
