//! The main job in the real window: open the sample, choose the target, train, watch, pause, judge, try one row.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use egui::{Key, Modifiers, accesskit::Role};

use super::window::Window;

/// Where pictures go: `ORRERY_SCREENSHOTS`, else the test's own folder.
fn pictures(home: &Path) -> PathBuf {
    let folder = std::env::var_os("ORRERY_SCREENSHOTS").map_or_else(|| home.join("pictures"), PathBuf::from);
    fs::create_dir_all(&folder).expect("a folder for pictures");
    folder
}

/// Takes a picture of the page in dark and in light, and checks that each shows something of its own.
fn picture(window: &mut Window, folder: &Path, page: &str) {
    let mut means = Vec::new();
    for theme in ["dark", "light"] {
        let path = folder.join(format!("{page}-{theme}.png"));
        let image = window.screenshot(&path);
        let colours: HashSet<_> = image.pixels().map(|pixel| pixel.0).collect();
        assert!(colours.len() > 50, "{} shows {} colours only", path.display(), colours.len());
        let sum: u64 = image.pixels().map(|pixel| u64::from(pixel.0[1])).sum();
        means.push(sum / (u64::from(image.width()) * u64::from(image.height())));
        window.key(Key::L, Modifiers::COMMAND | Modifiers::SHIFT);
    }
    assert!(means[0] < 100 && means[1] > 150, "dark is dark and light is light: {means:?}");
}

#[test]
fn a_person_trains_pauses_judges_and_tries_a_model_in_the_window() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = folder.path().join("workspace");
    let pictures = pictures(folder.path());
    let mut window = Window::open(&home, "1440x900", &[]);

    window.wait_text("Open the sample", 60);
    picture(&mut window, &pictures, "home");
    window.press("Open the sample");
    window.click(Role::Tab, "Data");
    window.wait_text("sched_arr_time", 60);
    window.click(Role::ComboBox, "Target");
    window.type_text("late");
    window.press("late");
    window.wait_text("Binary classification", 60);
    window.key(Key::Escape, Modifiers::NONE);
    picture(&mut window, &pictures, "data");

    window.press("Train…");
    window.wait_text("Start training", 20);
    window.press("Multilayer perceptron");
    window.wait_text("Peak memory", 60);
    picture(&mut window, &pictures, "train");
    window.press("Start training");
    window.wait_text("State: Running", 60);
    window.press("Pause run");
    window.wait_text("State: Paused", 60);
    window.press("Resume run");
    window.wait_text("State: Finished", 180);
    picture(&mut window, &pictures, "runs");

    window.press("Show model");
    window.wait_text("AUROC", 60);
    picture(&mut window, &pictures, "models");
    window.press("Try one row");
    window.wait_text("carrier", 20);
    window.activate("Predict this row");
    window.wait_text("Prediction: ", 60);
    picture(&mut window, &pictures, "models-try");

    window.click(Role::Tab, "Settings");
    window.wait_text("Outbound connections", 20);
    picture(&mut window, &pictures, "settings");
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
