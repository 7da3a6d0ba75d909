//! Opening the window: wgpu first, OpenGL when no adapter or surface comes up, and a clear message when neither does.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use eframe::{NativeOptions, Renderer};
use egui::{ViewportBuilder, vec2};
use orrery_domain::Engine;

use super::App;
use crate::{context::WindowFacts, route::PageId};

/// Called when a frame begins: for measurements.
pub type FrameHook = Box<dyn FnMut()>;

/// What the command line asked of the window.
#[derive(Default)]
pub struct WindowOptions {
    /// The page to begin with, by its name.
    pub page: Option<String>,
    /// The renderer to use and no other: `wgpu` or `glow`.
    pub renderer: Option<String>,
    /// What to call when a frame begins.
    pub on_frame: Option<FrameHook>,
}

/// Why no window came up.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// The page is unknown.
    #[error("There is no page '{0}': use home, data, train, runs, models or settings.")]
    Page(String),
    /// The renderer is unknown.
    #[error("There is no renderer '{0}': use wgpu or glow.")]
    Renderer(String),
    /// There is no display to open a window on.
    #[error(
        "No window can be opened here, because no display answers ({0}). On Linux a running X11 or Wayland session and \
         libxkbcommon are needed (Debian: libxkbcommon0 libxkbcommon-x11-0). Everything the window does works without \
         one: `orrery data import FILE`, `orrery train --data FILE --target COLUMN`, `orrery models list`; \
         `orrery --help` lists the rest."
    )]
    NoDisplay(String),
    /// A display is there, but nothing can draw on it.
    #[error(
        "No window can be opened here, because nothing can draw on this display: {0}. A Vulkan or OpenGL driver is \
         needed (Debian: mesa-vulkan-drivers libgl1-mesa-dri libegl1). Everything the window does works without one: \
         `orrery data import FILE`, `orrery train --data FILE --target COLUMN`, `orrery models list`; \
         `orrery --help` lists the rest."
    )]
    NoRenderer(String),
}

/// Opens the window and stays until it is closed.
///
/// # Errors
/// [`WindowError`]: an unknown option, no display, or nothing that can draw on it.
#[expect(clippy::needless_pass_by_value, reason = "the window owns its engine until it closes")]
pub fn run(engine: Arc<dyn Engine>, options: WindowOptions) -> Result<(), WindowError> {
    let WindowOptions { page, renderer, on_frame } = options;
    let on_frame = Rc::new(RefCell::new(on_frame));
    let page = match page {
        Some(name) => Some(PageId::from_name(&name).ok_or(WindowError::Page(name))?),
        None => None,
    };
    let forced = match renderer.as_deref() {
        None => None,
        Some("wgpu") => Some(Renderer::Wgpu),
        Some("glow" | "opengl") => Some(Renderer::Glow),
        Some(other) => return Err(WindowError::Renderer(other.to_owned())),
    };
    if let Some(renderer) = forced {
        let reason = "It was asked for with --renderer.".to_owned();
        return open(&engine, page, renderer, reason, &on_frame)
            .map_err(|error| explain(&[(renderer, error)]));
    }
    let reason = "It is tried first, and it works here.".to_owned();
    let Err(first) = open(&engine, page, Renderer::Wgpu, reason, &on_frame) else { return Ok(()) };
    log::warn!("wgpu cannot draw here, trying OpenGL: {first}");
    if is_display(&first) {
        return Err(WindowError::NoDisplay(first.to_string()));
    }
    let reason = format!("wgpu is tried first, but it cannot draw here: {first}.");
    open(&engine, page, Renderer::Glow, reason, &on_frame)
        .map_err(|second| explain(&[(Renderer::Wgpu, first), (Renderer::Glow, second)]))
}

fn is_display(error: &eframe::Error) -> bool {
    matches!(error, eframe::Error::WinitEventLoop(_) | eframe::Error::Winit(_))
}

fn explain(tried: &[(Renderer, eframe::Error)]) -> WindowError {
    let words: Vec<String> = tried.iter().map(|(renderer, error)| format!("{renderer}: {error}")).collect();
    if tried.iter().any(|(_, error)| is_display(error)) {
        WindowError::NoDisplay(words.join("; "))
    } else {
        WindowError::NoRenderer(words.join("; "))
    }
}

fn open(
    engine: &Arc<dyn Engine>,
    page: Option<PageId>,
    renderer: Renderer,
    reason: String,
    on_frame: &Rc<RefCell<Option<FrameHook>>>,
) -> Result<(), eframe::Error> {
    let viewport = ViewportBuilder::default()
        .with_title("Orrery")
        .with_app_id("orrery")
        .with_inner_size(vec2(1360.0, 860.0))
        .with_min_inner_size(vec2(880.0, 560.0))
        .with_icon(icon());
    let native = NativeOptions {
        viewport,
        renderer,
        centered: true,
        persist_window: false,
        system_font_fallback: false,
        ..NativeOptions::default()
    };
    let (engine, on_frame) = (Arc::clone(engine), Rc::clone(on_frame));
    eframe::run_native(
        "Orrery",
        native,
        Box::new(move |creation| {
            let facts = WindowFacts {
                renderer: renderer_words(creation),
                renderer_reason: reason,
                own_file_dialog: std::env::var_os("ORRERY_FILE_DIALOG")
                    .is_some_and(|value| value == "window"),
                ..WindowFacts::default()
            };
            Ok(Box::new(Window {
                app: App::new(&creation.egui_ctx, engine, page, facts),
                on_frame: on_frame.take(),
            }))
        }),
    )
}

/// The renderer in use and what it draws with.
fn renderer_words(creation: &eframe::CreationContext<'_>) -> String {
    match &creation.wgpu_render_state {
        Some(state) => {
            let info = state.adapter.get_info();
            format!("wgpu on {:?}: {}", info.backend, info.name)
        }
        None => "OpenGL (glow)".to_owned(),
    }
}

/// The program's mark as an icon: a planet on its ring.
fn icon() -> egui::IconData {
    const SIDE: i32 = 64;
    let mut rgba = Vec::with_capacity((SIDE * SIDE * 4) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (dx, dy) = (x as f32 - 31.5, y as f32 - 31.5);
            let radius = dx.hypot(dy);
            let planet = (dx - 17.0).hypot(dy + 17.0);
            let cover = |distance: f32| (0.5 - distance).clamp(0.0, 1.0);
            let ring = cover((radius - 24.0).abs() - 1.5);
            let sun = cover(radius - 10.0);
            let moon = cover(planet - 7.0);
            let alpha = ring.max(sun).max(moon);
            let colour: [u8; 3] = if sun > 0.0 { [91, 157, 255] } else { [206, 211, 217] };
            rgba.extend_from_slice(&colour);
            rgba.push((alpha * 255.0) as u8);
        }
    }
    egui::IconData { rgba, width: SIDE as u32, height: SIDE as u32 }
}

/// The app as eframe wants it.
struct Window {
    app: App,
    on_frame: Option<FrameHook>,
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        if let Some(on_frame) = &mut self.on_frame {
            on_frame();
        }
        self.app.logic(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.app.draw(ui);
    }
}
