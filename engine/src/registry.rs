//! The registry: model versions as folders with a record each; registered once, moved to the bin and back, exported.

use std::path::{Path, PathBuf};

use orrery_domain::{
    Failure, FailureClass, ModelRef, RunId,
    curves::Curves,
    dataset::Dataset,
    job::TrainSummary,
    metric::{MetricId, MetricValue},
    model::ModelCard,
    snapshot::ModelEntry,
};

use orrery_learn::{
    faults::{self, Fault},
    model,
};

use crate::{files, store::Store, workspace, workspace::Workspace};

/// Registers the finished model in `staged` as the next version of `name`. Safe to repeat after a crash at any point: the run
/// keeps the version it was given, and a folder that is already in its place is recorded as it is.
///
/// # Errors
/// When the disk or the store refuses, or the name is not legal.
pub fn register(
    workspace: &Workspace,
    store: &mut Store,
    staged: &Path,
    name: &str,
    card: &ModelCard,
    run: &RunId,
    dataset_name: &str,
) -> Result<ModelRef, Failure> {
    ModelRef::check_name(name).map_err(|error| Failure::new(FailureClass::Client, error.to_string()))?;
    let model = store.reserve_model(name, run)?;
    register_as(workspace, store, staged, &model, card, run, dataset_name)?;
    Ok(model)
}

/// Puts the finished model in `staged` in the place of a version that its run was given.
fn register_as(
    workspace: &Workspace,
    store: &mut Store,
    staged: &Path,
    model: &ModelRef,
    card: &ModelCard,
    run: &RunId,
    dataset_name: &str,
) -> Result<(), Failure> {
    faults::kill("register");
    if faults::happens(Fault::DiskFull, "register") {
        let full = std::io::ErrorKind::StorageFull.into();
        return Err(files::failure("The model could not be registered", &full, staged));
    }
    let folder = workspace.model(model);
    let mut card = card.clone();
    card.model = Some(model.clone());
    if !holds_model_of(&folder, run) {
        write_card(staged, &card)?;
        if folder.exists() {
            // Left by a crash in the middle of something: out of the way, not deleted.
            files::move_entry(&folder, &workspace.bin().join(format!("stray-{}", crate::runs::fresh_id())))?;
        }
        faults::kill("register");
        files::move_entry(staged, &folder)?;
    }
    faults::kill("register");
    store.put_model(&entry_of(&card, model, &folder, dataset_name))?;
    faults::kill("register");
    Ok(())
}

/// The summary of the model a run has in its place already, with its record mended; `None` where training is not over.
///
/// # Errors
/// When the disk or the store refuses.
pub fn registered(
    workspace: &Workspace,
    store: &mut Store,
    run: &RunId,
    dataset_name: &str,
) -> Result<Option<TrainSummary>, Failure> {
    let Some((model, recorded)) = store.model_of_run(run)? else { return Ok(None) };
    let folder = workspace.model(&model);
    if !holds_model_of(&folder, run) {
        return Ok(None);
    }
    let card = read_card(&folder)?;
    if !recorded {
        store.put_model(&entry_of(&card, &model, &folder, dataset_name))?;
    }
    Ok(Some(TrainSummary {
        model: Some(model),
        kind: card.kind,
        test: card.test,
        baselines: card.baselines,
        verdict: card.verdict,
        samples_per_sec: card.samples_per_sec,
        device: card.device,
        train_secs: card.train_secs,
    }))
}

fn holds_model_of(folder: &Path, run: &RunId) -> bool {
    read_card(folder).is_ok_and(|card| card.lineage.run == *run)
}

/// The record of a registered version.
fn entry_of(card: &ModelCard, model: &ModelRef, folder: &Path, dataset_name: &str) -> ModelEntry {
    let metric = MetricId::primary(card.task);
    let nothing = MetricValue { value: None, low: None, high: None };
    ModelEntry {
        model: model.clone(),
        kind: card.kind,
        task: card.task,
        target: card.target.clone(),
        dataset_name: dataset_name.to_owned(),
        primary: (metric, card.test.get(&metric).cloned().unwrap_or(nothing)),
        bytes: files::bytes_of(folder),
        created_at: card.created_at,
        compressed_from: card.compressions.last().map(|made| made.report.from.clone()),
        quantized: card.is_quantized(),
        deleted: false,
        card: None,
        curves: None,
    }
}

/// Reads a version's card.
///
/// # Errors
/// When it is missing, damaged or of a newer format.
pub fn read_card(folder: &Path) -> Result<ModelCard, Failure> {
    model::read_card(folder)
}

/// The dataset that a model was trained on.
///
/// # Errors
/// A client failure when this workspace does not have it any more.
pub fn dataset_of(store: &Store, model: &ModelRef, card: &ModelCard) -> Result<Dataset, Failure> {
    if let Some((dataset, _deleted)) = store.dataset(&card.lineage.dataset)? {
        return Ok(dataset);
    }
    let message = format!(
        "The dataset of {model} is not in this workspace, so that a model made from it could not be judged. Import {} again, or do it \
         where it was trained.",
        card.lineage.source.path
    );
    Err(Failure::new(FailureClass::Client, message))
}

/// Reads a version's curves, where it has any.
///
/// # Errors
/// When they are damaged.
pub fn read_curves(folder: &Path) -> Result<Option<Curves>, Failure> {
    if folder.join(model::CURVES).exists() { model::read_curves(folder).map(Some) } else { Ok(None) }
}

fn write_card(folder: &Path, card: &ModelCard) -> Result<(), Failure> {
    let bytes = serde_json::to_vec_pretty(card)
        .map_err(|error| Failure::new(FailureClass::Bug, format!("The model's card is no JSON: {error}.")))?;
    files::write_atomic(&folder.join(model::CARD), &bytes)
}

/// Moves a version to the bin.
///
/// # Errors
/// When there is none of that name, or the disk or the store refuses.
pub fn delete(workspace: &Workspace, store: &mut Store, model: &ModelRef) -> Result<(), Failure> {
    mark(store, model, true)?;
    files::move_entry(&workspace.model(model), &workspace.binned_model(model))
}

/// Brings a version back from the bin.
///
/// # Errors
/// When there is none of that name, or the disk or the store refuses.
pub fn restore(workspace: &Workspace, store: &mut Store, model: &ModelRef) -> Result<(), Failure> {
    files::move_entry(&workspace.binned_model(model), &workspace.model(model))?;
    mark(store, model, false)
}

fn mark(store: &mut Store, model: &ModelRef, deleted: bool) -> Result<(), Failure> {
    if store.mark_model(model, deleted)? { Ok(()) } else { Err(workspace::no_model(&model.to_string())) }
}

/// Copies a version into a folder: into `to` itself where it is new or empty, else into `to/NAME-VERSION`. Returns where.
///
/// # Errors
/// When the disk refuses or the place is taken.
pub fn export(workspace: &Workspace, model: &ModelRef, to: &Path) -> Result<PathBuf, Failure> {
    let from = workspace.model(model);
    if !from.exists() {
        return Err(workspace::no_model(&model.to_string()));
    }
    let taken = to.exists() && !files::is_empty(to);
    let to = if taken { to.join(format!("{}-{}", model.name, model.version)) } else { to.to_path_buf() };
    files::copy_folder(&from, &to)?;
    Ok(to)
}

/// Registers a model folder that came from elsewhere, after checking every file against its hash. A model whose run is known
/// here already keeps the version it has.
///
/// # Errors
/// When the folder is no sound model, its name is not legal, or the disk or the store refuses.
pub fn import(
    workspace: &Workspace,
    store: &mut Store,
    from: &Path,
    name: Option<&str>,
) -> Result<ModelRef, Failure> {
    model::verify(from)?;
    let card = read_card(from)?;
    let run = card.lineage.run.clone();
    if let Some((known, true)) = store.model_of_run(&run)? {
        let message = format!(
            "This model is here already, as {known}. `orrery models list` and `restore` show and bring it back."
        );
        return Err(Failure::new(FailureClass::Client, message));
    }
    let name = name.map(str::to_owned).or_else(|| card.model.as_ref().map(|model| model.name.clone()));
    let name = name.unwrap_or_else(|| orrery_policy::names::model_name("imported", card.kind));
    let staged = workspace.jobs().join(crate::runs::fresh_id());
    files::create_private(&staged)?;
    // Only what the card vouches for comes along.
    for file in card.files.iter().map(|file| file.name.as_str()) {
        std::fs::copy(from.join(file), staged.join(file)).map_err(|error| {
            files::failure("A model's file could not be copied", &error, &from.join(file))
        })?;
    }
    let source = Path::new(&card.lineage.source.path).file_stem();
    let dataset_name =
        source.map_or_else(|| "elsewhere".to_owned(), |stem| stem.to_string_lossy().into_owned());
    register(workspace, store, &staged, &name, &card, &run, &dataset_name)
}

/// Registers a model folder that another program sent, as that very version, after checking every file against its hash. Sending
/// it again changes nothing.
///
/// # Errors
/// When the folder is no sound model, another model has that version, or the disk or the store refuses.
pub fn receive(
    workspace: &Workspace,
    store: &mut Store,
    staged: &Path,
    model: &ModelRef,
) -> Result<ModelRef, Failure> {
    model::verify(staged)?;
    let card = read_card(staged)?;
    let run = card.lineage.run.clone();
    let given = store.reserve_version(model, &run)?.ok_or_else(|| {
        Failure::new(FailureClass::Client, format!("Another model is {model} here. Nothing was changed."))
    })?;
    if given != *model {
        let message = format!("This model is here already, as {given}. Nothing was changed.");
        return Err(Failure::new(FailureClass::Client, message));
    }
    register_as(workspace, store, staged, model, &card, &run, "elsewhere")?;
    Ok(given)
}

/// Sets the probability at which a binary model calls the positive class.
///
/// # Errors
/// When there is no such model, it has no threshold, or the value is no probability.
pub fn set_threshold(
    workspace: &Workspace,
    store: &mut Store,
    reference: &ModelRef,
    threshold: f64,
) -> Result<(), Failure> {
    if store.model(reference)?.is_none_or(|entry| entry.deleted) {
        return Err(workspace::no_model(&reference.to_string()));
    }
    model::set_threshold(&workspace.model(reference), threshold)?;
    // The record is stamped anew, so that other windows load the card again.
    mark(store, reference, false)
}

/// Finds a version by `NAME` (its newest) or `NAME:VERSION`, deleted ones left out.
///
/// # Errors
/// A client failure when there is none, with the nearest name.
pub fn find(store: &mut Store, text: &str) -> Result<ModelEntry, Failure> {
    let models = store.models()?;
    let found = match text.parse::<ModelRef>() {
        Ok(model) => models.iter().find(|entry| entry.model == model),
        Err(_) => models
            .iter()
            .filter(|entry| entry.model.name == text && !entry.deleted)
            .max_by_key(|entry| entry.model.version),
    };
    if let Some(entry) = found.filter(|entry| !entry.deleted) {
        return Ok(entry.clone());
    }
    let mut failure = workspace::no_model(text);
    if found.is_some() {
        failure.message = format!("{text} was deleted. `orrery models restore {text}` brings it back.");
    } else {
        let name = text.split(':').next().unwrap_or(text);
        let names = models.iter().filter(|entry| !entry.deleted).map(|entry| entry.model.name.as_str());
        if let Some(near) = orrery_policy::names::nearest(name, names) {
            failure.message = format!("There is no model '{text}'. Did you mean '{near}'?");
        }
    }
    Err(failure)
}
