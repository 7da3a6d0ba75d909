//! Page Compare in the real window: two versions on the sample, with the verdict and the slices that the command finds.

use super::{pictures::Pictures, prepared, window::Window};

#[test]
fn two_versions_are_compared_and_the_window_says_what_the_command_says() {
    let program = prepared::with_network();
    prepared::add_trees(&program);
    let found = program.document(&["models", "compare", "flights-gbt:1", "flights-mlp:1"]);
    let verdict = found["message"].as_str().expect("a verdict");
    let mut pictures = Pictures::of(program.home());
    let mut window = Window::open(program.home(), "1440x900", &["--page", "compare"]);

    // The newest two are offered, the newest first.
    window.wait_text("What is compared", 60);
    window.press("Compare models");
    window.wait_text("Comparison of flights-gbt:1, flights-mlp:1", 60);
    window.wait_text("Where each is worst", 120);
    let alike = verdict.contains("not distinguishable");
    window.wait_text(if alike { "State: Not distinguishable" } else { "State: One is better" }, 20);
    window.wait_text(verdict, 20);
    let tree = window.wait_text("test rows of every version that was trained on it", 20);
    for words in [
        "DeLong's test of the AUROCs",
        "McNemar's test of the predicted classes",
        "Calibration: in bins of equally many rows",
        "Quality and latency: AUROC by latency",
    ] {
        assert!(tree.says(words), "{words} in\n{}", tree.text());
    }
    pictures.take(&mut window, "compare");

    let worst = |model: &serde_json::Value| model["slices"]["worst"].as_array().map(Vec::len);
    let worst: Vec<Option<usize>> = found["models"].as_array().expect("both").iter().map(worst).collect();
    assert!(worst.iter().any(Option::is_some), "slices are looked for: {found}");
    window.scroll_to("Where each is worst");
    let tree = window.wait_text("Where each is worst", 20);
    assert_eq!(tree.says("Worst slices"), worst.iter().flatten().any(|count| *count > 0), "{worst:?}");
    assert_eq!(tree.says("certainly worse than in the rest"), worst.contains(&Some(0)), "{worst:?}");
    pictures.take(&mut window, "compare-slices");
}
