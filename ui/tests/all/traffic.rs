//! Page Traffic: a gateway's distribution, what another strategy would do, and the switches.

use std::sync::Arc;

use egui::Role;
use egui_kittest::kittest::Queryable;
use orrery_domain::{
    Failure, FailureClass,
    fleet::{FleetCommand, StrategyId},
};
use orrery_ui::route::{PageId, Route};

use super::fleet::asked;
use crate::support::{
    fixture,
    harness::{click, click_role, settle, tall, window},
};

fn east() -> String {
    "gateway-east".to_owned()
}

#[test]
fn without_a_gateway_it_says_how_to_get_one() {
    let (window, _) = window(fixture::empty(), PageId::Traffic);
    assert!(window.query_by_label("No gateway yet").is_some());
    assert!(window.query_by_label_contains("orrery gateway").is_some());
}

#[test]
fn a_strategy_is_simulated_compared_and_switched_after_a_question() {
    let (mut window, engine) = tall(fixture::busy(), PageId::Traffic);
    click_role(&mut window, Role::Button, "Simulate");
    assert_eq!(asked(&engine), [FleetCommand::Simulate { gateway: east() }]);
    click_role(&mut window, Role::RadioButton, "Peak EWMA");
    click_role(&mut window, Role::Button, "Switch to Peak EWMA…");
    // 0.0064 against 0.0071, and 1.18 against 1.10.
    assert!(window.query_by_label_contains("p95 -9.9%, cost +7.3%").is_some());
    assert_eq!(asked(&engine), []);
    click_role(&mut window, Role::Button, "Switch");
    let strategy = StrategyId::PeakEwma;
    assert_eq!(asked(&engine), [FleetCommand::SetStrategy { gateway: east(), strategy }]);
}

#[test]
fn recording_and_draining_are_switches() {
    let (mut window, engine) = window(fixture::busy(), PageId::Traffic);
    click_role(&mut window, Role::CheckBox, "Record traffic");
    assert_eq!(asked(&engine), [FleetCommand::Record { gateway: east(), on: false }]);
    click_role(&mut window, Role::Row, "us-east-1");
    click_role(&mut window, Role::Button, "Drain us-east-1");
    let drain = FleetCommand::Drain { gateway: east(), endpoint: "us-east-1".to_owned(), on: true };
    assert_eq!(asked(&engine), [drain]);
    click_role(&mut window, Role::Row, "us-west-3");
    click_role(&mut window, Role::Button, "Put us-west-3 back");
    let back = FleetCommand::Drain { gateway: east(), endpoint: "us-west-3".to_owned(), on: false };
    assert_eq!(asked(&engine), [back]);
}

#[test]
fn levels_say_their_percent_and_panic() {
    let (window, _) = window(fixture::busy(), PageId::Traffic);
    assert!(window.query_by_label_contains("Level 0 takes 98% of the requests").is_some());
    assert!(window.query_by_label_contains("all of them are used (panic)").is_some());
}

#[test]
fn a_silent_gateway_and_a_failed_simulation_say_why() {
    let (mut window, engine) = window(fixture::busy(), PageId::Traffic);
    engine.change(|snapshot| {
        let failure =
            Failure::new(FailureClass::Client, "Nothing is recorded yet; record for a minute first.");
        Arc::make_mut(&mut snapshot.fleet).simulation = Some(Arc::new((east(), Err(failure))));
    });
    settle(&mut window);
    assert!(window.query_by_label_contains("record for a minute first").is_some());
    engine.change(|snapshot| {
        let fleet = Arc::make_mut(&mut snapshot.fleet);
        drop(Arc::make_mut(&mut fleet.gateways).remove(0));
    });
    settle(&mut window);
    assert!(window.query_by_label_contains("did not answer within 2 s").is_some());
    assert_eq!(
        crate::support::harness::route(&window),
        Route::Traffic { gateway: Some("gateway-eu".to_owned()) }
    );
    click(&mut window, "Copy this message");
}
