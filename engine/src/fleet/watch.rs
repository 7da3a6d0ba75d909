//! Watch: looks at one endpoint again and again, and notes what it sees.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use orrery_domain::fleet::{FleetEndpoint, ModelSeen, ServerKind, Sighting, VantageReport};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    board::Note,
    client::Server,
    identity::{self, Identity},
    look::{EVERY, LOOK_PATIENCE, Looker},
    probe::{self, Proof},
    scrape,
    side_by_side::side_by_side,
    vantage,
};
use crate::jobs::now;

/// Time between two readings of metrics and models.
const READ_EVERY: Duration = Duration::from_secs(15);
/// Time after which a model is probed again.
const PROVE_EVERY: Duration = Duration::from_mins(2);
/// Time between two questions what another vantage point sees.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// Name of the vantage point that this process is.
pub const HERE: &str = "here";

struct Watcher {
    endpoint: FleetEndpoint,
    looker: Looker,
    notes: UnboundedSender<Note>,
    known: Option<Identity>,
    /// Whether it may be a vantage point.
    vantage: bool,
    proofs: BTreeMap<(String, String), (Instant, Proof)>,
}

/// Looks at a server until its task is ended.
pub async fn watch(endpoint: FleetEndpoint, server: Server, notes: UnboundedSender<Note>) {
    let mut watcher = Watcher {
        endpoint,
        looker: Looker::new(server),
        notes,
        known: None,
        vantage: true,
        proofs: BTreeMap::new(),
    };
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut read_at, mut asked_at): (Option<Instant>, Option<Instant>) = (None, None);
    let due = |at: Option<Instant>, every| at.is_none_or(|at| at.elapsed() >= every);
    loop {
        ticks.tick().await;
        if !watcher.look().await {
            // Whoever comes back is asked anew who it is, what it has and what it sees.
            (read_at, asked_at, watcher.vantage) = (None, None, true);
            continue;
        }
        if due(read_at, READ_EVERY) {
            watcher.read().await;
            read_at = Some(Instant::now());
        }
        if watcher.vantage && due(asked_at, ASK_EVERY) {
            watcher.ask_vantage().await;
            asked_at = Some(Instant::now());
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
        let look = self.looker.look().await;
        let heard = look.latency_secs.is_some();
        self.note(Note::Looked {
            endpoint: self.endpoint.name.clone(),
            sighting: look.sighting(HERE, now()),
        });
        heard
    }

    /// Asks a node of ours what it sees of other endpoints; one that is no vantage point is not asked again.
    async fn ask_vantage(&mut self) {
        if self.known.as_ref().is_none_or(|known| known.kind != ServerKind::Orrery) {
            return;
        }
        let Ok(reply) = self.looker.server.get(vantage::PATH, LOOK_PATIENCE).await else { return };
        if matches!(reply.status.as_u16(), 401 | 403 | 404) {
            self.vantage = false;
        }
        if !reply.status.is_success() {
            return;
        }
        match serde_json::from_slice::<VantageReport>(&reply.body) {
            Ok(report) => self.note(Note::Reported { vantage: self.endpoint.name.clone(), report }),
            Err(error) => log::debug!("what {} sees cannot be read: {error}", self.endpoint.name),
        }
    }

    /// Reads who it is, what it has, and what it counts.
    async fn read(&mut self) {
        let endpoint = self.endpoint.name.clone();
        match identity::identify(&self.looker.server).await {
            Ok(identity) => {
                if self.known.as_ref() != Some(&identity) {
                    self.note(Note::Identified { endpoint: endpoint.clone(), identity: identity.clone() });
                }
                self.known = Some(identity);
            }
            Err(failure) => log::debug!("{endpoint} does not say who it is: {failure}"),
        }
        let kind = self.known.as_ref().map_or(ServerKind::Unknown, |known| known.kind);
        match identity::models(&self.looker.server, kind).await {
            Ok((_, models)) => {
                let models = self.prove(kind, models).await;
                self.note(Note::Models { endpoint: endpoint.clone(), models });
            }
            Err(failure) => log::debug!("{endpoint} does not list its models: {failure}"),
        }
        if let Some(counters) = self.count(kind).await {
            self.note(Note::Counted { endpoint, at: now(), counters });
        }
    }

    /// What it counts: by its metrics where it serves them beside its models, else by Triton's statistics.
    async fn count(&self, kind: ServerKind) -> Option<scrape::Counters> {
        let patience = Duration::from_secs(3);
        let reply = self.looker.server.get("/metrics", patience).await.ok()?;
        if reply.status.is_success() {
            return Some(scrape::counters(&String::from_utf8_lossy(&reply.body)));
        }
        if kind != ServerKind::Triton {
            return None;
        }
        let reply = self.looker.server.get("/v2/models/stats", patience).await.ok()?;
        serde_json::from_slice(&reply.body).ok().map(|statistics| scrape::of_statistics(&statistics))
    }

    /// Probes what says it is ready; what was proved a short while ago is believed.
    async fn prove(&mut self, kind: ServerKind, mut models: Vec<ModelSeen>) -> Vec<ModelSeen> {
        let key = |model: &ModelSeen| (model.name.clone(), model.version.clone());
        let mut proofs = BTreeMap::new();
        let mut stale = Vec::new();
        for model in models.iter().filter(|model| model.state == "READY") {
            let known = self.proofs.remove(&key(model));
            match known.filter(|(at, proof)| *proof == Proof::Answers && at.elapsed() < PROVE_EVERY) {
                Some(fresh) => _ = proofs.insert(key(model), fresh),
                None => stale.push(key(model)),
            }
        }
        let dialect = identity::dialect(kind);
        let asked = stale.into_iter().map(|(name, version)| {
            let server = self.looker.server.clone();
            async move {
                let named = Some(version.as_str()).filter(|version| !version.is_empty());
                let proof = probe::prove(&server, dialect, &name, named).await;
                ((name, version), (Instant::now(), proof))
            }
        });
        proofs.extend(side_by_side(asked).await);
        for model in models.iter_mut().filter(|model| model.state == "READY") {
            let Some((_, proof)) = proofs.get(&key(model)) else { continue };
            model.proved = proof.verdict();
            if let Proof::Fails(why) | Proof::Unproved(why) = proof {
                model.reason.clone_from(why);
            }
        }
        self.proofs = proofs;
        models
    }
}

/// Asks a gateway for its account until its task is ended.
pub async fn watch_gateway(endpoint: FleetEndpoint, server: Server, notes: UnboundedSender<Note>) {
    let mut ticks = tokio::time::interval(EVERY);
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
