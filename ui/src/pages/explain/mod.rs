//! Page Explain: what matters to a model, what each column added to an answer, and what would change its mind.

mod advanced;
mod data;
mod form;
mod one_row;
mod pictures;
mod view;

use std::sync::Arc;

use egui::Ui;
use orrery_domain::{Command, ModelRef, snapshot::ExplainState};
use serde::{Deserialize, Serialize};

use self::form::Form;
use super::Page;
use crate::{
    command::UiCommand,
    context::PageContext,
    route::{PageId, Route},
    widgets::{
        button::{Weight, command_button},
        row_form::RowForm,
        table::TableState,
    },
};

/// The views of attributions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tab {
    /// What matters over all rows.
    #[default]
    All,
    /// How the parts of one column go with its values.
    Column,
    /// One row, step by step.
    Row,
}

/// What the page keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    form: Form,
    tab: Tab,
}

/// The page.
#[derive(Default)]
pub struct ExplainPage {
    form: Form,
    tab: Tab,
    /// The answer shown.
    seen: Option<Arc<ExplainState>>,
    revision: u64,
    /// Place of the row that is shown, among those of the answer.
    row: usize,
    /// The column that is looked at; none: the most important one.
    column: Option<String>,
    /// The row that can be edited, and which answer and place it began with.
    edited: RowForm,
    edited_from: Option<(u64, usize)>,
    table: TableState,
    asked: Option<ModelRef>,
}

impl ExplainPage {
    /// Begins anew where the answer is another one.
    fn refresh(&mut self, ctx: &PageContext<'_>) {
        let now = ctx.snapshot.explanation.as_ref();
        let same = match (&self.seen, now) {
            (Some(seen), Some(now)) => Arc::ptr_eq(seen, now),
            (seen, now) => seen.is_none() && now.is_none(),
        };
        if same {
            return;
        }
        let same_job = self.seen.as_ref().zip(now).is_some_and(|(seen, now)| seen.job == now.job);
        if !same_job {
            self.row = 0;
        }
        self.seen = now.cloned();
        self.revision += 1;
    }

    /// Takes the route's model.
    fn follow(&mut self, ctx: &mut PageContext<'_>) {
        if let Route::Explain { model: Some(model) } = ctx.route {
            self.form.begin_with(model);
            ctx.go(Route::Explain { model: None });
        }
        self.form.settle(ctx.snapshot);
    }

    /// Has the card of the explained model loaded, which names its columns.
    fn load(&mut self, model: &ModelRef, ctx: &mut PageContext<'_>) {
        let entry = ctx.snapshot.models.iter().find(|entry| entry.model == *model);
        if entry.is_some_and(|entry| entry.card.is_none()) && self.asked.as_ref() != Some(model) {
            ctx.send(Command::LoadModel { model: model.clone() });
            self.asked = Some(model.clone());
        }
    }
}

impl Page for ExplainPage {
    fn id(&self) -> PageId {
        PageId::Explain
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if self.form.request().is_ok() {
            command_button(ctx, ui, UiCommand::ExplainModel, Weight::Primary);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.follow(ctx);
        self.refresh(ctx);
        if ctx.invoked(UiCommand::ExplainModel)
            && let Ok((model, source, settings)) = self.form.request()
        {
            ctx.send(Command::Explain { model, source, settings: Box::new(settings), out: None });
        }
        view::show(self, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&Kept { form: self.form.clone(), tab: self.tab })
    }

    fn restore(&mut self, state: serde_json::Value) {
        let mut kept = Kept::default();
        super::load(&mut kept, state);
        (self.form, self.tab) = (kept.form, kept.tab);
    }
}
