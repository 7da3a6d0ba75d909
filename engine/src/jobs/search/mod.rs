//! A search as a job: asks what to try, starts trials as ordinary runs, hears what became of them, and writes all of it down at once.
//!
//! ```text
//! course ─ask─► run folder + child (trial) ─rung, end─► told ─► store ─► ask …
//!                                                                  └─ enough: the best trial is judged on the test rows, and registered
//! ```
//!
//! Nothing is known here that is not in the store or in a run's folder: a killed search goes on as if it had only waited.

mod choose;
mod crew;

use std::{fs::File, path::Path, sync::Arc, time::Instant};

use orrery_domain::{
    Failure, FailureClass,
    job::JobEvent,
    run::Progress,
    search::{Search, SearchState, TrialState},
    words::plural,
};
use orrery_learn::control::{Interrupt, JobControl, Wish};

use self::crew::Crew;
use super::{Control, Launcher, lines::Tail, now};
use crate::{
    search::{self, Next},
    searches,
    store::Store,
    workspace::Workspace,
};

/// Hears orders from other processes.
pub fn watch(control: &Arc<Control>, home: &Path, id: &str) {
    match Workspace::open(home) {
        Ok(workspace) => {
            let folder = workspace.search(id);
            control.watch(&folder, Tail::length(&folder.join("control")));
        }
        Err(failure) => log::warn!("{failure}"),
    }
}

/// A search that is going on.
struct Loop<'a> {
    workspace: Workspace,
    store: Store,
    record: Search,
    control: &'a dyn JobControl,
    began: Instant,
    /// Seconds before this process.
    before: f64,
    _lock: File,
}

/// Searches to the end of the plan; returns the record with the model that was chosen.
///
/// # Errors
/// A failure or an interruption; every trial that was told is in the store, and what was in training has its checkpoint.
pub fn search(home: &Path, id: &str, control: &dyn JobControl) -> Result<Search, Interrupt> {
    let workspace = Workspace::open(home)?;
    let Some(lock) = workspace.claim_search(id)? else {
        let message = format!("The search '{id}' is going on in another process. Cancel it there first.");
        return Err(Failure::new(FailureClass::Client, message).into());
    };
    let store = Store::open(&workspace)?;
    let mut record = store.search(id)?.ok_or_else(|| searches::no_search(id))?;
    record.state = SearchState::Running;
    search::restore(&mut record.course);
    let before = record.elapsed_secs;
    let mut this = Loop { workspace, store, record, control, began: Instant::now(), before, _lock: lock };
    this.save()?;
    let outcome = this.run();
    this.record.state = match &outcome {
        Ok(()) => SearchState::Finished,
        Err(Interrupt::Cancelled) => SearchState::Cancelled,
        Err(Interrupt::Stopped) => SearchState::Paused,
        Err(Interrupt::Failed(failure)) => {
            this.record.failure = Some(failure.clone());
            SearchState::Failed
        }
    };
    this.record.importance = search::importance(&this.record.course);
    this.save()?;
    outcome.map(|()| this.record)
}

impl Loop<'_> {
    /// Writes the record.
    fn save(&mut self) -> Result<(), Failure> {
        self.record.elapsed_secs = self.before + self.began.elapsed().as_secs_f64();
        self.record.changed_at = now();
        self.store.put_search(&self.record)
    }

    fn run(&mut self) -> Result<(), Interrupt> {
        let mut crew = Crew::new(&self.workspace, &self.record, Launcher::this_program()?)?;
        self.record.at_once = crew.at_once;
        crew.resume(&self.record);
        let ended = self.trials(&mut crew);
        crew.stop(self);
        ended?;
        self.choose(&crew)
    }

    /// Trains trials until the plan is fulfilled.
    fn trials(&mut self, crew: &mut Crew) -> Result<(), Interrupt> {
        loop {
            match self.control.wish() {
                Wish::Continue => {}
                Wish::Cancel => return Err(Interrupt::Cancelled),
                Wish::Pause | Wish::Stop => return Err(Interrupt::Stopped),
            }
            if search::is_enough(&self.record.course) || self.is_out_of_time() {
                return Ok(());
            }
            let mut all_tried = false;
            while !all_tried && crew.has_room() {
                match search::ask(&mut self.record.course) {
                    Next::Start(number) | Next::GoOn(number) => crew.wait_for_room(number),
                    Next::Wait => break,
                    Next::Done => all_tried = true,
                }
            }
            // Starting may settle trials, those that ended while no search heard of it: then there is something to ask for again.
            crew.start(self)?;
            if all_tried && crew.is_idle() {
                return Ok(());
            }
            if let Some((number, heard)) = crew.hear() {
                crew.take(self, number, heard)?;
            }
        }
    }

    fn is_out_of_time(&self) -> bool {
        let used = self.before + self.began.elapsed().as_secs_f64();
        self.record.course.plan.secs.is_some_and(|secs| used >= secs)
    }

    /// Writes down what became of a trial, and tells it.
    fn told(&mut self, number: u32) -> Result<(), Failure> {
        self.save()?;
        let course = &self.record.course;
        let best = course.best().and_then(|trial| trial.quality);
        if let Some(trial) = course.trials.get(number as usize) {
            self.control.emit(JobEvent::Trial { trial: Box::new(trial.clone()), best });
        }
        self.say_progress(None);
        Ok(())
    }

    fn say_progress(&self, phase: Option<&str>) {
        let course = &self.record.course;
        let (settled, planned) = (searches::settled(&self.record), u64::from(course.plan.trials));
        let waiting = course.count(TrialState::Waiting);
        let share = (settled + waiting) as f64 / planned.max(1) as f64;
        let used = self.before + self.began.elapsed().as_secs_f64();
        let time = course.plan.secs.map_or(0.0, |secs| used / secs);
        let words = || {
            let best = course.best().and_then(|trial| trial.quality);
            let metric = self.record.metric().map(orrery_domain::metric::MetricId::title).unwrap_or_default();
            let best = best.map_or(String::new(), |best| format!(", best {metric} {best:.5}"));
            format!("{} of {}{best}", settled + waiting, plural(planned, "trial"))
        };
        let progress = Progress {
            phase: phase.map_or_else(words, str::to_owned),
            fraction: Some(share.max(time).min(0.98)),
            ..Progress::default()
        };
        self.control.emit(JobEvent::Progress { progress, kind: None });
    }
}
