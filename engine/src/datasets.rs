//! Datasets: found by file, id or name; deleted and brought back.

use std::path::{Path, PathBuf};

use orrery_domain::{
    DatasetId, Failure, FailureClass,
    dataset::{Dataset, ImportOptions},
};
use orrery_policy::names;

use crate::{files, store::Store, workspace, workspace::Workspace};

/// The sample that comes with the program.
const SAMPLE: &[u8] = include_bytes!("../../assets/samples/flights.csv");

/// Puts the sample that comes with the program into the workspace, where it is not there yet; its place.
///
/// # Errors
/// When the disk refuses.
pub fn put_sample(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let folder = workspace.home().join("samples");
    let file = folder.join("flights.csv");
    files::create_private(&folder)?;
    let there = std::fs::metadata(&file).is_ok_and(|data| data.len() == SAMPLE.len() as u64);
    if !there {
        files::write_atomic(&file, SAMPLE)?;
    }
    Ok(file)
}

/// BLAKE3 of a file's bytes, lower-case hex.
///
/// # Errors
/// When the file cannot be read.
pub fn hash_file(file: &Path) -> Result<String, Failure> {
    let failed = |error| files::failure("The file cannot be read", &error, file);
    let mut hasher = blake3::Hasher::new();
    let opened = std::fs::File::open(file).map_err(failed)?;
    hasher.update_reader(opened).map_err(failed)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// The dataset that a file with these options was imported as before, if its table is still there.
///
/// # Errors
/// When the file or the store cannot be read.
pub fn imported_before(
    workspace: &Workspace,
    store: &Store,
    file: &Path,
    options: &ImportOptions,
) -> Result<Option<Dataset>, Failure> {
    let dataset = store.dataset_of_file(&hash_file(file)?, options)?;
    Ok(dataset.filter(|dataset| workspace.blob(dataset).exists()))
}

/// Finds a dataset by its id, a unique beginning of it (four characters or more) or its name (the newest of that name).
///
/// # Errors
/// A client failure when there is none, with the nearest name.
pub fn find(store: &mut Store, text: &str) -> Result<Dataset, Failure> {
    let all: Vec<Dataset> =
        store.datasets()?.into_iter().filter(|(_, deleted)| !deleted).map(|(dataset, _)| dataset).collect();
    let by_id: Vec<&Dataset> =
        all.iter().filter(|dataset| text.len() >= 4 && dataset.id.0.starts_with(text)).collect();
    match by_id.as_slice() {
        [one] => return Ok((*one).clone()),
        [] => {}
        _ => {
            let message = format!("More than one dataset begins with '{text}': write more of its id.");
            return Err(Failure::new(FailureClass::Client, message));
        }
    }
    if let Some(dataset) = all.iter().find(|dataset| dataset.name == text) {
        return Ok(dataset.clone());
    }
    let mut message =
        format!("'{text}' is neither a file nor a dataset. `orrery data list` shows what there is.");
    if let Some(near) = names::nearest(text, all.iter().map(|dataset| dataset.name.as_str())) {
        message = format!("'{text}' is neither a file nor a dataset. Did you mean '{near}'?");
    }
    Err(Failure::new(FailureClass::Client, message))
}

/// Deletes a dataset: its table goes to the bin, unless another dataset has the same one.
///
/// # Errors
/// When there is none, or the disk or the store refuses.
pub fn delete(workspace: &Workspace, store: &mut Store, id: &DatasetId) -> Result<(), Failure> {
    let (dataset, _) = store.dataset(id)?.ok_or_else(|| workspace::no_dataset(id))?;
    store.mark_dataset(id, true)?;
    let shared = store.datasets()?.iter().any(|(other, deleted)| !deleted && other.blob == dataset.blob);
    if shared || workspace.binned_blob(&dataset).exists() {
        return Ok(());
    }
    files::move_entry(&workspace.blob(&dataset), &workspace.binned_blob(&dataset))
}

/// Brings a deleted dataset back.
///
/// # Errors
/// When there is none, its table is gone, or the disk or the store refuses.
pub fn restore(workspace: &Workspace, store: &mut Store, id: &DatasetId) -> Result<(), Failure> {
    let (dataset, _) = store.dataset(id)?.ok_or_else(|| workspace::no_dataset(id))?;
    if !workspace.blob(&dataset).exists() {
        files::move_entry(&workspace.binned_blob(&dataset), &workspace.blob(&dataset))?;
    }
    if !workspace.blob(&dataset).exists() {
        let message = format!(
            "The table of '{}' is gone. Import the file again: {}",
            dataset.name, dataset.source.path
        );
        return Err(Failure::new(FailureClass::Data, message));
    }
    store.mark_dataset(id, false).map(drop)
}

/// The failure for a column that a dataset does not have, with the nearest name.
pub fn no_column(dataset: &Dataset, column: &str) -> Failure {
    let names = dataset.columns.iter().map(|column| column.name.as_str());
    let hint = if let Some(near) = names::nearest(column, names.clone()) {
        format!("Did you mean '{near}'?")
    } else {
        let some: Vec<&str> = names.take(12).collect();
        let more = if dataset.columns.len() > some.len() { ", …" } else { "" };
        format!("Its columns are: {}{more}.", some.join(", "))
    };
    Failure::new(
        FailureClass::Client,
        format!("The dataset '{}' has no column '{column}'. {hint}", dataset.name),
    )
}
