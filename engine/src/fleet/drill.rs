//! Drill: takes a region out of a gateway's traffic by really cutting it, measures what that does, and puts it back.

use std::time::{Duration, Instant};

use orrery_domain::{
    Failure, FailureClass,
    fleet::{Drill, DrillPhase, FleetEvent, FleetEventKind, GatewayStatus, Health},
    snapshot::Severity,
};
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender},
    oneshot,
};

use super::{board::Note, client::Server, gateways};
use crate::jobs::now;

/// Time between two looks at the gateway.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long all is watched before the cut.
const BASELINE: Duration = Duration::from_secs(3);
/// How long the other regions carry everything before the region is put back.
const HELD: Duration = Duration::from_secs(5);
/// Longest that a phase is waited for.
const PATIENCE: Duration = Duration::from_mins(2);

/// Ends a drill early; the region is put back first. `done` hears of it.
pub struct Stop {
    /// Whom to tell.
    pub done: Option<oneshot::Sender<()>>,
}

/// What a drill needs.
pub struct Plan {
    /// Id.
    pub id: String,
    /// Gateway, by endpoint name.
    pub gateway: String,
    /// Region to take out.
    pub region: String,
    /// The gateway.
    pub server: Server,
    /// Where news go.
    pub notes: UnboundedSender<Note>,
    /// When to end early.
    pub stopped: UnboundedReceiver<Stop>,
}

struct Run {
    plan: Plan,
    drill: Drill,
    stop: Option<Stop>,
}

/// Runs a drill to its end. Whatever happens, the region is put back.
pub async fn run(plan: Plan) {
    let drill = Drill {
        id: plan.id.clone(),
        region: plan.region.clone(),
        gateway: plan.gateway.clone(),
        phase: DrillPhase::Baseline,
        reason: String::new(),
        started_at: now(),
        ended_at: None,
        detection_secs: None,
        shift_secs: None,
        recovery_secs: None,
        requests: None,
        failures: None,
        steps: Vec::new(),
    };
    let mut run = Run { plan, drill, stop: None };
    run.tell();
    let drilled = run.drill().await;
    let mended = gateways::cut(&run.plan.server, &run.plan.region, false).await;
    if let Err(failure) = &mended {
        run.step(format!("The region could not be put back: {failure} Put it back on the page Traffic."));
    }
    let (phase, severity, reason) = match (drilled, mended) {
        (Ok(()), Ok(())) => {
            (DrillPhase::Done, Severity::Ok, "The region is back; the report is filed.".to_owned())
        }
        (Err(failure), Ok(())) => (DrillPhase::Failed, Severity::Warning, failure.message),
        (_, Err(failure)) => {
            (DrillPhase::Failed, Severity::Error, format!("The region is NOT back: {failure}"))
        }
    };
    run.drill.reason.clone_from(&reason);
    run.drill.ended_at = Some(now());
    run.enter(phase);
    run.event(severity, format!("The drill of '{}' is over. {reason}", run.plan.region));
    if let Some(done) = run.stop.and_then(|stop| stop.done)
        && done.send(()).is_err()
    {
        log::debug!("nobody waits for the drill's end");
    }
}

impl Run {
    fn send(&self, note: Note) {
        if self.plan.notes.send(note).is_err() {
            log::debug!("nobody watches the drill any more");
        }
    }

    fn tell(&self) {
        self.send(Note::Drill(Box::new(self.drill.clone())));
    }

    fn event(&self, severity: Severity, message: String) {
        self.send(Note::Happened(FleetEvent {
            at: now(),
            severity,
            kind: FleetEventKind::Drill,
            subject: self.plan.region.clone(),
            message,
        }));
    }

    fn step(&mut self, what: String) {
        self.drill.steps.push((now(), what));
        self.tell();
    }

    fn enter(&mut self, phase: DrillPhase) {
        self.drill.phase = phase;
        self.tell();
    }

    /// Looks at the gateway until `over` says so; the status then, and how long it took since `since`.
    async fn until(
        &mut self,
        since: Instant,
        what: &str,
        mut over: impl FnMut(&GatewayStatus) -> bool,
    ) -> Result<(GatewayStatus, f64), Failure> {
        let begun = Instant::now();
        loop {
            tokio::select! {
                Some(stop) = self.plan.stopped.recv() => {
                    self.stop = Some(stop);
                    return Err(Failure::new(FailureClass::Client, "A person ended it; the region was put back."));
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let status = gateways::status(&self.plan.server).await?;
            if over(&status) {
                return Ok((status, since.elapsed().as_secs_f64()));
            }
            if begun.elapsed() > PATIENCE {
                let message =
                    format!("{what} did not come within {} s; the region was put back.", PATIENCE.as_secs());
                return Err(Failure::new(FailureClass::Transient, message));
            }
        }
    }

    async fn drill(&mut self) -> Result<(), Failure> {
        let region = self.plan.region.clone();
        let before = gateways::status(&self.plan.server).await?;
        check(&before, &region)?;
        let begun = Instant::now();
        self.step("All is watched while it is well.".to_owned());
        let (before, secs) = self.until(begun, "The baseline", |_| begun.elapsed() >= BASELINE).await?;
        let (sent, share) = (inside(&before, &region), before.requests);
        self.step(format!(
            "In {secs:.1} s, the gateway answered; {sent} requests went to the region so far, of {share}."
        ));

        gateways::cut(&self.plan.server, &region, true).await?;
        let cut = Instant::now();
        let cut_at = gateways::status(&self.plan.server).await?;
        self.step("The gateway's connections to the region are cut.".to_owned());
        self.event(Severity::Warning, format!("A drill cut the region '{region}'."));
        self.enter(DrillPhase::Cut);
        let noticed =
            |status: &GatewayStatus| members(status, &region).all(|(_, health)| health == Health::Unhealthy);
        let (_, detection) = self.until(cut, "Noticing the cut", noticed).await?;
        self.drill.detection_secs = Some(detection);
        self.step(format!("The region counts as ill after {detection:.1} s."));
        self.enter(DrillPhase::Shifting);
        // Shifted: nothing is sent there any more, while the others answer.
        let mut last = None;
        let shifted = |status: &GatewayStatus| {
            let there = inside(status, &region);
            let still = last.replace(there) == Some(there);
            still
                && status
                    .endpoints
                    .iter()
                    .filter(|endpoint| endpoint.region == region)
                    .all(|endpoint| endpoint.active == 0)
        };
        let (_, shift) = self.until(cut, "Shifting the traffic", shifted).await?;
        self.drill.shift_secs = Some(shift);
        self.step(format!("The other regions carry everything after {shift:.1} s."));
        self.enter(DrillPhase::Shifted);
        let held = Instant::now();
        self.until(held, "The pause", |_| held.elapsed() >= HELD).await?;

        gateways::cut(&self.plan.server, &region, false).await?;
        let back = Instant::now();
        self.step("The region is put back.".to_owned());
        self.enter(DrillPhase::Recovering);
        let well = |status: &GatewayStatus| {
            members(status, &region).all(|(_, health)| matches!(health, Health::Healthy | Health::Degraded))
                && status.levels.iter().all(|level| !level.panic)
        };
        let (after, recovery) = self.until(back, "The recovery", well).await?;
        self.drill.recovery_secs = Some(recovery);
        self.drill.requests = Some(after.requests.saturating_sub(cut_at.requests));
        self.drill.failures = Some(after.failures.saturating_sub(cut_at.failures));
        self.step(format!("All its endpoints are healthy again after {recovery:.1} s."));
        Ok(())
    }
}

/// That the gateway has the region, and others besides.
fn check(status: &GatewayStatus, region: &str) -> Result<(), Failure> {
    let refuse = |message: String| Err(Failure::new(FailureClass::Client, message));
    if !status.endpoints.iter().any(|endpoint| endpoint.region == region) {
        return refuse(format!("The gateway has no endpoint in '{region}'. Nothing was cut."));
    }
    let others = status.endpoints.iter().filter(|endpoint| {
        endpoint.region != region
            && !endpoint.drained
            && matches!(endpoint.health, Health::Healthy | Health::Degraded)
    });
    if others.count() == 0 {
        return refuse(
            "No other region is healthy: the drill would be an outage. Nothing was cut.".to_owned(),
        );
    }
    Ok(())
}

fn members<'a>(status: &'a GatewayStatus, region: &'a str) -> impl Iterator<Item = (&'a str, Health)> {
    let inside = status.endpoints.iter().filter(move |endpoint| endpoint.region == region);
    inside.map(|endpoint| (endpoint.name.as_str(), endpoint.health))
}

/// Requests sent into a region since the gateway's start.
fn inside(status: &GatewayStatus, region: &str) -> u64 {
    status
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.region == region)
        .map(|endpoint| endpoint.requests)
        .sum()
}
