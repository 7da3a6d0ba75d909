//! Stepper: stages in a row, those behind, the present one, and those to come.

use egui::{Align2, FontFamily, FontId, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::icon;
use crate::theme::{ICONS, MEDIUM, State, Theme, size, space};

/// One stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its word.
    pub title: String,
    /// What is known of it: a time, a figure; may be empty.
    pub detail: String,
    /// How it stands; `Waiting` is still to come.
    pub state: State,
}

/// Height of the drawing, points.
const HEIGHT: f32 = 56.0;

/// Draws the stages over the width there is.
pub fn stepper(ui: &mut Ui, theme: &Theme, steps: &[Step]) {
    if steps.is_empty() {
        return;
    }
    let each = (ui.available_width() / steps.len() as f32).min(220.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        for (index, step) in steps.iter().enumerate() {
            let (rect, response) = ui.allocate_exact_size(vec2(each, HEIGHT), Sense::hover());
            let y = rect.top() + 10.0;
            let colour = theme.state(step.state);
            if index + 1 < steps.len() {
                let line = Stroke::new(space::HAIRLINE, theme.surface.control);
                ui.painter().hline(rect.left() + 22.0..=rect.right() - 4.0, y, line);
            }
            let glyph = FontId::new(size::ICON + 2.0, FontFamily::Name(ICONS.into()));
            let icon = icon::of_state(step.state).glyph();
            ui.painter().text(pos2(rect.left(), y), Align2::LEFT_CENTER, icon, glyph, colour);
            let current = !matches!(step.state, State::Waiting);
            let font = FontId::new(size::BODY, FontFamily::Name(MEDIUM.into()));
            let words = if current { theme.text.strong } else { theme.text.weak };
            let painter =
                ui.painter().with_clip_rect(rect.shrink2(vec2(2.0, 0.0)).translate(vec2(-2.0, 0.0)));
            painter.text(pos2(rect.left(), y + 20.0), Align2::LEFT_CENTER, &step.title, font, words);
            let small = FontId::proportional(size::CAPTION);
            let place = pos2(rect.left(), y + 36.0);
            painter.text(place, Align2::LEFT_CENTER, &step.detail, small, theme.text.weak);
            let name = format!("{} {}: {}", step.title, step.detail, word(step.state));
            response.widget_info(|| WidgetInfo::labeled(Role::Status, true, &name));
            response.on_hover_text(name);
        }
    });
}

fn word(state: State) -> &'static str {
    match state {
        State::Ok => "done",
        State::Running => "now",
        State::Waiting => "to come",
        State::Warning => "look at it",
        State::Failed => "failed",
        State::Unknown => "not known",
    }
}
