//! The log: warnings to standard error (more with `ORRERY_LOG`).

use std::io::Write;

use log::{LevelFilter, Log, Metadata, Record};

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        // The graphics and window libraries tell their own troubles at length; only their errors concern a person.
        let ours = record.target().starts_with("orrery");
        if !self.enabled(record.metadata())
            || (!ours && record.level() > log::Level::Error && level() <= LevelFilter::Warn)
        {
            return;
        }
        let line =
            format!("{} {}: {}\n", record.level().as_str().to_lowercase(), record.target(), record.args());
        // Standard error may be closed: then nobody reads the log.
        let _unread = std::io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

fn level() -> LevelFilter {
    std::env::var("ORRERY_LOG").ok().and_then(|text| text.parse().ok()).unwrap_or(LevelFilter::Warn)
}

/// Starts the log.
pub fn start() {
    log::set_max_level(level());
    if log::set_boxed_logger(Box::new(StandardError)).is_err() {
        log::debug!("the log was started before");
    }
}
