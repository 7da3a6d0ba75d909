//! Page Home: the first start, and what to do next.

use egui::Role;
use egui_kittest::kittest::Queryable;
use orrery_domain::{Command, run::RunState};
use orrery_ui::route::{PageId, Route};

use crate::support::{
    fixture,
    harness::{click, click_role, route, window},
};

#[test]
fn the_first_start_opens_the_sample_or_a_file() {
    let (mut window, engine) = window(fixture::empty(), PageId::Home);
    click_role(&mut window, Role::Button, "Open the sample");
    assert_eq!(engine.asked(), [Command::OpenSample]);
    click_role(&mut window, Role::Button, "Open a file…");
    assert!(window.query_by_label("Path of the file").is_some(), "a path is asked for");
}

#[test]
fn a_running_training_is_what_to_look_at() {
    let (mut window, _) = window(fixture::busy(), PageId::Home);
    click(&mut window, "Watch it");
    let Route::Runs { run: Some(run) } = route(&window) else { panic!("{:?}", route(&window)) };
    assert_eq!(run.0, "flights-tabm-4");
}

#[test]
fn the_next_step_follows_what_happened() {
    let mut snapshot = fixture::busy();
    let runs = std::sync::Arc::make_mut(&mut snapshot.runs);
    runs.retain(|run| run.state == RunState::Finished);
    let (mut first, _) = window(snapshot.clone(), PageId::Home);
    click(&mut first, "Judge it");
    assert_eq!(route(&first).page(), PageId::Models);
    std::sync::Arc::make_mut(&mut snapshot.runs).retain(|run| run.dataset_name != "diamonds");
    let (mut second, _) = window(snapshot, PageId::Home);
    click(&mut second, "Train…");
    let Route::Train { dataset: Some(dataset) } = route(&second) else { panic!("{:?}", route(&second)) };
    assert_ne!(dataset, fixture::flights().id);
}

#[test]
fn a_job_that_is_no_run_can_be_cancelled_here() {
    let (mut window, engine) = window(fixture::busy(), PageId::Home);
    click(&mut window, "Cancel Import of flights-3m.parquet");
    assert_eq!(engine.asked(), [Command::CancelJob { job: 9 }]);
}
