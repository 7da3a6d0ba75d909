//! The main job in the real window: open the sample, choose the target, train, watch, pause, judge, try one row; and a crash in between.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use egui::{Key, Modifiers, accesskit::Role};

use super::{pictures::Pictures, window::Window};
use crate::program::Program;

#[test]
fn a_person_trains_pauses_judges_and_tries_a_model_in_the_window() {
    let program = Program::for_window();
    let mut pictures = Pictures::of(program.home());
    let mut window = Window::open(program.home(), "1440x900", &[]);

    window.wait_text("Open the sample", 60);
    pictures.take(&mut window, "home");
    window.press("Open the sample");
    window.click(Role::Tab, "Data");
    window.wait_text("sched_arr_time", 60);
    window.click(Role::ComboBox, "Target");
    window.type_text("late");
    window.press("late");
    window.wait_text("Binary classification", 60);
    window.key(Key::Escape, Modifiers::NONE);
    pictures.take(&mut window, "data");

    window.press("Train…");
    window.wait_text("Start training", 20);
    window.press("Multilayer perceptron");
    window.wait_text("Peak memory", 60);
    pictures.take(&mut window, "train");
    window.press("Start training");
    window.wait_text("State: Running", 60);
    window.press("Pause run");
    window.wait_text("State: Paused", 60);
    window.press("Resume run");
    window.wait_text("State: Finished", 180);
    pictures.take(&mut window, "runs");

    window.press("Show model");
    window.wait_text("AUROC", 60);
    pictures.take(&mut window, "models");
    window.press("Try one row");
    window.wait_text("carrier", 20);
    window.activate("Predict this row");
    window.wait_text("Prediction: ", 60);
    pictures.take(&mut window, "models-try");

    window.click(Role::Tab, "Settings");
    window.wait_text("Outbound connections", 20);
    pictures.take(&mut window, "settings");
}

#[test]
fn the_window_comes_back_where_it_was_after_a_crash() {
    let program = Program::for_window();
    let mut window = Window::open(program.home(), "1280x720", &[]);
    window.wait_text("Open the sample", 60);
    window.click(Role::Tab, "Settings");
    window.wait_text("Outbound connections", 20);
    // The state as it is kept: JSON inside of a JSON string.
    let kept = || {
        let state = fs::read_to_string(program.home().join("window.state"));
        state.is_ok_and(|state| state.contains(r#"\"page\":\"settings\""#))
    };
    let end = Instant::now() + Duration::from_secs(10);
    while !kept() {
        assert!(Instant::now() < end, "the page was not kept in 10 s");
        sleep(Duration::from_millis(50));
    }
    window.kill();
    let mut again = Window::open(program.home(), "1280x720", &[]);
    again.wait_text("Outbound connections", 60);
}
