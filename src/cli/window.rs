//! `orrery` without a subcommand: the window.

use clap::Args;
use orrery_domain::{Failure, FailureClass};

use super::{Context, Outcome};

#[derive(Debug, Args)]
pub struct WindowArguments {
    /// The page to open
    #[arg(long, value_name = "NAME")]
    page: Option<String>,
    /// How to draw: wgpu or glow [default: the first that works]
    #[arg(long, value_name = "NAME")]
    renderer: Option<String>,
}

pub fn run(_context: &Context, _arguments: &WindowArguments) -> Outcome {
    Err(Failure::new(FailureClass::Bug, "The window is not built in yet.").into())
}
