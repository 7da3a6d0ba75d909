//! Whether a command can be done now, and why not.

use std::sync::Arc;

use orrery_domain::{
    RunId, Snapshot,
    fleet::DrillPhase,
    run::{Run, RunState},
    snapshot::{DatasetEntry, ModelEntry},
};

use super::{Group, UiCommand};
use crate::route::Route;

/// What decides whether a command is enabled.
#[derive(Clone, Copy)]
pub struct CommandContext<'a> {
    /// What the engine knows.
    pub snapshot: &'a Snapshot,
    /// Where the window is.
    pub route: &'a Route,
}

impl UiCommand {
    /// Whether it can be done now.
    ///
    /// # Errors
    /// Why not: a sentence.
    pub fn enabled(self, at: CommandContext<'_>) -> Result<(), &'static str> {
        if self.changes_workspace() && at.snapshot.workspace.read_only {
            return Err("Another window has this workspace open; this one only looks.");
        }
        match self {
            Self::TrainOnDataset | Self::DeleteDataset => {
                at.dataset().map(drop).ok_or("Choose a dataset first.")
            }
            Self::StartTraining => match at.route {
                Route::Train { .. } => Ok(()),
                _ => Err("Open the Train page first."),
            },
            Self::PauseRun => {
                at.run_in(|state| state == RunState::Running, "Only a running run can be paused.")
            }
            Self::ResumeRun => at.run_in(
                |state| matches!(state, RunState::Paused | RunState::Failed | RunState::Cancelled),
                "Only a run that stopped before its end can be resumed.",
            ),
            Self::CancelRun => at.run_in(|state| !state.is_final(), "This run has ended."),
            Self::RenameRun | Self::NoteRun => at.run_in(|_| true, ""),
            Self::DeleteRun => at.run_in(
                |state| state.is_final() || state == RunState::Paused,
                "A run can be deleted once it has ended; cancel it first.",
            ),
            Self::ShowModelOfRun => match at.run() {
                Some(run) if run.model.is_some() => Ok(()),
                Some(_) => Err("This run has made no model yet."),
                None => Err("Choose a run first."),
            },
            Self::PredictOnFile | Self::ExportModel | Self::DeleteModel => match at.model() {
                Some(entry) if entry.deleted => Err("This model version is in the bin; restore it first."),
                Some(_) => Ok(()),
                None => Err("Choose a model first."),
            },
            Self::RestoreModel => match at.model() {
                Some(entry) if entry.deleted => Ok(()),
                Some(_) => Err("This model version is not in the bin."),
                None => Err("Choose a model first."),
            },
            Self::ExplainModel => {
                let any = at.snapshot.models.iter().any(|entry| !entry.deleted);
                any.then_some(()).ok_or("Train a model first: there is nothing to explain.")
            }
            Self::CompareModels => {
                let present = at.snapshot.models.iter().filter(|entry| !entry.deleted).count();
                if present < 2 { Err("Train two models first: there is nothing to compare.") } else { Ok(()) }
            }
            Self::Compress | Self::Tune => {
                let any = at.snapshot.models.iter().any(|entry| !entry.deleted);
                any.then_some(()).ok_or("Train a model first.")
            }
            Self::NewSearch => {
                let any = at.snapshot.datasets.iter().any(|entry| !entry.deleted);
                any.then_some(()).ok_or("Open a file first: there is nothing to learn from.")
            }
            Self::DeployModel
            | Self::AddEndpoint
            | Self::CheckEndpoint
            | Self::SimulateTraffic
            | Self::StartDrill => at.fleet(self),
            _ => Ok(()),
        }
    }

    fn changes_workspace(self) -> bool {
        !matches!(self.group(), Group::Go | Group::Window)
            && !matches!(self, Self::ShowModelOfRun | Self::ExplainModel | Self::CompareModels)
            || self == Self::MeasureDevices
    }
}

impl<'a> CommandContext<'a> {
    /// The dataset the route selects.
    pub fn dataset(self) -> Option<&'a DatasetEntry> {
        let (Route::Data { dataset } | Route::Train { dataset }) = self.route else { return None };
        let id = dataset.as_ref()?;
        self.snapshot.datasets.iter().find(|entry| entry.dataset.id == *id && !entry.deleted)
    }

    /// The run the route selects.
    pub fn run(self) -> Option<&'a Arc<Run>> {
        let Route::Runs { run } = self.route else { return None };
        self.snapshot.find_run(run.as_ref()?)
    }

    /// The model version the route selects.
    pub fn model(self) -> Option<&'a ModelEntry> {
        let Route::Models { model } = self.route else { return None };
        let model = model.as_ref()?;
        self.snapshot.models.iter().find(|entry| entry.model == *model)
    }

    /// Whether what a command about the fleet needs is there.
    fn fleet(self, command: UiCommand) -> Result<(), &'static str> {
        let fleet = &self.snapshot.fleet;
        match command {
            UiCommand::AddEndpoint if fleet.regions.is_empty() => {
                Err("Add a region first: an endpoint stands in one.")
            }
            UiCommand::DeployModel if self.snapshot.models.iter().all(|entry| entry.deleted) => {
                Err("Train a model first: there is none to deploy.")
            }
            UiCommand::DeployModel if fleet.endpoints.is_empty() => {
                Err("Add an endpoint to the fleet first.")
            }
            UiCommand::CheckEndpoint => match self.route {
                Route::Fleet { endpoint: Some(_) } => Ok(()),
                _ => Err("Choose an endpoint on the Fleet page first."),
            },
            UiCommand::SimulateTraffic | UiCommand::StartDrill if fleet.gateways.is_empty() => {
                Err("Add a gateway to the fleet first.")
            }
            UiCommand::StartDrill if fleet.drills.iter().any(|drill| drill_goes_on(drill.phase)) => {
                Err("A drill goes on; cancel it or wait for its end.")
            }
            _ => Ok(()),
        }
    }

    fn run_in(self, legal: impl Fn(RunState) -> bool, reason: &'static str) -> Result<(), &'static str> {
        match self.run() {
            Some(run) if legal(run.state) => Ok(()),
            Some(_) => Err(reason),
            None => Err("Choose a run first."),
        }
    }
}

/// Whether a drill in this phase has not ended.
pub(crate) fn drill_goes_on(phase: DrillPhase) -> bool {
    !matches!(phase, DrillPhase::Done | DrillPhase::Failed)
}

/// Look-ups in a snapshot that several parts of the window need.
pub trait FindInSnapshot {
    /// The run of that id.
    fn find_run(&self, id: &RunId) -> Option<&Arc<Run>>;
}

impl FindInSnapshot for Snapshot {
    fn find_run(&self, id: &RunId) -> Option<&Arc<Run>> {
        crate::run_index::find(&self.runs, id)
    }
}
