//! Chart card: a chart in a card, with the menu that saves its points and its picture.

use egui::{Id, Ui};

use super::{
    card,
    chart::Chart,
    chart_export,
    export_menu::{Format, export_menu},
    plot_tools::Shot,
};
use crate::context::{PageContext, PickRequest};

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
    let theme = ctx.theme;
    let shot =
        ui.data_mut(|data| data.get_temp_mut_or_default::<Shot>(Id::unique(("shot", chart.title))).clone());
    let mut asked = None;
    let area = card::card(
        ui,
        theme,
        chart.title,
        |ui| asked = export_menu(ui, theme, chart.title),
        |ui| {
            let width = ui.available_width();
            chart.show(ui, theme, width, HEIGHT, reading).rect
        },
    );
    let file = match asked {
        Some(Format::Csv) => Some((Format::Csv.file_name(chart.title), csv().into_bytes())),
        Some(Format::Svg) => Some((Format::Svg.file_name(chart.title), chart_export::svg(chart, theme))),
        Some(Format::Png) => {
            shot.ask(ui);
            None
        }
        None => shot.take(ui, chart.title, area),
    };
    if let Some((name, bytes)) = file {
        ctx.outbox.pick(PickRequest::save(format!("Save {}", chart.title), name, bytes));
    }
}
