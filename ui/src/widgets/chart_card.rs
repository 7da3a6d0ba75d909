//! Chart card: a picture in a card, with the menu that saves its values and itself.

use egui::{Id, Rect, Ui};

use super::{
    card,
    chart::Chart,
    chart_export,
    export_menu::{Format, export_menu},
    plot_tools::Shot,
};
use crate::{
    context::{PageContext, PickRequest},
    theme::Theme,
};

/// Height of the chart, points.
pub const HEIGHT: f32 = 250.0;

/// A chart in a card, with the menu that saves its points and its picture.
pub fn chart_card(
    chart: &Chart<'_>,
    csv: impl FnOnce() -> String,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
    reading: impl Fn([f64; 2]) -> Option<String>,
) {
    let svg = |theme: &Theme| chart_export::svg(chart, theme);
    picture_card(chart.title, svg, csv, ctx, ui, |ui, theme| {
        let width = ui.available_width();
        chart.show(ui, theme, width, HEIGHT, reading).rect
    });
}

/// Any picture in a card. `svg` and `csv` are made when they are asked for; `draw` says where the picture is.
pub fn picture_card(
    title: &str,
    svg: impl FnOnce(&Theme) -> Vec<u8>,
    csv: impl FnOnce() -> String,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
    draw: impl FnOnce(&mut Ui, &Theme) -> Rect,
) {
    let theme = ctx.theme;
    let shot = ui.data_mut(|data| data.get_temp_mut_or_default::<Shot>(Id::unique(("shot", title))).clone());
    let mut asked = None;
    let area = card::card(ui, theme, title, |ui| asked = export_menu(ui, theme, title), |ui| draw(ui, theme));
    let file = match asked {
        Some(Format::Csv) => Some((Format::Csv.file_name(title), csv().into_bytes())),
        Some(Format::Svg) => Some((Format::Svg.file_name(title), svg(theme))),
        Some(Format::Png) => {
            shot.ask(ui);
            None
        }
        None => shot.take(ui, title, area),
    };
    if let Some((name, bytes)) = file {
        ctx.outbox.pick(PickRequest::save(format!("Save {title}"), name, bytes));
    }
}
