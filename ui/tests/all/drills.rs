//! Page Drills: what a drill will do, how far it is, and what it measured.

use std::sync::Arc;

use egui::Role;
use egui_kittest::kittest::Queryable;
use orrery_domain::fleet::{DrillPhase, FleetCommand};
use orrery_ui::{command::UiCommand, route::PageId};

use super::fleet::asked;
use crate::support::{
    fixture,
    harness::{click_role, settle, window},
};

#[test]
fn without_a_gateway_there_is_no_drill() {
    let (window, _) = window(fixture::empty(), PageId::Drills);
    assert!(window.query_by_label("No drill was made yet").is_some());
}

#[test]
fn a_drill_says_what_will_happen_before_it_starts() {
    let (mut window, engine) = window(fixture::busy(), PageId::Drills);
    click_role(&mut window, Role::Button, UiCommand::StartDrill.title());
    assert!(window.query_by_label_contains("to 3 endpoints in us-east is cut").is_some());
    assert!(window.query_by_label_contains("Real requests may fail").is_some());
    assert_eq!(asked(&engine), []);
    click_role(&mut window, Role::Button, "Take us-east out");
    let (gateway, region) = ("gateway-east".to_owned(), "us-east".to_owned());
    assert_eq!(asked(&engine), [FleetCommand::StartDrill { gateway, region }]);
}

#[test]
fn a_drill_that_goes_on_shows_its_phase_and_can_be_cancelled() {
    let mut snapshot = fixture::busy();
    let live = Arc::new(fixture::fleet::drill("d-3", "us-west", DrillPhase::Shifting, 13.0));
    Arc::make_mut(&mut Arc::make_mut(&mut snapshot.fleet).drills).insert(0, live);
    let (mut window, engine) = window(snapshot, PageId::Drills);
    assert!(window.query_by_label("Cut noticed after 1.8 s: done").is_some());
    assert!(window.query_by_label("Shifting : now").is_some());
    assert!(window.query_by_label("Recovering : to come").is_some());
    assert!(
        window.query_by_label_contains("Shift – measured").is_some(),
        "what is not measured yet is a dash"
    );
    click_role(&mut window, Role::Button, "Cancel drill");
    assert_eq!(asked(&engine), [FleetCommand::CancelDrill]);
    click_role(&mut window, Role::Button, UiCommand::StartDrill.title());
    assert!(window.query_by_label("Start a drill").is_none(), "one at a time");
}

#[test]
fn a_past_drill_tells_what_it_measured() {
    let (mut window, _) = window(fixture::busy(), PageId::Drills);
    assert!(window.query_by_label_contains("Detection 1.8 s").is_some());
    assert!(window.query_by_label_contains("Failures 37").is_some());
    click_role(&mut window, Role::Row, "2026-11-21 05:31");
    settle(&mut window);
    assert!(window.query_all_by_label_contains("A person ended it after 4 s").next().is_some());
    assert!(window.query_by_label_contains("Failures –").is_some(), "not measured is not 0");
}
