//! `orrery job edits`: edits the window's own state until it is killed, and says each edit. Tests kill it and look for what is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orrery_domain::{Command, Engine, Failure, FailureClass};
use orrery_engine::Supervisor;

use super::{Context, Outcome, output};

/// Between two edits: far more often than a window saves.
const GAP: Duration = Duration::from_millis(1);

pub fn run(context: &Context) -> Outcome {
    let engine = Supervisor::start(context.workspace.clone(), context.launcher.clone())?;
    let snapshot = engine.snapshot();
    let kept = match snapshot.window_state.as_deref() {
        None => 0,
        Some(text) => text.parse::<u64>().map_err(|error| {
            Failure::new(FailureClass::Client, format!("This workspace has a window of its own: {error}."))
        })?,
    };
    output::json(&serde_json::json!({ "kept": kept }))?;
    for edit in kept + 1.. {
        engine.send(Command::SaveWindowState { state: edit.to_string() });
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        output::json(&serde_json::json!({ "edited": edit, "at": at }))?;
        std::thread::sleep(GAP);
    }
    Ok(())
}
