//! The choice: the best trial within the limits goes on to the test rows, as a run of its own, and its model is registered.

use orrery_domain::{
    Failure, FailureClass, RunId,
    run::RunState,
    search::{Trial, TrialPart, TrialState},
};
use orrery_learn::control::Interrupt;

use super::{
    Loop,
    crew::{Crew, config_of},
};
use crate::{
    files,
    runs::{self, NewRun},
};

impl Loop<'_> {
    /// Makes a model of the best trial; the same trial is not judged twice.
    pub(super) fn choose(&mut self, crew: &Crew) -> Result<(), Interrupt> {
        let Some(best) = self.record.course.best().cloned() else { return Err(self.nothing().into()) };
        if let Some((number, _)) = &self.record.chosen
            && *number == best.number
            && self.record.model.is_some()
        {
            return Ok(());
        }
        self.say_progress(Some("Judging the best trial on the test rows"));
        let known = self.record.chosen.clone().filter(|(number, _)| *number == best.number);
        let id = known.map_or_else(|| RunId(runs::fresh_id()), |(_, run)| run);
        self.record.chosen = Some((best.number, id.clone()));
        (self.record.model, self.record.test) = (None, None);
        self.save()?;
        self.make(&best, &id, crew)?;
        let run = crew.see_through(self, &id)?;
        match (run.state, run.failure) {
            (RunState::Finished, _) => {
                (self.record.model, self.record.test) = (run.model, run.test);
                Ok(())
            }
            (_, Some(failure)) => Err(failure.into()),
            (state, None) => Err(Failure::new(
                FailureClass::Transient,
                format!("The run of the best trial is {}. `orrery search resume` goes on.", state.name()),
            )
            .into()),
        }
    }

    /// The run that begins where the best trial's training ended; its checkpoints are copied before it is in the store.
    fn make(&mut self, best: &Trial, id: &RunId, crew: &Crew) -> Result<(), Failure> {
        if let Some(run) = self.store.run(id)? {
            if run.state.is_final() {
                return Ok(());
            }
            self.store.update_run(id, |run| {
                run.state = RunState::Running;
                true
            })?;
            return Ok(());
        }
        let trained = best.run.as_ref().map(|run| self.workspace.run(run).join("checkpoints"));
        let to = self.workspace.run(id).join("checkpoints");
        if let Some(from) = trained.filter(|from| from.exists()) {
            files::create_private(&self.workspace.run(id))?;
            if to.exists() {
                std::fs::remove_dir_all(&to)
                    .map_err(|error| files::failure("A copy could not be begun again", &error, &to))?;
            }
            files::copy_folder(&from, &to)?;
        }
        let new = NewRun {
            dataset: (*self.record.request.dataset).clone(),
            config: config_of(&self.record.request.config, &best.values)?,
            name: Some(self.record.request.model_name.clone()),
            device: crew.device(),
            state: RunState::Running,
        };
        let part =
            TrialPart { search: self.record.id.clone(), trial: best.number, chosen: true, until: None };
        runs::create_as(&self.workspace, &mut self.store, &new, id, Some(part))?;
        let note = format!(
            "The best of {} trials of the search {}: trial {}.",
            self.record.course.trials.len(),
            self.record.id,
            best.number + 1
        );
        runs::note(&mut self.store, id, &note)?;
        Ok(())
    }

    /// Why there is nothing to choose.
    fn nothing(&self) -> Failure {
        let course = &self.record.course;
        let finished = course.count(TrialState::Finished);
        let failed = course.trials.iter().find_map(|trial| trial.why.as_deref());
        let message = match (finished, failed) {
            (0, Some(why)) => format!("No trial could be trained to its end. The first failed: {why}"),
            (0, None) => {
                "No trial was trained to its end within the budget. Resume the search with a larger one."
                    .to_owned()
            }
            (finished, _) => format!(
                "None of the {finished} finished trials is within the limits. The trials are kept: look at what they need, and search again with other limits or a space of smaller models."
            ),
        };
        Failure::new(if finished == 0 { FailureClass::Model } else { FailureClass::Capacity }, message)
            .keeping("Every trial, with its run.")
    }
}
