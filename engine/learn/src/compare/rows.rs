//! Rows: which ones versions are compared on, as each of them takes them.

use std::{path::Path, sync::Arc};

use arrow::array::UInt32Array;
use orrery_domain::{
    Failure, FailureClass, ModelRef,
    compare::{CompareData, ComparedRows, RowsOrigin},
    dataset::Dataset,
    model::ModelCard,
    words::plural,
};

use super::{CompareJob, client};
use crate::{
    control::{Interrupt, JobControl, check},
    predict::{Known, Predictor, bad_rows, read_shared, require, say, taken_by},
    table::Table,
    train,
};

/// The rows and their truth.
pub(super) struct Material {
    /// All columns. `[rows]`
    pub table: Table,
    /// The same rows as each version takes them. `[models][rows]`
    pub scored: Vec<Table>,
    /// Class of each row; empty for numbers.
    pub codes: Vec<u32>,
    /// Value of each row; empty for classes.
    pub values: Vec<f64>,
    /// What they are.
    pub rows: ComparedRows,
    /// What a person should know about them.
    pub warnings: Vec<String>,
}

/// What was read, before rows are chosen.
struct Source {
    table: Table,
    scored: Vec<Table>,
    name: String,
    /// Rows no version was trained or chosen with, where that is known.
    allowed: Option<Vec<bool>>,
    warnings: Vec<String>,
}

/// Reads the rows and chooses those that judge fairly.
///
/// # Errors
/// A data failure when a column or the target is missing, a class is unknown or no row is left; or an interruption.
pub(super) fn material(
    job: &CompareJob<'_>,
    predictors: &[&Predictor],
    control: &dyn JobControl,
) -> Result<Material, Interrupt> {
    say(control, "Reading the rows", None, 0, 0, None);
    let cards: Vec<&ModelCard> = predictors.iter().map(|predictor| predictor.card()).collect();
    let source = match job.data {
        CompareData::File { file } => from_file(file, job.models, &cards, control)?,
        CompareData::Dataset { dataset } => from_dataset(dataset, job, &cards)?,
    };
    check(control)?;
    let target = cards[0].target.as_str();
    require(&source.table, std::iter::once(target), Path::new(&source.name))?;
    let column = source.table.position(target).unwrap_or_default();
    let known = Known::of(predictors[0], &source.table, column, &source.name)?;
    chosen(source, &known, target)
}

/// Rows that came with a request: each version's columns of them, and their target.
///
/// # Errors
/// A data failure when a target is no class of the versions or no row has one.
pub(super) fn sent(
    predictors: &[&Predictor],
    scored: Vec<Table>,
    target: &Table,
) -> Result<Material, Interrupt> {
    let name = "the request".to_owned();
    let (mut schema, mut columns) = (target.schema.clone(), target.batch.columns().to_vec());
    for table in &scored {
        for (column, values) in table.schema.iter().zip(table.batch.columns()) {
            if !schema.iter().any(|known| known.name == column.name) {
                schema.push(column.clone());
                columns.push(Arc::clone(values));
            }
        }
    }
    let table = Table::new(schema, columns).with_gaps();
    let known = Known::of(predictors[0], target, 0, &name)?;
    let warnings = vec!["Whether a version was trained with these rows is not known.".to_owned()];
    let source = Source { table, scored, name, allowed: None, warnings };
    chosen(source, &known, &predictors[0].card().target)
}

fn from_file(
    file: &Path,
    models: &[(ModelRef, std::path::PathBuf)],
    cards: &[&ModelCard],
    control: &dyn JobControl,
) -> Result<Source, Interrupt> {
    let shared = read_shared(file, cards, control)?;
    let mut warnings = shared.read.warnings.clone();
    warnings.extend(bad_rows(&shared.read));
    let seen =
        models.iter().zip(cards).filter(|(_, card)| card.lineage.source.hash == shared.read.source.hash);
    for ((model, _), card) in seen {
        warnings.push(format!(
            "{model} was trained on rows of this very file, so its figures are better than it is. Compare on the dataset {} \
             instead: then only its test rows are used.",
            card.lineage.dataset.short()
        ));
    }
    let name = file.display().to_string();
    Ok(Source { table: shared.table, scored: shared.scored, name, allowed: None, warnings })
}

/// An imported table, with the rows marked that are test rows of every version trained on it.
fn from_dataset(dataset: &Dataset, job: &CompareJob<'_>, cards: &[&ModelCard]) -> Result<Source, Failure> {
    let table = Table::read_arrow(&job.blobs.join(format!("{}.arrow", dataset.blob)), &dataset.columns)?;
    let mut warnings = Vec::new();
    let place = Path::new(&dataset.name);
    let scored = cards.iter().map(|card| taken_by(card, &table, place, &mut warnings));
    let scored = scored.collect::<Result<Vec<Table>, Failure>>()?;
    let mut allowed: Option<Vec<bool>> = None;
    for ((model, _), card) in job.models.iter().zip(cards) {
        if card.lineage.dataset != dataset.id {
            if card.lineage.source.hash == dataset.source.hash {
                warnings.push(format!(
                    "{model} was trained on rows of the same file, read in another way: its figures are better than it is."
                ));
            }
            continue;
        }
        let found = train::rows_again(card, &table)?.test;
        let mut is_test = vec![false; table.rows()];
        for row in found {
            is_test[row as usize] = true;
        }
        allowed = Some(match allowed {
            None => is_test,
            Some(before) => before.iter().zip(&is_test).map(|(before, now)| *before && *now).collect(),
        });
    }
    if allowed.is_none() {
        warnings.push(
            "No version was trained on this dataset: all of its rows are used. Whether a version saw them elsewhere is not \
             known."
                .to_owned(),
        );
    }
    Ok(Source { table, scored, name: dataset.name.clone(), allowed, warnings })
}

/// The rows that are allowed and whose target is known.
fn chosen(source: Source, known: &Known, target: &str) -> Result<Material, Interrupt> {
    let Source { table, scored, name, allowed, warnings } = source;
    let all = table.rows();
    let fair = |row: usize| allowed.as_ref().is_none_or(|allowed| allowed[row]);
    let trained_on = (0..all).filter(|row| !fair(*row)).count();
    let mut kept: Vec<u32> = Vec::new();
    let (mut codes, mut values) = (Vec::new(), Vec::new());
    for (place, row) in known.kept.iter().enumerate().filter(|(_, row)| fair(**row)) {
        kept.push(*row as u32);
        codes.extend(known.codes.get(place));
        values.extend(known.values.get(place));
    }
    if kept.is_empty() {
        let message = if trained_on == all && all > 0 {
            "The versions have no test row in common: every row was used to train one of them. Compare on a file of other \
             rows, or train them with the same split and seed."
                .to_owned()
        } else {
            format!(
                "No row to compare on has a value in the target '{target}', so nothing can be measured. ({name})"
            )
        };
        return Err(Failure::new(FailureClass::Data, message).into());
    }
    let without_target = all - trained_on - kept.len();
    let rows = ComparedRows {
        source: name,
        origin: if allowed.is_some() { RowsOrigin::TestRows } else { RowsOrigin::All },
        used: kept.len() as u64,
        trained_on: trained_on as u64,
        without_target: without_target as u64,
    };
    let mut warnings = warnings;
    if without_target > 0 {
        warnings.push(format!(
            "Left out {} without a value in '{target}'.",
            plural(without_target as u64, "row")
        ));
    }
    let kept = UInt32Array::from(kept);
    let taken = |table: &Table| -> Result<Table, Failure> {
        let batch = arrow::compute::take_record_batch(&table.batch, &kept).map_err(|error| {
            Failure::new(FailureClass::Capacity, format!("The rows could not be put together: {error}."))
        })?;
        Ok(Table { schema: table.schema.clone(), batch })
    };
    let scored = scored.iter().map(taken).collect::<Result<Vec<Table>, Failure>>()?;
    Ok(Material { table: taken(&table)?, scored, codes, values, rows, warnings })
}

/// That a column exists which slices are asked of.
///
/// # Errors
/// A client failure that names those there are.
pub(super) fn check_columns(asked: &[String], table: &Table, target: &str) -> Result<(), Failure> {
    match asked.iter().find(|name| table.position(name).is_none() || *name == target) {
        None => Ok(()),
        Some(name) => {
            let names: Vec<&str> = table
                .schema
                .iter()
                .map(|column| column.name.as_str())
                .filter(|name| *name != target)
                .collect();
            Err(client(format!(
                "There is no column '{name}' to slice by. The columns are: {}.",
                names.join(", ")
            )))
        }
    }
}
