//! Effects: the workspace on disk, its store, child processes, and the supervisor that drives them for the window.
//!
//! ```text
//! window ──Command──► supervisor ──spawn──► child (`orrery job run`) ──► learn
//!        ◄─Snapshot──     │   ▲                  │ events.jsonl, checkpoints, lock
//!                         ▼   └──events──────────┘
//! command line ───────► store (SQLite) ◄── the child's own record
//! ```
//!
//! The store is written only through [`store`]; a run's folder only by the process that holds its lock.

mod auth;
pub mod datasets;
pub mod devices;
pub mod files;
pub mod fleet;
pub mod gateway;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod node;
pub mod registry;
pub mod runs;
pub mod search;
pub mod searches;
pub mod store;
pub mod supervisor;
pub mod tune;
pub mod workspace;

/// Decisions, for whoever acts through the engine.
pub use orrery_policy as policy;
pub use supervisor::Supervisor;
pub use workspace::Workspace;
