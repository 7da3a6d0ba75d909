//! Files held over the window: an overlay says what dropping them does.

use egui::{Align2, Context, FontId, Id, LayerId, Order, Stroke, StrokeKind};

use super::App;
use crate::theme::{size, space};

impl App {
    pub(super) fn drop_overlay(&self, ctx: &Context) {
        let held = ctx.input(|input| input.raw.hovered_files.len());
        if held == 0 {
            return;
        }
        let theme = self.theme(ctx);
        let painter = ctx.layer_painter(LayerId::new(Order::Foreground, Id::unique("drop-overlay")));
        let rect = ctx.content_rect();
        painter.rect_filled(rect, 0.0, theme.surface.base.gamma_multiply(0.9));
        let frame = rect.shrink(space::XL);
        painter.rect_stroke(frame, 10.0, Stroke::new(space::FOCUS, theme.accent.fill), StrokeKind::Inside);
        let words = match (self.snapshot.workspace.read_only, held) {
            (true, _) => "This window only looks: another one has the workspace".to_owned(),
            (false, 1) => "Drop to import".to_owned(),
            (false, many) => format!("Drop to import {many} files"),
        };
        let font = FontId::new(size::TITLE, egui::FontFamily::Name(crate::theme::STRONG.into()));
        painter.text(frame.center(), Align2::CENTER_CENTER, words, font, theme.text.strong);
    }
}
