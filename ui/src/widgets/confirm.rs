//! Confirm: a question that names what is lost, with the safe answer first.

use egui::{Context, Frame, Id, Margin, Modal, Ui};

use super::button::{Weight, text_button};
use crate::theme::{Theme, space};

/// What a person answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The button of that index.
    Button(usize),
    /// Dismissed: nothing is done.
    Dismissed,
}

/// A question with its buttons: words and weight, from left to right.
pub struct Confirm<'a> {
    /// What is asked.
    pub title: &'a str,
    /// What is lost or kept.
    pub text: &'a str,
    /// The answers. Escape means none of them.
    pub buttons: &'a [(&'a str, Weight)],
}

impl Confirm<'_> {
    /// Draws the question over everything; `None` until it is answered.
    pub fn show(&self, ctx: &Context, theme: &Theme) -> Option<Answer> {
        let shown = dialog(ctx, theme, self.title, 440.0, |ui| {
            ui.add(egui::Label::new(theme.body(self.text)).wrap());
            ui.add_space(space::L);
            let mut answer = None;
            ui.horizontal(|ui| {
                for (index, (words, weight)) in self.buttons.iter().enumerate() {
                    if text_button(ui, theme, None, words, *weight, true).clicked() {
                        answer = Some(Answer::Button(index));
                    }
                }
            });
            answer
        });
        shown.inner.or(shown.closed.then_some(Answer::Dismissed))
    }
}

/// What a dialog returned.
pub struct Dialog<R> {
    /// What its content returned.
    pub inner: R,
    /// Escape or a click outside closed it.
    pub closed: bool,
}

/// A dialog over everything, `width` points wide, with a title.
pub fn dialog<R>(
    ctx: &Context,
    theme: &Theme,
    title: &str,
    width: f32,
    content: impl FnOnce(&mut Ui) -> R,
) -> Dialog<R> {
    let frame = Frame::popup(&ctx.style_of(ctx.theme())).inner_margin(Margin::same(20)).corner_radius(10);
    let response = Modal::new(Id::unique(("dialog", title))).frame(frame).show(ctx, |ui| {
        ui.set_width(width.min(ctx.content_rect().width() - 80.0));
        ui.label(theme.heading(title));
        ui.add_space(space::S);
        content(ui)
    });
    let closed = response.should_close();
    Dialog { inner: response.inner, closed }
}
