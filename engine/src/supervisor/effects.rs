//! What the supervisor's thread must not wait for: the store and files (in order, on one thread), and slow work beside it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use orrery_domain::{Failure, RunId, run::RunState, snapshot::Severity};

use super::{Message, Reply, state::State};
use crate::{Workspace, jobs::child::panic_failure, runs, store::Store};

/// How often other processes' writes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// How often runs are checked for processes that died elsewhere.
const RECONCILE_EVERY: Duration = Duration::from_secs(4);

/// Something done with the store and the workspace; its reply comes after the changes it made.
pub(crate) type Effect = Box<dyn FnOnce(&mut Store, &Workspace) -> Result<Reply, Failure> + Send>;

/// The effects thread.
pub(crate) struct Effects {
    effects: Sender<Effect>,
    thread: JoinHandle<()>,
}

impl Effects {
    pub(super) fn start(store: Store, workspace: Workspace, inbox: Sender<Message>, read_only: bool) -> Self {
        let (effects, receiver) = channel();
        let worker =
            Worker { store, workspace, inbox, read_only, revision: 0, version: None, reconciled: None };
        let thread = std::thread::spawn(move || worker.run(&receiver));
        Self { effects, thread }
    }

    pub(super) fn send(&self, effect: Effect) {
        if self.effects.send(effect).is_err() {
            log::error!("the effects thread is gone");
        }
    }

    /// Waits until everything asked for is done.
    pub(super) fn finish(self) {
        drop(self.effects);
        if self.thread.join().is_err() {
            log::error!("the effects thread ended in a panic");
        }
    }
}

struct Worker {
    store: Store,
    workspace: Workspace,
    inbox: Sender<Message>,
    read_only: bool,
    revision: i64,
    version: Option<i64>,
    reconciled: Option<Instant>,
}

impl Worker {
    fn run(mut self, effects: &Receiver<Effect>) {
        self.reconcile();
        self.look(true);
        loop {
            match effects.recv_timeout(LOOK_EVERY) {
                Ok(effect) => {
                    let (store, workspace) = (&mut self.store, &self.workspace);
                    let done = catch_unwind(AssertUnwindSafe(|| effect(store, workspace)));
                    let reply = done.unwrap_or_else(|panic| Err(panic_failure(&*panic)));
                    self.look(true);
                    self.reply(reply.unwrap_or_else(|failure| Box::new(move |state| state.report(&failure))));
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.reconciled.is_none_or(|last| last.elapsed() >= RECONCILE_EVERY) {
                        self.reconcile();
                    }
                    self.look(false);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn reply(&self, reply: Reply) {
        if self.inbox.send(Message::Apply(reply)).is_err() {
            log::debug!("the supervisor is gone");
        }
    }

    /// Takes over what changed in the store; `own` where this thread may have changed it itself.
    fn look(&mut self, own: bool) {
        let looked = self.store.data_version().and_then(|version| {
            let changed = self.version.replace(version) != Some(version);
            if own || changed { self.store.changes_since(self.revision).map(Some) } else { Ok(None) }
        });
        match looked {
            Ok(Some(changes)) => {
                self.revision = changes.revision;
                if !changes.is_empty() {
                    self.reply(Box::new(move |state| state.take_changes(changes)));
                }
            }
            Ok(None) => {}
            Err(failure) => self.reply(Box::new(move |state| state.report(&failure))),
        }
    }

    /// Settles runs whose process died, and tells which ones other processes have.
    fn reconcile(&mut self) {
        let first = self.reconciled.is_none();
        self.reconciled = Some(Instant::now());
        let found =
            if self.read_only { self.alive() } else { runs::reconcile(&self.workspace, &mut self.store) };
        match found {
            Ok((settled, alive)) => {
                if !settled.is_empty() {
                    self.look(true);
                }
                self.reply(Box::new(move |state| {
                    for run in settled.iter().filter(|run| run.state == RunState::Paused) {
                        let message = format!(
                            "'{}' was interrupted. Its last checkpoint is kept: resume it to go on.",
                            run.name
                        );
                        state.say(Severity::Warning, message);
                    }
                    state.found_elsewhere(alive);
                    if first {
                        state.pump();
                    }
                }));
            }
            Err(failure) => self.reply(Box::new(move |state| state.report(&failure))),
        }
    }

    /// For a window that only looks: which open runs have a process.
    fn alive(&self) -> Result<(Vec<orrery_domain::run::Run>, Vec<RunId>), Failure> {
        let mut alive = Vec::new();
        for run in self.store.open_runs()? {
            if runs::is_alive(&self.workspace, &run.id)? {
                alive.push(run.id);
            }
        }
        Ok((Vec::new(), alive))
    }
}

impl State {
    /// Does something slow on a thread of its own; a panic there is a notice, not an end.
    pub(super) fn work(&self, name: &str, work: impl FnOnce() -> Reply + Send + 'static) {
        let inbox = self.inbox.clone();
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let reply = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
                let failure = panic_failure(&*panic);
                Box::new(move |state: &mut Self| state.report(&failure))
            });
            if inbox.send(Message::Apply(reply)).is_err() {
                log::debug!("the supervisor is gone");
            }
        });
        if let Err(error) = spawned {
            log::error!("a worker could not be started: {error}");
        }
    }
}
