//! Rollouts whose process ended before they did: taken up again by another, and by one only.

use std::{
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use orrery_domain::{
    fleet::{FleetCommand, FleetState, RolloutState},
    snapshot::Severity,
};
use orrery_engine::{
    Workspace,
    fleet::{Heard, Hub},
    store::Store,
};
use serde_json::{Value, json};

use super::{
    Service, fleet,
    rollout::{Callers, train, version},
    until,
};
use crate::{
    http::ask,
    program::{Program, text},
};

/// The state of the gateway's canary of this version.
fn canary(gateway: &Service, version: &str) -> Option<String> {
    let status = gateway.status();
    let canaries = status["canaries"].as_array().expect("canaries");
    let mine = canaries.iter().find(|canary| canary["canary"] == version)?;
    mine["state"].as_str().map(str::to_owned)
}

/// Takes the gateway's canary through its stages, whoever drives the rollout.
fn promote(gateway: &Service, version: &str) {
    for _stage in 0..2 {
        let answer = ask(&gateway.address, "POST", "/api/gateway/canaries/m/promote", "");
        assert!((200..300).contains(&answer.status), "{}: {}", answer.status, text(&answer.body));
    }
    assert_eq!(canary(gateway, version).as_deref(), Some("promoted"));
}

/// Begins a rollout of two stages that nobody lives to see the end of, and waits until the gateway gives it a share.
fn begin(program: &Program, gateway: &Service, version: &str) -> crate::program::Stream {
    let model = format!("m:{version}");
    let deploy = program.stream(&[
        "fleet",
        "deploy",
        &model,
        "--stage-seconds",
        "3600",
        "--min-requests",
        "10",
        "--max-p95",
        "100",
        "--stages",
        "50,100",
    ]);
    until("the canary runs", || canary(gateway, version).as_deref() == Some("running"));
    until("the record says so", || steps(&newest(program), "start the canary") == 1);
    deploy
}

/// The newest rollout as the workspace has it.
fn newest(program: &Program) -> Value {
    program.document(&["fleet", "rollouts"])["rollouts"][0].clone()
}

fn steps(rollout: &Value, what: &str) -> usize {
    let steps = rollout["steps"].as_array().expect("steps");
    steps.iter().filter(|step| step["what"].as_str().is_some_and(|said| said.contains(what))).count()
}

#[test]
fn a_rollout_whose_process_was_killed_is_taken_up_and_served_and_verified() {
    let (program, node, gateway) = fleet(Service::url);
    train(&program, 10);
    let callers = Callers::start(&gateway.address);
    begin(&program, &gateway, "2").kill();
    promote(&gateway, "2");
    let left = newest(&program);
    assert_eq!((&left["state"], &left["ended_at"]), (&json!("canary"), &Value::Null), "{left}");
    assert_eq!(version(&node), "1", "nobody made it the served version");

    let done = program.document(&["fleet", "deploy", "m", "--resume"]);
    assert_eq!((&done["id"], &done["state"]), (&left["id"], &json!("done")), "{done}");
    assert_eq!((&done["from"], steps(&done, "start the canary")), (&json!("1"), 1), "begun once: {done}");
    assert_eq!((steps(&done, "take it up"), steps(&done, "verify which version 'east'")), (1, 1), "{done}");
    assert_eq!(version(&node), "2", "verified by asking, too");
    assert_eq!(newest(&program)["state"], "done", "the record ends");
    assert_eq!(callers.stop().1, 0, "no caller noticed");

    let again = program.run(&["fleet", "deploy", "m", "--resume"]);
    assert_eq!(again.status.code(), Some(2), "{}", text(&again.stderr));
    assert!(text(&again.stderr).contains("under way"), "{}", text(&again.stderr));
}

#[test]
fn a_rollout_whose_process_was_killed_goes_back_when_a_person_says_so() {
    let (program, node, gateway) = fleet(Service::url);
    train(&program, 10);
    begin(&program, &gateway, "2").kill();
    let over_it = program.run(&["fleet", "deploy", "m:2"]);
    assert_eq!(over_it.status.code(), Some(2), "{}", text(&over_it.stderr));
    assert!(text(&over_it.stderr).contains("--resume"), "{}", text(&over_it.stderr));

    let back = program.document(&["fleet", "rollback", "m"]);
    assert_eq!((&back["state"], &back["plan"]["model"]), (&json!("rolled_back"), &json!("m:2")), "{back}");
    assert_eq!(canary(&gateway, "2").as_deref(), Some("rolled_back"));
    assert_eq!((version(&gateway), version(&node)), (json!("1"), json!("1")));
    assert_eq!(newest(&program)["state"], "rolled_back");
}

#[test]
fn what_the_gateway_ended_waits_for_a_server_that_starts_later() {
    let (program, node, gateway) = fleet(Service::url);
    train(&program, 10);
    // Going back needs the gateway alone.
    begin(&program, &gateway, "2").kill();
    let (left, address) = node.crash();
    let back = program.stream(&["fleet", "rollback", "m"]);
    until("the gateway goes back", || canary(&gateway, "2").as_deref() == Some("rolled_back"));
    until("the record says whom it waits for", || {
        newest(&program)["reason"].as_str().is_some_and(|reason| reason.contains(&address))
    });
    let node = Service::launch(left, &["node"], &address);
    assert_eq!(back.finish(), Some(0), "{}", newest(&program));
    assert_eq!((&newest(&program)["state"], version(&node)), (&json!("rolled_back"), json!("1")));

    // What was promoted is served and verified where the server was away.
    begin(&program, &gateway, "2").kill();
    promote(&gateway, "2");
    let (left, address) = node.crash();
    let resumed = program.stream(&["fleet", "deploy", "m", "--resume"]);
    until("the record says whom it waits for", || {
        newest(&program)["reason"].as_str().is_some_and(|reason| reason.contains(&address))
    });
    let node = Service::launch(left, &["node"], &address);
    assert_eq!(resumed.finish(), Some(0), "{}", newest(&program));
    assert_eq!((&newest(&program)["state"], version(&node)), (&json!("done"), json!("2")));
}

#[test]
fn a_rollout_without_traffic_is_not_brought_anywhere_when_a_person_goes_back() {
    let (program, node, gateway) = fleet(Service::url);
    train(&program, 10);
    let workspace = Workspace::open(program.home()).expect("a workspace");
    let mut store = Store::open(&workspace).expect("a store");
    let first = store.rollouts().expect("rollouts").remove(0);
    // As their processes left them: before anything was done, while it was loaded, while it was warmed.
    let states = [RolloutState::Planned, RolloutState::Loading, RolloutState::Warming];
    for (state, later) in states.into_iter().zip([1.0, 2.0, 3.0]) {
        let mut left = first.clone();
        left.id = format!("left-{later}");
        left.plan.model.version = 2;
        (left.state, left.from, left.ended_at) = (state, Some("1".to_owned()), None);
        left.started_at += later;
        left.steps.clear();
        left.before.clear();
        store.put_rollout(&left).expect("kept");

        let back = program.document(&["fleet", "rollback", "m"]);
        assert_eq!((&back["id"], &back["state"]), (&json!(left.id), &json!("rolled_back")), "{back}");
        assert_eq!(back["reason"], "A person went back.", "{back}");
        assert_eq!((steps(&back, "upload"), canary(&gateway, "2")), (0, None), "{back}");
        assert_ne!(node.get("/v2/models/m/versions/2/ready").status, 200, "{back}");
        assert_eq!((version(&gateway), version(&node)), (json!("1"), json!("1")));
    }
}

#[test]
fn two_processes_do_not_drive_one_rollout_and_either_can_end_it() {
    let (program, node, gateway) = fleet(Service::url);
    train(&program, 10);
    let driver = begin(&program, &gateway, "2");
    for (second, says) in [
        (&["fleet", "deploy", "m", "--resume"][..], "another process"),
        (&["fleet", "deploy", "m:2"], "goes on already"),
    ] {
        let refused = program.run(second);
        assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
        assert!(text(&refused.stderr).contains(says), "{}", text(&refused.stderr));
    }
    let back = program.document(&["fleet", "rollback", "m"]);
    assert_eq!(back["state"], "rolled_back", "{back}");
    assert_eq!(driver.finish(), Some(1), "whoever wanted it out is told that it is not");
    assert_eq!(steps(&back, "take it up"), 0, "{back}");
    assert_eq!((version(&gateway), version(&node)), (json!("1"), json!("1")));
}

/// Waits until the fleet's state is so; what goes wrong on the way fails the test.
fn state(heard: &Receiver<Heard>, what: &str, is_so: impl Fn(&FleetState) -> bool) -> FleetState {
    loop {
        match heard.recv_timeout(Duration::from_mins(1)) {
            Ok(Heard::State(state)) if is_so(&state) => return *state,
            Ok(Heard::Said(Severity::Error, message)) => panic!("{what}: {message}"),
            Ok(_) => {}
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

#[test]
fn an_open_window_takes_up_what_a_killed_command_left_and_its_orders_count() {
    let (program, node, gateway) = fleet(Service::url);
    train(&program, 10);
    let workspace = Workspace::open(program.home()).expect("a workspace");
    let (tell, heard) = channel();
    let hub = Hub::start(&workspace, move |news| drop(tell.send(news))).expect("it starts");
    // As a window does when a page of the fleet is opened.
    hub.send(FleetCommand::Watch { open: true });
    hub.send(FleetCommand::ResumeRollouts { model: None });
    begin(&program, &gateway, "2").kill();

    let taken_up = |state: &FleetState| {
        let newest = &state.rollouts[0];
        newest.plan.model.version == 2 && newest.steps.iter().any(|step| step.what.starts_with("take it up"))
    };
    let rollout = state(&heard, "it is taken up", taken_up).rollouts[0].id.clone();
    hub.send(FleetCommand::PromoteRollout { rollout: rollout.clone() });
    state(&heard, "it goes on", |state| state.rollouts[0].stage == 1);
    hub.send(FleetCommand::PromoteRollout { rollout });
    let ended = state(&heard, "it ends", |state| state.rollouts[0].ended_at.is_some());
    assert_eq!(ended.rollouts[0].state, RolloutState::Done, "{}", ended.rollouts[0].reason);
    drop(hub);
    assert_eq!((version(&gateway), version(&node)), (json!("2"), json!("2")));
    assert_eq!(newest(&program)["state"], "done");
}
