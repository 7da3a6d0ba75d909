//! Page Search: settings and architectures tried one after another, what came of each, and the model that was chosen.

mod charts;
mod data;
mod form;
mod resume;
mod view;

use std::sync::Arc;

use egui::Ui;
use orrery_domain::search::Search;
use serde::{Deserialize, Serialize};

use self::{form::SearchForm, resume::ResumeForm};
use super::Page;
use crate::{
    command::UiCommand,
    context::PageContext,
    route::{PageId, Route},
    widgets::{
        button::{Weight, command_button},
        grid::GridRow,
        parallel::Brushes,
        table::{TableChoices, TableState},
        table_index::Direction,
    },
};

/// What the page keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchPageState {
    search: Option<String>,
    #[serde(deserialize_with = "super::load_part")]
    form: Option<SearchForm>,
    columns: TableChoices,
}

/// The page.
pub struct SearchPage {
    state: SearchPageState,
    resume: Option<ResumeForm>,
    rows: Vec<GridRow>,
    trials: Vec<GridRow>,
    /// What the rows were made of.
    seen: Option<(u64, Option<String>)>,
    revision: u64,
    table: TableState,
    trial_table: TableState,
    brushes: Brushes,
}

impl Default for SearchPage {
    fn default() -> Self {
        Self {
            state: SearchPageState::default(),
            resume: None,
            rows: Vec::new(),
            trials: Vec::new(),
            seen: None,
            revision: 0,
            table: TableState::default(),
            trial_table: TableState::sorted(0, Direction::Ascending),
            brushes: Brushes::new(),
        }
    }
}

impl SearchPage {
    /// The search that is shown.
    fn chosen(&self, ctx: &PageContext<'_>) -> Option<Arc<Search>> {
        let id = self.state.search.as_ref()?;
        ctx.snapshot.searches.iter().find(|search| search.id == *id).cloned()
    }

    /// Takes the route's search, else the one that was shown, else the newest.
    fn follow(&mut self, ctx: &mut PageContext<'_>) {
        let route = match ctx.route {
            Route::Search { search } => search.clone(),
            _ => None,
        };
        let known = |id: &String| ctx.snapshot.searches.iter().any(|search| search.id == *id);
        let newest = || ctx.snapshot.searches.first().map(|search| search.id.clone());
        let kept = self.state.search.clone().filter(known);
        let wanted = route.clone().filter(known).or(kept).or_else(newest);
        if wanted != route {
            ctx.go(Route::Search { search: wanted.clone() });
        }
        if let Some(id) = &wanted
            && !(self.table.selected.len() == 1 && self.table.selected.contains(id))
        {
            self.table.select_only(id.clone());
        }
        if self.state.search != wanted {
            self.brushes.clear();
            self.trial_table = TableState::sorted(0, Direction::Ascending);
        }
        self.state.search = wanted;
    }

    /// Makes the rows anew where something changed.
    fn refresh(&mut self, ctx: &PageContext<'_>) {
        let now = Some((ctx.snapshot.revision, self.state.search.clone()));
        if self.seen == now && self.revision > 0 {
            return;
        }
        self.seen = now;
        let rows: Vec<GridRow> =
            ctx.snapshot.searches.iter().map(|search| data::row(search, ctx.snapshot)).collect();
        let trials = self.chosen(ctx).map_or_else(Vec::new, |search| self.trial_rows(&search, ctx));
        if rows != self.rows || trials != self.trials || self.revision == 0 {
            (self.rows, self.trials) = (rows, trials);
            self.revision += 1;
        }
    }

    fn trial_rows(&self, search: &Search, ctx: &PageContext<'_>) -> Vec<GridRow> {
        let (front, going_on) = (search.course.front(), data::is_going_on(search, ctx.snapshot));
        let brushed = (!self.brushes.is_empty()).then(|| {
            let (picture, numbers) = data::parallel(search);
            let passes = picture.lines.iter().map(|line| picture.passes(line, &self.brushes));
            numbers
                .into_iter()
                .zip(passes)
                .filter(|(_, passes)| *passes)
                .map(|(number, _)| number)
                .collect::<Vec<_>>()
        });
        search
            .course
            .trials
            .iter()
            .filter(|trial| brushed.as_ref().is_none_or(|kept| kept.contains(&trial.number)))
            .map(|trial| data::trial_row(search, trial, &front, going_on))
            .collect()
    }
}

impl Page for SearchPage {
    fn id(&self) -> PageId {
        PageId::Search
    }

    fn breadcrumbs(&self, ctx: &PageContext<'_>) -> Vec<String> {
        match ctx.route {
            Route::Search { search: Some(search) } => vec![search.clone()],
            _ => Vec::new(),
        }
    }

    fn actions(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        if !ctx.snapshot.searches.is_empty() {
            command_button(ctx, ui, UiCommand::NewSearch, Weight::Primary);
        }
    }

    fn ui(&mut self, ctx: &mut PageContext<'_>, ui: &mut Ui) {
        self.follow(ctx);
        self.refresh(ctx);
        if ctx.invoked(UiCommand::NewSearch) {
            self.state.form = SearchForm::new(ctx.snapshot);
        }
        view::show(self, ctx, ui);
        form::show(&mut self.state.form, ctx, ui);
        resume::show(&mut self.resume, ctx, ui);
    }

    fn state(&self) -> serde_json::Value {
        super::save(&SearchPageState { columns: self.table.choices(), ..self.state.clone() })
    }

    fn restore(&mut self, state: serde_json::Value) {
        super::load(&mut self.state, state);
        self.table = TableState::chosen(std::mem::take(&mut self.state.columns));
    }
}
