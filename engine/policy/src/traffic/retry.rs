//! Whether a try that failed is followed by another, and when.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    backoff::BackoffConfig,
    config::{ConfigError, in_range},
    random::Random,
    time::Nanos,
    timeouts::TimeoutConfig,
};

/// Failures that are worth another try (Envoy's `retry_on`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RetryOn {
    /// Any status of 500 and above, and all below.
    #[serde(rename = "5xx")]
    ServerError,
    /// Status 502, 503 or 504.
    #[serde(rename = "gateway_error")]
    GatewayError,
    /// The connection broke, or nothing came before the try's time-out.
    #[serde(rename = "reset")]
    Reset,
    /// No connection was made.
    #[serde(rename = "connect_failure")]
    ConnectFailure,
    /// The server refused the request before processing it.
    #[serde(rename = "refused_stream")]
    RefusedStream,
    /// Status 409.
    #[serde(rename = "retriable_4xx")]
    Retriable4xx,
    /// One of `retriable_status_codes`.
    #[serde(rename = "retriable_status_codes")]
    RetriableStatusCodes,
}

/// When to try again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Which failures.
    pub retry_on: BTreeSet<RetryOn>,
    /// Retries at most (Envoy: 1), 0 to 10.
    pub num_retries: u32,
    /// Further statuses that are retried, 100 to 599.
    pub retriable_status_codes: BTreeSet<u16>,
    /// The pause before each.
    pub retry_back_off: BackoffConfig,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            retry_on: [
                RetryOn::GatewayError,
                RetryOn::Reset,
                RetryOn::ConnectFailure,
                RetryOn::RefusedStream,
            ]
            .into(),
            num_retries: 1,
            retriable_status_codes: BTreeSet::new(),
            retry_back_off: BackoffConfig::default(),
        }
    }
}

impl RetryConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("num_retries", self.num_retries, 0..=10)?;
        for &status in &self.retriable_status_codes {
            in_range("retriable_status_codes", status, 100..=599)?;
        }
        self.retry_back_off.validate().map_err(|error| error.within("retry_back_off"))
    }

    fn covers(&self, failure: TryFailure) -> bool {
        let on = |kind| self.retry_on.contains(&kind);
        match failure {
            TryFailure::Status(status) => {
                (on(RetryOn::ServerError) && status >= 500)
                    || (on(RetryOn::GatewayError) && (502..=504).contains(&status))
                    || (on(RetryOn::Retriable4xx) && status == 409)
                    || (on(RetryOn::RetriableStatusCodes) && self.retriable_status_codes.contains(&status))
            }
            TryFailure::Reset | TryFailure::TimedOut => on(RetryOn::ServerError) || on(RetryOn::Reset),
            TryFailure::ConnectFailure => on(RetryOn::ServerError) || on(RetryOn::ConnectFailure),
            TryFailure::RefusedStream => on(RetryOn::ServerError) || on(RetryOn::RefusedStream),
        }
    }
}

/// How a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryFailure {
    /// The server answered with this status.
    Status(u16),
    /// The connection broke.
    Reset,
    /// The try's time was over.
    TimedOut,
    /// No connection was made.
    ConnectFailure,
    /// The server refused before processing.
    RefusedStream,
}

/// Where a request stands after a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about one request")]
pub struct Attempt {
    /// How the try failed.
    pub failure: TryFailure,
    /// Retries made so far.
    pub retries: u32,
    /// Whether doing it twice is as good as doing it once.
    pub idempotent: bool,
    /// Whether any byte of the request has been sent to a server, in any try.
    pub bytes_sent: bool,
    /// Whether any byte of an answer has been passed to the caller.
    pub answer_started: bool,
    /// Whether the whole request is still at hand to be sent again.
    pub replayable: bool,
    /// When the answer must be there.
    pub deadline: Nanos,
    /// How long the server asked to be left alone (`Retry-After`), from now.
    pub retry_after: Option<Nanos>,
}

/// What follows a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Try again.
    Retry {
        /// After this pause.
        pause: Nanos,
        /// The new try's own time-out.
        timeout: Nanos,
    },
    /// Pass the failure on.
    Stop(StopReason),
}

/// Why there is no further try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The answer is on its way to the caller.
    AnswerStarted,
    /// Doing it twice could do harm, and the server may have begun.
    NotIdempotent,
    /// The request is no longer at hand.
    NotReplayable,
    /// Such a failure is not retried.
    NotRetriable,
    /// All retries are used.
    TooMany,
    /// The next try would begin at or after the deadline.
    Deadline,
    /// The retry budget is spent.
    Budget,
}

/// Decides what follows a failed try at `now`. `acquire` takes a permit from the retry budget
/// ([`super::limits::Resource::Retry`]); it is asked last and only once, and a `Retry` holds that permit.
///
/// A request that is not idempotent is never sent again once a byte of it was sent, whatever `retry_on` says; only a
/// refusal before processing proves that nothing was done, and even that is believed only of idempotent ones.
pub fn after_failure(
    config: &RetryConfig,
    timeouts: &TimeoutConfig,
    attempt: &Attempt,
    now: Nanos,
    random: &mut dyn Random,
    acquire: impl FnOnce() -> bool,
) -> RetryDecision {
    let stop = if attempt.answer_started {
        Some(StopReason::AnswerStarted)
    } else if attempt.bytes_sent && !attempt.idempotent {
        Some(StopReason::NotIdempotent)
    } else if !attempt.replayable {
        Some(StopReason::NotReplayable)
    } else if !config.covers(attempt.failure) {
        Some(StopReason::NotRetriable)
    } else if attempt.retries >= config.num_retries {
        Some(StopReason::TooMany)
    } else {
        None
    };
    if let Some(reason) = stop {
        return RetryDecision::Stop(reason);
    }
    let pause = config.retry_back_off.pause(attempt.retries.saturating_add(1), random);
    let pause = attempt.retry_after.map_or(pause, |asked| asked.max(pause));
    match timeouts.try_timeout(now + pause, attempt.deadline) {
        None => RetryDecision::Stop(StopReason::Deadline),
        Some(_) if !acquire() => RetryDecision::Stop(StopReason::Budget),
        Some(timeout) => RetryDecision::Retry { pause, timeout },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::random::SplitMix64;

    const ATTEMPT: Attempt = Attempt {
        failure: TryFailure::Status(503),
        retries: 0,
        idempotent: true,
        bytes_sent: true,
        answer_started: false,
        replayable: true,
        deadline: Nanos(1_000_000_000),
        retry_after: None,
    };

    fn decide(attempt: Attempt, budget: bool) -> RetryDecision {
        let config = RetryConfig::default();
        after_failure(
            &config,
            &TimeoutConfig::default(),
            &attempt,
            Nanos::ZERO,
            &mut SplitMix64::new(1),
            || budget,
        )
    }

    #[test]
    fn each_reason_to_stop_stops() {
        let stopped = |attempt| match decide(attempt, true) {
            RetryDecision::Stop(reason) => Some(reason),
            RetryDecision::Retry { .. } => None,
        };
        assert_eq!(stopped(ATTEMPT), None);
        assert_eq!(stopped(Attempt { answer_started: true, ..ATTEMPT }), Some(StopReason::AnswerStarted));
        assert_eq!(stopped(Attempt { idempotent: false, ..ATTEMPT }), Some(StopReason::NotIdempotent));
        assert_eq!(stopped(Attempt { idempotent: false, bytes_sent: false, ..ATTEMPT }), None);
        assert_eq!(stopped(Attempt { replayable: false, ..ATTEMPT }), Some(StopReason::NotReplayable));
        let wrong = Attempt { failure: TryFailure::Status(400), ..ATTEMPT };
        assert_eq!(stopped(wrong), Some(StopReason::NotRetriable));
        assert_eq!(stopped(Attempt { retries: 1, ..ATTEMPT }), Some(StopReason::TooMany));
        assert_eq!(stopped(Attempt { deadline: Nanos::ZERO, ..ATTEMPT }), Some(StopReason::Deadline));
        let later = Attempt { retry_after: Some(Nanos::from_secs(1.0)), ..ATTEMPT };
        assert_eq!(stopped(later), Some(StopReason::Deadline));
        assert_eq!(decide(ATTEMPT, false), RetryDecision::Stop(StopReason::Budget));
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it() {
        let asked = Nanos::from_secs(0.4);
        let RetryDecision::Retry { pause, timeout } =
            decide(Attempt { retry_after: Some(asked), ..ATTEMPT }, true)
        else {
            panic!("retried")
        };
        assert_eq!((pause, timeout), (asked, Nanos::from_secs(0.6)));
    }

    #[test]
    fn statuses_are_covered_as_in_envoy() {
        let with = |kind| RetryConfig { retry_on: [kind].into(), ..RetryConfig::default() };
        let covered = |config: &RetryConfig| -> Vec<u16> {
            [200, 404, 409, 429, 500, 502, 503, 504]
                .into_iter()
                .filter(|&s| config.covers(TryFailure::Status(s)))
                .collect()
        };
        assert_eq!(covered(&with(RetryOn::ServerError)), [500, 502, 503, 504]);
        assert_eq!(covered(&with(RetryOn::GatewayError)), [502, 503, 504]);
        assert_eq!(covered(&with(RetryOn::Retriable4xx)), [409]);
        let mut listed = with(RetryOn::RetriableStatusCodes);
        listed.retriable_status_codes.insert(429);
        assert_eq!(covered(&listed), [429]);
        assert!(with(RetryOn::ServerError).covers(TryFailure::ConnectFailure));
        assert!(!with(RetryOn::GatewayError).covers(TryFailure::Reset));
        assert!(with(RetryOn::Reset).covers(TryFailure::TimedOut));
        listed.retriable_status_codes.insert(600);
        assert_eq!(listed.validate().unwrap_err().field, "retriable_status_codes");
    }
}
