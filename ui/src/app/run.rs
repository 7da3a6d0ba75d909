//! Opening the window.

use std::sync::Arc;

use orrery_domain::Engine;

/// What the command line asked of the window.
#[derive(Clone, Debug, Default)]
pub struct WindowOptions {
    /// The page to begin with, by its name.
    pub page: Option<String>,
    /// The renderer to use and no other: `wgpu` or `glow`.
    pub renderer: Option<String>,
}

/// Why no window came up.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// The page is unknown.
    #[error("there is no page '{0}': use home, data, train, runs, models or settings")]
    Page(String),
    /// The renderer is unknown.
    #[error("there is no renderer '{0}': use wgpu or glow")]
    Renderer(String),
    /// Nothing can draw here.
    #[error("{0}")]
    NoDisplay(String),
}

/// Opens the window and stays until it is closed.
///
/// # Errors
/// [`WindowError`].
pub fn run(_engine: Arc<dyn Engine>, _options: WindowOptions) -> Result<(), WindowError> {
    Err(WindowError::NoDisplay("The window is not built yet; `orrery --help` lists the commands.".to_owned()))
}
