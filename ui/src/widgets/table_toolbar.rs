//! Above a table: filter, how many rows are shown, column chooser, export.

use egui::{
    Key, Layout, Modifiers, PopupCloseBehavior, Ui,
    containers::menu::{MenuButton, MenuConfig},
};

use super::{
    button::{icon_button, icon_face},
    choice::checkbox,
    icon,
    input::input,
    table::TableSpec,
    table_state::TableState,
};
use crate::{
    format,
    theme::{Theme, space},
};

/// What a person asked of the toolbar.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub export: bool,
}

pub(super) fn toolbar(
    ui: &mut Ui,
    theme: &Theme,
    spec: &TableSpec<'_>,
    state: &mut TableState,
    total: usize,
) -> Asked {
    let mut asked = Asked::default();
    ui.horizontal(|ui| {
        filter(ui, theme, spec, state);
        ui.label(theme.weak(counted(spec.noun, state.rows().len(), total, state.selected.len())));
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            asked.export = export_button(ui, theme, spec.name);
            columns_menu(ui, theme, spec, state);
        });
    });
    asked
}

/// The button that saves a table's rows; says whether it was clicked.
pub(super) fn export_button(ui: &mut Ui, theme: &Theme, table: &str) -> bool {
    let button = icon_button(ui, theme, icon::EXPORT, "Export the rows shown as CSV…", true);
    button.accessible_name(format!("Export {table} as CSV")).clicked()
}

fn filter(ui: &mut Ui, theme: &Theme, spec: &TableSpec<'_>, state: &mut TableState) {
    let hint = format!("Filter {}", spec.name.to_lowercase());
    ui.label(icon::FILTER.small().color(theme.text.weak));
    let edit = input(&mut state.filter).hint_text(hint.as_str()).desired_width(space::XL * 8.0);
    let response = ui.add(edit).accessible_name(hint);
    if response.has_focus() && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
        state.filter.clear();
    }
    if !state.filter.is_empty() && icon_button(ui, theme, icon::CLOSE, "Clear the filter", true).clicked() {
        state.filter.clear();
    }
}

fn columns_menu(ui: &mut Ui, theme: &Theme, spec: &TableSpec<'_>, state: &mut TableState) {
    // Choosing several columns takes several clicks.
    let stays = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let (response, _) = MenuButton::from_button(icon_face(theme, icon::COLUMNS)).config(stays).ui(ui, |ui| {
        ui.label(theme.caption("Columns shown"));
        let last = state.shown_columns().count() == 1;
        for (column, shown) in spec.columns.iter().zip(&mut state.shown) {
            let enabled = !(last && *shown);
            ui.add_enabled_ui(enabled, |ui| checkbox(ui, theme, shown, &column.name));
        }
    });
    response.on_hover_text("Choose columns").accessible_name(format!("Choose columns of {}", spec.name));
}

/// How many rows there are, shown and selected, in words.
fn counted(noun: &str, shown: usize, total: usize, selected: usize) -> String {
    let all = format::plural(total as u64, noun);
    let text = if shown == total { all } else { format!("{} of {all}", format::count(shown as u64)) };
    if selected > 1 { format!("{text} · {} selected", format::count(selected as u64)) } else { text }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn counts_are_sentences() {
        assert_eq!(counted("run", 1, 1, 0), "1 run");
        assert_eq!(counted("run", 100_000, 100_000, 1), "100,000 runs");
        assert_eq!(counted("run", 7, 100_000, 3), "7 of 100,000 runs · 3 selected");
    }
}
