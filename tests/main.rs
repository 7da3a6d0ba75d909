//! The one integration-test binary of the program.

mod architecture;
mod cli;
mod desktop;
#[cfg(unix)]
mod fleet;
mod hostile;
#[cfg(unix)]
mod http;
mod journeys;
#[cfg(unix)]
mod node;
mod program;
#[cfg(all(unix, feature = "fault-injection"))]
mod recovery;
