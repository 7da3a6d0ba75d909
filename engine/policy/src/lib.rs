//! Decisions of Orrery: pure functions over plain values. Time, measurements and process endings are arguments.
//!
//! ```text
//! measurements ──► device::choose      which device `auto` means, and why
//! exit, signal ──► ending::classify    what a child's end means, and what class of failure it is
//! event        ──► lifecycle::fold     where a run stands after it
//! request      ──► lifecycle::refusal  whether a run may be paused, resumed, cancelled, deleted
//! traffic      ──► traffic::…          which endpoint answers, and what follows when it does not
//! sightings    ──► fleet::quorum       whether an endpoint is well when several look at it
//! ```
//!
//! Nothing here knows a clock, a file, a socket or a thread.

pub mod access;
pub mod device;
pub mod ending;
pub mod fleet;
pub mod lifecycle;
pub mod names;
pub mod retry;
pub mod traffic;
