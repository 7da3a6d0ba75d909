//! Rows picker: an imported dataset, or a file, whose rows are looked at.

use std::path::PathBuf;

use egui::{ComboBox, Ui};
use orrery_domain::{
    DatasetId, ModelRef, Snapshot,
    snapshot::{DatasetEntry, ModelEntry},
};

use super::{
    button::{Weight, text_button},
    icon,
};
use crate::theme::Theme;

/// Width of the picker, points.
pub const PICKER: f32 = 260.0;

/// Draws the picker and the button that asks for a file; says whether that was clicked. Datasets without `target` are left out.
pub fn rows_picker(
    ui: &mut Ui,
    theme: &Theme,
    snapshot: &Snapshot,
    target: Option<&str>,
    dataset: &mut Option<DatasetId>,
    file: &mut Option<PathBuf>,
) -> bool {
    let name = match (&*file, &*dataset) {
        (Some(file), _) => file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned(),
        (None, Some(id)) => dataset_name(snapshot, id),
        (None, None) => "Choose a dataset".to_owned(),
    };
    ComboBox::from_id_salt("rows").width(PICKER).selected_text(name).show_ui(ui, |ui| {
        for entry in snapshot.datasets.iter().filter(|entry| !entry.deleted) {
            let known = &entry.dataset;
            if target.is_none_or(|target| known.column(target).is_some()) {
                let chosen = file.is_none() && dataset.as_ref() == Some(&known.id);
                if ui.selectable_label(chosen, &known.name).clicked() {
                    (*dataset, *file) = (Some(known.id.clone()), None);
                }
            }
        }
    });
    text_button(ui, theme, Some(icon::OPEN), "Choose a file…", Weight::Normal, true)
        .on_hover_text("Every row of the file that has the columns")
        .clicked()
}

/// The dataset a version came from, by its card or its dataset's name.
pub fn own_dataset(snapshot: &Snapshot, model: &ModelRef) -> Option<DatasetId> {
    let known = |entry: &&ModelEntry| entry.model == *model && !entry.deleted;
    let entry = snapshot.models.iter().find(known)?;
    let present = || snapshot.datasets.iter().filter(|dataset: &&DatasetEntry| !dataset.deleted);
    let by_card = entry
        .card
        .as_ref()
        .and_then(|card| present().find(|dataset| dataset.dataset.id == card.lineage.dataset));
    let by_name = || present().find(|dataset| dataset.dataset.name == entry.dataset_name);
    by_card.or_else(by_name).map(|dataset| dataset.dataset.id.clone())
}

fn dataset_name(snapshot: &Snapshot, id: &DatasetId) -> String {
    let found = snapshot.datasets.iter().find(|entry| entry.dataset.id == *id);
    found.map_or_else(|| id.short().to_owned(), |entry| entry.dataset.name.clone())
}
