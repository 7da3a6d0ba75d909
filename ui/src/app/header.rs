//! The header: page title and breadcrumbs, the search box, the page's actions.

use egui::{Align, Button, Layout, Panel, Role, Ui, WidgetInfo, vec2};

use super::{App, shell::bar_frame};
use crate::{
    command::UiCommand,
    theme::{size, space},
    widgets::{
        button::{self, icon_button},
        icon,
    },
};

/// Width of the search box, points.
const SEARCH: f32 = 240.0;

impl App {
    /// The main window's header.
    pub(super) fn header(&mut self, ui: &mut Ui) {
        self.page_header(ui, |app, ui| {
            if ui.available_width() > SEARCH {
                app.search_box(ui);
            }
            app.window_button(ui, UiCommand::TearOff.icon(), UiCommand::TearOff.title());
        });
    }

    /// A page's title and breadcrumbs, its actions on the right, and beside them what `beside` draws from right to left.
    pub(super) fn page_header(&mut self, ui: &mut Ui, beside: impl FnOnce(&mut Self, &mut Ui)) {
        let ctx = ui.ctx().clone();
        let theme = self.theme(&ctx);
        let frame = bar_frame(theme.surface.base).inner_margin(egui::Margin::symmetric(24, 0));
        Panel::top("header").exact_size(space::HEADER).frame(frame).show(ui, |ui| {
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.label(theme.title(self.route.page().title()).size(size::HEADING + 2.0));
                self.crumbs(ui);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    self.with_page(&ctx, |page, context| page.actions(context, ui));
                    beside(self, ui);
                });
            });
        });
    }

    /// The button that gives the page a window of its own, or takes it back from there.
    pub(super) fn window_button(&mut self, ui: &mut Ui, icon: icon::Icon, name: &str) {
        let theme = self.theme(ui.ctx());
        if icon_button(ui, &theme, icon, name, true).clicked() {
            self.outbox.run(UiCommand::TearOff);
        }
    }

    /// What stands after the title.
    fn crumbs(&mut self, ui: &mut Ui) {
        let theme = self.theme(ui.ctx());
        let ctx = ui.ctx().clone();
        let crumbs = self.with_page(&ctx, |page, context| page.breadcrumbs(context)).unwrap_or_default();
        for crumb in crumbs {
            ui.label(icon::EXPAND.small().color(theme.text.weak));
            ui.add(egui::Label::new(theme.body(crumb)).truncate());
        }
    }

    fn search_box(&mut self, ui: &mut Ui) {
        let theme = self.theme(ui.ctx());
        let keys =
            UiCommand::OpenPalette.shortcut().map(|keys| button::keys(ui.ctx(), &keys)).unwrap_or_default();
        let look = Button::new((
            icon::SEARCH.small().color(theme.text.weak),
            theme.body("Search").color(theme.text.weak),
        ))
        .right_text(theme.caption(keys))
        .fill(theme.surface.field)
        .min_size(vec2(SEARCH, space::CONTROL));
        let response = ui.add_sized(vec2(SEARCH, space::CONTROL), look);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, UiCommand::OpenPalette.title()));
        if response.on_hover_text(UiCommand::OpenPalette.tooltip()).clicked() {
            self.outbox.run(UiCommand::OpenPalette);
        }
    }
}
