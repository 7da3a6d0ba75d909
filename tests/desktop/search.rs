//! Page Search in the real window: trees searched to an end, searched further, and cancelled with every trial kept.

use egui::{Key, Modifiers, accesskit::Role};
use serde_json::Value;

use super::{pictures::Pictures, window::Window};
use crate::program::{Program, sample};

fn newest(program: &Program) -> Value {
    program.document(&["search", "list"])["searches"][0].clone()
}

fn trials(search: &Value) -> &[Value] {
    search["course"]["trials"].as_array().expect("trials")
}

#[test]
fn trees_are_searched_and_a_cancelled_search_keeps_its_trials() {
    let program = Program::for_window();
    program.document(&["data", "import", &sample()]);
    let mut pictures = Pictures::of(program.home());
    let mut window = Window::open(program.home(), "1440x900", &["--page", "search"]);

    window.wait_text("Nothing was searched yet", 60);
    window.press("New search…");
    window.wait_text("Search settings and architectures", 20);
    // Few leaves and large steps: trials of a second.
    window.fill("leaves", "log:4..32");
    window.fill("learning_rate", "log:0.1..0.3");
    window.click(Role::TextInput, "Trials");
    window.key(Key::A, Modifiers::COMMAND);
    window.type_text("5");
    window.press("Start search");
    window.wait_text("State: Finished", 180);
    window.wait_text("5 of 5", 20);
    window.wait_text("Trials across parameters: 5 finished trials", 20);
    pictures.take(&mut window, "search");
    let before = newest(&program);
    assert_eq!((&before["state"], trials(&before).len()), (&"finished".into(), 5), "{before}");

    window.press("Search further…");
    window.wait_text("Go on with the search", 20);
    window.fill("Trials in all", "300");
    window.press("Go on");
    window.wait_text("State: Running", 60);
    window.activate("Cancel search");
    window.wait_text("State: Cancelled", 60);
    window.wait_text("Resume…", 20);
    let after = newest(&program);
    assert_eq!(after["state"], "cancelled", "{after}");
    assert_eq!(trials(&after)[..5], *trials(&before), "what was settled stays as it was");
    let finished = trials(&after).iter().filter(|trial| trial["state"] == "finished").count();
    window.wait_text(&format!("{finished} finished"), 20);
}
