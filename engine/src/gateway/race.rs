//! Race: one try of a request, and those sent beside it to other endpoints while it takes long. The first good answer wins.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use axum::http::header;
use orrery_policy::traffic::{Limits, Nanos, Request, Resource, hedge::Waiting, retry::TryFailure};

use super::{
    attempt::attempt,
    live::{Live, Picked},
    serve::Gateway,
    tries::{Asked, Ended},
    upstream::Answered,
};

/// A permit of an endpoint's retry budget, given back in the end, even where the caller leaves before.
pub struct RetryPermit<'a>(&'a Limits);

impl<'a> RetryPermit<'a> {
    /// Takes one, unless the budget is spent.
    pub fn take(limits: &'a Limits) -> Option<Self> {
        limits.try_acquire(Resource::Retry).then(|| Self(limits))
    }
}

impl Drop for RetryPermit<'_> {
    fn drop(&mut self) {
        self.0.release(Resource::Retry);
    }
}

/// A try that failed.
pub struct Failed {
    /// How.
    pub failure: TryFailure,
    /// The endpoint.
    pub endpoint: usize,
    /// What the server said, where it said something.
    pub words: Option<Answered>,
}

impl Failed {
    /// How long the server asked to be left alone.
    pub fn retry_after(&self) -> Option<Nanos> {
        let said = self.words.as_ref()?.headers.get(header::RETRY_AFTER)?;
        Some(Nanos::from_secs(said.to_str().ok()?.parse().ok()?))
    }
}

type Outcome = Result<Answered, TryFailure>;

/// A try under way. Dropping it ends its connection.
struct UnderWay<'a> {
    endpoint: usize,
    hedge: Option<RetryPermit<'a>>,
    outcome: Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>,
}

/// What a request's races have in common.
pub struct Race<'a> {
    gateway: &'a Gateway,
    live: &'a Arc<Live>,
    asked: &'a Asked<'a>,
    /// Endpoints tried so far.
    tried: Vec<usize>,
    hedged: u32,
    /// Whether the budget or the endpoints allow no further try beside another.
    spent: bool,
}

impl<'a> Race<'a> {
    /// Nothing is tried yet.
    pub fn new(gateway: &'a Gateway, live: &'a Arc<Live>, asked: &'a Asked<'a>) -> Self {
        Self { gateway, live, asked, tried: Vec::new(), hedged: 0, spent: false }
    }

    /// Runs one race.
    ///
    /// # Errors
    /// The try that failed last (that last said why, where one did), if none was answered well.
    pub async fn run(&mut self) -> Result<Ended, Failed> {
        let mut last_sent = self.live.clock.now();
        let Some(patience) = self.patience(last_sent) else {
            return Ok(Ended::Failed(TryFailure::TimedOut));
        };
        let mut under_way = match self.pick(last_sent, true) {
            Ok(picked) => vec![self.send(picked, patience, None)],
            Err(nobody) => return Ok(Ended::Nobody(nobody)),
        };
        let mut failed: Option<Failed> = None;
        loop {
            let next = self.next_hedge(last_sent);
            let (one, outcome) = tokio::select! {
                biased;
                ended = first_ended(&mut under_way) => ended,
                () = until(self.live, next) => {
                    last_sent = self.live.clock.now();
                    under_way.extend(self.hedge(last_sent, under_way[0].endpoint));
                    continue;
                }
            };
            let endpoint = one.endpoint;
            let new = match outcome {
                Ok(answered) if answered.status.as_u16() < 500 => {
                    self.gateway.counts.hedges_won.fetch_add(one.hedge.is_some().into(), Ordering::Relaxed);
                    return Ok(Ended::Answered(answered, endpoint));
                }
                Ok(answered) => {
                    let failure = TryFailure::Status(answered.status.as_u16());
                    Failed { failure, endpoint, words: Some(answered) }
                }
                Err(failure) => Failed { failure, endpoint, words: None },
            };
            let telling = match failed.take() {
                // A server's own words are better than none.
                Some(said) if said.words.is_some() && new.words.is_none() => said,
                _ => new,
            };
            if under_way.is_empty() {
                return Err(telling);
            }
            failed = Some(telling);
        }
    }

    fn patience(&self, time: Nanos) -> Option<Nanos> {
        self.live.config.timeouts.try_timeout(time, self.asked.deadline)
    }

    fn pick(&mut self, now: Nanos, again: bool) -> Result<Picked, orrery_policy::traffic::NoEndpoint> {
        let (residency, key, tried) = (self.asked.residency, self.asked.key, self.tried.as_slice());
        let picked = self.live.pick(&Request { residency, key, tried, again, now })?;
        self.tried.push(picked.endpoint);
        Ok(picked)
    }

    fn send(&self, picked: Picked, patience: Nanos, hedge: Option<RetryPermit<'a>>) -> UnderWay<'a> {
        let endpoint = picked.endpoint;
        UnderWay { endpoint, hedge, outcome: Box::pin(attempt(self.live, self.asked, picked, patience)) }
    }

    /// When another try is sent beside those under way; `None` for never.
    fn next_hedge(&self, last_sent: Nanos) -> Option<Nanos> {
        let waiting = Waiting {
            last_sent,
            hedged: self.hedged,
            idempotent: self.asked.idempotent,
            replayable: self.asked.body.is_whole(),
            answer_started: false,
            deadline: self.asked.deadline,
        };
        self.live.config.hedging.next(&waiting).filter(|_| !self.spent)
    }

    /// Sends a try beside those under way, where the budget of the endpoint that is waited for and another endpoint allow it.
    fn hedge(&mut self, time: Nanos, waited_for: usize) -> Option<UnderWay<'a>> {
        let sent = RetryPermit::take(&self.live.limits[waited_for]).and_then(|permit| {
            let patience = self.patience(time)?;
            let picked = self.pick(time, false).ok()?;
            Some(self.send(picked, patience, Some(permit)))
        });
        match &sent {
            Some(_) => {
                self.hedged += 1;
                self.gateway.counts.hedges.fetch_add(1, Ordering::Relaxed);
            }
            None => self.spent = true,
        }
        sent
    }
}

/// Waits until a moment; for ever where there is none.
async fn until(live: &Live, moment: Option<Nanos>) {
    match moment {
        Some(moment) => tokio::time::sleep(Duration::from_nanos((moment - live.clock.now()).0)).await,
        None => std::future::pending().await,
    }
}

/// The first try to end, taken out of those under way.
async fn first_ended<'a>(under_way: &mut Vec<UnderWay<'a>>) -> (UnderWay<'a>, Outcome) {
    poll_fn(|context| {
        for index in 0..under_way.len() {
            if let Poll::Ready(outcome) = under_way[index].outcome.as_mut().poll(context) {
                return Poll::Ready((under_way.remove(index), outcome));
            }
        }
        Poll::Pending
    })
    .await
}
