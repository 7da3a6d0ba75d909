//! Passive health: endpoints that answer worse than they should are ejected for a while (Envoy's outlier detection).

mod config;
mod statistics;

pub use self::config::OutlierConfig;

use super::{random::Random, time::Nanos};

/// How a request to an endpoint ended, as outlier detection sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Anything below 500.
    Good,
    /// 500 and above, but none of the next.
    ServerError,
    /// 502, 503 or 504, no connection, a reset or a time-out: something between us and the server failed.
    GatewayFailure,
}

impl Answer {
    /// The meaning of an HTTP status.
    pub fn of_status(status: u16) -> Self {
        match status {
            502..=504 => Self::GatewayFailure,
            500.. => Self::ServerError,
            _ => Self::Good,
        }
    }
}

/// Why an endpoint was ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Too many answers in a row were 500 and above.
    Consecutive5xx,
    /// Too many gateway failures in a row.
    ConsecutiveGatewayFailure,
    /// Its success rate is far below that of the others.
    SuccessRate,
    /// Too large a share of its answers were failures.
    FailurePercentage,
}

/// What detection says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint gets no traffic until the first check at or after `until`.
    Ejected {
        /// Its index.
        endpoint: usize,
        /// Why.
        cause: Cause,
        /// When it may come back.
        until: Nanos,
    },
    /// It would have been ejected, but so many are already or the cause is not enforced.
    Spared {
        /// Its index.
        endpoint: usize,
        /// Why it would have been.
        cause: Cause,
    },
    /// It gets traffic again.
    Restored {
        /// Its index.
        endpoint: usize,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Host {
    consecutive_5xx: u32,
    consecutive_gateway_failure: u32,
    /// Answers since the last check.
    total: u64,
    good: u64,
    /// When it was ejected and when it may come back.
    ejected: Option<Nanos>,
    /// Ejections on a row; a check that finds it well takes one off.
    multiplier: u64,
}

/// Outlier detection over a fixed list of endpoints.
#[derive(Clone, Debug)]
pub struct OutlierDetector {
    config: OutlierConfig,
    hosts: Vec<Host>,
    checked: Nanos,
}

impl OutlierDetector {
    /// All of `endpoints` are in, the first check is due one interval after `now`.
    pub fn new(config: OutlierConfig, endpoints: usize, now: Nanos) -> Self {
        Self { config, hosts: vec![Host::default(); endpoints], checked: now }
    }

    /// Whether an endpoint is ejected.
    pub fn is_ejected(&self, endpoint: usize) -> bool {
        self.hosts[endpoint].ejected.is_some()
    }

    /// Takes in one answer of an endpoint.
    pub fn record(
        &mut self,
        endpoint: usize,
        answer: Answer,
        now: Nanos,
        random: &mut dyn Random,
    ) -> Option<Verdict> {
        let host = &mut self.hosts[endpoint];
        host.total += 1;
        match answer {
            Answer::Good => {
                host.good += 1;
                host.consecutive_5xx = 0;
                host.consecutive_gateway_failure = 0;
                return None;
            }
            Answer::ServerError => {
                host.consecutive_5xx += 1;
                host.consecutive_gateway_failure = 0;
            }
            Answer::GatewayFailure => {
                host.consecutive_5xx += 1;
                host.consecutive_gateway_failure += 1;
            }
        }
        let config = self.config;
        let gateway = host.consecutive_gateway_failure >= config.consecutive_gateway_failure;
        let server = host.consecutive_5xx >= config.consecutive_5xx;
        if gateway {
            host.consecutive_gateway_failure = 0;
        }
        if server {
            host.consecutive_5xx = 0;
        }
        let mut verdict = None;
        if gateway {
            let enforcing = config.enforcing_consecutive_gateway_failure;
            verdict = self.eject(endpoint, Cause::ConsecutiveGatewayFailure, enforcing, now, random);
        }
        if server && !matches!(verdict, Some(Verdict::Ejected { .. })) {
            verdict = self
                .eject(endpoint, Cause::Consecutive5xx, config.enforcing_consecutive_5xx, now, random)
                .or(verdict);
        }
        verdict
    }

    /// When the next check is due.
    pub fn next_check(&self) -> Nanos {
        self.checked + Nanos::from_secs(self.config.interval_secs)
    }

    /// The check of each interval: restores whose time is over, then looks for outliers among the answers since the
    /// last one. Before its time it does nothing; checks that were missed are not made up for.
    pub fn check(&mut self, now: Nanos, random: &mut dyn Random) -> Vec<Verdict> {
        if now < self.next_check() {
            return Vec::new();
        }
        self.checked = now;
        let mut verdicts = Vec::new();
        for (endpoint, host) in self.hosts.iter_mut().enumerate() {
            match host.ejected {
                Some(until) if until <= now => {
                    host.restore();
                    verdicts.push(Verdict::Restored { endpoint });
                }
                Some(_) => {}
                None => host.multiplier = host.multiplier.saturating_sub(1),
            }
        }
        let answers: Vec<(usize, u64, u64)> = self
            .hosts
            .iter()
            .enumerate()
            .filter(|(_, host)| host.ejected.is_none())
            .map(|(endpoint, host)| (endpoint, host.good, host.total))
            .collect();
        for (endpoint, cause) in statistics::outliers(&self.config, &answers) {
            let enforcing = match cause {
                Cause::SuccessRate => self.config.enforcing_success_rate,
                _ => self.config.enforcing_failure_percentage,
            };
            verdicts.extend(self.eject(endpoint, cause, enforcing, now, random));
        }
        for host in &mut self.hosts {
            host.total = 0;
            host.good = 0;
        }
        verdicts
    }

    /// A passing active health check restores an ejected endpoint, where configured so.
    pub fn active_check_passed(&mut self, endpoint: usize) -> Option<Verdict> {
        let host = &mut self.hosts[endpoint];
        if !self.config.successful_active_health_check_uneject_host || host.ejected.is_none() {
            return None;
        }
        host.restore();
        Some(Verdict::Restored { endpoint })
    }

    /// Ejects an endpoint unless it is, too many are, or the lot of a cause that is enforced in part spares it.
    fn eject(
        &mut self,
        endpoint: usize,
        cause: Cause,
        enforcing: u32,
        now: Nanos,
        random: &mut dyn Random,
    ) -> Option<Verdict> {
        if self.hosts[endpoint].ejected.is_some() {
            return None;
        }
        let ejected = self.hosts.iter().filter(|host| host.ejected.is_some()).count() as u64;
        let full = ejected * 100 >= u64::from(self.config.max_ejection_percent) * self.hosts.len() as u64;
        if full || !random.percent(enforcing) {
            return Some(Verdict::Spared { endpoint, cause });
        }
        let host = &mut self.hosts[endpoint];
        let base = Nanos::from_secs(self.config.base_ejection_time_secs);
        let most = Nanos::from_secs(self.config.max_ejection_time_secs).max(base);
        if base * host.multiplier < most {
            host.multiplier += 1;
        }
        let jitter = Nanos::from_secs(self.config.max_ejection_time_jitter_secs * random.unit());
        let until = now + (base * host.multiplier).min(most) + jitter;
        host.ejected = Some(until);
        Some(Verdict::Ejected { endpoint, cause, until })
    }
}

impl Host {
    fn restore(&mut self) {
        self.ejected = None;
        self.consecutive_5xx = 0;
        self.consecutive_gateway_failure = 0;
    }
}
