//! Second fold: the model family, its size, and its name.

use egui::{ComboBox, Ui};
use orrery_domain::training::{CategoryEncoding, ModelKind, Scaling};

use super::{
    TrainPage,
    data::{FormView, Place},
    fields::Field,
    training::number_row,
};
use crate::{
    context::PageContext,
    theme::space,
    widgets::{choice::radio_value, form::FormRow, input::input},
};

/// Width of the pickers, points.
const PICKER: f32 = 260.0;

pub(super) fn show(page: &mut TrainPage, ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    kinds(ctx, ui, form);
    for field in Field::MODEL.into_iter().filter(|field| field.applies(form.config.model)) {
        number_row(page, ctx, ui, form, field);
    }
    let kind = form.config.model;
    if (kind.is_network() && !kind.is_for_images()) || kind == ModelKind::Auto {
        categories(ctx, ui, form);
    }
    if kind != ModelKind::Gbt && !kind.is_for_images() {
        scaling(ctx, ui, form);
    }
    name(page, ctx, ui, form);
}

fn kinds(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let mut chosen = form.config.model;
    FormRow::new("Model", "The family of models to train").show(ui, ctx.theme, |ui| {
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            // Networks over pictures stand first where there are pictures, and nowhere else.
            let (for_images, others): (Vec<ModelKind>, Vec<ModelKind>) =
                ModelKind::ALL.into_iter().partition(|kind| kind.is_for_images());
            let (now, pictures) = (chosen, form.pictures.is_some());
            let offered = for_images.into_iter().filter(move |kind| pictures || *kind == now).chain(others);
            for kind in offered {
                ui.horizontal(|ui| {
                    ui.set_min_height(space::ROW);
                    radio_value(ui, ctx.theme, &mut chosen, kind, kind.title());
                    ui.label(ctx.theme.caption(about(kind)));
                });
            }
        });
    });
    if chosen != form.config.model {
        ctx.drafts.edit(&form.dataset).model = chosen;
    }
}

/// When to take it.
fn about(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Auto => "tries trees, TabM and linear within the time budget",
        ModelKind::Gbt => "strong on tables, fast on a CPU",
        ModelKind::Tabm => "the strongest network for tables",
        ModelKind::Mlp => "a plain network, quick to train",
        ModelKind::Resnet => "a deeper network",
        ModelKind::Linear => "the simplest, easy to explain",
        ModelKind::Cnn => "the usual choice for small pictures",
        ModelKind::ResnetCnn => "a deeper network for pictures",
    }
}

fn categories(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let mut chosen = form.config.categories;
    let words = |encoding| match encoding {
        CategoryEncoding::Embedding => "Learned embeddings",
        CategoryEncoding::OneHot => "One input a category",
    };
    let row = FormRow::new("Categories", "How category columns enter a network")
        .default_value("default learned embeddings", chosen != CategoryEncoding::default());
    let response = row.show(ui, ctx.theme, |ui| {
        ComboBox::from_id_salt("categories").width(PICKER).selected_text(words(chosen)).show_ui(ui, |ui| {
            for option in [CategoryEncoding::Embedding, CategoryEncoding::OneHot] {
                ui.selectable_value(&mut chosen, option, words(option));
            }
        });
    });
    if response.reset {
        chosen = CategoryEncoding::default();
    }
    if chosen != form.config.categories {
        ctx.drafts.edit(&form.dataset).categories = chosen;
    }
}

fn scaling(ctx: &mut PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let mut chosen = form.config.hyper.scaling;
    let words = |scaling| match scaling {
        Scaling::Standard => "Zero mean, unit deviation",
        Scaling::Quantile => "Normal quantiles",
    };
    let row = FormRow::new("Scaling", "How numbers are scaled for networks and linear models")
        .default_value("default zero mean, unit deviation", chosen != Scaling::default());
    let response = row.show(ui, ctx.theme, |ui| {
        ComboBox::from_id_salt("scaling").width(PICKER).selected_text(words(chosen)).show_ui(ui, |ui| {
            for option in [Scaling::Standard, Scaling::Quantile] {
                ui.selectable_value(&mut chosen, option, words(option));
            }
        });
    });
    if response.reset {
        chosen = Scaling::default();
    }
    if chosen != form.config.hyper.scaling {
        ctx.drafts.edit(&form.dataset).hyper.scaling = chosen;
    }
}

fn name(page: &mut TrainPage, ctx: &PageContext<'_>, ui: &mut Ui, form: &FormView) {
    let row = FormRow::new(
        "Model name",
        "Its name in the registry; a name that is there already gets a new version",
    )
    .default_value("default from dataset and model", !page.state.name.is_empty())
    .error(form.problem(Place::Name));
    let response = row.show(ui, ctx.theme, |ui| {
        ui.add(input(&mut page.state.name).desired_width(PICKER * 0.75));
    });
    if response.reset {
        page.state.name.clear();
    }
}
