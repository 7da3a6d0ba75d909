//! Charts of an answer: calibration of every version, and quality against latency with the Pareto front.

use egui::Ui;
use orrery_domain::{
    compare::{CompareReport, ComparedModel, ReliabilityBin},
    metric::MetricId,
};

use super::data::micros;
use crate::{
    context::PageContext,
    format,
    widgets::{
        card,
        chart::{Chart, ChartLine, nearest_x, range},
        chart_card::chart_card,
    },
};

/// Draws both, side by side where there is room.
pub(super) fn show(report: &CompareReport, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    card::beside(ui, 2, 720.0, |part, ui| {
        if part == 0 { calibration(report, ctx, ui) } else { pareto(report, ctx, ui) }
    });
}

fn calibration(report: &CompareReport, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let curves: Vec<(usize, &ComparedModel, Vec<[f64; 2]>)> = report
        .models
        .iter()
        .enumerate()
        .filter_map(|(place, model)| {
            let bins = &model.calibration.as_ref()?.bins;
            Some((place, model, bins.iter().map(|bin| [bin.predicted, bin.observed]).collect()))
        })
        .collect();
    let shares = report.task != orrery_domain::training::Task::Regression;
    let all = || curves.iter().flat_map(|(.., points)| points.iter().flatten().copied());
    let span = if shares { (0.0, 1.0) } else { range(all()) };
    let mut lines = vec![ChartLine {
        name: "Perfectly calibrated".to_owned(),
        points: vec![[span.0; 2], [span.1; 2]],
        ..ChartLine::default()
    }];
    lines.extend(curves.iter().map(|(place, model, points)| ChartLine {
        name: model.model.to_string(),
        color: Some(*place),
        points: points.clone(),
        dots: true,
        ..ChartLine::default()
    }));
    let errors: Vec<String> = curves
        .iter()
        .filter_map(|(_, model, _)| {
            let ece = model.calibration.as_ref()?.ece;
            Some(format!("{} {}", model.model, format::significant(ece, 3)))
        })
        .collect();
    let chart = Chart {
        title: "Calibration",
        x_name: if shares { "Predicted probability" } else { "Mean prediction" },
        y_name: if shares { "Observed share" } else { "Mean true value" },
        x: span,
        y: span,
        lines,
        summary: format!("in bins of equally many rows; expected calibration error {}", errors.join(", ")),
        ..Chart::default()
    };
    let csv = || {
        let of_model = |(_, model, _): &(usize, &ComparedModel, Vec<[f64; 2]>)| {
            let line = |bin: &ReliabilityBin| {
                let values = [bin.predicted, bin.observed, bin.low, bin.high].map(|value| value.to_string());
                format!("{},{},{}\n", model.model, values.join(","), bin.rows)
            };
            model.calibration.iter().flat_map(|found| &found.bins).map(line).collect::<String>()
        };
        format!("model,predicted,observed,low,high,rows\n{}", curves.iter().map(of_model).collect::<String>())
    };
    chart_card(&chart, csv, ctx, ui, |[x, _]| {
        let lines = curves.iter().filter_map(|(_, model, points)| {
            let bin = model.calibration.as_ref()?.bins.get(nearest_x(points, x)?)?;
            let (predicted, observed) =
                (format::significant(bin.predicted, 3), format::significant(bin.observed, 3));
            Some(format!(
                "{}: predicted {predicted}, observed {observed}, {}",
                model.model,
                format::plural(bin.rows, "row")
            ))
        });
        Some(lines.collect::<Vec<_>>().join("\n")).filter(|words| !words.is_empty())
    });
}

fn pareto(report: &CompareReport, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let metric = report.metric;
    let points: Vec<(usize, &ComparedModel, [f64; 2])> = report
        .models
        .iter()
        .enumerate()
        .filter_map(|(place, model)| {
            Some((place, model, [model.latency.median_secs * 1e6, model.metrics.get(&metric)?.value?]))
        })
        .collect();
    let mut front: Vec<[f64; 2]> =
        points.iter().filter(|(_, model, _)| model.on_front).map(|(.., point)| *point).collect();
    front.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let mut lines =
        vec![ChartLine { name: "Pareto front".to_owned(), points: front, ..ChartLine::default() }];
    lines.extend(points.iter().map(|(place, model, point)| ChartLine {
        name: model.model.to_string(),
        color: Some(*place),
        points: vec![*point],
        dots: true,
        ..ChartLine::default()
    }));
    let ends = points.iter().flat_map(|(_, model, point)| {
        let value = model.metrics.get(&metric);
        [Some(point[1]), value.and_then(|value| value.low), value.and_then(|value| value.high)]
    });
    let on_front: Vec<String> = points
        .iter()
        .filter(|(_, model, _)| model.on_front)
        .map(|(_, model, _)| model.model.to_string())
        .collect();
    let chart = Chart {
        title: "Quality and latency",
        x_name: "Latency of one row, µs",
        y_name: metric.title(),
        x: (0.0, points.iter().map(|(.., point)| point[0]).fold(1.0, f64::max) * 1.1),
        y: range(ends.flatten()),
        lines,
        summary: format!(
            "{} by latency; on the Pareto front with bytes: {}",
            metric.title(),
            on_front.join(", ")
        ),
        ..Chart::default()
    };
    let csv = || {
        let line = |(_, model, [micros, value]): &(usize, &ComparedModel, [f64; 2])| {
            format!("{},{micros},{value},{},{}\n", model.model, model.bytes, model.on_front)
        };
        format!(
            "model,latency_micros,{},bytes,on_front\n{}",
            metric.name(),
            points.iter().map(line).collect::<String>()
        )
    };
    let places: Vec<[f64; 2]> = points.iter().map(|(.., point)| *point).collect();
    chart_card(&chart, csv, ctx, ui, |[x, _]| {
        let (_, model, _) = points.get(nearest_x(&places, x)?)?;
        Some(reading(model, metric))
    });
}

fn reading(model: &ComparedModel, metric: MetricId) -> String {
    let value = model.metrics.get(&metric).and_then(|value| value.value);
    format!(
        "{}\n{} {}\nLatency {}\nOn disk {}",
        model.model,
        metric.title(),
        format::metric(metric, value),
        micros(model.latency.median_secs),
        format::bytes(model.bytes)
    )
}
