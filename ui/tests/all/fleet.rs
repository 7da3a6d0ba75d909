//! Page Fleet: what it says of regions and endpoints, and what it asks for.

use std::{sync::Arc, time::Instant};

use egui::{Key, Modifiers, Role};
use egui_kittest::kittest::Queryable;
use orrery_domain::{
    Command,
    fleet::{FleetCommand, FleetState, Region},
};
use orrery_ui::route::{PageId, Route};

use crate::support::{
    fixture,
    harness::{click, click_role, fill, press_command, route, settle, tall, window},
};

/// What was asked about the fleet, polling aside.
pub(crate) fn asked(engine: &crate::support::engine::StillEngine) -> Vec<FleetCommand> {
    engine
        .asked()
        .into_iter()
        .filter_map(|command| match command {
            Command::Fleet(FleetCommand::Watch { .. }) => None,
            Command::Fleet(command) => Some(command),
            _ => None,
        })
        .collect()
}

#[test]
fn the_fleet_is_polled_while_one_of_its_pages_is_open() {
    let (mut window, engine) = window(fixture::busy(), PageId::Home);
    assert_eq!(engine.asked(), []);
    for page in [PageId::Fleet, PageId::Drills] {
        click_role(&mut window, Role::Tab, page.title());
    }
    assert_eq!(engine.asked(), [Command::Fleet(FleetCommand::Watch { open: true })], "asked once");
    click_role(&mut window, Role::Tab, "Home");
    assert_eq!(engine.asked(), [Command::Fleet(FleetCommand::Watch { open: false })]);
}

#[test]
fn an_empty_fleet_says_what_to_do_first() {
    let (mut first, _) = window(fixture::empty(), PageId::Fleet);
    assert!(first.query_by_label_contains("orrery fleet demo").is_some());
    click_role(&mut first, Role::Button, "Add a region…");
    assert!(first.query_by_role_and_label(Role::TextInput, "Priority").is_some());
}

#[test]
fn a_region_is_contacted_only_when_a_person_says_so() {
    let (mut window, engine) = window(fixture::busy(), PageId::Fleet);
    assert!(window.query_by_label("State: Not contacted").is_some());
    window.get_by_role_and_label(Role::CheckBox, "Contact its 3 endpoints: ap-southeast").click();
    settle(&mut window);
    let [FleetCommand::PutRegion { region }] = &asked(&engine)[..] else { panic!("one region is changed") };
    assert!(
        region.enabled && region.name == "ap-southeast" && region.priority == 3,
        "only the switch: {region:?}"
    );
}

#[test]
fn a_silent_gateway_says_why_and_no_value_is_a_dash() {
    let (window, _) = window(fixture::busy(), PageId::Fleet);
    assert!(window.query_by_label_contains("did not answer within 2 s").is_some());
    assert!(window.query_by_label("ap-southeast p95: –").is_some());
    assert!(window.query_by_label("us-east p95: 13 ms").is_some());
}

#[test]
fn a_region_form_refuses_what_is_not_legal_and_sends_what_is() {
    let (mut window, engine) = window(fixture::busy(), PageId::Fleet);
    press_command(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::G);
    fill(&mut window, "Name", "EU North");
    assert!(window.query_by_label_contains("1 to 63 of a-z").is_some());
    click_role(&mut window, Role::Button, "Add region");
    assert_eq!(asked(&engine), [], "nothing illegal is sent");
    window.key_press(Key::Escape);
    settle(&mut window);
    press_command(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::G);
    fill(&mut window, "Name", "eu-north");
    fill(&mut window, "Priority", "2");
    fill(&mut window, "Tags", "eu, hipaa");
    click_role(&mut window, Role::Button, "Add region");
    let region = Region {
        name: "eu-north".to_owned(),
        priority: 2,
        price_per_1000: 0.0,
        tags: vec!["eu".to_owned(), "hipaa".to_owned()],
        enabled: false,
    };
    assert_eq!(asked(&engine), [FleetCommand::PutRegion { region }]);
}

#[test]
fn an_endpoint_form_says_what_is_wrong_beside_the_field() {
    let (mut window, engine) = window(fixture::busy(), PageId::Fleet);
    click_role(&mut window, Role::Button, "Add an endpoint…");
    fill(&mut window, "Name", "us-east-1");
    assert!(window.query_by_label("There is an endpoint 'us-east-1' already.").is_some());
    fill(&mut window, "Name", "9");
    fill(&mut window, "Address", "https://new.example:8000/v2");
    assert!(window.query_by_label("Without /v2: that is added.").is_some());
    assert_eq!(asked(&engine), []);
}

#[test]
fn the_selected_endpoint_is_checked_and_removed_after_a_question() {
    let (mut window, engine) = tall(fixture::busy(), PageId::Fleet);
    let Route::Fleet { endpoint: Some(first) } = route(&window) else { panic!("the first is chosen") };
    assert_eq!(first, "ap-southeast-1");
    click_role(&mut window, Role::Button, "Check");
    assert_eq!(asked(&engine), [FleetCommand::Conform { endpoint: first.clone() }]);
    click_role(&mut window, Role::Button, "Remove endpoint…");
    assert!(window.query_by_label_contains("The server itself goes on").is_some());
    click_role(&mut window, Role::Button, "Remove endpoint");
    assert_eq!(asked(&engine), [FleetCommand::RemoveEndpoint { endpoint: first }]);
}

#[test]
fn events_and_objectives_are_behind_their_tabs() {
    let (mut window, _) = window(fixture::busy(), PageId::Fleet);
    click_role(&mut window, Role::Tab, "Events");
    assert!(window.query_all_by_label_contains("14 of its last 20 requests failed").next().is_some());
    click_role(&mut window, Role::Tab, "Objectives");
    assert!(window.query_all_by_label_contains("15×").next().is_some());
    click_role(&mut window, Role::Tab, "Latency");
    assert!(window.query_by_label("gateway-eu to us-west-2: no answer").is_some());
    assert!(window.query_by_label("window to us-east-1: 6.2 ms").is_some());
}

#[test]
fn a_window_that_only_looks_changes_nothing() {
    let mut snapshot = fixture::busy();
    Arc::make_mut(&mut snapshot.workspace).read_only = true;
    let (mut window, engine) = window(snapshot, PageId::Fleet);
    window.get_by_role_and_label(Role::CheckBox, "Contact its 3 endpoints: ap-southeast").click();
    settle(&mut window);
    click(&mut window, "Remove endpoint…");
    assert_eq!(asked(&engine), []);
}

#[test]
fn two_hundred_endpoints_are_shown_and_one_change_is_cheap() {
    let mut snapshot = fixture::busy();
    let mut fleet = FleetState::clone(&snapshot.fleet);
    let regions = ["us-east", "us-west", "eu-west", "ap-southeast"];
    let all = regions.iter().flat_map(|region| {
        (1..=50).map(|index| Arc::new(fixture::fleet::server(region, index, 0.004 * index as f64)))
    });
    fleet.endpoints = Arc::new(all.collect());
    snapshot.fleet = Arc::new(fleet);
    let (mut window, engine) = window(snapshot, PageId::Fleet);
    assert!(window.query_by_label_contains("200 endpoints").is_some());
    let begun = Instant::now();
    engine.change(|snapshot| {
        let endpoints = &mut Arc::make_mut(&mut snapshot.fleet).endpoints;
        Arc::make_mut(&mut Arc::make_mut(endpoints)[0]).endpoint.region = "moved".to_owned();
    });
    settle(&mut window);
    println!("one of 200 endpoints changed: frames until still took {:?}", begun.elapsed());
    assert!(window.query_all_by_label_contains("moved").next().is_some());
}
