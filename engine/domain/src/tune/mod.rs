//! Tuning: how a local model is best served on this machine, found by measuring.
//!
//! ```text
//! request (space, goals, workload) ─► measurements, each repeated until it is steady ─► report: best, front ─► serving settings
//! ```

mod goals;
mod measurement;
mod report;
mod request;
mod space;
mod surface;

pub use self::{
    goals::{Figure, Goals, Limit},
    measurement::{Interval, TuneMeasurement},
    report::{TuneReport, TuneStage},
    request::{Pace, TuneAsk, TuneRequest, Workload},
    space::{TuneSetting, TuneSpace},
    surface::{Replay, Surface},
};
