//! Tuning as a job: measures one setting after another, keeps each at once, and goes on where an earlier process ended.

use std::{fs, path::PathBuf};

use orrery_domain::{
    Failure, ModelRef,
    job::JobEvent,
    run::Progress,
    tune::{TuneReport, TuneRequest, TuneSetting},
};
use orrery_learn::control::{Interrupt, JobControl, check};

use super::{now, spawn::this_program};
use crate::{
    files, registry, runs,
    store::Store,
    tune::{
        Searcher, client,
        records::{Begun, Record},
        rows, serving,
        trial::Bench,
    },
    workspace::{self, Workspace},
};

/// What a tuning's spec asks for.
pub struct Wanted<'a> {
    pub home: &'a PathBuf,
    pub id: &'a str,
    pub request: &'a TuneRequest,
    pub noisy_again: bool,
}

/// A folder that is gone with the value.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            log::warn!("what was left of a tuning stays in {}: {error}", self.0.display());
        }
    }
}

/// Measures until the request's number is reached. What was measured is kept, however it ends.
///
/// # Errors
/// A failure or an interruption.
pub fn tune(wanted: &Wanted<'_>, control: &dyn JobControl) -> Result<TuneReport, Interrupt> {
    let request = wanted.request;
    if let Some(why) = request.refusal() {
        return Err(client(format!("{why} Nothing was measured.")).into());
    }
    let workspace = Workspace::open(wanted.home)?;
    let store = Store::open(&workspace)?;
    for model in &request.space.versions {
        if store.model(model)?.is_none_or(|entry| entry.deleted) {
            return Err(workspace::no_model(&model.to_string()).into());
        }
    }
    let before = serving::in_force(&store, &request.model, &request.space.versions)?;
    let begun = Begun { id: wanted.id.to_owned(), created_at: now(), request: request.clone(), before };
    let mut record = Record::open(&workspace, begun, wanted.noisy_again)?;
    let scratch = Scratch(workspace.jobs().join(runs::fresh_id()));
    files::create_private(&scratch.0)?;
    let bench = bench(request, &workspace, &store, &scratch)?;
    drop(store);
    measure_all(request, &bench, &mut record, control)?;
    record.finish()?;
    Ok(record.report())
}

fn bench(
    request: &TuneRequest,
    workspace: &Workspace,
    store: &Store,
    scratch: &Scratch,
) -> Result<Bench, Failure> {
    let folder = workspace.model(&request.model);
    let card = registry::read_card(&folder)?;
    let dataset = store.dataset(&card.lineage.dataset)?.map(|(dataset, _)| dataset);
    let dataset =
        dataset.map(|dataset| (workspace.blob(&dataset), dataset)).filter(|(blob, _)| blob.exists());
    let given = dataset.as_ref().map(|(blob, dataset)| (dataset, blob.as_path()));
    let bench = Bench {
        program: this_program()?,
        scratch: scratch.0.clone(),
        bodies: rows::bodies(&folder, given, request.workload.rows as usize)?,
        goals: request.goals.clone(),
        workload: request.workload,
        pace: request.pace,
    };
    for model in &request.space.versions {
        bench.lay_out(workspace, model)?;
    }
    Ok(bench)
}

fn measure_all(
    request: &TuneRequest,
    bench: &Bench,
    record: &mut Record,
    control: &dyn JobControl,
) -> Result<(), Interrupt> {
    let space = &request.space;
    let before = record.begun().before.clone();
    // How it is served now is measured, too; where that is on the grid it teaches the search.
    let apart = usize::from(space.number(&before).is_none());
    let all = request.max_measurements as usize;
    let brute = all >= space.len();
    let budget = if brute { space.len() } else { all.saturating_sub(apart) };
    let mut searcher = Searcher::new(space.clone(), request.goals.clone(), budget, request.seed);
    for found in &record.measurements {
        if let Some(number) = space.number(&found.setting) {
            searcher.tell(number, found.failure.is_none().then_some(&found.figures));
        }
    }
    loop {
        check(control)?;
        let known = record.measurements.iter().any(|found| found.setting == before);
        let setting = if known || brute && apart == 1 {
            let Some(number) = searcher.ask() else { return Ok(()) };
            space.setting(number)
        } else {
            before.clone()
        };
        let (done, planned) = (record.measurements.len(), all.min(space.len() + apart));
        say(control, &setting, (done, planned), record);
        let found = bench.measure(&setting, control)?;
        if let Some(number) = space.number(&setting) {
            searcher.tell(number, found.failure.is_none().then_some(&found.figures));
        }
        record.add(found)?;
        control.emit(JobEvent::TuneStep { report: Box::new(record.report()) });
    }
}

/// Says what is measured next, and how long it may still take by what it took so far.
fn say(control: &dyn JobControl, setting: &TuneSetting, (done, planned): (usize, usize), record: &Record) {
    let spent: f64 = record.measurements.iter().map(|found| found.secs).sum();
    let each = (done > 0).then(|| spent / done as f64);
    let progress = Progress {
        phase: format!("Measuring {}", short(setting)),
        fraction: Some(done as f64 / planned.max(1) as f64),
        step: done as u64,
        steps: planned as u64,
        secs_left: each.map(|each| each * planned.saturating_sub(done) as f64),
        ..Progress::default()
    };
    control.emit(JobEvent::Progress { progress, kind: None });
}

fn short(setting: &TuneSetting) -> String {
    let TuneSetting { model: ModelRef { version, .. }, serving } = setting;
    format!("version {version}: {}", serving.words())
}
