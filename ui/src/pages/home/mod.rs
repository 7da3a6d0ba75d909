//! Page Home.

mod data;
mod view;

use egui::Ui;
use serde::{Deserialize, Serialize};

use super::Page;
use crate::{context::PageContext, route::PageId};

/// What the page keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HomeState {}

/// The page.
#[derive(Default)]
pub struct HomePage {
    state: HomeState,
    /// What is shown, and the snapshot it was made from.
    made: Option<(std::sync::Arc<orrery_domain::Snapshot>, data::HomeView)>,
}

impl Page for HomePage {
    fn id(&self) -> PageId {
        PageId::Home
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        let made = self.made.take().filter(|(from, _)| std::sync::Arc::ptr_eq(from, ctx.snapshot));
        let (from, view) = made.unwrap_or_else(|| (ctx.snapshot.clone(), data::of(ctx.snapshot)));
        view::show(&view, ctx, ui);
        self.made = Some((from, view));
    }

    fn state(&self) -> serde_json::Value {
        super::save(&self.state)
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
    }
}
