//! Rows: requests of the Open Inference Protocol that a model takes, of rows it was trained on where they are here.

use std::path::Path;

use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnType, Dataset},
};
use orrery_learn::{model, table::Table};
use serde_json::{Value, json};

/// Different requests of a load.
const DIFFERENT: usize = 16;

/// Bodies of `rows` rows each for the model in `folder`, from its dataset's table. Without one every value is missing.
///
/// # Errors
/// When the card or the table cannot be read.
pub fn bodies(
    folder: &Path,
    dataset: Option<(&Dataset, &Path)>,
    rows: usize,
) -> Result<Vec<Vec<u8>>, Failure> {
    let card = model::read_card(folder)?;
    let table = dataset.map(|(dataset, blob)| Table::read_arrow(blob, &dataset.columns)).transpose()?;
    let table = table.filter(|table| table.rows() > 0);
    let all = rows * DIFFERENT;
    let body = |number: usize| {
        let inputs: Vec<Value> = card
            .features
            .iter()
            .map(|feature| {
                let texts: Vec<String> = (number * rows..(number + 1) * rows)
                    .map(|row| {
                        let table = table.as_ref()?;
                        // Spread over the whole table, which may be sorted.
                        table.text(table.position(&feature.name)?, row * table.rows() / all)
                    })
                    .map(Option::unwrap_or_default)
                    .collect();
                input(&feature.name, feature.kind, &texts)
            })
            .collect();
        serde_json::to_vec(&json!({ "inputs": inputs }))
            .map_err(|error| Failure::new(FailureClass::Bug, format!("A request is no JSON: {error}.")))
    };
    (0..DIFFERENT).map(body).collect()
}

/// A column as a tensor: numbers where all are there, else texts, of which an empty one is missing.
fn input(name: &str, kind: ColumnType, texts: &[String]) -> Value {
    let shape = [texts.len()];
    if matches!(kind, ColumnType::Integer | ColumnType::Float)
        && let Ok(numbers) = texts.iter().map(|text| text.parse()).collect::<Result<Vec<f64>, _>>()
        && numbers.iter().all(|number| number.is_finite())
    {
        return json!({ "name": name, "datatype": "FP64", "shape": shape, "data": numbers });
    }
    json!({ "name": name, "datatype": "BYTES", "shape": shape, "data": texts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_numbers_unless_one_is_missing() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(input("x", ColumnType::Float, &texts(&["1.5", "2"]))["data"], json!([1.5, 2.0]));
        assert_eq!(input("x", ColumnType::Float, &texts(&["1.5", ""]))["datatype"], "BYTES");
        assert_eq!(input("x", ColumnType::Category, &texts(&["1", "2"]))["data"], json!(["1", "2"]));
    }
}
