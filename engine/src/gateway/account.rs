//! Account: what is counted and recorded of a request when it has ended.

use std::sync::Arc;

use axum::body::Bytes;
use orrery_policy::traffic::{Nanos, Residency};

use super::{
    canary::Route,
    content::Outgoing,
    live::Live,
    record::{self, Line},
    serve::Gateway,
    streamed::End,
    tries::Asked,
};

/// What is known of a request before it ends.
pub struct Account {
    gateway: Arc<Gateway>,
    live: Arc<Live>,
    arrived: Nanos,
    /// Until the answer, or the first part of a streamed one: how fast the caller takes the rest is the caller's own matter.
    took: Nanos,
    route: Option<Route>,
    path: String,
    body: Outgoing,
    /// Key and residency, where they are recorded.
    noted: Option<(Option<u64>, Residency)>,
    status: u16,
    endpoint: Option<usize>,
}

impl Account {
    /// Opens a request's account: its caller gets this status, from this endpoint where one answered.
    pub fn new(
        gateway: &Arc<Gateway>,
        live: &Arc<Live>,
        asked: Asked<'_>,
        status: u16,
        endpoint: Option<usize>,
    ) -> Self {
        let noted = live.config.recording.then(|| (asked.key, asked.residency.clone()));
        let Asked { arrived, route, path, body, .. } = asked;
        let (gateway, live) = (Arc::clone(gateway), Arc::clone(live));
        let took = live.clock.now() - arrived;
        Self { gateway, live, arrived, took, route, path, body, noted, status, endpoint }
    }

    /// Closes it with the end of a streamed answer.
    pub fn close_stream(self, end: End, answer_bytes: u64) {
        let failed = self.status >= 500 || end == End::Broken;
        self.close(failed, answer_bytes as usize, None);
    }

    /// Closes it with a whole answer, of which a good one's body and the length of its JSON part count for a canary.
    pub fn close_whole(self, answer_bytes: usize, predictions: Option<&(Bytes, Option<usize>)>) {
        let failed = self.status >= 500;
        self.close(failed, answer_bytes, predictions);
    }

    fn close(self, failed: bool, answer_bytes: usize, predictions: Option<&(Bytes, Option<usize>)>) {
        let Self { gateway, live, arrived, took, route, path, body, noted, status, endpoint } = self;
        let time = live.clock.now();
        gateway.counts.ended(time, took, failed);
        gateway.slos.record(failed);
        if let Some(route) = &route {
            gateway.canaries.record(route, predictions, took, failed, time);
        }
        if let Some((key, residency)) = noted {
            let model = path.strip_prefix("/v2/models/").and_then(|rest| rest.split('/').next());
            gateway.recorder.push(Line {
                at: live.clock.unix(arrived),
                secs: took.as_secs(),
                status,
                endpoint: endpoint.map(|index| live.config.endpoints[index].name.clone()),
                model: model.map(str::to_owned),
                key: key.and_then(|key| gateway.recorder.disguise(key)),
                residency: record::tags(&residency),
                request_bytes: body.bytes(),
                answer_bytes,
            });
        }
    }
}
