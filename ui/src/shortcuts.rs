//! Shortcuts: the key of each command.

use egui::{Key, KeyboardShortcut, Modifiers};

use crate::command::UiCommand;

impl UiCommand {
    /// The key for it.
    pub fn shortcut(self) -> Option<KeyboardShortcut> {
        let command = |key| Some(KeyboardShortcut::new(Modifiers::COMMAND, key));
        let shift = |key| Some(KeyboardShortcut::new(Modifiers::COMMAND | Modifiers::SHIFT, key));
        match self {
            Self::GoHome => command(Key::Num1),
            Self::GoData => command(Key::Num2),
            Self::GoTrain => command(Key::Num3),
            Self::GoRuns => command(Key::Num4),
            Self::GoModels => command(Key::Num5),
            Self::GoExplain => shift(Key::I),
            Self::GoCompare => shift(Key::B),
            Self::GoCompress => shift(Key::Y),
            Self::GoSearch => shift(Key::R),
            Self::GoTune => shift(Key::T),
            Self::GoDeployments => command(Key::Num6),
            Self::GoFleet => command(Key::Num7),
            Self::GoTraffic => command(Key::Num8),
            Self::GoDrills => command(Key::Num9),
            Self::GoSettings => command(Key::Comma),
            Self::OpenFile => command(Key::O),
            Self::ImportFolder => shift(Key::J),
            Self::OpenSample => shift(Key::O),
            Self::TrainOnDataset => command(Key::T),
            Self::StartTraining => command(Key::Enter),
            Self::PauseRun => command(Key::P),
            Self::ResumeRun => command(Key::R),
            Self::CancelRun => shift(Key::X),
            Self::RenameRun => Some(KeyboardShortcut::new(Modifiers::NONE, Key::F2)),
            Self::NoteRun => shift(Key::N),
            Self::ShowModelOfRun => command(Key::M),
            Self::PredictOnFile => shift(Key::P),
            Self::ExportModel => command(Key::E),
            Self::ExplainModel => shift(Key::A),
            Self::CompareModels => shift(Key::C),
            Self::Compress => shift(Key::Q),
            Self::NewSearch => shift(Key::F),
            Self::Tune => shift(Key::U),
            Self::DeployModel => command(Key::D),
            Self::AddEndpoint => shift(Key::E),
            Self::AddRegion => shift(Key::G),
            Self::CheckEndpoint => shift(Key::K),
            Self::SimulateTraffic => shift(Key::S),
            Self::StartDrill => shift(Key::D),
            Self::MeasureDevices => shift(Key::M),
            Self::OpenPalette => command(Key::K),
            Self::ShowNotices => command(Key::J),
            Self::ToggleRail => command(Key::B),
            Self::ToggleTheme => shift(Key::L),
            Self::TearOff => shift(Key::W),
            Self::Larger => command(Key::Plus),
            Self::Smaller => command(Key::Minus),
            Self::NormalSize => command(Key::Num0),
            Self::Quit => command(Key::Q),
            // Deleting has no key on purpose: one slip of a finger is too near.
            Self::DeleteDataset | Self::DeleteRun | Self::DeleteModel | Self::RestoreModel => None,
        }
    }
}
