//! Rows: a request's rows as JSON objects, `{"column": value, …}`, as a model's columns.

use orrery_domain::dataset::{ColumnSchema, ColumnType};
use orrery_learn::predict::{Column, Predictor};
use serde_json::{Map, Value};

use super::model::Columns;

/// A row as a program writes it.
pub type Row = Map<String, Value>;

/// The rows as the model's columns, in the card's order. `null` and an empty text are missing values; columns the model does not
/// ask for are refused unless they are `others` (the target, another model's columns).
///
/// # Errors
/// A sentence that names the row and the column which is missing, unknown or does not fit.
pub fn columns(model: &Predictor, rows: &[Row], others: &dyn Fn(&str) -> bool) -> Result<Columns, String> {
    if rows.is_empty() {
        return Err("The request has no rows. Send one row at least.".to_owned());
    }
    for (number, row) in rows.iter().enumerate() {
        let unknown =
            |name: &&String| !model.features().any(|feature| feature.name == **name) && !others(name);
        if let Some(name) = row.keys().find(unknown) {
            return Err(format!(
                "Row {number} has the column '{name}', which is no input of the model. Leave it out."
            ));
        }
    }
    model.features().map(|feature| Ok((feature.name.clone(), column(feature, rows)?))).collect()
}

fn column(feature: &ColumnSchema, rows: &[Row]) -> Result<Column, String> {
    let name = &feature.name;
    let value = |(number, row): (usize, &Row)| {
        row.get(name).cloned().ok_or_else(|| {
            format!("Row {number} lacks the column '{name}'. Send it, with null where its value is missing.")
        })
    };
    let values = rows.iter().enumerate().map(value).collect::<Result<Vec<Value>, String>>()?;
    let unfit = |number: usize, value: &Value| {
        format!(
            "Row {number}, column '{name}': {value} does not fit, because its type is {}.",
            feature.kind.name()
        )
    };
    let is_number = matches!(feature.kind, ColumnType::Integer | ColumnType::Float | ColumnType::Boolean);
    // Dates and categories that look like numbers are texts all the same; numbers may come as texts.
    if is_number && !values.iter().any(Value::is_string) {
        let number = |(number, value): (usize, &Value)| match value {
            Value::Null => Ok(f64::NAN),
            Value::Bool(value) => Ok(f64::from(u8::from(*value))),
            Value::Number(found) => found.as_f64().ok_or_else(|| unfit(number, value)),
            _ => Err(unfit(number, value)),
        };
        return Ok(Column::Numbers(values.iter().enumerate().map(number).collect::<Result<_, _>>()?));
    }
    let all = values.iter().enumerate();
    Ok(Column::Texts(
        all.map(|(number, value)| text(value).ok_or_else(|| unfit(number, value)))
            .collect::<Result<_, _>>()?,
    ))
}

/// A value as a text; none for lists and objects.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
