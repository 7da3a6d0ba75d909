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
    for fault in ["nan-loss@step:14", "nan-gradient@step:14"] {
        let (code, lines, said) = with_fault(&program, &arguments, fault);
        assert_eq!(code, Some(0), "{said}");
        assert!(lines.iter().any(|line| line["event"] == "rolled_back" && line["step"] == 10), "{lines:?}");
        assert!(notes(&program, &lines).contains("not finite at step 14"), "{}", notes(&program, &lines));
    }
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
fn trees_go_back_once_with_half_the_rate_and_linear_models_say_what_to_do() {
    let (program, mut arguments) = short(&["--trees", "30"]);
    let model = arguments.iter().position(|word| word == "mlp").expect("a model");
    arguments[model] = "gbt".to_owned();
    let unbroken = with_fault(&program, &arguments, "").1;
    let test = |lines: &[Value]| lines.last().expect("lines")["test"].clone();
    for fault in ["nan-loss@step:14", "nan-gradient@step:14"] {
        let (code, lines, said) = with_fault(&program, &arguments, fault);
        assert_eq!(code, Some(0), "{said}");
        assert!(lines.iter().any(|line| line["event"] == "rolled_back" && line["step"] == 0), "{lines:?}");
        assert!(
            notes(&program, &lines).contains("not finite after 14 rounds"),
            "{}",
            notes(&program, &lines)
        );
        assert_ne!(test(&lines), test(&unbroken), "half the rate grows other trees");
    }
    // A resumed run knows that it went back: the second time it fails, and keeps its checkpoint.
    let faults = "nan-loss@step:14,kill@step:16,nan-loss@step:20";
    let (code, lines, said) = with_fault(&program, &arguments, faults);
    assert_eq!(code, Some(1), "{said}");
    let (code, lines, said) = {
        let run = run_of(&lines);
        let resume = ["runs", "resume", &run].map(str::to_owned);
        with_fault(&program, &resume, "nan-loss@step:20")
    };
    let last = lines.last().expect("lines");
    assert_eq!((code, &last["class"]), (Some(1), &"model".into()), "{said}");
    assert!(last["message"].as_str().is_some_and(|message| message.contains("20 rounds")), "{last}");
    assert!(last["kept"].as_str().is_some_and(|kept| kept.contains("checkpoint")), "{last}");
    // A linear model has nothing to go back to: it says what to change; as a baseline it is only missed.
    arguments[model] = "linear".to_owned();
    let (code, lines, said) = with_fault(&program, &arguments, "nan-loss@linear:1");
    let last = lines.last().expect("lines");
    assert_eq!((code, &last["class"]), (Some(1), &"model".into()), "{said}");
    assert!(last["message"].as_str().is_some_and(|message| message.contains("weight decay above")), "{last}");
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

/// Whether a stream has a pause that says what to free.
fn paused_for_room(lines: &[Value]) -> bool {
    lines.iter().any(|line| {
        line["state"] == "paused"
            && line["reason"].as_str().is_some_and(|reason| reason.contains("Free some space"))
    })
}

#[test]
fn a_full_disk_while_the_model_is_registered_pauses_the_run_and_keeps_the_model() {
    let (program, arguments) = short(&["--epochs", "2"]);
    let (code, lines, said) = with_fault(&program, &arguments, "disk-full@register:1,disk-full@room:1");
    assert_eq!(code, Some(0), "{said}");
    assert!(paused_for_room(&lines), "{lines:?}");
    assert_eq!(state(&program, &run_of(&lines)), "finished");
    // Full to the end: the run is paused, and completed by hand once there is room, without training again.
    let refs: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let fault = [("ORRERY_FAULT", "disk-full@register:1+,disk-full@room:1+")];
    let mut full = program.stream_with(&refs, &fault);
    let run =
        full.until("the start", |line| line["event"] == "started")["run"].as_str().expect("an id").to_owned();
    full.until("the pause", |line| line["event"] == "state" && line["state"] == "paused");
    full.kill();
    let resumed = program.lines(&["runs", "resume", &run]);
    let last = resumed.last().expect("lines");
    assert_eq!((last["event"].as_str(), state(&program, &run).as_str()), (Some("finished"), "finished"));
    assert!(last["model"].is_string() && !resumed.iter().any(|line| line["event"] == "checkpoint"));
}

#[test]
fn a_full_disk_pauses_the_fits_that_a_run_could_do_without() {
    // The network's weights, graph and rules, then the record of it; the fifth file is the linear baseline's.
    let (program, arguments) = short(&["--epochs", "2"]);
    for place in 5..=8 {
        let fault = format!("disk-full@file:{place},disk-full@room:1");
        let (code, lines, said) = with_fault(&program, &arguments, &fault);
        assert_eq!(code, Some(0), "file {place}: {said}");
        assert!(paused_for_room(&lines), "file {place}: {lines:?}");
        let baselines = lines.last().expect("lines")["baselines"].to_string();
        assert!(baselines.contains("linear"), "file {place}: the baseline is there: {baselines}");
        assert!(!notes(&program, &lines).contains("could not be fitted"), "file {place}");
    }
    // `auto`: the trees' checkpoint waits by itself, their model and the record of it make the run pause.
    let mut auto = arguments.clone();
    *auto.iter_mut().find(|word| *word == "mlp").expect("a model") = "auto".to_owned();
    for place in [1, 2] {
        let fault = format!("disk-full@file:{place},disk-full@room:1");
        let (code, lines, said) = with_fault(&program, &auto, &fault);
        assert_eq!(code, Some(0), "file {place}: {said}");
        assert!(paused_for_room(&lines), "file {place}: {lines:?}");
        let model = lines.last().expect("lines")["model"].as_str().expect("a model").to_owned();
        let card = program.document(&["models", "show", &model]);
        let tried = card["card"]["candidates"].as_array().expect("candidates").len();
        assert_eq!(tried, 3, "file {place}: none was given up: {card}");
    }
}

#[test]
fn a_device_that_is_missing_is_replaced_where_allowed_at_the_start_and_when_a_run_goes_on() {
    let (program, mut arguments) = short(&["--epochs", "3"]);
    let device = arguments.iter().position(|word| word == "cpu").expect("a device");
    arguments[device] = "gpu:63".to_owned();
    let (code, lines, said) = with_fault(&program, &arguments, "");
    assert_eq!((code, &lines[0]["class"]), (Some(1), &"hardware".into()), "{said}");
    assert!(said.contains("no device 'gpu:63'"), "{said}");
    arguments.push("--cpu-fallback".to_owned());
    let (code, lines, said) = with_fault(&program, &arguments, "");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no device 'gpu:63'") && said.contains("computes with the CPU"), "{said}");
    let logged = events(program.home(), &run_of(&lines));
    let warned = |events: &[Value]| {
        events.iter().any(|event| {
            event["message"].as_str().is_some_and(|message| {
                message.contains("gpu:63")
                    && (message.contains("CPU instead") || message.contains("with the CPU"))
            })
        })
    };
    assert!(warned(&logged), "the run's own log says so, too: {logged:?}");
    // A run that goes on where there is no such device.
    arguments[device] = "cpu".to_owned();
    let (code, lines, said) = with_fault(&program, &arguments, "kill@step:14");
    assert_eq!(code, Some(1), "{said}");
    let resumed = program.lines(&["runs", "resume", &run_of(&lines), "--device", "gpu:63"]);
    let last = resumed.last().expect("lines");
    assert_eq!(last["event"], "finished", "{resumed:?}");
    assert!(warned(&events(program.home(), &run_of(&resumed))));
    // The device is gone when the run's process opens it.
    let spec = super::sweep::again(program.home(), &run_of(&resumed), "gone");
    let mut content = super::sweep::json(&spec);
    content["device"] = "gpu:63".into();
    crate::program::put(&spec, content.to_string().as_bytes());
    assert!(super::sweep::go_on(&spec, None, false).0.success());
    let said = events(program.home(), "gone");
    assert!(warned(&said) && notes(&program, &said).contains("gpu:63"), "on the card, too: {said:?}");
    content["config"]["cpu_fallback"] = false.into();
    content["run"] = "lost".into();
    let spec = spec.parent().expect("runs").with_file_name("lost").join("spec.json");
    std::fs::create_dir_all(spec.parent().expect("a folder")).expect("made");
    crate::program::put(&spec, content.to_string().as_bytes());
    assert!(!super::sweep::go_on(&spec, None, false).0.success());
    let said = events(program.home(), "lost");
    assert_eq!(said.last().expect("events")["class"], "hardware", "{said:?}");
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
    crate::program::put(&newest, &bytes);
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
