//! Columns that a prediction adds: names that are free, and values of the fitting type.

use std::{collections::HashSet, sync::Arc};

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use orrery_domain::dataset::ColumnType;

use super::Predictor;
use crate::{metrics::Predictions, table::Table};

/// A column to add.
pub(super) struct Added {
    /// Its name, free in the table.
    pub(super) name: String,
    /// Its type: what the target's classes look like, or a number.
    pub(super) kind: ColumnType,
}

/// The columns added to `table`, the prediction first.
pub(super) fn added(predictor: &Predictor, table: &Table) -> Vec<Added> {
    let mut taken: HashSet<String> = table.schema.iter().map(|column| column.name.clone()).collect();
    let mut free = |wanted: String| {
        let mut name = wanted.clone();
        let mut count = 1;
        while !taken.insert(name.clone()) {
            count += 1;
            name = format!("{wanted}_{count}");
        }
        name
    };
    let classes = &predictor.card.classes;
    let kind = if classes.is_empty() { ColumnType::Float } else { class_type(classes) };
    let mut columns = vec![Added { name: free("prediction".to_owned()), kind }];
    columns.extend(
        classes
            .iter()
            .map(|class| Added { name: free(format!("probability_{class}")), kind: ColumnType::Float }),
    );
    columns
}

/// What the class names are: whole numbers, booleans or texts.
pub(super) fn class_type(classes: &[String]) -> ColumnType {
    let integer = |class: &String| class.parse::<i64>().is_ok_and(|value| value.to_string() == *class);
    if classes.iter().all(integer) {
        ColumnType::Integer
    } else if classes.iter().all(|class| class == "true" || class == "false") {
        ColumnType::Boolean
    } else {
        ColumnType::Text
    }
}

/// The values of the added columns, in the order of [`added`]. `[columns][rows]`
pub(super) fn values(predictor: &Predictor, predictions: &Predictions) -> Vec<ArrayRef> {
    let (classes, values) = match predictions {
        Predictions::Values(values) => return vec![Arc::new(Float64Array::from(values.clone()))],
        Predictions::Probabilities { classes, values } => (*classes, values),
    };
    let names = &predictor.card.classes;
    let chosen = values.chunks_exact(classes).map(|row| names[predictor.class(row)].as_str());
    let prediction: ArrayRef = match class_type(names) {
        ColumnType::Integer => {
            Arc::new(chosen.map(|class| class.parse::<i64>().ok()).collect::<Int64Array>())
        }
        ColumnType::Boolean => Arc::new(chosen.map(|class| Some(class == "true")).collect::<BooleanArray>()),
        _ => Arc::new(StringArray::from_iter_values(chosen)),
    };
    let mut columns = vec![prediction];
    for class in 0..classes {
        let column = values.iter().skip(class).step_by(classes).copied();
        columns.push(Arc::new(Float64Array::from_iter_values(column)));
    }
    columns
}
