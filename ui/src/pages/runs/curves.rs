//! The curves of the selected runs: one plot a quantity, one colour a run, one crosshair for all.

use std::{collections::HashMap, sync::Arc};

use egui::{Align, Layout, Slider, Ui};
use orrery_domain::{
    RunId,
    metric::MetricId,
    run::{Run, SeriesId},
    snapshot::RunSeries,
};

use super::{RunsPage, XAxis};
use crate::{
    context::{PageContext, PickRequest},
    format, run_index,
    theme::{Theme, space},
    widgets::{
        input,
        plot::{self, Curve, CurveX, PlotGroup, PlotSpec, PlotState, plot_panel},
        plot_tools,
    },
};

/// Largest weight of the past in smoothed curves.
pub(super) const SMOOTHEST: f64 = 0.99;

/// Height of a plot, points.
const HEIGHT: f32 = 188.0;

/// Two plots stand side by side from this width on, points.
const TWO: f32 = 760.0;

/// What the curves remember.
#[derive(Debug, Default)]
pub struct CurveBoard {
    group: PlotGroup,
    plots: HashMap<&'static str, PlotState>,
}

/// A plot: what it shows of every run.
struct Quantity {
    title: &'static str,
    /// Series with the word that tells them apart, and whether they are dashed.
    series: &'static [(SeriesId, &'static str, bool)],
    y_text: fn(f64) -> String,
}

const QUANTITIES: [Quantity; 5] = [
    Quantity {
        title: "Loss",
        series: &[(SeriesId::ValidLoss, "validation", false), (SeriesId::TrainLoss, "training", true)],
        y_text: plot::plain,
    },
    Quantity {
        title: "Validation metric",
        series: &[(SeriesId::ValidMetric, "", false)],
        y_text: plot::plain,
    },
    Quantity { title: "Learning rate", series: &[(SeriesId::LearningRate, "", false)], y_text: plot::plain },
    Quantity {
        title: "Throughput",
        series: &[(SeriesId::RowsPerSec, "", false)],
        y_text: format::count_short,
    },
    Quantity { title: "Gradient norm", series: &[(SeriesId::GradientNorm, "", false)], y_text: plot::plain },
];

/// Draws the plots.
pub(super) fn show(page: &mut RunsPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let runs = watched(page, ctx);
    tools(page, ctx.theme, ui, &runs);
    ui.add_space(space::XS);
    let RunsPage { board, state, .. } = page;
    let CurveBoard { group, plots } = board;
    let shown: Vec<&Watched> = runs.iter().filter(|run| !group.hidden.contains(&run.run.id.0)).collect();
    let metric = metric_name(&shown);
    let live = shown.iter().any(|watched| !watched.run.state.is_final() || watched.series.is_none());
    let panels: Vec<(&Quantity, Vec<Curve>)> = QUANTITIES
        .iter()
        .map(|quantity| (quantity, curves(quantity, &shown, state.x, runs.len() > 1)))
        // While a run goes on, loss and metric keep their place; what a kind of model has not is left out.
        .enumerate()
        .filter(|(index, (_, curves))| {
            (live && *index < 2) || curves.iter().any(|curve| !curve.points.is_empty())
        })
        .map(|(_, panel)| panel)
        .collect();
    let across = if ui.available_width() >= TWO { 2 } else { 1 };
    let width = (ui.available_width() - space::L * (across as f32 - 1.0)) / across as f32;
    for row in panels.chunks(across) {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::L;
            for (quantity, curves) in row {
                ui.vertical(|ui| {
                    ui.set_width(width);
                    let spec = spec(quantity, state.x, &metric);
                    let plot = plots.entry(quantity.title).or_default();
                    if let Some((name, bytes)) = plot_panel(ui, ctx.theme, &spec, plot, group, curves) {
                        ctx.outbox.pick(PickRequest::save(
                            format!("Export {}", quantity.title.to_lowercase()),
                            name,
                            bytes,
                        ));
                    }
                });
            }
        });
        ui.add_space(space::M);
    }
}

fn spec<'a>(quantity: &Quantity, x: XAxis, metric: &'a str) -> PlotSpec<'a> {
    PlotSpec {
        title: quantity.title,
        x_name: match x {
            XAxis::Step => "Step",
            XAxis::Time => "Training time",
        },
        y_name: match quantity.title {
            "Loss" => "validation solid, training dashed",
            "Validation metric" => metric,
            "Throughput" => "rows/s",
            _ => "",
        },
        height: HEIGHT,
        x_text: match x {
            XAxis::Step => steps,
            XAxis::Time => format::duration,
        },
        y_text: quantity.y_text,
        legend: false,
    }
}

fn steps(value: f64) -> String {
    if value < 0.0 { String::new() } else { format::count_short(value) }
}

/// A run that is drawn, with its colour.
struct Watched {
    run: Arc<Run>,
    series: Option<Arc<RunSeries>>,
    color: usize,
}

fn watched(page: &RunsPage, ctx: &PageContext<'_>) -> Vec<Watched> {
    let find = |id: &RunId| run_index::find(&ctx.snapshot.runs, id).filter(|run| !run.deleted).cloned();
    page.watched
        .iter()
        .filter_map(find)
        .enumerate()
        .map(|(color, run)| Watched { series: ctx.snapshot.series.get(&run.id).cloned(), run, color })
        .collect()
}

/// The metric the runs are measured by on the validation rows, where they agree.
fn metric_name(runs: &[&Watched]) -> String {
    let mut names: Vec<&str> =
        runs.iter().filter_map(|watched| Some(MetricId::primary(watched.run.task?).title())).collect();
    names.sort_unstable();
    names.dedup();
    names.join(" and ")
}

fn curves(quantity: &Quantity, runs: &[&Watched], x: XAxis, several: bool) -> Vec<Curve> {
    let mut curves = Vec::new();
    for watched in runs {
        let Some(series) = &watched.series else { continue };
        for (id, word, dashed) in quantity.series {
            let Some(points) = series.get(id) else { continue };
            let name = match (several, word.is_empty()) {
                (true, false) => format!("{} {word}", watched.run.name),
                (false, false) => (*word).to_owned(),
                (_, true) => watched.run.name.clone(),
            };
            curves.push(Curve {
                key: format!("{}/{id:?}", watched.run.id),
                name,
                // One run alone: training and validation get a colour each.
                color: if several { watched.color } else { usize::from(*dashed) },
                dashed: *dashed,
                points: points.clone(),
                x: match x {
                    XAxis::Step => CurveX::Step,
                    XAxis::Time => CurveX::Secs,
                },
            });
        }
    }
    curves
}

fn tools(page: &mut RunsPage, theme: &Theme, ui: &mut Ui, runs: &[Watched]) {
    let selected = page.table.selected.len();
    ui.horizontal(|ui| {
        ui.label(theme.strong("Curves"));
        ui.add_space(space::S);
        ui.label(theme.weak("By"));
        let before = page.state.x;
        ui.selectable_value(&mut page.state.x, XAxis::Step, "Step");
        ui.selectable_value(&mut page.state.x, XAxis::Time, "Time");
        if page.state.x != before {
            // A view in steps means nothing in seconds.
            page.board.plots.values_mut().for_each(PlotState::reset_view);
        }
        ui.add_space(space::S);
        let label = ui.label(theme.weak("Smoothing"));
        let slider = Slider::new(&mut page.state.smoothing, 0.0..=SMOOTHEST).max_decimals(2);
        input::slider(ui, theme, slider)
            .labelled_by(label.id)
            .on_hover_text("Exponential moving average; the measured curve stays, faint");
        if selected > runs.len() && !runs.is_empty() {
            let words = format!("{} of {} selected runs drawn", runs.len(), format::count(selected as u64));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.label(theme.weak(words)));
        }
    });
    page.board.group.smoothing = page.state.smoothing;
    if runs.len() > 1 {
        ui.horizontal_wrapped(|ui| {
            for watched in runs {
                let (id, name) = (&watched.run.id.0, &watched.run.name);
                plot_tools::toggle(ui, theme, &mut page.board.group, id, name, watched.color);
            }
        });
    }
}
