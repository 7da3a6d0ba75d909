//! What a child says on standard output, without ever waiting for whoever reads it.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use orrery_domain::job::JobEvent;

/// Lines waiting from which on progress and points are dropped.
const CROWDED: usize = 256;

/// How long the end of a job waits for its last lines to be read.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The way out. Lines are written by a thread of its own: a full or closed pipe neither blocks nor ends the job.
#[derive(Debug)]
pub struct Outbox {
    lines: Sender<String>,
    waiting: Arc<AtomicUsize>,
}

impl Outbox {
    /// An outbox that writes to `output`.
    pub fn new(output: impl Write + Send + 'static) -> Self {
        let (lines, receiver) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&waiting);
        // Not joined: a reader that never reads would hold it for ever.
        std::thread::spawn(move || write_lines(output, &receiver, &counter));
        Self { lines, waiting }
    }

    /// Says something. Progress and points are dropped while nobody reads; nothing else is.
    pub fn say(&self, event: &JobEvent) {
        let droppable = matches!(event, JobEvent::Progress { .. } | JobEvent::Points { .. });
        if droppable && self.waiting.load(Ordering::Relaxed) > CROWDED {
            return;
        }
        let line = match serde_json::to_string(event) {
            Ok(line) => line,
            Err(error) => {
                log::error!("an event could not be written as JSON: {error}");
                return;
            }
        };
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if self.lines.send(line).is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything is out, for at most two seconds.
    pub fn flush(&self) {
        let end = Instant::now() + LAST_WORDS;
        while self.waiting.load(Ordering::Acquire) > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn write_lines(mut output: impl Write, lines: &Receiver<String>, waiting: &AtomicUsize) {
    let mut closed = false;
    for mut line in lines {
        line.push('\n');
        if !closed && let Err(error) = output.write_all(line.as_bytes()).and_then(|()| output.flush()) {
            log::info!("nobody reads standard output any more: {error}");
            closed = true;
        }
        waiting.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_domain::run::{Progress, RunState};
    use std::sync::Mutex;

    /// A reader that is stuck until it is let go.
    struct Stuck(Arc<Mutex<Vec<u8>>>, Receiver<()>, bool);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if !self.2 {
                self.1.recv().map_err(std::io::Error::other)?;
                self.2 = true;
            }
            self.0.lock().expect("one writer").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_reader_costs_progress_but_no_state_change() {
        let (go, gate) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let outbox = Outbox::new(Stuck(Arc::clone(&written), gate, false));
        for step in 0..1000 {
            let progress = Progress { step, ..Progress::default() };
            outbox.say(&JobEvent::Progress { progress, kind: None });
        }
        outbox.say(&JobEvent::State { state: RunState::Paused, reason: None });
        go.send(()).expect("still there");
        outbox.flush();
        let text = String::from_utf8(written.lock().expect("done").clone()).expect("text");
        assert!(text.lines().count() < 400, "progress was dropped");
        assert!(text.lines().last().expect("lines").contains("paused"), "the state was not");
    }

    #[test]
    fn a_closed_reader_ends_nothing() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let outbox = Outbox::new(Closed);
        outbox.say(&JobEvent::Warning { message: "x".into() });
        outbox.flush();
        outbox.say(&JobEvent::Warning { message: "y".into() });
        outbox.flush();
    }
}
