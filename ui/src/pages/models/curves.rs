//! How a model errs: ROC, precision and recall, calibration, confusion, residuals; and the threshold.

use egui::{Align, Align2, ComboBox, FontFamily, FontId, Layout, Role, Sense, Slider, Ui, WidgetInfo, vec2};
use orrery_domain::{
    Command, ModelRef,
    curves::{ClassCurves, CurvePoint, Curves},
    model::ModelCard,
    snapshot::ModelEntry,
};

use super::data::{AtThreshold, at_threshold};
use crate::{
    context::PageContext,
    format,
    theme::{NUMBERS, size, space},
    widgets::{
        button::{Weight, icon_button, text_button},
        card,
        chart::{Chart, ChartLine, nearest_x, range},
        chart_card::{self, chart_card},
        icon, input,
        tile::Tile,
    },
};

/// Draws the tab.
pub(super) fn show(
    entry: &ModelEntry,
    card: &ModelCard,
    class: &mut usize,
    threshold: &mut Option<(ModelRef, f64)>,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let Some(curves) = entry.curves.clone() else {
        ui.label(ctx.theme.weak("Reading the curves"));
        return;
    };
    match curves.as_ref() {
        Curves::Regression { residuals, edges, counts } => regression(residuals, edges, counts, ctx, ui),
        Curves::Classification { classes, labels, confusion, .. } => {
            let at =
                tried(entry, card, threshold.as_ref()).and_then(|threshold| at_threshold(&curves, threshold));
            class_picker(classes, class, ui);
            if let Some(shown) = classes.get((*class).min(classes.len().saturating_sub(1))) {
                class_charts(shown, at.as_ref(), ctx, ui);
            }
            ui.add_space(space::XS);
            let matrix = match &at {
                Some(at) => vec![vec![at.row.tn, at.row.fp], vec![at.row.fn_, at.row.tp]],
                None => confusion.clone(),
            };
            side_by_side(ui, at.is_some(), ctx, |ui, ctx, first| {
                if first {
                    matrix_card(labels, &matrix, ctx, ui);
                } else if let Some(at) = &at {
                    threshold_card(entry, card, at, threshold, ctx, ui);
                }
            });
        }
    }
}

/// The threshold being tried: the slider's, else the card's.
fn tried(entry: &ModelEntry, card: &ModelCard, threshold: Option<&(ModelRef, f64)>) -> Option<f64> {
    let own = card.threshold?;
    Some(threshold.filter(|(model, _)| *model == entry.model).map_or(own, |(_, value)| *value))
}

fn side_by_side(
    ui: &mut Ui,
    two: bool,
    ctx: &mut PageContext<'_>,
    mut draw: impl FnMut(&mut Ui, &mut PageContext<'_>, bool),
) {
    if !two || ui.available_width() < 620.0 {
        draw(ui, ctx, true);
        if two {
            ui.add_space(space::M);
            draw(ui, ctx, false);
        }
        return;
    }
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        let width = ((ui.available_width() - space::M) / 2.0).floor();
        for first in [true, false] {
            ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::LEFT), |ui| {
                ui.set_width(width);
                draw(ui, ctx, first);
            });
        }
    });
}

fn class_picker(classes: &[ClassCurves], class: &mut usize, ui: &mut Ui) {
    *class = (*class).min(classes.len().saturating_sub(1));
    if classes.len() < 2 {
        return;
    }
    ui.horizontal(|ui| {
        let name = classes.get(*class).map_or("", |curves| curves.class.as_str());
        let chosen = ComboBox::new("class", "Class against the rest").selected_text(name).show_ui(ui, |ui| {
            for (index, curves) in classes.iter().enumerate() {
                ui.selectable_value(class, index, curves.class.as_str());
            }
        });
        chosen.response.accessible_name("Class against the rest");
    });
    ui.add_space(space::S);
}

fn class_charts(curves: &ClassCurves, at: Option<&AtThreshold>, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let width = ui.available_width();
    let across = if width > 780.0 {
        3.0
    } else if width > 520.0 {
        2.0
    } else {
        1.0
    };
    let each = ((width - space::M * (across - 1.0)) / across).floor();
    for line in [0, 1, 2].chunks(across as usize) {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = space::M;
            for chart in line {
                in_column(ui, each, |ui| match chart {
                    0 => roc(curves, at, ctx, ui),
                    1 => precision_recall(curves, at, ctx, ui),
                    _ => calibration(curves, ctx, ui),
                });
            }
        });
        ui.add_space(space::S);
    }
}

fn in_column(ui: &mut Ui, width: f32, content: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(vec2(width, chart_card::HEIGHT + 60.0), Layout::top_down(Align::LEFT), |ui| {
        ui.set_width(width);
        content(ui);
    });
}

fn xy(points: &[CurvePoint]) -> Vec<[f64; 2]> {
    points.iter().map(|point| [point.x, point.y]).collect()
}

fn csv_of(header: &str, points: &[CurvePoint]) -> String {
    let line = |point: &CurvePoint| {
        let threshold = point.threshold.map(|threshold| threshold.to_string()).unwrap_or_default();
        format!("{},{},{threshold}\n", point.x, point.y)
    };
    format!("{header}\n{}", points.iter().map(line).collect::<String>())
}

fn reading_of(points: &[CurvePoint], x: f64, x_name: &str, y_name: &str) -> Option<String> {
    let flat = xy(points);
    let point = points.get(nearest_x(&flat, x)?)?;
    let threshold =
        point.threshold.map(|threshold| format!("\nThreshold {threshold:.3}")).unwrap_or_default();
    Some(format!("{x_name} {:.3}\n{y_name} {:.3}{threshold}", point.x, point.y))
}

fn roc(curves: &ClassCurves, at: Option<&AtThreshold>, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let chart = Chart {
        title: "ROC curve",
        x_name: "False positive rate",
        y_name: "True positive rate",
        x: (0.0, 1.0),
        y: (0.0, 1.0),
        lines: vec![
            ChartLine {
                color: None,
                points: vec![[0.0, 0.0], [1.0, 1.0]],
                dots: false,
                ..ChartLine::default()
            },
            ChartLine { color: Some(0), points: xy(&curves.roc), dots: false, ..ChartLine::default() },
        ],
        marker: at.and_then(|at| Some([at.false_positive_rate?, at.recall?])),
        summary: format!("true positive rate by false positive rate of class {}", curves.class),
        ..Chart::default()
    };
    let csv = || csv_of("false_positive_rate,true_positive_rate,threshold", &curves.roc);
    chart_card(&chart, csv, ctx, ui, |[x, _]| reading_of(&curves.roc, x, chart.x_name, chart.y_name));
}

fn precision_recall(curves: &ClassCurves, at: Option<&AtThreshold>, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let chart = Chart {
        title: "Precision and recall",
        x_name: "Recall",
        y_name: "Precision",
        x: (0.0, 1.0),
        y: (0.0, 1.0),
        lines: vec![ChartLine {
            color: Some(0),
            points: xy(&curves.pr),
            dots: false,
            ..ChartLine::default()
        }],
        marker: at.and_then(|at| Some([at.recall?, at.precision?])),
        summary: format!("precision by recall of class {}", curves.class),
        ..Chart::default()
    };
    let csv = || csv_of("recall,precision,threshold", &curves.pr);
    chart_card(&chart, csv, ctx, ui, |[x, _]| reading_of(&curves.pr, x, chart.x_name, chart.y_name));
}

fn calibration(curves: &ClassCurves, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let bins = &curves.calibration;
    let points: Vec<[f64; 2]> = bins.iter().map(|bin| [bin.predicted, bin.observed]).collect();
    let chart = Chart {
        title: "Calibration",
        x_name: "Predicted probability",
        y_name: "Observed share",
        x: (0.0, 1.0),
        y: (0.0, 1.0),
        lines: vec![
            ChartLine {
                color: None,
                points: vec![[0.0, 0.0], [1.0, 1.0]],
                dots: false,
                ..ChartLine::default()
            },
            ChartLine { color: Some(0), points: points.clone(), dots: true, ..ChartLine::default() },
        ],
        summary: format!(
            "observed share by predicted probability of class {} in {} bins",
            curves.class,
            bins.len()
        ),
        ..Chart::default()
    };
    let csv = || {
        let lines = bins.iter().map(|bin| format!("{},{},{}\n", bin.predicted, bin.observed, bin.count));
        format!("predicted,observed,rows\n{}", lines.collect::<String>())
    };
    chart_card(&chart, csv, ctx, ui, |[x, _]| {
        let bin = bins.get(nearest_x(&points, x)?)?;
        let rows = format::plural(bin.count, "row");
        Some(format!("Predicted {:.3}\nObserved {:.3}\n{rows}", bin.predicted, bin.observed))
    });
}

fn threshold_card(
    entry: &ModelEntry,
    card: &ModelCard,
    at: &AtThreshold,
    threshold: &mut Option<(ModelRef, f64)>,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let theme = ctx.theme;
    let own = card.threshold.unwrap_or(0.5);
    let positive = card.classes.last().map_or("positive", String::as_str);
    card::card(
        ui,
        theme,
        "Threshold",
        |_| {},
        |ui| {
            ui.label(theme.weak(format!("A row is called '{positive}' at this probability and above")));
            let mut value = at.row.threshold;
            ui.spacing_mut().slider_width = (ui.available_width() - 90.0).max(120.0);
            let slider = Slider::new(&mut value, 0.0..=1.0).step_by(0.01).fixed_decimals(2);
            let response = ui.name_inputs("Threshold", |ui| input::slider(ui, theme, slider));
            if response.changed() {
                *threshold = Some((entry.model.clone(), value));
            }
            ui.add_space(space::XS);
            let text = |value: Option<f64>| {
                value.map_or_else(|| format::NONE.to_owned(), |value| format!("{value:.3}"))
            };
            let tiles = [
                ("Precision", at.precision),
                ("Recall", at.recall),
                ("F1", at.f1),
                ("Accuracy", at.accuracy),
            ];
            let width = ((ui.available_width() + space::S) / 4.0).floor() - space::S;
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::S;
                for (title, value) in tiles {
                    Tile { title: title.to_owned(), value: text(value), ..Tile::default() }
                        .plain(ui, theme, width);
                }
            });
            ui.add_space(space::S);
            ui.horizontal(|ui| {
                let changed = (at.row.threshold - own).abs() > 1e-9;
                let enabled = changed && !entry.deleted && !ctx.read_only();
                if text_button(ui, theme, None, "Use this threshold", Weight::Normal, enabled).clicked() {
                    ctx.send(Command::SetThreshold {
                        model: entry.model.clone(),
                        threshold: at.row.threshold,
                    });
                }
                if changed
                    && icon_button(ui, theme, icon::RESET, "Back to the model's threshold", true).clicked()
                {
                    *threshold = None;
                }
                ui.label(theme.number(format!("In use: {own:.2}")).color(theme.text.weak));
            });
        },
    );
}

fn matrix_card(labels: &[String], matrix: &[Vec<u64>], ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::card(
        ui,
        theme,
        "Confusion matrix",
        |_| {},
        |ui| {
            ui.label(theme.weak(
                "Rows are true classes, columns are predicted ones; darker is a larger share of its row",
            ));
            egui::ScrollArea::both().max_height(420.0).id_salt("confusion").show(ui, |ui| {
                let cell =
                    vec2((ui.available_width() / (labels.len() as f32 + 1.2)).clamp(56.0, 150.0), 34.0);
                ui.spacing_mut().item_spacing = vec2(2.0, 2.0);
                ui.horizontal(|ui| {
                    matrix_label(ui, ctx, "", cell);
                    for label in labels {
                        matrix_label(ui, ctx, label, cell);
                    }
                });
                for (label, row) in labels.iter().zip(matrix) {
                    let total: u64 = row.iter().sum();
                    ui.horizontal(|ui| {
                        matrix_label(ui, ctx, label, cell);
                        for (count, predicted) in row.iter().zip(labels) {
                            matrix_cell(ui, ctx, (label, predicted), *count, total, cell);
                        }
                    });
                }
            });
        },
    );
}

fn matrix_label(ui: &mut Ui, ctx: &PageContext<'_>, label: &str, cell: egui::Vec2) {
    let (rect, response) = ui.allocate_exact_size(cell, Sense::hover());
    let galley = egui::WidgetText::from(ctx.theme.weak(label)).into_galley(
        ui,
        Some(egui::TextWrapMode::Truncate),
        cell.x - 6.0,
        egui::TextStyle::Body,
    );
    let at = rect.center() - galley.size() / 2.0;
    ui.painter().galley(at, galley, ctx.theme.text.weak);
    response.on_hover_text(label);
}

fn matrix_cell(
    ui: &mut Ui,
    ctx: &PageContext<'_>,
    (truth, predicted): (&str, &str),
    count: u64,
    total: u64,
    cell: egui::Vec2,
) {
    let theme = ctx.theme;
    let (rect, response) = ui.allocate_exact_size(cell, Sense::hover());
    let share = if total == 0 { 0.0 } else { count as f64 / total as f64 };
    let fill = theme.surface.sunken.lerp_to_gamma(theme.accent.soft, (share as f32).sqrt());
    ui.painter().rect_filled(rect, space::RADIUS_SMALL, fill);
    let font = FontId::new(size::BODY, FontFamily::Name(NUMBERS.into()));
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, format::count(count), font, theme.text.strong);
    let words = format!(
        "True {truth}, predicted {predicted}: {} ({} of the class)",
        format::plural(count, "row"),
        format::percent(share)
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Cell, true, &words));
    response.on_hover_text(words);
}

fn regression(
    residuals: &[CurvePoint],
    edges: &[f64],
    counts: &[u64],
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let points = xy(residuals);
    let x = range(points.iter().map(|point| point[0]));
    let scatter = Chart {
        title: "Residuals",
        x_name: "Predicted value",
        y_name: "True minus predicted",
        x,
        y: range(points.iter().map(|point| point[1])),
        lines: vec![ChartLine {
            color: None,
            points: vec![[x.0, 0.0], [x.1, 0.0]],
            dots: false,
            ..ChartLine::default()
        }],
        points: points.clone(),
        summary: format!("true minus predicted value of {} test rows", points.len()),
        ..Chart::default()
    };
    let most = counts.iter().copied().max().unwrap_or(0);
    let bars: Vec<[f64; 3]> = edges
        .windows(2)
        .zip(counts)
        .filter_map(|(edge, count)| Some([*edge.first()?, *edge.last()?, *count as f64]))
        .collect();
    let histogram = Chart {
        title: "Distribution of residuals",
        x_name: "True minus predicted",
        y_name: "Rows",
        x: (edges.first().copied().unwrap_or(0.0), edges.last().copied().unwrap_or(1.0)),
        y: (0.0, (most as f64 * 1.05).max(1.0)),
        bars: bars.clone(),
        summary: format!("rows by residual in {} bins", counts.len()),
        ..Chart::default()
    };
    side_by_side(ui, true, ctx, |ui, ctx, first| {
        if first {
            let csv = || csv_of("predicted,residual,", residuals);
            chart_card(&scatter, csv, ctx, ui, |[x, y]| {
                Some(format!(
                    "Predicted {}\nTrue minus predicted {}",
                    format::significant(x, 4),
                    format::significant(y, 3)
                ))
            });
        } else {
            let csv = || {
                let lines = bars.iter().map(|[from, to, count]| format!("{from},{to},{count}\n"));
                format!("from,to,rows\n{}", lines.collect::<String>())
            };
            chart_card(&histogram, csv, ctx, ui, |[x, _]| {
                let [from, to, count] = bars.iter().find(|[from, to, _]| (*from..=*to).contains(&x))?;
                let bounds = format!("{} to {}", format::significant(*from, 3), format::significant(*to, 3));
                Some(format!("{bounds}\n{}", format::plural(*count as u64, "row")))
            });
        }
    });
}
