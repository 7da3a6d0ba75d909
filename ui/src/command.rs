//! The window's commands: one enum that gives menu, palette, button, tooltip, shortcut, icon and enabled-state.
//!
//! A command is about what the route selects; what executes it is `app::execute` (or the page, see [`UiCommand::is_for_page`]).

mod enabled;

pub(crate) use enabled::drill_goes_on;
pub use enabled::{CommandContext, FindInSnapshot};

use crate::{
    route::PageId,
    widgets::icon::{self, Icon},
};

/// Everything a person can ask the window for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UiCommand {
    /// Go to a page.
    GoHome,
    /// Go to a page.
    GoData,
    /// Go to a page.
    GoTrain,
    /// Go to a page.
    GoRuns,
    /// Go to a page.
    GoModels,
    /// Go to a page.
    GoExplain,
    /// Go to a page.
    GoCompare,
    /// Go to a page.
    GoCompress,
    /// Go to a page.
    GoSearch,
    /// Go to a page.
    GoTune,
    /// Go to a page.
    GoDeployments,
    /// Go to a page.
    GoFleet,
    /// Go to a page.
    GoTraffic,
    /// Go to a page.
    GoDrills,
    /// Go to a page.
    GoSettings,
    /// Open a file and import it.
    OpenFile,
    /// Choose a folder of pictures and import it.
    ImportFolder,
    /// Import the sample that comes with the program.
    OpenSample,
    /// Train on the selected dataset.
    TrainOnDataset,
    /// Delete the selected dataset.
    DeleteDataset,
    /// Start the training that the form describes.
    StartTraining,
    /// Pause the selected run.
    PauseRun,
    /// Resume the selected run.
    ResumeRun,
    /// Cancel the selected run.
    CancelRun,
    /// Rename the selected run.
    RenameRun,
    /// Write a note on the selected run.
    NoteRun,
    /// Delete the selected run.
    DeleteRun,
    /// Show the model of the selected run.
    ShowModelOfRun,
    /// Predict on a file with the selected model.
    PredictOnFile,
    /// Export the selected model.
    ExportModel,
    /// Explain the chosen model.
    ExplainModel,
    /// Compare the chosen versions.
    CompareModels,
    /// Delete the selected model.
    DeleteModel,
    /// Restore the selected model.
    RestoreModel,
    /// Describe a compression of a model.
    Compress,
    /// Describe a search of settings.
    NewSearch,
    /// Describe a search for the best way to serve a model.
    Tune,
    /// Describe a rollout of a model version.
    DeployModel,
    /// Describe an endpoint of the fleet.
    AddEndpoint,
    /// Describe a region of the fleet.
    AddRegion,
    /// Check what the selected endpoint supports.
    CheckEndpoint,
    /// Replay recorded traffic through every strategy.
    SimulateTraffic,
    /// Take a region out and measure it.
    StartDrill,
    /// Look for devices and measure them.
    MeasureDevices,
    /// Open the palette.
    OpenPalette,
    /// Show the list of notices.
    ShowNotices,
    /// Rail with or without words.
    ToggleRail,
    /// Switch between dark and light.
    ToggleTheme,
    /// The page in a window of its own, or back.
    TearOff,
    /// Larger interface.
    Larger,
    /// Smaller interface.
    Smaller,
    /// Normal size.
    NormalSize,
    /// Leave the program.
    Quit,
}

/// Groups of the palette and of the list of shortcuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Going to pages.
    Go,
    /// Files and datasets.
    Data,
    /// Training and runs.
    Runs,
    /// Models.
    Models,
    /// The fleet.
    Serve,
    /// The window.
    Window,
}

impl Group {
    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Go => "Go to",
            Self::Data => "Data",
            Self::Runs => "Training",
            Self::Models => "Models",
            Self::Serve => "Serve",
            Self::Window => "Window",
        }
    }
}

/// What the words of a command are.
struct Words {
    title: &'static str,
    tooltip: &'static str,
    icon: Icon,
    group: Group,
}

impl UiCommand {
    /// Every command, in the order of menus.
    pub const ALL: [Self; 53] = [
        Self::GoHome,
        Self::GoData,
        Self::GoTrain,
        Self::GoRuns,
        Self::GoModels,
        Self::GoExplain,
        Self::GoCompare,
        Self::GoCompress,
        Self::GoSearch,
        Self::GoTune,
        Self::GoDeployments,
        Self::GoFleet,
        Self::GoTraffic,
        Self::GoDrills,
        Self::GoSettings,
        Self::OpenFile,
        Self::ImportFolder,
        Self::OpenSample,
        Self::TrainOnDataset,
        Self::DeleteDataset,
        Self::StartTraining,
        Self::PauseRun,
        Self::ResumeRun,
        Self::CancelRun,
        Self::RenameRun,
        Self::NoteRun,
        Self::DeleteRun,
        Self::ShowModelOfRun,
        Self::PredictOnFile,
        Self::ExportModel,
        Self::ExplainModel,
        Self::CompareModels,
        Self::DeleteModel,
        Self::RestoreModel,
        Self::Compress,
        Self::NewSearch,
        Self::Tune,
        Self::DeployModel,
        Self::AddEndpoint,
        Self::AddRegion,
        Self::CheckEndpoint,
        Self::SimulateTraffic,
        Self::StartDrill,
        Self::MeasureDevices,
        Self::OpenPalette,
        Self::ShowNotices,
        Self::ToggleRail,
        Self::ToggleTheme,
        Self::TearOff,
        Self::Larger,
        Self::Smaller,
        Self::NormalSize,
        Self::Quit,
    ];

    /// The words of the commands about the fleet.
    fn fleet_words(self) -> Option<Words> {
        use Group::{Go, Serve};
        let (title, tooltip, icon, group) = match self {
            Self::GoDeployments => ("Deployments", "Which version runs where", icon::DEPLOYMENTS, Go),
            Self::GoFleet => ("Fleet", "Regions, endpoints and how they are", icon::FLEET, Go),
            Self::GoTraffic => ("Traffic", "Gateways and how they share requests out", icon::TRAFFIC, Go),
            Self::GoDrills => ("Drills", "Take a region out and measure it", icon::DRILLS, Go),
            Self::DeployModel => ("Deploy…", "Roll a model version out, in stages", icon::DEPLOY, Serve),
            Self::AddEndpoint => ("Add an endpoint…", "Add a server to the fleet", icon::ADD, Serve),
            Self::AddRegion => ("Add a region…", "Add a region to the fleet", icon::ADD, Serve),
            Self::CheckEndpoint => {
                ("Check", "Check what this server supports of the protocol", icon::REFRESH, Serve)
            }
            Self::SimulateTraffic => {
                ("Simulate", "Replay recorded traffic through every strategy", icon::START, Serve)
            }
            Self::StartDrill => {
                ("Start a drill…", "Take a region out of the traffic and measure it", icon::DRILLS, Serve)
            }
            _ => return None,
        };
        Some(Words { title, tooltip, icon, group })
    }

    fn words(self) -> Words {
        self.fleet_words().unwrap_or_else(|| self.other_words())
    }

    fn other_words(self) -> Words {
        use Group::{Data, Go, Models, Runs, Window};
        let (title, tooltip, icon, group) = match self {
            Self::GoHome => ("Home", "What to do next", icon::HOME, Go),
            Self::GoData => ("Data", "Datasets and what is in them", icon::DATA, Go),
            Self::GoTrain => ("Train", "Describe and start a training", icon::TRAIN, Go),
            Self::GoRuns => ("Runs", "Trainings, live and past", icon::RUNS, Go),
            Self::GoModels => ("Models", "Model versions and their cards", icon::MODELS, Go),
            Self::GoExplain => {
                ("Explain", "What a model goes by, and why a row got its answer", icon::EXPLAIN, Go)
            }
            Self::GoCompare => ("Compare", "Whether one version is better beyond chance", icon::COMPARE, Go),
            Self::GoCompress => ("Compress", "Smaller versions of models", icon::COMPRESS, Go),
            Self::GoSearch => ("Search", "Settings and architectures, searched", icon::TRIALS, Go),
            Self::GoTune => ("Tune", "The best way to serve a model here", icon::TUNE, Go),
            Self::GoSettings => ("Settings", "Devices, appearance, workspace", icon::SETTINGS, Go),
            Self::OpenFile => {
                ("Open a file…", "Import a CSV, JSON lines, Parquet or Arrow file", icon::OPEN, Data)
            }
            Self::ImportFolder => (
                "Import a folder of pictures…",
                "Import PNG and JPEG files, one sub-folder a class",
                icon::FOLDER,
                Data,
            ),
            Self::OpenSample => {
                ("Open the sample", "Import the table that comes with Orrery", icon::SAMPLE, Data)
            }
            Self::TrainOnDataset => ("Train…", "Train a model on this dataset", icon::TRAIN, Data),
            Self::DeleteDataset => {
                ("Delete dataset", "Forget this dataset; its runs and models stay", icon::DELETE, Data)
            }
            Self::StartTraining => {
                ("Start training", "Start the training this form describes", icon::START, Runs)
            }
            Self::PauseRun => ("Pause run", "Write a checkpoint and wait", icon::PAUSE, Runs),
            Self::ResumeRun => ("Resume run", "Go on from the last checkpoint", icon::START, Runs),
            Self::CancelRun => ("Cancel run", "End this run; its last checkpoint is kept", icon::STOP, Runs),
            Self::RenameRun => ("Rename run…", "Give this run another name", icon::EDIT, Runs),
            Self::NoteRun => ("Edit note…", "Write down what this run was about", icon::NOTE, Runs),
            Self::DeleteRun => {
                ("Delete run", "Take this run off the list; its model stays", icon::DELETE, Runs)
            }
            Self::ShowModelOfRun => ("Show model", "Show the model this run made", icon::MODELS, Runs),
            Self::PredictOnFile => {
                ("Predict on a file…", "Add predictions to a table", icon::PREDICT, Models)
            }
            Self::ExportModel => ("Export…", "Copy this model's files into a folder", icon::EXPORT, Models),
            Self::ExplainModel => {
                ("Explain model", "Explain the model this form names", icon::EXPLAIN, Models)
            }
            Self::CompareModels => {
                ("Compare models", "Compare the versions this form names", icon::COMPARE, Models)
            }
            Self::DeleteModel => ("Delete model", "Move this model version to the bin", icon::DELETE, Models),
            Self::RestoreModel => ("Restore model", "Bring this model version back", icon::UNDO, Models),
            Self::Compress => ("Compress…", "Make a smaller version of a model", icon::COMPRESS, Models),
            Self::NewSearch => {
                ("New search…", "Search settings and architectures for a model", icon::TRIALS, Models)
            }
            Self::Tune => ("Tune…", "Find the best way to serve a model", icon::TUNE, Models),
            Self::MeasureDevices => {
                ("Measure again", "Look for devices, check and measure each", icon::REFRESH, Window)
            }
            Self::OpenPalette => {
                ("Search commands", "Find any command, page, run or model", icon::SEARCH, Window)
            }
            Self::ShowNotices => ("Notices", "What happened lately", icon::NOTICES, Window),
            Self::ToggleRail => {
                ("Fold the navigation", "Show icons only, or icons and words", icon::RAIL, Window)
            }
            Self::ToggleTheme => ("Switch dark and light", "Change the theme", icon::DARK, Window),
            Self::TearOff => (
                "Open in its own window",
                "Show this page in another window, or bring it back",
                icon::TEAR_OFF,
                Window,
            ),
            Self::Larger => ("Larger", "Make everything larger", icon::LARGER, Window),
            Self::Smaller => ("Smaller", "Make everything smaller", icon::SMALLER, Window),
            Self::NormalSize => ("Normal size", "Show everything at its normal size", icon::TEXT, Window),
            // `Quit`; the fleet's commands were handled before.
            _ => ("Quit", "Leave Orrery; asks when jobs are running", icon::QUIT, Window),
        };
        Words { title, tooltip, icon, group }
    }

    /// What buttons and menus say.
    pub fn title(self) -> &'static str {
        self.words().title
    }

    /// What it does, in a few words.
    pub fn tooltip(self) -> &'static str {
        self.words().tooltip
    }

    /// Its icon.
    pub fn icon(self) -> Icon {
        self.words().icon
    }

    /// Where the palette and the list of shortcuts put it.
    pub fn group(self) -> Group {
        self.words().group
    }

    /// The page it goes to, if that is all it does.
    pub fn page(self) -> Option<PageId> {
        Some(match self {
            Self::GoHome => PageId::Home,
            Self::GoData => PageId::Data,
            Self::GoTrain => PageId::Train,
            Self::GoRuns => PageId::Runs,
            Self::GoModels => PageId::Models,
            Self::GoExplain => PageId::Explain,
            Self::GoCompare => PageId::Compare,
            Self::GoCompress => PageId::Compress,
            Self::GoSearch => PageId::Search,
            Self::GoTune => PageId::Tune,
            Self::GoDeployments => PageId::Deployments,
            Self::GoFleet => PageId::Fleet,
            Self::GoTraffic => PageId::Traffic,
            Self::GoDrills => PageId::Drills,
            Self::GoSettings => PageId::Settings,
            _ => return None,
        })
    }

    /// Whether only the page can execute it, because it needs the page's own state: the page asks
    /// [`crate::context::PageContext::invoked`].
    pub fn is_for_page(self) -> bool {
        matches!(self, Self::StartTraining | Self::RenameRun | Self::NoteRun | Self::PredictOnFile)
            || self.home().is_some()
    }

    /// The page that executes it wherever the window is: it is opened first.
    pub fn home(self) -> Option<PageId> {
        Some(match self {
            Self::ExplainModel => PageId::Explain,
            Self::CompareModels => PageId::Compare,
            Self::Compress => PageId::Compress,
            Self::NewSearch => PageId::Search,
            Self::Tune => PageId::Tune,
            Self::DeployModel => PageId::Deployments,
            Self::AddEndpoint | Self::AddRegion | Self::CheckEndpoint => PageId::Fleet,
            Self::SimulateTraffic => PageId::Traffic,
            Self::StartDrill => PageId::Drills,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use egui::{Key, Modifiers};
    use orrery_domain::Snapshot;

    use super::*;
    use crate::route::Route;

    #[test]
    fn no_two_commands_share_a_shortcut_or_a_name() {
        let mut keys = BTreeMap::new();
        let mut names = BTreeSet::new();
        for command in UiCommand::ALL {
            assert!(names.insert(command.title()), "{command:?} has another command's name");
            assert!(!command.tooltip().is_empty() && !command.tooltip().ends_with('.'), "{command:?}");
            if let Some(shortcut) = command.shortcut() {
                let text = format!("{:?}+{:?}", shortcut.modifiers, shortcut.logical_key);
                if let Some(other) = keys.insert(text, command) {
                    panic!("{command:?} and {other:?} have the same shortcut");
                }
            }
        }
        assert_eq!(names.len(), UiCommand::ALL.len());
    }

    #[test]
    fn shortcuts_leave_the_keys_of_text_fields_alone() {
        for command in UiCommand::ALL {
            let Some(shortcut) = command.shortcut() else { continue };
            let taken = [Key::A, Key::C, Key::V, Key::X, Key::Z, Key::Y];
            let plain = shortcut.modifiers == Modifiers::COMMAND;
            assert!(
                !(plain && taken.contains(&shortcut.logical_key)),
                "{command:?} takes a text field's key"
            );
        }
    }

    #[test]
    fn an_empty_workspace_says_what_to_choose_first() {
        let snapshot = Snapshot::default();
        let at = CommandContext { snapshot: &snapshot, route: &Route::Home };
        assert_eq!(UiCommand::OpenFile.enabled(at), Ok(()));
        assert_eq!(UiCommand::PauseRun.enabled(at), Err("Choose a run first."));
        assert_eq!(UiCommand::ExportModel.enabled(at), Err("Choose a model first."));
        let mut locked = Snapshot::default();
        std::sync::Arc::make_mut(&mut locked.workspace).read_only = true;
        let at = CommandContext { snapshot: &locked, route: &Route::Home };
        assert!(UiCommand::OpenFile.enabled(at).is_err(), "a read-only window changes nothing");
        assert_eq!(UiCommand::GoRuns.enabled(at), Ok(()));
    }
}
