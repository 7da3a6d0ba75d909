//! Draws page Explain: the form, how far it is, and the answer from its checks to single rows.

use egui::{ComboBox, Label, ScrollArea, Ui};
use orrery_domain::{
    Command,
    explain::{Counterfactuals, Dependence, ExplainReport, Explanation, Findings},
    snapshot::{ExplainState, JobOutcome},
};

use super::{ExplainPage, Tab, data, one_row, pictures};
use crate::{
    command::UiCommand,
    context::{PageContext, PickMode, PickRequest, PickThen},
    format,
    theme::{State, space},
    widgets::{
        badge,
        button::{Weight, text_button},
        card,
        chart::{Chart, nearest_x, range},
        chart_card::chart_card,
        empty,
        error_card::error_card,
        grid::{self, grid},
        icon,
        job_card::job_card,
        strips::{Strips, strips_card},
        tabs::tabs,
    },
};

/// Draws the page.
pub(super) fn show(page: &mut ExplainPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    if page.form.model.is_none() {
        let sentence = "An explanation says which columns a model goes by over all rows, what each column added to the answer for one \
                        row, and what would have changed that answer; and it checks itself. It takes a model, which is not here yet.";
        let action = if ctx.snapshot.datasets.iter().any(|entry| !entry.deleted) {
            UiCommand::GoTrain
        } else {
            UiCommand::OpenFile
        };
        empty::empty(ctx, ui, icon::EXPLAIN, "Nothing to explain", sentence, Some(action));
        return;
    }
    ScrollArea::vertical().id_salt("explain").auto_shrink(false).show(ui, |ui| {
        ui.set_max_width(ui.available_width() - space::M);
        let asked = ctx.snapshot.explanation.clone();
        page.form.show(ctx, ui);
        ui.add_space(space::M);
        match &asked {
            Some(asked) => answer(page, asked, ctx, ui),
            None => {
                ui.label(ctx.theme.weak(
                    "The answer says what matters over all rows and what made single ones, with checks of its own: whether the \
                     parts add up, foretell the model, and go when its weights do.",
                ));
            }
        }
        ui.add_space(space::L);
    });
}

/// How far the explanation is, why it failed, or what was found.
fn answer(page: &mut ExplainPage, asked: &ExplainState, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let method = asked.settings.method.map_or("Explanation", |method| method.title());
    let title = format!("{method} of {}", asked.model);
    match &asked.answer {
        Some(Err(failure)) => error_card(ctx, ui, failure),
        Some(Ok(report)) => {
            summary(&title, asked, report, ctx, ui);
            ui.add_space(space::M);
            found(page, asked, report, ctx, ui);
        }
        None => {
            let job = ctx.snapshot.jobs.iter().find(|job| job.id == asked.job).cloned();
            job_card(ctx, ui, (&title, "explanation"), job.as_ref(), |_, _, _| {});
            let words = match job.map(|job| job.outcome) {
                Some(None) => "Another explanation ends this one. What was computed is kept then, too.",
                Some(Some(JobOutcome::Cancelled)) => {
                    "What was computed is kept: the same explanation goes on from there."
                }
                _ => "",
            };
            if !words.is_empty() {
                ui.add(Label::new(ctx.theme.weak(words)).wrap());
            }
        }
    }
}

/// What was asked, against what, and every check in words.
fn summary(
    title: &str,
    asked: &ExplainState,
    report: &ExplainReport,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    let theme = ctx.theme;
    let mut save = false;
    card::card(
        ui,
        theme,
        title,
        |ui| {
            let words = "Save all rows…";
            let file = text_button(ui, theme, Some(icon::EXPORT), words, Weight::Quiet, !ctx.read_only());
            save = file.on_hover_text("Explain every row and write a CSV file").clicked();
        },
        |ui| {
            ui.add(Label::new(theme.weak(data::about(report))).wrap());
            for (state, word, words) in data::checks(report) {
                ui.horizontal(|ui| {
                    badge::badge(ui, theme, state, word);
                    ui.add(Label::new(theme.body(words)).wrap().selectable(true));
                });
            }
            for warning in &report.warnings {
                ui.horizontal_top(|ui| {
                    ui.label(icon::state_text(theme, State::Warning));
                    ui.add(Label::new(theme.body(warning)).wrap());
                });
            }
            if let Some(out) = &report.out {
                ui.label(theme.weak(format!("All rows are in {}", out.display())));
            }
        },
    );
    if save {
        let (model, source, mut settings) =
            (asked.model.clone(), asked.source.clone(), asked.settings.clone());
        settings.rows = None;
        ctx.outbox.pick(PickRequest {
            title: "File to write".to_owned(),
            mode: PickMode::Save,
            file_name: "explanation.csv".to_owned(),
            filters: vec![("CSV".to_owned(), vec!["csv".to_owned()])],
            then: PickThen::Command(Box::new(move |out| Command::Explain {
                model,
                source,
                settings: Box::new(settings),
                out: Some(out),
            })),
        });
    }
}

fn found(
    page: &mut ExplainPage,
    asked: &ExplainState,
    report: &ExplainReport,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    match &report.found {
        Findings::Attributions(found) if pictures::Grid::of(found).is_some() => {
            let Some(grid) = pictures::Grid::of(found) else { return };
            let all = [(Tab::Row, "One picture"), (Tab::All, "All pictures")];
            // A single pixel is no column to look at.
            if page.tab == Tab::Column {
                page.tab = Tab::Row;
            }
            tabs(ui, ctx.theme, &mut page.tab, &all);
            if page.tab == Tab::All {
                pictures::all_pictures(&grid, found, ctx, ui);
            } else {
                pictures::one_picture(page, &grid, found, ctx, ui);
            }
        }
        Findings::Attributions(found) => {
            let all = [(Tab::All, "All rows"), (Tab::Column, "One column"), (Tab::Row, "One row")];
            tabs(ui, ctx.theme, &mut page.tab, &all);
            match page.tab {
                Tab::All => all_rows(found, ctx, ui),
                Tab::Column => one_column(page, found, ctx, ui),
                Tab::Row => one_row::show(page, asked, found, ctx, ui),
            }
        }
        Findings::Importance(found) => {
            let picture = data::importance(&found.columns);
            let x_name = if found.metric.higher_is_better() {
                format!("{} falls by", found.metric.title())
            } else {
                format!("{} rises by", found.metric.title())
            };
            let chart = Strips {
                title: "Permutation importance",
                x_name: &x_name,
                x: picture.x,
                zero: Some(0.0),
                strips: picture.strips,
                summary: format!(
                    "{}; 95% intervals over {}",
                    picture.summary,
                    format::plural(u64::from(found.repeats), "repeat")
                ),
            };
            strips_card(&chart, || data::importance_csv(&found.columns), ctx, ui);
        }
        Findings::Dependence(found) => dependence(page, found, ctx, ui),
        Findings::Counterfactuals(found) => counterfactuals(page, found, ctx, ui),
    }
}

/// Importance with intervals, and every row's parts.
fn all_rows(found: &Explanation, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let unit = data::unit(found.scale, found.class.as_ref());
    let columns = found.importance();
    card::beside(ui, 2, 900.0, |part, ui| {
        if part == 0 {
            let picture = data::importance(&columns);
            let chart = Strips {
                title: "Importance",
                x_name: &format!("Mean size of the part, {unit}"),
                x: picture.x,
                zero: Some(0.0),
                strips: picture.strips,
                summary: format!("{}; 95% intervals over the rows", picture.summary),
            };
            strips_card(&chart, || data::importance_csv(&columns), ctx, ui);
        } else {
            let picture = data::beeswarm(found);
            let chart = Strips {
                title: "Beeswarm",
                x_name: &format!("Part of the answer, {unit}"),
                x: picture.x,
                zero: Some(0.0),
                strips: picture.strips,
                summary: picture.summary,
            };
            strips_card(&chart, || data::rows_csv(found), ctx, ui);
        }
    });
}

/// A choice of one of the columns; the first one until another is chosen.
fn column_choice(
    page: &mut ExplainPage,
    names: &[String],
    ctx: &PageContext<'_>,
    ui: &mut Ui,
) -> Option<usize> {
    let chosen = page.column.as_ref().and_then(|name| names.iter().position(|known| known == name));
    let place = chosen.or_else(|| (!names.is_empty()).then_some(0))?;
    ui.horizontal(|ui| {
        ui.label(ctx.theme.weak("Column"));
        ui.name_inputs("Column", |ui| {
            ComboBox::from_id_salt("column").width(260.0).selected_text(&names[place]).show_ui(ui, |ui| {
                for name in names {
                    if ui.selectable_label(names[place] == *name, name).clicked() {
                        page.column = Some(name.clone());
                    }
                }
            });
        });
    });
    ui.add_space(space::S);
    Some(place)
}

/// How the parts of one column go with its values.
fn one_column(page: &mut ExplainPage, found: &Explanation, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let names: Vec<String> = found.importance().into_iter().map(|column| column.column).collect();
    let Some(place) = column_choice(page, &names, ctx, ui) else { return };
    let name = &names[place];
    let unit = format!("Part of the answer, {}", data::unit(found.scale, found.class.as_ref()));
    let csv = || data::parts_csv(found, name);
    match data::parts(found, name) {
        data::Parts::Numbers(points) => {
            let chart = Chart {
                title: "Dependence",
                x_name: name,
                y_name: &unit,
                x: range(points.iter().map(|point| point[0])),
                y: range(points.iter().map(|point| point[1])),
                points: points.clone(),
                summary: format!(
                    "parts of {name} against its values, {}",
                    data::shown(points.len(), found, "row")
                ),
                ..Chart::default()
            };
            chart_card(&chart, csv, ctx, ui, |[x, _]| {
                let [value, part] = points[nearest_x(&points, x)?];
                let (value, part) = (format::significant(value, 4), format::significant(part, 3));
                Some(format!("{name} = {value}\nadds {part}"))
            });
        }
        data::Parts::Words(picture) => {
            let chart = Strips {
                title: "Dependence",
                x_name: &unit,
                x: picture.x,
                zero: Some(0.0),
                strips: picture.strips,
                summary: picture.summary,
            };
            strips_card(&chart, csv, ctx, ui);
        }
    }
}

fn dependence(page: &mut ExplainPage, found: &Dependence, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let names: Vec<String> = found.columns.iter().map(|column| column.column.clone()).collect();
    let Some(place) = column_choice(page, &names, ctx, ui) else { return };
    let column = &found.columns[place];
    let (lines, x, y) = data::dependence(column);
    let unit = format!("Answer, {}", data::unit(found.scale, found.class.as_ref()));
    let values: Vec<[f64; 2]> = column.grid.iter().map(|point| [point.x, point.mean]).collect();
    let x_name = if column.number {
        column.column.clone()
    } else {
        let words: Vec<String> = column
            .grid
            .iter()
            .map(|point| format!("{:.0}: {}", point.x, point.value.as_deref().unwrap_or("missing")))
            .take(12)
            .collect();
        format!("{} ({})", column.column, words.join(", "))
    };
    let chart = Chart {
        title: "Partial dependence",
        x_name: &x_name,
        y_name: &unit,
        x,
        y,
        lines,
        summary: format!(
            "mean answer by {}, with {}; {:.0}% of single rows' changes are their own",
            column.column,
            format::plural(column.lines.len() as u64, "line of single rows"),
            column.interaction * 100.0
        ),
        ..Chart::default()
    };
    chart_card(
        &chart,
        || data::dependence_csv(column),
        ctx,
        ui,
        |[x, _]| {
            let point = &column.grid[nearest_x(&values, x)?];
            let value = point.value.as_deref().unwrap_or("missing");
            Some(format!("{} = {value}\nmean answer {}", column.column, format::significant(point.mean, 4)))
        },
    );
    ui.add_space(space::S);
    let words = format!("{unit}. The thick line is the mean; a thin one is what the model says for one row.");
    ui.add(Label::new(ctx.theme.weak(words)).wrap());
}

fn counterfactuals(page: &mut ExplainPage, found: &Counterfactuals, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let words = format!("Wanted: {}. May change: {}.", found.wanted, found.actionable.join(", "));
    ui.add(Label::new(theme.body(words)).wrap());
    ui.add_space(space::S);
    let (columns, rows) = (data::change_columns(), data::changes(found));
    let spec = crate::widgets::table::TableSpec::new("Nearest changes", "row", &columns, page.revision);
    grid(ctx, ui, &spec, &mut page.table, &rows, grid::height(rows.len(), true, 520.0));
}
