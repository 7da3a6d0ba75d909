//! A sliding window kept as the times of the requests in it.

use std::collections::VecDeque;

use crate::traffic::time::Nanos;

/// The times of the last requests, at most `quota` of them.
#[derive(Clone, Debug)]
pub struct Sliding {
    quota: usize,
    window: Nanos,
    times: VecDeque<Nanos>,
}

impl Sliding {
    /// An empty window.
    pub fn new(quota: u64, window: Nanos) -> Self {
        Self { quota: quota as usize, window, times: VecDeque::new() }
    }

    /// How long until a request passes; `None` where it does now. A clock that jumps back forgets nothing that it
    /// should not: times ahead of it count as now.
    pub fn wait(&mut self, now: Nanos) -> Option<Nanos> {
        for time in self.times.iter_mut().rev().take_while(|time| **time > now) {
            *time = now;
        }
        while self.times.front().is_some_and(|&first| now - first >= self.window) {
            self.times.pop_front();
        }
        let first = self.times.front().filter(|_| self.times.len() >= self.quota)?;
        Some(*first + self.window - now)
    }

    /// Counts a request that [`Self::wait`] let pass.
    pub fn take(&mut self, now: Nanos) {
        self.times.push_back(now);
    }

    /// Requests that could pass at once, and how long until the window is empty.
    pub fn rest(&self, now: Nanos) -> (u64, Nanos) {
        let old = self.times.iter().take_while(|&&time| now - time >= self.window).count();
        let used = self.times.len() - old;
        let last = self.times.back().filter(|_| used > 0);
        (
            (self.quota - used.min(self.quota)) as u64,
            last.map_or(Nanos::ZERO, |&last| last + self.window - now),
        )
    }
}
