//! The app: takes snapshots, draws the shell and the page, executes wishes.
//!
//! `logic` drains and executes, `draw` only draws. One file a part of the shell.

mod close;
mod drop;
mod execute;
mod header;
mod logic;
mod nav;
mod notices;
mod palette;
mod pick;
mod run;
mod shell;
mod state;
mod status;
mod tear;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, mpsc},
};

use orrery_domain::{Engine, Snapshot};

use crate::{
    command::UiCommand,
    context::{Outbox, PageContext, WindowFacts},
    draft::Drafts,
    pages::{self, Page},
    route::{PageId, Route},
    theme::{self, Theme},
};

pub use run::{FrameHook, WindowError, WindowOptions, run};

/// The window's whole state. Draw it with [`App::frame`].
pub struct App {
    engine: Arc<dyn Engine>,
    snapshot: Arc<Snapshot>,
    themes: (Theme, Theme),
    pages: Vec<Box<dyn Page>>,
    route: Route,
    /// Where each page was left, so that coming back finds the selection.
    last_routes: BTreeMap<PageId, Route>,
    shell: shell::Shell,
    outbox: Outbox,
    invoked: Option<UiCommand>,
    picked: BTreeMap<String, PathBuf>,
    drafts: Drafts,
    facts: WindowFacts,
    saver: state::Saver,
    picks: pick::Picks,
    torn: tear::Torn,
    wake: Wake,
}

/// The channel through which other threads wake the window with an answer.
struct Wake {
    answers: mpsc::Receiver<pick::Answer>,
    sender: mpsc::Sender<pick::Answer>,
}

impl App {
    /// An app over `engine` that draws into `ctx`; begins where the last one ended, or at `page`.
    pub fn new(
        ctx: &egui::Context,
        engine: Arc<dyn Engine>,
        page: Option<PageId>,
        facts: WindowFacts,
    ) -> Self {
        theme::install(ctx);
        let waker = ctx.clone();
        engine.on_change(Box::new(move || waker.request_repaint()));
        let snapshot = engine.snapshot();
        let (sender, answers) = mpsc::channel();
        let mut app = Self {
            engine,
            themes: (Theme::dark(), Theme::light()),
            pages: pages::all(),
            route: Route::Home,
            last_routes: BTreeMap::new(),
            shell: shell::Shell::new(&snapshot),
            outbox: Outbox::default(),
            invoked: None,
            picked: BTreeMap::new(),
            drafts: Drafts::default(),
            facts,
            saver: state::Saver::default(),
            picks: pick::Picks::default(),
            torn: tear::Torn::default(),
            wake: Wake { answers, sender },
            snapshot,
        };
        app.restore(ctx);
        if let Some(page) = page {
            app.go(page.route());
        }
        app
    }

    /// One frame: logic, then drawing. What the window and the tests both call.
    pub fn frame(&mut self, ui: &mut egui::Ui) {
        self.logic(ui.ctx());
        self.draw(ui);
    }

    /// Where the window is.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Goes somewhere; a page without a selection comes back with the one it had.
    pub fn go(&mut self, route: Route) {
        if self.goes_elsewhere(&route) {
            return;
        }
        let route = if route == route.page().route() && route.page() != self.route.page() {
            self.last_routes.get(&route.page()).cloned().unwrap_or(route)
        } else {
            route
        };
        self.last_routes.insert(route.page(), route.clone());
        self.route = route;
    }

    fn theme(&self, ctx: &egui::Context) -> Theme {
        let (dark, light) = &self.themes;
        if ctx.theme() == egui::Theme::Dark { dark.clone() } else { light.clone() }
    }

    /// Calls `work` with the current page and a context of everything it may see.
    fn with_page<R>(
        &mut self,
        ctx: &egui::Context,
        work: impl FnOnce(&mut dyn Page, &mut PageContext<'_>) -> R,
    ) -> Option<R> {
        let theme = self.theme(ctx);
        let page = self.pages.iter_mut().find(|page| page.id() == self.route.page())?;
        let mut context = PageContext {
            snapshot: &self.snapshot,
            theme: &theme,
            route: &self.route,
            outbox: &mut self.outbox,
            invoked: self.invoked,
            picked: &mut self.picked,
            drafts: &mut self.drafts,
            window: &self.facts,
        };
        let result = work(page.as_mut(), &mut context);
        self.invoked = context.invoked;
        Some(result)
    }
}
