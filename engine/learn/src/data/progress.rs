//! Progress: how a long read or profile is getting on, said at most ten times a second, and whether it should go on.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use orrery_domain::{job::JobEvent, run::Progress};

use crate::{
    control::{Interrupt, JobControl, check},
    faults,
};

const BETWEEN_MILLIS: u64 = 100;

/// Meters one phase of a job. Shared by the threads that work on it.
pub(super) struct Meter<'a> {
    control: &'a dyn JobControl,
    phase: &'static str,
    total: u64,
    done: AtomicU64,
    rows: AtomicU64,
    started: Instant,
    said_millis: AtomicU64,
}

impl<'a> Meter<'a> {
    /// A phase of `total` units of work.
    pub(super) fn new(control: &'a dyn JobControl, phase: &'static str, total: u64) -> Self {
        Self {
            control,
            phase,
            total,
            done: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            started: Instant::now(),
            said_millis: AtomicU64::new(0),
        }
    }

    /// Notes work done and rows read, says so when it is time, and hears what a person wants.
    ///
    /// # Errors
    /// An interruption when the job should end.
    pub(super) fn advance(&self, work: u64, rows: u64) -> Result<(), Interrupt> {
        check(self.control)?;
        faults::kill("read");
        let done = self.done.fetch_add(work, Ordering::Relaxed) + work;
        let rows = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        let now = self.started.elapsed();
        let millis = now.as_millis() as u64;
        let said = self.said_millis.load(Ordering::Relaxed);
        if millis < said + BETWEEN_MILLIS
            || self.said_millis.compare_exchange(said, millis, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return Ok(());
        }
        let fraction = (self.total > 0).then(|| (done as f64 / self.total as f64).min(1.0));
        let secs = now.as_secs_f64();
        self.control.emit(JobEvent::Progress {
            progress: Progress {
                phase: self.phase.to_owned(),
                fraction,
                rows_per_sec: (rows > 0).then(|| rows as f64 / secs),
                secs_left: fraction.filter(|f| *f > 0.0).map(|f| secs * (1.0 - f) / f),
                ..Progress::default()
            },
            kind: None,
        });
        Ok(())
    }
}
