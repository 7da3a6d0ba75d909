//! Buttons: of commands (words, key and enabled-reason from the command enum), of links, and of icons alone.

use egui::{Button, FontFamily, FontId, Response, RichText, Stroke, Ui, vec2};

use super::icon::{self, Icon};
use crate::{
    command::{CommandContext, UiCommand},
    context::PageContext,
    theme::{MEDIUM, Theme, size, space},
};

/// How loud a button is. A page has one primary action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The page's one main action.
    Primary,
    /// An ordinary action.
    Normal,
    /// An action that stays quiet: no frame until hovered.
    Quiet,
    /// An action that destroys something.
    Danger,
}

/// The button of a command. A click runs it; hovering tells what it does, its key, or why it cannot be done.
pub fn command_button(
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
    command: UiCommand,
    weight: Weight,
) -> Response {
    let response = show_command(ctx, ui, command, command.title(), weight);
    if response.clicked() {
        ctx.outbox.run(command);
    }
    response
}

fn show_command(
    ctx: &PageContext<'_>,
    ui: &mut Ui,
    command: UiCommand,
    words: &str,
    weight: Weight,
) -> Response {
    let enabled = command.enabled(CommandContext { snapshot: ctx.snapshot, route: ctx.route });
    let response = text_button(ui, ctx.theme, Some(command.icon()), words, weight, enabled.is_ok());
    match enabled {
        Ok(()) => response.on_hover_ui(|ui| tooltip(ui, ctx.theme, command)),
        Err(reason) => response.on_disabled_hover_text(reason),
    }
}

/// A key as people write it: `Ctrl+,` rather than `Ctrl+Comma`.
pub fn keys(ctx: &egui::Context, shortcut: &egui::KeyboardShortcut) -> String {
    let words = ctx.format_shortcut(shortcut);
    words.replace("Comma", ",").replace("Plus", "+").replace("Minus", "-")
}

/// What hovering a command tells: what it does and its key.
pub fn tooltip(ui: &mut Ui, theme: &Theme, command: UiCommand) {
    ui.label(theme.body(command.tooltip()));
    if let Some(shortcut) = command.shortcut() {
        ui.label(theme.weak(keys(ui.ctx(), &shortcut)));
    }
}

/// A button with an icon and words that belongs to no command (it acts on one thing of the page).
pub fn text_button(
    ui: &mut Ui,
    theme: &Theme,
    icon: Option<Icon>,
    words: &str,
    weight: Weight,
    enabled: bool,
) -> Response {
    let (fill, line, colour) = match weight {
        Weight::Primary => (Some(theme.accent.fill), Stroke::NONE, theme.text.on_accent),
        Weight::Normal | Weight::Quiet => (None, Stroke::NONE, theme.text.body),
        Weight::Danger => (None, Stroke::new(space::HAIRLINE, theme.state.failed), theme.state.failed),
    };
    let label =
        RichText::new(words).font(FontId::new(size::BODY, FontFamily::Name(MEDIUM.into()))).color(colour);
    let button = match icon {
        Some(icon) => Button::new((icon.small().color(colour), label)),
        None => Button::new(label),
    };
    let mut button = button.min_size(vec2(0.0, space::CONTROL)).gap(6.0);
    if let Some(fill) = fill {
        button = button.fill(fill);
    }
    if weight == Weight::Danger {
        button = button.stroke(line);
    }
    if weight == Weight::Quiet {
        button = button.frame_when_inactive(false);
    }
    let response = ui.add_enabled(enabled, button);
    if weight == Weight::Primary && response.has_focus() {
        focus_ring(ui, theme, &response);
    }
    response.accessible_name(words)
}

/// A square with an icon alone, without a frame until it is hovered: what icon buttons and menus look like.
pub fn icon_face(theme: &Theme, icon: Icon) -> Button<'static> {
    Button::new(icon.small().color(theme.text.body))
        .min_size(vec2(space::CONTROL, space::CONTROL))
        .frame_when_inactive(false)
}

/// A square button with an icon alone; `name` is its tooltip and its accessible name.
pub fn icon_button(ui: &mut Ui, theme: &Theme, icon: Icon, name: &str, enabled: bool) -> Response {
    let button = icon_face(theme, icon);
    ui.add_enabled(enabled, button).on_hover_text(name).accessible_name(name)
}

/// The icon-only button of a command.
pub fn command_icon_button(ctx: &mut PageContext<'_>, ui: &mut Ui, command: UiCommand) -> Response {
    let enabled = command.enabled(CommandContext { snapshot: ctx.snapshot, route: ctx.route });
    let theme = ctx.theme;
    let button = icon_face(theme, command.icon());
    let response = ui.add_enabled(enabled.is_ok(), button).accessible_name(command.title());
    let response = match enabled {
        Ok(()) => response.on_hover_ui(|ui| {
            ui.label(theme.strong(command.title()));
            tooltip(ui, theme, command);
        }),
        Err(reason) => response.on_disabled_hover_text(reason),
    };
    if response.clicked() {
        ctx.outbox.run(command);
    }
    response
}

/// Words that lead somewhere.
pub fn link(ui: &mut Ui, theme: &Theme, words: &str) -> Response {
    let text = RichText::new(words).size(size::BODY).color(theme.accent.text);
    ui.add(egui::Link::new(text)).accessible_name(words)
}

/// Copies `text` when clicked and says so.
pub fn copy_button(ctx: &mut PageContext<'_>, ui: &mut Ui, name: &str, text: &str) -> Response {
    let response = icon_button(ui, ctx.theme, icon::COPY, name, true);
    if response.clicked() {
        ui.ctx().copy_text(text.to_owned());
        ctx.outbox.toast(orrery_domain::snapshot::Severity::Ok, "Copied");
    }
    response
}

/// Draws the ring that shows where the keyboard is.
pub fn focus_ring(ui: &Ui, theme: &Theme, response: &Response) {
    let stroke = Stroke::new(space::FOCUS, theme.text.strong);
    ui.painter().rect_stroke(response.rect, space::RADIUS, stroke, egui::StrokeKind::Outside);
}
