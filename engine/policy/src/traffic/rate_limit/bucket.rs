//! A token bucket kept as one time: the generic cell rate algorithm (ITU-T I.371, virtual scheduling).

use crate::traffic::time::Nanos;

/// Time is kept in units of `1 / quota` nanoseconds, in which one request takes exactly `window` of them: no rounding.
#[derive(Clone, Debug)]
pub struct Bucket {
    quota: u128,
    /// Units that one request takes.
    step: u128,
    /// Units that a whole bucket is.
    depth: u128,
    /// When the bucket is whole again ("theoretical arrival time"), in units.
    whole_at: u128,
}

impl Bucket {
    /// A whole bucket of `burst` tokens that gains `quota` tokens a `window`.
    pub fn new(quota: u64, window: Nanos, burst: u64) -> Self {
        let step = u128::from(window.0);
        Self { quota: u128::from(quota), step, depth: step * u128::from(burst), whole_at: 0 }
    }

    fn units(&self, now: Nanos) -> u128 {
        u128::from(now.0) * self.quota
    }

    fn nanos(&self, units: u128) -> Nanos {
        Nanos(u64::try_from(units.div_ceil(self.quota)).unwrap_or(u64::MAX))
    }

    /// How long until there is a token; `None` where there is one. A clock that jumped back by more than a whole
    /// bucket starts a whole wait, not a longer one.
    pub fn wait(&mut self, now: Nanos) -> Option<Nanos> {
        let now = self.units(now);
        self.whole_at = self.whole_at.min(now + self.depth);
        let missing = (self.whole_at.max(now) + self.step).checked_sub(now + self.depth)?;
        (missing > 0).then(|| self.nanos(missing))
    }

    /// Takes a token that [`Self::wait`] said is there.
    pub fn take(&mut self, now: Nanos) {
        self.whole_at = self.whole_at.max(self.units(now)) + self.step;
    }

    /// Tokens there are, and how long until the bucket is whole.
    pub fn rest(&self, now: Nanos) -> (u64, Nanos) {
        let used = self.whole_at.saturating_sub(self.units(now));
        (((self.depth.saturating_sub(used)) / self.step) as u64, self.nanos(used))
    }
}
