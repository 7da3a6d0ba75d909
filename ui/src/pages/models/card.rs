//! The card of a version: verdict, metrics beside their baselines, and the tabs.

use egui::{Frame, Label, Margin, Stroke, Ui};
use orrery_domain::{Command, snapshot::ModelEntry};

use super::{
    ModelsState, Passing, Tab, columns, curves,
    data::{CardView, ModelsView},
    files, lineage, predict, try_row,
};
use crate::{
    context::PageContext,
    format,
    theme::{State, space},
    widgets::{badge, card, icon, tabs::tabs},
};

/// Draws the card.
pub(super) fn show(
    view: &ModelsView,
    entry: &ModelEntry,
    state: &mut ModelsState,
    passing: &mut Passing,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let theme = ctx.theme;
    ui.horizontal(|ui| {
        ui.label(theme.title(entry.model.to_string()));
        ui.label(theme.weak(format!(
            "{} · {} from {} · {}",
            entry.kind.title(),
            entry.target,
            entry.dataset_name,
            format::ago(ctx.snapshot.now, entry.created_at)
        )));
    });
    if entry.deleted {
        badge::badge(ui, theme, State::Warning, "In the bin: restore it to use it again");
    }
    ui.add_space(space::S);
    let (Some(shown), Some(full)) = (&view.card, &entry.card) else {
        ui.horizontal(|ui| {
            ui.label(icon::state_text(theme, State::Running));
            ui.label(theme.weak("Reading the card"));
        });
        return;
    };
    verdict(shown, ctx, ui);
    tiles(shown, ctx, ui);
    ui.add_space(space::M);
    let mut all = vec![
        (Tab::Curves, "Curves"),
        (Tab::Columns, "Columns"),
        (Tab::Files, "Files"),
        (Tab::Lineage, "Lineage"),
        (Tab::TryRow, "Try one row"),
    ];
    if !view.predictions.is_empty() {
        all.push((Tab::Predictions, "Predictions"));
    } else if state.tab == Tab::Predictions {
        state.tab = Tab::Curves;
    }
    tabs(ui, theme, &mut state.tab, &all);
    match state.tab {
        Tab::Curves => curves::show(entry, full, &mut state.class, &mut passing.threshold, ctx, ui),
        Tab::Columns => columns::show(full, ctx, ui),
        Tab::Files => files::show(entry, full, shown, ctx, ui),
        Tab::Lineage => lineage::show(entry, full, ctx, ui),
        Tab::TryRow => {
            let profile = profile_for(full, &mut passing.asked_profile, ctx);
            try_row::show(entry, full, profile.as_deref(), &mut passing.form, ctx, ui);
        }
        Tab::Predictions => predict::list(&view.predictions, ctx, ui),
    }
}

/// The profile of the dataset a model was trained on; asks for it once if it is not loaded.
fn profile_for(
    card: &orrery_domain::model::ModelCard,
    asked: &mut Option<orrery_domain::DatasetId>,
    ctx: &mut PageContext<'_>,
) -> Option<std::sync::Arc<orrery_domain::profile::Profile>> {
    let dataset = &card.lineage.dataset;
    let entry = ctx.snapshot.datasets.iter().find(|entry| entry.dataset.id == *dataset)?;
    if entry.profile.is_none() && asked.as_ref() != Some(dataset) {
        *asked = Some(dataset.clone());
        ctx.outbox.send(Command::LoadProfile { dataset: dataset.clone(), target: None });
    }
    entry.profile.clone()
}

fn verdict(view: &CardView, ctx: &PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let Some((state, word, message)) = &view.verdict else { return };
    let colour = theme.state(*state);
    Frame::new()
        .fill(theme.surface.raised)
        .stroke(Stroke::new(space::HAIRLINE, colour))
        .corner_radius(space::RADIUS)
        .inner_margin(Margin::symmetric(12, 8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_wrapped(|ui| {
                badge::badge(ui, theme, *state, word);
                ui.add(Label::new(theme.body(message)).wrap().selectable(true));
            });
        });
    ui.add_space(space::M);
}

fn tiles(view: &CardView, ctx: &PageContext<'_>, ui: &mut Ui) {
    let gap = space::S;
    let width = ui.available_width();
    let across = ((width + gap) / (188.0 + gap)).floor().clamp(1.0, 8.0).min(view.tiles.len().max(1) as f32);
    let tile = ((width + gap) / across).floor() - gap;
    for line in view.tiles.chunks(across as usize) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            for shown in line {
                shown.show(ui, ctx.theme, tile);
            }
        });
        ui.add_space(gap - space::XS);
    }
}

/// The facts of a card in two columns of lines.
pub(super) fn facts(view: &CardView, ctx: &PageContext<'_>, ui: &mut Ui) {
    card::card(
        ui,
        ctx.theme,
        "Facts",
        |_| {},
        |ui| {
            for (label, value) in &view.facts {
                card::fact(ui, ctx.theme, label, value);
            }
        },
    );
}
