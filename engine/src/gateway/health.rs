//! Health: asks every endpoint whether it is ready, again and again.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{Request, Uri, header},
};
use orrery_policy::traffic::{active_health::Check, retry::TryFailure};

use super::{
    content::Outgoing,
    live::Live,
    serve::Gateway,
    upstream::{Call, Unanswered},
};

/// The shortest pause between two rounds.
const ROUND: Duration = Duration::from_millis(100);

/// Checks whatever is due, until its task is ended.
pub async fn check(gateway: Arc<Gateway>) {
    loop {
        let live = gateway.live();
        let time = live.clock.now();
        let due: Vec<usize> = {
            let core = live.core();
            (0..core.checks.len()).filter(|&index| core.checks[index].next_check() <= time).collect()
        };
        // All at once: one that hangs must not hold up the others.
        let mut round = tokio::task::JoinSet::new();
        for index in due {
            let live = Arc::clone(&live);
            round.spawn(async move { check_one(&live, index).await });
        }
        while round.join_next().await.is_some() {}
        live.check_outliers();
        tokio::time::sleep(ROUND).await;
    }
}

async fn check_one(live: &Live, index: usize) {
    let Some(upstream) = live.config.endpoints.get(index) else { return };
    let mut head = Request::default();
    *head.uri_mut() = Uri::from_static("/v2/health/ready");
    if let Some(key) = Gateway::key(upstream) {
        head.headers_mut().insert(header::AUTHORIZATION, key);
    }
    let call = Call {
        head,
        body: Outgoing::Whole(Bytes::new()),
        idempotent: true,
        patience: Duration::from_secs_f64(live.config.health_checks.timeout_secs),
        answer_bytes: live.config.max_body_bytes(),
    };
    let began = live.clock.now();
    let answered = live.servers[index].call(call, &upstream.region, live.cuts()).await;
    let secs = (live.clock.now() - began).as_secs();
    let (check, secs, reason) = match answered {
        Ok(answered) if answered.status.is_success() => (Check::Passed, Some(secs), String::new()),
        Ok(answered) => {
            (Check::NotReady, Some(secs), format!("Its health check answers {}.", answered.status.as_u16()))
        }
        Err(Unanswered { untrusted: Some(why), .. }) => (Check::Failed, None, why),
        Err(Unanswered { failure: TryFailure::TimedOut, .. }) => {
            (Check::Failed, None, "Its health check gets no answer.".to_owned())
        }
        Err(Unanswered { failure: TryFailure::ConnectFailure, .. }) => {
            (Check::Failed, None, "It cannot be connected to.".to_owned())
        }
        Err(_) => (Check::Failed, None, "Its connection broke.".to_owned()),
    };
    live.checked(index, check, secs, reason);
}
