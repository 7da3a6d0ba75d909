//! Page Compare: what is asked for, how far it is, and what the answer says.

use std::sync::Arc;

use egui::{Key, Role};
use egui_kittest::kittest::{NodeT as _, Queryable};
use orrery_domain::{
    Command, Failure, FailureClass,
    compare::{CompareSettings, CompareSource},
    metric::MetricId,
    run::Progress,
    snapshot::{CompareState, JobEntry, JobKind},
};
use orrery_ui::{command::UiCommand, route::PageId};

use crate::support::{
    fixture,
    harness::{click_role, fill, settle, sized, tall, window},
};

fn compared(engine: &crate::support::engine::StillEngine) -> Vec<Command> {
    let is_compare =
        |command: &Command| matches!(command, Command::Compare { .. } | Command::CancelJob { .. });
    engine.asked().into_iter().filter(is_compare).collect()
}

/// A workspace in which nothing was compared yet.
fn fresh() -> orrery_domain::Snapshot {
    orrery_domain::Snapshot { comparison: None, ..fixture::busy() }
}

#[test]
fn without_two_versions_the_page_says_what_to_do_first() {
    let (window, _) = window(fixture::empty(), PageId::Compare);
    assert!(window.query_by_label("Nothing to compare").is_some());
    assert!(window.query_by_label_contains("better than another beyond chance").is_some(), "what it is for");
    assert!(window.query_by_label_contains("two versions with the same target").is_some(), "what is missing");
    assert!(window.query_by_label(UiCommand::CompareModels.title()).is_none());
}

#[test]
fn the_newest_two_versions_are_offered_on_their_own_dataset() {
    let (mut window, engine) = window(fresh(), PageId::Compare);
    click_role(&mut window, Role::Button, UiCommand::CompareModels.title());
    let sent = compared(&engine);
    let models = ["flights-gbt:3", "flights-gbt:2"].map(|name| name.parse().expect("a name")).to_vec();
    let source = CompareSource::Dataset { dataset: fixture::flights().id };
    assert_eq!(sent, [Command::Compare { models, source, settings: CompareSettings::default() }]);
    click_role(&mut window, Role::Button, "Add a version");
    window.get_by_role_and_label(Role::ComboBox, "Metric that decides").click();
    settle(&mut window);
    click_role(&mut window, Role::Button, "Log loss");
    click_role(&mut window, Role::Button, UiCommand::CompareModels.title());
    let Some(Command::Compare { models, settings, .. }) = compared(&engine).pop() else {
        panic!("nothing was asked")
    };
    assert_eq!((models.len(), settings.metric), (3, Some(MetricId::LogLoss)));
}

#[test]
fn advanced_fields_are_checked_and_sent() {
    let (mut window, engine) = window(fresh(), PageId::Compare);
    assert!(window.query_by_label("Slice by").is_none(), "they are folded away at first");
    click_role(&mut window, Role::Button, "Advanced");
    fill(&mut window, "Slice by", "origin, altitude");
    assert!(window.query_by_label("flights_delay has no column 'altitude'").is_some());
    assert!(window.query_by_role_and_label(Role::Button, UiCommand::CompareModels.title()).is_none());
    fill(&mut window, "Slice by", "origin, carrier");
    fill(&mut window, "Fewest rows of a slice", "1");
    assert!(window.query_by_label("A whole number, 2 or more").is_some());
    fill(&mut window, "Fewest rows of a slice", "200");
    click_role(&mut window, Role::CheckBox, "Train each request ten times, too");
    click_role(&mut window, Role::Button, UiCommand::CompareModels.title());
    let Some(Command::Compare { settings, .. }) = compared(&engine).pop() else {
        panic!("nothing was asked")
    };
    let slice_columns = vec!["origin".to_owned(), "carrier".to_owned()];
    let expected = CompareSettings { metric: None, min_slice_rows: 200, slice_columns, cross_validate: true };
    assert_eq!(settings, expected);
}

#[test]
fn slices_that_were_asked_for_are_all_listed() {
    let mut state = fixture::compare::state(fixture::flights().id);
    if let Some(Ok(report)) = &mut state.answer {
        let found = report.models[1].slices.as_mut().expect("slices");
        found.asked.clone_from(&found.worst);
        found.asked[0].conditions.truncate(1);
    }
    let snapshot = orrery_domain::Snapshot { comparison: Some(Arc::new(state)), ..fixture::busy() };
    let (window, _) = sized(snapshot, PageId::Compare, egui::vec2(1440.0, 2600.0));
    assert!(window.query_by_role_and_label(Role::Table, "Slices of the columns asked for").is_some());
    assert!(window.query_by_label("origin = LGA").is_some());
}

#[test]
fn a_comparison_that_goes_on_can_be_cancelled_and_a_failure_says_why() {
    let mut snapshot = fixture::busy();
    let asked = CompareState { answer: None, ..fixture::compare::state(fixture::flights().id) };
    let progress = Progress { phase: "Predicting".to_owned(), fraction: Some(0.4), ..Progress::default() };
    let kind = JobKind::Compare { models: asked.models.clone() };
    let job = JobEntry { id: asked.job, kind, progress, started_at: fixture::NOW, outcome: None };
    snapshot.jobs = Arc::new(vec![job]);
    snapshot.comparison = Some(Arc::new(asked.clone()));
    let (mut window_, engine) = window(snapshot.clone(), PageId::Compare);
    assert!(window_.query_by_label("Progress of the comparison").is_some());
    click_role(&mut window_, Role::Button, "Cancel this comparison");
    assert_eq!(compared(&engine), [Command::CancelJob { job: asked.job }]);
    let failure = Failure::new(FailureClass::Data, "The versions have no test row in common.");
    snapshot.comparison = Some(Arc::new(CompareState { answer: Some(Err(failure)), ..asked }));
    let (window, _) = window(snapshot, PageId::Compare);
    assert!(window.query_by_label("The versions have no test row in common.").is_some());
}

#[test]
fn the_answer_is_a_verdict_in_words_with_its_tests_and_tables() {
    let (mut window, _) = tall(fixture::busy(), PageId::Compare);
    let said = |window: &egui_kittest::Harness<'static, _>, words: &str| {
        assert!(window.query_all_by_label_contains(words).next().is_some(), "{words}");
    };
    said(&window, "flights-gbt:3 has the best AUROC (0.8090), but flights-gbt:2 is not distinguishable");
    said(&window, "On 65,469 rows of flights_delay");
    said(&window, "DeLong's test of the AUROCs: z -9.210");
    said(&window, "McNemar's test of the predicted classes: only flights-gbt:3 right in 2,671 rows");
    said(&window, "-0.0170 to -0.0110");
    said(&window, "Calibration: in bins of equally many rows");
    said(
        &window,
        "Quality and latency: AUROC by latency; on the Pareto front with bytes: flights-gbt:3, flights-tabm:1",
    );
    said(&window, "origin = LGA and sched_hour below 9");
    said(&window, "Columns only flights-gbt:3 takes: wind_speed.");
    said(&window, "layers.0.weight");
    window.get_by_role_and_label(Role::ComboBox, "Pair").click();
    settle(&mut window);
    click_role(&mut window, Role::Button, "flights-gbt:2 against flights-gbt:3");
    said(&window, "are not distinguishable on these 65,469 rows");
}

#[test]
fn a_charts_values_are_read_by_keyboard() {
    let (mut window, _) = tall(fixture::busy(), PageId::Compare);
    let value = |window: &egui_kittest::Harness<'static, _>| {
        let chart = window.get_by_label_contains("Quality and latency: AUROC");
        chart.accesskit_node().value().unwrap_or_default()
    };
    assert_eq!(value(&window), "", "nothing is read before it has the focus");
    window.get_by_label_contains("Quality and latency: AUROC").focus();
    settle(&mut window);
    // From the left: 92, 131 and 410 microseconds a row.
    for version in ["flights-gbt:3", "flights-gbt:2", "flights-tabm:1", "flights-tabm:1"] {
        assert!(value(&window).starts_with(version), "{version} is read: {}", value(&window));
        window.key_press(Key::ArrowRight);
        settle(&mut window);
    }
    window.key_press(Key::Home);
    settle(&mut window);
    assert!(value(&window).starts_with("flights-gbt:3"));
}
