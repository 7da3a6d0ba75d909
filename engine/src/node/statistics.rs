//! Statistics: what a version did, counted without locks.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use orrery_oip::control;

use super::batcher::Timing;

/// Calls and the time they took.
#[derive(Debug, Default)]
pub struct Tally {
    count: AtomicU64,
    nanos: AtomicU64,
}

impl Tally {
    /// One more call.
    pub fn add(&self, took: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// As the protocol tells it.
    pub fn get(&self) -> control::Tally {
        control::Tally {
            count: self.count.load(Ordering::Relaxed),
            total_nanos: self.nanos.load(Ordering::Relaxed),
        }
    }
}

/// The figures of one version, in the terms of the protocol's statistics extension.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Requests answered, from arrival to answer.
    pub success: Tally,
    /// Requests that failed.
    pub fail: Tally,
    /// Time in the queue.
    pub queue: Tally,
    /// Time of computing.
    pub compute: Tally,
    /// Rows answered.
    rows: AtomicU64,
    /// Computations, a batch being one; each request counts its share.
    executions_micro: AtomicU64,
    /// Milliseconds since 1970 of the last request; 0: none.
    last: AtomicU64,
}

impl Statistics {
    /// A request of `rows` that was answered after `took`.
    pub fn answered(&self, rows: usize, timing: Timing, took: Duration) {
        self.success.add(took);
        self.queue.add(timing.queued);
        self.compute.add(timing.computed);
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        let share = 1e6 * rows as f64 / timing.batch_rows.max(rows).max(1) as f64;
        self.executions_micro.fetch_add(share as u64, Ordering::Relaxed);
        self.touch();
    }

    /// A request that got no answer after `took`.
    pub fn failed(&self, took: Duration) {
        self.fail.add(took);
        self.touch();
    }

    fn touch(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Rows answered.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Computations.
    pub fn executions(&self) -> u64 {
        (self.executions_micro.load(Ordering::Relaxed) as f64 / 1e6).round() as u64
    }

    /// Milliseconds since 1970 of the last request; 0: none.
    pub fn last_millis(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }
}
