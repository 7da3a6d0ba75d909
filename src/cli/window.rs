//! `orrery` without a subcommand: the window.

use std::sync::Arc;

use clap::Args;
use orrery_domain::{Engine, Failure, FailureClass};
use orrery_engine::Supervisor;
use orrery_ui::{WindowError, WindowOptions};

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

pub fn run(context: &Context, arguments: &WindowArguments) -> Outcome {
    let engine = Arc::new(Supervisor::start(context.workspace.clone(), context.launcher.clone())?);
    let options = WindowOptions {
        page: arguments.page.clone(),
        renderer: arguments.renderer.clone(),
        on_frame: super::frames::from_environment(),
    };
    let opened = orrery_ui::run(Arc::clone(&engine) as Arc<dyn Engine>, options);
    engine.close();
    opened.map_err(|error| {
        let (class, help) = match &error {
            WindowError::Page(_) | WindowError::Renderer(_) => (FailureClass::Client, ""),
            _ => (FailureClass::Hardware, " Every command works without a window: see `orrery --help`."),
        };
        Failure::new(class, format!("{error}{help}")).into()
    })
}
