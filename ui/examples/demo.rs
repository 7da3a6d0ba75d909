//! The window over a made-up workspace: `cargo run -p orrery-ui --example demo -- [PAGE] [--empty]`. For looking at the design.

#[path = "../tests/all/support/engine.rs"]
#[expect(dead_code, reason = "the demo asks the engine nothing back")]
mod engine;
#[path = "../tests/all/support/fixture.rs"]
mod fixture;

use orrery_ui::{WindowError, WindowOptions};

fn main() -> Result<(), WindowError> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let empty = words.iter().any(|word| word == "--empty");
    let renderer = words.iter().find_map(|word| word.strip_prefix("--renderer=")).map(str::to_owned);
    let mut snapshot = if empty { fixture::empty() } else { fixture::busy() };
    snapshot.window_state = std::env::var("DEMO_STATE").ok().map(Into::into);
    let page = words.iter().find(|word| !word.starts_with("--")).cloned();
    orrery_ui::run(engine::StillEngine::new(snapshot), WindowOptions { page, renderer, on_frame: None })
}
