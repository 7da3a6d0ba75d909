//! Asking for a path: the desktop's dialog on a thread of its own, or the window's own where the desktop has none.

use std::{
    future::Future,
    path::PathBuf,
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context as TaskContext, Poll, Wake},
    thread,
    time::{Duration, Instant},
};

use egui::Context;

use super::App;
use crate::{
    context::{PickMode, PickRequest, PickThen},
    theme::space,
    widgets::{
        button::{Weight, text_button},
        confirm::dialog,
        input::input,
    },
};

/// A dialog that "was cancelled" sooner than this never came up: the desktop has none to offer.
const TOO_SOON: Duration = Duration::from_millis(250);

/// What came of a question.
pub(super) enum Answer {
    /// A path, and what to do with it.
    Path(PathBuf, PickThen),
    /// A person said no.
    Cancelled,
    /// The desktop has no dialog: ask in the window.
    Unavailable(PickRequest),
}

/// The question asked in the window, if one is.
#[derive(Default)]
pub(super) struct Picks {
    asking: Option<(PickRequest, String)>,
}

impl Picks {
    pub(super) fn ask_in_window(&mut self, request: PickRequest) {
        let text = request.file_name.clone();
        self.asking = Some((request, text));
    }

    pub(super) fn is_asking(&self) -> bool {
        self.asking.is_some()
    }
}

impl App {
    /// Asks for a path without ever blocking a frame.
    pub(super) fn pick(&mut self, ctx: &Context, request: PickRequest) {
        if self.facts.own_file_dialog {
            self.picks.ask_in_window(request);
            return;
        }
        let (sender, waker) = (self.wake.sender.clone(), ctx.clone());
        // The dialog is made here, on the main thread (macOS insists), and waited for elsewhere.
        let dialog = native_dialog(&request);
        let spawned = thread::Builder::new().name("file-dialog".to_owned()).spawn(move || {
            let answer = wait_for(dialog, request);
            send(&sender, answer);
            waker.request_repaint();
        });
        if let Err(error) = spawned {
            log::warn!("the file dialog's thread did not start: {error}");
        }
    }

    /// Draws the window's own file dialog.
    pub(super) fn pick_dialog(&mut self, ctx: &Context) {
        let Some((request, mut text)) = self.picks.asking.take() else { return };
        let theme = self.theme(ctx);
        let (label, button) = match request.mode {
            PickMode::Open => ("Path of the file", "Open"),
            PickMode::Save => ("Path of the file to write", "Save"),
            PickMode::Folder => ("Path of the folder", "Choose"),
        };
        let shown = dialog(ctx, &theme, &request.title, 560.0, |ui| {
            let caption = ui.label(theme.weak(label));
            let edit = input(&mut text).desired_width(f32::INFINITY).font(egui::TextStyle::Monospace);
            let field = ui.add(edit).labelled_by(caption.id);
            // Looked at before the focus, which Enter takes away, is given back.
            let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
            if ui.memory(|memory| memory.focused().is_none()) {
                field.request_focus();
            }
            ui.add_space(space::L);
            let named = !text.trim().is_empty();
            ui.horizontal(|ui| {
                let go = text_button(ui, &theme, None, button, Weight::Primary, named).clicked();
                let cancel = text_button(ui, &theme, None, "Cancel", Weight::Normal, true).clicked();
                ((go || entered) && named, cancel)
            })
            .inner
        });
        let (go, cancel) = shown.inner;
        if go {
            self.take_pick(Answer::Path(PathBuf::from(text.trim()), request.then));
            ctx.request_repaint();
        } else if !cancel && !shown.closed {
            self.picks.asking = Some((request, text));
        }
    }
}

type NativeDialog = Box<dyn Future<Output = Option<rfd::FileHandle>> + Send + Unpin>;

fn native_dialog(request: &PickRequest) -> NativeDialog {
    let mut dialog = rfd::AsyncFileDialog::new().set_title(&request.title);
    for (name, endings) in &request.filters {
        dialog = dialog.add_filter(name, endings);
    }
    if !request.file_name.is_empty() {
        dialog = dialog.set_file_name(&request.file_name);
    }
    match request.mode {
        PickMode::Open => Box::new(Box::pin(dialog.pick_file())),
        PickMode::Save => Box::new(Box::pin(dialog.save_file())),
        PickMode::Folder => Box::new(Box::pin(dialog.pick_folder())),
    }
}

fn wait_for(dialog: NativeDialog, request: PickRequest) -> Answer {
    let began = Instant::now();
    match block_on(dialog) {
        Some(file) => Answer::Path(file.path().to_path_buf(), request.then),
        None if began.elapsed() < TOO_SOON => Answer::Unavailable(request),
        None => Answer::Cancelled,
    }
}

fn send(sender: &mpsc::Sender<Answer>, answer: Answer) {
    if sender.send(answer).is_err() {
        log::debug!("the window closed before its file dialog was answered");
    }
}

/// Wakes the thread that waits for a future.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = TaskContext::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
