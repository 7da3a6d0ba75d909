//! Pages in windows of their own, and the strip of notices. The harness draws another window inside the main one.

use egui::{Key, Modifiers, Role};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orrery_domain::snapshot::{Notice, Severity};
use orrery_ui::route::{PageId, Route};

use crate::support::{
    fixture,
    harness::{click_role, press_command, route, settle, window},
};

const BRING_BACK: &str = "Bring back into the main window";

#[test]
fn a_page_is_torn_off_and_brought_back() {
    let (mut main, _) = window(fixture::busy(), PageId::Runs);
    press_command(&mut main, Modifiers::COMMAND | Modifiers::SHIFT, Key::W);
    assert_eq!(route(&main), Route::Home, "the main window shows another page");
    assert!(main.query_by_role_and_label(Role::Table, "Runs").is_some(), "and the page is still there");
    // The rail leads to the page's own window, not into the main one.
    click_role(&mut main, Role::Tab, "Runs");
    assert_eq!(route(&main), Route::Home);
    // What a torn page asks for happens: a run is chosen there, a model is shown in the main window.
    click_role(&mut main, Role::Row, "Paused");
    assert_eq!(route(&main), Route::Home);
    click_role(&mut main, Role::Button, BRING_BACK);
    assert!(matches!(route(&main), Route::Runs { run: Some(_) }), "it comes back with its selection");
    assert!(main.query_by_label(BRING_BACK).is_none());
}

#[test]
fn torn_pages_are_remembered_and_the_last_one_stays() {
    let (mut main, engine) = window(fixture::busy(), PageId::Models);
    click_role(&mut main, Role::Button, "Open in its own window");
    for _ in 0..8 {
        main.step();
    }
    let state = engine.saved_state().expect("the window sent its state");
    assert!(state.contains(r#""torn":["models"]"#), "{state}");
    let mut snapshot = fixture::busy();
    snapshot.window_state = Some(state.into());
    let (mut again, _) = window(snapshot, PageId::Home);
    assert!(again.query_by_label(BRING_BACK).is_some(), "it opens again");
    for _ in 0..PageId::ALL.len() {
        press_command(&mut again, Modifiers::COMMAND | Modifiers::SHIFT, Key::W);
    }
    assert_eq!(again.query_all_by_label(BRING_BACK).count(), PageId::ALL.len() - 1);
    assert!(again.query_all_by_label_contains("The last page stays").next().is_some());
}

#[test]
fn a_notice_takes_its_room_from_the_page_and_covers_nothing() {
    let (mut main, engine) = window(fixture::busy(), PageId::Data);
    let message = "A table could not be read: its third column ends in the middle of a quoted text.";
    engine.change(|snapshot| {
        let notice = Notice {
            id: 10,
            severity: Severity::Error,
            message: message.to_owned(),
            undo: None,
            at: snapshot.now,
        };
        std::sync::Arc::make_mut(&mut snapshot.notices).insert(0, notice);
    });
    settle(&mut main);
    let strip = main.get_by_label(message).rect();
    for node in
        main.query_all_by(|node| matches!(node.role(), Role::Table | Role::Row | Role::Cell | Role::ListItem))
    {
        let covered = node.rect().intersects(strip) && node.rect().bottom() > strip.top() + 1.0;
        assert!(!covered, "the strip covers {:?}", node.accesskit_node().label());
    }
    assert!(strip.bottom() <= main.get_by_label_contains("Workspace").rect().top() + 1.0);
}

#[test]
fn a_notice_takes_no_focus_away() {
    let (mut main, engine) = window(fixture::busy(), PageId::Runs);
    main.get_by_role_and_label(Role::TextInput, "Filter runs").focus();
    settle(&mut main);
    let notice = Notice {
        id: 10,
        severity: Severity::Ok,
        message: "A table is there.".to_owned(),
        undo: None,
        at: 0.0,
    };
    engine.change(|snapshot| std::sync::Arc::make_mut(&mut snapshot.notices).insert(0, notice));
    settle(&mut main);
    assert!(main.query_by_label("A table is there.").is_some());
    assert!(main.get_by_role_and_label(Role::TextInput, "Filter runs").is_focused());
}
