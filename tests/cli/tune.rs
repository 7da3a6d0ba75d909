//! `orrery tune`: settings are measured on nodes, kept through kills, applied to running nodes, and undone.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::with_network;
use crate::{http::ask, program::text};

/// A quick tuning of a small space.
const QUICK: [&str; 18] = [
    "tune",
    "--model",
    "net:1",
    "--clients",
    "2",
    "--rows",
    "2",
    "--batch-rows",
    "4,64",
    "--threads",
    "1,2",
    "--instances",
    "1,2",
    "--delay",
    "0,500",
    "--secs",
    "0.05",
    "--most-repeats=3",
];

fn measurements(report: &Value) -> Vec<Value> {
    report["measurements"].as_array().expect("measurements").clone()
}

/// The lines of a tuning's file.
fn kept(home: &Path) -> usize {
    let folders = std::fs::read_dir(home.join("tunings")).into_iter().flatten().flatten();
    let files =
        folders.filter_map(|folder| std::fs::read_to_string(folder.path().join("measurements.jsonl")).ok());
    files.map(|text| text.lines().count()).sum()
}

/// How the model is served by a node at that address.
fn served(address: &str) -> Value {
    ask(address, "GET", "/api/serving", "").json()
}

/// A row for the model that a node serves at that address: zeros and empty texts.
fn row(address: &str) -> String {
    let metadata = ask(address, "GET", "/v2/models/net", "").json();
    let value = |datatype: &Value| if datatype == "BYTES" { json!([""]) } else { json!([0]) };
    let input = |input: &Value| {
        json!({
            "name": input["name"], "datatype": input["datatype"], "shape": [1], "data": value(&input["datatype"])
        })
    };
    let inputs: Vec<Value> = metadata["inputs"].as_array().expect("inputs").iter().map(input).collect();
    json!({ "inputs": inputs }).to_string()
}

/// Asks a node without a pause until the value is told to end; how often it was asked, and what it answered badly.
struct Load {
    ends: Arc<AtomicBool>,
    asking: std::thread::JoinHandle<(u32, Vec<u16>)>,
}

impl Load {
    fn on(address: &str) -> Self {
        let (body, address, ends) = (row(address), address.to_owned(), Arc::<AtomicBool>::default());
        let told = Arc::clone(&ends);
        let asking = std::thread::spawn(move || {
            let (mut asked, mut bad) = (0, Vec::new());
            while !told.load(Ordering::Relaxed) {
                let status = ask(&address, "POST", "/v2/models/net/infer", &body).status;
                asked += 1;
                bad.extend((status != 200).then_some(status));
            }
            (asked, bad)
        });
        Self { ends, asking }
    }

    fn end(self) {
        self.ends.store(true, Ordering::Relaxed);
        let (asked, bad) = self.asking.join().expect("no panic");
        assert!(asked > 10 && bad.is_empty(), "{asked} requests, {bad:?}");
    }
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "waited for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_model_is_tuned_applied_to_a_running_node_and_undone() {
    let program = with_network();
    program.document(&["quantize", "net:1"]);
    let report = program.document(&[QUICK.as_slice(), &["--max-measurements", "5"]].concat());
    assert_eq!(report["stage"], "finished");
    assert_eq!(report["request"]["space"]["versions"], json!(["net:1", "net:2"]), "the quantized one, too");
    let all = measurements(&report);
    assert_eq!(all.len(), 5);
    assert_eq!(all[0]["setting"]["serving"]["threads"], 0, "how it is served now comes first");
    let doubt = report["request"]["pace"]["doubt"].as_f64().expect("a share");
    for found in &all {
        assert!(found["failure"].is_null(), "{found}");
        assert_eq!(found["repeats"], 3);
        let noisy = found["noisy"].as_array().expect("names of figures");
        for name in ["throughput", "p50", "p95", "p99", "memory", "cpu"] {
            let figure = &found["figures"][name];
            let [low, value, high] =
                ["low", "value", "high"].map(|end| figure[end].as_f64().expect("a number"));
            assert!(value > 0.0 && low <= value && value <= high, "{found}");
            assert_eq!(noisy.contains(&json!(name)), (high - low) / 2.0 / value > doubt, "{name}: {found}");
        }
    }
    let best = report["best"].as_u64().expect("a best") as usize;
    let value = |found: &Value| found["figures"]["throughput"]["value"].as_f64().expect("a number");
    assert!(all.iter().all(|found| value(found) <= value(&all[best])));
    // Applied to a node that runs, without asking it.
    let mut node = program.stream(&["node", "--listen", "127.0.0.1:0"]);
    let address = node.next().expect("it listens")["address"].as_str().expect("an address").to_owned();
    wait_for("the node", || ask(&address, "GET", "/v2/health/ready", "").status == 200);
    let usual = json!([{
        "model": "net", "version": 2, "batch_rows": 1024, "threads": 0, "instances": 1, "delay_micros": 0
    }]);
    assert_eq!(served(&address), usual, "the newest version, as the node's flags say");
    let chosen = all.iter().position(|found| {
        found["setting"]["model"] == "net:1" && found["setting"]["serving"]["threads"] != 0
    });
    let chosen = chosen.expect("the first version was measured");
    let number = (chosen + 1).to_string();
    let load = Load::on(&address);
    let applied = program.document(&["tune", "apply", "last", "--measurement", &number]);
    let mut wanted = all[chosen]["setting"]["serving"].clone();
    assert_eq!(applied["applied"]["serving"], wanted);
    wanted["model"] = json!("net");
    wanted["version"] = json!(1);
    wait_for("the node to take it", || served(&address).as_array().is_some_and(|all| all.contains(&wanted)));
    assert_eq!(ask(&address, "GET", "/v2/models/net", "").json()["versions"], json!(["1", "2"]));
    let shown = program.document(&["tune", "show"]);
    assert_eq!(shown["id"], report["id"]);
    // A node that starts takes it, too, unless it is told not to.
    for (flags, expected) in [(&[][..], &wanted["instances"]), (&["--ignore-tuned"], &json!(1))] {
        let mut other = program.stream(&[&["node", "--listen", "127.0.0.1:0"], flags].concat());
        let address = other.next().expect("it listens")["address"].as_str().expect("an address").to_owned();
        wait_for("the other node", || ask(&address, "GET", "/v2/health/ready", "").status == 200);
        assert_eq!(served(&address)[0]["version"], 1, "the version that was applied answers");
        assert_eq!(&served(&address)[0]["instances"], expected);
    }
    program.document(&["tune", "undo", "net"]);
    wait_for("the node to go back", || {
        served(&address).as_array().is_some_and(|all| all.iter().all(|one| one["threads"] == 0))
    });
    load.end();
    let again = program.run(&["tune", "undo", "net"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("Nothing was applied"), "{}", text(&again.stderr));
    let audit = std::fs::read_to_string(program.home().join("serving.audit.jsonl")).expect("a log");
    assert!(
        audit.lines().count() == 2 && audit.contains("apply the tuning") && audit.contains("undo the tuning")
    );
}

#[test]
fn a_killed_tuning_goes_on_without_measuring_anything_again() {
    let program = with_network();
    let asked = [QUICK.as_slice(), &["--max-measurements", "6"]].concat();
    let tuning = program.stream(&asked);
    wait_for("two measurements", || kept(program.home()) >= 2);
    tuning.kill();
    let unfinished = program.document(&["tune", "list"])["tunings"][0].clone();
    assert_eq!(unfinished["stage"], "unfinished");
    // Its child ends with it, at the latest when it has measured one more.
    let lock = program.home().join("tunings").join(unfinished["id"].as_str().expect("an id")).join("lock");
    let free = || std::fs::File::open(&lock).is_ok_and(|file| file.try_lock().is_ok());
    wait_for("the child's end", free);
    let before = program.document(&["tune", "show"]);
    let report = program.document(&asked);
    assert_eq!((&report["id"], &report["stage"]), (&before["id"], &json!("finished")));
    let (all, known) = (measurements(&report), measurements(&before));
    assert_eq!(all[..known.len()], known[..], "what was measured stays as it was");
    assert_eq!((all.len(), kept(program.home())), (6, 6));
    // A larger budget goes on, too.
    let more = program.document(&["tune", "resume", "last", "--max-measurements", "7"]);
    assert_eq!(measurements(&more)[..6], all[..]);
    assert_eq!(measurements(&more).len(), 7);
}

#[test]
fn a_surface_is_recorded_and_the_search_replayed_on_it() {
    let program = with_network();
    let out = program.home().join("surface.json");
    let out = out.to_str().expect("UTF-8");
    let space = ["--batch-rows", "4,64", "--threads", "1", "--instances", "1,2", "--delay", "0"];
    let quick = ["--model", "net", "--clients", "2", "--secs", "0.05", "--most-repeats=3"];
    let recorded = program
        .document(&[&["tune", "record", "--out", out, "--title", "small"], &space[..], &quick].concat());
    assert_eq!(recorded["settings"], 4);
    let replayed = program.document(&["tune", "replay", out, "--share", "100", "--seeds", "2"]);
    let all = replayed["replays"].as_array().expect("replays").clone();
    assert!(!all.is_empty());
    for found in &all {
        assert_eq!((&found["surface"], &found["measurements"]), (&json!("small"), &json!(4)));
        assert_eq!(found["shares"], json!([1.0, 1.0]), "all was measured, so the best was found: {found}");
    }
}

#[test]
fn what_makes_no_sense_is_said_and_nothing_is_measured() {
    let program = with_network();
    for (arguments, code, words) in [
        (&["tune"][..], 2, "which model"),
        (&["tune", "--model", "none"], 2, "no model"),
        (&["tune", "--model", "net", "--goal", "speed"], 2, "no figure"),
        (&["tune", "--model", "net", "--limit", "p95=soon"], 2, "no unit of p95"),
        (&["tune", "--model", "net", "--batch-rows", "64,4"], 2, "must ascend"),
        (&["tune", "--model", "net", "--versions", "9"], 2, "no model"),
        (&["tune", "--model", "net", "--instances", "1,999"], 2, "1 to 256 instances"),
        (&["tune", "--model", "net", "--secs", "0"], 2, "0.05 to 60 s"),
        (&["tune", "show", "x"], 2, "no tuning 'x'"),
        (&["tune", "apply"], 2, "no tuning yet"),
        (&["tune", "undo", "net"], 2, "Nothing was applied"),
        (&["tune", "replay", "/nothing.json"], 1, "cannot be read"),
    ] {
        let refused = program.run(arguments);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    assert_eq!(kept(program.home()), 0);
}
