//! State badge: an icon, a word and a colour, always together.

use egui::{Response, Role, Ui, WidgetInfo};
use orrery_domain::run::RunState;

use super::icon;
use crate::theme::{State, Theme, space};

/// Draws a state with its word.
pub fn badge(ui: &mut Ui, theme: &Theme, state: State, word: &str) -> Response {
    let inner = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::XS;
        let word = theme.body(word).color(theme.state(state));
        let icon = icon::state_text(theme, state);
        // The icon stands left of its word even where things are laid out from the right.
        let (first, second) = if ui.layout().prefer_right_to_left() { (word, icon) } else { (icon, word) };
        ui.label(first);
        ui.label(second);
    });
    let response = inner.response;
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, format!("State: {word}")));
    response
}

/// The state a run's state is drawn as.
pub fn of_run(state: RunState) -> State {
    match state {
        RunState::Queued | RunState::Paused => State::Waiting,
        RunState::Running => State::Running,
        RunState::Finished => State::Ok,
        RunState::Failed => State::Failed,
        RunState::Cancelled => State::Unknown,
    }
}

/// The word for a run's state, as a person reads it.
pub fn run_word(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "Queued",
        RunState::Running => "Running",
        RunState::Paused => "Paused",
        RunState::Finished => "Finished",
        RunState::Failed => "Failed",
        RunState::Cancelled => "Cancelled",
    }
}

/// Draws a run's state.
pub fn run_badge(ui: &mut Ui, theme: &Theme, state: RunState) -> Response {
    badge(ui, theme, of_run(state), run_word(state))
}
