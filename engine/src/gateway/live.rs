//! Live: the state behind every decision, and the decisions' one lock. Held for a pick or a record, never while waiting.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use orrery_domain::{
    fleet::{FleetEvent, FleetEventKind},
    snapshot::Severity,
};
use orrery_policy::traffic::{
    Availability, Breaker, BreakerState, EndpointState, Limits, Nanos, NoEndpoint, Outcome, OutlierDetector,
    Pool, Request, Resource, SplitMix64,
    active_health::{ActiveHealth, Check},
    breaker::CallPermit,
    config::ConfigError,
    outlier::{Answer, Verdict},
};
use tokio::sync::watch;

use super::{
    config::{GatewayConfig, Upstream},
    rolling::Rolling,
    upstream::Server,
};
use crate::jobs::now;

/// Events kept.
const EVENTS: usize = 100;
/// Longest that breakers stay open where every server that a request may go to is behind an open one: 2 s.
const ALONE: Nanos = Nanos(2_000_000_000);

/// Seconds since some moment before everything here, as decisions want time.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Now.
    pub fn now(self) -> Nanos {
        Nanos(self.0.elapsed().as_nanos() as u64)
    }

    /// As seconds since 1970, of a moment of this clock.
    pub fn unix(self, moment: Nanos) -> f64 {
        now() - (self.now().as_secs() - moment.as_secs())
    }
}

/// What one endpoint did, for whoever looks.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests sent.
    pub requests: AtomicU64,
    /// Of these, failed.
    pub failures: AtomicU64,
    /// Requests under way.
    pub active: AtomicU32,
    /// The last minute.
    pub recent: Mutex<Rolling>,
}

/// What changes with every request.
pub struct Core {
    pool: Pool,
    states: Vec<EndpointState>,
    pub(super) breakers: Vec<Breaker>,
    outliers: OutlierDetector,
    pub(super) ejected_until: Vec<Option<Nanos>>,
    pub(super) checks: Vec<ActiveHealth>,
    pub(super) check_secs: Vec<Option<f64>>,
    pub(super) check_reason: Vec<String>,
    random: SplitMix64,
    breaker_reason: Vec<String>,
}

/// A gateway's traffic under one configuration.
pub struct Live {
    /// The configuration.
    pub config: GatewayConfig,
    /// Its revision.
    pub revision: u64,
    /// Time.
    pub clock: Clock,
    core: Mutex<Core>,
    /// Limits of each endpoint.
    pub limits: Vec<Limits>,
    /// What each endpoint did.
    pub tallies: Vec<Arc<Tally>>,
    /// Connections to each endpoint.
    pub servers: Vec<Arc<Server>>,
    events: Arc<Mutex<Vec<FleetEvent>>>,
    cuts: Arc<watch::Sender<BTreeSet<String>>>,
    drained: Vec<bool>,
}

/// A picked endpoint, with what must be given back.
pub struct Picked {
    /// Its index.
    pub endpoint: usize,
    permit: CallPermit,
    began: Nanos,
}

/// The connections to an endpoint: those it has, where the same certificates are believed.
fn server(upstream: &Upstream, before: Option<&Arc<Server>>) -> Result<Arc<Server>, ConfigError> {
    let Upstream { url, ca_file, .. } = upstream;
    let wrong = |why: String| {
        let path = ca_file.as_deref().unwrap_or(Path::new("none"));
        ConfigError::new("ca_file", path.display(), format!("a PEM file of certificates ({why})"))
    };
    let read = |path: &PathBuf| std::fs::read(path).map_err(|error| wrong(error.to_string()));
    let authorities = ca_file.as_ref().map(read).transpose()?;
    match before.filter(|before| before.trusts(authorities.as_deref())) {
        Some(before) => Ok(Arc::clone(before)),
        None => Ok(Arc::new(Server::new(url, authorities).map_err(wrong)?)),
    }
}

impl Live {
    /// The state of a new gateway, or of a changed configuration: what is known of endpoints that stay is kept.
    ///
    /// # Errors
    /// What of the configuration will not do.
    pub fn new(config: GatewayConfig, revision: u64, before: Option<&Self>) -> Result<Self, ConfigError> {
        let clock = before.map_or_else(Clock::start, |before| before.clock);
        let time = clock.now();
        let endpoints = config.endpoints.iter().map(Upstream::endpoint).collect();
        let pool = Pool::new(endpoints, &config.strategy, config.priority)?;
        let count = config.endpoints.len();
        let place = |name: &str| {
            let before = before?;
            let index = before.config.endpoints.iter().position(|known| known.name == name)?;
            Some((before, index))
        };
        let mut core = Core {
            pool,
            states: vec![EndpointState::default(); count],
            breakers: Vec::new(),
            outliers: OutlierDetector::new(config.outlier_detection, count, time),
            ejected_until: vec![None; count],
            checks: Vec::new(),
            check_secs: vec![None; count],
            check_reason: vec!["Not checked yet.".to_owned(); count],
            random: SplitMix64::new(time.0 ^ u64::from(std::process::id())),
            breaker_reason: vec![String::new(); count],
        };
        let (mut tallies, mut servers) = (Vec::new(), Vec::new());
        for (index, upstream) in config.endpoints.iter().enumerate() {
            let known = place(&upstream.name);
            let kept = known.filter(|(before, at)| before.config.endpoints[*at].url == upstream.url);
            if let Some((before, at)) = kept {
                let old = before.core();
                core.states[index] = old.states[at];
                core.checks.push(old.checks[at]);
                core.check_secs[index] = old.check_secs[at];
                core.check_reason[index].clone_from(&old.check_reason[at]);
                if before.config.circuit_breaker == config.circuit_breaker {
                    core.breakers.push(old.breakers[at].clone());
                    core.breaker_reason[index].clone_from(&old.breaker_reason[at]);
                } else {
                    core.breakers.push(Breaker::new(config.circuit_breaker, time));
                }
            } else {
                core.checks.push(ActiveHealth::new(time));
                core.breakers.push(Breaker::new(config.circuit_breaker, time));
            }
            tallies.push(kept.map_or_else(Arc::default, |(before, at)| Arc::clone(&before.tallies[at])));
            let before = kept.map(|(before, at)| &before.servers[at]);
            servers.push(
                server(upstream, before).map_err(|error| error.within(&format!("endpoints[{index}]")))?,
            );
        }
        Ok(Self {
            limits: (0..count).map(|_| Limits::new(config.limits)).collect(),
            drained: config.endpoints.iter().map(|upstream| upstream.drained).collect(),
            events: before.map_or_else(Arc::default, |before| Arc::clone(&before.events)),
            cuts: before
                .map_or_else(|| Arc::new(watch::Sender::default()), |before| Arc::clone(&before.cuts)),
            core: Mutex::new(core),
            config,
            revision,
            clock,
            tallies,
            servers,
        })
    }

    /// The decisions' state.
    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index of an endpoint.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.config.endpoints.iter().position(|upstream| upstream.name == name)
    }

    /// Regions whose connections are cut, and news of it.
    pub fn cuts(&self) -> watch::Receiver<BTreeSet<String>> {
        self.cuts.subscribe()
    }

    /// Cuts a region's connections, or mends them.
    pub fn cut(&self, region: &str, on: bool) {
        self.cuts.send_modify(|cut| {
            if on {
                cut.insert(region.to_owned());
            } else {
                cut.remove(region);
            }
        });
        let what = if on {
            "Every connection to the region is cut."
        } else {
            "The region's connections are mended."
        };
        self.event(Severity::Warning, FleetEventKind::Drill, region, what.to_owned());
    }

    /// Notes that something happened.
    pub fn event(&self, severity: Severity, kind: FleetEventKind, subject: &str, message: String) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.insert(0, FleetEvent { at: now(), severity, kind, subject: subject.to_owned(), message });
        events.truncate(EVENTS);
    }

    /// What happened lately, the newest first.
    pub fn events(&self) -> Vec<FleetEvent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Picks an endpoint and takes its breaker's permit and a place under its limits.
    ///
    /// # Errors
    /// Why nobody can be asked.
    pub fn pick(&self, request: &Request<'_>) -> Result<Picked, NoEndpoint> {
        let mut guard = self.core();
        let core = &mut *guard;
        self.look(core, request.now);
        let mut picked = core.pool.pick(&core.states, request, &mut core.random);
        if picked == Err(NoEndpoint::Unavailable) && request.again && self.probe_early(core, request) {
            self.look(core, request.now);
            picked = core.pool.pick(&core.states, request, &mut core.random);
        }
        let endpoint = picked?;
        // Looked at above, under the same lock: a refusal can only mean that the last probe went just now.
        let permit =
            core.breakers[endpoint].try_acquire(request.now).map_err(|_refused| NoEndpoint::Unavailable)?;
        self.tell_breaker(core, endpoint);
        if !self.limits[endpoint].try_acquire(Resource::Request) {
            core.breakers[endpoint].record(permit, request.now, Outcome::Ignored, Nanos::ZERO);
            return Err(NoEndpoint::Unavailable);
        }
        core.states[endpoint].load.started();
        let tally = &self.tallies[endpoint];
        tally.requests.fetch_add(1, Ordering::Relaxed);
        tally.active.fetch_add(1, Ordering::Relaxed);
        Ok(Picked { endpoint, permit, began: request.now })
    }

    /// Looks whom may be asked.
    fn look(&self, core: &mut Core, time: Nanos) {
        for index in 0..core.states.len() {
            core.states[index].availability = self.availability(core, index, time);
        }
    }

    /// Lets the open breakers of a request's servers probe before their wait is over: what struck all of them at once may have been a
    /// moment's, and nobody else is there to be spared for. All of them together, [`ALONE`] after the last one opened: the first
    /// that closed would leave the others to the whole of their wait. Whether any does.
    fn probe_early(&self, core: &mut Core, request: &Request<'_>) -> bool {
        let open: Vec<usize> = (0..core.breakers.len())
            .filter(|&index| {
                !self.drained[index]
                    && request.residency.allows(&self.config.endpoints[index].tags)
                    && core.breakers[index].state() == BreakerState::Open
            })
            .collect();
        let due = open.iter().all(|&index| request.now >= core.breakers[index].since() + ALONE);
        let mut any = false;
        for index in open.into_iter().filter(|_| due) {
            if core.breakers[index].order(BreakerState::HalfOpen, request.now).is_ok() {
                self.tell_breaker(core, index);
                any = true;
            }
        }
        any
    }

    /// Whether an endpoint may be asked.
    fn availability(&self, core: &Core, index: usize, time: Nanos) -> Availability {
        let limits = &self.limits[index];
        let full = limits.used(Resource::Request) >= limits.limit(Resource::Request);
        if self.drained[index] || full || !core.breakers[index].would_allow(time) {
            Availability::Refusing
        } else if core.checks[index].is_healthy() && !core.outliers.is_ejected(index) {
            Availability::Healthy
        } else {
            Availability::Unhealthy
        }
    }

    /// Takes in how a call ended: `answer` is `None` where nothing is known about the endpoint (the caller left).
    pub fn record(&self, picked: Picked, answer: Option<Answer>) {
        self.record_begun(picked, answer, self.clock.now());
    }

    /// Takes in how a call ended whose answer began at `answered`: how fast the caller took the rest says nothing about the endpoint.
    pub fn record_begun(&self, picked: Picked, answer: Option<Answer>, answered: Nanos) {
        let time = self.clock.now();
        let Picked { endpoint, permit, began } = picked;
        let took = answered - began;
        let failed = matches!(answer, Some(Answer::ServerError | Answer::GatewayFailure));
        self.limits[endpoint].release(Resource::Request);
        let tally = &self.tallies[endpoint];
        tally.active.fetch_sub(1, Ordering::Relaxed);
        let mut guard = self.core();
        let core = &mut *guard;
        let Some(answer) = answer else {
            core.states[endpoint].load.abandoned();
            core.breakers[endpoint].record(permit, time, Outcome::Ignored, took);
            return;
        };
        core.states[endpoint].load.finished(time, took, self.config.strategy.decay());
        let outcome = if failed { Outcome::Failure } else { Outcome::Success };
        core.breakers[endpoint].record(permit, time, outcome, took);
        self.tell_breaker(core, endpoint);
        let verdict = core.outliers.record(endpoint, answer, time, &mut core.random);
        self.tell_verdict(core, verdict);
        drop(guard);
        if failed {
            tally.failures.fetch_add(1, Ordering::Relaxed);
        }
        tally.recent.lock().unwrap_or_else(PoisonError::into_inner).record(time, took, failed);
    }

    /// Takes in an active check.
    pub fn checked(&self, endpoint: usize, check: Check, secs: Option<f64>, reason: String) {
        let time = self.clock.now();
        let mut guard = self.core();
        let core = &mut *guard;
        core.check_secs[endpoint] = secs;
        core.check_reason[endpoint] = reason;
        let changed = core.checks[endpoint].record(&self.config.health_checks, check, time);
        if check == Check::Passed {
            let verdict = core.outliers.active_check_passed(endpoint);
            self.tell_verdict(core, verdict);
        }
        let (healthy, why) = (core.checks[endpoint].is_healthy(), core.check_reason[endpoint].clone());
        drop(guard);
        if changed {
            let name = &self.config.endpoints[endpoint].name;
            let (severity, message) = if healthy {
                (Severity::Ok, "It passes its health checks.".to_owned())
            } else {
                (Severity::Error, format!("It fails its health checks. {why}"))
            };
            self.event(severity, FleetEventKind::Health, name, message);
        }
    }

    /// Looks after ejections whose time is over, and compares success rates.
    pub fn check_outliers(&self) {
        let time = self.clock.now();
        let mut guard = self.core();
        let core = &mut *guard;
        if core.outliers.next_check() > time {
            return;
        }
        for verdict in core.outliers.check(time, &mut core.random) {
            self.tell_verdict(core, Some(verdict));
        }
    }

    fn tell_verdict(&self, core: &mut Core, verdict: Option<Verdict>) {
        let name = |endpoint: usize| self.config.endpoints[endpoint].name.as_str();
        match verdict {
            Some(Verdict::Ejected { endpoint, cause, until }) => {
                core.ejected_until[endpoint] = Some(until);
                let message = format!("Ejected: {cause:?}.");
                self.event(Severity::Error, FleetEventKind::Outlier, name(endpoint), message);
            }
            Some(Verdict::Restored { endpoint }) => {
                core.ejected_until[endpoint] = None;
                self.event(
                    Severity::Ok,
                    FleetEventKind::Outlier,
                    name(endpoint),
                    "It is back in.".to_owned(),
                );
            }
            Some(Verdict::Spared { endpoint, cause }) => {
                log::info!("{} would have been ejected: {cause:?}", name(endpoint));
            }
            None => {}
        }
    }

    fn tell_breaker(&self, core: &mut Core, endpoint: usize) {
        let Some(change) = core.breakers[endpoint].take_transition() else { return };
        let (severity, message) = match change.to {
            BreakerState::Open => {
                let share = change
                    .failure_rate
                    .map_or_else(String::new, |rate| format!(" {rate:.0}% of the last calls failed."));
                (Severity::Error, format!("The breaker opened.{share}"))
            }
            BreakerState::HalfOpen => (Severity::Info, "The breaker lets probes through.".to_owned()),
            BreakerState::Closed => (Severity::Ok, "The breaker closed.".to_owned()),
            other => (Severity::Warning, format!("The breaker was ordered to be {other:?}.")),
        };
        core.breaker_reason[endpoint] =
            if change.to == BreakerState::Closed { String::new() } else { message.clone() };
        self.event(severity, FleetEventKind::Breaker, &self.config.endpoints[endpoint].name, message);
    }

    /// Orders a breaker open or closed.
    ///
    /// # Errors
    /// Why that makes no sense.
    pub fn order_breaker(&self, endpoint: usize, next: BreakerState) -> Result<(), String> {
        let time = self.clock.now();
        let mut guard = self.core();
        let core = &mut *guard;
        core.breakers[endpoint].order(next, time).map_err(|error| error.to_string())?;
        self.tell_breaker(core, endpoint);
        Ok(())
    }

    /// What each level takes of unrestricted traffic now, with its priority.
    pub fn levels(&self) -> Vec<orrery_domain::fleet::LevelView> {
        let time = self.clock.now();
        let mut guard = self.core();
        let core = &mut *guard;
        self.look(core, time);
        let loads = core.pool.loads(&core.states, &orrery_policy::traffic::Residency::Unrestricted);
        let priorities: BTreeSet<u32> =
            self.config.endpoints.iter().map(|upstream| upstream.priority).collect();
        let view = |(priority, load): (u32, orrery_policy::traffic::priority::LevelLoad)| {
            let members: Vec<usize> = (0..core.states.len())
                .filter(|&index| self.config.endpoints[index].priority == priority)
                .collect();
            let healthy = members
                .iter()
                .filter(|&&index| core.states[index].availability == Availability::Healthy)
                .count();
            orrery_domain::fleet::LevelView {
                priority,
                percent: load.percent,
                panic: load.panic,
                endpoints: members.len() as u32,
                healthy: healthy as u32,
            }
        };
        priorities.into_iter().zip(loads).map(view).collect()
    }

    /// A number from 0 to 99.
    pub fn lot(&self) -> u32 {
        use orrery_policy::traffic::Random;
        self.core().random.below(100) as u32
    }

    /// Runs a decision that needs random numbers.
    pub fn with_random<T>(&self, work: impl FnOnce(&mut SplitMix64) -> T) -> T {
        work(&mut self.core().random)
    }

    /// Why an endpoint's breaker is not closed.
    pub(super) fn breaker_reason(core: &Core, endpoint: usize) -> String {
        core.breaker_reason[endpoint].clone()
    }

    /// An endpoint's availability now.
    pub(super) fn available(&self, core: &Core, endpoint: usize) -> Availability {
        self.availability(core, endpoint, self.clock.now())
    }
}
