//! Rollout: brings a model version to servers beside the one that serves, proves and warms it, lets a gateway give it its share
//! step by step, and verifies what came of it. Whatever goes wrong, the version before serves.

mod load;
mod record;
mod triton;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use orrery_domain::{
    Failure, FailureClass,
    fleet::{
        CanaryView, FleetEndpoint, GatewayStatus, GuardReading, Rollout, RolloutPlan, RolloutState,
        ServerKind,
    },
};
use orrery_policy::fleet::plan as policy;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use self::{load::Target, record::Record};
use super::{
    board::Note,
    client::Server,
    gateways::{self, CanaryOrder},
    identity,
    probe::{self, Proof},
};
use crate::{Workspace, jobs::now};

/// Time between two looks at a canary.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Time between two tries of what a silent server or gateway keeps from going on.
const TRY_EVERY: Duration = Duration::from_secs(2);
/// Questions that warm a version up.
const WARM: usize = 20;
/// The step that gives a version its first share.
const START: &str = "start the canary at the gateway";

/// What a person wants of a rollout that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The next stage now.
    Promote,
    /// The version before.
    RollBack,
}

/// Everything a rollout needs.
pub struct Drive {
    /// The workspace whose registry has the version.
    pub workspace: Workspace,
    /// Its record: as it begins, or as far as it came before its process ended.
    pub rollout: Rollout,
    /// Servers to load it on.
    pub targets: Vec<(FleetEndpoint, Server)>,
    /// The gateway that splits the traffic, where there is one.
    pub gateway: Option<(FleetEndpoint, Server)>,
    /// Where news go.
    pub notes: UnboundedSender<Note>,
    /// What a person wants.
    pub orders: UnboundedReceiver<Order>,
}

/// How a canary ended.
enum Canary {
    Promoted,
    RolledBack(String),
}

/// A rollout of which nothing is done yet.
pub fn begun(plan: RolloutPlan) -> Rollout {
    Rollout {
        id: crate::runs::fresh_id(),
        plan,
        from: None,
        before: BTreeMap::new(),
        state: RolloutState::Planned,
        stage: 0,
        reason: String::new(),
        started_at: now(),
        ended_at: None,
        steps: Vec::new(),
        readings: Vec::new(),
    }
}

/// What a rollout would do; nothing is changed.
///
/// # Errors
/// A client failure when the plan will not do, or a server cannot be asked.
pub async fn plan(
    workspace: &Workspace,
    plan: RolloutPlan,
    targets: &[(FleetEndpoint, Server)],
    gateway: Option<&(FleetEndpoint, Server)>,
) -> Result<Rollout, Failure> {
    let mut record = Record::new(begun(plan), None);
    let targets = survey(workspace, &mut record.rollout, targets).await?;
    for target in &targets {
        record.planned(target.intention(), target.present());
    }
    let plan = &record.rollout.plan;
    match gateway.filter(|_| record.rollout.from.is_some()) {
        Some((gateway, _)) => {
            let stages: Vec<String> = plan.stages.iter().map(|percent| format!("{percent}%")).collect();
            let what = format!("give it its share through '{}': {}", gateway.name, stages.join(", "));
            let guards = format!(
                "each at least {:.0} s and {} requests; back at {} more failures (alpha {}), p95 {}x, drift {}",
                plan.stage_secs,
                plan.guards.min_requests,
                orrery_domain::words::percent(plan.guards.max_error_ratio_above),
                plan.guards.significance_level,
                plan.guards.max_p95_ratio,
                plan.guards.max_drift
            );
            record.planned(what, guards);
        }
        None => record.planned(
            "make it the served version at once".to_owned(),
            "no gateway is set up and enabled, so that no traffic can be split and no guard watches"
                .to_owned(),
        ),
    }
    record.planned("verify which version answers".to_owned(), String::new());
    Ok(record.rollout)
}

/// Looks at every server: who it is, and what it has of the model. What it had at the first look is kept in the record, and counts.
async fn survey(
    workspace: &Workspace,
    rollout: &mut Rollout,
    targets: &[(FleetEndpoint, Server)],
) -> Result<Vec<Target>, Failure> {
    let refuse = |message: String| Err(Failure::new(FailureClass::Client, message));
    if let Some(why) = policy::refusal(&rollout.plan) {
        return refuse(format!("{why} Nothing was changed."));
    }
    let model = rollout.plan.model.clone();
    let folder = workspace.model(&model);
    if !folder.is_dir() {
        return Err(crate::workspace::no_model(&model.to_string()));
    }
    let mut surveyed = Vec::new();
    for (endpoint, server) in targets {
        let mut target = Target::survey(endpoint, server, &model, &folder).await?;
        let before = rollout.before.entry(target.name.clone()).or_insert_with(|| target.before());
        target.recall(before);
        surveyed.push(target);
    }
    let networks = surveyed.iter().any(|target| target.network_bytes().is_some());
    if networks && surveyed.iter().any(|target| target.kind == ServerKind::Orrery) {
        return refuse(
            "Orrery nodes take a row's columns and Triton takes encoded features: a caller could not ask both alike. Name endpoints of \
             one kind in --to. Nothing was changed."
                .to_owned(),
        );
    }
    if rollout.from.is_some() {
        // What served before it began is in the record of one that is taken up.
        return Ok(surveyed);
    }
    let served = surveyed.iter().filter_map(|target| target.served.clone());
    rollout.from = served.filter(|version| *version != model.version.to_string()).max_by_key(|version| {
        // Numbers by size; other names behind them.
        (version.parse::<u64>().is_ok(), version.parse::<u64>().unwrap_or_default(), version.clone())
    });
    Ok(surveyed)
}

/// Carries a rollout out from where its record stands, with a note at each step. Ends with the state that tells how it went.
pub async fn drive(mut drive: Drive) {
    let mut record = Record::new(drive.rollout.clone(), Some(drive.notes.clone()));
    record.tell();
    if record.rollout.state != RolloutState::Planned {
        let detail = "the process that drove it had ended".to_owned();
        record.note("take it up where it stands".to_owned(), &Ok(detail));
    }
    match carry_out(&mut drive, &mut record).await {
        Ok(Canary::Promoted) => record.end(RolloutState::Done, "Everything goes to it, and it was verified."),
        Ok(Canary::RolledBack(why)) => record.end(RolloutState::RolledBack, &why),
        Err(failure) => record.end(RolloutState::Failed, &failure.message),
    }
}

/// How long a silent server or gateway is waited for: the gateway drives a canary with nobody watching.
#[derive(Default)]
struct Patience {
    unheard: Option<Instant>,
}

impl Patience {
    /// It answered.
    fn heard(&mut self) {
        self.unheard = None;
    }

    /// It did not, which the record says.
    ///
    /// # Errors
    /// The failure, where it has been so for too long.
    fn bear(&mut self, failure: Failure, record: &mut Record) -> Result<(), Failure> {
        let longest = Duration::try_from_secs_f64(policy::PATIENCE_SECS).unwrap_or(Duration::MAX);
        if self.unheard.get_or_insert_with(Instant::now).elapsed() > longest {
            return Err(failure);
        }
        record.because(&failure.message);
        Ok(())
    }
}

fn went_back() -> Canary {
    Canary::RolledBack("A person went back.".to_owned())
}

async fn carry_out(drive: &mut Drive, record: &mut Record) -> Result<Canary, Failure> {
    if record.rollout.state == RolloutState::Canary {
        return go_on(drive, record).await;
    }
    let back = wants_back(&mut drive.orders, record);
    if back && record.rollout.state == RolloutState::Planned {
        return Ok(went_back());
    }
    let surveyed = survey(&drive.workspace, &mut record.rollout, &drive.targets).await;
    let targets = surveyed.map_err(|failure| {
        if !back {
            return failure;
        }
        let message =
            format!("A person went back, and what it had loaded could not be looked at. {}", failure.message);
        Failure { message, ..failure }
    })?;
    let ended = if back { Ok(went_back()) } else { bring(drive, record, &targets).await };
    let off: Vec<&Target> = match &ended {
        Ok(Canary::Promoted) => Vec::new(),
        Ok(Canary::RolledBack(_)) => targets.iter().collect(),
        // Once a gateway splits the traffic by version, what it sends where is its own to say.
        Err(_) if record.rollout.state == RolloutState::Canary => Vec::new(),
        Err(_) => targets.iter().filter(|target| target.answers_at_once()).collect(),
    };
    take_off(&off, record).await;
    ended
}

async fn take_off(targets: &[&Target], record: &mut Record) {
    for target in targets {
        let back = target.take_back().await;
        record.note(format!("take it off '{}'", target.name), &back);
    }
}

/// Takes the orders of a person while the version has no traffic; whether one of them is to go back.
fn wants_back(orders: &mut UnboundedReceiver<Order>, record: &mut Record) -> bool {
    while let Ok(order) = orders.try_recv() {
        match order {
            Order::RollBack => {
                record.note("asked by a person: go back".to_owned(), &Ok(String::new()));
                return true;
            }
            Order::Promote => {
                let early = Failure::new(FailureClass::Client, "It has no traffic yet.");
                record.note("asked by a person: go to the next stage".to_owned(), &Err(early));
            }
        }
    }
    false
}

/// Goes on with a canary: the version is loaded and warm, and the gateway drives it. Only what comes after it needs the servers.
async fn go_on(drive: &mut Drive, record: &mut Record) -> Result<Canary, Failure> {
    let ended = split(drive, record).await?;
    let surveyed = survey_patiently(&drive.workspace, record, &drive.targets).await;
    match (&ended, surveyed) {
        (Canary::Promoted, surveyed) => serve(&surveyed?, record).await?,
        (Canary::RolledBack(_), Ok(targets)) => {
            take_off(&targets.iter().collect::<Vec<_>>(), record).await;
        }
        // The gateway sends it nothing any more.
        (Canary::RolledBack(_), Err(failure)) => record.note("take it off".to_owned(), &Err(failure)),
    }
    Ok(ended)
}

/// Looks at every server, again and again while one does not answer: after a restart of their machines they may still start.
async fn survey_patiently(
    workspace: &Workspace,
    record: &mut Record,
    targets: &[(FleetEndpoint, Server)],
) -> Result<Vec<Target>, Failure> {
    let mut patience = Patience::default();
    loop {
        match survey(workspace, &mut record.rollout, targets).await {
            // No server is waited for where the rollout itself will not do.
            Err(failure) if failure.class != FailureClass::Client => patience.bear(failure, record)?,
            surveyed => return surveyed,
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
}

/// Loads, warms, splits the traffic and serves.
async fn bring(drive: &mut Drive, record: &mut Record, targets: &[Target]) -> Result<Canary, Failure> {
    if wants_back(&mut drive.orders, record) {
        return Ok(went_back());
    }
    load_and_warm(record, targets).await?;
    if wants_back(&mut drive.orders, record) {
        return Ok(went_back());
    }
    let ended = split(drive, record).await?;
    if matches!(ended, Canary::Promoted) {
        serve(targets, record).await?;
    }
    Ok(ended)
}

/// Has the gateway give it its share step by step. Where no traffic can be split, it is promoted at once.
async fn split(drive: &mut Drive, record: &mut Record) -> Result<Canary, Failure> {
    match (&drive.gateway, record.rollout.from.clone()) {
        (Some((_, gateway)), Some(from)) => {
            let gateway = gateway.clone();
            canary(&gateway, from, &mut drive.orders, record).await
        }
        _ if record.rollout.state == RolloutState::Canary => {
            let message = "The gateway that splits its traffic is not set up and enabled any more.";
            Err(Failure::new(FailureClass::Client, message))
        }
        _ => Ok(Canary::Promoted),
    }
}

async fn load_and_warm(record: &mut Record, targets: &[Target]) -> Result<(), Failure> {
    record.enter(RolloutState::Loading);
    for target in targets {
        let done = target.load().await;
        record.did(target.intention(), &done)?;
    }
    record.enter(RolloutState::Warming);
    for target in targets {
        let proved = warm(target).await;
        record.did(format!("prove and warm it on '{}'", target.name), &proved)?;
    }
    Ok(())
}

/// Proves a version by its answers, and asks it often enough to be warm. Says the median.
async fn warm(target: &Target) -> Result<String, Failure> {
    let dialect = identity::dialect(target.kind);
    let version = Some(target.version.as_str());
    let failed = |why: String| Failure::new(FailureClass::Model, format!("'{}': {why}", target.name));
    match probe::prove(&target.server, dialect, &target.model, version).await {
        Proof::Answers => {}
        Proof::Unproved(why) | Proof::Fails(why) => return Err(failed(why)),
    }
    let metadata = identity::metadata(&target.server, &target.model, version).await?;
    let request = probe::made_up(&metadata).map_err(failed)?;
    let mut secs = Vec::with_capacity(WARM);
    for _ in 0..WARM {
        secs.push(probe::infer(&target.server, dialect, &target.model, version, &request).await?.1);
    }
    secs.sort_by(f64::total_cmp);
    Ok(format!("{WARM} probes answered, median {:.1} ms", secs[WARM / 2] * 1e3))
}

/// Lets the gateway drive the canary, and watches until it is over.
async fn canary(
    gateway: &Server,
    from: String,
    orders: &mut UnboundedReceiver<Order>,
    record: &mut Record,
) -> Result<Canary, Failure> {
    let plan = record.rollout.plan.clone();
    let model = plan.model.name.clone();
    let order = CanaryOrder {
        primary: from,
        canary: plan.model.version.to_string(),
        stages: plan.stages.clone(),
        stage_secs: plan.stage_secs,
        guards: plan.guards,
    };
    begin_canary(gateway, &model, &order, record).await?;
    let mut patience = Patience::default();
    let mut wanted: Option<Order> = None;
    loop {
        tokio::select! {
            Some(order) = orders.recv() => {
                wanted = (order == Order::RollBack).then_some(order);
                let asked = match order {
                    Order::Promote => gateways::promote(gateway, &model).await,
                    Order::RollBack => gateways::roll_back(gateway, &model).await,
                };
                let what = if order == Order::Promote { "go to the next stage" } else { "go back" };
                record.note(format!("asked by a person: {what}"), &asked.map(|()| String::new()));
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let status = match gateways::status(gateway).await {
            Ok(status) => status,
            Err(failure) => {
                patience.bear(failure, record)?;
                continue;
            }
        };
        patience.heard();
        let mine = |canary: &&CanaryView| canary.model == model && canary.canary == order.canary;
        let Some(view) = status.canaries.iter().find(mine) else {
            let message = "The gateway does not know the canary any more; somebody removed it there.";
            return Err(Failure::new(FailureClass::Transient, message));
        };
        record.read(view);
        match view.state.as_str() {
            "promoted" => return Ok(Canary::Promoted),
            "rolled_back" => {
                return Ok(if wanted == Some(Order::RollBack) {
                    went_back()
                } else {
                    Canary::RolledBack(view.reason.clone())
                });
            }
            // It was silent when it was asked.
            _ if wanted == Some(Order::RollBack) => {
                if let Err(failure) = gateways::roll_back(gateway, &model).await {
                    record.because(&failure.message);
                }
            }
            _ => {}
        }
    }
}

/// Starts the canary, unless the record or the gateway of one that is taken up says that it was.
async fn begin_canary(
    gateway: &Server,
    model: &str,
    order: &CanaryOrder,
    record: &mut Record,
) -> Result<(), Failure> {
    let taken_up = record.rollout.state == RolloutState::Canary;
    if !taken_up {
        record.enter(RolloutState::Canary);
    }
    if record.rollout.steps.iter().any(|step| step.what == START && step.ok == Some(true)) {
        return Ok(());
    }
    // Its process may have ended between the start and the note of it.
    let since = record.rollout.started_at;
    let ours =
        |view: &CanaryView| view.model == model && view.canary == order.canary && view.started_at >= since;
    let begun = if taken_up && status_patiently(gateway, record).await?.canaries.iter().any(ours) {
        Ok("it had been started".to_owned())
    } else {
        let begun = gateways::start_canary(gateway, model, order).await;
        begun.map(|()| format!("{} has {}% at first", order.canary, order.stages[0]))
    };
    record.did(START.to_owned(), &begun)
}

/// A gateway's account of itself, asked for again and again while it does not answer.
async fn status_patiently(gateway: &Server, record: &mut Record) -> Result<GatewayStatus, Failure> {
    let mut patience = Patience::default();
    loop {
        match gateways::status(gateway).await {
            Ok(status) => return Ok(status),
            Err(failure) => patience.bear(failure, record)?,
        }
        tokio::time::sleep(TRY_EVERY).await;
    }
}

/// Makes it the version that answers where none is named, and verifies that it does.
async fn serve(targets: &[Target], record: &mut Record) -> Result<(), Failure> {
    for target in targets {
        let served = target.serve().await;
        record.did(format!("make it the served version of '{}'", target.name), &served)?;
    }
    for target in targets {
        let verified = verify(target).await;
        record.did(format!("verify which version '{}' answers with", target.name), &verified)?;
    }
    Ok(())
}

/// Asks without naming a version, and looks which one answered.
async fn verify(target: &Target) -> Result<String, Failure> {
    let dialect = identity::dialect(target.kind);
    let metadata = identity::metadata(&target.server, &target.model, None).await?;
    let failed = |why: String| Failure::new(FailureClass::Model, format!("'{}': {why}", target.name));
    let request = probe::made_up(&metadata).map_err(failed)?;
    let (response, _) = probe::infer(&target.server, dialect, &target.model, None, &request).await?;
    match response.model_version.as_deref() {
        Some(version) if version == target.version => Ok(format!("version {version}")),
        Some(other) => Err(failed(format!(
            "it accepted version {} and answers with version {other}: the setting was ignored",
            target.version
        ))),
        // A server without versions in its answers can only be asked by version, which was done.
        None if target.kind != ServerKind::Orrery => Ok("it does not say; by version it answers".to_owned()),
        None => Err(failed("it does not say which version answers".to_owned())),
    }
}

/// A reading of the guards.
fn reading(view: &CanaryView) -> GuardReading {
    let ratio = |failures: u64, requests: u64| (requests > 0).then(|| failures as f64 / requests as f64);
    let canary = ratio(view.canary_failures, view.canary_requests);
    let primary = ratio(view.primary_failures, view.primary_requests);
    GuardReading {
        at: now(),
        percent: view.percent,
        error_ratio_above: canary.map(|canary| canary - primary.unwrap_or(0.0)),
        p95_ratio: view
            .canary_latency
            .p95
            .zip(view.primary_latency.p95)
            .filter(|(_, primary)| *primary > 0.0)
            .map(|(canary, primary)| canary / primary),
        drift: view.drift,
        requests: view.canary_requests,
    }
}
