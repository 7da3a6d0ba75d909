//! `orrery job flood`: records runs until it is killed, and says of each what is safe. Tests kill it and look for what it said.

use std::time::Duration;

use orrery_domain::{Failure, FailureClass, RunId, dataset::Dataset, training::TrainConfig};
use orrery_engine::{runs, store::Store};

use super::{Context, Outcome, output};

/// Between two records, so that writers at once get their turns.
const GAP: Duration = Duration::from_millis(2);

pub fn run(context: &Context, prefix: &str) -> Outcome {
    let mut store = context.store()?;
    let Some((dataset, _)) = store.datasets()?.into_iter().next() else {
        return Err(Failure::new(FailureClass::Client, "Import a file first.").into());
    };
    for count in 0_u64.. {
        let id = RunId(format!("{prefix}-{count}"));
        match record(&mut store, &dataset, &id, prefix) {
            // The others kept the store busy: nothing was said, so nothing is missing.
            Err(super::End::Failed(failure)) if failure.class == FailureClass::Transient => {}
            outcome => outcome?,
        }
        std::thread::sleep(GAP);
    }
    Ok(())
}

/// Adds a run and changes it.
fn record(store: &mut Store, dataset: &Dataset, id: &RunId, note: &str) -> Outcome {
    store.add_run(&runs::record_of(id, dataset, &TrainConfig::new("y"), None))?;
    output::json(&serde_json::json!({ "added": id }))?;
    runs::note(store, id, note)?;
    output::json(&serde_json::json!({ "noted": id }))
}
