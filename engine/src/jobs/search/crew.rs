//! The crew: trials in training, each a run's child process, as many as cores and memory allow.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, Instant},
};

use orrery_domain::{
    Failure, FailureClass, RunId,
    device::DeviceChoice,
    job::{JobEvent, JobSpec, Steering},
    metric::MetricId,
    run::{Run, RunState},
    search::{MODEL, Search, Setting, Trial, TrialPart, TrialState, Value, Values},
    training::{HyperParameters, ModelKind, Task, TrainConfig},
};
use orrery_learn::control::Interrupt;

use super::Loop;
use crate::{
    files,
    jobs::{Heard, Job, Launcher, measure, spawn},
    registry,
    runs::{self, NewRun},
    search,
    workspace::Workspace,
};

/// How long news are waited for before orders are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long trials may take to stop with a checkpoint.
const LAST_CHECKPOINT: Duration = Duration::from_mins(1);
/// How long the others may take to pause for a measurement.
const HUSH: Duration = Duration::from_secs(10);
/// Share of the free memory that trials may be expected to need together.
const MEMORY_SHARE: f64 = 0.8;
/// Trials that may end without a word, each, before they count as failed.
const SILENT_ENDS: u32 = 2;

/// A trial in training.
struct Member {
    job: Job,
    run: RunId,
    /// Bytes that it is expected to need.
    bytes: f64,
    /// Whether it has paused for a measurement.
    hushed: bool,
}

/// Trials in training and those that wait for room.
pub(super) struct Crew {
    pub at_once: u32,
    launcher: Launcher,
    device: DeviceChoice,
    memory: f64,
    waiting: VecDeque<u32>,
    members: BTreeMap<u32, Member>,
    silent: BTreeMap<u32, u32>,
    sender: Sender<(u32, Heard)>,
    news: Receiver<(u32, Heard)>,
    kept: VecDeque<(u32, Heard)>,
}

/// Threads that a child may use on this machine.
fn cores() -> u32 {
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok());
    let there = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    asked.filter(|cores: &u32| *cores > 0).unwrap_or_else(there)
}

/// Bytes that are free.
fn free_memory() -> f64 {
    let mut system = sysinfo::System::new().ok();
    system.as_mut().map_or(f64::INFINITY, |system| {
        system.refresh_memory();
        system.available_memory() as f64
    })
}

impl Crew {
    /// A crew for a search on this machine.
    pub fn new(workspace: &Workspace, record: &Search, launcher: Launcher) -> Result<Self, Failure> {
        let config = &record.request.config;
        let mut store = crate::store::Store::open(workspace)?;
        let chosen = crate::devices::choose(&launcher, workspace, &mut store, config)?;
        let cores = cores();
        let usual = if chosen.device == DeviceChoice::Cpu { cores } else { 1 };
        let at_once = record.course.plan.parallel.unwrap_or(usual).min(record.course.plan.trials).max(1);
        let threads = (cores / at_once).max(1);
        let (sender, news) = channel();
        Ok(Self {
            at_once,
            launcher: launcher.with_env("RAYON_NUM_THREADS", threads.to_string()),
            device: chosen.device,
            memory: MEMORY_SHARE * free_memory(),
            waiting: VecDeque::new(),
            members: BTreeMap::new(),
            silent: BTreeMap::new(),
            sender,
            news,
            kept: VecDeque::new(),
        })
    }

    /// Takes up what was in training when the search ended.
    pub fn resume(&mut self, record: &Search) {
        let running = record.course.trials.iter().filter(|trial| trial.state == TrialState::Running);
        self.waiting.extend(running.map(|trial| trial.number));
    }

    pub fn has_room(&self) -> bool {
        self.waiting.is_empty() && self.members.len() < self.at_once as usize
    }

    pub fn wait_for_room(&mut self, number: u32) {
        self.waiting.push_back(number);
    }

    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.members.is_empty()
    }

    /// Starts those that wait, as far as there is room for them.
    pub fn start(&mut self, search: &mut Loop<'_>) -> Result<(), Interrupt> {
        while self.members.len() < self.at_once as usize
            && let Some(number) = self.waiting.front().copied()
        {
            let needs = needs(&search.record, number);
            let (bytes, until) = match needs {
                Ok(needs) => needs,
                Err(failure) => {
                    self.waiting.pop_front();
                    search::fail(&mut search.record.course, number, &failure.message);
                    search.told(number)?;
                    continue;
                }
            };
            // Of a search that was killed: its children may still write their last checkpoints.
            let run = search.record.course.trials[number as usize].run.clone();
            if let Some(run) = &run
                && runs::is_alive(&search.workspace, run)?
            {
                break;
            }
            let used: f64 = self.members.values().map(|member| member.bytes).sum();
            if !self.members.is_empty() && used + bytes > self.memory {
                break;
            }
            self.waiting.pop_front();
            let known = run.is_some();
            let run = prepared(search, number, until, self.device)?;
            if known && self.is_over(search, number, &run)? {
                continue;
            }
            self.launch(search, number, run, bytes)?;
            search.told(number)?;
        }
        Ok(())
    }

    /// Whether a trial's run has come to its end, or to its rung, without the search having heard of it; then it is told now.
    fn is_over(&mut self, search: &mut Loop<'_>, number: u32, run: &RunId) -> Result<bool, Interrupt> {
        let Some(settled) = runs::settle(&search.workspace, &mut search.store, run, None)? else {
            return Ok(false);
        };
        if settled.state.is_final() || rung(search, run, &settled).is_some() {
            self.settle(search, number, run)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn launch(&mut self, search: &Loop<'_>, number: u32, run: RunId, bytes: f64) -> Result<(), Failure> {
        let launch = runs::launch(&search.workspace, &run, false)?;
        let sender = self.sender.clone();
        let job = spawn::start(&self.launcher, &launch, move |heard| {
            if sender.send((number, heard)).is_err() {
                log::debug!("the search is gone");
            }
        })?;
        self.members.insert(number, Member { job, run, bytes, hushed: false });
        Ok(())
    }

    /// The next news, if there are any soon.
    pub fn hear(&mut self) -> Option<(u32, Heard)> {
        self.kept.pop_front().or_else(|| self.news.recv_timeout(LOOK_EVERY).ok())
    }

    /// Takes news of a trial.
    pub fn take(&mut self, search: &mut Loop<'_>, number: u32, heard: Heard) -> Result<(), Interrupt> {
        match heard {
            Heard::Event(event) => {
                if let JobEvent::Started { task, .. } = *event {
                    learn_task(search, task)?;
                }
                Ok(())
            }
            Heard::Ended(how) => {
                let Some(member) = self.members.remove(&number) else { return Ok(()) };
                let again = runs::after_end(&search.workspace, &mut search.store, &member.run, &how)?;
                if again.is_some() {
                    return Ok(self.launch(search, number, member.run, member.bytes)?);
                }
                self.settle(search, number, &member.run)
            }
        }
    }

    /// Finds out what became of a trial whose process has ended.
    fn settle(&mut self, search: &mut Loop<'_>, number: u32, run: &RunId) -> Result<(), Interrupt> {
        let Some(record) = search.store.run(run)? else {
            search::fail(&mut search.record.course, number, "Its run was deleted.");
            return Ok(search.told(number)?);
        };
        match record.state {
            RunState::Finished => self.finished(search, number, &record)?,
            RunState::Failed => {
                let why = record.failure.map_or_else(|| "It failed.".to_owned(), |failure| failure.message);
                search::fail(&mut search.record.course, number, &why);
            }
            RunState::Cancelled => {
                search::fail(&mut search.record.course, number, "Its run was cancelled.");
            }
            RunState::Paused | RunState::Queued | RunState::Running => {
                if let Some(loss) = rung(search, run, &record) {
                    search::reach(&mut search.record.course, number, loss);
                } else {
                    let ends = self.silent.entry(number).or_default();
                    *ends += 1;
                    if *ends <= SILENT_ENDS {
                        self.waiting.push_back(number);
                        return Ok(());
                    }
                    search::fail(&mut search.record.course, number, "Its process ended again and again.");
                }
            }
        }
        Ok(search.told(number)?)
    }

    /// Takes over the figures of a trial that was trained to its end.
    fn finished(&mut self, search: &mut Loop<'_>, number: u32, run: &Run) -> Result<(), Interrupt> {
        let folder = search.workspace.run(&run.id).join("model");
        let card = registry::read_card(&folder)?;
        learn_task(search, card.task)?;
        let metric = search.record.metric().unwrap_or(MetricId::primary(card.task));
        let quality = card.valid.get(&metric).and_then(|value| value.value);
        let speed = if search.record.course.plan.measures() { self.measure(search, &folder)? } else { None };
        if let Some(trial) = search.record.course.trials.get_mut(number as usize) {
            trial.secs = Some(card.train_secs);
            trial.bytes = Some(files::bytes_of(&folder));
            trial.row_secs = speed;
        }
        search::finish(&mut search.record.course, number, quality);
        Ok(())
    }

    /// Seconds for one row, the median, measured while the other trials pause.
    fn measure(&mut self, search: &Loop<'_>, folder: &std::path::Path) -> Result<Option<f64>, Interrupt> {
        self.members.values().for_each(|member| member.job.steer(Steering::Pause));
        let patience = Instant::now() + HUSH;
        while self.members.values().any(|member| !member.hushed) && Instant::now() < patience {
            let Ok((number, heard)) = self.news.recv_timeout(LOOK_EVERY) else { continue };
            let paused = matches!(&heard, Heard::Ended(_))
                || matches!(&heard, Heard::Event(event) if matches!(**event, JobEvent::State { state: RunState::Paused, .. }));
            if let Some(member) = self.members.get_mut(&number).filter(|_| paused) {
                member.hushed = true;
            }
            self.kept.push_back((number, heard));
        }
        let found = measure::in_child(&spawn::this_program()?, folder);
        for member in self.members.values_mut() {
            member.job.steer(Steering::Resume);
            member.hushed = false;
        }
        match found {
            Ok(speed) => Ok(Some(speed.row_secs.median)),
            Err(failure) => {
                search.control.emit(JobEvent::Warning { message: failure.message });
                Ok(None)
            }
        }
    }

    /// Stops everybody with a checkpoint. Who ended by itself meanwhile is told; who does not end in time is killed.
    pub fn stop(&mut self, search: &mut Loop<'_>) {
        self.members.values().for_each(|member| member.job.steer(Steering::Stop));
        let patience = Instant::now() + LAST_CHECKPOINT;
        while !self.members.is_empty() {
            if Instant::now() > patience {
                self.members.values().for_each(|member| member.job.kill());
            }
            let Some((number, heard)) = self.hear() else { continue };
            let Heard::Ended(how) = heard else { continue };
            let Some(member) = self.members.remove(&number) else { continue };
            let settled = runs::after_end(&search.workspace, &mut search.store, &member.run, &how)
                .map_err(Interrupt::from)
                .and_then(|_| match search.store.run(&member.run)? {
                    Some(run)
                        if run.state == RunState::Paused && rung(search, &member.run, &run).is_none() =>
                    {
                        Ok(())
                    }
                    _ => self.settle(search, number, &member.run),
                });
            if let Err(error) = settled {
                log::warn!("a trial could not be settled: {error}");
            }
        }
    }

    /// Starts a run that is no trial and stays with it to its end.
    pub fn see_through(&self, search: &mut Loop<'_>, run: &RunId) -> Result<Run, Interrupt> {
        loop {
            let launch = runs::launch(&search.workspace, run, false)?;
            let (sender, news) = channel();
            let job = spawn::start(&self.launcher, &launch, move |heard| {
                if sender.send(heard).is_err() {
                    log::debug!("the search is gone");
                }
            })?;
            let how = loop {
                if !matches!(search.control.wish(), orrery_learn::control::Wish::Continue) {
                    job.steer(Steering::Stop);
                }
                match news.recv_timeout(LOOK_EVERY) {
                    Ok(Heard::Ended(how)) => break how,
                    Ok(Heard::Event(_)) | Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                        return Err(Failure::new(FailureClass::Bug, "The run's listener is gone.").into());
                    }
                }
            };
            orrery_learn::control::check(search.control)?;
            if runs::after_end(&search.workspace, &mut search.store, run, &how)?.is_none() {
                break;
            }
        }
        let record = search.store.run(run)?.ok_or_else(|| crate::workspace::no_run(run))?;
        Ok(record)
    }

    /// The device that trials compute on.
    pub fn device(&self) -> DeviceChoice {
        self.device
    }
}

/// Learns what is predicted, and with it which way is better.
fn learn_task(search: &mut Loop<'_>, task: Task) -> Result<(), Failure> {
    search.record.task = Some(task);
    let metric = search.record.metric().unwrap_or(MetricId::primary(task));
    if !MetricId::of(task).contains(&metric) {
        let message =
            format!("{} says nothing of '{}'.", metric.title(), search.record.request.config.target);
        return Err(Failure::new(FailureClass::Client, message));
    }
    search.record.course.plan.maximize = metric.higher_is_better();
    Ok(())
}

/// The request of a trial: the search's, with what was chosen.
///
/// # Errors
/// A client failure when a value fits no setting.
pub(super) fn config_of(base: &TrainConfig, values: &Values) -> Result<TrainConfig, Failure> {
    let mut config = base.clone();
    let unfit =
        |why: String| Failure::new(FailureClass::Client, format!("A trial cannot be trained: {why}."));
    for (name, value) in values {
        if name == MODEL {
            let Value::Text(model) = value else { return Err(unfit(format!("'{value}' is no model"))) };
            config.model =
                ModelKind::from_name(model).ok_or_else(|| unfit(format!("'{model}' is no model")))?;
            continue;
        }
        let setting = name.rsplit('.').next().and_then(Setting::from_name);
        setting
            .ok_or_else(|| unfit(format!("'{name}' is no setting")))?
            .put(value, &mut config)
            .map_err(unfit)?;
    }
    Ok(config)
}

/// Bytes that a trial is expected to need, and the epochs or trees after which it stops; none: at its end.
fn needs(record: &Search, number: u32) -> Result<(f64, Option<u64>), Failure> {
    let Some(trial) = record.course.trials.get(number as usize) else { return Ok((0.0, None)) };
    let config = config_of(&record.request.config, &trial.values)?;
    // Of the length and the memory; which device it is changes neither.
    let asked = TrainConfig { device: DeviceChoice::Cpu, ..config.clone() };
    let forecast = orrery_learn::train::forecast(&record.request.dataset, None, &asked, &[]);
    let (bytes, resolved) = match forecast {
        Ok(forecast) => (forecast.memory.value.unwrap_or(0.0), forecast.resolved),
        // The run itself says better what does not fit.
        Err(_) => (0.0, None),
    };
    let shares = record.course.plan.shares();
    let share = shares.get(trial.rung as usize).copied().unwrap_or(1.0);
    let until = (share < 1.0).then(|| length(config.model, resolved.as_deref())).flatten();
    Ok((bytes, until.map(|length| ((share * length as f64).ceil() as u64).max(1))))
}

/// Epochs or trees of a whole training; none where a family has no such thing.
fn length(kind: ModelKind, resolved: Option<&HyperParameters>) -> Option<u64> {
    match kind {
        ModelKind::Gbt => resolved?.trees.map(u64::from),
        kind if kind.is_network() => resolved?.epochs.map(u64::from),
        _ => None,
    }
}

/// The run of a trial, made or ready to go on. Its id is in the store before it is, so that none is lost or made twice.
fn prepared(
    search: &mut Loop<'_>,
    number: u32,
    until: Option<u64>,
    device: DeviceChoice,
) -> Result<RunId, Failure> {
    let trial = &mut search.record.course.trials[number as usize];
    let id = trial.run.get_or_insert_with(|| RunId(runs::fresh_id())).clone();
    let trial: Trial = trial.clone();
    search.save()?;
    let part = TrialPart { search: search.record.id.clone(), trial: number, chosen: false, until };
    if search.store.run(&id)?.is_some() {
        let path = search.workspace.run(&id).join("spec.json");
        let mut spec = runs::spec(&search.workspace, &id)?;
        if let JobSpec::Train { part: old, .. } = &mut spec {
            *old = Some(part);
            spawn::write_spec(&path, &spec)?;
        }
        search.store.update_run(&id, |run| {
            let changes = !run.state.is_final();
            if changes {
                run.state = RunState::Running;
            }
            changes
        })?;
        return Ok(id);
    }
    let new = NewRun {
        dataset: (*search.record.request.dataset).clone(),
        config: config_of(&search.record.request.config, &trial.values)?,
        name: Some(search.record.request.model_name.clone()),
        device,
        state: RunState::Running,
    };
    runs::create_as(&search.workspace, &mut search.store, &new, &id, Some(part))?;
    let name = format!("{} trial {}", search.record.request.model_name, number + 1);
    runs::rename(&mut search.store, &id, &name)?;
    Ok(id)
}

/// The loss of a run that stopped at a rung; none where it stopped for another reason.
fn rung(search: &Loop<'_>, run: &RunId, record: &Run) -> Option<f64> {
    let until = match runs::spec(&search.workspace, run).ok()? {
        JobSpec::Train { part: Some(part), .. } => part.until?,
        _ => return None,
    };
    let reached =
        runs::events(&search.workspace, run).iter().rev().find_map(|logged| match logged.event {
            JobEvent::Rung { resource, loss } if resource >= until => Some(loss),
            _ => None,
        })?;
    Some(record.best_valid_loss.map_or(reached, |best| best.min(reached)))
}
