//! What goes wrong in a training: its class, its reason, what was kept, and how the run goes on.

use serde_json::Value;

use super::{run_of, short, state, sweep::events, with_fault};
use crate::program::Program;

/// The notes on the card of the model a stream ended with.
fn notes(program: &Program, lines: &[Value]) -> String {
    let model = lines.last().expect("lines")["model"].as_str().expect("a model").to_owned();
    program.document(&["models", "show", &model])["card"]["notes"].to_string()
}

#[test]
fn numbers_that_go_wrong_cost_half_the_rate_once_and_the_run_the_second_time() {
    let (program, arguments) = short(&["--epochs", "4"]);
    let (code, lines, said) = with_fault(&program, &arguments, "nan-loss@step:14");
    assert_eq!(code, Some(0), "{said}");
    assert!(lines.iter().any(|line| line["event"] == "rolled_back" && line["step"] == 10), "{lines:?}");
    assert!(notes(&program, &lines).contains("not finite at step 14"), "{}", notes(&program, &lines));
    let (code, lines, said) = with_fault(&program, &arguments, "nan-loss@step:14,nan-loss@step:20");
    let last = lines.last().expect("lines");
    assert_eq!(
        (code, &last["event"], &last["class"]),
        (Some(1), &"failed".into(), &"model".into()),
        "{said}"
    );
    assert!(last["kept"].as_str().is_some_and(|kept| kept.contains("checkpoint")), "{last}");
    assert!(last["message"].as_str().is_some_and(|message| message.contains("step 20")), "{last}");
    assert_eq!(state(&program, &run_of(&lines)), "failed");
}

#[test]
fn memory_that_ends_costs_rows_at_once_and_no_result() {
    let (program, arguments) = short(&["--epochs", "3"]);
    let (code, lines, said) = with_fault(&program, &arguments, "out-of-memory@step:3");
    assert_eq!(code, Some(0), "{said}");
    assert!(notes(&program, &lines).contains("8 rows at a time"), "{}", notes(&program, &lines));
    let (code, lines, _) = with_fault(&program, &arguments, "out-of-memory@step:3+");
    let last = lines.last().expect("lines");
    assert_eq!((code, &last["class"]), (Some(1), &"capacity".into()), "{last}");
    assert!(last["kept"].as_str().is_some_and(|kept| kept.contains("step 2")), "{last}");
}

#[test]
fn a_child_killed_for_memory_goes_on_once_with_half_the_rows_at_once() {
    let (program, arguments) = short(&["--epochs", "4"]);
    // The second process writes the third and the fourth checkpoint, and is not killed.
    let (code, lines, said) = with_fault(&program, &arguments, "kill@checkpoint-write:3");
    assert_eq!(code, Some(0), "{said}");
    let run = run_of(&lines);
    let spec = super::sweep::json(&program.home().join("runs").join(&run).join("spec.json"));
    assert_eq!((&spec["passes"], &spec["config"]["hyper"]["batch_size"]), (&2.into(), &16.into()));
    let begun: Vec<u64> = events(program.home(), &run)
        .iter()
        .filter(|event| event["event"] == "started")
        .filter_map(|event| event["from_step"].as_u64())
        .collect();
    assert_eq!(begun, [0, 20], "from its checkpoint");
    assert!(said.contains("half the rows at once"), "{said}");
    // Killed in both: it has failed for want of memory, with its checkpoint kept.
    let (code, lines, _) = with_fault(&program, &arguments, "kill@step:14");
    let last = lines.last().expect("lines");
    assert_eq!(
        (code, &last["event"], &last["class"]),
        (Some(1), &"failed".into(), &"capacity".into()),
        "{last}"
    );
    assert!(last["kept"].as_str().is_some_and(|kept| kept.contains("checkpoint")), "{last}");
}

#[test]
fn a_lost_device_is_replaced_where_allowed_or_by_hand() {
    let (program, mut arguments) = short(&["--epochs", "3"]);
    let (code, lines, _) = with_fault(&program, &arguments, "lost-device@step:14");
    let last = lines.last().expect("lines");
    assert_eq!(
        (code, &last["event"], &last["class"]),
        (Some(1), &"failed".into(), &"hardware".into()),
        "{last}"
    );
    assert!(last["kept"].as_str().is_some_and(|kept| kept.contains("step 13")), "{last}");
    let resumed = program.lines(&["runs", "resume", &run_of(&lines), "--device", "cpu"]);
    let started = resumed.iter().find(|line| line["event"] == "started").expect("a start");
    assert_eq!(started["from_step"], 13);
    assert_eq!(resumed.last().expect("lines")["event"], "finished");
    arguments.push("--cpu-fallback".to_owned());
    let (code, lines, said) = with_fault(&program, &arguments, "lost-device@step:14");
    assert_eq!(code, Some(0), "{said}");
    assert!(notes(&program, &lines).contains("goes on with the CPU"), "{}", notes(&program, &lines));
}

#[test]
fn a_full_disk_pauses_the_run_until_there_is_room() {
    let (program, arguments) = short(&["--epochs", "3"]);
    let (code, lines, said) = with_fault(&program, &arguments, "disk-full@checkpoint:2");
    assert_eq!(code, Some(0), "{said}");
    let states: Vec<&Value> = lines.iter().filter(|line| line["event"] == "state").collect();
    assert_eq!(
        states.iter().map(|line| line["state"].as_str().unwrap_or_default()).collect::<Vec<_>>(),
        ["paused", "running"]
    );
    assert!(
        states[0]["reason"].as_str().is_some_and(|reason| reason.contains("Free some space")),
        "{states:?}"
    );
    // Full while the trained model is written and noted as done.
    for place in 1..=4 {
        let (code, lines, said) =
            with_fault(&program, &arguments, &format!("disk-full@file:{place},disk-full@room:1"));
        assert_eq!(code, Some(0), "file {place}: {said}");
        assert!(lines.iter().any(|line| line["state"] == "paused"), "file {place}: {lines:?}");
    }
    // Full to the end: its parent is killed, the run is paused, and goes on by hand once there is room.
    let refs: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut full = program.stream_with(&refs, &[("ORRERY_FAULT", "disk-full@checkpoint:2+")]);
    let run =
        full.until("the start", |line| line["event"] == "started")["run"].as_str().expect("an id").to_owned();
    full.until("the pause", |line| line["event"] == "state" && line["state"] == "paused");
    full.kill();
    let resumed = program.lines(&["runs", "resume", &run]);
    let started = resumed.iter().find(|line| line["event"] == "started").expect("a start");
    assert_eq!(
        (&started["from_step"], state(&program, &run).as_str()),
        (&10.into(), "finished"),
        "{resumed:?}"
    );
}

#[test]
fn a_damaged_checkpoint_is_said_and_noted_on_the_card() {
    let (program, arguments) = short(&["--epochs", "4"]);
    let refs: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let unbroken = program.lines(&refs);
    let spec = super::sweep::again(program.home(), &run_of(&unbroken), "damaged");
    assert!(!super::sweep::go_on(&spec, Some("kill@step:23"), false).0.success());
    let folder = program.home().join("runs/damaged/checkpoints/mlp");
    let newest = folder.join("step-000000000020.checkpoint");
    let mut bytes = std::fs::read(&newest).expect("the second epoch's checkpoint");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    super::tables::put(&newest, &bytes);
    assert!(super::sweep::go_on(&spec, None, false).0.success());
    let said = events(program.home(), "damaged");
    let warned = said
        .iter()
        .any(|event| event["message"].as_str().is_some_and(|message| message.contains("is damaged")));
    assert!(warned, "{said:?}");
    assert!(notes(&program, &said).contains("is damaged"));
    let (broken, unbroken) = (
        super::sweep::Ended::read(program.home(), "damaged"),
        super::sweep::Ended::read(program.home(), &run_of(&unbroken)),
    );
    unbroken.assert_same(&broken, "a run whose newest checkpoint was damaged");
}
