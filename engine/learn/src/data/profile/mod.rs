//! Profiles: what is in each column, and what a person should worry about.

mod counts;
mod leak;
mod pictures;
mod rows;
mod summary;
mod suspects;

use std::collections::HashSet;

use orrery_domain::{
    dataset::Dataset,
    profile::{ColumnProfile, Profile},
};
use rayon::prelude::*;

use super::{progress::Meter, task::detect_task, unknown_column};
use crate::{
    control::{Interrupt, JobControl},
    table::Table,
};

/// Rows of the preview.
const PREVIEW_ROWS: usize = 100;

/// Characters of a value that are kept for the preview and the list of frequent values.
const LONGEST_SHOWN: usize = 1000;

/// Most frequent values that are listed.
const TOP_VALUES: usize = 20;

/// Profiles a table; with `target`, also what depends on one. Distinct values and duplicate rows are counted exactly.
///
/// # Errors
/// A client failure when `target` is no column, or an interruption.
pub fn profile(
    dataset: &Dataset,
    table: &Table,
    target: Option<&str>,
    control: &dyn JobControl,
) -> Result<Profile, Interrupt> {
    let target = match target {
        Some(name) => Some(table.position(name).ok_or_else(|| unknown_column(table, name))?),
        None => None,
    };
    let meter = Meter::new(control, "Profiling the columns", table.schema.len() as u64 + 1);
    meter.advance(0, 0)?;
    let columns = (0..table.schema.len())
        .into_par_iter()
        .map(|column| {
            let profile = describe(table, column);
            meter.advance(1, 0)?;
            Ok(profile)
        })
        .collect::<Result<Vec<ColumnProfile>, Interrupt>>()?;
    // Afterwards, not beside: both hold a number for each row.
    let prints = rows::Prints::of(table);
    meter.advance(1, table.rows() as u64)?;
    let mut warnings = suspects::of_columns(table, &columns, &prints.duplicate_columns);
    // A target that cannot be predicted still has a profile; training says what is wrong with it.
    let task = target.and_then(|target| detect_task(table, &table.schema[target].name).ok());
    if let Some(target) = target {
        warnings.extend(suspects::of_target(table, &columns[target], target, task));
        if let Some(task) = task {
            warnings.extend(leak::warnings(table, target, task, control)?);
        }
    }
    if let Some(pixels) = dataset.pixels() {
        // An edge that is always black, or a copy of the pixel beside it, is nothing to worry about in a picture.
        let pixels: HashSet<&str> = pixels.columns.iter().map(String::as_str).collect();
        warnings.retain(|warning| warning.column.as_deref().is_none_or(|column| !pixels.contains(column)));
    }
    let preview = (0..table.rows().min(PREVIEW_ROWS))
        .map(|row| (0..table.schema.len()).map(|column| table.text(column, row).map(shortened)).collect())
        .collect();
    Ok(Profile {
        dataset: dataset.id.clone(),
        rows: table.rows() as u64,
        duplicate_rows: prints.duplicate_rows,
        columns,
        warnings,
        preview,
        target: target.map(|target| table.schema[target].name.clone()),
        task,
        pictures: pictures::sample(dataset, table, target),
    })
}

/// A text for people to look at: its beginning, where it is very long.
fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_SHOWN) {
        text.truncate(end);
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

fn describe(table: &Table, column: usize) -> ColumnProfile {
    let schema = &table.schema[column];
    let counted = counts::count(table, column);
    ColumnProfile {
        name: schema.name.clone(),
        kind: schema.kind,
        missing: table.rows() as u64 - counted.present,
        distinct: counted.distinct,
        numeric: summary::numeric(&counted.finite),
        histogram: summary::histogram(&counted.finite, counted.whole),
        top_values: counted.top_values,
        text_length: counted.text_length,
    }
}
