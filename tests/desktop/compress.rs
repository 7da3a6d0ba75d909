//! Page Compress in the real window: a network quantized, pruned and distilled, each with its figures.

use egui::accesskit::Role;

use super::{pictures::Pictures, prepared, window::Window};

/// Opens the question for another way than the first.
fn ask(window: &mut Window, way: &str) {
    window.press("Compress…");
    window.wait_text("Make a model smaller", 20);
    window.press(way);
}

/// Starts what is asked for and looks at what it made.
fn make(window: &mut Window, made: &str) {
    window.press("Make it");
    window.wait_text(&format!("{made} was made from flights-mlp:1."), 180);
    window.click(Role::Row, made);
    window.wait_text("Before and after", 20);
}

#[test]
fn a_network_is_quantized_pruned_and_distilled_in_the_window() {
    let program = prepared::with_network();
    let mut pictures = Pictures::of(program.home());
    let mut window = Window::open(program.home(), "1440x900", &["--page", "compress"]);

    window.wait_text("Nothing was compressed yet", 60);
    ask(&mut window, "Quantize");
    make(&mut window, "flights-mlp:2");
    let tree = window.wait_text("layers in whole numbers", 20);
    let report = |version: u32| {
        let shown = program.document(&["models", "show", &format!("flights-mlp:{version}")]);
        shown["card"]["compressions"][0]["report"].clone()
    };
    let quantized = report(2);
    let bytes = |side: &str| quantized[side]["bytes"].as_f64().expect("bytes");
    let ratio = bytes("after") / bytes("before");
    assert!(ratio < 1.0 && tree.says(&format!("On disk {ratio:.2}")), "{ratio} in\n{}", tree.text());

    ask(&mut window, "Prune");
    window.wait_text("What is taken out", 20);
    window.fill("Rounds", "2");
    window.fill("Training in the end", "2");
    make(&mut window, "flights-mlp:3");
    window.wait_text("Tensors that changed", 20);
    window.wait_text("What is left was trained further", 20);
    pictures.take(&mut window, "compress");

    ask(&mut window, "Distil");
    window.fill("Widths", "8");
    window.fill("Temperatures", "2");
    window.fill("Training", "1");
    make(&mut window, "flights-mlp:4");
    window.wait_text("Students", 20);
    pictures.take(&mut window, "compress-distil");

    for (version, way) in [(2, "layers"), (3, "rounds"), (4, "trials")] {
        let report = report(version);
        assert_eq!(report["from"], "flights-mlp:1", "{report}");
        assert!(report[way].as_array().is_some_and(|parts| !parts.is_empty()), "{way}: {report}");
    }
}
