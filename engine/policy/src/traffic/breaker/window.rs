//! The last calls of a breaker, counted.

/// One call.
#[derive(Clone, Copy, Debug, Default)]
struct Call {
    failed: bool,
    slow: bool,
}

/// A ring of the last calls with its sums.
#[derive(Clone, Debug)]
pub struct Window {
    calls: Vec<Call>,
    size: u32,
    next: usize,
    failures: u32,
    slow: u32,
}

impl Window {
    /// An empty ring of `size` calls.
    pub fn new(size: u32) -> Self {
        Self { calls: Vec::new(), size, next: 0, failures: 0, slow: 0 }
    }

    /// Counts a call; beyond the size the oldest is forgotten.
    pub fn push(&mut self, failed: bool, slow: bool) {
        let call = Call { failed, slow };
        self.failures += u32::from(failed);
        self.slow += u32::from(slow);
        if self.calls.len() < self.size as usize {
            self.calls.push(call);
            return;
        }
        let oldest = std::mem::replace(&mut self.calls[self.next], call);
        self.failures -= u32::from(oldest.failed);
        self.slow -= u32::from(oldest.slow);
        self.next = (self.next + 1) % self.calls.len();
    }

    /// Calls it holds at most.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Calls it holds.
    pub fn counted(&self) -> u32 {
        self.calls.len() as u32
    }

    /// Failures among them.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Slow ones among them.
    pub fn slow(&self) -> u32 {
        self.slow
    }
}
