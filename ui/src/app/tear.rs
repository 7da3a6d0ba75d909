//! Pages in windows of their own: torn off by a command, drawn by the same shell around another route, brought back by closing.

use std::collections::BTreeSet;

use egui::{Context, Ui, ViewportBuilder, ViewportCommand, ViewportId, vec2};

use super::App;
use crate::{
    route::{PageId, Route},
    widgets::icon,
};

/// The pages that have a window of their own.
#[derive(Default)]
pub(super) struct Torn {
    pub(super) pages: BTreeSet<PageId>,
    /// The page whose window is being drawn; `None` for the main window.
    drawing: Option<PageId>,
    /// Where the main window is asked to go from another one.
    asked: Option<Route>,
}

/// The window of a page.
fn viewport(page: PageId) -> ViewportId {
    ViewportId::from_hash_of(("page", page))
}

impl App {
    /// Gives the page a window of its own, or takes it back from there. The main window always keeps one page.
    pub(super) fn tear_off(&mut self, ctx: &Context) {
        if let Some(page) = self.torn.drawing {
            self.bring_back(page);
            return;
        }
        let page = self.route.page();
        let Some(left) = PageId::ALL.into_iter().find(|id| *id != page && !self.torn.pages.contains(id))
        else {
            let words = "The last page stays in this window. Bring another one back first.";
            let now = ctx.input(|input| input.time);
            self.shell.notices.toast(orrery_domain::snapshot::Severity::Info, words.to_owned(), now);
            return;
        };
        self.torn.pages.insert(page);
        self.go(left.route());
    }

    fn bring_back(&mut self, page: PageId) {
        self.torn.pages.remove(&page);
        self.torn.asked = Some(self.route.clone());
    }

    /// Handles a wish to go to a page that another window shows; says whether it was one.
    pub(super) fn goes_elsewhere(&mut self, route: &Route) -> bool {
        match self.torn.drawing {
            // The window of a page shows this page and no other.
            Some(page) if route.page() != page => {
                if self.torn.pages.contains(&route.page()) {
                    self.last_routes.insert(route.page(), route.clone());
                } else {
                    self.torn.asked = Some(route.clone());
                }
                true
            }
            None if self.torn.pages.contains(&route.page()) => {
                if *route != route.page().route() {
                    self.last_routes.insert(route.page(), route.clone());
                }
                true
            }
            _ => false,
        }
    }

    /// The window to bring to the front after a wish to go to `route`; `None` for the one that is in front.
    pub(super) fn window_of(&self, route: &Route) -> Option<ViewportId> {
        let there = self.torn.pages.contains(&route.page());
        (there && self.torn.drawing != Some(route.page())).then(|| viewport(route.page()))
    }

    /// Draws the windows of torn pages.
    pub(super) fn torn_windows(&mut self, ctx: &Context) {
        for page in self.torn.pages.clone() {
            let builder = ViewportBuilder::default()
                .with_title(format!("{} · Orrery", page.title()))
                .with_app_id("orrery")
                .with_inner_size(vec2(1100.0, 760.0))
                .with_min_inner_size(vec2(720.0, 480.0));
            ctx.show_viewport_immediate(viewport(page), builder, |ui, _| self.torn_window(ui, page));
        }
        if let Some(route) = self.torn.asked.take() {
            self.go(route);
            ctx.send_viewport_cmd_to(ViewportId::ROOT, ViewportCommand::Focus);
            ctx.request_repaint_of(ViewportId::ROOT);
        }
    }

    fn torn_window(&mut self, ui: &mut Ui, page: PageId) {
        let ctx = ui.ctx().clone();
        let route = self.last_routes.get(&page).cloned().unwrap_or_else(|| page.route());
        let main = std::mem::replace(&mut self.route, route);
        let wishes = std::mem::take(&mut self.outbox.wishes);
        self.torn.drawing = Some(page);
        // In a harness the page stands in a window inside the main one, which has taken the keys already.
        if ctx.viewport_id() == viewport(page) {
            self.take_keys(&ctx);
            if ctx.input(|input| input.viewport().close_requested()) {
                self.bring_back(page);
            }
        }
        self.torn_header(ui);
        self.inspector(ui);
        self.page(ui);
        self.execute_wishes(&ctx);
        self.torn.drawing = None;
        self.outbox.wishes = wishes;
        let route = std::mem::replace(&mut self.route, main);
        self.last_routes.insert(page, route);
    }

    fn torn_header(&mut self, ui: &mut Ui) {
        self.page_header(ui, |app, ui| {
            app.window_button(ui, icon::BACK_IN, "Bring back into the main window");
        });
    }

    /// Brings the main window to the front when another one asks for what only that one shows.
    pub(super) fn show_main(&self, ctx: &Context) {
        if self.torn.drawing.is_some() {
            ctx.send_viewport_cmd_to(ViewportId::ROOT, ViewportCommand::Focus);
            ctx.request_repaint_of(ViewportId::ROOT);
        }
    }
}
