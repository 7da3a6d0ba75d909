//! Fleet: watches servers wherever they are, says what they really support, and changes what runs on them.
//!
//! ```text
//! store ─► Hub (one thread) ─► watch (a task an endpoint: health each second, metrics each 15 s, probes)
//!            ▲   │                 │
//! command ───┘   ├─► rollout, drill, conformance, simulation, try-it: tasks
//!                ▼                 ▼
//!              Board ◄── notes ────┘ ──► FleetState, at most 4 a second
//! ```
//!
//! Nothing is contacted before a region is enabled and somebody watches.

mod board;
pub mod client;
pub mod conformance;
pub mod demo;
mod deployments;
mod drill;
mod gateways;
mod hub;
mod identity;
pub(crate) use identity::dialect as identity_dialect;
mod look;
mod probe;
mod rollout;
mod scrape;
pub mod setup;
mod side_by_side;
mod tries;
pub mod vantage;
mod watch;

pub use hub::{Heard, Hub};
