//! Imports: a file into the workspace, once; the same bytes with the same options come back as the same record.

use std::{
    path::Path,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use orrery_domain::{
    DatasetId, Failure, FailureClass,
    dataset::{Dataset, ImportBudget, ImportOptions},
    profile::Profile,
};
use serde::{Deserialize, Serialize};

use super::{profile, read};
use crate::{
    control::{Interrupt, JobControl, check},
    faults,
};

/// Grows when a file would be read or profiled differently, so that older records are not taken for new ones.
const VERSION: u32 = 2;

/// What an import made, kept beside the blob as `<id>.json`.
#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    dataset: Dataset,
    profile: Profile,
}

/// Reads `file` into `blobs` (as `<hash>.arrow`) and profiles it. A file that was imported before with the same options is not
/// read again: its record, kept as `<id>.json`, is the answer.
///
/// # Errors
/// A data failure that says what is wrong with the file and what to do, a client failure when a type names no column, a
/// capacity failure when a budget is spent or the disk is full, or an interruption.
pub fn import(
    file: &Path,
    options: &ImportOptions,
    budget: &ImportBudget,
    blobs: &Path,
    control: &dyn JobControl,
) -> Result<(Dataset, Profile), Interrupt> {
    let began = Instant::now();
    let opened = read::Opened::new(file, budget, control)?;
    let id = dataset_id(opened.hasher(), options)?;
    let kept = blobs.join(format!("{id}.json"));
    if let Some(record) = known(&kept, blobs) {
        return Ok((record.dataset, record.profile));
    }
    let (table, report) = opened.read(file, options, budget, control)?;
    log::debug!("read took {:.4} s", began.elapsed().as_secs_f64());
    if let Some(name) = report.unknown_types.first() {
        return Err(super::unknown_column(&table, name).into());
    }
    let mut dataset = Dataset {
        id,
        name: name_of(file),
        rows: table.rows() as u64,
        columns: table.schema.clone(),
        source: report.source,
        options: options.clone(),
        blob: String::new(),
        blob_bytes: 0,
        bad_rows: report.bad_rows,
        bad_row_list: report.bad_row_list,
        warnings: report.warnings,
        imported_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
    };
    let began = Instant::now();
    let profile = profile::profile(&dataset, &table, None, control)?;
    log::debug!("profile took {:.4} s", began.elapsed().as_secs_f64());
    check(control)?;
    // From here on nothing interrupts: a cancelled import leaves no table behind.
    std::fs::create_dir_all(blobs).map_err(|error| unwritten(&error, blobs))?;
    let _writing = super::unfinished::writing(blobs);
    faults::kill("import");
    (dataset.blob, dataset.blob_bytes) = table.write_blob(blobs)?;
    faults::kill("import");
    let record = Record { version: VERSION, dataset, profile };
    keep(&record, &kept)?;
    faults::kill("import");
    Ok((record.dataset, record.profile))
}

/// BLAKE3 of the file's bytes and the options: null tokens sorted, everything else sorted already.
fn dataset_id(hasher: &blake3::Hasher, options: &ImportOptions) -> Result<DatasetId, Failure> {
    let mut options = options.clone();
    options.null_tokens.sort_unstable();
    options.null_tokens.dedup();
    let canonical = serde_json::to_vec(&options).map_err(|error| {
        Failure::new(FailureClass::Bug, format!("The import options cannot be written as JSON: {error}."))
    })?;
    let mut hasher = hasher.clone();
    hasher.update(&canonical);
    Ok(DatasetId(hasher.finalize().to_hex().to_string()))
}

/// The record of an earlier import, if it and its blob are whole.
fn known(kept: &Path, blobs: &Path) -> Option<Record> {
    let bytes = std::fs::read(kept).ok()?;
    let record: Record = serde_json::from_slice(&bytes).ok()?;
    let blob = std::fs::metadata(blobs.join(format!("{}.arrow", record.dataset.blob))).ok()?;
    (record.version == VERSION && blob.len() == record.dataset.blob_bytes).then_some(record)
}

fn keep(record: &Record, path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(std::io::BufWriter::new(&mut file), record)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| unwritten(&error, path))
}

fn unwritten(error: &std::io::Error, path: &Path) -> Failure {
    Failure::new(
        FailureClass::Capacity,
        format!(
            "The imported dataset could not be written: {error}. Free some disk space and try again. ({})",
            path.display()
        ),
    )
}

/// The file's name without its endings.
fn name_of(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut name = name.as_str();
    for ending in [
        ".gz", ".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".feather", ".ipc",
    ] {
        let at = name.len().saturating_sub(ending.len());
        if at > 0 && name.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(ending)) {
            name = &name[..at];
        }
    }
    name.to_owned()
}
