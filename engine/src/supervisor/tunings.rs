//! Tunings: asked for, resumed, read, applied and undone.

use std::sync::Arc;

use orrery_domain::{
    Command,
    job::JobSpec,
    snapshot::{JobKind, JobOutcome, Severity},
    tune::{TuneAsk, TuneReport, TuneRequest, TuneStage},
};

use super::{effects::Effect, state::State};
use crate::{
    runs,
    tune::{records, serving},
};

impl State {
    /// Tunes a model, going on with an unfinished tuning of the same request.
    pub(super) fn tune(&mut self, ask: TuneAsk) {
        self.effect(Box::new(move |store, workspace| {
            let quantized = serving::quantized_from(store, &ask.model)?;
            let request = ask.request(quantized, serving::cores());
            let id = records::unfinished(workspace, &request)?.unwrap_or_else(runs::fresh_id);
            Ok(Box::new(move |state| state.start_tuning(id, request)))
        }));
    }

    /// Goes on with a tuning; one that is finished measures as many settings again as at first.
    pub(super) fn resume_tuning(&mut self, id: String) {
        self.effect(Box::new(move |_, workspace| {
            let report = records::find(workspace, &id)?;
            let mut request = report.request;
            if report.stage == TuneStage::Finished {
                let usual = TuneRequest::usual_measurements(&request.space);
                request.max_measurements = (request.max_measurements + usual).min(TuneRequest::MOST);
            }
            Ok(Box::new(move |state| state.start_tuning(report.id, request)))
        }));
    }

    fn start_tuning(&mut self, id: String, request: TuneRequest) {
        let home = self.workspace.home().to_path_buf();
        let request = Box::new(request);
        let kind = JobKind::Tune { tuning: id.clone(), request: request.clone() };
        self.start_job(kind, JobSpec::Tune { home, id, request, noisy_again: false });
    }

    /// Reads tunings and what was applied.
    pub(super) fn load_tunings(&mut self) {
        self.effect(reading());
    }

    /// Shows a tuning in its place, or as the newest.
    pub(super) fn show_tuning(&mut self, report: TuneReport) {
        let all = Arc::make_mut(&mut self.snapshot.tunings);
        match all.iter_mut().find(|known| known.id == report.id) {
            Some(known) => *known = Arc::new(report),
            None => all.insert(0, Arc::new(report)),
        }
        self.touch();
    }

    /// A tuning is over.
    pub(super) fn tuned(&mut self, job: u64, report: TuneReport) {
        let words = report.findings.first().cloned().unwrap_or_default();
        let message = format!("{} is tuned. {words}", report.request.model);
        self.end_job(job, JobOutcome::Tuned { tuning: report.id.clone() });
        self.show_tuning(report);
        self.say(Severity::Ok, message);
    }

    /// Serves a model as a measurement was made.
    pub(super) fn apply_tuning(&mut self, id: String, measurement: Option<usize>) {
        self.effect(Box::new(move |store, workspace| {
            let report = records::find(workspace, &id)?;
            let (setting, _) = serving::apply(workspace, store, &report, measurement)?;
            let read = reading()(store, workspace)?;
            Ok(Box::new(move |state| {
                read(state);
                let model = setting.model.name.clone();
                let message =
                    format!("{model} is served by {}. Nodes take it within seconds.", setting.words());
                state.say_undoable(message, Command::UndoTuning { model });
            }))
        }));
    }

    /// Serves a model as before.
    pub(super) fn undo_tuning(&mut self, model: String) {
        self.effect(Box::new(move |store, workspace| {
            let (undone, _) = serving::undo(workspace, store, &model)?;
            let read = reading()(store, workspace)?;
            Ok(Box::new(move |state| {
                read(state);
                let message = format!("{model} is served as before the tuning {}.", undone.tuning);
                state.say(Severity::Info, message);
            }))
        }));
    }
}

/// Reads every tuning and what was applied into the snapshot.
fn reading() -> Effect {
    Box::new(|store, workspace| {
        let (tunings, servings) = (records::list(workspace)?, store.servings()?);
        Ok(Box::new(move |state| {
            state.snapshot.tunings = Arc::new(tunings.into_iter().map(Arc::new).collect());
            state.snapshot.servings = Arc::new(servings.into_iter().collect());
            state.touch();
        }))
    })
}
