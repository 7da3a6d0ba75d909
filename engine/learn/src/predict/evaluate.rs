//! Evaluation: a model measured on a file whose target is known.

use std::{collections::HashMap, path::Path, sync::Arc};

use arrow::array::{ArrayRef, DictionaryArray, Float64Array, types::Int32Type};
use orrery_domain::{
    Failure, FailureClass,
    dataset::{ColumnSchema, ColumnType},
    job::JobEvent,
    metric::Metrics,
    training::Task,
};

use super::{
    Predictor,
    file::{bad_rows, say},
    input::{self, Input},
};
use crate::{
    control::{Interrupt, JobControl, check},
    metrics::{BootstrapSettings, DEFAULT_THRESHOLD, Predictions, Truth, evaluate_at},
    table::{Table, number_text},
};

/// Rows scored between two looks at what a person wants.
const BATCH: usize = 65_536;

/// Measures a model on a file that has its target; returns metrics with 95 % intervals and the rows used. Rows without a
/// target are left out, and said so.
///
/// # Errors
/// A data failure that names a missing column or a class the model does not know, or an interruption.
pub fn evaluate_file(
    model: &Path,
    file: &Path,
    control: &dyn JobControl,
) -> Result<(Metrics, u64), Interrupt> {
    say(control, "Loading the model", None, 0, 0, None);
    let predictor = Predictor::load(model)?;
    evaluate_with(&predictor, file, control)
}

pub(super) fn evaluate_with(
    predictor: &Predictor,
    file: &Path,
    control: &dyn JobControl,
) -> Result<(Metrics, u64), Interrupt> {
    say(control, "Reading the file", None, 0, 0, None);
    let Input { table, scored, read } = input::read(file, &predictor.card, control)?;
    let target = predictor.card.target.as_str();
    input::require(&table, std::iter::once(target), file)?;
    let column = table.position(target).unwrap_or_default();
    let truth = Known::of(predictor, &table, column, &file.display().to_string())?;
    let rows = truth.kept.len();
    if rows == 0 {
        return Err(Failure::new(
            FailureClass::Data,
            format!(
                "No row of the file has a value in '{target}', so there is nothing to measure. ({})",
                file.display()
            ),
        )
        .into());
    }
    let mut is_kept = vec![false; table.rows()];
    for row in &truth.kept {
        is_kept[*row] = true;
    }
    let left_out: Vec<u32> = (0..table.rows() as u32).filter(|row| !is_kept[*row as usize]).collect();
    let without = crate::target::left_out(&table, column, &left_out);
    for message in read.warnings.iter().cloned().chain(bad_rows(&read)).chain(without) {
        control.emit(JobEvent::Warning { message });
    }
    let predictions = predict_kept(predictor, &scored, &truth.kept, control)?;
    say(control, "Measuring", None, rows, rows, None);
    let card = &predictor.card;
    let settings = BootstrapSettings { seed: card.seed, ..BootstrapSettings::default() };
    let threshold = card.threshold.unwrap_or(DEFAULT_THRESHOLD);
    let known = match card.task {
        Task::Regression => Truth::Values(&truth.values),
        Task::Binary | Task::Multiclass => Truth::Classes { codes: &truth.codes, classes: &card.classes },
    };
    Ok((evaluate_at(card.task, &known, &predictions, threshold, Some(&settings)), rows as u64))
}

/// A table of one column, the target as texts; empty: not known. `[rows]`
///
/// # Errors
/// A data failure when a number is wanted and a text is none.
pub fn target_table(target: &str, texts: &[String], number: bool) -> Result<Table, Failure> {
    let present = |text: &String| (!text.trim().is_empty()).then(|| text.trim().to_owned());
    let (kind, array): (ColumnType, ArrayRef) = if number {
        let value = |(row, text): (usize, &String)| match present(text) {
            None => Ok(None),
            Some(text) => text.parse::<f64>().map(Some).map_err(|_other| {
                Failure::new(
                    FailureClass::Data,
                    format!("Row {row}: '{text}' is no number, but '{target}' is one."),
                )
            }),
        };
        let values = texts.iter().enumerate().map(value).collect::<Result<Vec<Option<f64>>, Failure>>()?;
        (ColumnType::Float, Arc::new(Float64Array::from(values)))
    } else {
        let values: Vec<Option<String>> = texts.iter().map(present).collect();
        let values: DictionaryArray<Int32Type> = values.iter().map(Option::as_deref).collect();
        (ColumnType::Category, Arc::new(values))
    };
    let schema = ColumnSchema { name: target.to_owned(), kind, overridden: false };
    Ok(Table::new(vec![schema], vec![array]))
}

/// The rows whose target is known.
pub(crate) struct Known {
    /// Their positions in the table.
    pub kept: Vec<usize>,
    /// Their classes; empty for regression.
    pub codes: Vec<u32>,
    /// Their values; empty for classes.
    pub values: Vec<f64>,
}

impl Known {
    /// Those of a table's column, which is named by where it came from.
    ///
    /// # Errors
    /// A data failure that names a class the model does not know, or a column that holds no numbers.
    pub fn of(predictor: &Predictor, table: &Table, column: usize, place: &str) -> Result<Self, Failure> {
        if predictor.card.task == Task::Regression {
            let numbers =
                crate::prepare::column::numbers(table, column, orrery_domain::dataset::ColumnType::Float)?;
            let kept: Vec<usize> = (0..numbers.len()).filter(|row| numbers[*row].is_finite()).collect();
            let values = kept.iter().map(|row| numbers[*row]).collect();
            return Ok(Self { kept, codes: Vec::new(), values });
        }
        let labels = table.labels(column);
        let classes = &predictor.card.classes;
        let by_name: HashMap<&str, u32> =
            classes.iter().enumerate().map(|(index, class)| (class.as_str(), index as u32)).collect();
        let codes: Vec<Option<u32>> = labels
            .classes
            .iter()
            .map(|class| by_name.get(class.as_str()).or_else(|| by_name.get(plain(class).as_str())).copied())
            .collect();
        let mut known = Self { kept: Vec::new(), codes: Vec::new(), values: Vec::new() };
        for (row, label) in labels.codes.iter().enumerate() {
            let Some(label) = label else { continue };
            let code = codes[*label as usize].ok_or_else(|| {
                unknown_class(&predictor.card.target, &labels.classes[*label as usize], classes, place)
            })?;
            known.kept.push(row);
            known.codes.push(code);
        }
        Ok(known)
    }
}

/// A class name as another type of column would write it: `1.0` as `1`, `True` as `true`.
fn plain(class: &str) -> String {
    class.trim().parse::<f64>().map_or_else(|_| class.trim().to_lowercase(), number_text)
}

fn unknown_class(target: &str, class: &str, classes: &[String], place: &str) -> Failure {
    let listed: Vec<&str> = classes.iter().take(10).map(String::as_str).collect();
    Failure::new(
        FailureClass::Data,
        format!(
            "'{target}' holds '{class}', which is no class of this model (it knows {}{}). Leave these rows out of the file, or \
             train a model that knows them. ({})",
            listed.join(", "),
            if classes.len() > 10 { ", …" } else { "" },
            place
        ),
    )
}

/// Predictions of the kept rows, in order.
pub(crate) fn predict_kept(
    predictor: &Predictor,
    table: &Table,
    kept: &[usize],
    control: &dyn JobControl,
) -> Result<Predictions, Interrupt> {
    let begin = std::time::Instant::now();
    let mut all = Vec::new();
    let mut classes = None;
    for part in kept.chunks(BATCH) {
        check(control)?;
        let indices = arrow::array::UInt32Array::from_iter_values(part.iter().map(|row| *row as u32));
        let batch = arrow::compute::take_record_batch(&table.batch, &indices).map_err(|error| {
            Failure::new(FailureClass::Capacity, format!("The rows could not be put together: {error}."))
        })?;
        match predictor.predict_table(&Table { schema: table.schema.clone(), batch })?.0 {
            Predictions::Values(values) => all.extend(values),
            Predictions::Probabilities { classes: count, values } => {
                classes = Some(count);
                all.extend(values);
            }
        }
        let done = all.len() / classes.unwrap_or(1);
        let share = Some(done as f64 / kept.len() as f64);
        say(control, "Predicting", share, done, kept.len(), Some(begin.elapsed().as_secs_f64()));
    }
    Ok(match classes {
        Some(classes) => Predictions::Probabilities { classes, values: all },
        None => Predictions::Values(all),
    })
}
