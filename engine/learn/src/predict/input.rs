//! Input: a file read for a model, with the columns it needs, as they are and as the model takes them.

use std::{path::Path, sync::Arc};

use arrow::array::{ArrayRef, Float64Array, TimestampMicrosecondArray};
use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnSchema, ColumnType, ImportBudget, ImportOptions},
    image::PixelColumns,
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

/// Columns of a file read for several models.
pub(crate) struct Shared {
    /// The file's columns as they are; what is a text to any of the models is one.
    pub(crate) table: Table,
    /// The same rows as each model takes them. `[models]`
    pub(crate) scored: Vec<Table>,
    /// What a person should know about the file.
    pub(crate) read: ReadReport,
}

/// Reads a file for a model. Category and text columns are read as in training, because a code such as `007` would lose its
/// zeros as a number; all other types are found by looking, so that a number with a decimal point is welcome in a column that
/// had none, and what is written out again is what was there.
pub(super) fn read(file: &Path, card: &ModelCard, control: &dyn JobControl) -> Result<Input, Interrupt> {
    let Shared { table, scored, read } = read_shared(file, &[card], control)?;
    let scored = scored.into_iter().next().unwrap_or_else(|| table.clone());
    Ok(Input { table, scored, read })
}

/// Reads a file once for several models, as [`read`] does for one.
pub(crate) fn read_shared(
    file: &Path,
    cards: &[&ModelCard],
    control: &dyn JobControl,
) -> Result<Shared, Interrupt> {
    let types = cards
        .iter()
        .flat_map(|card| &card.features)
        .filter(|feature| is_text(feature.kind))
        .map(|feature| (feature.name.clone(), feature.kind))
        .collect();
    // Pictures of a folder are brought to the size that the model was trained with.
    let image = cards.first().and_then(|card| pixels(card)).map(|pixels| pixels.shape);
    let options = ImportOptions { types, image, ..ImportOptions::default() };
    let (table, mut read) = data::read_table(file, &options, &ImportBudget::default(), control)?;
    let scored = cards.iter().map(|card| taken_by(card, &table, file, &mut read.warnings));
    let scored = scored.collect::<Result<Vec<Table>, Failure>>()?;
    Ok(Shared { table, scored, read })
}

/// A table as a model takes it.
///
/// # Errors
/// A data failure that names the columns which are missing or hold nothing the model can use.
pub(crate) fn taken_by(
    card: &ModelCard,
    table: &Table,
    place: &Path,
    warnings: &mut Vec<String>,
) -> Result<Table, Failure> {
    require(table, card.features.iter().map(|feature| feature.name.as_str()), place)?;
    parsed(table, &card.features, warnings)
}

/// Checks that every column is there.
///
/// # Errors
/// A data failure that names those which are not, each with the nearest name there is.
pub(crate) fn require<'a>(
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

/// The pixels among a model's features.
fn pixels(card: &ModelCard) -> Option<PixelColumns> {
    PixelColumns::among(card.features.iter().map(|feature| feature.name.as_str()))
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
