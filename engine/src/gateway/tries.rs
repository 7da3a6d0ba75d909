//! Tries: a request's tries one after another, as long as another is worth it.

use std::{
    sync::{Arc, OnceLock, atomic::Ordering},
    time::Duration,
};

use axum::http::request::Parts;
use orrery_policy::traffic::{
    Nanos, NoEndpoint, Residency, RetryDecision,
    retry::{Attempt, TryFailure, after_failure},
};

use super::{
    canary::Route,
    content::Outgoing,
    live::Live,
    race::{Race, RetryPermit},
    serve::Gateway,
    sound,
    upstream::Answered,
};

/// What is known of a request while it is tried.
pub struct Asked<'a> {
    /// Its head.
    pub head: Parts,
    /// Its body.
    pub body: Outgoing,
    /// Path to ask, after the canary's choice.
    pub path: String,
    /// The canary's choice, where there is one.
    pub route: Option<Route>,
    /// Where its data may go.
    pub residency: &'a Residency,
    /// Hash of its key, for consistent hashing.
    pub key: Option<u64>,
    /// When it arrived.
    pub arrived: Nanos,
    /// When the answer must be there.
    pub deadline: Nanos,
    /// Whether doing it twice is as good as doing it once.
    pub idempotent: bool,
    /// Whether it asks for an inference.
    pub infer: bool,
    /// Its rows, once somebody wanted to know.
    pub rows: OnceLock<Option<u64>>,
}

impl Asked<'_> {
    /// Its rows: the first dimension that all of its inputs have, where they have one.
    pub fn rows(&self) -> Option<u64> {
        *self.rows.get_or_init(|| sound::rows(&self.head.headers, &self.body))
    }
}

/// How a request's tries ended.
pub enum Ended {
    /// With an answer, good or bad, of this endpoint.
    Answered(Answered, usize),
    /// Without one.
    Failed(TryFailure),
    /// Nobody could be asked.
    Nobody(NoEndpoint),
}

/// Tries one endpoint after another as long as that is worth it. A streamed request is tried again only while none of it was sent.
pub async fn tries(gateway: &Gateway, live: &Arc<Live>, asked: &Asked<'_>) -> Ended {
    let mut race = Race::new(gateway, live, asked);
    let mut retries = 0;
    let mut sent = false;
    // The present retry's.
    let mut permit: Option<RetryPermit<'_>> = None;
    loop {
        let failed = match race.run().await {
            Ok(ended) => return ended,
            Err(failed) => failed,
        };
        sent |= failed.failure != TryFailure::ConnectFailure;
        let attempt = Attempt {
            failure: failed.failure,
            retries,
            idempotent: asked.idempotent,
            bytes_sent: sent,
            answer_started: false,
            replayable: asked.body.is_at_hand(),
            deadline: asked.deadline,
            retry_after: failed.retry_after(),
        };
        drop(permit.take());
        let acquire = || {
            permit = RetryPermit::take(&live.limits[failed.endpoint]);
            permit.is_some()
        };
        let (config, time) = (&live.config, live.clock.now());
        let decision = live.with_random(|random| {
            after_failure(&config.retries, &config.timeouts, &attempt, time, random, acquire)
        });
        match decision {
            RetryDecision::Retry { pause, .. } => {
                retries += 1;
                gateway.counts.retries.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_nanos(pause.0)).await;
            }
            RetryDecision::Stop(_) => {
                return match failed.words {
                    // The server's own words are better than ours.
                    Some(answered) => Ended::Answered(answered, failed.endpoint),
                    None => Ended::Failed(failed.failure),
                };
            }
        }
    }
}
