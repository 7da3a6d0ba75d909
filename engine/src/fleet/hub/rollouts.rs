//! Rollouts of the hub: begins them, takes them up where their process ended before they did, and passes orders on. Whoever drives
//! one holds the lock of its model, so that no two processes do.

use std::{fs::File, sync::Arc};

use orrery_domain::{
    Failure, FailureClass,
    fleet::{
        FleetEndpoint, FleetEvent, FleetEventKind, Rollout, RolloutPlan, RolloutState, endpoint::EndpointRole,
    },
    snapshot::Severity,
};
use tokio::sync::mpsc::unbounded_channel;

use super::{Actor, Driven};
use crate::{
    fleet::{board::Note, client::Server, gateways, rollout},
    jobs::now,
};

/// Seconds after which a rollout that has no traffic is taken up by a person's word only: an hour.
const LATELY_SECS: f64 = 3600.0;

fn refused(message: String) -> Failure {
    Failure::new(FailureClass::Client, message)
}

fn over() -> Failure {
    refused("That rollout is over. Nothing was changed.".to_owned())
}

impl Actor {
    /// The servers of a rollout: those that are named, or all of enabled regions.
    pub(super) fn targets(&self, named: &[String]) -> Result<Vec<(FleetEndpoint, Server)>, Failure> {
        let names: Vec<String> = if named.is_empty() {
            let usable = self.board.endpoints().filter(|status| {
                status.endpoint.role == EndpointRole::Server && self.board.is_enabled(&status.endpoint.region)
            });
            usable.map(|status| status.endpoint.name.clone()).collect()
        } else {
            named.to_vec()
        };
        if names.is_empty() {
            return Err(Failure::new(
                FailureClass::Client,
                "There is no endpoint in an enabled region to roll out to. Add one, or enable its region.",
            ));
        }
        names.iter().map(|name| self.server(name)).collect()
    }

    /// The gateway that splits the traffic, where one is set up and enabled.
    pub(super) fn gateway_for_rollouts(&self) -> Option<(FleetEndpoint, Server)> {
        let mut gateways =
            self.board.endpoints().filter(|status| status.endpoint.role == EndpointRole::Gateway);
        gateways.find_map(|status| self.server(&status.endpoint.name).ok())
    }

    /// Begins a rollout, where none of the model goes on.
    pub(super) fn start_rollout(&mut self, plan: RolloutPlan) -> Result<(), Failure> {
        let targets = self.targets(&plan.endpoints)?;
        let model = &plan.model.name;
        let Some(lock) = self.workspace.claim_rollout(model)? else {
            return Err(refused(format!("A rollout of '{model}' goes on already. End it first.")));
        };
        // Nobody drives these: the lock was free.
        let mut interrupted = self.store.rollouts()?;
        interrupted.retain(|known| known.ended_at.is_none() && known.plan.model.name == *model);
        if let Some(known) = interrupted.iter().find(|known| known.state == RolloutState::Canary) {
            return Err(refused(format!(
                "A rollout of '{model}' was interrupted while version {} had a share of the traffic. `orrery fleet deploy {model} \
                 --resume` takes it up, `orrery fleet rollback {model}` goes back. Nothing was changed.",
                known.plan.model.version
            )));
        }
        for known in interrupted {
            self.fail(
                known,
                "It was interrupted before it had any traffic, and another rollout took its place.",
            );
        }
        self.go(rollout::begun(plan), targets, lock);
        Ok(())
    }

    /// Drives a rollout from where its record stands.
    fn go(&mut self, rollout: Rollout, targets: Vec<(FleetEndpoint, Server)>, lock: File) {
        let (orders, taken) = unbounded_channel();
        self.rollouts.insert(rollout.id.clone(), Driven { orders, _lock: lock });
        let drive = rollout::Drive {
            workspace: self.workspace.clone(),
            rollout: rollout.clone(),
            targets,
            gateway: self.gateway_for_rollouts(),
            notes: self.notes.clone(),
            orders: taken,
        };
        // On the board before anything else is asked.
        self.take(Note::Rollout(Box::new(rollout)));
        tokio::spawn(rollout::drive(drive));
    }

    /// Ends a rollout that nobody drives.
    fn fail(&mut self, mut rollout: Rollout, why: &str) {
        rollout.state = RolloutState::Failed;
        why.clone_into(&mut rollout.reason);
        rollout.ended_at = Some(now());
        self.take(Note::Rollout(Box::new(rollout)));
    }

    /// Ends the rollouts that a later one of the same model followed: there is nothing left to take up. Those of a model that another
    /// process rolls out are left to it.
    pub(super) fn settle_superseded(&mut self) {
        let later = |known: &Arc<Rollout>| {
            self.board.rollouts().any(|other| {
                other.plan.model.name == known.plan.model.name && other.started_at > known.started_at
            })
        };
        let superseded: Vec<Arc<Rollout>> =
            self.board.rollouts().filter(|known| known.ended_at.is_none() && later(known)).cloned().collect();
        for known in superseded {
            match self.claim(&known) {
                Ok(Some((rollout, _lock))) => {
                    self.fail(rollout, "It was interrupted, and a later rollout took its place.");
                }
                Ok(None) => {}
                Err(failure) => log::debug!("the rollout of {} is not ended: {failure}", known.plan.model),
            }
        }
    }

    /// Takes over what other processes wrote of their rollouts.
    pub(super) fn recall_rollouts(&mut self) {
        match self.store.rollouts_after(self.rollouts_seen) {
            Ok((rollouts, seen)) => {
                self.rollouts_seen = seen;
                for rollout in rollouts {
                    if !self.rollouts.contains_key(&rollout.id) {
                        // No event follows from a rollout's record.
                        self.board.take(Note::Rollout(Box::new(rollout)), now());
                    }
                }
            }
            Err(failure) => self.say(Severity::Error, failure.message),
        }
    }

    /// The rollout of a model that is not over.
    fn under_way(&self, model: &str) -> Option<Arc<Rollout>> {
        let mut all = self.board.rollouts();
        all.find(|known| known.ended_at.is_none() && known.plan.model.name == model).cloned()
    }

    /// Takes up every rollout that nobody drives and that has traffic, or was begun lately: what never had any and is old, nobody may
    /// still want. One that cannot be taken up says why in its record.
    pub(super) fn take_up_all(&mut self) {
        let undriven: Vec<Arc<Rollout>> = self
            .board
            .rollouts()
            .filter(|known| known.ended_at.is_none() && !self.rollouts.contains_key(&known.id))
            .filter(|known| !self.workspace.is_rollout_driven(&known.plan.model.name).unwrap_or(false))
            .filter(|known| known.state == RolloutState::Canary || now() - known.started_at < LATELY_SECS)
            .cloned()
            .collect();
        for known in undriven {
            if let Err(failure) = self.take_up(&known) {
                log::debug!("the rollout of {} is not taken up: {failure}", known.plan.model);
            }
        }
    }

    /// Takes the rollout of a model up.
    pub(super) fn resume(&mut self, model: &str) -> Result<(), Failure> {
        let known = self.under_way(model).ok_or_else(|| {
            refused(format!("No rollout of '{model}' is under way. `orrery fleet rollouts` lists them."))
        })?;
        if self.rollouts.contains_key(&known.id) || self.take_up(&known)? {
            return Ok(());
        }
        Err(refused(format!("The rollout of '{model}' goes on in another process. Nothing was changed.")))
    }

    /// Takes the lock of a rollout that is not over, and its record as it is under the lock; `None` where another process drives it.
    fn claim(&self, known: &Rollout) -> Result<Option<(Rollout, File)>, Failure> {
        let Some(lock) = self.workspace.claim_rollout(&known.plan.model.name)? else { return Ok(None) };
        // Only under the lock is its record sure: nobody else writes it now.
        let kept = self.store.rollouts()?.into_iter().find(|kept| kept.id == known.id);
        let rollout = kept.filter(|kept| kept.ended_at.is_none()).ok_or_else(over)?;
        Ok(Some((rollout, lock)))
    }

    /// Takes up a rollout that is not over; `false` where another process drives it.
    fn take_up(&mut self, known: &Rollout) -> Result<bool, Failure> {
        let Some((mut rollout, lock)) = self.claim(known)? else { return Ok(false) };
        match self.targets_now(&rollout) {
            Ok(targets) => {
                self.go(rollout, targets, lock);
                Ok(true)
            }
            Err(failure) => {
                if self.is_gone(&rollout) {
                    self.fail(rollout, &failure.message);
                } else if rollout.reason != failure.message {
                    // A region that is enabled again lets it go on.
                    rollout.reason.clone_from(&failure.message);
                    self.take(Note::Rollout(Box::new(rollout)));
                }
                Err(failure)
            }
        }
    }

    /// The servers of a rollout that is taken up. One whose traffic a gateway splits needs that, too.
    fn targets_now(&self, rollout: &Rollout) -> Result<Vec<(FleetEndpoint, Server)>, Failure> {
        let targets = self.targets(&rollout.plan.endpoints)?;
        if rollout.state == RolloutState::Canary && self.gateway_for_rollouts().is_none() {
            let message = "The gateway that splits its traffic is not set up in an enabled region any more.";
            return Err(refused(message.to_owned()));
        }
        Ok(targets)
    }

    /// Whether a server or the gateway of a rollout is not set up any more.
    fn is_gone(&self, rollout: &Rollout) -> bool {
        let mut named = rollout.plan.endpoints.iter();
        let gateway = self.board.endpoints().any(|status| status.endpoint.role == EndpointRole::Gateway);
        named.any(|name| self.board.endpoint(name).is_none())
            || rollout.state == RolloutState::Canary && !gateway
    }

    /// Passes an order on to the rollout, which is taken up first where nobody drives it.
    pub(super) fn order(&mut self, id: &str, order: rollout::Order) -> Result<(), Failure> {
        if self.pass(id, order) {
            return Ok(());
        }
        let known = self.board.rollout(id).filter(|known| known.ended_at.is_none()).cloned();
        let known = known.ok_or_else(over)?;
        if !self.take_up(&known)? {
            return self.ask_elsewhere(&known, order);
        }
        if self.pass(id, order) { Ok(()) } else { Err(over()) }
    }

    /// Passes an order on to a rollout that this process drives; whether it does.
    fn pass(&mut self, id: &str, order: rollout::Order) -> bool {
        let sent = self.rollouts.get(id).is_some_and(|driven| driven.orders.send(order).is_ok());
        if sent && order == rollout::Order::RollBack {
            self.going_back.insert(id.to_owned());
        }
        sent
    }

    /// Orders of a rollout that another process drives go to the gateway, where that process sees what came of them.
    fn ask_elsewhere(&self, known: &Rollout, order: rollout::Order) -> Result<(), Failure> {
        let model = known.plan.model.name.clone();
        let gateway = self.gateway_for_rollouts().filter(|_| known.state == RolloutState::Canary);
        let Some((_, server)) = gateway else {
            return Err(refused(format!(
                "The rollout of '{model}' goes on in another process, and no gateway gives it a share yet. Nothing was changed."
            )));
        };
        self.note(async move {
            let (asked, what) = match order {
                rollout::Order::Promote => (gateways::promote(&server, &model).await, "go to the next stage"),
                rollout::Order::RollBack => (gateways::roll_back(&server, &model).await, "go back"),
            };
            match asked {
                Ok(()) => Note::Happened(FleetEvent {
                    at: now(),
                    severity: Severity::Info,
                    kind: FleetEventKind::Rollout,
                    subject: model,
                    message: format!("The gateway was asked to {what}."),
                }),
                Err(failure) => Note::Failed(failure),
            }
        });
        Ok(())
    }

    /// Serves the version before the present one: by ending the rollout that goes on, or by rolling out the version before.
    pub(super) fn roll_back(&mut self, model: &str) -> Result<(), Failure> {
        if let Some(known) = self.under_way(model) {
            return self.order(&known.id, rollout::Order::RollBack);
        }
        let nothing = || {
            let message =
                format!("There is no version of '{model}' to go back to: no rollout from here replaced one.");
            Failure::new(FailureClass::Client, message)
        };
        let done = self.board.last_done(model).ok_or_else(nothing)?;
        let from = done.from.as_ref().and_then(|from| from.parse().ok()).ok_or_else(nothing)?;
        let mut plan = done.plan.clone();
        plan.model.version = from;
        // Back is where all was well: at once, and without waiting for requests.
        plan.stages = vec![100];
        plan.stage_secs = 1.0;
        plan.guards.min_requests = 1;
        self.start_rollout(plan)
    }
}

#[cfg(test)]
mod tests {
    use orrery_domain::{ModelRef, fleet::FleetCommand};

    use super::*;
    use crate::{Workspace, store::Store};

    fn workspace() -> (tempfile::TempDir, Workspace) {
        let home = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(home.path()).expect("opened");
        (home, workspace)
    }

    /// A rollout of a model's first version that began at this second.
    fn rollout(id: &str, model: &str, started_at: f64) -> Rollout {
        let plan = RolloutPlan::new(ModelRef { name: model.to_owned(), version: 1 });
        Rollout { id: id.to_owned(), started_at, ..rollout::begun(plan) }
    }

    /// Runs a hub whose window closes at once, over notes that nobody took yet.
    fn close(workspace: &Workspace, waiting: Vec<Note>) {
        let (notes, noted) = unbounded_channel();
        let actor = Actor::new(workspace, notes.clone(), Box::new(|_| {})).expect("an actor");
        for note in waiting {
            assert!(notes.send(note).is_ok(), "it is taken");
        }
        let (commands, orders) = unbounded_channel::<FleetCommand>();
        drop(commands);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(actor.run(orders, noted));
    }

    #[test]
    fn what_was_noted_before_a_window_closed_is_kept() {
        let (_home, workspace) = workspace();
        let over = |index: u32| {
            let begun = rollout(&format!("r-{index}"), &format!("m{index}"), 1.0);
            let over = Rollout { state: RolloutState::Done, ended_at: Some(2.0), ..begun };
            Note::Rollout(Box::new(over))
        };
        // So many that the loop does not take them all by chance before it hears of the end.
        close(&workspace, (0..40).map(over).collect());
        let kept = Store::open(&workspace).expect("opened").rollouts().expect("read");
        assert_eq!(kept.len(), 40);
        assert!(kept.iter().all(|rollout| rollout.ended_at == Some(2.0)));
    }

    #[test]
    fn a_superseded_rollout_is_ended_unless_another_process_has_its_model() {
        let (_home, workspace) = workspace();
        let mut store = Store::open(&workspace).expect("opened");
        for rollout in [rollout("old", "m", 1.0), rollout("new", "m", 2.0)] {
            store.put_rollout(&rollout).expect("kept");
        }
        let ended = |store: &Store| {
            let all = store.rollouts().expect("read");
            all.iter()
                .filter(|known| known.ended_at.is_some())
                .map(|known| known.id.clone())
                .collect::<Vec<_>>()
        };
        let lock = workspace.claim_rollout("m").expect("lockable").expect("free");
        close(&workspace, Vec::new());
        assert!(ended(&store).is_empty(), "whoever drives it writes its record");
        drop(lock);
        close(&workspace, Vec::new());
        assert_eq!(ended(&store), ["old"]);
    }
}
