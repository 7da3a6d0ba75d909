//! A child's line to the outside: hears steering, says events, keeps the run's log and its record.

use std::{
    io::BufRead,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use orrery_domain::{
    Failure,
    job::{JobEvent, Steering},
    run::Run,
};
use orrery_learn::control::{JobControl, Wish};
use orrery_policy::lifecycle;

use super::{LoggedEvent, lines::Appender, lines::Tail, now, outbox::Outbox};
use crate::{runs, store::Store};

/// How often the control file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How often progress goes to the run's log.
const LOG_PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// The log of standard error is emptied when it is longer than this.
const LOG_BYTES: u64 = 4 << 20;

/// What a child works with. Implements [`JobControl`] for `learn`.
#[derive(Debug)]
pub struct Control {
    wish: AtomicU8,
    detached: AtomicBool,
    outbox: Outbox,
    record: Option<Mutex<Record>>,
}

/// A run's own log and record; the child is their only writer while it holds the lock.
#[derive(Debug)]
struct Record {
    log: Appender,
    run: Run,
    store: Store,
    progress_logged: Option<Instant>,
}

impl Control {
    /// A control that writes events to `output`.
    pub fn new(output: impl std::io::Write + Send + 'static, detached: bool) -> Self {
        Self {
            wish: AtomicU8::new(CONTINUE),
            detached: AtomicBool::new(detached),
            outbox: Outbox::new(output),
            record: None,
        }
    }

    /// The same control, keeping `run`'s log in its folder and its record in the store.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub fn recording(mut self, run: Run, folder: &Path, store: Store) -> Result<Self, Failure> {
        let log = Appender::open(&folder.join("events.jsonl"))?;
        self.record = Some(Mutex::new(Record { log, run, store, progress_logged: None }));
        Ok(self)
    }

    /// Obeys an order. A job that was told to end is not told otherwise.
    pub fn obey(&self, order: Steering) {
        let wish = match order {
            Steering::Pause => PAUSE,
            Steering::Resume => CONTINUE,
            Steering::Cancel => CANCEL,
            Steering::Stop => STOP,
            Steering::Detach => {
                self.detached.store(true, Ordering::Release);
                return;
            }
        };
        let _unchanged_if_ending = self.wish.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
            (now != CANCEL && now != STOP).then_some(wish)
        });
    }

    /// Hears orders on `input` from another thread until it ends. Its end means that the parent is gone: checkpoint, then end.
    pub fn hear(self: &Arc<Self>, input: impl BufRead + Send + 'static) {
        let control = Arc::clone(self);
        std::thread::spawn(move || {
            // By bytes: a line that is no text is one bad order, not the parent's end.
            for line in input.split(b'\n') {
                let Ok(line) = line else { break };
                match serde_json::from_slice(&line) {
                    Ok(order) => control.obey(order),
                    Err(error) => log::warn!("an order cannot be read: {error}"),
                }
            }
            if !control.detached.load(Ordering::Acquire) {
                control.obey(Steering::Stop);
            }
        });
    }

    /// Looks at a run's control file, from `offset` on, and keeps the log of standard error small.
    pub fn watch(self: &Arc<Self>, folder: &Path, offset: u64) {
        let (control, stderr) = (Arc::clone(self), folder.join("stderr.log"));
        let mut tail = Tail::new(folder.join("control"), offset);
        std::thread::spawn(move || {
            loop {
                tail.read().into_iter().for_each(|order| control.obey(order));
                shorten(&stderr);
                std::thread::sleep(LOOK_EVERY);
            }
        });
    }

    /// Waits until what was said is out.
    pub fn flush(&self) {
        self.outbox.flush();
    }
}

const CONTINUE: u8 = 0;
const PAUSE: u8 = 1;
const CANCEL: u8 = 2;
const STOP: u8 = 3;

impl JobControl for Control {
    fn emit(&self, event: JobEvent) {
        if let Some(record) = &self.record {
            // A panic elsewhere while it was held left whole lines: go on.
            record.lock().unwrap_or_else(PoisonError::into_inner).keep(&event);
        }
        self.outbox.say(&event);
    }

    fn wish(&self) -> Wish {
        match self.wish.load(Ordering::Acquire) {
            PAUSE => Wish::Pause,
            CANCEL => Wish::Cancel,
            STOP => Wish::Stop,
            _ => Wish::Continue,
        }
    }
}

impl Record {
    /// Logs an event and, where it changes the run's state, the record. A disk that refuses does not end the training.
    fn keep(&mut self, event: &JobEvent) {
        let at = now();
        lifecycle::fold(&mut self.run, event, at);
        let progress = matches!(event, JobEvent::Progress { .. });
        if progress && self.progress_logged.is_some_and(|last| last.elapsed() < LOG_PROGRESS_EVERY) {
            return;
        }
        if progress {
            self.progress_logged = Some(Instant::now());
        }
        let durable = matches!(
            event,
            JobEvent::Started { .. }
                | JobEvent::State { .. }
                | JobEvent::Finished { .. }
                | JobEvent::Failed { .. }
        );
        let logged = LoggedEvent { at, event: event.clone() };
        if let Err(failure) = self.log.append(&logged, durable) {
            log::error!("{failure}");
        }
        if durable && let Err(failure) = runs::put(&mut self.store, &self.run) {
            log::error!("{failure}");
        }
    }
}

/// Empties a log that grew too long; it is open for appending, so writing goes on.
fn shorten(log: &Path) {
    if Tail::length(log) > LOG_BYTES
        && let Err(error) = std::fs::OpenOptions::new().write(true).open(log).and_then(|file| file.set_len(0))
    {
        log::debug!("a log could not be emptied: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_told_to_end_is_not_told_otherwise() {
        let control = Control::new(std::io::sink(), false);
        control.obey(Steering::Pause);
        assert_eq!(control.wish(), Wish::Pause);
        control.obey(Steering::Resume);
        assert_eq!(control.wish(), Wish::Continue);
        control.obey(Steering::Cancel);
        control.obey(Steering::Resume);
        control.obey(Steering::Stop);
        assert_eq!(control.wish(), Wish::Cancel);
    }

    #[test]
    fn the_end_of_input_stops_only_who_is_not_detached() {
        let orders: [(&[u8], Wish); 4] = [
            (b"", Wish::Stop),
            (b"{\"steer\":\"detach\"}\n", Wish::Continue),
            // Lines that are no orders, or no text, are passed over.
            (b"\xff\xfe\n\n{}\n{\"steer\":\"detach\"}\n", Wish::Continue),
            (b"{\"steer\":\"detach\"}\n\xff\n{\"steer\":\"pause\"}\r\n", Wish::Pause),
        ];
        for (bytes, wish) in orders {
            let control = Arc::new(Control::new(std::io::sink(), false));
            control.hear(bytes);
            let end = Instant::now() + Duration::from_secs(2);
            while Arc::strong_count(&control) > 1 && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(control.wish(), wish);
        }
    }
}
