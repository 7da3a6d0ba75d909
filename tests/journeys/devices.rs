//! Devices: every adapter is named and judged, and one that crashes its driver costs nothing but its own probe.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::program::{Program, sample, text};

/// Mesa's software Vulkan driver.
const LAVAPIPE: &str = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";

/// Chromium's software Vulkan driver.
const SWIFTSHADER: &str = "/usr/lib/chromium/vk_swiftshader_icd.json";

/// What a command writes with only `driver` to compute on.
fn with_driver(program: &Program, driver: &Path, arguments: &[&str]) -> String {
    let output = program
        .command(arguments)
        .arg("--json")
        .env("VK_ICD_FILENAMES", driver)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// `orrery devices` with only `driver` to compute on; the processor and the adapter.
fn devices(program: &Program, driver: &Path) -> [Value; 2] {
    let found: Value =
        serde_json::from_str(&with_driver(program, driver, &["devices"])).expect("one JSON document");
    assert_eq!(found["advice"]["choice"], "cpu", "software is never chosen for a person: {found}");
    let [processor, adapter] = [&found["devices"][0], &found["devices"][1]].map(Clone::clone);
    assert_eq!(
        (&processor["kind"], &processor["state"]["state"]),
        (&json!("cpu"), &json!("usable")),
        "{found}"
    );
    assert!(processor["state"]["rows_per_sec"].as_f64() > Some(0.0), "{found}");
    assert_eq!(adapter["kind"], "software_rasterizer", "{found}");
    [processor, adapter]
}

/// Test log loss of a small network that trained on a device, and that device's name.
fn train_on(program: &Program, driver: &Path, device: &str) -> (f64, String) {
    let data = sample();
    let mut arguments = vec!["train", "--data", data.as_str(), "--target", "late", "--device", device];
    arguments.extend([
        "--model",
        "resnet",
        "--epochs",
        "1",
        "--batch-size",
        "1024",
        "--width",
        "32",
        "--depth",
        "1",
    ]);
    let said = with_driver(program, driver, &arguments);
    let last: Value = serde_json::from_str(said.lines().last().expect("a line")).expect("JSON");
    let name = last["device"].as_str().expect("named").to_owned();
    (last["test"]["log_loss"]["value"].as_f64().expect("measured"), name)
}

/// A driver that computes right is usable, and trains as the processor does.
fn computes_right(driver: &Path, name: &str) {
    let program = Program::new();
    let [_, adapter] = devices(&program, driver);
    assert!(adapter["name"].as_str().is_some_and(|named| named.contains(name)), "{adapter}");
    assert_eq!(adapter["state"]["state"], "usable", "{adapter}");
    let error = adapter["state"]["gradient_error"].as_f64().expect("measured");
    assert!(error > 0.0 && error < 1e-3, "another device rounds otherwise, but not much: {adapter}");
    let (ours, device) = train_on(&program, driver, "gpu:0");
    assert!(device.contains(name), "named as its driver names it: {device}");
    let (reference, device) = train_on(&program, driver, "cpu");
    assert!(!device.contains(name), "{device}");
    assert!((ours - reference).abs() < 1e-3 * reference, "{ours} against {reference}");
}

#[test]
fn swiftshader_computes_right_and_trains_as_the_processor_does() {
    if !Path::new(SWIFTSHADER).exists() {
        println!("SKIPPED: Chromium's SwiftShader is not installed (chromium)");
        return;
    }
    computes_right(Path::new(SWIFTSHADER), "SwiftShader");
}

/// Versions of lavapipe die on some shaders: then it is unusable, and said to be; else it must be right.
#[test]
fn lavapipe_computes_right_or_is_unusable() {
    if !Path::new(LAVAPIPE).exists() {
        println!("SKIPPED: Mesa's lavapipe is not installed (mesa-vulkan-drivers)");
        return;
    }
    let [_, adapter] = devices(&Program::new(), Path::new(LAVAPIPE));
    if adapter["state"]["state"] == "usable" {
        computes_right(Path::new(LAVAPIPE), "llvmpipe");
    } else {
        assert!(adapter["state"]["reason"].as_str().is_some_and(|reason| reason.len() > 20), "{adapter}");
    }
}

#[test]
fn a_driver_that_crashes_is_an_unusable_device_and_the_processor_is_chosen() {
    if !Path::new(LAVAPIPE).exists() {
        println!("SKIPPED: Mesa's lavapipe is not installed (mesa-vulkan-drivers)");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let driver = crashing_driver(folder.path());
    let [_, adapter] = devices(&Program::new(), &driver);
    assert!(adapter["name"].as_str().is_some_and(|name| name.contains("llvmpipe")), "{adapter}");
    assert_eq!(adapter["state"]["state"], "unusable", "{adapter}");
    assert!(
        adapter["state"]["reason"].as_str().is_some_and(|reason| reason.contains("SIGSEGV")),
        "{adapter}"
    );
}

/// Builds a driver that is lavapipe until a compute pipeline is made; its description for the Vulkan loader.
fn crashing_driver(folder: &Path) -> PathBuf {
    let mut described: Value =
        serde_json::from_slice(&fs::read(LAVAPIPE).expect("it is there")).expect("the loader reads JSON");
    let real = described["ICD"]["library_path"].as_str().expect("a library").to_owned();
    let library = folder.join("libcrashing_driver.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(format!("-DDRIVER=\"{real}\""))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journeys/crashing_driver.c"))
        .arg("-ldl")
        .output()
        .expect("the C compiler that Rust links with");
    assert!(built.status.success(), "{}", text(&built.stderr));
    described["ICD"]["library_path"] = json!(library);
    let file = folder.join("crashing_driver.json");
    File::create(&file).and_then(|mut to| to.write_all(described.to_string().as_bytes())).expect("written");
    file
}
