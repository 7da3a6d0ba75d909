//! The question before a search goes on: how many trials in all, and how long.

use egui::{Label, Ui};
use orrery_domain::{Command, search::Search};

use crate::{
    context::PageContext,
    theme::space,
    widgets::{
        button::{Weight, text_button},
        confirm::dialog,
        form::short_row,
    },
};

/// What was chosen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ResumeForm {
    search: String,
    begun: u32,
    trials: String,
    minutes: String,
    used: f64,
}

impl ResumeForm {
    /// For a search as it stands.
    pub fn new(search: &Search) -> Self {
        let plan = &search.course.plan;
        let begun = u32::try_from(search.course.trials.len()).unwrap_or(u32::MAX);
        let all = if begun >= plan.trials { plan.trials.saturating_mul(2) } else { plan.trials };
        Self {
            search: search.id.clone(),
            begun,
            trials: all.to_string(),
            minutes: plan.secs.map_or_else(String::new, |secs| (secs * 2.0 / 60.0).ceil().to_string()),
            used: search.elapsed_secs,
        }
    }

    fn trials(&self) -> Option<u32> {
        self.trials.trim().parse().ok().filter(|trials| (self.begun.max(1)..=100_000).contains(trials))
    }

    /// Seconds in all; none where the field is empty.
    fn secs(&self) -> Result<Option<f64>, ()> {
        match self.minutes.trim() {
            "" => Ok(None),
            text => {
                let secs = text.parse::<f64>().map(|minutes| minutes * 60.0).ok().ok_or(())?;
                if secs.is_finite() && secs > self.used { Ok(Some(secs)) } else { Err(()) }
            }
        }
    }
}

/// Draws the question while it is open.
pub(super) fn show(open: &mut Option<ResumeForm>, ctx: &mut PageContext<'_>, ui: &Ui) {
    let Some(form) = open else { return };
    let theme = ctx.theme;
    let may = !ctx.read_only();
    let shown = dialog(ui.ctx(), theme, "Go on with the search", 520.0, |ui| {
        let words = "It goes on where it ended: no trial that was settled is trained again.";
        ui.add(Label::new(theme.weak(words)).wrap());
        ui.add_space(space::S);
        let least = format!("{} or more: those are begun", form.begun.max(1));
        let error = form.trials().is_none().then_some(least.as_str());
        short_row(
            ui,
            theme,
            ("Trials in all", "Those that are settled among them"),
            &mut form.trials,
            "",
            error,
        );
        let used = format!("minutes; {} were used", crate::format::duration(form.used));
        let error = form.secs().is_err().then_some("More than what was used");
        short_row(ui, theme, ("Time in all", "Empty: as it was"), &mut form.minutes, &used, error);
        ui.add_space(space::M);
        let wish = form.trials().zip(form.secs().ok());
        ui.horizontal(|ui| {
            let go = text_button(ui, theme, None, "Go on", Weight::Primary, may && wish.is_some()).clicked();
            let close = text_button(ui, theme, None, "Not now", Weight::Normal, true).clicked();
            (wish.filter(|_| go), close)
        })
        .inner
    });
    let (wish, close) = shown.inner;
    if let Some((trials, secs)) = wish {
        ctx.send(Command::ResumeSearch { search: form.search.clone(), trials: Some(trials), secs });
        *open = None;
    } else if close || shown.closed {
        *open = None;
    }
}
