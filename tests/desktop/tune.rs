//! Page Tune in the real window: a network measured as it is served, the best setting applied, and undone.

use super::{pictures::Pictures, prepared, window::Window};

#[test]
fn a_network_is_tuned_applied_and_undone_in_the_window() {
    let program = prepared::with_network();
    let mut pictures = Pictures::of(program.home());
    let mut window = Window::open(program.home(), "1440x900", &["--page", "tune"]);

    window.wait_text("Nothing was tuned yet", 60);
    window.press("Tune…");
    window.wait_text("Find the best way to serve a model", 20);
    window.fill("Measurements", "3");
    window.fill("Seconds a repetition", "0.1");
    window.press("Measure");
    window.wait_text("is tuned.", 120);
    window.wait_text("Pareto front", 20);
    pictures.take(&mut window, "tune");
    window.press("Apply the best…");
    window.press("Apply");
    window.wait_text("is in force", 20);
    window.press("Undo what is applied…");
    window.press("Undo it");
    window.wait_text("Nothing is applied to", 20);
    let tuning = program.document(&["tune", "show"]);
    assert_eq!(tuning["stage"], "finished", "{tuning}");
    assert_eq!(tuning["measurements"].as_array().map(Vec::len), Some(3), "{tuning}");
}
