//! Try-it answers: one warm session child at a time, started on the first row and ended when idle.

use std::sync::Arc;

use orrery_domain::{
    Failure, FailureClass, ModelRef,
    job::{JobEvent, JobSpec, RowPrediction, RowRequest},
    snapshot::TryRowState,
};
use orrery_policy::ending;

use super::{Message, state::State};
use crate::jobs::{Heard, Job, Launch, spawn};

/// A session child.
#[derive(Debug)]
pub(super) struct Session {
    number: u64,
    model: ModelRef,
    job: Option<(Job, Launch)>,
    /// The latest request; only its answer is shown.
    request: RowRequest,
}

impl State {
    /// Predicts one row, and explains the answer where that is asked for.
    pub(super) fn try_row(&mut self, model: ModelRef, row: Vec<(String, Option<String>)>, explain: bool) {
        let request = RowRequest { request: self.number(), row, explain };
        self.snapshot.try_row = Some(Arc::new(TryRowState { model: model.clone(), answer: None }));
        self.touch();
        match &mut self.session {
            Some(session) if session.model == model => {
                if let Some((job, _)) = &session.job {
                    job.ask(&request);
                }
                session.request = request;
            }
            _ => self.start_session(model, request),
        }
    }

    fn start_session(&mut self, model: ModelRef, request: RowRequest) {
        let number = self.number();
        self.session = Some(Session { number, model: model.clone(), job: None, request });
        let (workspace, launcher, inbox) =
            (self.workspace.clone(), self.launcher.clone(), self.inbox.clone());
        self.work("session", move || {
            let hear = move |heard| {
                let reply =
                    Message::Apply(Box::new(move |state: &mut State| state.heard_session(number, heard)));
                if inbox.send(reply).is_err() {
                    log::debug!("the supervisor is gone");
                }
            };
            let spec = JobSpec::Session { home: workspace.home().to_path_buf(), model };
            let started = spawn::prepare(&workspace, &spec)
                .and_then(|launch| spawn::start(&launcher, &launch, hear).map(|job| (job, launch)));
            Box::new(move |state| state.session_started(number, started))
        });
    }

    fn session_started(&mut self, number: u64, started: Result<(Job, Launch), Failure>) {
        let session = self.session.as_mut().filter(|session| session.number == number);
        match (session, started) {
            (Some(session), Ok((job, launch))) => {
                job.ask(&session.request);
                session.job = Some((job, launch));
            }
            (Some(_), Err(failure)) => {
                self.session = None;
                self.answer(Err(failure));
            }
            // Another session took its place meanwhile: dropping the job ends it.
            (None, Ok((_, launch))) => spawn::clear(&launch),
            (None, Err(_)) => {}
        }
    }

    fn heard_session(&mut self, number: u64, heard: Heard) {
        let Some(session) = self.session.as_ref().filter(|session| session.number == number) else { return };
        match heard {
            Heard::Event(event) => match *event {
                JobEvent::Row { request, answer } if request == session.request.request => {
                    self.answer(answer);
                }
                JobEvent::Failed { failure, .. } => self.answer(Err(failure)),
                _ => {}
            },
            Heard::Ended(how) => {
                if let Some(Session { job: Some((_, launch)), .. }) = self.session.take() {
                    self.work("clear", move || {
                        spawn::clear(&launch);
                        Box::new(|_| {})
                    });
                }
                let waiting = self.snapshot.try_row.as_ref().is_some_and(|state| state.answer.is_none());
                if waiting {
                    let silent =
                        || Failure::new(FailureClass::Transient, "The session ended. Try the row again.");
                    self.answer(Err(ending::classify(&how).unwrap_or_else(silent)));
                }
            }
        }
    }

    fn answer(&mut self, answer: Result<RowPrediction, Failure>) {
        if let Some(state) = &self.snapshot.try_row {
            let model = state.model.clone();
            self.snapshot.try_row = Some(Arc::new(TryRowState { model, answer: Some(answer) }));
            self.touch();
        }
    }
}
