//! Runs that cannot be lost: killed, broken and starved on purpose, and what is left of them.
//!
//! ```text
//! setups (20 ways to train) ──► sweep: kill at a breakpoint, go on, kill again … ──► the same bits as the unbroken run
//! ```

mod setups;
mod sweep;
mod tables;
