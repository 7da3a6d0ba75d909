//! Searches as a window asks for them: each a job beside the runs, its record in the store.

use orrery_domain::{
    DatasetId,
    job::JobSpec,
    metric::MetricId,
    search::{MODEL, Plan, Range, Search, SearchRequest, Space},
    snapshot::{JobKind, JobOutcome, Severity},
    training::{ModelKind, TrainConfig},
};
use orrery_policy::names;

use super::state::State;
use crate::searches;

impl State {
    /// Begins a search.
    pub(super) fn search(
        &mut self,
        dataset: &DatasetId,
        config: Box<TrainConfig>,
        space: Space,
        plan: Box<Plan>,
    ) {
        let Some(dataset) = self.dataset(dataset) else { return };
        let only = match space.get(MODEL).map(|parameter| &parameter.range) {
            Some(Range::Choice { options }) if options.len() == 1 => ModelKind::from_name(&options[0]),
            _ => None,
        };
        let model_name = names::model_name(&dataset.name, only.unwrap_or(ModelKind::Auto));
        let request = SearchRequest { dataset: Box::new(dataset), config, model_name, metric: None };
        self.effect(Box::new(move |store, workspace| {
            let search = searches::create(workspace, store, request, space, *plan)?;
            Ok(Box::new(move |state| state.start_search(search.id)))
        }));
    }

    /// Goes on with a search.
    pub(super) fn resume_search(&mut self, id: String, trials: Option<u32>, secs: Option<f64>) {
        self.effect(Box::new(move |store, workspace| {
            let search = searches::prepare_resume(workspace, store, &id, trials, secs)?;
            Ok(Box::new(move |state| state.start_search(search.id)))
        }));
    }

    fn start_search(&mut self, search: String) {
        let spec = JobSpec::Search { home: self.workspace.home().to_path_buf(), search: search.clone() };
        self.start_job(JobKind::Search { search }, spec);
    }

    /// Ends a search: through its job where this window has it, else through the store and the search's own folder.
    pub(super) fn cancel_search(&mut self, id: String) {
        let job = self.snapshot.jobs.iter().find(|job| {
            job.outcome.is_none() && matches!(&job.kind, JobKind::Search { search } if *search == id)
        });
        if let Some(job) = job.map(|job| job.id) {
            return self.cancel_job(job);
        }
        self.effect(Box::new(move |store, workspace| {
            searches::cancel(workspace, store, &id)?;
            Ok(Box::new(|state| state.say(Severity::Info, "The search ends; its trials are kept.")))
        }));
    }

    /// A search of this window has ended well.
    pub(super) fn show_searched(&mut self, job: u64, search: &Search) {
        self.end_job(job, JobOutcome::Searched);
        let metric = search.metric().map(MetricId::title).unwrap_or_default();
        let best = search.course.best().and_then(|trial| trial.quality);
        let best =
            best.map_or_else(String::new, |best| format!(" Best {metric} {best:.5} on the validation rows."));
        let model = search.model.as_ref().map_or_else(String::new, |model| format!(" It made {model}."));
        self.say(
            Severity::Ok,
            format!("The search of {} is done.{best}{model}", search.request.dataset.name),
        );
        self.count_disk();
    }
}
