//! The one integration-test binary of the engine: real processes, real files, scripted work.

mod fake;
mod processes;
mod store;
mod supervisor;
mod window_state;
