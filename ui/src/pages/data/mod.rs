//! Page Data.

mod data;
mod view;

use egui::Ui;
use serde::{Deserialize, Serialize};

use super::Page;
use crate::{context::PageContext, route::PageId};

/// What the page keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataState {}

/// The page.
#[derive(Default)]
pub struct DataPage {
    state: DataState,
}

impl Page for DataPage {
    fn id(&self) -> PageId {
        PageId::Data
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        view::show(&data::of(ctx.snapshot), ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&self.state)
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
    }
}
