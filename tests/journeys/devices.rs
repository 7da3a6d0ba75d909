//! Devices: every adapter is named and judged, and one that crashes its driver costs nothing but its own probe.

use std::path::Path;

use crate::program::Program;

/// Mesa's software Vulkan driver; it dies on the shaders that training needs.
const LAVAPIPE: &str = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";

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
