//! Page Models: versions, and the card of the chosen one with its curves, columns, files, lineage and predictions.

mod card;
mod columns;
mod curves;
mod data;
mod files;
mod lineage;
mod list;
mod predict;
mod try_row;
mod view;

use egui::Ui;
use orrery_domain::{Command, DatasetId, ModelRef};
use serde::{Deserialize, Serialize};

use super::Page;
use crate::{
    command::UiCommand,
    context::PageContext,
    route::{PageId, Route},
    widgets::{
        button::{Weight, command_button, text_button},
        icon,
        row_form::RowForm,
        table::{TableChoices, TableState},
    },
};

/// The views of a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tab {
    /// How it errs.
    #[default]
    Curves,
    /// What it takes, and what matters.
    Columns,
    /// Its files.
    Files,
    /// Where it came from.
    Lineage,
    /// One row by hand.
    TryRow,
    /// Files predicted.
    Predictions,
}

/// What the page keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelsState {
    tab: Tab,
    show_deleted: bool,
    class: usize,
}

/// The state with the edits that are not saved yet.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    #[serde(flatten)]
    state: ModelsState,
    columns: TableChoices,
    list_width: Option<f32>,
    threshold: Option<(ModelRef, f64)>,
    form: RowForm,
    predict: predict::PredictForm,
}

/// What a person works on.
#[derive(Default)]
struct Passing {
    table: TableState,
    /// Width of the list of versions, once drawn, points.
    list_width: Option<f32>,
    /// The model whose card was asked for.
    asked: Option<ModelRef>,
    /// The dataset whose profile was asked for, for the defaults of a row.
    asked_profile: Option<DatasetId>,
    /// The threshold being tried, of a model.
    threshold: Option<(ModelRef, f64)>,
    form: RowForm,
    predict: predict::PredictForm,
}

/// The page.
#[derive(Default)]
pub struct ModelsPage {
    state: ModelsState,
    passing: Passing,
}

impl Page for ModelsPage {
    fn id(&self) -> PageId {
        PageId::Models
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        chosen(ctx).map(ToString::to_string).into_iter().collect()
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        let Some(model) = chosen(ctx) else { return };
        let deleted = ctx.snapshot.models.iter().any(|entry| entry.model == *model && entry.deleted);
        if deleted {
            command_button(ctx, ui, UiCommand::RestoreModel, Weight::Primary);
            return;
        }
        command_button(ctx, ui, UiCommand::PredictOnFile, Weight::Primary);
        let model = model.clone();
        if text_button(ui, ctx.theme, Some(icon::COMPARE), "Compare…", Weight::Normal, true)
            .on_hover_text("Hold this version against another one")
            .clicked()
        {
            ctx.go(Route::Compare { model: Some(model.clone()) });
        }
        if text_button(ui, ctx.theme, Some(icon::EXPLAIN), "Explain…", Weight::Normal, true)
            .on_hover_text("What this version goes by, and why a row got its answer")
            .clicked()
        {
            ctx.go(Route::Explain { model: Some(model) });
        }
        command_button(ctx, ui, UiCommand::ExportModel, Weight::Normal);
        command_button(ctx, ui, UiCommand::DeleteModel, Weight::Quiet);
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.choose(ctx);
        self.ask(ctx);
        let view = data::of(ctx.snapshot, chosen(ctx));
        view::show(&view, &mut self.state, &mut self.passing, ctx, ui);
        self.passing.predict.show(chosen(ctx).cloned(), &mut self.state.tab, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        let Passing { table, list_width, threshold, form, predict, .. } = &self.passing;
        super::save(&Kept {
            state: self.state.clone(),
            columns: table.choices(),
            list_width: *list_width,
            threshold: threshold.clone(),
            form: form.clone(),
            predict: predict.clone(),
        })
    }

    fn restore(&mut self, state: serde_json::Value) {
        let mut kept = Kept::default();
        super::load(&mut kept, state);
        let Kept { state, columns, list_width, threshold, form, predict } = kept;
        self.state = state;
        let table = TableState::chosen(columns);
        self.passing = Passing { table, list_width, threshold, form, predict, ..Passing::default() };
    }
}

impl ModelsPage {
    /// Without a choice the newest version is chosen.
    fn choose(&self, ctx: &mut PageContext<'_>) {
        let known = |model: &ModelRef| ctx.snapshot.models.iter().any(|entry| entry.model == *model);
        if chosen(ctx).is_some_and(known) {
            return;
        }
        let newest = ctx.snapshot.models.iter().find(|entry| !entry.deleted || self.state.show_deleted);
        if let Some(model) = newest.map(|entry| entry.model.clone()) {
            ctx.go(Route::Models { model: Some(model) });
        }
    }

    /// Asks once for the card of the chosen version, if it is not there.
    fn ask(&mut self, ctx: &mut PageContext<'_>) {
        let Some(model) = chosen(ctx).cloned() else { return };
        let entry = ctx.snapshot.models.iter().find(|entry| entry.model == model);
        let missing = entry.is_some_and(|entry| entry.card.is_none() || entry.curves.is_none());
        if missing && self.passing.asked.as_ref() != Some(&model) {
            ctx.send(Command::LoadModel { model: model.clone() });
            self.passing.asked = Some(model);
        }
    }
}

fn chosen<'a>(ctx: &PageContext<'a>) -> Option<&'a ModelRef> {
    match ctx.route {
        Route::Models { model } => model.as_ref(),
        _ => None,
    }
}
