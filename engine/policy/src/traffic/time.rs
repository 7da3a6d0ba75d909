//! Monotonic time as a plain number that the caller supplies.

use std::ops::{Add, Mul, Sub};

/// Nanoseconds: a span, or a moment since an origin that the caller chose and keeps (its own start, say).
///
/// Every operation saturates, so a clock that jumps gives a long or an empty span, never a panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The origin, and the empty span.
    pub const ZERO: Self = Self(0);
    /// Farther than any deadline (some 584 years).
    pub const MAX: Self = Self(u64::MAX);

    /// From seconds; negative and not-a-number become zero, what is too long becomes [`Self::MAX`].
    pub fn from_secs(secs: f64) -> Self {
        Self((secs * 1e9).round() as u64)
    }

    /// From whole milliseconds.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// In seconds.
    pub fn as_secs(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// In whole seconds, rounded up, as HTTP headers want them.
    pub fn as_secs_ceil(self) -> u64 {
        self.0.div_ceil(1_000_000_000)
    }
}

impl Add for Nanos {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Nanos {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<u64> for Nanos {
    type Output = Self;
    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_saturate_and_seconds_convert() {
        assert_eq!(Nanos(3) - Nanos(5), Nanos::ZERO);
        assert_eq!(Nanos::MAX + Nanos(1), Nanos::MAX);
        assert_eq!(Nanos::from_secs(-1.0), Nanos::ZERO);
        assert_eq!(Nanos::from_secs(f64::NAN), Nanos::ZERO);
        assert_eq!(Nanos::from_secs(f64::INFINITY), Nanos::MAX);
        assert_eq!(Nanos::from_secs(0.025), Nanos::from_millis(25));
        assert_eq!(Nanos::from_millis(1001).as_secs_ceil(), 2);
    }
}
