//! The supervisor: the one writer of state in a process. Takes commands and events, publishes snapshots.
//!
//! ```text
//! window ──Command──►┐                       ┌──► effects thread (store, files; in order)
//! children ──Heard──►│ inbox ─► State (one   ├──► workers (slow things)
//! effects ──reply───►│          thread) ─────┤──► children
//! tailer ──Tailed───►┘             │         └──► tailer (events.jsonl of runs elsewhere)
//!                                  └─► Arc<Snapshot>, at most 30 a second, and a wake-up
//! ```

mod changes;
mod commands;
mod compressions;
mod devices;
mod effects;
mod fleet;
mod notices;
mod searches;
mod session;
mod side_jobs;
mod state;
mod tailer;
mod training;
mod tunings;
mod window_state;

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock, mpsc::Sender, mpsc::channel},
    thread::JoinHandle,
};

use orrery_domain::{Command, Engine, Failure, Snapshot};

use crate::{Workspace, jobs::Launcher, store::Store};
use state::State;

/// What reaches the supervisor's thread.
pub(crate) enum Message {
    /// A person asked for something.
    Command(Command),
    /// A thread has news: what to do about them.
    Apply(Reply),
}

/// What a thread's news do to the state.
pub(crate) type Reply = Box<dyn FnOnce(&mut State) + Send>;

type Wake = Arc<dyn Fn() + Send + Sync>;

/// What the window reads.
#[derive(Default)]
pub(crate) struct Shared {
    snapshot: RwLock<Arc<Snapshot>>,
    wake: Mutex<Option<Wake>>,
}

impl Shared {
    /// Makes a snapshot the latest and wakes whoever waits for it.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(wake) = wake {
            wake();
        }
    }
}

/// The engine of a window.
pub struct Supervisor {
    shared: Arc<Shared>,
    inbox: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Supervisor")
    }
}

impl Supervisor {
    /// Opens the workspace for a window. Where another window has it, this one only looks.
    ///
    /// # Errors
    /// When the workspace's database cannot be opened.
    pub fn start(workspace: Workspace, launcher: Launcher) -> Result<Self, Failure> {
        let store = Store::open(&workspace)?;
        let claim = workspace.claim_window()?;
        let shared = Arc::new(Shared::default());
        let (inbox, messages) = channel();
        let mut state = State::new(workspace, launcher, inbox.clone(), Arc::clone(&shared), claim, &store)?;
        state.begin(store);
        let thread = std::thread::Builder::new()
            .name("supervisor".into())
            .spawn(move || state.run(&messages))
            .map_err(|error| {
                Failure::new(
                    orrery_domain::FailureClass::Capacity,
                    format!(
                        "The supervisor could not be started: {error}. Close other programs and try again."
                    ),
                )
            })?;
        Ok(Self { shared, inbox, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the supervisor: as the last [`Command::Shutdown`] asked, else by stopping every job with a checkpoint. Returns when
    /// all of them have ended or were let go.
    pub fn close(&self) {
        self.send(Command::Shutdown { keep_jobs: false });
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("the supervisor ended in a panic");
        }
    }
}

impl Engine for Supervisor {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn send(&self, command: Command) {
        if self.inbox.send(Message::Command(command)).is_err() {
            log::debug!("a command came after the end");
        }
    }

    fn on_change(&self, wake: Box<dyn Fn() + Send + Sync>) {
        *self.shared.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::from(wake));
    }
}
