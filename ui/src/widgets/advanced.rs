//! Advanced: fields of a form that most people leave alone, folded away until someone opens them.

use egui::Ui;

use super::{
    button::{Weight, text_button},
    icon,
};
use crate::theme::Theme;

/// Draws the line that opens and closes them; beside it, while they are closed, what they hold. `wrong` keeps them open: an error has to
/// be seen.
pub fn advanced(
    ui: &mut Ui,
    theme: &Theme,
    summary: &str,
    wrong: bool,
    open: &mut bool,
    fields: impl FnOnce(&mut Ui),
) {
    let shown = *open || wrong;
    ui.horizontal(|ui| {
        let arrow = if shown { icon::COLLAPSE } else { icon::EXPAND };
        let button = text_button(ui, theme, Some(arrow), "Advanced", Weight::Quiet, !wrong);
        ui.ctx().accesskit_node_builder(button.id, |node| node.set_expanded(shown));
        if button.clicked() {
            *open = !*open;
        }
        if !shown {
            ui.label(theme.weak(summary));
        }
    });
    if shown {
        fields(ui);
    }
}
