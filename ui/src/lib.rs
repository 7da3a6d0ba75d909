//! The window: draws snapshots, sends commands. Knows the vocabulary and egui, nothing else of ours.
//!
//! ```text
//! Engine ──wake──► App::logic ──Arc<Snapshot>──► page data.rs ──view model──► view.rs ──► pixels
//!    ▲                 │                                                        │
//!    └──── Command ◄───┴── execute ◄──── Outbox (wishes) ◄── buttons, keys, palette
//! ```
//!
//! `app` (shell) → `pages` → `widgets` → `theme`. Pages never import pages: they go there by [`route::Route`].

pub mod app;
pub mod command;
pub mod context;
pub mod draft;
pub mod format;
pub mod pages;
pub mod route;
pub mod run_index;
mod shortcuts;
pub mod theme;
pub mod widgets;

use std::sync::Arc;

use orrery_domain::Engine;

pub use app::{FrameHook, WindowError, WindowOptions};

/// Opens the window and stays until it is closed.
///
/// # Errors
/// [`WindowError`] when no window can be opened here, saying what is missing and what to do instead.
pub fn run(engine: Arc<dyn Engine>, options: WindowOptions) -> Result<(), WindowError> {
    app::run(engine, options)
}
