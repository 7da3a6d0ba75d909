//! The fleet in the real window, over the real demo: four nodes and a gateway in processes of their own, and a little traffic.

use egui::accesskit::Role;

use super::{pictures::Pictures, window::Window};
use crate::program::Program;

#[test]
fn a_fleet_is_watched_simulated_asked_and_drilled_in_the_window() {
    let program = Program::for_window();
    let mut demo = program.stream(&["fleet", "demo"]);
    demo.until("it serves", |event| event["event"] == "ready");
    let mut pictures = Pictures::of(program.home());
    let mut window = Window::open(program.home(), "1440x900", &["--page", "fleet"]);

    // Everything is looked at from here, from the gateway and from the other three nodes.
    window.wait_text("us-east p95: ", 60);
    window.wait_text("5 of 5 see it ready", 60);
    pictures.take(&mut window, "fleet");

    window.click(Role::Tab, "Traffic");
    window.wait_text("Level 0 takes 100% of the requests", 30);
    window.press("Simulate");
    window.wait_text("Peak EWMA", 30);
    pictures.take(&mut window, "traffic");

    window.click(Role::Tab, "Deployments");
    window.click(Role::Row, "demo-delays");
    window.press("Show its inputs");
    window.wait_text("carrier", 30);
    window.activate("Ask");
    window.wait_text("The parts add up", 60);
    pictures.take(&mut window, "deployments");

    window.click(Role::Tab, "Drills");
    window.press("Start a drill…");
    window.press("Take us-east out");
    window.wait_text("us-east is out of the traffic of demo-gateway", 60);
    window.wait("its end", 120, |tree| !tree.says("Cancel drill"));
    pictures.take(&mut window, "drills");
    let drill = program.document(&["fleet", "status"])["drills"][0].clone();
    assert_eq!(drill["phase"], "done", "{drill}");
    assert!(drill["detection_secs"].is_f64() && drill["recovery_secs"].is_f64(), "{drill}");
    demo.kill();
}
