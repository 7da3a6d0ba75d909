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
    theme::space,
    widgets::{button::link, empty, icon},
};

/// Width of the forecast, points.
const FORECAST: f32 = 300.0;

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
    let side = Frame::new().inner_margin(Margin { left: 16, ..Margin::ZERO });
    Panel::right("forecast").resizable(false).exact_size(FORECAST).frame(side).show(ui, |ui| {
        forecast::show(page, ctx, ui, form);
    });
    CentralPanel::default().frame(Frame::new()).show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.set_max_width(ui.available_width().min(space::READABLE * 1.2) - space::M);
            dataset(ctx, ui, view, form);
            folds(page, ctx, ui, form);
            ui.add_space(space::XL);
        });
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

fn folds(page: &mut TrainPage, ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let titles = ["Target and columns", "Model", "Training", "Device"];
    for (index, title) in titles.into_iter().enumerate() {
        let mut open = page.state.open[index];
        fold(ui, ctx.theme, title, &form.summaries[index], has_problem(form, index), &mut open, |ui| {
            match index {
                0 => columns::show(page, ctx, ui, form),
                1 => model::show(page, ctx, ui, form),
                2 => training::show(page, ctx, ui, form),
                _ => device::show(ctx, ui, form),
            }
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
