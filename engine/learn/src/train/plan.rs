//! Plan: which families a run fits, in which order and within what time.

use std::{
    cell::RefCell,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use orrery_domain::{Failure, FailureClass, job::JobEvent, training::ModelKind};

use super::{
    fit::{Allowance, Bench},
    journal::{Done, Journal},
    scope::Scope,
};
use crate::{
    control::{Interrupt, JobControl},
    room,
};

/// Seconds `auto` may use where the request names none.
pub(super) const BUDGET_SECS: f64 = 300.0;
/// Share of the budget that trees may use.
const TREES_SHARE: f64 = 0.4;
/// Share of the budget kept for the linear model.
const LINEAR_SHARE: f64 = 0.1;
/// A baseline may take this share of the model's own time, but always this many seconds.
const BASELINE_SHARE: f64 = 0.25;
const BASELINE_SECS: f64 = 10.0;
/// Share of the run's progress before and after the fits.
const FITS: (f64, f64) = (0.02, 0.90);

/// What the fits left.
pub(super) struct Fits {
    /// The family kept.
    pub kept: Done,
    /// What `auto` tried, best first; empty for a named family.
    pub candidates: Vec<(ModelKind, f64)>,
}

/// Fits everything a request asks for, going on after what the journal holds.
///
/// # Errors
/// A failure when no family could be fitted, or an interruption after a checkpoint.
pub(super) fn fit_all(
    bench: &Bench<'_>,
    journal: &mut Journal,
    control: &dyn JobControl,
) -> Result<Fits, Interrupt> {
    if bench.job.config.model == ModelKind::Auto {
        return auto(bench, journal, control);
    }
    let kind = bench.job.config.model;
    let main_end = if kind == ModelKind::Linear { FITS.1 } else { 0.86 };
    let kept = one(bench, journal, control, &Turn::new(kind, (FITS.0, main_end), (0, 0.0)))?;
    if kind != ModelKind::Linear && !bench.job.is_trial() {
        let mut turn = Turn::new(ModelKind::Linear, (main_end, FITS.1), (kept.steps, kept.secs));
        turn.quiet = true;
        turn.allowance.secs = Some((BASELINE_SHARE * kept.secs).max(BASELINE_SECS));
        let fit = |journal: &mut Journal| one(bench, journal, control, &turn);
        if let Err(why) = tolerated(bench, journal, control, fit)? {
            let message = format!("The linear baseline could not be fitted: {why}");
            control.emit(JobEvent::Warning { message });
        }
    }
    Ok(Fits { kept, candidates: Vec::new() })
}

/// The families whose steps stand on a run's curves, in the order they are fitted in.
pub(super) fn order(kind: ModelKind) -> Vec<ModelKind> {
    match kind {
        ModelKind::Auto => vec![ModelKind::Gbt, ModelKind::Tabm, ModelKind::Linear],
        kind => vec![kind],
    }
}

/// Does a fit that the run can do without: lets its failure pass as a sentence. Interruptions end the run, and a full disk
/// pauses it: what there is no room for would be lost otherwise.
fn tolerated<T>(
    bench: &Bench<'_>,
    journal: &mut Journal,
    control: &dyn JobControl,
    mut fit: impl FnMut(&mut Journal) -> Result<T, Interrupt>,
) -> Result<Result<T, String>, Interrupt> {
    let order = order(bench.job.config.model);
    let journal = RefCell::new(journal);
    let outcome = room::patiently(
        &bench.job.run_dir,
        control,
        || fit(&mut journal.borrow_mut()),
        || control.emit(JobEvent::RolledBack { step: journal.borrow().step(&order) }),
    );
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(Interrupt::Failed(failure)) => Ok(Err(failure.message)),
        Err(interrupt) => Err(interrupt),
    }
}

/// One family's turn.
struct Turn {
    kind: ModelKind,
    span: (f64, f64),
    before: (u64, f64),
    allowance: Allowance,
    /// Unpaused time after which it is told to stop.
    limit: Option<Duration>,
    /// Whether its curves are kept to itself.
    quiet: bool,
}

impl Turn {
    fn new(kind: ModelKind, span: (f64, f64), before: (u64, f64)) -> Self {
        Self { kind, span, before, allowance: Allowance::default(), limit: None, quiet: false }
    }
}

/// Fits one family, unless the journal has it.
fn one(
    bench: &Bench<'_>,
    journal: &mut Journal,
    control: &dyn JobControl,
    turn: &Turn,
) -> Result<Done, Interrupt> {
    if let Some(done) = journal.done(turn.kind) {
        return Ok(done.clone());
    }
    let folder = journal.folder(turn.kind);
    let muted = Muted { inner: control, journal: Mutex::new(&mut *journal), quiet: turn.quiet };
    let scope = Scope::new(&muted, turn.kind, turn.span, turn.before, turn.limit);
    let outcome = bench.fit(turn.kind, turn.allowance, &folder, &scope);
    let timed_out = scope.timed_out();
    match outcome {
        Err(Interrupt::Stopped) if timed_out => Err(Failure::new(
            FailureClass::Capacity,
            format!("The {} did not finish within its share of the time.", turn.kind.title()),
        )
        .into()),
        Err(interrupt) => Err(interrupt),
        Ok(done) => Ok(journal.finish(done)?),
    }
}

/// Passes events on, but for the curves of a baseline, and notes warnings in the journal: they go on the model's card.
struct Muted<'a, 'j> {
    inner: &'a dyn JobControl,
    journal: Mutex<&'j mut Journal>,
    quiet: bool,
}

impl JobControl for Muted<'_, '_> {
    fn emit(&self, event: JobEvent) {
        if let JobEvent::Warning { message } = &event
            && let Err(failure) = self.journal.lock().unwrap_or_else(PoisonError::into_inner).note(message)
        {
            log::warn!("{failure}");
        }
        if !(self.quiet && matches!(event, JobEvent::Points { .. })) {
            self.inner.emit(event);
        }
    }

    fn wish(&self) -> crate::control::Wish {
        self.inner.wish()
    }

    fn may_wait(&self) -> bool {
        self.inner.may_wait()
    }
}

/// Trees, `TabM` and the linear model within the budget; the best on the validation rows is kept.
fn auto(bench: &Bench<'_>, journal: &mut Journal, control: &dyn JobControl) -> Result<Fits, Interrupt> {
    let budget = bench.job.config.budget_secs.unwrap_or(BUDGET_SECS);
    let mut found: Vec<Done> = Vec::new();
    let mut failures: Vec<String> = Vec::new();
    let spans = [(FITS.0, 0.35), (0.35, 0.86), (0.86, FITS.1)];
    for (kind, span) in order(ModelKind::Auto).into_iter().zip(spans) {
        if let Some(why) = journal.failure(kind) {
            failures.push(why.to_owned());
            continue;
        }
        let before = found.iter().fold((0, 0.0), |(n, secs), d| (n + d.steps, secs + d.secs));
        let mut turn = Turn::new(kind, span, before);
        let fit = |journal: &mut Journal| {
            if allow(bench, journal, control, &mut turn, budget)? {
                return one(bench, journal, control, &turn);
            }
            Err(Failure::new(
                FailureClass::Capacity,
                format!("The {} was left out: one pass over the rows takes longer than its share of the {budget:.0} s budget.", kind.title()),
            )
            .into())
        };
        match tolerated(bench, journal, control, fit)? {
            Ok(done) => found.push(done),
            Err(why) => {
                control.emit(JobEvent::Warning { message: why.clone() });
                journal.fail(kind, &why)?;
                failures.push(why);
            }
        }
    }
    found.sort_by(|a, b| a.valid_loss.total_cmp(&b.valid_loss));
    let candidates = found.iter().map(|done| (done.kind, done.valid_loss)).collect();
    let Some(kept) = found.into_iter().next() else {
        return Err(Failure::new(
            FailureClass::Model,
            format!("No model could be trained. {}", failures.join(" ")),
        )
        .into());
    };
    Ok(Fits { kept, candidates })
}

/// Sets a turn's time; `false` when the family does not fit into it at all.
fn allow(
    bench: &Bench<'_>,
    journal: &mut Journal,
    control: &dyn JobControl,
    turn: &mut Turn,
    budget: f64,
) -> Result<bool, Interrupt> {
    if journal.done(turn.kind).is_some() {
        return Ok(true);
    }
    let left = (budget - turn.before.1).max(0.0);
    match turn.kind {
        ModelKind::Gbt => turn.allowance.secs = Some(TREES_SHARE * budget),
        ModelKind::Linear => turn.allowance.secs = Some(left.max(LINEAR_SHARE * budget).max(1.0)),
        kind => {
            let secs = left - LINEAR_SHARE * budget;
            let epochs = if let Some(epochs) = journal.epochs(kind) {
                epochs
            } else {
                let Some(epochs) = bench.epochs_within(kind, secs, control)? else { return Ok(false) };
                journal.set_epochs(kind, epochs)?;
                epochs
            };
            turn.allowance.epochs = Some(epochs);
            // The epochs were chosen to fit; a machine that grew slower since still has to come to an end.
            turn.limit = Some(Duration::from_secs_f64((1.3 * secs).max(1.0)));
        }
    }
    Ok(true)
}
