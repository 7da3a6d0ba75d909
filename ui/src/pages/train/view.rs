//! Draws page Train: the form on the left, the forecast on the right.

use egui::{CentralPanel, ComboBox, Frame, Margin, Panel, ScrollArea, Ui};

use super::{
    TrainPage, columns,
    data::{FormView, TrainView},
    device,
    fold::fold,
    forecast, model, training,
};
use crate::{
    command::UiCommand,
    context::PageContext,
    format,
    route::Route,
    theme::{State, space},
    widgets::{button::link, empty, icon},
};

/// Width of the forecast at least and at most, points.
const FORECAST: (f32, f32) = (292.0, 360.0);

/// Width of one column of the form at least where there are two, and at most, points.
const COLUMN: (f32, f32) = (560.0, 700.0);

/// Between the form and the forecast, points.
const GAP: f32 = space::XL;

/// How the page's width is shared out.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shares {
    /// The form stands in two columns.
    two: bool,
    /// Width of the form, points.
    form: f32,
    /// Width of the forecast, points.
    forecast: f32,
}

/// The form takes what it can use, in two columns where both fit; the forecast stands right beside it.
fn shares(width: f32) -> Shares {
    let room = width - FORECAST.0 - GAP;
    let two = room >= 2.0 * COLUMN.0 + space::M;
    let most = if two { 2.0 * COLUMN.1 + space::M } else { 1.25 * COLUMN.1 };
    let form = room.min(most).floor();
    Shares { two, form, forecast: (width - form - GAP).clamp(FORECAST.0, FORECAST.1).floor() }
}

/// Draws the page.
pub fn show(page: &mut TrainPage, ctx: &mut PageContext<'_>, ui: &mut Ui, view: &TrainView) {
    let Some(form) = &view.form else {
        let sentence = "A model learns from a table: open one first, then choose what to predict.";
        empty::empty(ctx, ui, icon::TRAIN, "Nothing to train on yet", sentence, Some(UiCommand::OpenFile));
        ui.vertical_centered(|ui| {
            ui.add_space(space::S);
            if link(ui, ctx.theme, "Open the sample instead").clicked() {
                ctx.outbox.run(UiCommand::OpenSample);
            }
        });
        return;
    };
    let Shares { two, form: width, forecast: beside } = shares(ui.available_width());
    let side = Panel::left("form").resizable(false).show_separator_line(false);
    side.exact_size(width).frame(Frame::new()).show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.set_max_width(ui.available_width() - space::M);
            dataset(ctx, ui, view, form);
            if two {
                ui.spacing_mut().item_spacing.x = space::M;
                ui.columns(2, |columns| {
                    for column in columns.iter_mut() {
                        column.spacing_mut().item_spacing.x = space::S;
                    }
                    folds(page, ctx, &mut columns[0], form, 0..1, true);
                    folds(page, ctx, &mut columns[1], form, 1..TITLES.len(), true);
                });
            } else {
                folds(page, ctx, ui, form, 0..TITLES.len(), false);
            }
            ui.add_space(space::XL);
        });
    });
    let frame = Frame::new().inner_margin(Margin { left: (GAP - space::M) as i8, ..Margin::ZERO });
    CentralPanel::default().frame(frame).show(ui, |ui| {
        ui.set_max_width(beside);
        forecast::show(page, ctx, ui, form);
    });
}

fn dataset(ctx: &mut PageContext<'_>, ui: &mut Ui, view: &TrainView, form: &FormView) {
    ui.horizontal(|ui| {
        ui.label(ctx.theme.weak("Dataset"));
        let combo = ComboBox::from_id_salt("dataset")
            .width(260.0)
            .truncate()
            .selected_text(form.dataset_name.as_str());
        let shown = combo.show_ui(ui, |ui| {
            for (id, name) in &view.datasets {
                if ui.selectable_label(*id == form.dataset, name.as_str()).clicked() {
                    ctx.go(Route::Train { dataset: Some(id.clone()) });
                }
            }
        });
        shown.response.accessible_name("Dataset");
        ui.label(ctx.theme.number(format::plural(form.rows, "row")).color(ctx.theme.text.weak));
        if link(ui, ctx.theme, "Look at the data").clicked() {
            ctx.go(Route::Data { dataset: Some(form.dataset.clone()) });
        }
    });
    ui.add_space(space::S);
}

/// The folds, in the order of a training.
const TITLES: [&str; 4] = ["Target and columns", "Model", "Training", "Device"];

fn folds(
    page: &mut TrainPage,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
    form: &FormView,
    which: std::ops::Range<usize>,
    roomy: bool,
) {
    for index in which {
        let mut open = page.state.open[index];
        // A form that nobody has touched does not scold.
        let state = if page.tried { State::Failed } else { State::Waiting };
        let problem = has_problem(form, index).then_some(state);
        fold(ui, ctx.theme, TITLES[index], &form.summaries[index], problem, &mut open, |ui| match index {
            0 => columns::show(page, ctx, ui, form, roomy),
            1 => model::show(page, ctx, ui, form),
            2 => training::show(page, ctx, ui, form),
            _ => device::show(ctx, ui, form),
        });
        page.state.open[index] = open;
    }
}

/// Whether something in that fold keeps the training from starting.
fn has_problem(form: &FormView, fold: usize) -> bool {
    use super::{data::Place, fields::Field};
    form.problems.iter().any(|problem| {
        let home = match problem.place {
            Place::Name => 1,
            Place::Device => 3,
            Place::Field(field) if Field::MODEL.contains(&field) => 1,
            Place::Field(field) if Field::TRAINING.contains(&field) => 2,
            _ => 0,
        };
        home == fold
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_takes_the_room_there_is_and_the_forecast_stands_beside_it() {
        // The rail and the page's margins take 216 points of the window.
        let [small, usual, large, huge] =
            [1280.0, 1440.0, 1920.0, 3840.0].map(|window| shares(window - 216.0));
        assert!(!small.two && !usual.two && large.two && huge.two);
        for (shared, window) in [(small, 1280.0), (usual, 1440.0), (large, 1920.0)] {
            let unused = window - 216.0 - shared.form - GAP - shared.forecast;
            assert!((0.0..=16.0).contains(&unused), "{window}: {unused} points stand empty: {shared:?}");
        }
        assert!(huge.form <= 2.0 * COLUMN.1 + space::M && huge.forecast <= FORECAST.1);
    }
}
