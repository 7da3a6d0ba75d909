//! The navigation rail: icons and words, or icons alone.

use egui::{
    Align2, CornerRadius, FontFamily, FontId, Frame, Margin, Panel, Rect, Role, ScrollArea, Sense, Stroke,
    StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use super::App;
use crate::{
    command::UiCommand,
    route::PageId,
    theme::{ICONS, MEDIUM, Theme, size, space},
    widgets::{button, icon},
};

/// The rail's groups: heading, and the commands that go there. A group appears with its first working page.
const GROUPS: [(&str, &[UiCommand]); 4] = [
    (
        "Build",
        &[UiCommand::GoHome, UiCommand::GoData, UiCommand::GoTrain, UiCommand::GoRuns, UiCommand::GoModels],
    ),
    ("Understand", &[UiCommand::GoExplain, UiCommand::GoCompare]),
    ("Shrink", &[UiCommand::GoCompress, UiCommand::GoSearch, UiCommand::GoTune]),
    ("Serve", &[UiCommand::GoDeployments, UiCommand::GoFleet, UiCommand::GoTraffic, UiCommand::GoDrills]),
];

/// Entries at the rail's foot: settings, and folding.
const FOOT: usize = 2;
/// Height of a group's heading, points.
const HEADING: f32 = 24.0;

impl App {
    pub(super) fn rail(&mut self, ui: &mut Ui) {
        let theme = self.theme(ui.ctx());
        let folded = self.shell.rail_folded;
        let width = if folded { space::RAIL_ICONS } else { space::RAIL };
        let margin = if folded { 6 } else { 10 };
        let frame = Frame::new().fill(theme.surface.raised).inner_margin(Margin::symmetric(margin, 12));
        Panel::left("rail").resizable(false).exact_size(width).frame(frame).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            wordmark(ui, &theme, folded);
            let line = space::ROW_COMFORTABLE + ui.spacing().item_spacing.y;
            let room = ui.available_height() - FOOT as f32 * line - space::S;
            let lines = GROUPS.iter().map(|(_, commands)| commands.len()).sum::<usize>() as f32 * line;
            let headings = GROUPS.len() as f32 * (HEADING + space::M);
            // A low window: closer together first, then scrolled.
            let gap = if lines + headings > room { space::XS } else { space::M };
            let area = ScrollArea::vertical().id_salt("rail").max_height(room).auto_shrink([false, true]);
            area.show(ui, |ui| {
                for (heading, commands) in GROUPS {
                    ui.add_space(gap);
                    if !folded {
                        ui.horizontal(|ui| {
                            ui.add_space(10.0);
                            ui.label(theme.caption(heading));
                        });
                    }
                    for command in commands {
                        self.rail_entry(ui, &theme, *command, folded);
                    }
                }
            });
            ui.with_layout(egui::Layout::bottom_up(egui::Align::LEFT), |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                let title = if folded { "Unfold the navigation" } else { "Fold the navigation" };
                let fold =
                    entry(ui, &theme, icon::RAIL, if folded { title } else { "Fold" }, title, false, folded);
                if fold.on_hover_ui(|ui| button::tooltip(ui, &theme, UiCommand::ToggleRail)).clicked() {
                    self.outbox.run(UiCommand::ToggleRail);
                }
                self.rail_entry(ui, &theme, UiCommand::GoSettings, folded);
            });
        });
    }

    fn rail_entry(&mut self, ui: &mut Ui, theme: &Theme, command: UiCommand, folded: bool) {
        let selected = command.page() == Some(self.route.page());
        let title = command.page().map_or(command.title(), PageId::title);
        let response = entry(ui, theme, command.icon(), title, title, selected, folded)
            .on_hover_ui(|ui| button::tooltip(ui, theme, command));
        if response.clicked() {
            self.outbox.run(command);
        }
    }
}

/// The program's name at the top of the rail, with its mark: a planet on its ring.
fn wordmark(ui: &mut Ui, theme: &Theme, folded: bool) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), space::CONTROL), Sense::hover());
    let x = if folded { rect.center().x } else { rect.left() + 18.0 };
    let center = pos2(x, rect.center().y);
    let painter = ui.painter();
    painter.circle_stroke(center, 8.0, Stroke::new(1.5, theme.text.weak));
    painter.circle_filled(center, 3.0, theme.accent.fill);
    painter.circle_filled(center + vec2(5.7, -5.7), 2.5, theme.text.strong);
    if !folded {
        let font = FontId::new(size::HEADING, FontFamily::Name(crate::theme::STRONG.into()));
        painter.text(pos2(x + 18.0, center.y), Align2::LEFT_CENTER, "Orrery", font, theme.text.strong);
    }
}

fn entry(
    ui: &mut Ui,
    theme: &Theme,
    icon: icon::Icon,
    words: &str,
    name: &str,
    selected: bool,
    folded: bool,
) -> egui::Response {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), space::ROW_COMFORTABLE), Sense::click());
    let visuals = (response.hovered(), response.has_focus());
    let fill = match (selected, visuals.0) {
        (true, _) => Some(theme.accent.soft),
        (false, true) => Some(theme.surface.hover),
        (false, false) => None,
    };
    let painter = ui.painter();
    if let Some(fill) = fill {
        painter.rect_filled(rect, CornerRadius::same(space::RADIUS), fill);
    }
    if visuals.1 {
        let ring = Stroke::new(space::FOCUS, theme.accent.text);
        painter.rect_stroke(rect, CornerRadius::same(space::RADIUS), ring, StrokeKind::Inside);
    }
    let colour = if selected { theme.accent.text } else { theme.text.body };
    let icon_font = FontId::new(18.0, FontFamily::Name(ICONS.into()));
    let icon_x = if folded { rect.center().x } else { rect.left() + 18.0 };
    painter.text(pos2(icon_x, rect.center().y), Align2::CENTER_CENTER, icon.glyph(), icon_font, colour);
    if !folded {
        let font = FontId::new(size::BODY, FontFamily::Name(MEDIUM.into()));
        let words_rect = Rect::from_min_max(pos2(rect.left() + 36.0, rect.top()), rect.max);
        let colour = if selected { theme.accent.text } else { theme.text.body };
        painter.text(words_rect.left_center(), Align2::LEFT_CENTER, words, font, colour);
    }
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, selected, name));
    response
}
