//! Form row: a label, its control, help, and the error beside it; the default is shown and one click away.

use egui::{Response, Ui, vec2};

use super::{button::icon_button, icon, input::input};
use crate::theme::{State, Theme, space};

/// Width of the label's column, points.
pub const LABEL_WIDTH: f32 = 160.0;

/// Width of a field for a number, points.
const NUMBER_WIDTH: f32 = 90.0;

/// What a form row says besides its control.
#[derive(Clone, Copy, Default)]
pub struct FormRow<'a> {
    /// The label; also the control's accessible name.
    pub label: &'a str,
    /// What it means: shown when the label is hovered.
    pub help: &'a str,
    /// What holds when nothing is set: shown beside the control.
    pub default: Option<&'a str>,
    /// Whether the value differs from the default, so that a reset makes sense.
    pub changed: bool,
    /// What is wrong with the value.
    pub error: Option<&'a str>,
}

/// A row with a field for a number, or another short text; beside it what holds while it is empty, or the unit.
pub fn short_row(
    ui: &mut Ui,
    theme: &Theme,
    (label, help): (&str, &str),
    text: &mut String,
    usual: &str,
    error: Option<&str>,
) {
    FormRow::new(label, help)
        .default_value(usual, false)
        .error(error)
        .show(ui, theme, |ui| ui.add(input(text).desired_width(NUMBER_WIDTH)));
}

/// What came of a form row.
pub struct FormResponse<R> {
    /// What the control returned.
    pub inner: R,
    /// The reset button was clicked.
    pub reset: bool,
}

impl<'a> FormRow<'a> {
    /// A row with a label and its help.
    pub fn new(label: &'a str, help: &'a str) -> Self {
        Self { label, help, ..Self::default() }
    }

    /// Shows what holds when nothing is set, and a reset while `changed`.
    #[must_use]
    pub fn default_value(mut self, default: &'a str, changed: bool) -> Self {
        self.default = Some(default);
        self.changed = changed;
        self
    }

    /// Shows what is wrong.
    #[must_use]
    pub fn error(mut self, error: Option<&'a str>) -> Self {
        self.error = error;
        self
    }

    /// Draws the row. Every input made by `control` gets the label as its accessible name.
    pub fn show<R>(self, ui: &mut Ui, theme: &Theme, control: impl FnOnce(&mut Ui) -> R) -> FormResponse<R> {
        let mut reset = false;
        let inner = ui
            .horizontal(|ui| {
                ui.set_min_height(space::CONTROL);
                label(ui, theme, self.label, self.help);
                let inner = ui.name_inputs(self.label, control);
                if self.changed {
                    let name = format!("Reset {} to its default", self.label.to_lowercase());
                    reset = icon_button(ui, theme, icon::RESET, &name, true).clicked();
                }
                if let Some(default) = self.default {
                    ui.label(theme.weak(default));
                }
                inner
            })
            .inner;
        if let Some(error) = self.error {
            ui.horizontal(|ui| {
                ui.add_space(LABEL_WIDTH + space::S);
                ui.label(icon::state_text(theme, State::Failed));
                ui.label(theme.weak(error).color(theme.state.failed));
            });
        }
        FormResponse { inner, reset }
    }
}

fn label(ui: &mut Ui, theme: &Theme, words: &str, help: &str) -> Response {
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let size = vec2(LABEL_WIDTH, space::CONTROL);
    let response = ui
        .allocate_ui_with_layout(size, layout, |ui| {
            ui.set_min_width(LABEL_WIDTH);
            ui.label(theme.body(words).color(theme.text.weak))
        })
        .inner;
    if help.is_empty() { response } else { response.on_hover_text(help) }
}
