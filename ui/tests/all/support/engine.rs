//! An engine that holds one snapshot and writes down what it is asked for.

use std::sync::{Arc, Mutex};

use orrery_domain::{Command, Engine, Snapshot};

type Wake = Box<dyn Fn() + Send + Sync>;

/// The engine of tests and of the demo.
pub struct StillEngine {
    snapshot: Mutex<Arc<Snapshot>>,
    asked: Mutex<Vec<Command>>,
    wake: Mutex<Option<Wake>>,
}

impl StillEngine {
    /// An engine that shows `snapshot`.
    pub fn new(snapshot: Snapshot) -> Arc<Self> {
        let snapshot = Mutex::new(Arc::new(snapshot));
        Arc::new(Self { snapshot, asked: Mutex::default(), wake: Mutex::default() })
    }

    /// Everything it was asked for, window states excepted; forgets it.
    pub fn asked(&self) -> Vec<Command> {
        let mut asked = std::mem::take(&mut *self.asked.lock().expect("no test panics while holding it"));
        asked.retain(|command| !matches!(command, Command::SaveWindowState { .. }));
        asked
    }

    /// The window's state as it was last sent; ask before [`Self::asked`].
    pub fn saved_state(&self) -> Option<String> {
        let asked = self.asked.lock().expect("no test panics while holding it");
        asked.iter().rev().find_map(|command| match command {
            Command::SaveWindowState { state } => Some(state.clone()),
            _ => None,
        })
    }

    /// Changes the snapshot and wakes the window.
    pub fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        change(Arc::make_mut(&mut self.snapshot.lock().expect("no test panics while holding it")));
        if let Some(wake) = &*self.wake.lock().expect("no test panics while holding it") {
            wake();
        }
    }
}

impl Engine for StillEngine {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.lock().expect("no test panics while holding it").clone()
    }

    fn send(&self, command: Command) {
        self.asked.lock().expect("no test panics while holding it").push(command);
    }

    fn on_change(&self, wake: Wake) {
        *self.wake.lock().expect("no test panics while holding it") = Some(wake);
    }
}
