//! Notices: passing ones with Undo in a strip, and the list of everything that happened lately.

use egui::{Align, Align2, Area, Context, Frame, Id, Label, Layout, Margin, Order, Panel, Ui, vec2};
use orrery_domain::{
    Command, Snapshot,
    snapshot::{Notice, Severity},
};

use super::{App, shell::overlay_frame};
use crate::{
    format,
    theme::{State, Theme, size, space},
    widgets::{
        button::{Weight, icon_button, text_button},
        icon,
    },
};

/// Seconds a toast stays; errors stay until they are dismissed.
const SECS: f64 = 6.0;
/// Seconds a toast with Undo stays.
const UNDO_SECS: f64 = 12.0;
/// Toasts shown at once: each takes a line from the page.
const SHOWN: usize = 3;

/// A toast on the screen.
struct Toast {
    /// The notice's number; `None` for the window's own messages.
    notice: Option<u64>,
    severity: Severity,
    message: String,
    undo: Option<Command>,
    /// When it goes, in egui's time; `None` stays.
    until: Option<f64>,
}

/// What the window remembers about notices.
pub(super) struct Notices {
    /// The list is open.
    pub(super) open: bool,
    /// The newest notice already shown as a toast.
    seen: Option<u64>,
    /// The newest notice the list has shown.
    read: Option<u64>,
    toasts: Vec<Toast>,
}

fn newest(snapshot: &Snapshot) -> Option<u64> {
    snapshot.notices.iter().map(|notice| notice.id).max()
}

impl Notices {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        Self { open: false, seen: newest(snapshot), read: newest(snapshot), toasts: Vec::new() }
    }

    /// Notices the list has not shown yet.
    pub(super) fn unread(&self, snapshot: &Snapshot) -> usize {
        snapshot.notices.iter().filter(|notice| Some(notice.id) > self.read).count()
    }

    /// Makes toasts of new notices and drops those whose time is over.
    pub(super) fn take(&mut self, snapshot: &Snapshot, now: f64) {
        let mut fresh: Vec<&Notice> =
            snapshot.notices.iter().filter(|notice| Some(notice.id) > self.seen).collect();
        fresh.sort_by_key(|notice| notice.id);
        for notice in fresh {
            let secs = match (notice.severity, &notice.undo) {
                (Severity::Error, _) => None,
                (_, Some(_)) => Some(UNDO_SECS),
                (_, None) => Some(SECS),
            };
            self.toasts.push(Toast {
                notice: Some(notice.id),
                severity: notice.severity,
                message: notice.message.clone(),
                undo: notice.undo.clone(),
                until: secs.map(|secs| now + secs),
            });
        }
        self.seen = self.seen.max(newest(snapshot));
        if self.open {
            self.read = self.seen;
        }
        // A dismissed notice leaves the snapshot, and its toast with it.
        let alive = |id: u64| snapshot.notices.iter().any(|notice| notice.id == id);
        self.toasts
            .retain(|toast| toast.until.is_none_or(|until| until > now) && toast.notice.is_none_or(alive));
        let surplus = self.toasts.len().saturating_sub(SHOWN);
        self.toasts.drain(..surplus);
    }

    /// Shows a message of the window's own.
    pub(super) fn toast(&mut self, severity: Severity, message: String, now: f64) {
        self.toasts.push(Toast { notice: None, severity, message, undo: None, until: Some(now + SECS) });
    }
}

/// The state a severity is drawn as.
fn state(severity: Severity) -> State {
    match severity {
        Severity::Ok => State::Ok,
        Severity::Info => State::Unknown,
        Severity::Warning => State::Warning,
        Severity::Error => State::Failed,
    }
}

fn severity_icon(theme: &Theme, severity: Severity) -> egui::RichText {
    match severity {
        Severity::Info => icon::INFO.small().color(theme.accent.text),
        other => icon::state_text(theme, state(other)),
    }
}

impl App {
    /// Draws the passing notices, newest at the bottom, in a strip above the status bar that takes its room from the page and
    /// so covers nothing.
    pub(super) fn notices_strip(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        let theme = self.theme(&ctx);
        let now = ctx.input(|input| input.time);
        let soonest = self.shell.notices.toasts.iter().filter_map(|toast| toast.until).reduce(f64::min);
        if let Some(until) = soonest {
            ctx.request_repaint_after_secs((until - now).max(0.05) as f32);
        }
        let panel = Panel::bottom("notices strip").resizable(false);
        if self.shell.notices.open || self.shell.notices.toasts.is_empty() {
            // Always there, if without height: otherwise a notice would give all that follows new ids, and a click or a
            // text cursor would be lost in the middle.
            panel.exact_size(0.0).frame(Frame::NONE).show_separator_line(false).show(ui, |_| {});
            return;
        }
        let mut gone = None;
        let frame = Frame::new().fill(theme.surface.overlay).inner_margin(Margin::symmetric(12, 6));
        panel.frame(frame).show(ui, |ui| {
            for (index, toast) in self.shell.notices.toasts.iter().enumerate() {
                let line = Line {
                    severity: toast.severity,
                    message: &toast.message,
                    undo: toast.undo.as_ref(),
                    detail: None,
                };
                match ui.push_id(("notice", index), |ui| line.show(ui, &theme)).inner {
                    Some(Clicked::Undo(undo)) => {
                        self.outbox.send(undo);
                        gone = Some(index);
                    }
                    Some(Clicked::Dismiss) => gone = Some(index),
                    None => {}
                }
            }
        });
        if let Some(index) = gone {
            let toast = self.shell.notices.toasts.remove(index);
            if let Some(notice) = toast.notice {
                self.outbox.send(Command::DismissNotice { notice });
            }
            ctx.request_repaint();
        }
    }

    /// Draws the list of notices over the lower right corner.
    pub(super) fn notices_window(&mut self, ctx: &Context) {
        if !self.shell.notices.open {
            return;
        }
        let theme = self.theme(ctx);
        let snapshot = self.snapshot.clone();
        let mut close = ctx.input(|input| input.key_pressed(egui::Key::Escape));
        Area::new(Id::unique("notices"))
            .order(Order::Foreground)
            .anchor(Align2::RIGHT_BOTTOM, vec2(-space::M, -(space::STATUS + space::S)))
            .show(ctx, |ui| {
                overlay_frame(ctx, &theme).show(ui, |ui| {
                    ui.set_width(460.0);
                    ui.horizontal(|ui| {
                        ui.label(theme.heading("Notices"));
                        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                            close |= icon_button(ui, &theme, icon::CLOSE, "Close the list of notices", true)
                                .clicked();
                        });
                    });
                    ui.add_space(space::XS);
                    if snapshot.notices.is_empty() {
                        ui.label(theme.weak("Nothing happened yet"));
                    }
                    egui::ScrollArea::vertical().max_height(ctx.content_rect().height() * 0.5).show(
                        ui,
                        |ui| {
                            for notice in snapshot.notices.iter() {
                                ui.separator();
                                self.notice_line(ui, &theme, notice);
                            }
                        },
                    );
                });
            });
        if close {
            self.shell.notices.open = false;
        }
    }

    fn notice_line(&mut self, ui: &mut Ui, theme: &Theme, notice: &Notice) {
        let detail = format::ago(self.snapshot.now, notice.at);
        let line = Line {
            severity: notice.severity,
            message: &notice.message,
            undo: notice.undo.as_ref(),
            detail: Some(&detail),
        };
        match ui.push_id(notice.id, |ui| line.show(ui, theme)).inner {
            Some(Clicked::Undo(undo)) => {
                self.outbox.send(undo);
                self.outbox.send(Command::DismissNotice { notice: notice.id });
            }
            Some(Clicked::Dismiss) => self.outbox.send(Command::DismissNotice { notice: notice.id }),
            None => {}
        }
    }
}

/// One message with its buttons.
struct Line<'a> {
    severity: Severity,
    message: &'a str,
    undo: Option<&'a Command>,
    detail: Option<&'a str>,
}

enum Clicked {
    Undo(Command),
    Dismiss,
}

impl Line<'_> {
    fn show(&self, ui: &mut Ui, theme: &Theme) -> Option<Clicked> {
        let mut clicked = None;
        ui.horizontal_top(|ui| {
            // The icon and the first line of words stand in the middle of the buttons' height.
            let room = vec2(size::ICON, space::CONTROL);
            ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), |ui| {
                ui.label(severity_icon(theme, self.severity));
            });
            ui.with_layout(Layout::right_to_left(Align::TOP), |ui| {
                if icon_button(ui, theme, icon::CLOSE, "Dismiss", true).clicked() {
                    clicked = Some(Clicked::Dismiss);
                }
                if let Some(undo) = self.undo
                    && text_button(ui, theme, Some(icon::UNDO), "Undo", Weight::Normal, true).clicked()
                {
                    clicked = Some(Clicked::Undo(undo.clone()));
                }
                ui.with_layout(Layout::top_down(Align::LEFT), |ui| {
                    let line = ui.text_style_height(&egui::TextStyle::Body);
                    ui.add_space((space::CONTROL - line) / 2.0);
                    ui.add(Label::new(theme.body(self.message)).wrap().selectable(true));
                    if let Some(detail) = self.detail {
                        ui.label(theme.caption(detail));
                    }
                });
            });
        });
        clicked
    }
}
