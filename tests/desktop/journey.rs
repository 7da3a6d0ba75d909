//! The main job in the real window: open the sample, choose the target, train, watch, pause, judge, try one row.

use egui::{Key, Modifiers, accesskit::Role};

use super::{pictures, window::Window};

#[test]
fn a_person_trains_pauses_judges_and_tries_a_model_in_the_window() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = folder.path().join("workspace");
    let kept = pictures::folder(folder.path());
    let mut window = Window::open(&home, "1440x900", &[]);

    window.wait_text("Open the sample", 60);
    pictures::take(&mut window, &kept, "home");
    window.press("Open the sample");
    window.click(Role::Tab, "Data");
    window.wait_text("sched_arr_time", 60);
    window.click(Role::ComboBox, "Target");
    window.type_text("late");
    window.press("late");
    window.wait_text("Binary classification", 60);
    window.key(Key::Escape, Modifiers::NONE);
    pictures::take(&mut window, &kept, "data");

    window.press("Train…");
    window.wait_text("Start training", 20);
    window.press("Multilayer perceptron");
    window.wait_text("Peak memory", 60);
    pictures::take(&mut window, &kept, "train");
    window.press("Start training");
    window.wait_text("State: Running", 60);
    window.press("Pause run");
    window.wait_text("State: Paused", 60);
    window.press("Resume run");
    window.wait_text("State: Finished", 180);
    pictures::take(&mut window, &kept, "runs");

    window.press("Show model");
    window.wait_text("AUROC", 60);
    pictures::take(&mut window, &kept, "models");
    window.press("Try one row");
    window.wait_text("carrier", 20);
    window.activate("Predict this row");
    window.wait_text("Prediction: ", 60);
    pictures::take(&mut window, &kept, "models-try");

    window.press("Explain…");
    window.wait_text("What is explained", 20);
    window.press("Explain model");
    window.wait_text("Beeswarm", 120);
    window.wait_text("The parts add up", 20);
    pictures::take(&mut window, &kept, "explain");
    window.press("One row");
    window.wait_text("Row 0: from", 20);
    window.activate("Explain the edited row");
    window.wait_text("Edited row: from", 60);
    pictures::take(&mut window, &kept, "explain-row");

    window.click(Role::Tab, "Compress");
    window.wait_text("Nothing was compressed yet", 20);
    window.press("Compress…");
    window.wait_text("Make a model smaller", 20);
    window.press("Prune");
    window.wait_text("What is taken out", 20);
    pictures::take(&mut window, &kept, "compress-question");
    window.press("Make it");
    window.wait_text("Tensors that changed", 180);
    window.wait_text("What is left was trained further", 20);
    pictures::take(&mut window, &kept, "compress");

    window.click(Role::Tab, "Search");
    window.wait_text("Nothing was searched yet", 20);
    window.press("New search…");
    window.wait_text("Search settings and architectures", 20);
    window.press("Linear model");
    window.press("Gradient-boosted trees");
    window.click(Role::TextInput, "Trials");
    window.key(Key::A, Modifiers::COMMAND);
    window.type_text("3");
    pictures::take(&mut window, &kept, "search-question");
    window.press("Start search");
    window.wait_text("State: Finished", 180);
    window.wait_text("3 of 3", 20);
    pictures::take(&mut window, &kept, "search");
    window.click(Role::Tab, "Tune");
    window.wait_text("Nothing was tuned yet", 20);
    window.press("Tune…");
    window.wait_text("Find the best way to serve a model", 20);
    window.click(Role::TextInput, "Measurements");
    window.type_text("3");
    window.click(Role::TextInput, "Seconds a repetition");
    window.type_text("0.1");
    pictures::take(&mut window, &kept, "tune-question");
    window.press("Measure");
    window.wait_text("is tuned.", 120);
    window.wait_text("Pareto front", 20);
    pictures::take(&mut window, &kept, "tune");
    window.press("Apply the best…");
    window.press("Apply");
    window.wait_text("is in force", 20);
    window.press("Undo what is applied…");
    window.press("Undo it");
    window.wait_text("Nothing is applied to", 20);

    window.click(Role::Tab, "Settings");
    window.wait_text("Outbound connections", 20);
    pictures::take(&mut window, &kept, "settings");
}

#[test]
fn the_window_comes_back_where_it_was_after_a_crash() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = folder.path().join("workspace");
    let mut window = Window::open(&home, "1280x720", &[]);
    window.wait_text("Open the sample", 60);
    window.click(Role::Tab, "Settings");
    window.wait_text("Outbound connections", 20);
    std::thread::sleep(std::time::Duration::from_secs(1));
    window.kill();
    let mut again = Window::open(&home, "1280x720", &[]);
    again.wait_text("Outbound connections", 60);
}
