//! Around a plot: its title and tools, legend, values at the crosshair, what share of the points is shown, picture export.

use std::sync::{Arc, Mutex};

use egui::{Align, ColorImage, Layout, PopupAnchor, Rect, Response, Role, Tooltip, Ui, WidgetInfo};

use super::{
    button::icon_button,
    export_menu::{self, Format},
    icon,
    plot::{Export, PlotGroup, PlotSpec, PlotState, ValueAt, ViewCommand, swatch},
    plot_export::{self, SvgFrame, SvgLine},
    plot_series::{Curve, log10},
};
use crate::{
    format,
    theme::{Theme, space},
};

/// More values than this do not fit beside the pointer.
const MOST_VALUES: usize = 16;

/// The title with the view's tools; returns a file if one was asked for.
pub(super) fn header(
    ui: &mut Ui,
    theme: &Theme,
    spec: &PlotSpec<'_>,
    state: &mut PlotState,
    curves: &[Curve],
) -> Option<Export> {
    let mut export = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.label(theme.strong(spec.title));
        if !spec.y_name.is_empty() {
            ui.add_space(space::XS);
            ui.label(theme.caption(spec.y_name));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            export = export_menu(ui, theme, spec, state, curves);
            let tools = [
                (icon::RESET, "Reset the view of", ViewCommand::Reset),
                (icon::REMOVE, "Zoom out of", ViewCommand::ZoomOut),
                (icon::ADD, "Zoom into", ViewCommand::ZoomIn),
            ];
            for (icon, words, command) in tools {
                let name = format!("{words} {}", spec.title.to_lowercase());
                if icon_button(ui, theme, icon, &name, true).clicked() {
                    state.command = Some(command);
                }
            }
            let name = format!("Logarithmic axis of {}", spec.title.to_lowercase());
            let log = ui.selectable_label(state.log_y, theme.caption("log")).on_hover_text(name.as_str());
            if log.accessible_name(name).clicked() {
                state.log_y = !state.log_y;
                state.command = Some(ViewCommand::Reset);
            }
        });
    });
    export
}

fn export_menu(
    ui: &mut Ui,
    theme: &Theme,
    spec: &PlotSpec<'_>,
    state: &mut PlotState,
    curves: &[Curve],
) -> Option<Export> {
    match export_menu::export_menu(ui, theme, spec.title)? {
        format @ Format::Csv => {
            Some((format.file_name(spec.title), plot_export::csv(curves, spec.x_name, spec.title)))
        }
        format @ Format::Svg => {
            svg(theme, spec, state, curves).map(|bytes| (format.file_name(spec.title), bytes))
        }
        Format::Png => {
            state.shot.ask(ui);
            None
        }
    }
}

fn svg(theme: &Theme, spec: &PlotSpec<'_>, state: &PlotState, curves: &[Curve]) -> Option<Vec<u8>> {
    let (x, y) = state.view?;
    let frame = SvgFrame { title: spec.title, x_name: spec.x_name, x, y, log_y: state.log_y };
    let points: Vec<_> = curves
        .iter()
        .map(|curve| {
            let raw = state.prepared.get(&curve.key).map(|ready| ready.raw.as_slice()).unwrap_or_default();
            if state.log_y { log10(raw) } else { raw.to_vec() }
        })
        .collect();
    let lines: Vec<SvgLine<'_>> = curves
        .iter()
        .zip(&points)
        .map(|(curve, points)| SvgLine {
            name: &curve.name,
            color: theme.series(curve.color),
            dashed: curve.dashed,
            points,
        })
        .collect();
    Some(plot_export::svg(&frame, &lines, theme))
}

/// Toggles, one a curve.
pub(super) fn legend(ui: &mut Ui, theme: &Theme, group: &mut PlotGroup, curves: &[Curve]) {
    ui.horizontal_wrapped(|ui| {
        for curve in curves {
            toggle(ui, theme, group, &curve.key, &curve.name, curve.color);
        }
    });
}

/// A toggle that shows or hides the curves of `key`.
pub fn toggle(ui: &mut Ui, theme: &Theme, group: &mut PlotGroup, key: &str, name: &str, color: usize) {
    let shown = !group.hidden.contains(key);
    let clicked = ui
        .horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = space::XS;
            let color = if shown { theme.series(color) } else { theme.surface.hairline };
            swatch(ui, color);
            let words = if shown {
                theme.weak(name).color(theme.text.body)
            } else {
                theme.weak(name).strikethrough()
            };
            let response = ui.add(egui::Button::new(words).frame_when_inactive(false));
            response
                .widget_info(|| WidgetInfo::selected(Role::CheckBox, true, shown, format!("Show {name}")));
            response.clicked()
        })
        .inner;
    if clicked && !group.hidden.remove(key) {
        group.hidden.insert(key.to_owned());
    }
}

/// The axis' name, and what share of the points is drawn.
pub(super) fn footer(ui: &mut Ui, theme: &Theme, spec: &PlotSpec<'_>, drawn: usize, total: usize) {
    ui.horizontal(|ui| {
        let words =
            format!("{} of {} points shown", format::count(drawn as u64), format::count(total as u64));
        ui.label(theme.caption(words))
            .on_hover_text("The lowest and the highest point of every pixel column: no peak is lost");
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.label(theme.caption(spec.x_name)));
    });
}

/// The values of all curves at the crosshair, beside the pointer.
pub(super) fn values(
    ui: &Ui,
    theme: &Theme,
    spec: &PlotSpec<'_>,
    response: &Response,
    x: f64,
    values: &[ValueAt],
) {
    let tooltip =
        Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), response.id, PopupAnchor::Pointer).gap(16.0);
    tooltip.show(|ui| {
        ui.label(theme.caption(format!("{} {}", spec.x_name, (spec.x_text)(x))));
        egui::Grid::new("values at the crosshair").num_columns(3).spacing([space::S, 2.0]).show(ui, |ui| {
            for value in values.iter().take(MOST_VALUES) {
                swatch(ui, theme.series(value.color));
                ui.label(theme.weak(value.name.as_str()));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.label(theme.number((spec.y_text)(value.value)));
                });
                ui.end_row();
            }
        });
        if values.len() > MOST_VALUES {
            ui.label(theme.caption(format!("and {} more", values.len() - MOST_VALUES)));
        }
    });
}

/// How far a picture of the window is.
#[derive(Debug, Default)]
enum Stage {
    /// None is wanted.
    #[default]
    Idle,
    /// One is, of a frame after this one: in this one the menu that asked for it is still open.
    Asked(u64),
    /// It is there.
    There(Arc<ColorImage>),
}

/// A picture of the window, asked for in one frame and cut out in a later one.
#[derive(Clone, Debug, Default)]
pub struct Shot(Arc<Mutex<Stage>>);

impl Shot {
    /// Asks for a picture of the window.
    pub fn ask(&self, ui: &Ui) {
        self.set(Stage::Asked(ui.ctx().cumulative_frame_nr()));
        ui.ctx().request_repaint();
    }

    fn set(&self, stage: Stage) {
        if let Ok(mut now) = self.0.lock() {
            *now = stage;
        }
    }

    /// The part of the picture at `area`, as a PNG file, once it is there.
    pub fn take(&self, ui: &Ui, title: &str, area: Rect) -> Option<Export> {
        let stage = std::mem::take(&mut *self.0.lock().ok()?);
        let image = match stage {
            Stage::Idle => return None,
            Stage::Asked(frame) if frame == ui.ctx().cumulative_frame_nr() => {
                self.set(stage);
                return None;
            }
            Stage::Asked(_) => {
                let (shot, ctx) = (self.clone(), ui.ctx().clone());
                ui.ctx().request_screenshot(move |image| {
                    shot.set(Stage::There(image));
                    ctx.request_repaint();
                });
                return None;
            }
            Stage::There(image) => image,
        };
        let scale = ui.ctx().pixels_per_point();
        let whole = Rect::from_min_size(
            egui::Pos2::ZERO,
            egui::vec2(image.width() as f32, image.height() as f32) / scale,
        );
        let area = area.intersect(whole);
        if !area.is_positive() {
            return None;
        }
        let part = image.region(&area, Some(scale));
        let bytes = png(&part)?;
        Some((Format::Png.file_name(title), bytes))
    }
}

fn png(image: &ColorImage) -> Option<Vec<u8>> {
    use image::ImageEncoder as _;
    let mut bytes = Vec::new();
    let rgba: Vec<u8> = image.pixels.iter().flat_map(egui::Color32::to_array).collect();
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    match encoder.write_image(
        &rgba,
        image.width() as u32,
        image.height() as u32,
        image::ExtendedColorType::Rgba8,
    ) {
        Ok(()) => Some(bytes),
        Err(error) => {
            log::warn!("The picture could not be written as PNG; export it as SVG instead: {error}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_survives_the_png_encoder() {
        let image = ColorImage::from_rgb([3, 2], &[10, 20, 30].repeat(6));
        let bytes = png(&image).expect("encodes");
        let read = image::load_from_memory(&bytes).expect("decodes").to_rgba8();
        assert_eq!(read.dimensions(), (3, 2));
        assert_eq!(read.get_pixel(2, 1).0, [10, 20, 30, 255]);
    }
}
