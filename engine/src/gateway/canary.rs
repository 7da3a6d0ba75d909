//! Canary: which version a request goes to, what came of it, and when a version goes further or back.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::body::Bytes;
use orrery_domain::{
    Failure,
    fleet::{CanaryView, FleetEventKind, LatencyFigures},
    snapshot::Severity,
};
use orrery_policy::{
    fleet::{
        canary::{Stage, Verdict, judge},
        error_guard::Looks,
        exact::Counts,
    },
    traffic::Nanos,
};

use super::{
    config::CanaryConfig,
    drift::Predictions,
    live::Live,
    rolling::Rolling,
    serve::{Changed, Gateway},
};
use crate::jobs::now;

/// Time between two judgements.
const JUDGE_EVERY: Duration = Duration::from_millis(500);

/// Where an inference goes.
pub struct Route {
    /// The path with its version.
    pub path: String,
    model: String,
    /// Which version; `None` where no canary runs.
    canary: Option<bool>,
}

#[derive(Default)]
struct Version {
    counts: Counts,
    latency: Rolling,
}

/// What happened within a stage.
struct Running {
    stage: usize,
    began: Nanos,
    canary: Version,
    primary: Version,
    /// The primary's requests of the stages before.
    primary_before: Counts,
    predictions: Predictions,
    looks: Looks,
}

impl Running {
    fn new(stage: usize, began: Nanos) -> Self {
        Self {
            stage,
            began,
            canary: Version::default(),
            primary: Version::default(),
            primary_before: Counts::default(),
            predictions: Predictions::default(),
            looks: Looks::default(),
        }
    }

    /// The same canary's next stage. Predictions are few: those of the stages before count on, as the primary's failures do.
    fn next(self, stage: usize, began: Nanos) -> Self {
        Self {
            primary_before: self.primary_so_far(),
            predictions: self.predictions,
            ..Self::new(stage, began)
        }
    }

    fn primary_so_far(&self) -> Counts {
        let (before, present) = (self.primary_before, self.primary.counts);
        Counts { requests: before.requests + present.requests, failures: before.failures + present.failures }
    }

    fn seen(&mut self, canary: &CanaryConfig, time: Nanos) -> Seen {
        if self.stage != canary.stage {
            let before = std::mem::replace(self, Self::new(canary.stage, time));
            *self = before.next(canary.stage, time);
        }
        let next_is_last = canary.stage + 2 == canary.stages.len();
        let (mine, other) = (self.canary.latency.latency(time), self.primary.latency.latency(time));
        let stage = Stage {
            secs: (time - self.began).as_secs(),
            stages: canary.stages.len(),
            canary: self.canary.counts,
            primary: self.primary.counts,
            primary_so_far: self.primary_so_far(),
            canary_p95: mine.p95,
            primary_p95: other.p95,
            drift: self.predictions.index(),
            drift_waits: next_is_last && self.predictions.waits(),
        };
        Seen { stage, canary_latency: mine, primary_latency: other }
    }
}

/// A stage as it stands.
#[derive(Default)]
struct Seen {
    stage: Stage,
    canary_latency: LatencyFigures,
    primary_latency: LatencyFigures,
}

/// The counts of all canaries.
#[derive(Default)]
pub struct Canaries {
    running: Mutex<BTreeMap<String, Running>>,
}

impl Canaries {
    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The version an inference of a model goes to; `None` for other requests, and where the server may choose.
    pub fn route(live: &Live, path: &str) -> Option<Route> {
        if live.config.canaries.is_empty() && live.config.versions.is_empty() {
            return None;
        }
        let model =
            path.strip_prefix("/v2/models/")?.strip_suffix("/infer").filter(|model| !model.contains('/'))?;
        let to = |version: &str, canary| Route {
            path: format!("/v2/models/{model}/versions/{version}/infer"),
            model: model.to_owned(),
            canary,
        };
        if let Some(canary) = live.config.canaries.get(model).filter(|canary| canary.state == "running") {
            let chosen = live.lot() < percent(canary);
            return Some(to(if chosen { &canary.canary } else { &canary.primary }, Some(chosen)));
        }
        live.config.versions.get(model).map(|version| to(version, None))
    }

    /// Takes in how an inference ended.
    pub fn record(
        &self,
        route: &Route,
        answer: Option<&(Bytes, Option<usize>)>,
        took: Nanos,
        failed: bool,
        time: Nanos,
    ) {
        let Some(canary) = route.canary else { return };
        let mut all = self.running();
        let Some(running) = all.get_mut(&route.model) else { return };
        let version = if canary { &mut running.canary } else { &mut running.primary };
        version.counts.requests += 1;
        version.counts.failures += u64::from(failed);
        version.latency.record(time, took, failed);
        if let Some((body, header_length)) = answer {
            running.predictions.take(canary, body, *header_length);
        }
    }

    /// What happened within a canary's stage; begins to count where it is new.
    fn seen(&self, model: &str, canary: &CanaryConfig, time: Nanos) -> Seen {
        let mut all = self.running();
        let running = all.entry(model.to_owned()).or_insert_with(|| Running::new(canary.stage, time));
        running.seen(canary, time)
    }

    /// What follows from what happened within a canary's stage.
    fn judge(&self, model: &str, canary: &CanaryConfig, time: Nanos) -> Verdict {
        let mut all = self.running();
        let running = all.entry(model.to_owned()).or_insert_with(|| Running::new(canary.stage, time));
        let seen = running.seen(canary, time);
        judge(&canary.guards, &seen.stage, canary.stage_secs, &mut running.looks)
    }

    /// The canaries as they stand, the newest first.
    pub fn views(&self, live: &Live) -> Vec<CanaryView> {
        let time = live.clock.now();
        let view = |(model, canary): (&String, &CanaryConfig)| {
            let seen =
                if canary.state == "running" { self.seen(model, canary, time) } else { Seen::default() };
            CanaryView {
                model: model.clone(),
                primary: canary.primary.clone(),
                canary: canary.canary.clone(),
                percent: percent(canary),
                stages: canary.stages.clone(),
                stage: canary.stage,
                stage_secs: canary.stage_secs,
                guards: canary.guards,
                state: canary.state.clone(),
                reason: canary.reason.clone(),
                canary_requests: seen.stage.canary.requests,
                canary_failures: seen.stage.canary.failures,
                primary_requests: seen.stage.primary.requests,
                primary_failures: seen.stage.primary.failures,
                canary_latency: seen.canary_latency,
                primary_latency: seen.primary_latency,
                drift: seen.stage.drift,
                started_at: canary.started_at,
            }
        };
        let mut views: Vec<CanaryView> = live.config.canaries.iter().map(view).collect();
        views.sort_by(|one, other| other.started_at.total_cmp(&one.started_at));
        views
    }

    /// Forgets what was counted of a model.
    pub fn forget(&self, model: &str) {
        self.running().remove(model);
    }
}

/// Percent of the requests that a canary has.
fn percent(canary: &CanaryConfig) -> u32 {
    match canary.state.as_str() {
        "running" => canary.stages.get(canary.stage).copied().unwrap_or(0),
        "promoted" => 100,
        _ => 0,
    }
}

/// Judges every canary again and again, until its task is ended.
pub async fn drive(gateway: Arc<Gateway>) {
    loop {
        tokio::time::sleep(JUDGE_EVERY).await;
        let live = gateway.live();
        let time = live.clock.now();
        for (model, canary) in live.config.canaries.iter().filter(|(_, canary)| canary.state == "running") {
            let done = match gateway.canaries.judge(model, canary, time) {
                Verdict::Stay(_) => Ok(()),
                Verdict::Advance => advance(&gateway, model, "gateway"),
                Verdict::RollBack(why) => roll_back(&gateway, model, "gateway", &why),
            };
            if let Err(failure) = done {
                log::error!("the canary of {model} stays where it is: {failure}");
            }
        }
    }
}

/// Begins a canary.
///
/// # Errors
/// Why the configuration was not changed.
pub fn start(gateway: &Gateway, model: &str, mut canary: CanaryConfig, who: &str) -> Result<(), Failure> {
    (canary.stage, canary.state, canary.reason, canary.started_at) =
        (0, "running".to_owned(), String::new(), now());
    gateway.canaries.forget(model);
    let said =
        format!("{} gets {}% of the requests.", canary.canary, canary.stages.first().copied().unwrap_or(0));
    gateway.change(who, &format!("start a canary of {model}"), |config| {
        config.versions.insert(model.to_owned(), canary.primary.clone());
        config.canaries.insert(model.to_owned(), canary);
        Ok(Changed)
    })?;
    gateway.live().event(Severity::Info, FleetEventKind::Rollout, model, said);
    Ok(())
}

/// Takes a canary to its next stage; after the last one, its version is the one that serves.
///
/// # Errors
/// Why the configuration was not changed.
pub fn advance(gateway: &Gateway, model: &str, who: &str) -> Result<(), Failure> {
    gateway.change(who, &format!("advance the canary of {model}"), |config| {
        let canary = running(config.canaries.get_mut(model))?;
        if canary.stage + 1 < canary.stages.len() {
            canary.stage += 1;
        } else {
            "promoted".clone_into(&mut canary.state);
            "Every stage is over and every guard held.".clone_into(&mut canary.reason);
            let version = canary.canary.clone();
            config.versions.insert(model.to_owned(), version);
        }
        Ok(Changed)
    })?;
    let live = gateway.live();
    if let Some(canary) = live.config.canaries.get(model) {
        let said = format!("{} gets {}% of the requests.", canary.canary, percent(canary));
        live.event(Severity::Ok, FleetEventKind::Rollout, model, said);
    }
    Ok(())
}

/// Ends a canary: the primary serves.
///
/// # Errors
/// Why the configuration was not changed.
pub fn roll_back(gateway: &Gateway, model: &str, who: &str, why: &str) -> Result<(), Failure> {
    gateway.change(who, &format!("roll the canary of {model} back"), |config| {
        let canary = running(config.canaries.get_mut(model))?;
        "rolled_back".clone_into(&mut canary.state);
        why.clone_into(&mut canary.reason);
        Ok(Changed)
    })?;
    gateway.live().event(Severity::Error, FleetEventKind::Rollout, model, format!("Rolled back. {why}"));
    Ok(())
}

fn running(canary: Option<&mut CanaryConfig>) -> Result<&mut CanaryConfig, String> {
    canary
        .filter(|canary| canary.state == "running")
        .ok_or_else(|| "No canary of that model runs.".to_owned())
}
