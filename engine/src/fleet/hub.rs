//! Hub: one thread that takes commands about the fleet, runs what they ask for, and publishes the state.

mod rollouts;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use orrery_domain::{
    Failure, FailureClass,
    fleet::{
        FleetCommand, FleetEndpoint, FleetEvent, FleetEventKind, FleetState, Health, RolloutState,
        TryEndpointState, endpoint::EndpointRole,
    },
    snapshot::Severity,
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle as Task,
};

use super::{
    board::{Board, Note},
    client::{self, Server},
    conformance, drill, gateways, rollout, setup, tries, watch,
};
use crate::{Workspace, jobs::now, store::Store};

/// Least time between two published states.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
/// The same where endpoints were only looked at again, as each is every second: drawing a state costs more than the
/// looks.
const PUBLISH_LOOKS_EVERY: Duration = Duration::from_secs(1);
/// Time between two looks at whether another process changed the set-up.
const RECALL_EVERY: Duration = Duration::from_secs(2);

/// What whoever started a hub hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The fleet as it is now.
    State(Box<FleetState>),
    /// Something a person should read.
    Said(Severity, String),
}

/// The fleet of a workspace. Dropping it ends the polling, and waits for the thread.
pub struct Hub {
    commands: Option<UnboundedSender<FleetCommand>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hub")
    }
}

impl Hub {
    /// Starts the thread. Nothing is contacted before [`FleetCommand::Watch`].
    ///
    /// # Errors
    /// When the store cannot be read, or the thread not started.
    pub fn start(workspace: &Workspace, heard: impl FnMut(Heard) + Send + 'static) -> Result<Self, Failure> {
        let (notes, noted) = unbounded_channel();
        let actor = Actor::new(workspace, notes, Box::new(heard))?;
        let capacity = |error: std::io::Error| {
            Failure::new(FailureClass::Capacity, format!("The fleet's thread could not be started: {error}."))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(capacity)?;
        let (commands, orders) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("fleet".to_owned())
            .spawn(move || runtime.block_on(actor.run(orders, noted)))
            .map_err(capacity)?;
        Ok(Self { commands: Some(commands), thread: Mutex::new(Some(thread)) })
    }

    /// Asks for something. What comes of it is heard later.
    pub fn send(&self, command: FleetCommand) {
        let sent = self.commands.as_ref().map(|commands| commands.send(command));
        if !matches!(sent, Some(Ok(()))) {
            log::debug!("a command for the fleet came after the end");
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.commands = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("the fleet's thread ended in a panic");
        }
    }
}

/// A task that watches an endpoint, and what it was started with.
struct Watcher {
    endpoint: FleetEndpoint,
    task: Task<()>,
}

/// A rollout that this process drives.
struct Driven {
    orders: UnboundedSender<rollout::Order>,
    /// Of its model. Held until its end is in the store: whoever takes it next reads a record that is sure.
    _lock: File,
}

struct Actor {
    workspace: Workspace,
    store: Store,
    board: Board,
    http: reqwest::Client,
    notes: UnboundedSender<Note>,
    heard: Box<dyn FnMut(Heard) + Send>,
    watchers: BTreeMap<String, Watcher>,
    /// The rollouts that this process drives, by id.
    rollouts: BTreeMap<String, Driven>,
    /// The store's revision up to which rollouts were taken over.
    rollouts_seen: i64,
    /// Rollouts that a person wants to go back from: one that is done before it hears so is followed by another.
    going_back: BTreeSet<String>,
    /// Whether rollouts whose process ended are taken up while the fleet is watched.
    takes_up: bool,
    drill: Option<UnboundedSender<drill::Stop>>,
    published: Instant,
    /// Whether something changed that was not published.
    dirty: bool,
    /// Whether an endpoint was looked at again and is as it was.
    looked: bool,
}

impl Actor {
    /// What the store has of the fleet; nothing is contacted.
    fn new(
        workspace: &Workspace,
        notes: UnboundedSender<Note>,
        heard: Box<dyn FnMut(Heard) + Send>,
    ) -> Result<Self, Failure> {
        let store = Store::open(workspace)?;
        let (mut rollouts, rollouts_seen) = store.rollouts_after(0)?;
        rollouts.reverse();
        let board = Board::recall(rollouts, store.drills()?, store.fleet_events(500)?);
        Ok(Self {
            workspace: workspace.clone(),
            store,
            board,
            http: client::connections()?,
            notes,
            heard,
            watchers: BTreeMap::new(),
            rollouts: BTreeMap::new(),
            rollouts_seen,
            going_back: BTreeSet::new(),
            takes_up: false,
            drill: None,
            published: Instant::now(),
            dirty: true,
            looked: false,
        })
    }

    async fn run(mut self, mut orders: UnboundedReceiver<FleetCommand>, mut noted: UnboundedReceiver<Note>) {
        self.settle_superseded();
        self.recall();
        let mut ticks = tokio::time::interval(PUBLISH_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut recalled = Instant::now();
        let mut version = self.store.data_version().ok();
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(command) => self.command(command),
                    None => break,
                },
                Some(note) = noted.recv() => self.take(note),
                _ = ticks.tick() => {}
            }
            if recalled.elapsed() >= RECALL_EVERY {
                recalled = Instant::now();
                let now = self.store.data_version().ok();
                if std::mem::replace(&mut version, now) != now {
                    self.recall();
                }
                if self.takes_up && self.board.polling {
                    self.take_up_all();
                }
            }
            let since = self.published.elapsed();
            if (self.dirty && since >= PUBLISH_EVERY) || (self.looked && since >= PUBLISH_LOOKS_EVERY) {
                self.publish();
            }
        }
        self.take_rest(&mut noted);
        self.let_go().await;
        // Of what went on until the drill was over.
        self.take_rest(&mut noted);
    }

    /// Takes the notes that wait, before locks are released: a rollout that is over must not look interrupted. Nothing new is begun.
    fn take_rest(&mut self, noted: &mut UnboundedReceiver<Note>) {
        self.going_back.clear();
        while let Ok(note) = noted.try_recv() {
            self.take(note);
        }
    }

    /// Ends what goes on: a drill puts its region back before the thread ends; rollouts go on at their gateway.
    async fn let_go(&mut self) {
        for (_, watcher) in std::mem::take(&mut self.watchers) {
            watcher.task.abort();
        }
        if let Some(stop) = self.drill.take() {
            let (done, wait) = tokio::sync::oneshot::channel();
            if stop.send(drill::Stop { done: Some(done) }).is_ok() {
                // However it ends, the thread ends: a drill tries for 10 s at most.
                let _ended = tokio::time::timeout(Duration::from_secs(10), wait).await;
            }
        }
    }

    fn publish(&mut self) {
        (self.dirty, self.looked, self.published) = (false, false, Instant::now());
        (self.heard)(Heard::State(Box::new(self.board.state())));
    }

    fn say(&mut self, severity: Severity, message: impl Into<String>) {
        (self.heard)(Heard::Said(severity, message.into()));
    }

    /// Takes a note, and keeps what must not be lost.
    fn take(&mut self, note: Note) {
        let only_again = self.says_only_again(&note);
        let (mut back, mut over) = (None, None);
        let kept = match &note {
            Note::Rollout(rollout) => {
                if rollout.ended_at.is_some() {
                    over = self.rollouts.remove(&rollout.id);
                    if self.going_back.remove(&rollout.id) && rollout.state == RolloutState::Done {
                        back = Some(rollout.plan.model.name.clone());
                    }
                }
                self.store.put_rollout(rollout)
            }
            Note::Drill(drill) => {
                if drill.ended_at.is_some() {
                    self.drill = None;
                }
                self.store.put_drill(drill)
            }
            Note::Failed(failure) => {
                let message = failure.message.clone();
                self.say(Severity::Error, message);
                Ok(())
            }
            _ => Ok(()),
        };
        drop(over);
        let events = self.board.take(note, now());
        if only_again && events.is_empty() {
            self.looked = true;
        } else {
            self.dirty = true;
        }
        let kept = kept.and_then(|()| self.store.add_fleet_events(&events));
        if let Err(failure) = kept {
            self.say(Severity::Error, failure.message);
        }
        // It was done before the gateway heard that a person wants to go back.
        if let Some(Err(failure)) = back.map(|model| self.roll_back(&model)) {
            self.say(Severity::Error, failure.message);
        }
    }

    /// Whether a note only says again of an endpoint what is known, or counts on.
    fn says_only_again(&self, note: &Note) -> bool {
        let known = |endpoint: &str| self.board.endpoint(endpoint);
        match note {
            Note::Looked { endpoint, .. } => {
                known(endpoint).is_some_and(|status| status.health != Health::Unknown)
            }
            Note::Models { endpoint, models } => {
                known(endpoint).is_some_and(|status| status.models == *models)
            }
            Note::Counted { .. } => true,
            _ => false,
        }
    }

    /// Takes over the set-up as the store has it, and watches what may be watched.
    fn recall(&mut self) {
        match (self.store.regions(), self.store.endpoints()) {
            (Ok(regions), Ok(endpoints)) => self.board.set_up(regions, endpoints),
            (Err(failure), _) | (_, Err(failure)) => self.say(Severity::Error, failure.message),
        }
        self.recall_rollouts();
        self.dirty = true;
        self.watch();
    }

    /// Starts and ends tasks, so that just the endpoints of enabled regions are watched while a person looks.
    fn watch(&mut self) {
        let polling = self.board.polling;
        let wanted: BTreeMap<String, FleetEndpoint> = self
            .board
            .endpoints()
            .filter(|status| polling && self.board.is_enabled(&status.endpoint.region))
            .map(|status| (status.endpoint.name.clone(), status.endpoint.clone()))
            .collect();
        self.watchers.retain(|name, watcher| {
            let stays = wanted.get(name) == Some(&watcher.endpoint) && !watcher.task.is_finished();
            if !stays {
                watcher.task.abort();
            }
            stays
        });
        for (name, endpoint) in wanted {
            if self.watchers.contains_key(&name) {
                continue;
            }
            let server = match Server::new(self.http.clone(), &endpoint) {
                Ok(server) => server,
                Err(failure) => {
                    self.say(Severity::Error, format!("'{name}' cannot be watched. {}", failure.message));
                    continue;
                }
            };
            let notes = self.notes.clone();
            let task = match endpoint.role {
                EndpointRole::Server => tokio::spawn(watch::watch(endpoint.clone(), server, notes)),
                EndpointRole::Gateway => tokio::spawn(watch::watch_gateway(endpoint.clone(), server, notes)),
            };
            self.watchers.insert(name, Watcher { endpoint, task });
        }
    }

    /// The server of an endpoint that is set up, in an enabled region.
    fn server(&self, name: &str) -> Result<(FleetEndpoint, Server), Failure> {
        let status = self.board.endpoint(name).ok_or_else(|| setup::no_endpoint(name))?;
        if !self.board.is_enabled(&status.endpoint.region) {
            let message = format!(
                "The region '{}' is not enabled, so that '{name}' is not contacted. Enable it first.",
                status.endpoint.region
            );
            return Err(Failure::new(FailureClass::Client, message));
        }
        Ok((status.endpoint.clone(), Server::new(self.http.clone(), &status.endpoint)?))
    }

    fn command(&mut self, command: FleetCommand) {
        self.dirty = true;
        if let Err(failure) = self.carry_out(command) {
            self.say(Severity::Error, failure.message);
        }
    }

    fn carry_out(&mut self, command: FleetCommand) -> Result<(), Failure> {
        match command {
            FleetCommand::PutRegion { region } => {
                setup::put_region(&mut self.store, &region)?;
                self.changed(&region.name, "The region was set up.");
            }
            FleetCommand::RemoveRegion { region } => {
                setup::remove_region(&mut self.store, &region)?;
                self.changed(&region, "The region was removed.");
            }
            FleetCommand::PutEndpoint { endpoint } => {
                setup::put_endpoint(&mut self.store, &endpoint)?;
                self.changed(&endpoint.name, "The endpoint was set up.");
            }
            FleetCommand::RemoveEndpoint { endpoint } => {
                setup::remove_endpoint(&mut self.store, &endpoint)?;
                self.changed(&endpoint, "The endpoint was removed; its server was left alone.");
            }
            FleetCommand::Watch { open } => {
                self.board.polling = open;
                self.watch();
            }
            FleetCommand::Conform { endpoint } => {
                let (_, server) = self.server(&endpoint)?;
                self.note(async move {
                    Note::Conformance(Box::new(conformance::check(&endpoint, &server, None).await))
                });
            }
            FleetCommand::PlanRollout { plan } => {
                let targets = self.targets(&plan.endpoints)?;
                let (workspace, gateway) = (self.workspace.clone(), self.gateway_for_rollouts());
                self.note(async move {
                    match rollout::plan(&workspace, *plan, &targets, gateway.as_ref()).await {
                        Ok(rollout) => Note::Planned(Box::new(rollout)),
                        Err(failure) => Note::Failed(failure),
                    }
                });
            }
            FleetCommand::StartRollout { plan } => self.start_rollout(*plan)?,
            FleetCommand::ResumeRollouts { model: Some(model) } => self.resume(&model)?,
            FleetCommand::ResumeRollouts { model: None } => {
                self.takes_up = true;
                self.take_up_all();
            }
            FleetCommand::PromoteRollout { rollout } => self.order(&rollout, rollout::Order::Promote)?,
            FleetCommand::RollBackRollout { rollout } => self.order(&rollout, rollout::Order::RollBack)?,
            FleetCommand::RollBackDeployment { model } => self.roll_back(&model)?,
            FleetCommand::DescribeEndpoint { endpoint, model, version } => {
                let (_, server) = self.server(&endpoint)?;
                self.note(async move {
                    match tries::describe(&server, &endpoint, &model, version.as_deref()).await {
                        Ok(state) => Note::Tried(Box::new(state)),
                        Err(failure) => Note::Failed(failure),
                    }
                });
            }
            FleetCommand::TryEndpoint { endpoint, model, version, row } => {
                self.try_row(endpoint, model, version, row)?;
            }
            FleetCommand::Simulate { gateway } => {
                let (_, server) = self.server(&gateway)?;
                self.note(async move {
                    let result = gateways::simulate(&server).await;
                    Note::Simulated { gateway, result }
                });
            }
            FleetCommand::SetStrategy { gateway, strategy } => {
                let done = format!("'{gateway}' now uses {}.", strategy.title());
                self.ask_gateway(&gateway, done, move |server| async move {
                    gateways::set_strategy(&server, strategy).await
                })?;
            }
            FleetCommand::Record { gateway, on } => {
                let done = if on { "records its traffic, without bodies" } else { "records no more" };
                self.ask_gateway(&gateway, format!("'{gateway}' {done}."), move |server| async move {
                    gateways::record(&server, on).await
                })?;
            }
            FleetCommand::Drain { gateway, endpoint, on } => {
                let done = if on { "was taken out of the traffic" } else { "takes traffic again" };
                self.ask_gateway(&gateway, format!("'{endpoint}' {done}."), move |server| async move {
                    gateways::drain(&server, &endpoint, on).await
                })?;
            }
            FleetCommand::StartDrill { gateway, region } => self.start_drill(gateway, region)?,
            FleetCommand::CancelDrill => {
                if let Some(stop) = &self.drill {
                    // A drill that has just ended needs no stop.
                    let _sent = stop.send(drill::Stop { done: None });
                }
            }
        }
        Ok(())
    }

    /// Notes a change of the set-up and takes it over.
    fn changed(&mut self, subject: &str, message: &str) {
        self.recall();
        self.take(Note::Happened(FleetEvent {
            at: now(),
            severity: Severity::Info,
            kind: FleetEventKind::Config,
            subject: subject.to_owned(),
            message: message.to_owned(),
        }));
    }

    /// Does something in the background that ends in a note.
    fn note(&self, work: impl Future<Output = Note> + Send + 'static) {
        let notes = self.notes.clone();
        tokio::spawn(async move {
            if notes.send(work.await).is_err() {
                log::debug!("nobody takes notes of the fleet any more");
            }
        });
    }

    /// Asks a gateway for a change, and says what came of it.
    fn ask_gateway<F>(
        &self,
        gateway: &str,
        done: String,
        ask: impl FnOnce(Server) -> F,
    ) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let (endpoint, server) = self.server(gateway)?;
        let asked = ask(server);
        self.note(async move {
            match asked.await {
                Ok(()) => Note::Happened(FleetEvent {
                    at: now(),
                    severity: Severity::Info,
                    kind: FleetEventKind::Config,
                    subject: endpoint.name,
                    message: done,
                }),
                Err(failure) => Note::Failed(failure),
            }
        });
        Ok(())
    }

    fn try_row(
        &mut self,
        endpoint: String,
        model: String,
        version: Option<String>,
        row: Vec<(String, Option<String>)>,
    ) -> Result<(), Failure> {
        let (_, server) = self.server(&endpoint)?;
        let kind = self.board.endpoint(&endpoint).map(|status| status.server).unwrap_or_default();
        self.note(async move {
            let described = tries::describe(&server, &endpoint, &model, version.as_deref()).await;
            let state = match described {
                Ok(state) => tries::ask(&server, kind, state, &row).await,
                Err(failure) => TryEndpointState {
                    endpoint,
                    model,
                    version,
                    inputs: Vec::new(),
                    outputs: Vec::new(),
                    answer: Some(Err(failure)),
                    waiting: false,
                    secs: None,
                    explanation: None,
                },
            };
            Note::Tried(Box::new(state))
        });
        Ok(())
    }

    fn start_drill(&mut self, gateway: String, region: String) -> Result<(), Failure> {
        if self.drill.is_some() {
            return Err(Failure::new(
                FailureClass::Client,
                "A drill goes on already. Wait for its end, or end it.",
            ));
        }
        if !self.board.regions.iter().any(|known| known.name == region) {
            return Err(setup::no_region(&region));
        }
        let (_, server) = self.server(&gateway)?;
        let (stop, stopped) = unbounded_channel();
        self.drill = Some(stop);
        let (id, notes) = (crate::runs::fresh_id(), self.notes.clone());
        tokio::spawn(drill::run(drill::Plan { id, gateway, region, server, notes, stopped }));
        Ok(())
    }
}
