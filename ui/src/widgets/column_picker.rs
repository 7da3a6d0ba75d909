//! Column picker: a combo over the columns of a dataset, with a filter when there are many.

use egui::{ComboBox, ScrollArea, Ui};

use super::input::input;
use crate::theme::{Theme, space};

/// From this many columns on the list can be filtered.
const MANY: usize = 12;

/// A choice that means "no column".
#[derive(Clone, Copy, Debug)]
pub struct ColumnPicker<'a> {
    /// Tells it from the other pickers of the page; also its accessible name.
    pub name: &'a str,
    /// The columns to choose from.
    pub columns: &'a [String],
    /// The one chosen.
    pub chosen: Option<&'a str>,
    /// What stands there while none is chosen; also the entry that chooses none, where `optional`.
    pub none: &'a str,
    /// Whether choosing none is possible.
    pub optional: bool,
    /// Width, points.
    pub width: f32,
}

impl ColumnPicker<'_> {
    /// Draws the picker; `Some` is a new choice.
    pub fn show(&self, ui: &mut Ui, theme: &Theme) -> Option<Option<String>> {
        let mut answer = None;
        let words = self.chosen.unwrap_or(self.none);
        let color = if self.chosen.is_some() { theme.text.body } else { theme.text.weak };
        let combo = ComboBox::from_id_salt(self.name)
            .width(self.width)
            .truncate()
            .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
            .selected_text(theme.body(words).color(color));
        let shown = combo.show_ui(ui, |ui| {
            let id = ui.scope_id().with("filter");
            let mut filter: String = ui.data_mut(|data| data.get_temp(id).unwrap_or_default());
            if self.columns.len() > MANY {
                let edit = input(&mut filter).hint_text("Filter columns").desired_width(self.width);
                let response = ui.add(edit).accessible_name("Filter columns");
                if response.changed() {
                    ui.data_mut(|data| data.insert_temp(id, filter.clone()));
                } else if ui.memory(|memory| memory.focused().is_none()) {
                    response.request_focus();
                }
            }
            if self.optional && ui.selectable_label(self.chosen.is_none(), self.none).clicked() {
                answer = Some(None);
            }
            let needle = filter.to_lowercase();
            let kept: Vec<&String> = self
                .columns
                .iter()
                .filter(|column| super::table_index::contains_folded(column, &needle))
                .collect();
            ScrollArea::vertical().max_height(space::ROW * 10.0).show_rows(
                ui,
                space::ROW,
                kept.len(),
                |ui, rows| {
                    ui.set_min_width(self.width);
                    for column in &kept[rows] {
                        if ui
                            .selectable_label(self.chosen == Some(column.as_str()), column.as_str())
                            .clicked()
                        {
                            answer = Some(Some((*column).clone()));
                        }
                    }
                },
            );
            if answer.is_some() {
                ui.data_mut(|data| data.remove::<String>(id));
                ui.close();
            }
        });
        shown.response.accessible_name(self.name);
        answer
    }
}
