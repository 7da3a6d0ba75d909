//! Whether a request that takes long is sent to a second endpoint while the first still works on it.

use serde::{Deserialize, Serialize};

use super::{
    config::{ConfigError, in_range, span_or_none},
    time::Nanos,
    timeouts::TimeoutConfig,
};

/// Hedging. Off unless `hedge_on_delay_secs` is set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HedgeConfig {
    /// Seconds without an answer after which another try is sent beside the first; 0 for never. The 95th percentile
    /// of the answers is a good figure (Dean and Barroso, "The tail at scale", 2013).
    pub hedge_on_delay_secs: f64,
    /// Tries beside the first at most (Polly: 1), 1 to 5.
    pub max_hedged_attempts: u32,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self { hedge_on_delay_secs: 0.0, max_hedged_attempts: 1 }
    }
}

/// Where a request stands that has no answer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// When its latest try was sent.
    pub last_sent: Nanos,
    /// Tries sent beside the first.
    pub hedged: u32,
    /// Whether doing it twice is as good as doing it once.
    pub idempotent: bool,
    /// Whether the whole request is still at hand to be sent again.
    pub replayable: bool,
    /// Whether any byte of an answer has been passed to the caller.
    pub answer_started: bool,
    /// When the answer must be there.
    pub deadline: Nanos,
}

impl HedgeConfig {
    /// Checks the ranges; a delay as long as a try may take would never be over.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self, timeouts: &TimeoutConfig) -> Result<(), ConfigError> {
        span_or_none("hedge_on_delay_secs", self.hedge_on_delay_secs)?;
        let longest = match timeouts.per_try_timeout_secs {
            0.0 => timeouts.timeout_secs,
            secs => secs.min(timeouts.timeout_secs),
        };
        if self.hedge_on_delay_secs >= longest {
            let allowed = format!("0 (none), or less than a try's time-out of {longest} s");
            return Err(ConfigError::new("hedge_on_delay_secs", self.hedge_on_delay_secs, allowed));
        }
        in_range("max_hedged_attempts", self.max_hedged_attempts, 1..=5)
    }

    /// When another try beside the first would be sent; `None` for never. Only what may be done twice is hedged, and
    /// the try counts against the retry budget like a retry: whoever sends it takes that permit first.
    pub fn next(&self, waiting: &Waiting) -> Option<Nanos> {
        let delay = Nanos::from_secs(self.hedge_on_delay_secs);
        let may = waiting.idempotent && waiting.replayable && !waiting.answer_started;
        let at = waiting.last_sent + delay;
        (delay > Nanos::ZERO && may && waiting.hedged < self.max_hedged_attempts && at < waiting.deadline)
            .then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITING: Waiting = Waiting {
        last_sent: Nanos(5),
        hedged: 0,
        idempotent: true,
        replayable: true,
        answer_started: false,
        deadline: Nanos(10_000_000_000),
    };

    #[test]
    fn off_unless_asked_for_and_never_twice_or_with_harm() {
        assert_eq!(HedgeConfig::default().next(&WAITING), None);
        let on = HedgeConfig { hedge_on_delay_secs: 2.0, ..HedgeConfig::default() };
        assert_eq!(on.next(&WAITING), Some(Nanos(5) + Nanos::from_secs(2.0)));
        for no in [
            Waiting { hedged: 1, ..WAITING },
            Waiting { idempotent: false, ..WAITING },
            Waiting { replayable: false, ..WAITING },
            Waiting { answer_started: true, ..WAITING },
            Waiting { deadline: Nanos(5) + Nanos::from_secs(2.0), ..WAITING },
        ] {
            assert_eq!(on.next(&no), None, "{no:?}");
        }
    }

    #[test]
    fn ranges_are_checked_and_a_delay_must_end_before_the_try() {
        let timeouts = TimeoutConfig { timeout_secs: 5.0, per_try_timeout_secs: 0.0 };
        let with = |delay, attempts| {
            let config = HedgeConfig { hedge_on_delay_secs: delay, max_hedged_attempts: attempts };
            config.validate(&timeouts).map_err(|error| error.field)
        };
        assert_eq!((with(0.0, 1), with(4.9, 5)), (Ok(()), Ok(())));
        for (delay, attempts, field) in [
            (5.0, 1, "hedge_on_delay_secs"),
            (f64::NAN, 1, "hedge_on_delay_secs"),
            (1.0, 0, "max_hedged_attempts"),
            (0.0, 6, "max_hedged_attempts"),
        ] {
            assert_eq!(with(delay, attempts), Err(field.to_owned()));
        }
        let short = TimeoutConfig { per_try_timeout_secs: 0.5, ..timeouts };
        let on = HedgeConfig { hedge_on_delay_secs: 0.5, ..HedgeConfig::default() };
        let why = on.validate(&short).expect_err("never over").to_string();
        assert!(why.ends_with("less than a try's time-out of 0.5 s."), "{why}");
    }
}
