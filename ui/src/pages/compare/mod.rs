//! Page Compare: versions on the same rows, which is better beyond chance, where each is worst, how they are built.

mod built;
mod charts;
mod data;
mod form;
mod paired;
mod view;

use std::sync::Arc;

use egui::Ui;
use orrery_domain::{Command, snapshot::CompareState};
use serde::{Deserialize, Serialize};

use self::{data::Shown, form::Form};
use super::Page;
use crate::{
    command::UiCommand,
    context::PageContext,
    route::{PageId, Route},
    widgets::{
        button::{Weight, command_button},
        table::TableState,
    },
};

/// What the page keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    form: Form,
}

/// The tables of the answer.
#[derive(Default)]
struct Tables {
    metrics: TableState,
    slices: TableState,
    asked: TableState,
    costs: TableState,
    settings: TableState,
    tensors: TableState,
}

/// The page.
#[derive(Default)]
pub struct ComparePage {
    form: Form,
    /// The answer shown, and what was made of it.
    seen: Option<Arc<CompareState>>,
    shown: Option<Shown>,
    /// Place of the pair that is shown.
    pair: usize,
    revision: u64,
    tables: Tables,
}

impl ComparePage {
    /// Makes the view model anew when the answer or the chosen pair is another one.
    fn refresh(&mut self, ctx: &PageContext<'_>) {
        let now = ctx.snapshot.comparison.as_ref();
        let same = match (&self.seen, now) {
            (Some(seen), Some(now)) => Arc::ptr_eq(seen, now),
            (seen, now) => seen.is_none() && now.is_none(),
        };
        let of_pair = self.shown.as_ref().is_none_or(|shown| shown.pair == self.pair);
        if same && of_pair {
            return;
        }
        if !same {
            self.pair = 0;
        }
        self.seen = now.cloned();
        let report = now.and_then(|state| state.answer.as_ref()).and_then(|answer| answer.as_ref().ok());
        self.shown = report.map(|report| Shown::of(report, self.pair));
        self.revision += 1;
    }

    /// Takes the route's version as the first one.
    fn follow(&mut self, ctx: &mut PageContext<'_>) {
        if let Route::Compare { model: Some(model) } = ctx.route {
            self.form.begin_with(model);
            ctx.go(Route::Compare { model: None });
        }
        self.form.settle(ctx.snapshot);
    }

    fn start(&self, ctx: &mut PageContext<'_>) {
        if let (Some((models, source)), Ok(settings)) =
            (self.form.request(), self.form.settings(ctx.snapshot))
        {
            ctx.send(Command::Compare { models, source, settings });
        }
    }
}

impl Page for ComparePage {
    fn id(&self) -> PageId {
        PageId::Compare
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if self.form.request().is_some() && self.form.settings(ctx.snapshot).is_ok() {
            command_button(ctx, ui, UiCommand::CompareModels, Weight::Primary);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.follow(ctx);
        self.refresh(ctx);
        if ctx.invoked(UiCommand::CompareModels) {
            self.start(ctx);
        }
        view::show(self, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&Kept { form: self.form.clone() })
    }

    fn restore(&mut self, state: serde_json::Value) {
        let mut kept = Kept::default();
        super::load(&mut kept, state);
        self.form = kept.form;
    }
}
