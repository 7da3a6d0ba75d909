//! Closing while jobs run asks: keep them running in the background, stop them with a checkpoint, or stay.

use egui::{Context, ViewportCommand};
use orrery_domain::{Command, Snapshot, run::RunState};

use super::App;
use crate::{
    format, run_index,
    widgets::{
        button::Weight,
        confirm::{Answer, Confirm},
    },
};

/// Where the question of closing stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Closing {
    /// Nobody asked.
    #[default]
    No,
    /// The question is on the screen.
    Asking,
    /// Answered: the next request to close is granted.
    Granted,
}

/// Jobs that compute now: runs, and jobs that are no runs.
pub(super) fn active_jobs(snapshot: &Snapshot) -> (u64, u64) {
    let runs = run_index::active(&snapshot.runs)
        .into_iter()
        .filter(|run| matches!(run.state, RunState::Queued | RunState::Running))
        .count();
    let jobs = snapshot.jobs.iter().filter(|job| job.outcome.is_none()).count();
    (runs as u64, jobs as u64)
}

impl App {
    pub(super) fn take_close_request(&mut self, ctx: &Context) {
        if !ctx.input(|input| input.viewport().close_requested()) {
            return;
        }
        let (runs, jobs) = active_jobs(&self.snapshot);
        if self.shell.closing == Closing::Granted {
            return;
        }
        if runs + jobs == 0 || self.snapshot.workspace.read_only {
            self.leave(true);
            return;
        }
        ctx.send_viewport_cmd(ViewportCommand::CancelClose);
        self.shell.closing = Closing::Asking;
    }

    fn leave(&mut self, keep_jobs: bool) {
        self.keep_state_now();
        self.engine.send(Command::Shutdown { keep_jobs });
        self.shell.closing = Closing::Granted;
    }

    pub(super) fn close_dialog(&mut self, ctx: &Context) {
        if self.shell.closing != Closing::Asking {
            return;
        }
        let (runs, jobs) = active_jobs(&self.snapshot);
        let what = match (runs, jobs) {
            (0, jobs) => format::plural(jobs, "job"),
            (runs, 0) => format::plural(runs, "run"),
            (runs, jobs) => {
                format!("{} and {}", format::plural(runs, "run"), format::plural(jobs, "other job"))
            }
        };
        let text = format!(
            "{what} still going on. Runs that go on in the background finish by themselves and are listed when you open \
             Orrery again. Stopped runs keep a checkpoint and can be resumed from it."
        );
        let answer = Confirm {
            title: "Leave while jobs are running?",
            text: &text,
            buttons: &[
                ("Keep running in the background", Weight::Primary),
                ("Stop with a checkpoint", Weight::Normal),
                ("Stay", Weight::Normal),
            ],
        }
        .show(ctx, &self.theme(ctx));
        match answer {
            Some(Answer::Button(choice @ (0 | 1))) => {
                self.leave(choice == 0);
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
            Some(Answer::Button(_) | Answer::Dismissed) => self.shell.closing = Closing::No,
            None => {}
        }
    }
}
