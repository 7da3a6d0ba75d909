//! The supervisor's state and its loop.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fs::File,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};

use orrery_domain::{Failure, RunId, Snapshot, job::Steering, snapshot::WorkspaceInfo};

use super::{
    Message, Shared,
    effects::{Effect, Effects},
    session::Session,
    side_jobs::SideJob,
    tailer::Tailer,
    training::Child,
    window_state::WindowKeeper,
};
use crate::{
    Workspace, files,
    jobs::Launcher,
    jobs::now,
    store::{Store, WindowFile},
};

/// At most 30 snapshots a second.
const PUBLISH_EVERY: Duration = Duration::from_millis(34);

/// How often the state looks after itself.
const TICK: Duration = Duration::from_secs(1);

/// How often disk use is counted without a reason.
const COUNT_DISK_EVERY: Duration = Duration::from_mins(1);

/// How long children may take to write their last checkpoint when the window closes.
const LAST_CHECKPOINT: Duration = Duration::from_mins(1);

/// Everything the supervisor knows. Only its own thread touches it.
pub(crate) struct State {
    pub(super) workspace: Workspace,
    pub(super) launcher: Launcher,
    pub(super) inbox: Sender<Message>,
    pub(super) effects: Option<Effects>,
    pub(super) keeper: Option<WindowKeeper>,
    pub(super) tailer: Tailer,
    pub(super) snapshot: Snapshot,
    /// Position of each run, counted from the end: new runs come first and change no other's.
    pub(super) places: HashMap<RunId, usize>,
    pub(super) children: HashMap<RunId, Child>,
    /// Runs that other processes have.
    pub(super) elsewhere: BTreeSet<RunId>,
    pub(super) watched: Vec<RunId>,
    pub(super) side_jobs: HashMap<u64, SideJob>,
    /// Compressions that wait for the one that goes on.
    pub(super) waiting: VecDeque<(u64, orrery_domain::job::JobSpec)>,
    pub(super) session: Option<Session>,
    pub(super) forecasting: bool,
    pub(super) next_forecast: Option<super::commands::ForecastRequest>,
    /// The fleet, once somebody asked about it.
    pub(super) fleet: Option<crate::fleet::Hub>,
    /// Its end, once the window closes.
    pub(super) ending_fleet: Option<std::thread::JoinHandle<()>>,
    /// The profile that is being computed.
    pub(super) profile_going_on: Option<orrery_domain::job::JobSpec>,
    pub(super) numbers: u64,
    shared: Arc<Shared>,
    claim: Option<File>,
    dirty: bool,
    published: Instant,
    ticked: Instant,
    disk_counted: Option<Instant>,
    counting_disk: bool,
    closing: Option<Instant>,
}

impl State {
    pub(super) fn new(
        workspace: Workspace,
        launcher: Launcher,
        inbox: Sender<Message>,
        shared: Arc<Shared>,
        claim: Option<File>,
        store: &Store,
    ) -> Result<Self, Failure> {
        let info = WorkspaceInfo {
            home: workspace.home().to_path_buf(),
            read_only: claim.is_none(),
            disk_bytes: None,
            free_bytes: None,
        };
        let (file, found) = WindowFile::open(&workspace);
        let snapshot = Snapshot {
            workspace: Arc::new(info),
            default_device: store.default_device()?,
            window_state: found.text().map(Arc::from),
            now: now(),
            ..Snapshot::default()
        };
        // The window's own state must be there before its first frame.
        shared.publish(snapshot.clone());
        let mut state = Self {
            keeper: Some(WindowKeeper::start(file, inbox.clone())),
            tailer: Tailer::start(workspace.clone(), inbox.clone()),
            workspace,
            launcher,
            inbox,
            effects: None,
            snapshot,
            places: HashMap::new(),
            children: HashMap::new(),
            elsewhere: BTreeSet::new(),
            watched: Vec::new(),
            side_jobs: HashMap::new(),
            waiting: VecDeque::new(),
            session: None,
            forecasting: false,
            next_forecast: None,
            fleet: None,
            ending_fleet: None,
            profile_going_on: None,
            numbers: 0,
            shared,
            claim,
            dirty: true,
            published: Instant::now(),
            ticked: Instant::now(),
            disk_counted: None,
            counting_disk: false,
            closing: None,
        };
        state.tell_found(&found);
        Ok(state)
    }

    /// Starts what runs beside the supervisor, and finds out what happened while nobody watched.
    pub(super) fn begin(&mut self, store: Store) {
        let workspace = self.workspace.clone();
        self.effects = Some(Effects::start(store, workspace, self.inbox.clone(), self.read_only()));
        if self.read_only() {
            self.say(
                orrery_domain::snapshot::Severity::Warning,
                "Another window has this workspace: this one only looks. Close the other one to work here.",
            );
        }
        self.list_devices();
    }

    /// Whether another window has the workspace.
    pub(super) fn read_only(&self) -> bool {
        self.claim.is_none()
    }

    /// The next number for a job, a notice or a request.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Notes that the snapshot differs from what was published.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// The loop: until the end, or until nobody can send any more.
    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let wait = if self.dirty { PUBLISH_EVERY.saturating_sub(self.published.elapsed()) } else { TICK };
            match messages.recv_timeout(wait) {
                Ok(message) => {
                    self.take(message);
                    // What else is there comes into the same snapshot.
                    while let Ok(message) = messages.try_recv() {
                        self.take(message);
                        if self.dirty && self.published.elapsed() >= PUBLISH_EVERY {
                            self.publish();
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.ticked.elapsed() >= TICK {
                self.tick();
            }
            if self.dirty && self.published.elapsed() >= PUBLISH_EVERY {
                self.publish();
            }
            if self.is_over() {
                self.publish();
                return;
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Command(command) => self.command(command),
            Message::Apply(reply) => reply(self),
        }
    }

    fn publish(&mut self) {
        self.snapshot.revision += 1;
        self.snapshot.now = now();
        self.shared.publish(self.snapshot.clone());
        self.dirty = false;
        self.published = Instant::now();
    }

    fn tick(&mut self) {
        self.ticked = Instant::now();
        if self.disk_counted.is_none_or(|counted| counted.elapsed() >= COUNT_DISK_EVERY) {
            self.count_disk();
        }
        if self.closing.is_some_and(|since| since.elapsed() > LAST_CHECKPOINT) {
            for child in self.children.values() {
                child.kill();
            }
        }
    }

    /// Counts disk use in the background.
    pub(super) fn count_disk(&mut self) {
        if std::mem::replace(&mut self.counting_disk, true) {
            return;
        }
        self.disk_counted = Some(Instant::now());
        let workspace = self.workspace.clone();
        self.work("disk", move || {
            let (used, free) = (workspace.disk_bytes(), files::free_bytes(workspace.home()));
            Box::new(move |state| {
                state.counting_disk = false;
                let info = &*state.snapshot.workspace;
                let counted = WorkspaceInfo { disk_bytes: Some(used), free_bytes: free, ..info.clone() };
                if *info != counted {
                    state.snapshot.workspace = Arc::new(counted);
                    state.touch();
                }
            })
        });
    }

    /// Does something with the store or files, in the order asked for, on the effects thread.
    pub(super) fn effect(&self, effect: Effect) {
        if let Some(effects) = &self.effects {
            effects.send(effect);
        }
    }

    /// The window closes: lets the runs go on by themselves, or stops them with a checkpoint.
    pub(super) fn shut_down(&mut self, keep_jobs: bool) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(Instant::now());
        self.session = None;
        self.let_fleet_go();
        self.waiting.clear();
        for (_, job) in self.side_jobs.drain() {
            job.stop();
        }
        if keep_jobs {
            for (_, child) in self.children.drain() {
                child.let_go();
            }
        } else {
            for child in self.children.values_mut() {
                child.tell(Steering::Stop);
            }
        }
    }

    /// Whether the window is closing.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    fn is_over(&mut self) -> bool {
        if self.closing.is_none() || !self.children.is_empty() {
            return false;
        }
        if self.ending_fleet.as_ref().is_some_and(|ending| !ending.is_finished()) {
            return false;
        }
        // What was asked of the store before the end is done before the end.
        if let Some(effects) = self.effects.take() {
            effects.finish();
        }
        if let Some(keeper) = self.keeper.take() {
            keeper.finish();
        }
        true
    }
}
