//! Compressions as a window asks for them: one at a time, so that none disturbs what another measures; the others wait.

use std::sync::Arc;

use orrery_domain::{
    ModelRef, RunId,
    compress::CompressMethod,
    job::JobSpec,
    run::Progress,
    snapshot::{JobKind, Severity},
};

use super::{side_jobs::SideJob, state::State};
use crate::{jobs::now, registry, runs};

impl State {
    /// Compresses a model, with the dataset that it was trained on, once the compressions before it are over.
    pub(super) fn compress(&mut self, model: ModelRef, method: Box<CompressMethod>) {
        self.effect(Box::new(move |store, workspace| {
            let card = registry::read_card(&workspace.model(&model))?;
            let dataset = registry::dataset_of(store, &model, &card)?;
            let home = workspace.home().to_path_buf();
            Ok(Box::new(move |state| {
                let kind = JobKind::Compress { model: model.clone(), method: method.clone() };
                if state.snapshot.jobs.iter().any(|job| job.outcome.is_none() && job.kind == kind) {
                    let message = format!(
                        "The same compression of {model} goes on or waits already. Wait for it, or cancel it first."
                    );
                    return state.say(Severity::Warning, message);
                }
                let spec = JobSpec::Compress {
                    home,
                    model_name: model.name.clone(),
                    model,
                    dataset: Box::new(dataset),
                    method,
                    run: RunId(runs::fresh_id()),
                };
                let job = state.list_job(kind);
                state.side_jobs.insert(job, SideJob::default());
                state.waiting.push_back((job, spec));
                state.next_compression();
            }))
        }));
    }

    /// Starts the compression that has waited longest, unless one goes on.
    pub(super) fn next_compression(&mut self) {
        let waits = |id: u64| self.waiting.iter().any(|(waiting, _)| *waiting == id);
        let going_on = self.snapshot.jobs.iter().any(|job| {
            job.outcome.is_none() && matches!(job.kind, JobKind::Compress { .. }) && !waits(job.id)
        });
        if !going_on && let Some((job, spec)) = self.waiting.pop_front() {
            self.job_progress(job, Progress::default());
            if let Some(entry) =
                Arc::make_mut(&mut self.snapshot.jobs).iter_mut().find(|entry| entry.id == job)
            {
                entry.started_at = now();
            }
            self.spawn_job(job, spec);
        }
        let waiting: Vec<u64> = self.waiting.iter().map(|(job, _)| *job).collect();
        for job in waiting {
            let phase = "Waiting for the compression before it".to_owned();
            self.job_progress(job, Progress { phase, ..Progress::default() });
        }
    }

    /// Takes a compression that waits out of the queue; whether it was in it.
    pub(super) fn leave_queue(&mut self, id: u64) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|(job, _)| *job != id);
        let left = self.waiting.len() < before;
        if left {
            self.side_jobs.remove(&id);
        }
        left
    }
}
