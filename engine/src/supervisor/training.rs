//! Training runs: queued, started, heard, steered, and what their end means.

use std::sync::Arc;

use orrery_domain::{
    DatasetId, Failure, RunId,
    device::DeviceChoice,
    job::{JobEvent, Steering},
    metric::MetricId,
    run::{Run, RunState},
    snapshot::{RunSeries, Severity},
    training::{Split, TrainConfig},
};
use orrery_policy::{ending::Ending, lifecycle, lifecycle::Order, retry::Again};

use super::{state::State, tailer::Wanted};
use crate::{
    datasets, devices,
    jobs::{Heard, Job, LoggedEvent, now, spawn},
    runs::{self, NewRun},
    store::Store,
    workspace,
};

/// Trainings at once; the others wait for their turn.
const AT_ONCE: usize = 1;

/// A run's child process, from the wish to start it to its end.
#[derive(Debug, Default)]
pub(super) struct Child {
    job: Option<Job>,
    /// Orders given before the process was there.
    told: Vec<Steering>,
}

impl Child {
    /// Steers it, now or as soon as it is there.
    pub(super) fn tell(&mut self, order: Steering) {
        match &self.job {
            Some(job) => job.steer(order),
            None => self.told.push(order),
        }
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        if let Some(job) = &self.job {
            job.kill();
        }
    }

    /// Lets it go on without this process.
    pub(super) fn let_go(self) {
        if let Some(job) = self.job {
            job.let_go();
        }
    }
}

impl State {
    /// Starts the next queued run where there is room.
    pub(super) fn pump(&mut self) {
        if self.read_only() || self.is_closing() {
            return;
        }
        let busy = self
            .children
            .keys()
            .filter(|id| self.find_run(id).is_none_or(|run| run.state != RunState::Paused))
            .count();
        if busy >= AT_ONCE {
            return;
        }
        let next = self
            .snapshot
            .runs
            .iter()
            .rev()
            .find(|run| run.state == RunState::Queued && !run.deleted && !self.children.contains_key(&run.id))
            .map(|run| run.id.clone());
        if let Some(next) = next {
            self.start_child(next);
        }
    }

    /// Starts a run's process, without waiting for it.
    pub(super) fn start_child(&mut self, id: RunId) {
        self.children.insert(id.clone(), Child::default());
        let (workspace, launcher, inbox) =
            (self.workspace.clone(), self.launcher.clone(), self.inbox.clone());
        self.work("start", move || {
            let heard_of = id.clone();
            let hear = move |heard| {
                let run = heard_of.clone();
                let reply =
                    super::Message::Apply(Box::new(move |state: &mut State| state.heard_run(&run, heard)));
                if inbox.send(reply).is_err() {
                    log::debug!("the supervisor is gone");
                }
            };
            let started = runs::launch(&workspace, &id, false)
                .and_then(|launch| spawn::start(&launcher, &launch, hear));
            Box::new(move |state| state.child_started(&id, started))
        });
    }

    fn child_started(&mut self, id: &RunId, started: Result<Job, Failure>) {
        let closing = self.is_closing();
        match started {
            Ok(job) => match self.children.get_mut(id) {
                Some(child) => {
                    child.told.drain(..).for_each(|order| job.steer(order));
                    child.job = Some(job);
                }
                // Gone before its start was known: it died at once, or the window let everything go.
                None if closing => job.let_go(),
                None => {}
            },
            Err(failure) => {
                self.children.remove(id);
                self.report(&failure);
                self.settle_run(id.clone(), Some(failure));
            }
        }
    }

    /// Ends the record of a run that has no process.
    fn settle_run(&self, id: RunId, cause: Option<Failure>) {
        self.effect(Box::new(move |store, workspace| {
            store.update_run(&id, |run| {
                // A queued record says nothing yet; settling looks at the log.
                run.state = RunState::Running;
                true
            })?;
            let run = runs::settle(workspace, store, &id, cause)?;
            Ok(Box::new(move |state| {
                if let Some(run) = run {
                    state.replace_run(run);
                }
                state.pump();
            }))
        }));
    }

    fn heard_run(&mut self, id: &RunId, heard: Heard) {
        match heard {
            Heard::Event(event) => {
                self.note_event(id, &event);
                let at = now();
                self.change_run(id, |run| lifecycle::fold(run, &event, at));
                if matches!(*event, JobEvent::State { .. }) {
                    self.pump();
                }
            }
            Heard::Ended(how) => self.child_ended(id.clone(), how),
        }
    }

    /// Tells a person what a run said that matters to them.
    fn note_event(&mut self, id: &RunId, event: &JobEvent) {
        let name = self.find_run(id).map(|run| run.name.clone()).unwrap_or_default();
        match event {
            JobEvent::Warning { message } => self.say(Severity::Warning, format!("'{name}': {message}")),
            JobEvent::Finished { summary, .. } => {
                let model = summary.model.as_ref().map(ToString::to_string).unwrap_or_default();
                let primary = MetricId::CLASSIFICATION[0];
                let metric = [primary, MetricId::REGRESSION[0]].into_iter().find_map(|metric| {
                    let value = summary.test.get(&metric)?.value?;
                    Some(format!(" {} {value:.4} on the test rows.", metric.title()))
                });
                let message = format!("'{name}' finished as {model}.{}", metric.unwrap_or_default());
                self.say(Severity::Ok, message);
                self.count_disk();
            }
            JobEvent::Failed { failure, .. } => {
                let kept = failure.kept.as_ref().map(|kept| format!(" Kept: {kept}")).unwrap_or_default();
                self.say(Severity::Error, format!("'{name}' failed. {}{kept}", failure.message));
            }
            _ => {}
        }
    }

    fn child_ended(&mut self, id: RunId, how: Ending) {
        self.effect(Box::new(move |store, workspace| {
            let again = runs::after_end(workspace, store, &id, &how)?;
            let run = store.run(&id)?;
            Ok(Box::new(move |state| {
                state.children.remove(&id);
                if let Some(run) = run {
                    state.end_of_child(&how, &run, again);
                    state.replace_run(run);
                }
                if again.is_some() && !state.is_closing() {
                    state.start_child(id);
                }
                state.pump();
            }))
        }));
    }

    /// Tells how a child ended that could not tell itself.
    fn end_of_child(&mut self, how: &Ending, run: &Run, again: Option<Again>) {
        if let Some(again) = again {
            let cause =
                if again == Again::Cpu { "its device was lost" } else { "most likely for want of memory" };
            let message = format!("'{}' ended early, {cause}. {}", run.name, again.says());
            self.say(Severity::Warning, message);
        } else if let (false, Some(failure)) = (how.settled, &run.failure) {
            let failure = failure.clone();
            self.report(&failure);
        }
    }

    /// Which runs other processes have now.
    pub(super) fn found_elsewhere(&mut self, alive: Vec<RunId>) {
        let elsewhere = alive.into_iter().filter(|run| !self.children.contains_key(run)).collect();
        if self.elsewhere != elsewhere {
            self.elsewhere = elsewhere;
            self.read_logs();
        }
    }

    /// Shows the curves of these runs.
    pub(super) fn watch(&mut self, runs: Vec<RunId>) {
        Arc::make_mut(&mut self.snapshot.series).retain(|run, _| runs.contains(run));
        self.watched = runs;
        self.read_logs();
        self.touch();
    }

    fn read_logs(&self) {
        let watched = self.watched.iter().cloned().collect();
        self.tailer.want(Wanted { watched, elsewhere: self.elsewhere.clone() });
    }

    /// News from a run's log.
    pub(super) fn tailed(&mut self, id: &RunId, series: Option<Arc<RunSeries>>, events: &[LoggedEvent]) {
        if let Some(series) = series.filter(|_| self.watched.contains(id)) {
            Arc::make_mut(&mut self.snapshot.series).insert(id.clone(), series);
            self.touch();
        }
        if !self.children.contains_key(id) && !events.is_empty() {
            self.change_run(id, |run| {
                for logged in events {
                    lifecycle::fold(run, &logged.event, logged.at);
                }
            });
        }
    }

    /// A person asked for a training.
    pub(super) fn train(&mut self, dataset: &DatasetId, config: TrainConfig, name: Option<String>) {
        let Some(dataset) = self.dataset(dataset) else { return };
        if let Some(failure) = unknown_column(&dataset, &config) {
            return self.report(&failure);
        }
        let advised = self.snapshot.device_advice.as_ref().map_or(DeviceChoice::Cpu, |advice| advice.choice);
        let (workspace, launcher) = (self.workspace.clone(), self.launcher.clone());
        // Probing a graphics adapter takes seconds: on a thread of its own, with a connection of its own.
        self.work("train", move || {
            let made = Store::open(&workspace).and_then(|mut store| {
                let (device, warning) = if config.device == DeviceChoice::Auto {
                    (advised, None)
                } else {
                    let chosen = devices::choose(&launcher, &workspace, &mut store, &config)?;
                    (chosen.device, chosen.warning)
                };
                let new = NewRun { dataset, config, name, device, state: RunState::Queued };
                let run = runs::create(&workspace, &mut store, &new)?;
                if let Some(warning) = &warning {
                    runs::warn(&workspace, &run.id, warning.clone())?;
                }
                Ok((run, warning))
            });
            Box::new(move |state| match made {
                Ok((run, warning)) => {
                    if let Some(warning) = warning {
                        state.say(Severity::Warning, warning);
                    }
                    if state.find_run(&run.id).is_none() {
                        state.replace_run(run);
                    }
                    state.pump();
                }
                Err(failure) => state.report(&failure),
            })
        });
    }

    /// A dataset that is there and not deleted; says so where it is not.
    pub(super) fn dataset(&mut self, id: &DatasetId) -> Option<orrery_domain::dataset::Dataset> {
        let entry = self.snapshot.datasets.iter().find(|entry| entry.dataset.id == *id && !entry.deleted);
        let found = entry.map(|entry| (*entry.dataset).clone());
        if found.is_none() {
            self.report(&workspace::no_dataset(id));
        }
        found
    }

    /// A person steers a run, in whatever process it is.
    pub(super) fn steer(&mut self, id: RunId, order: Order) {
        let Some(run) = self.find_run(&id) else { return self.report(&workspace::no_run(&id)) };
        if let Some(refusal) = lifecycle::refusal(order, run.state) {
            return self.say(Severity::Warning, refusal);
        }
        if let Some(child) = self.children.get_mut(&id) {
            child.tell(match order {
                Order::Pause => Steering::Pause,
                Order::Resume => Steering::Resume,
                Order::Cancel | Order::Delete => Steering::Cancel,
            });
            return;
        }
        self.effect(Box::new(move |store, workspace| {
            if order == Order::Resume && !runs::is_alive(workspace, &id)? {
                let next = runs::prepare_resume(workspace, store, &id, RunState::Queued, None)?;
                let run = store.run(&next)?;
                return Ok(Box::new(move |state| {
                    if next != id {
                        state.say(Severity::Info, "A new run goes on from the last checkpoint.");
                    }
                    if let Some(run) = run {
                        state.replace_run(run);
                    }
                    state.pump();
                }));
            }
            runs::order(workspace, store, &id, order)?;
            let run = store.run(&id)?;
            Ok(Box::new(move |state| {
                if let Some(run) = run.filter(|_| !state.elsewhere.contains(&id)) {
                    state.replace_run(run);
                }
                state.pump();
            }))
        }));
    }
}

/// The failure for a column that the request names and the dataset does not have.
fn unknown_column(dataset: &orrery_domain::dataset::Dataset, config: &TrainConfig) -> Option<Failure> {
    let split = match &config.split {
        Split::Time { column } | Split::Column { column } => Some(column),
        Split::Auto | Split::Random | Split::Stratified => None,
    };
    std::iter::once(&config.target)
        .chain(&config.exclude)
        .chain(&config.weight)
        .chain(split)
        .find(|column| dataset.column(column).is_none())
        .map(|column| datasets::no_column(dataset, column))
}
