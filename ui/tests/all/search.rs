//! Page Search: what was tried, the question before, going on and ending, and the brush on the axes.

use std::sync::Arc;

use egui::{Key, Modifiers, Role};
use egui_kittest::kittest::{NodeT as _, Queryable};
use orrery_domain::{
    Command, Failure, FailureClass,
    run::Progress,
    search::{Sampler, Schedule, SearchState},
    snapshot::{JobEntry, JobKind},
};
use orrery_ui::route::{PageId, Route};

use crate::pictures::picture;
use crate::support::{
    fixture,
    harness::{click_role, fill, route, settle, tall, window},
};

const DONE: &str = "20260301-120000-5eac";

#[test]
fn without_a_search_the_page_teaches_the_first_one() {
    let (mut first, _) = window(fixture::empty(), PageId::Search);
    assert!(first.query_by_label("Nothing was searched yet").is_some());
    assert!(first.query_by_role_and_label(Role::Button, "Open a file…").is_some());
    settle(&mut first);
    let mut snapshot = fixture::busy();
    snapshot.searches = Arc::default();
    let (mut second, engine) = window(snapshot, PageId::Search);
    click_role(&mut second, Role::Button, "New search…");
    assert!(second.query_by_label("Search settings and architectures").is_some());
    engine.asked();
    picture(&mut second, "search_question");
}

#[test]
fn a_search_shows_its_best_its_front_and_what_mattered() {
    let (mut window, _) = tall(fixture::busy(), PageId::Search);
    assert!(window.query_by_label_contains("Best so far: AUROC of 21 trials").is_some());
    assert!(window.query_by_label_contains("are on the front of quality, time and size").is_some());
    assert!(window.query_by_label_contains("gbt.learning_rate explains 41% of the variance").is_some());
    assert!(window.query_by_label_contains("Trials across parameters: 21 finished trials").is_some());
    assert!(window.query_all_by_label_contains("21 finished, 4 stopped early, 1 failed").next().is_some());
    picture(&mut window, "search_done");
}

#[test]
fn what_mattered_is_read_strip_by_strip_with_the_keyboard() {
    let (mut window, _) = tall(fixture::busy(), PageId::Search);
    window.get_by_label_contains("Importance: how much").focus();
    settle(&mut window);
    for words in ["gbt.learning_rate explains 41%", "model explains 22%", "mlp.learning_rate explains 11%"] {
        let chart = window.get_by_label_contains("Importance: how much");
        let value = chart.accesskit_node().value().unwrap_or_default();
        assert!(value.starts_with(words), "{value}");
        window.key_press(Key::ArrowDown);
        settle(&mut window);
    }
}

#[test]
fn a_brush_keeps_the_trials_that_pass_and_a_click_brings_all_back() {
    let (mut window, _) = tall(fixture::busy(), PageId::Search);
    let rows = |window: &egui_kittest::Harness<'_, _>| window.query_all_by_label("Finished").count();
    let before = rows(&window);
    let axis = window.get_by_role_and_label(Role::Slider, "AUROC: from 0.7641 to 0.8070");
    axis.focus();
    settle(&mut window);
    window.key_press(Key::Enter);
    settle(&mut window);
    let brushed = rows(&window);
    assert!(brushed < before && brushed > 0, "{brushed} of {before}");
    window.key_press(Key::ArrowDown);
    settle(&mut window);
    assert!(window.query_by_label_contains("AUROC: from 40% to 90% of the axis").is_some());
    picture(&mut window, "search_brushed");
    click_role(&mut window, Role::Button, "Show all trials");
    settle(&mut window);
    assert_eq!(rows(&window), before);
}

#[test]
fn the_question_takes_only_what_makes_sense() {
    let (mut window, engine) = tall(fixture::busy(), PageId::Search);
    click_role(&mut window, Role::Button, "New search…");
    settle(&mut window);
    click_role(&mut window, Role::CheckBox, "Multilayer perceptron");
    click_role(&mut window, Role::RadioButton, "Evolution");
    click_role(&mut window, Role::RadioButton, "Hyperband");
    fill(&mut window, "Trials", "0");
    settle(&mut window);
    assert!(window.query_by_label("A number from 1 to 100,000").is_some());
    fill(&mut window, "Trials", "40");
    fill(&mut window, "Time of one row", "-3");
    settle(&mut window);
    assert!(window.query_by_label("A number above 0, or nothing").is_some());
    fill(&mut window, "Time of one row", "50");
    fill(&mut window, "gbt.leaves", "8..x");
    settle(&mut window);
    assert!(window.query_by_label("'x' is no whole number").is_some());
    fill(&mut window, "gbt.leaves", "log:8..64");
    settle(&mut window);
    engine.asked();
    click_role(&mut window, Role::Button, "Start search");
    settle(&mut window);
    let asked = engine.asked();
    let found = asked.iter().find_map(|command| match command {
        Command::Search { space, plan, .. } => Some((space, plan)),
        _ => None,
    });
    let (space, plan) = found.expect("a search");
    assert_eq!((plan.sampler, plan.schedule, plan.trials), (Sampler::Evolution, Schedule::Hyperband, 40));
    assert!((plan.limits.row_secs.expect("a limit") - 5e-5).abs() < 1e-12);
    assert_eq!(space.get("gbt.leaves").expect("there").range.to_string(), "log:8..64");
    assert_eq!(space.models(), ["gbt", "mlp"]);
}

#[test]
fn a_search_is_ended_and_goes_on_with_a_larger_budget() {
    let mut snapshot = fixture::busy();
    Arc::make_mut(&mut snapshot.jobs).insert(
        0,
        JobEntry {
            id: 900,
            kind: JobKind::Search { search: DONE.to_owned() },
            progress: Progress {
                phase: "9 of 26 trials, best AUROC 0.80213".to_owned(),
                fraction: Some(0.35),
                ..Progress::default()
            },
            started_at: snapshot.now,
            outcome: None,
        },
    );
    Arc::make_mut(&mut Arc::make_mut(&mut snapshot.searches)[0]).state = SearchState::Running;
    let (mut running, engine) = window(snapshot, PageId::Search);
    engine.asked();
    picture(&mut running, "search_running");
    click_role(&mut running, Role::Button, "Cancel search");
    assert!(engine.asked().contains(&Command::CancelSearch { search: DONE.to_owned() }));

    let (mut done, engine) = window(fixture::busy(), PageId::Search);
    click_role(&mut done, Role::Button, "Search further…");
    settle(&mut done);
    fill(&mut done, "Trials in all", "3");
    settle(&mut done);
    assert!(done.query_by_label("26 or more: those are begun").is_some());
    fill(&mut done, "Trials in all", "60");
    fill(&mut done, "Time in all", "30");
    settle(&mut done);
    engine.asked();
    click_role(&mut done, Role::Button, "Go on");
    let expected = Command::ResumeSearch { search: DONE.to_owned(), trials: Some(60), secs: Some(1800.0) };
    assert!(engine.asked().contains(&expected));
}

#[test]
fn a_failure_is_told_and_a_trial_leads_to_its_run() {
    let mut snapshot = fixture::busy();
    let search = Arc::make_mut(&mut Arc::make_mut(&mut snapshot.searches)[0]);
    search.state = SearchState::Failed;
    let why = "None of the 21 finished trials is within the limits.";
    search.failure = Some(Failure::new(FailureClass::Capacity, why).keeping("Every trial, with its run."));
    let (mut window, _) = tall(snapshot, PageId::Search);
    assert!(window.query_by_label(why).is_some());
    picture(&mut window, "search_failed");
    let row = window.get_all_by_label("Failed").last().expect("a trial");
    row.click();
    settle(&mut window);
    click_role(&mut window, Role::Button, "Show its run");
    settle(&mut window);
    assert!(matches!(route(&window), Route::Runs { run: Some(_) }));
    window.key_press_modifiers(Modifiers::NONE, Key::Escape);
}
