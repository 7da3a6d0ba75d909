//! Attempt: one call of one picked endpoint, and what its end tells of the endpoint.

use std::time::Duration;

use axum::http::header;
use orrery_oip::HEADER_LENGTH;
use orrery_policy::traffic::{Nanos, outlier::Answer, retry::TryFailure};

use super::{
    forward,
    live::{Live, Picked},
    serve::Gateway,
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
    live: &Live,
    asked: &Asked<'_>,
    picked: Picked,
    patience: Nanos,
) -> Result<Answered, TryFailure> {
    let endpoint = picked.endpoint;
    let target = &live.config.endpoints[endpoint];
    let mut held = Held { live, picked: Some(picked) };
    let key = Gateway::key(target);
    let call = Call {
        request: forward::request(&asked.head, &asked.path, key.as_ref(), asked.body.clone())?,
        idempotent: asked.idempotent,
        patience: Duration::from_nanos(patience.0),
        answer_bytes: live.config.max_body_bytes(),
    };
    let outcome = live.servers[endpoint].call(call, &target.region, live.cuts()).await;
    let outcome = outcome.map_err(|unanswered| unanswered.failure);
    let answer = match &outcome {
        Ok(answered) if !is_whole(answered) => Answer::GatewayFailure,
        Ok(answered) => Answer::of_status(answered.status.as_u16()),
        Err(_) => Answer::GatewayFailure,
    };
    if let Some(picked) = held.picked.take() {
        live.record(picked, Some(answer));
    }
    match outcome {
        // Garbage under a good status is no answer.
        Ok(answered) if !is_whole(&answered) => Err(TryFailure::Reset),
        outcome => outcome,
    }
}

/// Whether a good answer to an inference can be one: JSON begins with a brace, binary tensors say how long their head is.
fn is_whole(answered: &Answered) -> bool {
    if !answered.status.is_success() || answered.body.is_empty() {
        return true;
    }
    let json = answered
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !json || answered.headers.contains_key(HEADER_LENGTH) {
        return true;
    }
    let text = answered.body.trim_ascii();
    matches!((text.first(), text.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')))
}
