//! Progress on standard error: one line that is drawn over where a person watches, a line now and then where not.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use orrery_domain::{job::JobEvent, run::Progress};

use super::output;

const REDRAW: Duration = Duration::from_millis(200);
const LOG: Duration = Duration::from_secs(15);

/// The line.
#[derive(Debug)]
pub struct Line {
    watched: bool,
    last: Option<Instant>,
    drawn: bool,
}

impl Line {
    /// A line that was not drawn yet.
    pub fn new() -> Self {
        Self { watched: output::watched(), last: None, drawn: false }
    }

    /// Shows what an event tells of progress; warnings get a line of their own.
    pub fn show(&mut self, event: &JobEvent) {
        match event {
            JobEvent::Progress { progress, .. } => self.draw(progress),
            JobEvent::Warning { message } => {
                self.clear();
                output::note(&format!("warning: {message}"));
            }
            _ => {}
        }
    }

    fn draw(&mut self, progress: &Progress) {
        let every = if self.watched { REDRAW } else { LOG };
        if self.last.is_some_and(|last| last.elapsed() < every) {
            return;
        }
        self.last = Some(Instant::now());
        let text = describe(progress);
        if self.watched {
            // A closed standard error shows nothing, and that is all right.
            let _unread = write!(std::io::stderr(), "\r\x1b[K{text}");
            self.drawn = true;
        } else {
            output::note(&text);
        }
    }

    /// Wipes the line, so that something else can be written.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _unread = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn describe(progress: &Progress) -> String {
    let mut parts = vec![progress.phase.clone()];
    if let Some(fraction) = progress.fraction {
        parts.push(orrery_domain::words::percent(fraction));
    }
    if progress.steps > 0 {
        parts.push(format!("step {} of {}", output::count(progress.step), output::count(progress.steps)));
    }
    if let Some(rate) = progress.rows_per_sec {
        parts.push(format!("{} rows/s", output::count(rate.max(0.0) as u64)));
    }
    if let Some(left) = progress.secs_left {
        parts.push(format!("{} left", output::duration(left)));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_only_what_is_known() {
        let progress = Progress { phase: "Training".into(), fraction: Some(0.5), ..Progress::default() };
        assert_eq!(describe(&progress), "Training · 50%");
    }
}
