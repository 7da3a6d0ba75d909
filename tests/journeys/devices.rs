//! Devices: every adapter is named and judged, and one that crashes its driver costs nothing but its own probe.

use std::path::Path;

use serde_json::Value;

use crate::program::{Program, sample, text};

/// Mesa's software Vulkan driver; it dies on the shaders that training needs.
const LAVAPIPE: &str = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";

/// Chromium's software Vulkan driver; it computes right.
const SWIFTSHADER: &str = "/usr/lib/chromium/vk_swiftshader_icd.json";

#[test]
fn a_driver_that_crashes_is_an_unusable_device_and_the_processor_is_chosen() {
    if !Path::new(LAVAPIPE).exists() {
        println!("SKIPPED: Mesa's lavapipe is not installed (mesa-vulkan-drivers)");
        return;
    }
    let program = Program::new();
    let output = program
        .command(&["devices", "--json"])
        .env("VK_ICD_FILENAMES", LAVAPIPE)
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let devices = found["devices"].as_array().expect("devices");
    let (processor, adapter) = (&devices[0], &devices[1]);
    assert_eq!(
        (&processor["kind"], &processor["state"]["state"]),
        (&"cpu".into(), &"usable".into()),
        "{found}"
    );
    assert!(processor["state"]["rows_per_sec"].as_f64() > Some(0.0), "{found}");
    assert_eq!(adapter["kind"], "software_rasterizer", "{found}");
    assert!(
        adapter["name"].as_str().is_some_and(|name| name.contains("llvmpipe")),
        "named by its driver: {found}"
    );
    assert_eq!(adapter["state"]["state"], "unusable", "{found}");
    assert!(adapter["state"]["reason"].as_str().is_some_and(|reason| reason.len() > 20), "{found}");
    assert_eq!(found["advice"]["choice"], "cpu", "{found}");
}

#[test]
fn a_software_adapter_that_computes_right_is_usable_and_trains_as_the_processor_does() {
    if !Path::new(SWIFTSHADER).exists() {
        println!("SKIPPED: Chromium's SwiftShader is not installed (chromium)");
        return;
    }
    let program = Program::new();
    let on_adapter = |arguments: &[&str]| {
        let output = program
            .command(arguments)
            .arg("--json")
            .env("VK_ICD_FILENAMES", SWIFTSHADER)
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    };
    let found: Value = serde_json::from_str(&on_adapter(&["devices"])).expect("one JSON document");
    let adapter = &found["devices"][1];
    assert_eq!(adapter["kind"], "software_rasterizer", "{found}");
    assert!(adapter["name"].as_str().is_some_and(|name| name.contains("SwiftShader")), "{found}");
    assert_eq!(adapter["state"]["state"], "usable", "{found}");
    let error = adapter["state"]["gradient_error"].as_f64().expect("measured");
    assert!(error > 0.0 && error < 1e-3, "another device rounds otherwise, but not much: {found}");
    assert_eq!(found["advice"]["choice"], "cpu", "software is never chosen for a person: {found}");

    let sample = sample();
    let loss = |device: &str| {
        let flags =
            ["--model", "resnet", "--epochs", "1", "--batch-size", "1024", "--width", "32", "--depth", "1"];
        let train = ["train", "--data", &sample, "--target", "late", "--device", device];
        let said = on_adapter(&[&train[..], &flags[..]].concat());
        let last: Value = serde_json::from_str(said.lines().last().expect("a line")).expect("JSON");
        let used = last["device"].as_str().expect("named").to_owned();
        assert_eq!(used.contains("SwiftShader"), device == "gpu:0", "named as its driver names it: {used}");
        last["test"]["log_loss"]["value"].as_f64().expect("measured")
    };
    let (adapter, processor) = (loss("gpu:0"), loss("cpu"));
    assert!((adapter - processor).abs() < 1e-3 * processor, "{adapter} against {processor}");
}
