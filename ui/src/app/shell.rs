//! The frame around the page: rail, header, inspector, status bar, and what lies over them.

use egui::{CentralPanel, Context, Frame, Margin, Panel, Stroke, Ui};
use orrery_domain::Snapshot;

use super::{App, close::Closing, notices::Notices, palette::Palette};
use crate::{
    theme::{State, space},
    widgets::icon,
};

/// Width of the inspector at first, points.
pub(super) const INSPECTOR_WIDTH: f32 = 320.0;

/// The shell's own state.
pub(super) struct Shell {
    pub(super) rail_folded: bool,
    pub(super) inspector_width: f32,
    pub(super) notices: Notices,
    pub(super) palette: Palette,
    pub(super) closing: Closing,
    /// Whether the engine was told that a page of the fleet is open.
    pub(super) fleet_watched: bool,
}

impl Shell {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        Self {
            rail_folded: false,
            inspector_width: INSPECTOR_WIDTH,
            notices: Notices::new(snapshot),
            palette: Palette::default(),
            closing: Closing::No,
            fleet_watched: false,
        }
    }

    /// Whether something lies over the page that owns the keyboard.
    pub(super) fn has_dialog(&self) -> bool {
        self.palette.is_open() || self.closing == Closing::Asking
    }
}

impl App {
    /// Draws everything. Changes nothing but the state of what is drawn.
    pub(super) fn draw(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.read_only_banner(ui);
        self.status_bar(ui);
        self.notices_strip(ui);
        self.rail(ui);
        self.inspector(ui);
        self.header(ui);
        self.page(ui);
        self.notices_window(&ctx);
        self.palette_dialog(&ctx);
        self.pick_dialog(&ctx);
        self.close_dialog(&ctx);
        self.torn_windows(&ctx);
        self.drop_overlay(&ctx);
        if !self.outbox.wishes.is_empty() || self.invoked.is_some() {
            ctx.request_repaint();
        }
    }

    pub(super) fn page(&mut self, ui: &mut Ui) {
        let theme = self.theme(ui.ctx());
        let frame = Frame::new().fill(theme.surface.base).inner_margin(Margin::symmetric(24, 16));
        CentralPanel::default().frame(frame).show(ui, |ui| {
            let id = self.route.page();
            let ctx = ui.ctx().clone();
            ui.push_id(id, |ui| self.with_page(&ctx, |page, context| page.ui(context, ui)));
        });
    }

    pub(super) fn inspector(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        if self.with_page(&ctx, |page, context| page.has_inspector(context)) != Some(true) {
            return;
        }
        let theme = self.theme(&ctx);
        let frame = Frame::new().fill(theme.surface.raised).inner_margin(Margin::same(16));
        let panel = Panel::right("inspector")
            .resizable(true)
            .default_size(self.shell.inspector_width)
            .size_range(200.0..=800.0)
            .frame(frame)
            .show(ui, |ui| {
                ui.set_width(ui.available_width());
                egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                    self.with_page(&ctx, |page, context| page.inspector(context, ui));
                });
            });
        self.shell.inspector_width = panel.response.rect.width();
    }

    fn read_only_banner(&self, ui: &mut Ui) {
        if !self.snapshot.workspace.read_only {
            return;
        }
        let theme = self.theme(ui.ctx());
        let frame = Frame::new().fill(theme.surface.hover).inner_margin(Margin::symmetric(16, 6));
        Panel::top("read-only").frame(frame).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(icon::LOCKED.small().color(theme.state(State::Warning)));
                ui.label(theme.body(
                    "Another window has this workspace open, so this one only looks. Close the other to change things here.",
                ));
            });
        });
    }
}

/// The frame of a bar along an edge of the window.
pub(super) fn bar_frame(fill: egui::Color32) -> Frame {
    Frame::new().fill(fill).inner_margin(Margin::symmetric(12, 0))
}

/// A popup's frame in the theme's overlay.
pub(super) fn overlay_frame(ctx: &Context, theme: &crate::theme::Theme) -> Frame {
    Frame::popup(&ctx.style_of(ctx.theme()))
        .fill(theme.surface.overlay)
        .stroke(Stroke::new(space::HAIRLINE, theme.surface.hairline))
        .corner_radius(10)
        .inner_margin(Margin::same(12))
}
