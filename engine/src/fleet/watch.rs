//! Watch: looks at one endpoint again and again, and notes what it sees.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use orrery_domain::fleet::{FleetEndpoint, ModelSeen, ServerKind, Sighting};
use orrery_policy::traffic::{
    Nanos,
    active_health::{ActiveHealth, ActiveHealthConfig, Check},
};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    board::Note,
    client::Server,
    identity::{self, Identity},
    probe::{self, Proof},
    scrape,
};
use crate::jobs::now;

/// Seconds between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longest that a look may take.
const LOOK_PATIENCE: Duration = Duration::from_secs(1);
/// Time between two readings of metrics and models.
const READ_EVERY: Duration = Duration::from_secs(15);
/// Time after which a model is probed again.
const PROVE_EVERY: Duration = Duration::from_mins(2);
/// Looks in a row that change this window's own mind.
const THRESHOLDS: ActiveHealthConfig = ActiveHealthConfig {
    healthy_threshold: 2,
    unhealthy_threshold: 3,
    interval_secs: 1.0,
    timeout_secs: 1.0,
};

/// Name of the vantage point that this process is.
pub const HERE: &str = "here";

struct Watcher {
    endpoint: FleetEndpoint,
    server: Server,
    notes: UnboundedSender<Note>,
    health: ActiveHealth,
    began: Instant,
    known: Option<Identity>,
    proofs: BTreeMap<(String, String), (Instant, Proof)>,
}

/// Looks at a server until its task is ended.
pub async fn watch(endpoint: FleetEndpoint, server: Server, notes: UnboundedSender<Note>) {
    let mut watcher = Watcher {
        endpoint,
        server,
        notes,
        health: ActiveHealth::new(Nanos::ZERO),
        began: Instant::now(),
        known: None,
        proofs: BTreeMap::new(),
    };
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut read_at: Option<Instant> = None;
    loop {
        ticks.tick().await;
        let heard = watcher.look().await;
        if heard && read_at.is_none_or(|at| at.elapsed() >= READ_EVERY) {
            watcher.read().await;
            read_at = Some(Instant::now());
        }
        if !heard {
            // Whoever comes back is asked anew who it is and what it has.
            read_at = None;
        }
    }
}

impl Watcher {
    fn note(&self, note: Note) {
        if self.notes.send(note).is_err() {
            log::debug!("nobody takes notes of the fleet any more");
        }
    }

    /// Looks once; whether anything answered.
    async fn look(&mut self) -> bool {
        let looked = self.server.get("/v2/health/ready", LOOK_PATIENCE).await;
        let (check, latency_secs, reason) = match &looked {
            // The status decides: servers differ in the body, and the specification is wrong about it.
            Ok(reply) if reply.status.is_success() => (Check::Passed, Some(reply.secs), String::new()),
            Ok(reply) if matches!(reply.status.as_u16(), 401 | 403) => {
                (Check::NotReady, Some(reply.secs), format!("The key is refused: {}.", reply.complaint()))
            }
            Ok(reply) => (Check::NotReady, Some(reply.secs), format!("Not ready: {}.", reply.complaint())),
            Err(failure) => (Check::Failed, None, failure.message.clone()),
        };
        self.health.record(&THRESHOLDS, check, Nanos::from_secs(self.began.elapsed().as_secs_f64()));
        let sighting = Sighting {
            vantage: HERE.to_owned(),
            at: now(),
            healthy: self.health.is_healthy(),
            latency_secs,
            reason,
        };
        self.note(Note::Looked { endpoint: self.endpoint.name.clone(), sighting });
        looked.is_ok()
    }

    /// Reads who it is, what it has, and what it counts.
    async fn read(&mut self) {
        let endpoint = self.endpoint.name.clone();
        match identity::identify(&self.server).await {
            Ok(identity) => {
                if self.known.as_ref() != Some(&identity) {
                    self.note(Note::Identified { endpoint: endpoint.clone(), identity: identity.clone() });
                }
                self.known = Some(identity);
            }
            Err(failure) => log::debug!("{endpoint} does not say who it is: {failure}"),
        }
        match identity::models(&self.server).await {
            Ok((_, models)) => {
                let models = self.prove(models).await;
                self.note(Note::Models { endpoint: endpoint.clone(), models });
            }
            Err(failure) => log::debug!("{endpoint} does not list its models: {failure}"),
        }
        if let Ok(reply) = self.server.get("/metrics", Duration::from_secs(3)).await
            && reply.status.is_success()
        {
            let counters = scrape::counters(&String::from_utf8_lossy(&reply.body));
            self.note(Note::Counted { endpoint, at: now(), counters });
        }
    }

    /// Probes what says it is ready; what was proved a short while ago is believed.
    async fn prove(&mut self, mut models: Vec<ModelSeen>) -> Vec<ModelSeen> {
        let kind = self.known.as_ref().map_or(ServerKind::Unknown, |known| known.kind);
        let mut proofs = BTreeMap::new();
        for model in &mut models {
            if model.state != "READY" {
                continue;
            }
            let key = (model.name.clone(), model.version.clone());
            let fresh = self
                .proofs
                .remove(&key)
                .filter(|(at, proof)| *proof == Proof::Answers && at.elapsed() < PROVE_EVERY);
            let (at, proof) = if let Some(proof) = fresh {
                proof
            } else {
                let version = Some(model.version.as_str()).filter(|version| !version.is_empty());
                let dialect = identity::dialect(kind);
                (Instant::now(), probe::prove(&self.server, dialect, &model.name, version).await)
            };
            model.proved = proof.verdict();
            if let Proof::Fails(why) | Proof::Unproved(why) = &proof {
                model.reason.clone_from(why);
            }
            proofs.insert(key, (at, proof));
        }
        self.proofs = proofs;
        models
    }
}

/// Asks a gateway for its account until its task is ended.
pub async fn watch_gateway(endpoint: FleetEndpoint, server: Server, notes: UnboundedSender<Note>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let began = Instant::now();
        let answer = super::gateways::status(&server).await;
        let sighting = Sighting {
            vantage: HERE.to_owned(),
            at: now(),
            healthy: answer.is_ok(),
            latency_secs: answer.is_ok().then(|| began.elapsed().as_secs_f64()),
            reason: answer.as_ref().err().map(|failure| failure.message.clone()).unwrap_or_default(),
        };
        let name = endpoint.name.clone();
        let told = notes.send(Note::Looked { endpoint: name.clone(), sighting }).is_ok()
            && notes.send(Note::Gateway { endpoint: name, answer: answer.map(Box::new) }).is_ok();
        if !told {
            return;
        }
    }
}
