//! Comparison: model versions on the same rows, with the tests that say whether they differ.
//!
//! ```text
//! folders ──► Predictors ─┐                       ┌─ metrics, paired bootstrap, mcnemar, delong ─► verdict, corrected (Holm)
//! file | dataset ──rows───┴─► predictions ────────┼─ calibration, slices
//!  (test rows of all)                             └─ latency, bytes ─► Pareto front
//! folders ──anatomy──► settings, shapes, weights ──► how they are built differently
//! ```
//!
//! Figures of the tests are held against scipy, statsmodels, mlxtend and pROC: `tests/peers/paired_tests.py`.

mod anatomy;
mod calibration;
mod corrections;
mod cross_validate;
mod delong;
mod five_by_two;
mod folds;
mod intervals;
mod latency;
mod mcnemar;
mod pair;
mod pareto;
mod report;
mod rows;
pub mod slices;
mod words;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use orrery_domain::{
    Failure, FailureClass, ModelRef,
    compare::{CompareData, CompareReport, CompareSettings},
    metric::MetricId,
    model::ModelCard,
};

pub(crate) use self::intervals::student;
pub(crate) use self::pair::{Measured, Tested, test as test_pair};
pub use self::{
    calibration::{of_shares, of_values},
    corrections::{benjamini_hochberg, holm},
    delong::{Placements, delong},
    five_by_two::{FiveByTwo, REPETITIONS, five_by_two},
    intervals::wilson,
    mcnemar::mcnemar,
    pareto::{Costs, front},
};
use crate::{
    control::{Interrupt, JobControl},
    predict::{Predictor, say},
    table::Table,
};

/// Most versions that are compared at once.
pub const MOST_MODELS: usize = 8;
/// Level of the tests.
pub const LEVEL: f64 = 0.05;

/// What is compared on what.
#[derive(Clone, Copy, Debug)]
pub struct CompareJob<'a> {
    /// The versions and their folders; two or more.
    pub models: &'a [(ModelRef, PathBuf)],
    /// The rows.
    pub data: &'a CompareData,
    /// Folder of imported tables.
    pub blobs: &'a Path,
    /// Folder of what cross-validation has found, which may hold that of the same request; none: nothing is cross-validated.
    pub kept: Option<&'a Path>,
    /// How.
    pub settings: &'a CompareSettings,
}

/// Compares versions. What cross-validation has found when the job ends early stays in its folder, and is not found again; whoever gave
/// the folder removes it.
///
/// # Errors
/// A client failure when there are fewer than two versions, they predict different things, or the metric or a column is not
/// theirs; a data failure when the rows lack a column or a target, or no row is left; a model failure when a folder is not sound;
/// or an interruption.
pub fn compare(job: &CompareJob<'_>, control: &dyn JobControl) -> Result<CompareReport, Interrupt> {
    let CompareJob { models, settings, .. } = *job;
    check_versions(models)?;
    say(control, "Loading the models", None, 0, 0, None);
    let predictors =
        models.iter().map(|(_, folder)| Predictor::load(folder)).collect::<Result<Vec<_>, Failure>>()?;
    let predictors: Vec<&Predictor> = predictors.iter().collect();
    let metric = check_all(models, &predictors, settings)?;
    let material = rows::material(job, &predictors, control)?;
    report::report(job, &predictors, metric, material, control)
}

/// Compares versions that are loaded already on rows that came with a request: all of them whose target is known. `models` are their
/// names and folders, and `rows` the columns of each and the target. Nothing is trained.
///
/// # Errors
/// As [`compare`].
pub fn compare_sent(
    models: &[(ModelRef, PathBuf)],
    predictors: &[&Predictor],
    (tables, target): (Vec<Table>, &Table),
    settings: &CompareSettings,
    control: &dyn JobControl,
) -> Result<CompareReport, Interrupt> {
    check_versions(models)?;
    let metric = check_all(models, predictors, settings)?;
    let material = rows::sent(predictors, tables, target)?;
    // Nothing is read: the rows are here.
    let data = CompareData::File { file: PathBuf::from(&material.rows.source) };
    let settings = CompareSettings { cross_validate: false, ..settings.clone() };
    let job = CompareJob { models, data: &data, blobs: Path::new(""), kept: None, settings: &settings };
    report::report(&job, predictors, metric, material, control)
}

/// That there are as many versions as can be compared, each once.
///
/// # Errors
/// A client failure that says which are wrong.
pub fn check_versions(models: &[(ModelRef, PathBuf)]) -> Result<(), Failure> {
    if models.len() < 2 || models.len() > MOST_MODELS {
        let message =
            format!("A comparison takes 2 to {MOST_MODELS} versions, and {} were given.", models.len());
        return Err(client(message));
    }
    for (place, (model, _)) in models.iter().enumerate() {
        if models[..place].iter().any(|(other, _)| other == model) {
            return Err(client(format!("{model} was given twice. Name different versions.")));
        }
    }
    Ok(())
}

/// That all versions predict the same thing; the metric that decides.
fn check_all(
    models: &[(ModelRef, PathBuf)],
    predictors: &[&Predictor],
    settings: &CompareSettings,
) -> Result<MetricId, Failure> {
    let first = predictors[0].card();
    for ((model, _), predictor) in models.iter().zip(predictors).skip(1) {
        check_alike((&models[0].0, first), (model, predictor.card()))?;
    }
    metric(settings, first)
}

/// That two versions predict the same thing.
///
/// # Errors
/// A client failure that says how they differ.
pub fn check_alike(
    (a_name, a): (&dyn std::fmt::Display, &ModelCard),
    (b_name, b): (&dyn std::fmt::Display, &ModelCard),
) -> Result<(), Failure> {
    let what = if a.target != b.target {
        format!("{a_name} predicts '{}' and {b_name} '{}'", a.target, b.target)
    } else if a.task != b.task {
        let task = |card: &ModelCard| words::task(card.task);
        format!("{a_name} predicts '{}' as {} and {b_name} as {}", a.target, task(a), task(b))
    } else if a.classes != b.classes {
        let classes = |card: &ModelCard| words::classes(&card.classes);
        format!("{a_name} knows the classes {} of '{}' and {b_name} {}", classes(a), a.target, classes(b))
    } else {
        return Ok(());
    };
    Err(client(format!(
        "The models cannot be compared: {what}. Choose versions with the same target, task and classes in the same order."
    )))
}

/// The metric that decides.
fn metric(settings: &CompareSettings, card: &ModelCard) -> Result<MetricId, Failure> {
    let metric = settings.metric.unwrap_or(MetricId::primary(card.task));
    let known = MetricId::of(card.task);
    if known.contains(&metric) {
        return Ok(metric);
    }
    let names: Vec<&str> = known.iter().map(|id| id.name()).collect();
    Err(client(format!(
        "{} is no metric of {}. Choose one of {}.",
        metric.name(),
        words::task(card.task),
        names.join(", ")
    )))
}

pub(crate) fn client(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Client, message)
}
