//! Board: everything that was noted of the fleet, as the state that pages draw.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use orrery_domain::{
    Failure,
    fleet::{
        Conformance, Drill, DrillPhase, EndpointStatus, FleetEndpoint, FleetEvent, FleetEventKind,
        FleetState, GatewayStatus, Health, LatencyCell, LatencyFigures, ModelSeen, Region, RegionHealth,
        RegionView, Rollout, RolloutState, Sighting, Simulation, TryEndpointState, VantageLook,
        VantageReport,
    },
    snapshot::Severity,
    units::UnixSecs,
};
use orrery_policy::fleet::quorum;

use super::{deployments, identity::Identity, scrape::Counters, watch::HERE};

/// Looks kept of an endpoint.
const LOOKS: usize = 60;
/// Events in the state.
const EVENTS: usize = 500;
/// Seconds over which rates are counted.
const RATE_SECS: f64 = 75.0;

/// News of the fleet.
pub enum Note {
    /// This process looked at an endpoint.
    Looked { endpoint: String, sighting: Sighting },
    /// An endpoint said who it is.
    Identified { endpoint: String, identity: Identity },
    /// An endpoint said what it has.
    Models { endpoint: String, models: Vec<ModelSeen> },
    /// An endpoint said what it counted.
    Counted { endpoint: String, at: UnixSecs, counters: Counters },
    /// Another vantage point said what it sees.
    Reported { vantage: String, report: VantageReport },
    /// A gateway gave account of itself, and of what it sees.
    Gateway { endpoint: String, answer: Result<Box<GatewayStatus>, Failure> },
    /// A plan is there.
    Planned(Box<Rollout>),
    /// A rollout moved.
    Rollout(Box<Rollout>),
    /// A drill moved.
    Drill(Box<Drill>),
    /// A server was checked.
    Conformance(Box<Conformance>),
    /// A simulation is there.
    Simulated { gateway: String, result: Result<Simulation, Failure> },
    /// A row was asked, or a schema read.
    Tried(Box<TryEndpointState>),
    /// Something happened that is no change of health.
    Happened(FleetEvent),
    /// Something went wrong that a person must hear.
    Failed(Failure),
}

#[derive(Default)]
struct Watched {
    looks: VecDeque<Option<f64>>,
    counts: VecDeque<(UnixSecs, Counters)>,
}

/// What is known.
#[derive(Default)]
pub struct Board {
    pub(super) regions: Vec<Region>,
    endpoints: BTreeMap<String, EndpointStatus>,
    watched: BTreeMap<String, Watched>,
    gateways: BTreeMap<String, Result<Arc<GatewayStatus>, Failure>>,
    rollouts: Vec<Arc<Rollout>>,
    planned: Option<Arc<Rollout>>,
    drills: Vec<Arc<Drill>>,
    events: VecDeque<FleetEvent>,
    conformance: Vec<Arc<Conformance>>,
    simulation: Option<Arc<(String, Result<Simulation, Failure>)>>,
    tried: Option<Arc<TryEndpointState>>,
    pub(super) polling: bool,
}

impl Board {
    /// A board that knows what the store kept.
    pub fn recall(rollouts: Vec<Rollout>, drills: Vec<Drill>, events: Vec<FleetEvent>) -> Self {
        Self {
            rollouts: rollouts.into_iter().map(Arc::new).collect(),
            drills: drills.into_iter().map(Arc::new).collect(),
            events: events.into_iter().take(EVENTS).collect(),
            ..Self::default()
        }
    }

    /// Takes over what is set up; what is known of endpoints that stay as they were is kept.
    pub fn set_up(&mut self, regions: Vec<Region>, endpoints: Vec<FleetEndpoint>) {
        self.regions = regions;
        let mut before = std::mem::take(&mut self.endpoints);
        for endpoint in endpoints {
            let known = before
                .remove(&endpoint.name)
                .filter(|known| known.endpoint.url == endpoint.url && self.is_enabled(&endpoint.region));
            let status = if let Some(known) = known {
                EndpointStatus { endpoint, ..known }
            } else {
                self.watched.remove(&endpoint.name);
                EndpointStatus::unknown(endpoint)
            };
            self.endpoints.insert(status.endpoint.name.clone(), status);
        }
        let names: BTreeSet<String> = self.endpoints.keys().cloned().collect();
        for status in self.endpoints.values_mut() {
            status.sightings.retain(|seen| seen.vantage == HERE || names.contains(&seen.vantage));
        }
        let there = &self.endpoints;
        self.watched.retain(|name, _| there.contains_key(name));
        self.gateways.retain(|name, _| there.contains_key(name));
    }

    /// Whether a region's endpoints may be contacted.
    pub fn is_enabled(&self, region: &str) -> bool {
        self.regions.iter().any(|known| known.name == region && known.enabled)
    }

    /// The endpoints, by name.
    pub fn endpoints(&self) -> impl Iterator<Item = &EndpointStatus> {
        self.endpoints.values()
    }

    /// An endpoint, by name.
    pub fn endpoint(&self, name: &str) -> Option<&EndpointStatus> {
        self.endpoints.get(name)
    }

    /// Gateways that answer, by endpoint name.
    pub fn live_gateways(&self) -> impl Iterator<Item = (&String, &Arc<GatewayStatus>)> {
        self.gateways.iter().filter_map(|(name, answer)| Some((name, answer.as_ref().ok()?)))
    }

    /// The rollouts, the newest first.
    pub fn rollouts(&self) -> impl Iterator<Item = &Arc<Rollout>> {
        self.rollouts.iter()
    }

    /// A rollout, by id.
    pub fn rollout(&self, id: &str) -> Option<&Arc<Rollout>> {
        self.rollouts.iter().find(|rollout| rollout.id == id)
    }

    /// The last rollout of a model that is done.
    pub fn last_done(&self, model: &str) -> Option<&Arc<Rollout>> {
        let done =
            |rollout: &&Arc<Rollout>| rollout.plan.model.name == model && rollout.state == RolloutState::Done;
        self.rollouts.iter().find(done)
    }

    /// Takes a note; the events that follow from it, for the store.
    pub fn take(&mut self, note: Note, now: UnixSecs) -> Vec<FleetEvent> {
        let mut events = Vec::new();
        match note {
            Note::Looked { endpoint, sighting } => self.looked(&endpoint, sighting, now, &mut events),
            Note::Identified { endpoint, identity } => {
                if let Some(status) = self.endpoints.get_mut(&endpoint) {
                    (status.server, status.server_version) = (identity.kind, identity.version);
                }
            }
            Note::Models { endpoint, models } => {
                if let Some(status) = self.endpoints.get_mut(&endpoint) {
                    (status.models, status.models_at) = (models, Some(now));
                }
                self.judge(&endpoint, now, &mut events);
            }
            Note::Counted { endpoint, at, counters } => self.counted(&endpoint, at, counters),
            Note::Reported { vantage, report } => self.reported(&vantage, report, now, &mut events),
            Note::Gateway { endpoint, answer } => self.heard_gateway(&endpoint, answer, now, &mut events),
            Note::Planned(rollout) => self.planned = Some(Arc::new(*rollout)),
            Note::Rollout(rollout) => {
                keep(&mut self.rollouts, Arc::new(*rollout), |one, other| one.id == other.id);
            }
            Note::Drill(drill) => keep(&mut self.drills, Arc::new(*drill), |one, other| one.id == other.id),
            Note::Conformance(report) => {
                let same = |one: &Conformance, other: &Conformance| one.endpoint == other.endpoint;
                keep(&mut self.conformance, Arc::new(*report), same);
            }
            Note::Simulated { gateway, result } => self.simulation = Some(Arc::new((gateway, result))),
            Note::Tried(tried) => self.tried = Some(Arc::new(*tried)),
            Note::Happened(event) => events.push(event),
            Note::Failed(failure) => log::warn!("{failure}"),
        }
        for event in &events {
            self.events.push_front(event.clone());
        }
        self.events.truncate(EVENTS);
        events
    }

    fn looked(&mut self, name: &str, sighting: Sighting, now: UnixSecs, events: &mut Vec<FleetEvent>) {
        let Some(status) = self.endpoints.get_mut(name) else { return };
        let watched = self.watched.entry(name.to_owned()).or_default();
        watched.looks.push_back(sighting.latency_secs);
        if watched.looks.len() > LOOKS {
            watched.looks.pop_front();
        }
        status.recent = watched.looks.iter().copied().collect();
        status.latency = quantiles(watched.looks.iter().flatten().copied().collect());
        status.sightings.retain(|seen| seen.vantage != HERE);
        status.sightings.insert(0, sighting);
        self.judge(name, now, events);
    }

    /// Says anew how an endpoint is doing, and that it changed.
    fn judge(&mut self, name: &str, now: UnixSecs, events: &mut Vec<FleetEvent>) {
        let Some(status) = self.endpoints.get_mut(name) else { return };
        let (mut health, mut reason) = quorum::health(&status.sightings, now);
        let untrue: Vec<&ModelSeen> =
            status.models.iter().filter(|model| model.proved == Some(false)).collect();
        if let (Health::Healthy, Some(model)) = (health, untrue.first()) {
            health = Health::Degraded;
            reason = format!("'{}' says READY and does not answer: {}", model.name, model.reason);
        }
        let before = std::mem::replace(&mut status.health, health);
        if before != health && !(before == Health::Unknown && health == Health::Healthy) {
            let (severity, word) = match health {
                Health::Healthy => (Severity::Ok, "is healthy again"),
                Health::Degraded => (Severity::Warning, "is degraded"),
                Health::Unhealthy => (Severity::Error, "is unhealthy"),
                Health::Unknown => (Severity::Info, "is not known any more"),
            };
            let message = format!("{name} {word}. {reason}").trim().to_owned();
            events.push(FleetEvent {
                at: now,
                severity,
                kind: FleetEventKind::Health,
                subject: name.to_owned(),
                message,
            });
        }
        status.reason = reason;
    }

    fn counted(&mut self, name: &str, at: UnixSecs, counters: Counters) {
        let Some(status) = self.endpoints.get_mut(name) else { return };
        let counts = &mut self.watched.entry(name.to_owned()).or_default().counts;
        // A counter that went back belongs to a server that was started anew.
        if counts.back().is_some_and(|(_, last)| last.good > counters.good || last.any > counters.any) {
            counts.clear();
        }
        counts.push_back((at, counters));
        while counts.front().is_some_and(|(first, _)| at - first > RATE_SECS) {
            counts.pop_front();
        }
        status.memory_bytes = counters.memory_bytes.map(|bytes| bytes as u64);
        let first = counts.front().filter(|(first, _)| at - first > 1.0);
        let rates = first.and_then(|(first, before)| {
            let good = counters.good? - before.good?;
            let bad = counters.bad? - before.bad?;
            Some((good, bad, at - first))
        });
        let any = first.and_then(|(first, before)| Some((counters.any? - before.any?) / (at - first)));
        status.requests_per_sec = rates.map(|(good, bad, secs)| (good + bad) / secs).or(any);
        status.error_ratio =
            rates.filter(|(good, bad, _)| good + bad > 0.0).map(|(good, bad, _)| bad / (good + bad));
    }

    fn heard_gateway(
        &mut self,
        name: &str,
        answer: Result<Box<GatewayStatus>, Failure>,
        now: UnixSecs,
        events: &mut Vec<FleetEvent>,
    ) {
        let answer: Result<Arc<GatewayStatus>, Failure> = answer.map(Arc::from);
        if let Ok(status) = &answer {
            let newest = self.gateways.get(name).and_then(|known| known.as_ref().ok()).map(|known| known.at);
            // What the gateway saw happen since it was last asked.
            let since = newest.unwrap_or(status.at);
            events.extend(status.events.iter().filter(|event| event.at > since).rev().cloned());
            self.seen_by(name, status, now, events);
        }
        self.gateways.insert(name.to_owned(), answer);
    }

    /// Takes over what another vantage point sees of the endpoints that are set up here, too; its word on itself does not count.
    fn reported(
        &mut self,
        vantage: &str,
        report: VantageReport,
        now: UnixSecs,
        events: &mut Vec<FleetEvent>,
    ) {
        let looks: BTreeMap<String, VantageLook> =
            report.sightings.into_iter().map(|look| (plain(&look.url).to_owned(), look)).collect();
        let mut seen = Vec::new();
        for (name, status) in &mut self.endpoints {
            if name == vantage {
                continue;
            }
            let Some(look) = looks.get(plain(&status.endpoint.url)) else { continue };
            put(&mut status.sightings, look.clone().sighting(vantage, now));
            seen.push(name.clone());
        }
        for endpoint in seen {
            self.judge(&endpoint, now, events);
        }
    }

    /// Takes over what a gateway sees of the endpoints that are set up here, too.
    fn seen_by(&mut self, name: &str, gateway: &GatewayStatus, now: UnixSecs, events: &mut Vec<FleetEvent>) {
        let mut seen = Vec::new();
        for status in self.endpoints.values_mut() {
            let same = |url: &str| plain(url) == plain(&status.endpoint.url);
            let Some(there) = gateway.endpoints.iter().find(|there| same(&there.url)) else { continue };
            status.breaker = Some(there.breaker.clone());
            status.saturation =
                (there.max_requests > 0).then(|| f64::from(there.active) / f64::from(there.max_requests));
            let sighting = Sighting {
                vantage: name.to_owned(),
                at: now,
                healthy: matches!(there.health, Health::Healthy | Health::Degraded) && !there.drained,
                latency_secs: there.check_secs,
                reason: if there.drained { "taken out there".to_owned() } else { there.reason.clone() },
            };
            put(&mut status.sightings, sighting);
            seen.push(status.endpoint.name.clone());
        }
        for endpoint in seen {
            self.judge(&endpoint, now, events);
        }
    }

    /// The state as it is to be drawn.
    pub fn state(&self) -> FleetState {
        let latencies = self.endpoints.values().flat_map(|status| {
            status.sightings.iter().map(|seen| LatencyCell {
                vantage: seen.vantage.clone(),
                endpoint: status.endpoint.name.clone(),
                secs: seen.latency_secs,
                at: seen.at,
            })
        });
        let mut endpoints: Vec<Arc<EndpointStatus>> =
            self.endpoints.values().map(|status| Arc::new(status.clone())).collect();
        endpoints.sort_by(|one, other| {
            (&one.endpoint.region, &one.endpoint.name).cmp(&(&other.endpoint.region, &other.endpoint.name))
        });
        FleetState {
            regions: Arc::new(self.regions.iter().map(|region| self.region(region)).collect()),
            endpoints: Arc::new(endpoints),
            gateways: Arc::new(
                self.gateways.iter().map(|(name, answer)| (name.clone(), answer.clone())).collect(),
            ),
            deployments: Arc::new(deployments::deployments(self)),
            rollouts: Arc::new(self.rollouts.clone()),
            planned: self.planned.clone(),
            drills: Arc::new(self.drills.clone()),
            events: Arc::new(self.events.iter().cloned().collect()),
            latencies: Arc::new(latencies.collect()),
            conformance: Arc::new(self.conformance.clone()),
            simulation: self.simulation.clone(),
            tried: self.tried.clone(),
            polling: self.polling,
        }
    }

    fn region(&self, region: &Region) -> RegionView {
        use orrery_domain::fleet::endpoint::EndpointRole;
        let inside = |status: &&EndpointStatus| {
            status.endpoint.region == region.name && status.endpoint.role == EndpointRole::Server
        };
        let members: Vec<&EndpointStatus> = self.endpoints.values().filter(inside).collect();
        let healths = || members.iter().map(|status| status.health);
        let rates = members.iter().filter_map(|status| status.requests_per_sec);
        let requests_per_sec = rates.clone().reduce(|one, other| one + other);
        let failing: f64 = members
            .iter()
            .filter_map(|status| Some(status.requests_per_sec? * status.error_ratio.unwrap_or(0.0)))
            .sum();
        let saturation = members.iter().filter_map(|status| status.saturation).reduce(f64::max);
        let seen = members.iter().filter_map(|status| status.sightings.first()).map(|seen| seen.at);
        let drilled = self.drills.iter().any(|drill| {
            drill.region == region.name
                && !matches!(drill.phase, DrillPhase::Done | DrillPhase::Failed)
                && drill.ended_at.is_none()
        });
        RegionView {
            health: RegionHealth::of(healths()),
            endpoints: members.len(),
            healthy: healths().filter(|health| *health == Health::Healthy).count(),
            latency: quantiles(
                members.iter().flat_map(|status| status.recent.iter().flatten().copied()).collect(),
            ),
            error_ratio: requests_per_sec.filter(|rate| *rate > 0.0).map(|rate| failing / rate),
            requests_per_sec,
            saturation,
            drilled,
            seen_at: seen.reduce(f64::max),
            region: region.clone(),
        }
    }
}

/// An address without its last slash.
fn plain(url: &str) -> &str {
    url.trim_end_matches('/')
}

/// Puts a sighting in place of the one by the same vantage point, or last.
fn put(sightings: &mut Vec<Sighting>, sighting: Sighting) {
    match sightings.iter_mut().find(|seen| seen.vantage == sighting.vantage) {
        Some(known) => *known = sighting,
        None => sightings.push(sighting),
    }
}

/// Puts a record in place of the one it is a newer state of, or first.
fn keep<T>(list: &mut Vec<Arc<T>>, record: Arc<T>, same: impl Fn(&T, &T) -> bool) {
    match list.iter_mut().find(|known| same(known, &record)) {
        Some(known) => *known = record,
        None => list.insert(0, record),
    }
}

/// Quantiles by the nearest rank of few values.
fn quantiles(mut values: Vec<f64>) -> LatencyFigures {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = (share * values.len() as f64).ceil() as usize;
        values.get(rank.max(1) - 1).copied()
    };
    LatencyFigures { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        let mut board = Board::default();
        let mut region = Region::defaults().remove(0);
        region.enabled = true;
        let endpoint = FleetEndpoint {
            name: "a".to_owned(),
            url: "http://127.0.0.1:1".to_owned(),
            region: region.name.clone(),
            weight: 1,
            key_file: None,
            role: orrery_domain::fleet::endpoint::EndpointRole::Server,
        };
        board.set_up(vec![region], vec![endpoint]);
        board
    }

    fn look(healthy: bool, at: f64) -> Note {
        let sighting = Sighting {
            vantage: HERE.to_owned(),
            at,
            healthy,
            latency_secs: healthy.then_some(0.01),
            reason: if healthy { String::new() } else { "refused".to_owned() },
        };
        Note::Looked { endpoint: "a".to_owned(), sighting }
    }

    #[test]
    fn health_changes_are_events_and_ready_is_not_believed_without_proof() {
        let mut board = board();
        assert_eq!(board.state().regions[0].health, RegionHealth::Unknown);
        assert!(board.take(look(true, 1.0), 1.0).is_empty(), "the first good news are no news");
        assert_eq!(board.state().regions[0].health, RegionHealth::Healthy);
        let events = board.take(look(false, 2.0), 2.0);
        assert_eq!(events.len(), 1);
        assert_eq!(board.state().regions[0].health, RegionHealth::Down);
        board.take(look(true, 3.0), 3.0);
        let liar = ModelSeen {
            name: "m".to_owned(),
            version: "1".to_owned(),
            state: "READY".to_owned(),
            reason: "500".to_owned(),
            proved: Some(false),
        };
        board.take(Note::Models { endpoint: "a".to_owned(), models: vec![liar] }, 3.0);
        let state = board.state();
        assert_eq!(state.endpoints[0].health, Health::Degraded);
        assert!(state.endpoints[0].reason.contains("READY"), "{}", state.endpoints[0].reason);
        assert_eq!(state.endpoints[0].recent, [Some(0.01), None, Some(0.01)]);
    }

    #[test]
    fn other_vantage_points_vote_and_do_not_judge_themselves() {
        let mut board = board();
        board.take(look(false, 100.0), 100.0);
        assert_eq!(board.state().endpoints[0].health, Health::Unhealthy);
        let report = |age_secs: f64| VantageReport {
            sightings: vec![VantageLook {
                url: "http://127.0.0.1:1/".to_owned(),
                age_secs,
                healthy: true,
                latency_secs: Some(0.02),
                reason: String::new(),
            }],
        };
        let told = |vantage: &str, age| Note::Reported { vantage: vantage.to_owned(), report: report(age) };
        board.take(told("a", 0.0), 100.0);
        assert_eq!(board.state().endpoints[0].sightings.len(), 1, "its word on itself does not count");
        board.take(told("b", 60.0), 100.0);
        assert_eq!(board.state().endpoints[0].health, Health::Unhealthy, "an old look does not count");
        board.take(told("b", 1.0), 100.0);
        assert_eq!(board.state().endpoints[0].health, Health::Degraded, "one against one");
        board.take(told("c", 1.0), 100.0);
        let state = board.state();
        assert_eq!(state.endpoints[0].health, Health::Degraded, "two of three can use it");
        assert!(state.endpoints[0].reason.starts_with("1 of 3"), "{}", state.endpoints[0].reason);
        let cells: Vec<_> = state.latencies.iter().map(|cell| (cell.vantage.as_str(), cell.secs)).collect();
        assert_eq!(cells, [(HERE, None), ("b", Some(0.02)), ("c", Some(0.02))]);
        board.take(told("b", f64::NAN), 100.0);
        assert!(board.state().endpoints[0].reason.starts_with("1 of 2"), "an age that is none is old");
        let (regions, endpoint) = (board.regions.clone(), board.state().endpoints[0].endpoint.clone());
        board.set_up(regions, vec![endpoint]);
        assert_eq!(board.state().endpoints[0].sightings.len(), 1, "who is set up no more sees nothing");
    }

    #[test]
    fn rates_come_from_counters_and_start_anew_with_the_server() {
        let mut board = board();
        let count = |at: f64, good: f64, bad: f64| Note::Counted {
            endpoint: "a".to_owned(),
            at,
            counters: Counters { good: Some(good), bad: Some(bad), any: None, memory_bytes: Some(1e6) },
        };
        board.take(count(0.0, 100.0, 0.0), 0.0);
        assert_eq!(board.state().endpoints[0].requests_per_sec, None, "one reading is no rate");
        board.take(count(10.0, 190.0, 10.0), 10.0);
        let state = board.state();
        assert_eq!(state.endpoints[0].requests_per_sec, Some(10.0));
        assert_eq!(state.endpoints[0].error_ratio, Some(0.1));
        board.take(count(20.0, 5.0, 0.0), 20.0);
        assert_eq!(board.state().endpoints[0].requests_per_sec, None, "the server was started anew");
        let any = |at: f64, any: f64| Note::Counted {
            endpoint: "a".to_owned(),
            at,
            counters: Counters { any: Some(any), ..Counters::default() },
        };
        board.take(any(90.0, 10.0), 90.0);
        board.take(any(100.0, 60.0), 100.0);
        let state = board.state();
        assert_eq!(state.endpoints[0].requests_per_sec, Some(5.0));
        assert_eq!(state.endpoints[0].error_ratio, None, "how they ended is not told");
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let all: Vec<f64> = (1..=100).map(f64::from).collect();
        let figures = quantiles(all);
        assert_eq!((figures.p50, figures.p95, figures.p99), (Some(50.0), Some(95.0), Some(99.0)));
        assert_eq!(quantiles(vec![]), LatencyFigures::default());
        assert_eq!(quantiles(vec![7.0]).p99, Some(7.0));
    }
}
