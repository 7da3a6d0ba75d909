//! What the window keeps over a restart: sent to the engine, which writes it crash-safe; at most twice a second, when changed.

use std::{collections::BTreeMap, time::Duration};

use egui::Context;
use orrery_domain::Command;
use serde::{Deserialize, Serialize};

use super::App;
use crate::{
    context::ThemeChoice,
    draft::Drafts,
    route::{PageId, Route},
};

/// Seconds between two writes.
const INTERVAL_SECS: f64 = 0.5;

/// Said when the kept state is whole but means nothing to this program.
const UNREADABLE: &str = "The window's kept layout and unsaved form edits could not be read, so it begins with its defaults. \
                          Datasets, runs and models are not affected.";

/// What is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    theme: ThemeChoice,
    scale: f32,
    own_file_dialog: bool,
    rail_folded: bool,
    inspector_width: f32,
    route: Route,
    /// Selections of the pages that are not shown.
    routes: Vec<Route>,
    pages: BTreeMap<PageId, serde_json::Value>,
    drafts: Drafts,
    /// Pages in windows of their own.
    torn: Vec<PageId>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::System,
            scale: 1.0,
            own_file_dialog: false,
            rail_folded: false,
            inspector_width: super::shell::INSPECTOR_WIDTH,
            route: Route::Home,
            routes: Vec::new(),
            pages: BTreeMap::new(),
            drafts: Drafts::default(),
            torn: Vec::new(),
        }
    }
}

/// Remembers what was last sent, and when.
#[derive(Default)]
pub(super) struct Saver {
    sent: String,
    at: f64,
}

impl App {
    /// Begins where the last window ended. An unreadable state is ignored: the window then begins anew.
    pub(super) fn restore(&mut self, ctx: &Context) {
        let text = self.snapshot.window_state.clone();
        let kept: Kept = match text.as_deref().map(serde_json::from_str) {
            Some(Ok(kept)) => kept,
            Some(Err(error)) => {
                log::warn!("the window's kept state was not readable, so it begins anew: {error}");
                self.outbox.toast(orrery_domain::snapshot::Severity::Warning, UNREADABLE);
                Kept::default()
            }
            None => Kept::default(),
        };
        let (least, most, _) = super::execute::SCALES;
        self.facts.theme = kept.theme;
        self.facts.scale = if kept.scale.is_finite() { kept.scale.clamp(least, most) } else { 1.0 };
        self.facts.own_file_dialog |= kept.own_file_dialog;
        self.shell.rail_folded = kept.rail_folded;
        self.shell.inspector_width = kept.inspector_width.clamp(200.0, 800.0);
        for route in kept.routes {
            self.last_routes.insert(route.page(), route);
        }
        self.route = kept.route;
        // The main window keeps the page it shows.
        self.torn.pages = kept.torn.into_iter().filter(|page| *page != self.route.page()).collect();
        self.drafts = kept.drafts;
        for (id, state) in kept.pages {
            if let Some(page) = self.pages.iter_mut().find(|page| page.id() == id) {
                page.restore(state);
            }
        }
        self.saver.sent = self.kept_text();
        self.apply_scale_now(ctx);
    }

    fn apply_scale_now(&self, ctx: &Context) {
        ctx.set_zoom_factor(self.facts.scale);
    }

    fn kept_text(&self) -> String {
        let kept = Kept {
            theme: self.facts.theme,
            scale: self.facts.scale,
            own_file_dialog: self.facts.own_file_dialog,
            rail_folded: self.shell.rail_folded,
            inspector_width: self.shell.inspector_width.round(),
            route: self.route.clone(),
            routes: self.last_routes.values().cloned().collect(),
            pages: self.pages.iter().map(|page| (page.id(), page.state())).collect(),
            drafts: self.drafts.clone(),
            torn: self.torn.pages.iter().copied().collect(),
        };
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// Sends the state when it changed and the last write is half a second old; otherwise comes back for it.
    pub(super) fn keep_state(&mut self, ctx: &Context) {
        if self.snapshot.workspace.read_only {
            return;
        }
        let text = self.kept_text();
        if text == self.saver.sent {
            return;
        }
        let now = ctx.input(|input| input.time);
        let wait = self.saver.at + INTERVAL_SECS - now;
        if wait > 0.0 && self.saver.at > 0.0 {
            ctx.request_repaint_after(Duration::from_secs_f64(wait));
            return;
        }
        self.saver.at = now;
        self.send_state(text);
    }

    /// Sends the state at once: the window is closing.
    pub(super) fn keep_state_now(&mut self) {
        if !self.snapshot.workspace.read_only {
            let text = self.kept_text();
            if text != self.saver.sent {
                self.send_state(text);
            }
        }
    }

    fn send_state(&mut self, text: String) {
        self.saver.sent.clone_from(&text);
        self.engine.send(Command::SaveWindowState { state: text });
    }
}
