//! A pane: the inside of a panel whose size is the panel's own. What is too wide inside is cut, and never pushes the edge.

use egui::{Ui, UiBuilder};

/// Draws inside all the space there is, and takes exactly that space.
pub fn pane<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let rect = ui.available_rect_before_wrap();
    let mut inside = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("pane"));
    let result = add(&mut inside);
    ui.advance_cursor_after_rect(rect);
    result
}
