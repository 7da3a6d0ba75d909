//! Page Tune: the best way to serve a model on this machine, found by measuring; applied, and undone.

mod chart;
mod data;
mod form;
mod view;

use std::sync::Arc;

use egui::Ui;
use orrery_domain::{Command, tune::TuneReport};
use serde::{Deserialize, Serialize};

use self::form::TuneForm;
use super::Page;
use crate::{
    command::UiCommand,
    context::PageContext,
    route::{PageId, Route},
    widgets::{
        button::{Weight, command_button},
        grid::GridRow,
        table::{TableChoices, TableState},
    },
};

/// What the page keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TuneState {
    tuning: Option<String>,
    #[serde(deserialize_with = "super::load_part")]
    form: Option<TuneForm>,
    columns: TableChoices,
}

/// A change that is asked about before it is made.
#[derive(Clone, Debug, PartialEq)]
enum Question {
    /// Serve the model as a measurement was made.
    Apply { tuning: String, measurement: usize },
    /// Serve the model as before.
    Undo { model: String },
}

/// The page.
#[derive(Default)]
pub struct TunePage {
    state: TuneState,
    loaded: bool,
    seen: Option<Arc<Vec<Arc<TuneReport>>>>,
    rows: Vec<GridRow>,
    revision: u64,
    table: TableState,
    measurements: TableState,
    question: Option<Question>,
}

impl TunePage {
    fn refresh(&mut self, ctx: &mut PageContext<'_>) {
        if !self.loaded {
            ctx.send(Command::LoadTunings);
            self.loaded = true;
        }
        let tunings = &ctx.snapshot.tunings;
        if self.seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, tunings)) {
            self.rows = tunings.iter().map(|report| data::row(report)).collect();
            self.seen = Some(Arc::clone(tunings));
            self.revision += 1;
        }
    }

    /// Follows the route to a tuning.
    fn follow(&mut self, ctx: &mut PageContext<'_>) {
        let route = match ctx.route {
            Route::Tune { tuning } => tuning.clone(),
            _ => None,
        };
        let known = |id: &String| self.rows.iter().any(|row| row.key == *id);
        let first = || self.rows.first().map(|row| row.key.clone());
        let kept = self.state.tuning.clone().filter(known);
        let wanted = route.clone().filter(known).or(kept).or_else(first);
        if wanted != route && !self.rows.is_empty() {
            ctx.go(Route::Tune { tuning: wanted.clone() });
        }
        if let Some(id) = &wanted
            && !(self.table.selected.len() == 1 && self.table.selected.contains(id))
        {
            self.table.select_only(id.clone());
            self.measurements.selected.clear();
            // Another tuning's measurements stand in the table.
            self.revision += 1;
        }
        self.state.tuning = wanted;
    }

    /// The tuning that is shown.
    fn shown(&self, ctx: &PageContext<'_>) -> Option<Arc<TuneReport>> {
        let id = self.state.tuning.as_ref()?;
        ctx.snapshot.tunings.iter().find(|report| report.id == *id).cloned()
    }
}

impl Page for TunePage {
    fn id(&self) -> PageId {
        PageId::Tune
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        self.shown(ctx).map(|report| report.request.model.to_string()).into_iter().collect()
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if !self.rows.is_empty() {
            command_button(ctx, ui, UiCommand::Tune, Weight::Primary);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.refresh(ctx);
        self.follow(ctx);
        if ctx.invoked(UiCommand::Tune) {
            let model = self.shown(ctx).map(|report| report.request.model.clone());
            self.state.form = TuneForm::new(&ctx.snapshot.models, model.as_ref());
        }
        view::show(self, ctx, ui);
        form::show(&mut self.state.form, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&TuneState { columns: self.table.choices(), ..self.state.clone() })
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
        self.table = TableState::chosen(std::mem::take(&mut self.state.columns));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::pages::stage::fixture;

    /// A page's state with a form that was filled in.
    fn kept() -> Value {
        let form = TuneForm::new(&fixture::busy().models, None).expect("there are models");
        let mut form = super::super::save(&form);
        form["limits"] = json!({ "p95": "5ms" });
        form["clients"] = json!("16");
        json!({ "tuning": "7f3a", "form": form })
    }

    fn restored(state: Value) -> TunePage {
        let mut page = TunePage::default();
        page.restore(state);
        assert_eq!(page.state.tuning.as_deref(), Some("7f3a"), "the rest stays");
        page
    }

    #[test]
    fn what_an_earlier_version_kept_is_read_as_far_as_it_can_be() {
        let now = kept();
        assert_eq!(restored(now.clone()).state()["form"], now["form"]);
        let mut before = kept();
        let form = before["form"].as_object_mut().expect("a form");
        form.remove("limits");
        // Bounds by their place: of four figures, later of six.
        form.insert("bounds".to_owned(), json!(["", "5ms", "", ""]));
        let form = restored(before).state()["form"].clone();
        assert_eq!((&form["clients"], &form["limits"]), (&json!("16"), &json!({})));
        let mut other = kept();
        other["form"]["vary"] = json!("everything");
        assert_eq!(restored(other).state.form, None);
    }
}
