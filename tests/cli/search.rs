//! `orrery search`: trials are runs, the best becomes a model, and whatever ends it, nothing that was settled is done again.

#[cfg(target_os = "linux")]
use std::{
    collections::BTreeMap,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::program::{Program, put, sample, text};

/// A quick search over trees.
fn quick<'a>(sample: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments =
        vec!["search", "--data", sample, "--target", "late", "--models", "gbt", "--name", "best"];
    arguments.extend(["--set", "trees=30", "--set", "leaves=4..16", "--no-measure"]);
    arguments.extend(more);
    arguments
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn show(program: &Program, id: &str) -> Value {
    program.document(&["search", "show", id])["search"].clone()
}

fn trials(search: &Value) -> Vec<Value> {
    search["course"]["trials"].as_array().expect("trials").clone()
}

#[test]
fn the_best_trial_on_validation_rows_becomes_a_model_and_the_others_stay_runs() {
    let program = Program::new();
    let sample = sample();
    let lines = program.lines(&quick(&sample, &["--trials", "4", "--latency", "1s"]));
    let id = lines[0]["search"].as_str().expect("an id").to_owned();
    let search = &lines.last().expect("an end")["search"];
    let all = trials(search);
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|trial| trial["state"] == "finished"), "{all:?}");
    // The latency was limited, so it was measured; the size is that of the files.
    assert!(all.iter().all(|trial| number(&trial["row_secs"]) > 0.0 && number(&trial["bytes"]) > 1000.0));
    let best =
        all.iter().max_by(|a, b| number(&a["quality"]).total_cmp(&number(&b["quality"]))).expect("one");
    assert_eq!(search["chosen"][0], best["number"]);
    assert_eq!(search["model"], "best:1");
    let card = program.document(&["models", "show", "best:1"])["card"].clone();
    assert_eq!(card["lineage"]["search"], json!({ "search": id, "trial": best["number"] }));
    assert_eq!(card["config"]["hyper"]["leaves"], best["values"]["leaves"]);
    // The chosen model is the trial's own: it was trained once, and judged on the test rows only now.
    assert_eq!(card["valid"]["auroc"]["value"], best["quality"]);
    assert!(number(&card["test"]["auroc"]["value"]) > 0.6);
    for trial in &all {
        let run = program.document(&["runs", "show", trial["run"].as_str().expect("a run")]);
        assert_eq!(run["run"]["state"], "finished");
        assert_eq!(run["run"]["test"], json!({}), "no trial looks at the test rows");
    }
    assert_eq!(program.document(&["models", "list"])["models"].as_array().map(Vec::len), Some(1));
    let out = program.run(&["search", "show", &id]);
    assert!(text(&out.stdout).contains("best:1 is trial"), "{}", text(&out.stdout));
    // A larger budget goes on from there: what was settled stays as it was.
    program.lines(&["search", "resume", &id, "--trials", "6"]);
    let further = show(&program, &id);
    assert_eq!(trials(&further)[..4], all[..]);
    assert_eq!(trials(&further).len(), 6);
    assert_eq!(program.run(&["search", "resume", &id, "--trials", "2"]).status.code(), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_search_goes_on_with_every_settled_trial_and_repeats_none() {
    let program = Program::new();
    let sample = sample();
    let arguments = quick(&sample, &["--trials", "8", "--parallel", "2"]);
    let mut kept: BTreeMap<u64, Value> = BTreeMap::new();
    let mut stream = program.stream(&arguments);
    let id = stream.next().expect("a beginning")["search"].as_str().expect("an id").to_owned();
    for kill in 0..3 {
        let settled = |line: &Value| line["event"] == "trial" && line["trial"]["state"] == "finished";
        stream.until("a finished trial", settled);
        kill_job(&program, &id);
        stream.kill();
        let search = wait_until_free(&program, &id);
        for trial in trials(&search).iter().filter(|trial| trial["state"] == "finished") {
            let number = trial["number"].as_u64().expect("a number");
            let before = kept.insert(number, trial.clone());
            assert!(before.is_none_or(|before| before == *trial), "trial {number} changed");
        }
        assert!(kept.len() > kill, "{} settled after {} kills", kept.len(), kill + 1);
        stream = program.stream(&["search", "resume", &id]);
    }
    assert_eq!(stream.finish(), Some(0));
    let search = show(&program, &id);
    let all = trials(&search);
    assert_eq!((all.len(), search["state"].as_str()), (8, Some("finished")));
    for (number, before) in &kept {
        assert_eq!(all[*number as usize], *before, "a settled trial is neither lost nor done again");
    }
    // One run a trial, and one for the model.
    let runs = program.document(&["runs", "list"])["runs"].clone();
    assert_eq!(runs.as_array().map(Vec::len), Some(9));
    assert_eq!(program.document(&["models", "list"])["models"].as_array().map(Vec::len), Some(1));
}

#[cfg(target_os = "linux")]
#[test]
fn a_trial_that_ended_while_no_search_heard_of_it_is_not_the_end_of_the_search() {
    let program = Program::new();
    let sample = sample();
    let mut stream = program.stream(&quick(&sample, &["--trials", "3", "--parallel", "1"]));
    let id = stream.next().expect("a beginning")["search"].as_str().expect("an id").to_owned();
    stream.until("a trial", |line| line["event"] == "trial" && line["trial"]["state"] == "running");
    kill_job(&program, &id);
    stream.kill();
    let search = wait_until_free(&program, &id);
    let trial = trials(&search).last().expect("a trial").clone();
    let run = trial["run"].as_str().expect("a run");
    let end = Instant::now() + Duration::from_mins(1);
    while program.document(&["runs", "show", run])["run"]["state"] == "running" {
        assert!(Instant::now() < end, "the trial's process ends with its parent");
        std::thread::sleep(Duration::from_millis(20));
    }
    // By hand, to its end; it may have come there by itself.
    program.run(&["runs", "resume", run]);
    assert_eq!(program.document(&["runs", "show", run])["run"]["state"], "finished");
    assert_eq!(program.stream(&["search", "resume", &id]).finish(), Some(0));
    let all = trials(&show(&program, &id));
    assert!(all.len() == 3 && all.iter().all(|trial| trial["state"] == "finished"), "{all:?}");
    assert_eq!(all[trial["number"].as_u64().expect("a number") as usize]["run"], run);
}

/// Kills the search's own process as a crash would: the child of the command, whose spec names it.
#[cfg(target_os = "linux")]
fn kill_job(program: &Program, id: &str) {
    let specs = std::fs::read_dir(program.home().join("jobs")).expect("jobs").flatten();
    let specs: Vec<String> = specs
        .map(|entry| entry.path().join("spec.json"))
        .filter(|spec| std::fs::read_to_string(spec).is_ok_and(|text| text.contains(id)))
        .map(|spec| spec.to_str().expect("UTF-8").to_owned())
        .collect();
    let mut killed = 0;
    for process in std::fs::read_dir("/proc").expect("processes").flatten() {
        let line = std::fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        if line.split('\0').any(|argument| specs.iter().any(|spec| spec == argument)) {
            let pid = process.file_name().to_string_lossy().into_owned();
            killed += u32::from(
                Command::new("kill").args(["-9", &pid]).status().is_ok_and(|status| status.success()),
            );
        }
    }
    assert_eq!(killed, 1, "the search's own process");
}

/// Waits until no process has the search; its record.
#[cfg(target_os = "linux")]
fn wait_until_free(program: &Program, id: &str) -> Value {
    let lock = std::fs::File::open(program.home().join(format!("jobs/search-{id}/lock"))).expect("a lock");
    let end = Instant::now() + Duration::from_mins(1);
    while lock.try_lock().is_err() {
        assert!(Instant::now() < end, "the search has a process still");
        std::thread::sleep(Duration::from_millis(20));
    }
    lock.unlock().expect("unlocked");
    show(program, id)
}

#[test]
fn asha_stops_most_trials_early_and_they_go_on_from_their_checkpoints() {
    let program = Program::new();
    let sample = sample();
    let mut arguments =
        vec!["search", "--data", &sample, "--target", "late", "--models", "mlp", "--schedule", "asha"];
    arguments.extend([
        "--epochs",
        "9",
        "--set",
        "width=8..32",
        "--set",
        "depth=1",
        "--set",
        "batch_size=256",
    ]);
    arguments.extend(["--trials", "9", "--no-measure", "--name", "net"]);
    let lines = program.lines(&arguments);
    let search = &lines.last().expect("an end")["search"];
    let all = trials(search);
    let finished: Vec<&Value> = all.iter().filter(|trial| trial["state"] == "finished").collect();
    let waiting = all.iter().filter(|trial| trial["state"] == "waiting").count();
    assert!(!finished.is_empty() && finished.len() + waiting == 9 && waiting >= 5, "{all:?}");
    for trial in &all {
        let run = trial["run"].as_str().expect("a run");
        let events =
            std::fs::read_to_string(program.home().join(format!("runs/{run}/events.jsonl"))).expect("a log");
        let rungs: Vec<u64> = events
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|event| event["event"] == "rung")
            .filter_map(|event| event["resource"].as_u64())
            .collect();
        let reached = trial["reached"].as_array().expect("rungs").len();
        assert_eq!(rungs, [1, 3][..reached], "an epoch, then three: none is trained twice");
        let steps: Vec<u64> = events
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|event| event["event"] == "started")
            .filter_map(|event| event["from_step"].as_u64())
            .collect();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "it goes on: {steps:?}");
        if trial["state"] == "waiting" {
            assert_eq!(program.document(&["runs", "show", run])["run"]["state"], "paused");
        }
    }
    assert_eq!(search["model"], "net:1");
}

#[test]
fn hyperband_begins_brackets_higher_and_higher_and_the_best_third_goes_on() {
    let program = Program::new();
    let sample = sample();
    let mut arguments =
        vec!["search", "--data", &sample, "--target", "late", "--models", "mlp", "--schedule", "hyperband"];
    arguments.extend(["--rungs", "2", "--epochs", "3", "--set", "width=8..32", "--set", "depth=1"]);
    arguments.extend(["--set", "batch_size=256", "--trials", "5", "--no-measure", "--name", "net"]);
    let lines = program.lines(&arguments);
    let search = &lines.last().expect("an end")["search"];
    let all = trials(search);
    // Of two rungs, a round has three trials that begin with a third of the training, and two with all of it.
    let brackets: Vec<u64> = all.iter().filter_map(|trial| trial["bracket"].as_u64()).collect();
    assert_eq!(brackets, [0, 0, 0, 1, 1]);
    let states = |bracket: u64, state: &str| {
        all.iter().filter(|trial| trial["bracket"] == bracket && trial["state"] == state).count()
    };
    assert_eq!((states(0, "finished"), states(0, "waiting"), states(1, "finished")), (1, 2, 2), "{all:?}");
    let first = |trial: &Value| number(&trial["reached"][0]["loss"]);
    let best = all[..3].iter().min_by(|a, b| first(a).total_cmp(&first(b))).expect("three");
    assert_eq!(best["state"], "finished", "the one that was best at its rung went on: {all:?}");
    assert_eq!(search["model"], "net:1");
}

#[test]
fn evolution_changes_one_parameter_of_a_living_trial() {
    let program = Program::new();
    let file = program.home().join("rows.csv");
    let rows: Vec<String> = (0..300)
        .map(|row| format!("{},{},{}", row % 20, row % 7, if row % 20 + row % 7 > 12 { "yes" } else { "no" }))
        .collect();
    put(&file, format!("a,b,y\n{}\n", rows.join("\n")).as_bytes());
    let mut arguments = vec!["search", "--data", file.to_str().expect("UTF-8"), "--target", "y"];
    arguments.extend(["--models", "gbt", "--sampler", "evolution", "--trials", "22", "--parallel", "1"]);
    arguments.extend(["--set", "trees=5", "--set", "leaves=4..16", "--set", "learning_rate=log:0.01..0.5"]);
    arguments.extend(["--set", "weight_decay=log:0.01..10", "--no-measure", "--name", "best"]);
    let lines = program.lines(&arguments);
    let all = trials(&lines.last().expect("an end")["search"]);
    assert_eq!(all.len(), 22);
    let differences = |a: &Value, b: &Value| {
        let (a, b) = (a["values"].as_object().expect("values"), b["values"].as_object().expect("values"));
        a.iter().filter(|(name, value)| b.get(*name) != Some(*value)).count()
    };
    // The first twenty are drawn at random: two of them share neither learning rate nor weight decay. Then there are parents.
    for (place, child) in all.iter().enumerate().skip(1) {
        let nearest = all[..place].iter().map(|parent| differences(child, parent)).min();
        assert_eq!(nearest == Some(1), place >= 20, "trial {place}: {nearest:?} of {child}");
    }
}

#[test]
fn more_time_goes_on_where_time_ran_out() {
    let program = Program::new();
    let sample = sample();
    // No time for a single trial.
    let hasty = quick(&sample, &["--trials", "2", "--parallel", "1", "--budget", "0.001s"]);
    let output = program.run(&hasty);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("Resume the search with a larger one"), "{}", text(&output.stderr));
    let listed = program.document(&["search", "list"])["searches"][0].clone();
    let id = listed["id"].as_str().expect("an id");
    assert_eq!((&listed["state"], trials(&listed).len()), (&json!("failed"), 0), "{listed}");
    program.lines(&["search", "resume", id, "--budget", "1h"]);
    let done = show(&program, id);
    assert_eq!((&done["state"], &done["model"]), (&json!("finished"), &json!("best:1")), "{done}");
    assert_eq!(done["course"]["plan"]["secs"], 3600.0);
    let all = trials(&done);
    assert!(all.len() == 2 && all.iter().all(|trial| trial["state"] == "finished"), "{all:?}");
    // What it has used counts: less is refused, and more trials need no more time.
    let less = program.run(&["search", "resume", id, "--trials", "3", "--budget", "0.001s"]);
    assert_eq!(less.status.code(), Some(2));
    assert!(text(&less.stderr).contains("has used its time"), "{}", text(&less.stderr));
    program.lines(&["search", "resume", id, "--trials", "3", "--budget", "2h"]);
    let more = trials(&show(&program, id));
    assert_eq!((more.len(), &more[..2]), (3, &all[..]), "what was trained stays as it was");
}

#[test]
fn limits_and_cancelling_keep_every_trial() {
    let program = Program::new();
    let sample = sample();
    let output =
        program.command(&quick(&sample, &["--trials", "2", "--size", "10"])).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("None of the 2 finished trials is within the limits"));
    let list = program.document(&["search", "list"])["searches"].clone();
    assert_eq!(list[0]["state"], "failed");
    assert_eq!(trials(&list[0]).len(), 2);

    let mut stream = program.stream(&quick(&sample, &["--trials", "50", "--parallel", "1"]));
    let id = stream.next().expect("a beginning")["search"].as_str().expect("an id").to_owned();
    stream.until("a finished trial", |line| line["event"] == "trial" && line["trial"]["state"] == "finished");
    assert_eq!(program.document(&["search", "cancel", &id])["told"], true);
    assert_eq!(stream.finish(), Some(130));
    let search = show(&program, &id);
    assert_eq!(search["state"], "cancelled");
    let settled = trials(&search).iter().filter(|trial| trial["state"] == "finished").count();
    assert!((1..50).contains(&settled), "{settled}");
    assert_eq!(program.run(&["search", "cancel", &id]).status.code(), Some(2));
    // A goal that is met ends it, with a model.
    let lines = program.lines(&quick(&sample, &["--trials", "50", "--goal", "0.5", "--parallel", "1"]));
    assert_eq!(trials(&lines.last().expect("an end")["search"]).len(), 1);
}

#[test]
fn wrong_spaces_and_tables_are_refused_before_anything_starts() {
    let program = Program::new();
    let sample = sample();
    for more in [
        vec!["--set", "leaves=1..8"],
        vec!["--set", "speed=1..2"],
        vec!["--set", "leaves=8..x"],
        vec!["--models", "auto"],
        vec!["--sampler", "psychic"],
        vec!["--rungs", "9"],
        vec!["--metric", "goodness"],
        vec!["--latency", "5"],
    ] {
        let arguments = [&["search", "--data", &sample, "--target", "late"], more.as_slice()].concat();
        assert_eq!(program.run(&arguments).status.code(), Some(2), "{more:?}");
    }
    assert_eq!(program.run(&["search", "--data", &sample]).status.code(), Some(2));
    assert_eq!(program.run(&["search", "show", "20200101-000000-none"]).status.code(), Some(2));
    let table = program.home().join("table.json");
    put(&table, br#"{"space":[{"name":"x","range":{"kind":"int","low":0,"high":1}}],"rows":[{"at":[0],"value":1.0}]}"#);
    let table = table.to_str().expect("UTF-8");
    assert_eq!(program.run(&["search", "--table", table]).status.code(), Some(1));
    put(
        std::path::Path::new(table),
        br#"{"space":[{"name":"x","range":{"kind":"int","low":0,"high":2}}],"rows":[{"at":[0],"value":3.0},{"at":[1],"value":1.0},{"at":[2],"value":2.0}]}"#,
    );
    let replay = program.document(&["search", "--table", table, "--trials", "20"]);
    assert_eq!((number(&replay["optimum"]), replay["best"].as_array().map(Vec::len)), (1.0, Some(20)));
    assert_eq!(program.document(&["search", "list"])["searches"], json!([]));
}
