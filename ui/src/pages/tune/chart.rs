//! The picture of a tuning: throughput against latency, with the front that nothing beats in both.

use egui::Ui;
use orrery_domain::tune::{Figure, TuneReport};

use super::data::noisy_mark;
use crate::{
    context::PageContext,
    format,
    widgets::{
        chart::{Chart, ChartLine},
        chart_card::chart_card,
    },
};

/// Places in the series' colours.
const MEASURED: usize = 0;
const BEFORE: usize = 1;
const BEST: usize = 2;
/// What they mean.
const NAMES: [&str; 3] = ["Measured", "Served so before", "Best"];

/// A measurement's place: 95% latency in ms, rows a second.
fn place(report: &TuneReport, at: usize) -> Option<[f64; 2]> {
    let found = report.measurements.get(at)?;
    Some([found.value(Figure::P95)? * 1e3, found.value(Figure::Throughput)?])
}

/// Draws it; `chosen` is the measurement that is selected.
pub(super) fn show(report: &TuneReport, chosen: Option<usize>, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let points: Vec<(usize, [f64; 2])> =
        (0..report.measurements.len()).filter_map(|at| Some((at, place(report, at)?))).collect();
    let color = |at: usize| match at {
        _ if report.best == Some(at) => BEST,
        _ if report.measurements[at].setting == report.before => BEFORE,
        _ => MEASURED,
    };
    let front: Vec<[f64; 2]> = report.front.iter().filter_map(|at| place(report, *at)).collect();
    let name = "Pareto front: nothing measured beats it in both".to_owned();
    let mut lines = vec![ChartLine { name, points: front, ..ChartLine::default() }];
    lines.extend(points.iter().map(|(at, point)| ChartLine {
        name: NAMES[color(*at)].to_owned(),
        color: Some(color(*at)),
        points: vec![*point],
        dots: true,
        ..ChartLine::default()
    }));
    let most = |axis: usize| points.iter().map(|(_, point)| point[axis]).fold(0.0, f64::max) * 1.08;
    let named = |at: Option<usize>| {
        at.and_then(|at| place(report, at)).map(|[ms, rate]| {
            format!("{} rows/s at {} ms", format::count_short(rate), format::significant(ms, 3))
        })
    };
    let on_front = format::plural(report.front.len() as u64, "setting");
    let best = named(report.best).map_or_else(String::new, |words| format!("; best {words}"));
    let chart = Chart {
        title: "Throughput and latency",
        x_name: "95% latency, ms",
        y_name: "Rows a second",
        x: (0.0, most(0).max(f64::MIN_POSITIVE)),
        y: (0.0, most(1).max(f64::MIN_POSITIVE)),
        lines,
        marker: chosen.and_then(|at| place(report, at)),
        grouped: true,
        summary: format!("{on_front} on the Pareto front{best}"),
        ..Chart::default()
    };
    let csv = || {
        let line = |(at, [ms, rate]): &(usize, [f64; 2])| {
            let setting = &report.measurements[*at].setting;
            let serving = setting.serving;
            format!(
                "{},{},{},{},{},{},{ms},{rate},{},{},{}\n",
                at + 1,
                setting.model,
                serving.batch_rows,
                serving.threads,
                serving.instances,
                serving.delay_micros,
                report.front.contains(at),
                report.measurements[*at].steady,
                report.measurements[*at]
                    .noisy
                    .iter()
                    .map(|figure| figure.name())
                    .collect::<Vec<_>>()
                    .join(" ")
            )
        };
        let head = "number,model,batch_rows,threads,instances,delay_micros,p95_ms,rows_per_sec,on_front,steady,noisy\n";
        head.to_owned() + &points.iter().map(line).collect::<String>()
    };
    let (width, height) = (chart.x.1, chart.y.1);
    chart_card(&chart, csv, ctx, ui, |[x, y]| {
        let apart = |point: &[f64; 2]| ((point[0] - x) / width).powi(2) + ((point[1] - y) / height).powi(2);
        let (at, point) = points.iter().min_by(|a, b| apart(&a.1).total_cmp(&apart(&b.1)))?;
        let found = &report.measurements[*at];
        Some(format!(
            "No. {}: {}\n{} rows/s{}, 95% latency {} ms{}",
            at + 1,
            found.setting.words(),
            format::count_short(point[1]),
            noisy_mark(found, Figure::Throughput),
            format::significant(point[0], 3),
            noisy_mark(found, Figure::P95)
        ))
    });
}
