//! The window without a window: the whole app under a harness that reads its accessibility tree.

use std::sync::Arc;

use egui_kittest::{Harness, kittest::Queryable};
use orrery_domain::Snapshot;
use orrery_ui::{
    app::App,
    context::WindowFacts,
    route::{PageId, Route},
    theme,
};

use super::engine::StillEngine;

/// The state of a harness: the app, made in its first frame.
pub type State = Option<App>;

/// A window of 1440 by 900 points at `page`, over `snapshot`.
pub fn window(snapshot: Snapshot, page: PageId) -> (Harness<'static, State>, Arc<StillEngine>) {
    sized(snapshot, page, egui::vec2(1440.0, 900.0))
}

/// A window high enough for a page's last line: what is out of sight cannot be clicked.
pub fn tall(snapshot: Snapshot, page: PageId) -> (Harness<'static, State>, Arc<StillEngine>) {
    sized(snapshot, page, egui::vec2(1440.0, 2000.0))
}

/// Writes into the field that has this label, in place of what is there, and settles.
pub fn fill(harness: &mut Harness<'static, State>, label: &str, text: &str) {
    harness.get_by_role_and_label(egui::Role::TextInput, label).focus();
    settle(harness);
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.get_by_role_and_label(egui::Role::TextInput, label).type_text(text);
    settle(harness);
}

/// A window of that size.
pub fn sized(
    snapshot: Snapshot,
    page: PageId,
    size: egui::Vec2,
) -> (Harness<'static, State>, Arc<StillEngine>) {
    let engine = StillEngine::new(snapshot);
    let shared = Arc::clone(&engine);
    let facts = WindowFacts {
        renderer: "wgpu on Vulkan: llvmpipe".to_owned(),
        renderer_reason: "It is tried first, and it works here.".to_owned(),
        own_file_dialog: true,
        ..WindowFacts::default()
    };
    let mut harness = Harness::builder()
        .with_size(size)
        .with_max_steps(12)
        .with_context_setup(theme::install)
        .build_ui_state(
            move |ui, state: &mut State| {
                let engine = Arc::clone(&shared);
                let facts = facts.clone();
                let app = state.get_or_insert_with(|| App::new(ui.ctx(), engine, Some(page), facts));
                app.frame(ui);
            },
            None,
        );
    settle(&mut harness);
    (harness, engine)
}

/// Runs frames until nothing asks for another.
pub fn settle(harness: &mut Harness<'static, State>) {
    harness.run_ok();
}

/// Clicks what has this label and settles.
pub fn click(harness: &mut Harness<'static, State>, label: &str) {
    harness.get_by_label(label).click();
    settle(harness);
}

/// Clicks what has this role and label and settles.
pub fn click_role(harness: &mut Harness<'static, State>, role: egui::Role, label: &str) {
    harness.get_by_role_and_label(role, label).click();
    settle(harness);
}

/// Presses a key with Ctrl or Cmd held, and settles.
pub fn press_command(harness: &mut Harness<'static, State>, modifiers: egui::Modifiers, key: egui::Key) {
    harness.key_press_modifiers(modifiers, key);
    settle(harness);
}

/// Where the window is.
pub fn route(harness: &Harness<'static, State>) -> Route {
    harness.state().as_ref().expect("the first frame made it").route().clone()
}
