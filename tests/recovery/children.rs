//! Children: none outlives its purpose, none is lost when its parent goes, two never have one run.

use std::{
    fmt::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use super::{
    short, state,
    sweep::{Ended, events},
    tables,
};
use crate::program::{Program, text};

/// Processes of the program that work for a workspace, but for the one whose id is given.
fn processes(home: &Path, but: u32) -> Vec<u32> {
    let home = home.to_str().expect("UTF-8");
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        *id != but && text(&line).contains(home)
    })
    .collect()
}

/// Waits until no process works for a workspace.
fn assert_quiet(home: &Path, what: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while !processes(home, 0).is_empty() {
        assert!(Instant::now() < end, "{what}: {:?} still work", processes(home, 0));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(id: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().expect("sent");
    assert!(sent.success(), "{name} to {id}");
}

/// Whether whoever started the tests had SIGHUP ignored, as `nohup` does: then the programs they start ignore it too.
fn hang_ups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// A long training under way: its id and its stream.
fn under_way(program: &Program, arguments: &[String]) -> (String, crate::program::Stream) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut run = program.stream(&arguments);
    let id =
        run.until("the start", |line| line["event"] == "started")["run"].as_str().expect("an id").to_owned();
    run.until("a checkpoint", |line| line["event"] == "checkpoint");
    (id, run)
}

#[test]
fn a_parent_that_is_killed_or_closed_leaves_no_child_and_a_run_that_goes_on() {
    let (program, arguments) = short(&["--epochs", "3000"]);
    for name in ["KILL", "HUP", "TERM"] {
        if name == "HUP" && hang_ups_are_ignored() {
            println!("SKIPPED: hang-ups are ignored here (nohup), so a closed terminal cannot be tested");
            continue;
        }
        let (id, run) = under_way(&program, &arguments);
        signal(run.id(), name);
        run.finish();
        assert_quiet(program.home(), name);
        assert_eq!(state(&program, &id), "paused", "{name}");
        let last = events(program.home(), &id).into_iter().rev().find(|event| event["event"] == "state");
        let reason = last.expect("a state")["reason"].as_str().unwrap_or_default().to_owned();
        assert!(reason.contains("Stopped with a checkpoint"), "{name}: by its own words: {reason}");
        assert_eq!(program.document(&["runs", "cancel", &id])["run"]["state"], "cancelled");
    }
}

#[test]
fn a_suspended_child_whose_parent_goes_meanwhile_ends_too() {
    let (program, arguments) = short(&["--epochs", "3000"]);
    let (id, run) = under_way(&program, &arguments);
    let child = processes(program.home(), run.id());
    assert_eq!(child.len(), 1, "one child");
    signal(child[0], "STOP");
    signal(run.id(), "KILL");
    run.finish_unread();
    // The system wakes a stopped child whose parent is gone (and hangs up on it); where it does not, this does.
    std::thread::sleep(Duration::from_millis(100));
    Command::new("kill").args(["-CONT", &child[0].to_string()]).output().expect("sent");
    assert_quiet(program.home(), "awake again");
    assert_eq!(state(&program, &id), "paused");
    assert_eq!(program.document(&["runs", "cancel", &id])["run"]["state"], "cancelled");
}

#[test]
fn a_machine_that_sleeps_changes_no_result() {
    let (program, arguments) = short(&["--epochs", "60"]);
    let refs: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let unbroken = program.lines(&refs)[0]["run"].as_str().expect("an id").to_owned();
    let (id, run) = under_way(&program, &arguments);
    let all = processes(program.home(), 0);
    for id in &all {
        signal(*id, "STOP");
    }
    std::thread::sleep(Duration::from_millis(500));
    for id in &all {
        signal(*id, "CONT");
    }
    assert_eq!(run.finish(), Some(0));
    let (unbroken, slept) = (Ended::read(program.home(), &unbroken), Ended::read(program.home(), &id));
    unbroken.assert_same(&slept, "a run whose machine slept");
}

#[test]
fn two_resumes_at_once_are_one_run() {
    let (program, arguments) = short(&["--epochs", "200"]);
    let (id, run) = under_way(&program, &arguments);
    run.kill();
    assert_quiet(program.home(), "killed");
    let both: Vec<_> =
        (0..2).map(|_| program.command(&["runs", "resume", &id, "--json"]).output_later()).collect();
    let codes: Vec<Option<i32>> =
        both.into_iter().map(|output| output.join().expect("no panic").status.code()).collect();
    assert!(codes.contains(&Some(0)), "one of them goes on with it: {codes:?}");
    assert_quiet(program.home(), "both over");
    assert_eq!(state(&program, &id), "finished");
    assert_eq!(program.document(&["models", "list"])["models"].as_array().expect("models").len(), 1);
    // Each step was done by one process: no point stands twice in the history.
    let mut steps: Vec<u64> = Vec::new();
    for event in events(program.home(), &id) {
        if event["event"] == "started" {
            let from = event["from_step"].as_u64().expect("a step");
            steps.retain(|step| *step <= from);
        }
        let points = event["series"].as_array().cloned().unwrap_or_default();
        steps.extend(
            points
                .iter()
                .filter(|point| point[0] == "valid_loss")
                .filter_map(|point| point[1]["step"].as_u64()),
        );
    }
    assert!(steps.is_sorted_by(|a, b| a < b), "{steps:?}");
}

/// Starts a command on a thread of its own.
trait Later {
    fn output_later(self) -> std::thread::JoinHandle<std::process::Output>;
}

impl Later for Command {
    fn output_later(mut self) -> std::thread::JoinHandle<std::process::Output> {
        std::thread::spawn(move || self.output().expect("it starts"))
    }
}

#[test]
fn what_a_killed_import_left_half_written_is_removed_at_the_next_start() {
    let program = Program::new();
    let data = program.home().join("table.csv");
    tables::write(&data, tables::Target::Binary, 5);
    let data = data.to_str().expect("UTF-8");
    let killed = program.command(&["data", "import", data]).env("ORRERY_FAULT", "kill@table:1").output();
    assert_ne!(killed.expect("it starts").status.code(), Some(0), "it was killed");
    assert_quiet(program.home(), "killed");
    let left = || std::fs::read_dir(program.home().join("blobs")).expect("a folder").count();
    assert_eq!(left(), 1, "the half-written table");
    assert_eq!(program.document(&["data", "list"])["datasets"], serde_json::json!([]));
    assert_eq!(left(), 0);
    program.document(&["data", "import", data]);
}

#[test]
fn an_import_that_is_cancelled_leaves_nothing_behind() {
    let program = Program::new();
    let data = program.home().join("big.csv");
    let mut rows = String::new();
    for row in 0..100_000_u32 {
        writeln!(rows, "{row},{}.5,word{},{}", row % 977, row % 31, row % 2).expect("memory");
    }
    // Large enough to be still under way when the signal comes.
    let content = format!("a,b,c,y\n{}", rows.repeat(40));
    crate::program::put(&data, content.as_bytes());
    let mut cancelled = 0;
    for delay in [0, 5, 10, 20, 40, 80, 160] {
        let mut child =
            program.command(&["data", "import", data.to_str().expect("UTF-8")]).spawn().expect("it starts");
        // The moment counts from when the reading child is there, however long the start took.
        while processes(program.home(), child.id()).is_empty() && child.try_wait().expect("asked").is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(delay));
        let id = child.id();
        let waiting = std::thread::spawn(move || child.wait_with_output().expect("it ends"));
        if !waiting.is_finished() {
            signal(id, "INT");
        }
        let code = waiting.join().expect("no panic").status.code();
        // Before it listens to Ctrl-C a process just dies of it; after the import it is too late.
        assert!(matches!(code, Some(0 | 130) | None), "{code:?}");
        cancelled += u32::from(code == Some(130));
        assert_quiet(program.home(), "cancelled");
        if code == Some(0) {
            println!("imported before the signal {delay} ms after its begin");
            break;
        }
        let left: Vec<_> =
            std::fs::read_dir(program.home().join("blobs")).into_iter().flatten().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(program.document(&["data", "list"])["datasets"], serde_json::json!([]));
    }
    assert!(cancelled > 0, "one was cancelled while it was read");
    program.document(&["data", "import", data.to_str().expect("UTF-8")]);
}
