//! Page Models: the card, the threshold, one row, a file, the bin.

use egui::{Key, Modifiers, Role};
use egui_kittest::kittest::{NodeT, Queryable};
use orrery_domain::{Command, Failure, FailureClass, ModelRef, job::RowPrediction, snapshot::TryRowState};
use orrery_ui::route::{PageId, Route};

use crate::support::{
    fixture,
    harness::{click, click_role, press_command, route, settle, sized, window},
};

fn flights() -> ModelRef {
    ModelRef { name: "flights-gbt".to_owned(), version: 3 }
}

#[test]
fn the_newest_version_is_chosen_and_its_card_says_whether_it_beat_its_baselines() {
    let (window, _) = window(fixture::busy(), PageId::Models);
    assert_eq!(route(&window), Route::Models { model: Some(flights()) });
    assert!(window.query_by_label_contains("Better than the linear baseline").is_some());
    assert!(window.query_by_label_contains("AUROC 0.8061").is_some());
    assert!(window.query_by_label_contains("linear 0.7451").is_some(), "the baseline stands beside it");
}

#[test]
fn a_version_without_a_loaded_card_is_asked_for_once() {
    let mut snapshot = fixture::busy();
    for entry in std::sync::Arc::make_mut(&mut snapshot.models) {
        (entry.card, entry.curves) = (None, None);
    }
    let (mut window, engine) = window(snapshot, PageId::Models);
    for _ in 0..3 {
        window.step();
    }
    assert_eq!(engine.asked(), [Command::LoadModel { model: flights() }]);
}

#[test]
fn the_threshold_moves_the_figures_and_is_used_when_asked() {
    let (mut window, engine) = sized(fixture::busy(), PageId::Models, egui::vec2(1440.0, 1400.0));
    let before = window.get_by_label_contains("Recall 0.").accesskit_node().label();
    window.get_by_role_and_label(Role::Slider, "Threshold").set_value_accesskit(0.3);
    settle(&mut window);
    let after = window.get_by_label_contains("Recall 0.").accesskit_node().label();
    assert_ne!(before, after, "recall follows the threshold");
    click(&mut window, "Use this threshold");
    let asked = engine.asked();
    let [Command::SetThreshold { model, threshold }] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(*model == flights() && (threshold - 0.3).abs() < 1e-9, "{asked:?}");
}

#[test]
fn one_row_is_tried_with_usual_values_and_its_answer_shown() {
    let (mut window, engine) = window(fixture::busy(), PageId::Models);
    click_role(&mut window, Role::Tab, "Try one row");
    click(&mut window, "Predict this row");
    let asked = engine.asked();
    let [Command::TryRow { model, row, .. }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(*model, flights());
    assert_eq!(row.len(), 9, "every feature is sent");
    assert!(row.contains(&("carrier".to_owned(), Some("UA".to_owned()))), "{row:?}");
    let answer = RowPrediction {
        prediction: "true".to_owned(),
        value: None,
        probabilities: vec![("false".to_owned(), 0.31), ("true".to_owned(), 0.69)],
        warnings: vec!["'ZZ' was never seen in column carrier.".to_owned()],
        secs: 0.0031,
        explanation: None,
    };
    let state = |answer| Some(std::sync::Arc::new(TryRowState { model: flights(), answer: Some(answer) }));
    engine.change(|snapshot| snapshot.try_row = state(Ok(answer)));
    settle(&mut window);
    assert!(window.query_by_label("Probability of true: 0.6900").is_some());
    assert!(window.query_by_label_contains("never seen").is_some());
    let failure = Failure::new(FailureClass::Data, "Column 'dest' is missing from the row.");
    engine.change(|snapshot| snapshot.try_row = state(Err(failure)));
    settle(&mut window);
    assert!(window.query_by_label_contains("Column 'dest' is missing").is_some());
}

#[test]
fn a_file_is_predicted_beside_itself_unless_told_otherwise() {
    let (mut window, engine) = window(fixture::busy(), PageId::Models);
    press_command(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    window.get_by_role_and_label(Role::TextInput, "File to read").type_text("/data/new.csv");
    settle(&mut window);
    click_role(&mut window, Role::Button, "Predict");
    let expected = Command::Predict {
        model: flights(),
        file: "/data/new.csv".into(),
        out: "/data/new_predictions.csv".into(),
    };
    assert_eq!(engine.asked(), [expected]);
}

#[test]
fn the_lineage_leads_to_the_dataset_and_the_run() {
    let (mut window, _) = window(fixture::busy(), PageId::Models);
    click_role(&mut window, Role::Tab, "Lineage");
    click(&mut window, "Dataset: flights_delay");
    assert_eq!(route(&window), Route::Data { dataset: Some(fixture::flights().id) });
    click_role(&mut window, Role::Tab, "Models");
    assert_eq!(route(&window), Route::Models { model: Some(flights()) }, "the selection is still there");
    click(&mut window, "Run: flights-gbt-3");
    assert_eq!(route(&window).page(), PageId::Runs);
}

#[test]
fn a_version_is_deleted_and_comes_back_from_the_bin() {
    let (mut window, engine) = window(fixture::busy(), PageId::Models);
    click(&mut window, "Delete model");
    assert_eq!(engine.asked(), [Command::DeleteModel { model: flights() }]);
    engine.change(|snapshot| std::sync::Arc::make_mut(&mut snapshot.models)[0].deleted = true);
    settle(&mut window);
    click(&mut window, "Restore model");
    assert_eq!(engine.asked(), [Command::RestoreModel { model: flights() }]);
}

#[test]
fn every_tab_of_every_kind_of_model_draws() {
    for version in ["flights-gbt:3", "diamonds-gbt:3"] {
        let (mut window, _) = window(fixture::busy(), PageId::Models);
        press_command(&mut window, Modifiers::COMMAND, Key::K);
        window.get_by_role_and_label(Role::TextInput, "Search").type_text(version);
        settle(&mut window);
        window.key_press(Key::Enter);
        settle(&mut window);
        for tab in ["Columns", "Files", "Lineage", "Try one row", "Curves"] {
            click_role(&mut window, Role::Tab, tab);
        }
        let chart = if version.starts_with("diamonds") { "Residuals" } else { "ROC curve" };
        assert!(window.query_all_by_label_contains(chart).next().is_some(), "{version} shows {chart}");
    }
}
