//! The data table driven by role and label.

use std::borrow::Cow;

use egui::{Key, Modifiers, accesskit::Role};
use egui_kittest::{Harness, kittest::Queryable as _};

use super::{
    table::{PlainHost, SortKey, TableColumn, TableOutput, TableRows, TableSpec, TableState, table},
    table_index::contains_folded,
};
use crate::theme::{Theme, install};

struct Numbers(usize);

impl TableRows for Numbers {
    fn len(&self) -> usize {
        self.0
    }

    fn key(&self, row: usize) -> Cow<'_, str> {
        Cow::Owned(row.to_string())
    }

    fn text(&self, row: usize, column: usize) -> Cow<'_, str> {
        Cow::Owned(if column == 0 { format!("row {row}") } else { (row * 7 % 10).to_string() })
    }

    fn sort_key(&self, row: usize, column: usize) -> SortKey<'_> {
        if column == 0 { SortKey::Text(self.text(row, 0)) } else { SortKey::Number((row * 7 % 10) as f64) }
    }

    fn matches(&self, row: usize, needle: &str) -> bool {
        contains_folded(&self.text(row, 0), needle)
    }
}

struct Bench {
    rows: Numbers,
    state: TableState,
    last: TableOutput,
}

fn bench(rows: usize) -> Harness<'static, Bench> {
    let draw = |ui: &mut egui::Ui, bench: &mut Bench| {
        let columns = [TableColumn::text("Name", 120.0).growing(), TableColumn::number("Value", 80.0)];
        let spec = TableSpec::new("Numbers", "number", &columns, 1);
        let output = table(ui, &Theme::dark(), &spec, &mut bench.state, &bench.rows, &mut PlainHost);
        if output.export.is_some()
            || output.copied.is_some()
            || output.activated.is_some()
            || bench.last.drawn.is_empty()
        {
            bench.last = output;
        }
    };
    let state = Bench { rows: Numbers(rows), state: TableState::default(), last: TableOutput::default() };
    let mut harness = Harness::builder()
        .with_size(egui::vec2(500.0, 400.0))
        .with_context_setup(install)
        .build_ui_state(draw, state);
    harness.run_steps(3);
    harness
}

#[test]
fn only_rows_in_view_are_laid_out() {
    let harness = bench(100_000);
    assert!(harness.state().last.drawn.len() < 20, "{:?}", harness.state().last.drawn);
    assert!(harness.query_by_role_and_label(Role::Cell, "row 0").is_some());
    assert!(harness.query_by_role_and_label(Role::Cell, "row 500").is_none());
}

#[test]
fn a_header_sorts_down_up_and_not() {
    let mut harness = bench(30);
    let first = |harness: &Harness<'_, Bench>| harness.state().state.rows()[0];
    harness.get_by_role_and_label(Role::ColumnHeader, "Value").click();
    harness.run_steps(2);
    assert_eq!(first(&harness), 7, "the first of the nines: numbers begin with the largest");
    harness.get_by_role_and_label(Role::ColumnHeader, "Value, sorted descending").click();
    harness.run_steps(2);
    assert_eq!(first(&harness), 0);
    harness.get_by_role_and_label(Role::ColumnHeader, "Value, sorted ascending").click();
    harness.run_steps(2);
    assert_eq!(harness.state().state.rows(), (0..30).collect::<Vec<_>>(), "the rows' own order");
}

#[test]
fn the_keyboard_walks_selects_and_copies() {
    let mut harness = bench(1_000);
    harness.get_by_role_and_label(Role::Row, "row 2").click();
    harness.run_steps(2);
    assert!(harness.state().state.selected.contains("2"));
    harness.key_press(Key::ArrowDown);
    harness.run_steps(2);
    assert_eq!(harness.state().state.cursor.as_deref(), Some("3"));
    harness.key_press_modifiers(Modifiers::SHIFT, Key::ArrowDown);
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::SHIFT, Key::ArrowDown);
    harness.run_steps(2);
    let selected: Vec<&str> = harness.state().state.selected.iter().map(String::as_str).collect();
    assert_eq!(selected, ["3", "4", "5"]);
    harness.event(egui::Event::Copy);
    harness.run_steps(1);
    assert_eq!(harness.state().last.copied.as_deref(), Some("Copied 3 numbers"));
    harness.key_press(Key::End);
    harness.run_steps(3);
    assert!(harness.query_by_role_and_label(Role::Cell, "row 999").is_some(), "it scrolled there");
    harness.key_press(Key::Home);
    harness.run_steps(3);
    assert!(harness.query_by_role_and_label(Role::Cell, "row 0").is_some());
    harness.key_press(Key::PageDown);
    harness.run_steps(3);
    let place: usize =
        harness.state().state.cursor.as_deref().and_then(|key| key.parse().ok()).expect("a cursor");
    assert!((8..16).contains(&place), "{place}");
    harness.key_press(Key::Enter);
    harness.run_steps(1);
    assert_eq!(harness.state().last.activated, Some(place));
}

#[test]
fn what_is_shown_is_exported() {
    let mut harness = bench(12);
    harness.get_by_role_and_label(Role::TextInput, "Filter numbers").focus();
    harness.run_steps(1);
    harness.get_by_role_and_label(Role::TextInput, "Filter numbers").type_text("row 1");
    harness.run_steps(2);
    harness.get_by_role_and_label(Role::Button, "Export Numbers as CSV").click();
    harness.run_steps(2);
    let bytes = harness.state().last.export.clone().expect("a file");
    assert_eq!(String::from_utf8(bytes).expect("text"), "Name,Value\r\nrow 1,7\r\nrow 10,0\r\nrow 11,7\r\n");
}

#[test]
fn columns_can_be_hidden_and_the_last_one_stays() {
    let mut harness = bench(3);
    harness.get_by_role_and_label(Role::Button, "Choose columns of Numbers").click();
    harness.run_steps(2);
    harness.get_by_role_and_label(Role::CheckBox, "Value").click();
    harness.run_steps(2);
    assert!(harness.query_by_role_and_label(Role::ColumnHeader, "Value").is_none());
    harness.get_by_role_and_label(Role::CheckBox, "Name").click();
    harness.run_steps(2);
    assert!(
        harness.query_by_role_and_label(Role::ColumnHeader, "Name").is_some(),
        "a table without columns is none"
    );
}

#[test]
fn a_large_table_is_sorted_beside_the_frames_as_a_small_one_is_at_once() {
    let order = |rows: usize| {
        let mut harness = bench(rows);
        harness.get_by_role_and_label(Role::ColumnHeader, "Value").click();
        harness.run_steps(2);
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while harness.state().state.rows().first() != Some(&7) {
            assert!(std::time::Instant::now() < end, "never sorted");
            harness.run_steps(1);
        }
        harness.state().state.rows().to_vec()
    };
    let large = order(20_000);
    assert_eq!(large.len(), 20_000);
    // Values are `row * 7 % 10`, largest first; ties keep the rows' own order.
    let mut expected: Vec<u32> = (0..20_000).collect();
    expected.sort_by_key(|row| std::cmp::Reverse(row * 7 % 10));
    assert_eq!(large, expected);
    assert_eq!(order(20), large.into_iter().filter(|row| *row < 20).collect::<Vec<_>>());
}
