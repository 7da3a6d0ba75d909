//! How long to wait before a retry: exponentially longer, fully jittered (Envoy's `retry_back_off`).

use serde::{Deserialize, Serialize};

use super::{
    config::{ConfigError, in_range, span},
    random::Random,
    time::Nanos,
};

/// Envoy's back-off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackoffConfig {
    /// The first pause is below this many seconds, 0.001 to 86,400.
    pub base_interval_secs: f64,
    /// No pause is longer than this many seconds, the base interval to 86,400.
    pub max_interval_secs: f64,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self { base_interval_secs: 0.025, max_interval_secs: 0.25 }
    }
}

impl BackoffConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        span("base_interval_secs", self.base_interval_secs)?;
        in_range("max_interval_secs", self.max_interval_secs, self.base_interval_secs..=86_400.0)
    }

    /// The pause before retry number `retry` (1 is the first): evenly drawn from 0 to
    /// `min(base × (2^retry - 1), max)`, the end not included ("full jitter", as in Envoy).
    pub fn pause(&self, retry: u32, random: &mut dyn Random) -> Nanos {
        let growth = 1_u64.checked_shl(retry).map_or(u64::MAX, |power| power - 1);
        let most = (Nanos::from_secs(self.base_interval_secs) * growth)
            .min(Nanos::from_secs(self.max_interval_secs));
        Nanos(random.below(most.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::random::SplitMix64;

    #[test]
    fn pauses_have_envoys_ranges() {
        let config = BackoffConfig::default();
        let mut random = SplitMix64::new(1);
        for (retry, below) in [(1, 25), (2, 75), (3, 175), (4, 250), (63, 250), (64, 250), (u32::MAX, 250)] {
            let pauses: Vec<u64> = (0..2000).map(|_| config.pause(retry, &mut random).0).collect();
            let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
            assert!(*most < below * 1_000_000 && *most > below * 950_000, "retry {retry}: {most}");
            assert!(*least < below * 50_000, "retry {retry}: {least}");
        }
        assert!(BackoffConfig { max_interval_secs: 0.001, ..config }.validate().is_err());
    }
}
