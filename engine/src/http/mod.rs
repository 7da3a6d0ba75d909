//! HTTP: what the node and the gateway share in listening, TLS, connections, traces, the form of metrics, and ending.
//!
//! ```text
//! signals ──end──┐
//!                ▼
//! listener ─► serve (limit of connections) ─► lane (a thread) ─► tls (rustls, reloaded) ─► hyper (HTTP/1.1) ─► the router
//! ```
//!
//! Nothing here knows what is served, but for the words that the protocol's routes are counted and logged by.

mod access_log;
pub mod exposition;
mod lanes;
mod named;
mod serve;
mod signals;
mod tls;
mod trace;

pub use lanes::{Lanes, Work};
pub use named::{Named, protocol_route};
pub use serve::{CutOff, Peer, ServeLimits, serve};
pub use signals::asked_to_end;
pub use tls::Tls;
