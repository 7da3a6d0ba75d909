//! Serving: what a tuning found, applied to a model and undone; every change is in the audit log before it is in force.

use orrery_domain::{
    Failure, FailureClass, ModelRef,
    serving::{AppliedServing, Serving},
    tune::{TuneReport, TuneSetting},
};

use super::client;
use crate::{Workspace, gateway::audit::Audit, jobs::now, store::Store, workspace};

/// Choices that can be undone, one after the other.
const KEPT: usize = 20;

/// How a model is served now where no version is named.
///
/// # Errors
/// When the store cannot be read.
pub fn in_force(store: &Store, model: &ModelRef, versions: &[ModelRef]) -> Result<TuneSetting, Failure> {
    let serving = store.serving(&model.name)?.unwrap_or_default();
    let served = store.served_version(&model.name)?;
    let answering = versions.iter().find(|version| Some(version.version) == served);
    let model = answering.unwrap_or(model).clone();
    let serving = serving.of(model.version).unwrap_or_default();
    Ok(TuneSetting { model, serving })
}

/// Versions of one model that differ in precision: this one, and those quantized from it.
///
/// # Errors
/// When the store cannot be read.
pub fn quantized_from(store: &mut Store, model: &ModelRef) -> Result<Vec<ModelRef>, Failure> {
    let made = store.models()?.into_iter().filter(|entry| {
        let from = entry.compressed_from.as_ref();
        !entry.deleted && entry.quantized && entry.model.name == model.name && from == Some(model)
    });
    Ok(made.map(|entry| entry.model).collect())
}

/// Serves a model as a measurement of a tuning was made, the best one where none is named: nodes take it within seconds.
///
/// # Errors
/// A client failure when there is nothing to apply, or its version is gone; what the store and the audit log say.
pub fn apply(
    workspace: &Workspace,
    store: &mut Store,
    report: &TuneReport,
    measurement: Option<usize>,
) -> Result<(TuneSetting, Serving), Failure> {
    let found = match measurement {
        Some(number) => report.measurements.get(number),
        None => report.chosen(),
    };
    let found = found.filter(|found| found.failure.is_none()).ok_or_else(|| {
        client("There is no measurement to apply: none keeps the bounds, or it failed. Nothing was changed.")
    })?;
    let TuneSetting { model, serving } = found.setting.clone();
    if let Some(why) = serving.refusal() {
        return Err(client(format!("{why} Nothing was changed.")));
    }
    if store.model(&model)?.is_none_or(|entry| entry.deleted) {
        return Err(workspace::no_model(&model.to_string()));
    }
    let audit = Audit::open(workspace.serving_audit())?;
    let changed = store.change_serving(&model.name, |mut next, served| {
        next.applied.push(AppliedServing {
            at: now(),
            tuning: report.id.clone(),
            version: model.version,
            settings: serving,
            served_before: served,
        });
        let surplus = next.applied.len().saturating_sub(KEPT);
        next.applied.drain(..surplus);
        let what = format!("apply the tuning {} to {model}: {}", report.id, serving.words());
        write(&audit, &what, &next)?;
        Ok((next, Some(model.version)))
    })?;
    Ok((found.setting.clone(), changed?))
}

/// Serves a model as before the last choice that was applied to it.
///
/// # Errors
/// A client failure when nothing was applied; what the store and the audit log say.
pub fn undo(
    workspace: &Workspace,
    store: &mut Store,
    model: &str,
) -> Result<(AppliedServing, Serving), Failure> {
    let audit = Audit::open(workspace.serving_audit())?;
    let mut undone = None;
    let changed = store.change_serving(model, |mut now, _| {
        let Some(last) = now.applied.pop() else {
            return Err(client(format!("Nothing was applied to '{model}'. Nothing was changed.")));
        };
        write(&audit, &format!("undo the tuning {} of {model}:{}", last.tuning, last.version), &now)?;
        let before = last.served_before;
        undone = Some(last);
        Ok((now, before))
    })?;
    let serving = changed?;
    undone.map(|undone| (undone, serving)).ok_or_else(|| client("Nothing was undone."))
}

fn write(audit: &Audit, what: &str, next: &Serving) -> Result<(), Failure> {
    let bytes = serde_json::to_vec(&next.applied)
        .map_err(|error| Failure::new(FailureClass::Bug, format!("Settings are no JSON: {error}.")))?;
    audit.add("workspace", what, next.revision + 1, &bytes)
}

/// Cores of this machine.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}
