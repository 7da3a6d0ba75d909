//! Charts of a search: the best so far, what mattered, the front of quality and time, and every trial across its parameters.

use egui::Ui;
use orrery_domain::{
    metric::MetricId,
    search::{Search, Trial, TrialState},
};

use super::data;
use crate::{
    context::PageContext,
    format,
    widgets::{
        card,
        chart::{Chart, ChartLine, nearest_x, range},
        chart_card::{chart_card, picture_card},
        parallel::Brushes,
        strips::{Strip, Strips, strips_card},
    },
};

/// Draws them; `brushes` say which trials are kept in sight.
pub(super) fn show(search: &Search, brushes: &mut Brushes, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let measured = search.course.trials.iter().any(|trial| trial.row_secs.is_some());
    let important = !search.importance.is_empty();
    let count = 1 + usize::from(measured) + usize::from(important);
    card::beside(ui, count, 330.0 * count as f32, |part, ui| match (part, measured) {
        (0, _) => best_so_far(search, ctx, ui),
        (1, true) => front(search, ctx, ui),
        _ => importance(search, ctx, ui),
    });
    if search.course.count(TrialState::Finished) > 1 {
        ui.add_space(crate::theme::space::M);
        parallel(search, brushes, ctx, ui);
    }
}

fn metric_name(search: &Search) -> &'static str {
    search.metric().map_or("Quality", MetricId::title)
}

fn finished(search: &Search) -> impl Iterator<Item = &Trial> {
    search.course.trials.iter().filter(|trial| trial.state == TrialState::Finished)
}

fn best_so_far(search: &Search, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let dots: Vec<[f64; 2]> =
        finished(search).filter_map(|trial| Some([f64::from(trial.number) + 1.0, trial.quality?])).collect();
    // Steps: a better one holds until the next.
    let mut steps: Vec<[f64; 2]> = Vec::new();
    for (number, best) in search.course.best_so_far() {
        let Some(best) = best else { continue };
        let x = f64::from(number) + 1.0;
        if let Some([_, before]) = steps.last().copied() {
            steps.push([x, before]);
        }
        steps.push([x, best]);
    }
    let last = search.course.trials.len().max(2) as f64;
    let all = dots.iter().map(|[_, quality]| *quality);
    let name = metric_name(search);
    let best = data::quality(search, search.course.best().and_then(|trial| trial.quality));
    let chart = Chart {
        title: "Best so far",
        x_name: "Trial",
        y_name: name,
        x: (0.5, last + 0.5),
        y: range(all),
        lines: vec![ChartLine { color: Some(0), points: steps, ..ChartLine::default() }],
        points: dots.clone(),
        summary: format!("{name} of {} trials on the validation rows; the best is {best}", dots.len()),
        ..Chart::default()
    };
    let csv = || data::csv(&search.course);
    chart_card(&chart, csv, ctx, ui, |[x, _]| {
        let [number, quality] = dots.get(nearest_x(&dots, x)?)?;
        Some(format!("Trial {number}\n{name} {}", data::quality(search, Some(*quality))))
    });
}

fn front(search: &Search, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let on_front = search.course.front();
    let all: Vec<(&Trial, [f64; 2])> =
        finished(search).filter_map(|trial| Some((trial, [trial.row_secs? * 1e6, trial.quality?]))).collect();
    let places: Vec<[f64; 2]> = all.iter().map(|(_, place)| *place).collect();
    let mut line: Vec<[f64; 2]> =
        all.iter().filter(|(trial, _)| on_front.contains(&trial.number)).map(|(_, place)| *place).collect();
    line.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let count = line.len();
    // The loose points' entry of the legend.
    let others =
        ChartLine { name: "Finished trial".to_owned(), color: Some(0), dots: true, ..ChartLine::default() };
    let dotted = line.iter().map(|point| ChartLine {
        name: "On the front".to_owned(),
        color: Some(1),
        points: vec![*point],
        dots: true,
        ..ChartLine::default()
    });
    let limit = search.course.plan.limits.row_secs.map(|secs| secs * 1e6);
    let y = range(places.iter().map(|[_, quality]| *quality));
    let limits = limit.map(|micros| ChartLine {
        name: "Limit".to_owned(),
        points: vec![[micros, y.0], [micros, y.1]],
        ..ChartLine::default()
    });
    let name = metric_name(search);
    let far = places.iter().map(|[micros, _]| *micros).chain(limit).fold(1.0, f64::max);
    let chart = Chart {
        title: "Quality and time",
        x_name: "Time of one row, µs (measured)",
        y_name: name,
        x: (0.0, far * 1.08),
        y,
        lines: std::iter::once(others).chain(dotted).chain(limits).collect(),
        points: places.clone(),
        summary: format!(
            "{count} of {} finished trials are on the front of quality, time and size",
            all.len()
        ),
        ..Chart::default()
    };
    let csv = || data::csv(&search.course);
    chart_card(&chart, csv, ctx, ui, |[x, _]| {
        let (trial, _) = all.get(nearest_x(&places, x)?)?;
        let front = if on_front.contains(&trial.number) { "\nOn the front" } else { "" };
        Some(format!(
            "Trial {}\n{name} {}\nOne row {}\nOn disk {}{front}",
            trial.number + 1,
            data::quality(search, trial.quality),
            trial.row_secs.map(format::duration).unwrap_or_default(),
            trial.bytes.map(format::bytes).unwrap_or_default()
        ))
    });
}

fn importance(search: &Search, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let strips = search.importance.iter().map(|it| {
        let percent = format!("{:.0}%", it.share * 100.0);
        Strip {
            name: it.parameter.clone(),
            spoken: format!("{} explains {percent} of the variance by itself", it.parameter),
            value: percent,
            bar: Some((0.0, it.share)),
            interval: Some(((it.share - it.deviation).max(0.0), (it.share + it.deviation).min(1.0))),
            ..Strip::default()
        }
    });
    let most = search.importance.first().map_or_else(String::new, |it| format!("{} most", it.parameter));
    let chart = Strips {
        title: "Importance",
        x_name: "Share of the variance, by itself",
        x: (0.0, 1.0),
        zero: Some(0.0),
        strips: strips.collect(),
        summary: format!("how much of the variance of the quality each explains by itself: {most}"),
    };
    let csv = || {
        let line = |it: &orrery_domain::search::Importance| {
            format!("{},{},{}\n", it.parameter, it.share, it.deviation)
        };
        format!("parameter,share,deviation\n{}", search.importance.iter().map(line).collect::<String>())
    };
    strips_card(&chart, csv, ctx, ui);
}

fn parallel(search: &Search, brushes: &mut Brushes, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let (picture, _) = data::parallel(search);
    let svg = |theme: &crate::theme::Theme| picture.svg(theme);
    let csv = || data::csv(&search.course);
    picture_card(picture.title, svg, csv, ctx, ui, |ui, theme| picture.show(ui, theme, brushes).rect);
}
