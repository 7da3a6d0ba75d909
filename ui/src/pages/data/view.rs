//! Draws page Data: the list on the left, the dataset on the right.

use egui::{Align, CentralPanel, Frame, Layout, Margin, Panel, Ui};

use super::{
    DataPage, Tab, columns,
    data::{DataView, DatasetView, ProfileState, task_words},
    list, pictures, preview,
};
use crate::{
    command::UiCommand,
    context::PageContext,
    format,
    theme::{State, size, space},
    widgets::{
        button::{Weight, icon_button, link, text_button},
        column_picker::ColumnPicker,
        empty,
        error_card::error_card,
        icon,
        pane::pane,
        progress,
    },
};

/// Draws the page.
pub fn show(page: &mut DataPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let Some((key, view)) = page.cache.take() else { return };
    if view.datasets.is_empty() && view.imports.is_empty() && view.deleted.is_empty() {
        failed_imports(page, ctx, ui, &view);
        let sentence = "Drop a CSV, JSON lines, Parquet, Arrow or IDX file, or a folder of pictures by class, anywhere on this window, or pick a file.";
        empty::empty(ctx, ui, icon::DATA, "No data yet", sentence, Some(UiCommand::OpenFile));
        ui.vertical_centered(|ui| {
            ui.add_space(space::S);
            if link(ui, ctx.theme, UiCommand::ImportFolder.title()).clicked() {
                ctx.outbox.run(UiCommand::ImportFolder);
            }
            if link(ui, ctx.theme, "Open the sample instead").clicked() {
                ctx.outbox.run(UiCommand::OpenSample);
            }
        });
    } else {
        let side = Frame::new().inner_margin(Margin { right: 12, ..Margin::ZERO });
        let panel = Panel::left("datasets")
            .resizable(true)
            .default_size(page.state.list_width.unwrap_or(space::RAIL + space::XL * 2.0))
            .size_range(space::RAIL..=space::READABLE * 0.75)
            .frame(side)
            .show(ui, |ui| pane(ui, |ui| list::show(ctx, ui, &view)));
        page.state.list_width = Some(panel.response.rect.width().round());
        let body = Frame::new().inner_margin(Margin { left: 16, ..Margin::ZERO });
        CentralPanel::default().frame(body).show(ui, |ui| {
            failed_imports(page, ctx, ui, &view);
            if let Some(dataset) = &view.shown {
                shown(page, ctx, ui, dataset);
            } else if let Some(import) = view.imports.first() {
                ui.label(ctx.theme.heading(format!("Importing {}", import.file)));
                progress::progress(ui, ctx.theme, &import.progress, &format!("Import of {}", import.file));
            }
        });
    }
    if page.cache.is_none() {
        page.cache = Some((key, view));
    }
}

fn failed_imports(page: &mut DataPage, ctx: &mut PageContext<'_>, ui: &mut Ui, view: &DataView) {
    let newest = view.failed.iter().find(|import| !page.dismissed.contains(&import.job));
    let Some(import) = newest else { return };
    ui.horizontal(|ui| {
        ui.label(ctx.theme.strong(format!("{} was not imported", import.file)));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if icon_button(ui, ctx.theme, icon::CLOSE, "Put this message aside", true).clicked() {
                page.dismissed.extend(view.failed.iter().map(|import| import.job));
            }
            if text_button(ui, ctx.theme, Some(icon::REFRESH), "Try again", Weight::Quiet, !ctx.read_only())
                .clicked()
            {
                page.dismissed.insert(import.job);
                let options = orrery_domain::dataset::ImportOptions::default();
                ctx.send(orrery_domain::Command::ImportFile { file: import.path.clone(), options });
            }
        });
    });
    error_card(ctx, ui, &import.failure);
    ui.add_space(space::M);
}

fn shown(page: &mut DataPage, ctx: &mut PageContext<'_>, ui: &mut Ui, dataset: &DatasetView) {
    let foot = Frame::new().inner_margin(Margin { top: 6, ..Margin::ZERO });
    Panel::bottom("dataset footer")
        .show_separator_line(false)
        .frame(foot)
        .show(ui, |ui| footer(page, ctx, ui, dataset));
    head(page, ctx, ui, dataset);
    for warning in &dataset.warnings {
        columns::table_warning(page, ctx, ui, &dataset.id, warning);
    }
    for note in &dataset.notes {
        ui.horizontal(|ui| {
            ui.label(icon::INFO.small().color(ctx.theme.text.weak));
            ui.add(egui::Label::new(ctx.theme.weak(note.as_str())).truncate()).on_hover_text(note.as_str());
        });
    }
    ui.add_space(space::S);
    tabs(page, ctx, ui, dataset);
    ui.add_space(space::XS);
    // Pictures stay the choice for datasets that have some.
    let tab = match page.state.tab {
        Tab::Pictures if dataset.pictures.is_none() => Tab::Columns,
        tab => tab,
    };
    match (&dataset.profile, tab) {
        (_, Tab::BadRows) => preview::bad_rows(page, ctx, ui, dataset),
        (_, Tab::Pictures) => pictures::show(ctx, ui, dataset),
        (ProfileState::Failed(failure), _)
            if dataset.columns.iter().all(|column| column.profile.is_none()) =>
        {
            error_card(ctx, ui, failure);
            ui.add_space(space::S);
            if text_button(ui, ctx.theme, Some(icon::REFRESH), "Profile again", Weight::Normal, true)
                .clicked()
            {
                page.question.retry();
            }
        }
        (ProfileState::Loading(progress), Tab::Preview) => loading(ctx, ui, progress.as_ref()),
        (_, Tab::Preview) => preview::rows(page, ctx, ui, dataset),
        (state, Tab::Columns) => {
            if let ProfileState::Loading(progress) = state {
                loading(ctx, ui, progress.as_ref());
            }
            columns::show(page, ctx, ui, dataset);
        }
    }
}

fn loading(ctx: &PageContext<'_>, ui: &mut Ui, progress: Option<&orrery_domain::run::Progress>) {
    let waiting =
        orrery_domain::run::Progress { phase: "Profiling the columns".to_owned(), ..Default::default() };
    progress::progress(ui, ctx.theme, progress.unwrap_or(&waiting), "Profile");
    ui.add_space(space::S);
}

/// What is predicted, and what task that is.
fn head(page: &mut DataPage, ctx: &mut PageContext<'_>, ui: &mut Ui, dataset: &DatasetView) {
    let theme = ctx.theme;
    ui.horizontal(|ui| {
        ui.label(theme.weak("Target"));
        let names: Vec<String> = dataset.columns.iter().map(|column| column.name.clone()).collect();
        let picker = ColumnPicker {
            name: "Target",
            columns: &names,
            chosen: dataset.target.as_deref(),
            none: "Choose what to predict",
            optional: true,
            width: 220.0,
        };
        if let Some(target) = picker.show(ui, theme) {
            set_target(page, ctx, dataset, target);
        }
        match (&dataset.profile, dataset.task, &dataset.target) {
            (ProfileState::Failed(failure), ..) => {
                ui.label(icon::state_text(theme, State::Failed));
                ui.label(theme.weak(failure.message.as_str()));
            }
            (_, Some(task), Some(_)) => {
                ui.label(icon::state_text(theme, State::Ok));
                ui.label(theme.body(task_words(task)))
                    .on_hover_text("The task that this target suggests; Train can change it");
            }
            (_, None, Some(_)) => {
                ui.label(theme.weak("Looking at the target"));
            }
            _ => {
                ui.label(theme.weak("Warnings about leaks and class balance appear once a target is chosen"));
            }
        }
        if dataset.excluded > 0 {
            let words = format!("{} excluded", format::plural(dataset.excluded as u64, "column"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.label(theme.weak(words)));
        }
    });
}

fn set_target(page: &mut DataPage, ctx: &mut PageContext<'_>, dataset: &DatasetView, target: Option<String>) {
    let draft = ctx.drafts.edit(&dataset.id);
    let target = target.unwrap_or_default();
    draft.exclude.retain(|column| *column != target);
    draft.target = target;
    // What was said about the old target does not hold for the new one.
    draft.task = None;
    draft.positive = None;
    draft.class_weights = false;
    draft.target_transform = orrery_domain::training::TargetTransform::None;
    page.question.ask(ctx, &dataset.id);
}

fn tabs(page: &mut DataPage, ctx: &PageContext<'_>, ui: &mut Ui, dataset: &DatasetView) {
    ui.horizontal(|ui| {
        let bad = format!("Bad rows ({})", format::count(dataset.bad_rows));
        let columns = format!("Columns ({})", format::count(dataset.columns.len() as u64));
        let mut tab = |ui: &mut Ui, which: Tab, words: &str| {
            let chosen = page.state.tab == which;
            let color = if chosen { ctx.theme.text.strong } else { ctx.theme.text.weak };
            if ui.selectable_label(chosen, ctx.theme.body(words).color(color)).clicked() {
                page.state.tab = which;
            }
        };
        tab(ui, Tab::Columns, &columns);
        if dataset.pictures.is_some() {
            tab(ui, Tab::Pictures, "Pictures");
        }
        tab(ui, Tab::Preview, "Preview");
        if dataset.bad_rows > 0 {
            tab(ui, Tab::BadRows, &bad);
        }
    });
}

/// Rows, bytes, bad rows and warnings, always in view.
fn footer(page: &mut DataPage, ctx: &PageContext<'_>, ui: &mut Ui, dataset: &DatasetView) {
    let theme = ctx.theme;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::M;
        ui.label(theme.number(format::plural(dataset.rows, "row")).size(size::LABEL));
        let bytes =
            format!("{} as a file, {} here", format::bytes(dataset.bytes), format::bytes(dataset.blob_bytes));
        ui.label(theme.number(bytes).size(size::LABEL));
        if dataset.bad_rows == 0 {
            ui.label(theme.weak("No bad rows"));
        } else {
            let words = format::plural(dataset.bad_rows, "bad row");
            if link(ui, theme, &words).on_hover_text("List them with line and reason").clicked() {
                page.state.tab = Tab::BadRows;
            }
        }
        match dataset.duplicate_rows {
            Some(0) | None => {}
            Some(many) => _ = ui.label(theme.weak(format::plural(many, "duplicate row"))),
        }
        if dataset.warning_count > 0 {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::XS;
                ui.label(icon::state_text(theme, State::Warning));
                ui.label(theme.weak(format::plural(dataset.warning_count as u64, "warning")));
            });
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let path = theme.mono(dataset.path.as_str()).color(theme.text.weak);
            ui.add(egui::Label::new(path).truncate()).on_hover_text(dataset.path.as_str());
        });
    });
}
