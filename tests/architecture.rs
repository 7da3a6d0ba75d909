//! The house's borders: who may import whom, and where certain names may stand.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Each crate of ours, with the crates of ours it may depend on.
const ALLOWED: [(&str, &[&str]); 7] = [
    ("orrery-domain", &[]),
    ("orrery-policy", &["orrery-domain"]),
    ("orrery-oip", &["orrery-domain"]),
    ("orrery-learn", &["orrery-domain"]),
    ("orrery-engine", &["orrery-domain", "orrery-policy", "orrery-oip", "orrery-learn"]),
    ("orrery-ui", &["orrery-domain"]),
    ("orrery", &["orrery-domain", "orrery-engine", "orrery-ui"]),
];

/// Foreign crates a room must not know, by the beginning of their names.
const FORBIDDEN: [(&str, &[&str]); 6] = [
    (
        "orrery-domain",
        &["egui", "eframe", "burn", "arrow", "parquet", "rusqlite", "tokio", "reqwest", "rand"],
    ),
    (
        "orrery-policy",
        &["egui", "eframe", "burn", "arrow", "parquet", "rusqlite", "tokio", "chrono", "rand", "sysinfo"],
    ),
    (
        "orrery-oip",
        &[
            "egui", "eframe", "burn", "arrow", "parquet", "rusqlite", "tokio", "hyper", "http", "axum",
            "reqwest",
        ],
    ),
    ("orrery-learn", &["egui", "eframe", "rusqlite", "reqwest", "axum", "hyper", "tokio"]),
    ("orrery-engine", &["egui", "eframe", "burn"]),
    ("orrery-ui", &["burn", "arrow", "parquet", "csv", "rusqlite", "forust", "safetensors", "reqwest"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Direct normal dependencies of each crate of the workspace.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let of = |package: &serde_json::Value| {
        package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
            .collect()
    };
    packages.iter().map(|p| (p["name"].as_str().expect("name").to_owned(), of(p))).collect()
}

/// Every Rust source below `folder`, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                let shown = path.strip_prefix(root()).expect("below the root").to_owned();
                found.push((shown, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    assert!(!found.is_empty(), "{folder} holds sources");
    found
}

const ROOMS: [&str; 9] = [
    "src",
    "ui/src",
    "engine/src",
    "engine/domain/src",
    "engine/policy/src",
    "engine/oip/src",
    "engine/oip/tests",
    "engine/learn/src",
    "tests",
];

/// A file's text without comments and without its test module, which has liberties.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Fails when any of `words` stands in the code of `folder`, files for which `except` is true left out.
fn forbid(folder: &str, words: &[&str], except: impl Fn(&Path) -> bool, why: &str) {
    let mut found = Vec::new();
    for (path, text) in sources(folder) {
        if except(&path) {
            continue;
        }
        let code = code(&text);
        for word in words {
            if code.contains(word) {
                found.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(found.is_empty(), "{why}\n{}", found.join("\n"));
}

fn below(path: &Path, folder: &str) -> bool {
    path.starts_with(folder)
}

#[test]
fn crates_depend_only_on_the_rooms_they_may_know() {
    let dependencies = dependencies();
    assert_eq!(dependencies.len(), ALLOWED.len(), "a new crate needs its row in this test");
    for (from, allowed) in ALLOWED {
        for to in dependencies[from].iter().filter(|name| name.starts_with("orrery")) {
            assert!(allowed.contains(&to.as_str()), "{from} must not depend on {to}");
        }
    }
}

#[test]
fn rooms_do_not_know_foreign_crates_of_other_rooms() {
    let dependencies = dependencies();
    for (from, forbidden) in FORBIDDEN {
        for to in &dependencies[from] {
            let hit = forbidden.iter().any(|prefix| to.starts_with(prefix));
            assert!(!hit, "{from} must not depend on {to}");
        }
    }
}

#[test]
fn every_file_opens_with_its_job() {
    for room in ROOMS {
        for (path, text) in sources(room) {
            assert!(text.starts_with("//! "), "{} must open with one //! sentence", path.display());
        }
    }
}

#[test]
fn files_stay_readable() {
    for room in ROOMS {
        for (path, text) in sources(room) {
            let lines = text.lines().count();
            assert!(lines <= 600, "{} has {lines} lines: split it by job", path.display());
        }
    }
}

#[test]
fn domain_policy_and_oip_touch_nothing() {
    let world =
        ["std::fs", "std::net", "std::thread", "std::process", "SystemTime::now", "Instant::now", "std::env"];
    forbid("engine/domain/src", &world, |_| false, "domain is plain data");
    forbid("engine/policy/src", &world, |_| false, "policy is pure: pass time and measurements as arguments");
    let golden = |path: &Path| path.ends_with("golden.rs") || path.ends_with("peer.rs");
    forbid("engine/src/search", &world, golden, "a search is pure state: its job acts");
    let acts = |path: &Path| {
        !["search.rs", "process.rs", "replay.rs"]
            .iter()
            .any(|pure| path.ends_with(Path::new("tune").join(pure)))
    };
    forbid("engine/src/tune", &world, acts, "how settings are chosen is pure state: its job measures");
    forbid("engine/oip/src", &world, |_| false, "oip is a codec: bytes in, values out");
}

#[test]
fn the_window_reads_and_writes_no_files() {
    let words = ["std::fs", "File::open", "File::create", "std::net", "std::process::Command"];
    forbid("ui/src", &words, |_| false, "the window's bytes leave through a Command");
}

#[test]
fn only_the_device_module_names_devices() {
    let words = ["Device::flex", "Device::wgpu", "Device::vulkan", "Device::webgpu", "Device::default"];
    let except =
        |path: &Path| below(path, "engine/learn/src/device") || path.ends_with("learn/src/device.rs");
    forbid("engine/learn/src", &words, except, "one module in learn names devices");
}

#[test]
fn only_the_store_speaks_sql() {
    forbid("engine/src", &["rusqlite"], |path| below(path, "engine/src/store"), "only engine::store writes");
}

#[test]
fn pages_do_not_import_pages() {
    for (path, text) in sources("ui/src/pages") {
        let Some(page) =
            path.components().nth(3).map(|part| part.as_os_str().to_string_lossy().replace(".rs", ""))
        else {
            continue;
        };
        if page == "mod" {
            continue;
        }
        for line in code(&text).lines() {
            if let Some(rest) = line.split("crate::pages::").nth(1) {
                let other: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let shared = other.is_empty() || other == page || other.starts_with(char::is_uppercase);
                assert!(shared, "{} imports page {other}: navigate by Route", path.display());
            }
        }
    }
}

#[test]
fn colours_come_from_the_theme() {
    let words =
        ["Color32::from_rgb", "Color32::from_gray", "Color32::from_rgba", "Color32::WHITE", "Color32::BLACK"];
    // A picture of the data has its own.
    let may = |path: &Path| below(path, "ui/src/theme") || path.ends_with("ui/src/widgets/pixels.rs");
    forbid("ui/src", &words, may, "colours are theme tokens");
}

#[test]
fn exceptions_to_lints_are_expected_with_a_reason() {
    for room in ROOMS {
        forbid(
            room,
            &["#[allow("],
            |path| path.ends_with("architecture.rs"),
            "write #[expect(…, reason = …)]",
        );
    }
}
