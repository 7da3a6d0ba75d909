//! A count of permits that many may take and give back at once, never beyond its limit.

use std::sync::atomic::{AtomicU32, Ordering};

/// Permits in use. Shared by reference; every operation is one atomic update, so no lock is needed around it.
#[derive(Debug, Default)]
pub struct Permits(AtomicU32);

impl Permits {
    /// Takes a permit unless `limit` are in use.
    pub fn try_acquire(&self, limit: u32) -> bool {
        let next = |used: u32| (used < limit).then_some(used + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    }

    /// Gives one back; giving back more than was taken is forgiven.
    pub fn release(&self) {
        let next = |used: u32| used.checked_sub(1);
        // At zero there is nothing to give back: the error says only that.
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok();
    }

    /// How many are in use.
    pub fn used(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

impl Clone for Permits {
    fn clone(&self) -> Self {
        Self(AtomicU32::new(self.used()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_counted_both_ways() {
        let permits = Permits::default();
        assert!(permits.try_acquire(2) && permits.try_acquire(2) && !permits.try_acquire(2));
        permits.release();
        assert!(permits.try_acquire(2));
        assert!(
            !permits.try_acquire(1),
            "a limit lowered meanwhile takes nobody's permit, and gives no new one"
        );
        for _ in 0..5 {
            permits.release();
        }
        assert_eq!(permits.used(), 0);
        assert!(!permits.try_acquire(0));
    }
}
