//! Jobs that are no runs: imports, profiles, predictions, comparisons, explanations; what all of these have in common.

use std::{path::PathBuf, sync::Arc};

use orrery_domain::{
    DatasetId, Failure, ModelRef,
    compare::{CompareData, CompareReport, CompareSettings, CompareSource},
    dataset::{Dataset, ImportBudget, ImportOptions},
    explain::{ExplainReport, ExplainSettings},
    job::{JobEvent, JobSpec, Steering},
    profile::Profile,
    run::{Progress, RunState},
    snapshot::{CompareState, ExplainState, JobEntry, JobKind, JobOutcome, Severity},
    words::{count, plural},
};
use orrery_policy::ending;

use super::{Message, state::State};
use crate::{
    datasets,
    jobs::{Heard, Job, Launch, now, spawn},
    registry,
};

/// Ended jobs that stay in the list.
const KEPT: usize = 20;

/// A job's child process.
#[derive(Debug, Default)]
pub(super) struct SideJob {
    job: Option<Job>,
    launch: Option<Launch>,
    cancelled: bool,
}

impl SideJob {
    /// Ends it.
    pub(super) fn cancel(&self) {
        self.steer(Steering::Cancel);
    }

    /// Ends it; what it has computed is there when the same is asked again.
    pub(super) fn stop(&self) {
        self.steer(Steering::Stop);
    }

    fn steer(&self, order: Steering) {
        if let Some(job) = &self.job {
            job.steer(order);
        }
    }
}

impl State {
    /// Imports a file.
    pub(super) fn import(&mut self, file: PathBuf, options: ImportOptions) {
        let home = self.workspace.home().to_path_buf();
        let spec = JobSpec::Import { home, file: file.clone(), options, budget: ImportBudget::default() };
        self.start_job(JobKind::Import { file }, spec);
    }

    /// Imports the sample that comes with the program.
    pub(super) fn open_sample(&mut self) {
        let workspace = self.workspace.clone();
        self.work("sample", move || {
            let put = datasets::put_sample(&workspace);
            Box::new(move |state| match put {
                Ok(file) => state.import(file, ImportOptions::default()),
                Err(failure) => state.report(&failure),
            })
        });
    }

    /// Loads a dataset's profile for a target, computing it where it is not there.
    pub(super) fn load_profile(&mut self, id: &DatasetId, target: Option<String>) {
        let Some(dataset) = self.dataset(id) else { return };
        self.effect(Box::new(move |store, _| {
            let known = store.profile(&dataset.id, target.as_deref())?;
            Ok(Box::new(move |state| match known {
                Some(profile) => state.show_profile(profile),
                None => state.compute_profile(dataset, target),
            }))
        }));
    }

    fn compute_profile(&mut self, dataset: Dataset, target: Option<String>) {
        if self.read_only() {
            return self.say(Severity::Warning, "This window only looks: it computes no profile.");
        }
        let kind = JobKind::Profile { dataset: dataset.id.clone() };
        let going_on = self.snapshot.jobs.iter().any(|job| job.outcome.is_none() && job.kind == kind);
        let home = self.workspace.home().to_path_buf();
        let spec = JobSpec::Profile { home, dataset: Box::new(dataset), target };
        // The same dataset with another target is another profile; only the very same request is not started twice.
        if !(going_on && self.profile_going_on.as_ref() == Some(&spec)) {
            self.profile_going_on = Some(spec.clone());
            self.start_job(kind, spec);
        }
    }

    fn show_profile(&mut self, profile: Profile) {
        let entries = Arc::make_mut(&mut self.snapshot.datasets);
        if let Some(entry) = entries.iter_mut().find(|entry| entry.dataset.id == profile.dataset) {
            entry.profile = Some(Arc::new(profile));
            self.touch();
        }
    }

    /// Predicts on a file.
    pub(super) fn predict(&mut self, model: ModelRef, file: PathBuf, out: PathBuf) {
        let home = self.workspace.home().to_path_buf();
        let spec = JobSpec::Predict { home, model: model.clone(), file: file.clone(), out };
        self.start_job(JobKind::Predict { model, file }, spec);
    }

    /// Compares models; the answer of the comparison before is gone.
    pub(super) fn compare(
        &mut self,
        models: Vec<ModelRef>,
        source: CompareSource,
        settings: CompareSettings,
    ) {
        let Some(data) = self.rows_of(&source) else { return };
        if let Some(before) = self.snapshot.comparison.as_ref().filter(|before| before.answer.is_none()) {
            self.drop_job(before.job);
        }
        let home = self.workspace.home().to_path_buf();
        let spec = JobSpec::Compare { home, models: models.clone(), data, settings: settings.clone() };
        let job = self.start_job(JobKind::Compare { models: models.clone() }, spec);
        let asked = CompareState { job, models, source, settings, answer: None };
        self.snapshot.comparison = Some(Arc::new(asked));
        self.touch();
    }

    /// The rows that a person named; none where the dataset is gone.
    fn rows_of(&mut self, source: &CompareSource) -> Option<CompareData> {
        Some(match source {
            CompareSource::File { file } => CompareData::File { file: file.clone() },
            CompareSource::Dataset { dataset } => {
                CompareData::Dataset { dataset: Box::new(self.dataset(dataset)?) }
            }
        })
    }

    /// Ends a job whose answer nobody waits for any more.
    fn drop_job(&mut self, id: u64) {
        if let Some(side_job) = self.side_jobs.get_mut(&id) {
            side_job.cancelled = true;
            side_job.cancel();
        }
    }

    /// Explains a model's answers; the explanation before is gone.
    pub(super) fn explain(
        &mut self,
        model: ModelRef,
        source: CompareSource,
        settings: ExplainSettings,
        out: Option<PathBuf>,
    ) {
        let Some(data) = self.rows_of(&source) else { return };
        let open = |id: u64| self.snapshot.jobs.iter().any(|job| job.id == id && job.outcome.is_none());
        let before = self.snapshot.explanation.clone().filter(|before| before.answer.is_none());
        if let Some(before) = before.filter(|before| open(before.job)) {
            self.drop_job(before.job);
            let message = format!(
                "The explanation of {} that went on was ended for this one. What it had computed is kept.",
                before.model
            );
            self.say(Severity::Info, message);
        }
        let kind = JobKind::Explain { model: model.clone(), method: settings.method };
        let job = self.list_job(kind);
        self.side_jobs.insert(job, SideJob::default());
        let asked =
            ExplainState { job, model: model.clone(), source, settings: settings.clone(), answer: None };
        self.snapshot.explanation = Some(Arc::new(asked));
        self.touch();
        self.effect(Box::new(move |store, workspace| {
            let trained_on = registry::read_card(&workspace.model(&model))
                .and_then(|card| registry::dataset_of(store, &model, &card));
            let spec = JobSpec::Explain {
                home: workspace.home().to_path_buf(),
                model,
                data,
                // Without it the given rows are the background, and the report says so.
                trained_on: trained_on.ok().map(Box::new),
                settings: Box::new(settings),
                out,
            };
            Ok(Box::new(move |state| state.spawn_job(job, spec)))
        }));
    }

    /// Shows an explanation, unless another one was asked for since.
    fn show_explained(&mut self, id: u64, answer: Result<ExplainReport, Failure>) {
        if let Some(asked) = self.snapshot.explanation.as_mut().filter(|asked| asked.job == id) {
            Arc::make_mut(asked).answer = Some(answer);
            self.touch();
        }
    }

    /// Shows a comparison's answer, unless another one was asked for since.
    fn show_compared(&mut self, id: u64, answer: Result<CompareReport, Failure>) {
        if let Some(asked) = self.snapshot.comparison.as_mut().filter(|asked| asked.job == id) {
            Arc::make_mut(asked).answer = Some(answer);
            self.touch();
        }
    }

    /// Puts a job on the list; returns its number.
    pub(super) fn list_job(&mut self, kind: JobKind) -> u64 {
        let id = self.number();
        let entry = JobEntry { id, kind, progress: Progress::default(), started_at: now(), outcome: None };
        let jobs = Arc::make_mut(&mut self.snapshot.jobs);
        jobs.insert(0, entry);
        let mut ended = 0;
        jobs.retain(|job| {
            ended += usize::from(job.outcome.is_some());
            job.outcome.is_none() || ended <= KEPT
        });
        self.touch();
        id
    }

    pub(super) fn start_job(&mut self, kind: JobKind, spec: JobSpec) -> u64 {
        let id = self.list_job(kind);
        self.side_jobs.insert(id, SideJob::default());
        self.spawn_job(id, spec);
        id
    }

    /// Starts the child of a job that is on the list.
    pub(super) fn spawn_job(&mut self, id: u64, spec: JobSpec) {
        let (workspace, launcher, inbox) =
            (self.workspace.clone(), self.launcher.clone(), self.inbox.clone());
        self.work("start", move || {
            let hear = move |heard| {
                let reply = Message::Apply(Box::new(move |state: &mut State| state.heard_job(id, heard)));
                if inbox.send(reply).is_err() {
                    log::debug!("the supervisor is gone");
                }
            };
            let started = spawn::prepare(&workspace, &spec)
                .and_then(|launch| spawn::start(&launcher, &launch, hear).map(|job| (job, launch)));
            Box::new(move |state| state.job_started(id, started))
        });
    }

    fn job_started(&mut self, id: u64, started: Result<(Job, Launch), Failure>) {
        match started {
            Ok((job, launch)) => match self.side_jobs.get_mut(&id) {
                Some(side_job) => {
                    if side_job.cancelled {
                        job.steer(Steering::Cancel);
                    }
                    side_job.job = Some(job);
                    side_job.launch = Some(launch);
                }
                None => spawn::clear(&launch),
            },
            Err(failure) => {
                self.side_jobs.remove(&id);
                self.end_job(id, JobOutcome::Failed { failure });
            }
        }
    }

    fn heard_job(&mut self, id: u64, heard: Heard) {
        match heard {
            Heard::Event(event) => self.job_event(id, *event),
            Heard::Ended(how) => {
                if let Some(launch) = self.side_jobs.remove(&id).and_then(|job| job.launch) {
                    self.work("clear", move || {
                        spawn::clear(&launch);
                        Box::new(|_| {})
                    });
                }
                let open = self.snapshot.jobs.iter().any(|job| job.id == id && job.outcome.is_none());
                if open {
                    let silent =
                        || Failure::new(orrery_domain::FailureClass::Bug, "The job ended without a result.");
                    let failure = ending::classify(&how).unwrap_or_else(silent);
                    self.end_job(id, JobOutcome::Failed { failure });
                }
            }
        }
    }

    fn job_event(&mut self, id: u64, event: JobEvent) {
        match event {
            JobEvent::Progress { progress, .. } => self.job_progress(id, progress),
            JobEvent::Warning { message } => self.say(Severity::Warning, message),
            JobEvent::Imported { dataset, profile } => {
                let outcome = JobOutcome::Imported { dataset: dataset.id.clone() };
                self.show_imported(*dataset, *profile);
                self.end_job(id, outcome);
                self.count_disk();
            }
            JobEvent::Profiled { profile } => {
                self.show_profile(*profile);
                self.end_job(id, JobOutcome::Profiled);
            }
            JobEvent::Predicted { report } => {
                let message =
                    format!("Predicted {} to {}.", plural(report.rows, "row"), report.out.display());
                self.end_job(id, JobOutcome::Predicted { report: Box::new(report) });
                self.say(Severity::Ok, message);
            }
            JobEvent::Compared { report } => {
                let message = report.message.clone();
                self.show_compared(id, Ok(*report));
                self.end_job(id, JobOutcome::Compared);
                self.say(Severity::Ok, message);
            }
            JobEvent::Explained { report } => {
                let message = format!(
                    "{} of {}: {}.",
                    report.found.method().title(),
                    report.model,
                    plural(report.explained, "row")
                );
                self.show_explained(id, Ok(*report));
                self.end_job(id, JobOutcome::Explained);
                self.say(Severity::Ok, message);
            }
            JobEvent::Compressed { report } => {
                let Some(model) = report.model.clone() else { return };
                self.end_job(id, JobOutcome::Compressed { model: model.clone() });
                self.say(Severity::Ok, format!("{model} was made from {}.", report.from));
                self.count_disk();
            }
            JobEvent::Searched { search } => self.show_searched(id, &search),
            // The record in the store says more.
            JobEvent::Trial { .. } => {}
            JobEvent::TuneStep { report } => self.show_tuning(*report),
            JobEvent::Tuned { report } => self.tuned(id, *report),
            JobEvent::State { state: RunState::Cancelled | RunState::Paused, .. } => {
                self.end_job(id, JobOutcome::Cancelled);
            }
            JobEvent::Failed { failure, .. } => self.end_job(id, JobOutcome::Failed { failure }),
            other => log::debug!("a job said something unexpected: {other:?}"),
        }
    }

    fn show_imported(&mut self, dataset: Dataset, profile: Profile) {
        let bad = match dataset.bad_rows {
            0 => String::new(),
            1 => " 1 bad row was left out.".to_owned(),
            rows => format!(" {} bad rows were left out.", count(rows)),
        };
        let rows = plural(dataset.rows, "row");
        self.say(Severity::Ok, format!("Imported '{}': {rows}.{bad}", dataset.name));
        let changes = crate::store::Changes { datasets: vec![(dataset, false)], ..Default::default() };
        self.take_changes(changes);
        self.show_profile(profile);
    }

    /// Shows how far a job is.
    pub(super) fn job_progress(&mut self, id: u64, progress: Progress) {
        if let Some(entry) = Arc::make_mut(&mut self.snapshot.jobs).iter_mut().find(|job| job.id == id) {
            entry.progress = progress;
            self.touch();
        }
    }

    /// Ends a job on the list; a failure is a notice too.
    pub(super) fn end_job(&mut self, id: u64, outcome: JobOutcome) {
        if let JobOutcome::Failed { failure } = &outcome {
            let failure = failure.clone();
            self.show_compared(id, Err(failure.clone()));
            self.show_explained(id, Err(failure.clone()));
            self.report(&failure);
        }
        if let Some(entry) = Arc::make_mut(&mut self.snapshot.jobs).iter_mut().find(|job| job.id == id) {
            entry.outcome = Some(outcome);
            self.touch();
        }
        if !self.waiting.is_empty() {
            self.next_compression();
        }
    }

    /// A person ends a job.
    pub(super) fn cancel_job(&mut self, id: u64) {
        if self.leave_queue(id) {
            return self.end_job(id, JobOutcome::Cancelled);
        }
        match self.side_jobs.get_mut(&id) {
            Some(side_job) => {
                side_job.cancelled = true;
                side_job.cancel();
            }
            None => self.say(Severity::Info, "That job has ended already."),
        }
    }
}
