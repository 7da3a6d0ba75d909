//! A stage for page tests: one page over a made-up snapshot, its wishes written down instead of executed.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use egui_kittest::Harness;
use orrery_domain::{Command, Snapshot};

use super::Page;
use crate::{
    command::UiCommand,
    context::{Outbox, PageContext, WindowFacts, Wish},
    draft::Drafts,
    route::Route,
    theme::{Theme, install},
};

#[path = "../../tests/all/support/fixture.rs"]
pub(crate) mod fixture;

/// One page, what it is shown, and what it wished for.
pub(crate) struct Stage<P> {
    pub page: P,
    pub snapshot: Arc<Snapshot>,
    pub route: Route,
    pub drafts: Drafts,
    /// Commands for the engine, in order.
    pub sent: Vec<Command>,
    /// Commands of the window.
    pub ran: Vec<UiCommand>,
    /// Titles of the file dialogs asked for.
    pub picks: Vec<String>,
    /// Passing messages.
    pub toasts: Vec<String>,
    /// A command of the window for this page, given to its next frame.
    pub invoked: Option<UiCommand>,
    theme: Theme,
    facts: WindowFacts,
    picked: BTreeMap<String, PathBuf>,
}

impl<P: Page> Stage<P> {
    /// A stage for `page` at `route`.
    pub fn new(page: P, snapshot: Snapshot, route: Route) -> Self {
        Self {
            page,
            snapshot: Arc::new(snapshot),
            route,
            drafts: Drafts::default(),
            sent: Vec::new(),
            ran: Vec::new(),
            picks: Vec::new(),
            toasts: Vec::new(),
            invoked: None,
            theme: Theme::dark(),
            facts: WindowFacts::default(),
            picked: BTreeMap::new(),
        }
    }

    fn frame(&mut self, ui: &mut egui::Ui) {
        if self.route.page() != self.page.id() {
            return; // the window would draw another page now
        }
        let mut outbox = Outbox::default();
        let mut context = PageContext {
            snapshot: &self.snapshot,
            theme: &self.theme,
            route: &self.route,
            outbox: &mut outbox,
            invoked: self.invoked.take(),
            picked: &mut self.picked,
            drafts: &mut self.drafts,
            window: &self.facts,
        };
        ui.horizontal(|ui| self.page.actions(&mut context, ui));
        self.page.ui(&mut context, ui);
        for wish in outbox.wishes {
            match wish {
                Wish::Send(command) => self.sent.push(command),
                Wish::Go(route) => self.route = route,
                Wish::Run(command) if command.is_for_page() => self.invoked = Some(command),
                Wish::Run(command) => self.ran.push(command),
                Wish::Pick(request) => self.picks.push(request.title),
                Wish::Toast(_, words) => self.toasts.push(words),
                Wish::Set(_) => {}
            }
        }
        if self.invoked.is_some() {
            ui.ctx().request_repaint();
        }
    }

    /// Changes the snapshot, as a new one from the engine would.
    pub fn change(&mut self, change: impl FnOnce(&mut Snapshot)) {
        let snapshot = Arc::make_mut(&mut self.snapshot);
        change(snapshot);
        snapshot.revision += 1;
    }

    /// What was sent since the last call.
    pub fn take_sent(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.sent)
    }
}

/// The page in a harness of a usual window's size.
pub(crate) fn harness<P: Page + 'static>(stage: Stage<P>) -> Harness<'static, Stage<P>> {
    let mut harness = Harness::builder()
        .with_size(egui::vec2(1280.0, 760.0))
        .with_context_setup(install)
        .build_ui_state(|ui, stage: &mut Stage<P>| stage.frame(ui), stage);
    harness.run_steps(4);
    harness
}
