//! Job card: how far a job is that is no run, with the way to stop it; in the end what came of it.

use egui::Ui;
use orrery_domain::{
    Command,
    snapshot::{JobEntry, JobOutcome},
};

use super::{badge, button::icon_button, card, error_card::error_card, icon, progress};
use crate::{context::PageContext, theme::State};

/// Draws a job that makes a `noun` (a "prediction"); `done` draws what it ended well with. A job that is no more was cancelled.
pub fn job_card(
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
    (title, noun): (&str, &str),
    job: Option<&JobEntry>,
    done: impl FnOnce(&JobOutcome, &mut PageContext<'_>, &mut Ui),
) {
    let theme = ctx.theme;
    let content = |ui: &mut Ui| match job.map(|job| (job, &job.outcome)) {
        Some((job, None)) => {
            ui.horizontal(|ui| {
                progress::progress(ui, theme, &job.progress, &format!("Progress of the {noun}"));
                let (words, may) = (format!("Cancel this {noun}"), !ctx.read_only());
                if icon_button(ui, theme, icon::STOP, &words, may).clicked() {
                    ctx.send(Command::CancelJob { job: job.id });
                }
            });
        }
        Some((_, Some(JobOutcome::Failed { failure }))) => error_card(ctx, ui, failure),
        None | Some((_, Some(JobOutcome::Cancelled))) => {
            badge::badge(ui, theme, State::Unknown, "Cancelled");
        }
        Some((_, Some(outcome))) => done(outcome, ctx, ui),
    };
    card::card(ui, theme, title, |_| {}, content);
}
