//! Attempt: one call of one picked endpoint, and what its end tells of the endpoint.

use std::{sync::Arc, time::Duration};

use orrery_policy::traffic::{Nanos, outlier::Answer, retry::TryFailure};

use super::{
    content::Content,
    forward,
    live::{Live, Picked},
    serve::Gateway,
    sound::is_sound,
    streamed::{End, streamed},
    tries::Asked,
    upstream::{Answered, Call},
};

/// Gives a pick back when nobody waits for its answer any more: the caller left, or another endpoint was faster.
struct Held<'a> {
    live: &'a Live,
    picked: Option<Picked>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(picked) = self.picked.take() {
            self.live.record(picked, None);
        }
    }
}

/// Calls an endpoint, for at most `patience`. Dropped before its end, it ends the connection.
///
/// # Errors
/// How the try failed.
pub async fn attempt(
    live: &Arc<Live>,
    asked: &Asked<'_>,
    picked: Picked,
    patience: Nanos,
) -> Result<Answered, TryFailure> {
    let endpoint = picked.endpoint;
    let target = &live.config.endpoints[endpoint];
    let mut held = Held { live, picked: Some(picked) };
    let key = Gateway::key(target);
    let call = Call {
        head: forward::request(&asked.head, &asked.path, key.as_ref())?,
        body: asked.body.clone(),
        idempotent: asked.idempotent,
        patience: Duration::from_nanos(patience.0),
        answer_bytes: live.config.max_body_bytes(),
    };
    let outcome = live.servers[endpoint].call(call, &target.region, live.cuts()).await;
    let outcome = outcome.map_err(|unanswered| unanswered.failure);
    // Garbage under a good status is no answer.
    let outcome = outcome.and_then(|answered| {
        let sound = is_sound(&answered, asked, live.config.answer_check);
        if sound { Ok(answered) } else { Err(TryFailure::Reset) }
    });
    let answer = match &outcome {
        Ok(answered) => Some(Answer::of_status(answered.status.as_u16())),
        // A caller who sends slowly or breaks off says nothing about the server.
        Err(TryFailure::TimedOut) if !asked.body.is_finished() => None,
        Err(_) if asked.body.broken().is_some() => None,
        Err(_) => Some(Answer::GatewayFailure),
    };
    let Some(picked) = held.picked.take() else { return outcome };
    if let Ok(Answered { status, headers, body: Content::Stream(body) }) = outcome {
        let (live, began) = (Arc::clone(live), live.clock.now());
        let body = streamed(body, move |end, _bytes| {
            let answer = match end {
                End::Broken => Some(Answer::GatewayFailure),
                End::Left if !status.is_server_error() => None,
                End::Whole | End::Left => answer,
            };
            live.record_begun(picked, answer, began);
        });
        return Ok(Answered { status, headers, body: Content::Stream(body) });
    }
    live.record(picked, answer);
    outcome
}
