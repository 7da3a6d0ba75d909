//! Keeps the window's own state: on a thread of its own, so that no other write delays it; the latest text wins.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread::JoinHandle,
};

use orrery_domain::snapshot::Severity;

use super::{Message, state::State};
use crate::store::{Found, WindowFile};

/// The thread that writes.
pub(super) struct WindowKeeper {
    texts: Sender<String>,
    thread: JoinHandle<()>,
}

impl WindowKeeper {
    pub(super) fn start(file: WindowFile, inbox: Sender<Message>) -> Self {
        let (texts, receiver) = channel();
        let thread = std::thread::spawn(move || write(file, &receiver, &inbox));
        Self { texts, thread }
    }

    fn keep(&self, text: String) {
        if self.texts.send(text).is_err() {
            log::error!("the window's state is no longer kept");
        }
    }

    /// Waits until the last state is on the disk.
    pub(super) fn finish(self) {
        drop(self.texts);
        if self.thread.join().is_err() {
            log::error!("keeping the window's state ended in a panic");
        }
    }
}

fn write(mut file: WindowFile, texts: &Receiver<String>, inbox: &Sender<Message>) {
    let mut failed = false;
    while let Ok(text) = texts.recv() {
        let latest = texts.try_iter().last().unwrap_or(text);
        let saved = file.save(&latest);
        let report = saved.is_err() && !failed;
        failed = saved.is_err();
        if let (true, Err(failure)) = (report, saved)
            && inbox.send(Message::Apply(Box::new(move |state| state.report(&failure)))).is_err()
        {
            log::debug!("the supervisor is gone");
        }
    }
}

impl State {
    /// Keeps the state of a window. One that only looks has its own in memory; the other window's is the one to keep.
    pub(super) fn save_window_state(&mut self, text: String) {
        if let Some(keeper) = self.keeper.as_ref().filter(|_| !self.read_only()) {
            keeper.keep(text);
        }
    }

    /// Says so when the window does not begin where it ended.
    pub(super) fn tell_found(&mut self, found: &Found) {
        match found {
            Found::Nothing | Found::Newest(_) => {}
            Found::Older(_) => self.say(
                Severity::Warning,
                "The window's last layout and form edits were damaged on the disk, so it begins with those saved just before. \
                 Datasets, runs and models are not affected.",
            ),
            Found::Damaged => self.say(
                Severity::Warning,
                "The window's kept layout and unsaved form edits could not be read, so it begins with its defaults. Datasets, \
                 runs and models are not affected; `orrery doctor` checks the disk.",
            ),
        }
    }
}
