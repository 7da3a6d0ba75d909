//! Jobs: everything heavy or hostile, each in a child process of its own.
//!
//! ```text
//! parent ── spec.json, `job run SPEC` ──► child: lock, learn, checkpoints, events.jsonl, store
//!        ── steering on stdin ──────────►
//!        ◄── events on stdout ───────────   (also in runs/<id>/events.jsonl, which is the truth)
//! others ── runs/<id>/control ──────────►
//! ```

pub mod child;
mod compare;
mod compress;
mod control;
mod explain;
mod kept;
pub mod lines;
pub mod measure;
mod outbox;
mod rung;
mod search;
mod session;
pub mod spawn;
mod tune;
mod work;

pub use control::Control;
pub use spawn::{Heard, Job, Launch, Launcher};
pub use work::{LearnWork, RowAnswerer, Work};

use orrery_domain::{job::JobEvent, units::UnixSecs};
use serde::{Deserialize, Serialize};

/// A line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedEvent {
    /// When it was said.
    pub at: UnixSecs,
    /// What was said.
    #[serde(flatten)]
    pub event: JobEvent,
}

/// Seconds since 1970.
pub fn now() -> UnixSecs {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0.0, |elapsed| elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_domain::run::{Progress, RunState, SeriesId, SeriesPoint};

    #[test]
    fn a_logged_event_reads_back_as_it_was() {
        let events = [
            JobEvent::State { state: RunState::Paused, reason: Some("why".into()) },
            JobEvent::Progress {
                progress: Progress { step: 7, epoch: 0.1, ..Progress::default() },
                kind: None,
            },
            JobEvent::Points {
                series: vec![(SeriesId::TrainLoss, SeriesPoint { step: 3, secs: 0.1, value: 1.0 / 3.0 })],
            },
        ];
        for event in events {
            let logged = LoggedEvent { at: 1_700_000_000.123, event };
            let line = serde_json::to_string(&logged).expect("JSON");
            assert_eq!(serde_json::from_str::<LoggedEvent>(&line).expect("reads back"), logged);
        }
    }
}
