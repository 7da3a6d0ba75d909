//! The one integration-test binary of the engine: real processes, real files, scripted work.

mod fake;
mod mutations;
mod processes;
mod store;
mod supervisor;
mod window_state;
