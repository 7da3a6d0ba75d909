//! The shell: rail, palette, shortcuts, notices, closing, dropped files, kept state.

use std::path::{Path, PathBuf};

use egui::{Key, Modifiers, Role};
use egui_kittest::kittest::{NodeT, Queryable};
use orrery_domain::{
    Command,
    dataset::ImportOptions,
    snapshot::{Notice, Severity},
};
use orrery_ui::route::{PageId, Route};

use crate::support::{
    fixture,
    harness::{click, click_role, press_command, route, settle, window},
};

#[test]
fn every_page_is_reached_from_the_rail_and_by_its_key() {
    let (mut window, _) = window(fixture::busy(), PageId::Home);
    for page in PageId::ALL {
        click_role(&mut window, Role::Tab, page.title());
        assert_eq!(route(&window).page(), page);
    }
    let keys = [
        Key::Num1,
        Key::Num2,
        Key::Num3,
        Key::Num4,
        Key::Num5,
        Key::Num6,
        Key::Num7,
        Key::Num8,
        Key::Num9,
        Key::Comma,
    ];
    let numbered = PageId::ALL.into_iter().filter(|page| {
        !matches!(page, PageId::Explain | PageId::Compare | PageId::Compress | PageId::Search | PageId::Tune)
    });
    for (page, key) in numbered.zip(keys) {
        press_command(&mut window, Modifiers::COMMAND, key);
        assert_eq!(route(&window).page(), page);
    }
    let shifted = [
        (PageId::Explain, Key::I),
        (PageId::Compare, Key::B),
        (PageId::Compress, Key::Y),
        (PageId::Search, Key::R),
        (PageId::Tune, Key::T),
    ];
    for (page, key) in shifted {
        press_command(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, key);
        assert_eq!(route(&window).page(), page);
    }
}

#[test]
fn the_palette_finds_a_page_a_model_and_a_command_by_a_few_letters() {
    let (mut window, engine) = window(fixture::busy(), PageId::Home);
    for (letters, expected) in
        [("sett", PageId::Settings), ("diamonds-gbt:3", PageId::Models), ("hom", PageId::Home)]
    {
        press_command(&mut window, Modifiers::COMMAND, Key::K);
        window.get_by_role_and_label(Role::TextInput, "Search").type_text(letters);
        settle(&mut window);
        window.key_press(Key::Enter);
        settle(&mut window);
        assert_eq!(route(&window).page(), expected, "'{letters}' leads there");
        assert!(window.query_by_role_and_label(Role::TextInput, "Search").is_none(), "the palette is closed");
    }
    press_command(&mut window, Modifiers::COMMAND, Key::K);
    window.get_by_role_and_label(Role::TextInput, "Search").type_text("/data/new.csv");
    settle(&mut window);
    window.key_press(Key::Enter);
    settle(&mut window);
    let file = PathBuf::from("/data/new.csv");
    assert_eq!(engine.asked(), [Command::ImportFile { file, options: ImportOptions::default() }]);
}

#[test]
fn escape_closes_the_palette_and_arrows_choose() {
    let (mut window, _) = window(fixture::busy(), PageId::Home);
    press_command(&mut window, Modifiers::COMMAND, Key::K);
    window.key_press(Key::ArrowDown);
    settle(&mut window);
    window.key_press(Key::Enter);
    settle(&mut window);
    assert_eq!(route(&window).page(), PageId::Data, "the second command is Data");
    press_command(&mut window, Modifiers::COMMAND, Key::K);
    window.key_press(Key::Escape);
    settle(&mut window);
    assert!(window.query_by_role_and_label(Role::TextInput, "Search").is_none());
}

#[test]
fn a_new_notice_is_a_toast_whose_undo_is_sent() {
    let (mut window, engine) = window(fixture::busy(), PageId::Home);
    let model: orrery_domain::ModelRef = "flights-gbt:2".parse().expect("legal");
    let undo = Command::RestoreModel { model };
    engine.change(|snapshot| {
        let notice = Notice {
            id: 10,
            severity: Severity::Info,
            message: "flights-gbt:2 is in the bin.".to_owned(),
            undo: Some(undo.clone()),
            at: snapshot.now,
        };
        std::sync::Arc::make_mut(&mut snapshot.notices).insert(0, notice);
    });
    settle(&mut window);
    click(&mut window, "Undo");
    assert_eq!(engine.asked(), [undo, Command::DismissNotice { notice: 10 }]);
}

#[test]
fn the_list_of_notices_opens_from_the_last_error() {
    let (mut window, _) = window(fixture::busy(), PageId::Home);
    window.get_by_label_contains("Last error").click();
    settle(&mut window);
    assert!(window.query_by_label("Close the list of notices").is_some());
    window.key_press(Key::Escape);
    settle(&mut window);
    assert!(window.query_by_label("Close the list of notices").is_none());
}

fn ask_to_close(window: &mut egui_kittest::Harness<'static, crate::support::harness::State>) {
    let viewport = window.input_mut().viewports.entry(egui::ViewportId::ROOT).or_default();
    viewport.events.push(egui::ViewportEvent::Close);
    window.step();
    window.input_mut().viewports.entry(egui::ViewportId::ROOT).or_default().events.clear();
    settle(window);
}

#[test]
fn closing_while_jobs_run_asks_and_each_answer_is_kept() {
    for (words, keep_jobs) in [("Keep running in the background", true), ("Stop with a checkpoint", false)] {
        let (mut window, engine) = window(fixture::busy(), PageId::Home);
        ask_to_close(&mut window);
        click(&mut window, words);
        assert_eq!(engine.asked(), [Command::Shutdown { keep_jobs }]);
    }
    let (mut window, engine) = window(fixture::busy(), PageId::Home);
    ask_to_close(&mut window);
    click(&mut window, "Stay");
    assert!(window.query_by_label("Stay").is_none());
    assert!(engine.asked().is_empty(), "staying asks for nothing");
}

#[test]
fn closing_an_idle_window_asks_nothing() {
    let (mut window, engine) = window(fixture::empty(), PageId::Home);
    ask_to_close(&mut window);
    assert!(window.query_by_label("Stay").is_none());
    assert!(matches!(engine.asked().as_slice(), [Command::Shutdown { .. }]));
}

/// A file as a desktop drops it.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("the window never reads a file itself".to_owned())
    }
}

#[test]
fn a_file_dropped_anywhere_is_imported() {
    let (mut window, engine) = window(fixture::busy(), PageId::Settings);
    let file = PathBuf::from("/data/dropped.parquet");
    window.input_mut().dropped_files.push(std::sync::Arc::new(Dropped(file.clone())));
    window.step();
    window.input_mut().dropped_files.clear();
    settle(&mut window);
    assert_eq!(engine.asked(), [Command::ImportFile { file, options: ImportOptions::default() }]);
}

#[test]
fn a_folder_of_pictures_dropped_anywhere_is_imported() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dropped").join("digits");
    for class in ["seven", "nine"] {
        std::fs::create_dir_all(folder.join(class)).expect("cargo's folder is writable");
    }
    let (mut window, engine) = window(fixture::busy(), PageId::Settings);
    window.input_mut().dropped_files.push(std::sync::Arc::new(Dropped(folder.clone())));
    window.step();
    window.input_mut().dropped_files.clear();
    settle(&mut window);
    assert_eq!(engine.asked(), [Command::ImportFile { file: folder, options: ImportOptions::default() }]);
}

#[test]
fn a_folder_of_pictures_is_chosen_on_the_data_page() {
    let (mut window, engine) = window(fixture::busy(), PageId::Data);
    engine.asked();
    click_role(&mut window, Role::Button, "Import a folder of pictures…");
    window.get_by_role_and_label(Role::TextInput, "Path of the folder").type_text("/data/digits");
    settle(&mut window);
    click_role(&mut window, Role::Button, "Choose");
    let file = PathBuf::from("/data/digits");
    assert!(engine.asked().contains(&Command::ImportFile { file, options: ImportOptions::default() }));
}

#[test]
fn open_a_file_takes_a_path_in_the_windows_own_dialog() {
    let (mut window, engine) = window(fixture::busy(), PageId::Home);
    for by_key in [false, true] {
        press_command(&mut window, Modifiers::COMMAND, Key::O);
        window.get_by_role_and_label(Role::TextInput, "Path of the file").type_text("/data/typed.csv");
        settle(&mut window);
        if by_key {
            window.key_press(Key::Enter);
            settle(&mut window);
        } else {
            click_role(&mut window, Role::Button, "Open");
        }
        let file = PathBuf::from("/data/typed.csv");
        assert_eq!(engine.asked(), [Command::ImportFile { file, options: ImportOptions::default() }]);
    }
}

#[test]
fn the_state_is_kept_and_the_next_window_begins_with_it() {
    let (mut first, engine) = window(fixture::busy(), PageId::Settings);
    click_role(&mut first, Role::RadioButton, "Light");
    click_role(&mut first, Role::Button, "Larger");
    for _ in 0..8 {
        first.step();
    }
    let state = engine.saved_state().expect("the window sent its state");
    let mut snapshot = fixture::busy();
    snapshot.window_state = Some(state.into());
    let (mut second, _) = window(snapshot, PageId::Settings);
    assert!(second.query_by_label("110%").is_some(), "the scale is back");
    assert_eq!(second.ctx.theme(), egui::Theme::Light);
    click_role(&mut second, Role::Tab, "Home");
    assert_eq!(route(&second), Route::Home);
}

#[test]
fn an_unreadable_state_is_ignored() {
    for text in ["", "{", "[1,2]", r#"{"scale":"big"}"#, r#"{"route":{"page":"nowhere"}}"#] {
        let mut snapshot = fixture::busy();
        snapshot.window_state = Some(text.into());
        let (window, _) = window(snapshot, PageId::Home);
        assert_eq!(route(&window), Route::Home, "{text}");
    }
}

#[test]
fn a_read_only_window_says_so_and_changes_nothing() {
    let mut snapshot = fixture::busy();
    std::sync::Arc::make_mut(&mut snapshot.workspace).read_only = true;
    let (mut window, engine) = window(snapshot, PageId::Models);
    assert!(window.query_by_label_contains("this one only looks").is_some());
    press_command(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::O);
    assert!(engine.asked().is_empty(), "no command reaches the engine");
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the path alone is not general enough over lifetimes"
)]
#[test]
fn the_keyboard_reaches_the_rail_the_search_and_the_page() {
    let (mut window, _) = window(fixture::busy(), PageId::Home);
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..60 {
        window.key_press(Key::Tab);
        window.step();
        let focused = window.query_all_by(|node| node.is_focused()).next();
        reached.extend(focused.and_then(|node| node.accesskit_node().label()));
    }
    for name in ["Data", "Settings", "Search commands", "Watch it", "flights-gbt:3, AUROC 0.8061"] {
        assert!(reached.contains(name), "'{name}' is not reached by Tab: {reached:?}");
    }
}

#[test]
fn an_idle_window_asks_for_no_frame() {
    let (mut window, _) = window(fixture::empty(), PageId::Home);
    for _ in 0..12 {
        window.step();
    }
    let root = &window.output().viewport_output[&egui::ViewportId::ROOT];
    assert!(
        root.repaint_delay > std::time::Duration::from_mins(1),
        "it asks again in {:?}",
        root.repaint_delay
    );
}
