//! Burn rates: how fast an error budget is spent, and whom to wake (Google, "The Site Reliability Workbook",
//! chapter 5, table 5-8: multiwindow, multi-burn-rate alerts).

use serde::{Deserialize, Serialize};

use super::config::{ConfigError, in_range};

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody looks at it in working hours.
    Ticket,
    /// Somebody is woken.
    Page,
}

/// One row of the table: both windows must burn at least this fast. The short one ends the alert soon after the trouble.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BurnAlert {
    /// How urgent.
    pub severity: Severity,
    /// Seconds of the long window.
    pub long_secs: u64,
    /// Seconds of the short window, a twelfth of the long one.
    pub short_secs: u64,
    /// Times the rate that spends the budget exactly in its period, 1 to 1,000.
    pub burn_rate: f64,
}

/// The workbook's rows for a period of 30 days: 2 % of the budget in an hour, 5 % in six, 10 % in three days.
pub const WORKBOOK: [BurnAlert; 3] = [
    BurnAlert { severity: Severity::Page, long_secs: 3600, short_secs: 300, burn_rate: 14.4 },
    BurnAlert { severity: Severity::Page, long_secs: 21_600, short_secs: 1800, burn_rate: 6.0 },
    BurnAlert { severity: Severity::Ticket, long_secs: 259_200, short_secs: 21_600, burn_rate: 1.0 },
];

/// A service-level objective with its alerts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SloConfig {
    /// Share of good requests to reach, in percent, 50 to 99.999.
    pub objective_percent: f64,
    /// The rows, the most urgent first.
    pub alerts: Vec<BurnAlert>,
    /// With fewer requests in the short window nothing is alerted: one failure among two is no trend.
    pub min_requests: u64,
}

impl Default for SloConfig {
    fn default() -> Self {
        Self { objective_percent: 99.9, alerts: WORKBOOK.to_vec(), min_requests: 10 }
    }
}

/// Requests of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub total: u64,
    /// Those that missed the objective.
    pub bad: u64,
}

impl SloConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("objective_percent", self.objective_percent, 50.0..=99.999)?;
        for (index, alert) in self.alerts.iter().enumerate() {
            let at = |error: ConfigError| error.within(&format!("alerts[{index}]"));
            in_range("burn_rate", alert.burn_rate, 1.0..=1000.0).map_err(at)?;
            in_range("long_secs", alert.long_secs, 60..=2_592_000).map_err(at)?;
            in_range("short_secs", alert.short_secs, 1..=alert.long_secs).map_err(at)?;
        }
        Ok(())
    }

    /// How many times too fast the budget is spent; `None` without requests.
    pub fn burn_rate(&self, counts: Counts) -> Option<f64> {
        let allowed = 1.0 - self.objective_percent / 100.0;
        (counts.total > 0).then(|| counts.bad as f64 / counts.total as f64 / allowed)
    }

    /// The most urgent alert that is on, where `window` counts the requests of the last so many seconds.
    pub fn alert(&self, window: impl Fn(u64) -> Counts) -> Option<&BurnAlert> {
        let burns =
            |secs, rate: f64| self.burn_rate(window(secs)).is_some_and(|burn| burn >= rate * (1.0 - 1e-9));
        self.alerts
            .iter()
            .filter(|alert| {
                window(alert.short_secs).total >= self.min_requests
                    && burns(alert.short_secs, alert.burn_rate)
                    && burns(alert.long_secs, alert.burn_rate)
            })
            .max_by(|one, other| {
                one.severity.cmp(&other.severity).then(one.burn_rate.total_cmp(&other.burn_rate))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 requests a second, all bad from second 1,000,000 for `outage` seconds, seen `since` seconds after its start.
    fn alert(outage: u64, since: u64) -> Option<(Severity, f64)> {
        let slo = SloConfig::default();
        let window = |secs: u64| {
            let bad = since.min(outage).saturating_sub(since.saturating_sub(secs));
            Counts { total: secs * 100, bad: bad * 100 }
        };
        slo.alert(window).map(|alert| (alert.severity, alert.burn_rate))
    }

    #[test]
    fn a_total_outage_pages_in_52_seconds_and_ends_in_five_minutes() {
        assert_eq!(alert(1000, 21), None);
        assert_eq!(alert(1000, 51).map(|(_, rate)| rate < 14.0), None);
        assert_eq!(alert(1000, 52), Some((Severity::Page, 14.4)));
        let ended = (600..=1000).find(|&since| alert(600, since) != Some((Severity::Page, 14.4)));
        assert_eq!(ended, Some(896), "when fewer than 1.44 % of the last 300 seconds were bad");
    }

    #[test]
    fn the_table_is_the_workbooks() {
        let month = 30.0 * 86_400.0;
        let spent = WORKBOOK.map(|row| (row.burn_rate * row.long_secs as f64 / month * 100.0).round() as u32);
        assert_eq!(spent, [2, 5, 10]);
        assert!(WORKBOOK.iter().all(|row| row.long_secs == 12 * row.short_secs));
        assert_eq!(SloConfig::default().validate(), Ok(()));
        assert_eq!(
            SloConfig { objective_percent: 100.0, ..SloConfig::default() }.validate().unwrap_err().field,
            "objective_percent"
        );
    }

    #[test]
    fn few_requests_alert_nobody() {
        let slo = SloConfig::default();
        assert_eq!(slo.alert(|_| Counts { total: 2, bad: 1 }), None);
        assert_eq!(slo.alert(|_| Counts::default()), None);
        assert!(slo.alert(|_| Counts { total: 100, bad: 2 }).is_some());
    }
}
