//! Page Explain: what is asked for, how far it is, what the answer says, and a row that is edited.

use std::sync::Arc;

use egui::Role;
use egui_kittest::kittest::Queryable;
use orrery_domain::{
    Command, Failure, FailureClass, Snapshot,
    compare::CompareSource,
    explain::{ExplainMethod, ExplainSettings, Findings},
    job::RowPrediction,
    run::Progress,
    snapshot::{ExplainState, JobEntry, JobKind, JobOutcome, TryRowState},
};
use orrery_ui::{command::UiCommand, route::PageId};

use crate::support::{
    engine::StillEngine,
    fixture,
    harness::{State, click_role, fill, settle, sized, tall, window},
};

#[path = "support/explained_views.rs"]
mod views;

type Window = egui_kittest::Harness<'static, State>;

fn said(window: &Window, words: &str) {
    assert!(window.query_all_by_label_contains(words).next().is_some(), "{words}");
}

fn sent(engine: &StillEngine) -> Vec<Command> {
    let ours = |command: &Command| {
        matches!(command, Command::Explain { .. } | Command::CancelJob { .. } | Command::TryRow { .. })
    };
    engine.asked().into_iter().filter(ours).collect()
}

fn with(found: Findings) -> Snapshot {
    let state = fixture::explained::state(fixture::flights().id, found);
    Snapshot { explanation: Some(Arc::new(state)), ..fixture::busy() }
}

#[test]
fn without_a_model_the_page_says_what_to_do_first() {
    let (window, _) = window(fixture::empty(), PageId::Explain);
    assert!(window.query_by_label("Nothing to explain").is_some());
    assert!(window.query_by_label_contains("which columns a model goes by").is_some(), "what it is for");
    assert!(window.query_by_label_contains("It takes a model").is_some(), "what is missing");
    assert!(window.query_by_label(UiCommand::ExplainModel.title()).is_none());
}

#[test]
fn the_newest_model_is_offered_on_its_own_dataset_and_every_choice_is_sent() {
    let snapshot = Snapshot { explanation: None, ..fixture::busy() };
    let (mut window, engine) = window(snapshot, PageId::Explain);
    click_role(&mut window, Role::Button, UiCommand::ExplainModel.title());
    let source = CompareSource::Dataset { dataset: fixture::flights().id };
    let settings = ExplainSettings {
        method: Some(ExplainMethod::TreeShap),
        rows: Some((0, 300)),
        ..ExplainSettings::default()
    };
    let model = "flights-gbt:3".parse().expect("a name");
    assert_eq!(sent(&engine), [Command::Explain { model, source, settings: Box::new(settings), out: None }]);
    let choose = |window: &mut Window, method: &str| {
        window.get_by_role_and_label(Role::ComboBox, "Method").click();
        settle(window);
        click_role(window, Role::Button, method);
    };
    choose(&mut window, "Counterfactuals");
    fill(&mut window, "Wanted", "false");
    fill(&mut window, "Columns that may change", "sched_hour, carrier");
    fill(&mut window, "How many rows", "0");
    settle(&mut window);
    said(&window, "A whole number from 1 to 10000");
    assert!(window.query_by_role_and_label(Role::Button, UiCommand::ExplainModel.title()).is_none());
    fill(&mut window, "How many rows", "20");
    settle(&mut window);
    click_role(&mut window, Role::Button, UiCommand::ExplainModel.title());
    let Some(Command::Explain { settings, .. }) = sent(&engine).pop() else { panic!("nothing was asked") };
    assert_eq!((settings.wanted.as_deref(), settings.rows), (Some("false"), Some((0, 20))));
    assert_eq!(settings.columns, ["sched_hour", "carrier"]);
    // Gradients are not for trees.
    window.get_by_role_and_label(Role::ComboBox, "Method").click();
    settle(&mut window);
    assert!(window.query_by_role_and_label(Role::Button, "Integrated gradients").is_none());
}

#[test]
fn advanced_fields_are_checked_and_sent() {
    let snapshot = Snapshot { explanation: None, ..fixture::busy() };
    let (mut window, engine) = tall(snapshot, PageId::Explain);
    window.get_by_role_and_label(Role::ComboBox, "Method").click();
    settle(&mut window);
    click_role(&mut window, Role::Button, "Kernel SHAP");
    assert!(window.query_by_label("Seed").is_none(), "they are folded away at first");
    click_role(&mut window, Role::Button, "Advanced");
    fill(&mut window, "Sets of columns", "none");
    said(&window, "A whole number from 1 to 1000000");
    assert!(window.query_by_role_and_label(Role::Button, UiCommand::ExplainModel.title()).is_none());
    fill(&mut window, "Sets of columns", "500");
    fill(&mut window, "First row", "100");
    said(&window, "from row 100 on");
    fill(&mut window, "Seed", "7");
    fill(&mut window, "How many rows", "20");
    click_role(&mut window, Role::CheckBox, "Run the longer checks, too");
    sent(&engine);
    click_role(&mut window, Role::Button, UiCommand::ExplainModel.title());
    let Some(Command::Explain { settings, .. }) = sent(&engine).pop() else { panic!("nothing was asked") };
    let expected = ExplainSettings {
        method: Some(ExplainMethod::KernelShap),
        samples: Some(500),
        rows: Some((100, 120)),
        seed: 7,
        checks: false,
        ..ExplainSettings::default()
    };
    assert_eq!(*settings, expected);
}

#[test]
fn an_explanation_that_goes_on_can_be_cancelled_and_a_failure_says_why() {
    let mut snapshot = fixture::busy();
    let asked = ExplainState {
        answer: None,
        ..fixture::explained::state(fixture::flights().id, views::importance())
    };
    let progress = Progress {
        phase: "Shuffling columns, going on from what was kept".to_owned(),
        fraction: Some(0.4),
        ..Progress::default()
    };
    let kind = JobKind::Explain { model: asked.model.clone(), method: asked.settings.method };
    let job = JobEntry { id: asked.job, kind, progress, started_at: fixture::NOW, outcome: None };
    snapshot.jobs = Arc::new(vec![job]);
    snapshot.explanation = Some(Arc::new(asked.clone()));
    let (mut going, engine) = window(snapshot.clone(), PageId::Explain);
    assert!(going.query_by_label("Progress of the explanation").is_some());
    said(&going, "going on from what was kept");
    said(&going, "Another explanation ends this one");
    click_role(&mut going, Role::Button, "Cancel this explanation");
    assert_eq!(sent(&engine), [Command::CancelJob { job: asked.job }]);
    engine.change(|snapshot| {
        Arc::make_mut(&mut snapshot.jobs)[0].outcome = Some(JobOutcome::Cancelled);
    });
    settle(&mut going);
    said(&going, "the same explanation goes on from there");
    let failure =
        Failure::new(FailureClass::Client, "This model is computed in whole numbers, which have no slopes.");
    snapshot.explanation = Some(Arc::new(ExplainState { answer: Some(Err(failure)), ..asked }));
    let (failed, _) = window(snapshot, PageId::Explain);
    said(&failed, "whole numbers, which have no slopes");
}

#[test]
fn all_rows_are_importance_and_a_beeswarm_with_every_check_in_words() {
    let (window, _) = tall(fixture::busy(), PageId::Explain);
    said(
        &window,
        "300 rows of flights_delay (test rows), against 100 rows of the training rows of flights-gbt:3 (seed 0).",
    );
    said(&window, "The parts add up: the gap is");
    // A failed check is never hidden.
    said(
        &window,
        "The parts do not foretell what the model does when columns are switched off: they miss 0.620",
    );
    said(&window, "With the weights shuffled the explanation becomes another (correlation 0.040)");
    said(&window, "Importance: sched_hour first of 9 columns; 95% intervals over the rows");
    said(&window, "Beeswarm: a dot a row, 300 rows");
    assert!(window.query_by_role_and_label(Role::Button, "Export importance").is_some());
    assert!(window.query_by_role_and_label(Role::Button, "Export beeswarm").is_some());
}

#[test]
fn one_column_is_points_or_words() {
    let (mut window, _) = tall(fixture::busy(), PageId::Explain);
    click_role(&mut window, Role::Tab, "One column");
    said(&window, "Dependence: parts of sched_hour against its values, 300 rows");
    window.get_by_role_and_label(Role::ComboBox, "Column").click();
    settle(&mut window);
    click_role(&mut window, Role::Button, "origin");
    said(&window, "Dependence: 3 values of origin");
    said(&window, "on average");
}

#[test]
fn one_row_is_a_waterfall_and_edits_are_explained_by_the_session() {
    let (mut window, engine) = tall(fixture::busy(), PageId::Explain);
    click_role(&mut window, Role::Tab, "One row");
    said(&window, "Row 0: from \u{2212}0.900 to");
    click_role(&mut window, Role::Button, "Row after");
    said(&window, "Row 1: from \u{2212}0.900 to");
    fill(&mut window, "carrier", "DL");
    settle(&mut window);
    engine.asked();
    click_role(&mut window, Role::Button, "Explain the edited row");
    let asked = sent(&engine);
    let [Command::TryRow { model, row, explain: true }] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(row.contains(&("carrier".to_owned(), Some("DL".to_owned()))) && row.len() == 9, "{row:?}");
    let Findings::Attributions(found) = fixture::explained::attributions() else { panic!("parts") };
    let answer = RowPrediction {
        prediction: "true".to_owned(),
        value: None,
        probabilities: vec![("false".to_owned(), 0.31), ("true".to_owned(), 0.69)],
        warnings: Vec::new(),
        secs: 0.0031,
        explanation: Some(Box::new(found)),
    };
    let state = TryRowState { model: model.clone(), answer: Some(Ok(answer)) };
    engine.change(|snapshot| snapshot.try_row = Some(Arc::new(state.clone())));
    settle(&mut window);
    said(&window, "Edited row: from");
    said(&window, "carrier = DL adds");
    // Once asked, every edit asks again.
    fill(&mut window, "origin", "LGA");
    settle(&mut window);
    assert!(matches!(sent(&engine).last(), Some(Command::TryRow { explain: true, .. })));
    click_role(&mut window, Role::Button, "As it was");
    assert!(window.query_by_label("Edited row").is_none());
}

#[test]
fn global_methods_and_changes_have_views_of_their_own() {
    let (window, _) = tall(with(views::importance()), PageId::Explain);
    said(&window, "Permutation importance: carrier first of 9 columns; 95% intervals over 10 repeats");
    said(&window, "carrier: 0.0800, 95% interval 0.0760 to 0.0840");
    let (mut window, _) = tall(with(views::dependence()), PageId::Explain);
    said(&window, "Partial dependence: mean answer by sched_hour");
    window.get_by_role_and_label(Role::ComboBox, "Column").click();
    settle(&mut window);
    click_role(&mut window, Role::Button, "origin");
    said(&window, "Partial dependence: mean answer by origin");
    let (window, _) = tall(with(views::counterfactuals()), PageId::Explain);
    said(&window, "sched_hour: 19 \u{2192} 9; carrier: B6 \u{2192} DL");
    said(&window, "It is so already");
    said(&window, "0.333 of the rows found no change that the model answers as wished");
}

/// Pictures of every view, for a person to look at.
#[test]
fn every_view_draws_dark_and_light() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).expect("cargo's folder is writable");
    for word in ["dark", "light"] {
        for (name, found, tab) in [
            ("all", fixture::explained::attributions(), None),
            ("column", fixture::explained::attributions(), Some("One column")),
            ("row", fixture::explained::attributions(), Some("One row")),
            ("importance", views::importance(), None),
            ("dependence", views::dependence(), None),
            ("changes", views::counterfactuals(), None),
        ] {
            let mut snapshot = with(found);
            snapshot.window_state = Some(format!(r#"{{"theme":"{word}"}}"#).into());
            let (mut window, _) = sized(snapshot, PageId::Explain, egui::vec2(1280.0, 1400.0));
            if let Some(tab) = tab {
                click_role(&mut window, Role::Tab, tab);
            }
            let image = window.render().expect("a driver draws");
            image.save(folder.join(format!("explain_{name}_{word}.png"))).expect("written");
        }
    }
}
