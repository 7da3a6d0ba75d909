//! Draws page Runs: the table above, the selected run and its curves below.

use egui::{CentralPanel, Frame, Margin, Panel, ScrollArea, Ui, containers::menu::MenuButton};
use orrery_domain::{Command, RunId};

use super::{
    RunsPage, curves, data, header,
    rows::{Host, Rows, columns},
};
use crate::{
    command::UiCommand,
    context::{PageContext, PickRequest},
    route::Route,
    theme::space,
    widgets::{
        empty, icon,
        table::{TableSpec, table},
    },
};

/// Height of the table at first, points.
const TABLE: f32 = 216.0;

/// Deleted runs offered in the menu.
const MOST_DELETED: usize = 20;

/// Draws the page.
pub(super) fn show(page: &mut RunsPage, ctx: &mut PageContext<'_>, ui: &mut Ui, shown: Option<&RunId>) {
    if page.list.shown.is_empty() {
        let sentence =
            "A run is one training: its progress, its curves and its result. Start one to see it here.";
        empty::empty(ctx, ui, icon::RUNS, "No runs yet", sentence, Some(UiCommand::GoTrain));
        return;
    }
    // A few runs need no half page.
    let rows = page.list.shown.len() as f32;
    let snug = (rows + 2.0) * space::ROW + space::CONTROL + space::M;
    let frame = Frame::new().inner_margin(Margin { bottom: 8, ..Margin::ZERO });
    let usual = snug.min(TABLE);
    let panel = Panel::top("runs")
        .resizable(true)
        .default_size(page.state.table_height.unwrap_or(usual))
        .size_range(space::ROW * 4.0..=ui.available_height() * 0.7)
        .frame(frame)
        .show(ui, |ui| runs_table(page, ctx, ui));
    let height = panel.response.rect.height().round();
    let dragged = page.state.table_height.is_some() || (height - usual).abs() > space::M;
    page.state.table_height = dragged.then_some(height);
    let frame = Frame::new().inner_margin(Margin { top: 12, ..Margin::ZERO });
    CentralPanel::default().frame(frame).show(ui, |ui| {
        ScrollArea::vertical().id_salt("run").auto_shrink(false).show(ui, |ui| {
            ui.set_max_width(ui.available_width() - space::M);
            if let Some(view) = shown.and_then(|id| data::header(ctx.snapshot, id)) {
                header::show(ctx, ui, &view);
            }
            ui.add_space(space::M);
            curves::show(page, ctx, ui);
            ui.add_space(space::XL);
        });
    });
}

fn runs_table(page: &mut RunsPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let columns = columns();
    let spec = TableSpec::new("Runs", "run", &columns, page.revision);
    let snapshot = std::sync::Arc::clone(ctx.snapshot);
    let rows = Rows { runs: &snapshot.runs, list: &page.list, now: snapshot.now };
    let mut host = Host { theme: ctx.theme, rows: &rows, asked: None };
    let output = table(ui, ctx.theme, &spec, &mut page.table, &rows, &mut host);
    let asked = host.asked;
    if output.selection_changed
        && let Some(cursor) = page.table.cursor.clone()
    {
        let selected = page.table.selected.contains(&cursor);
        let first = page.table.selected.first().cloned();
        let next = if selected { Some(cursor) } else { first };
        // The page follows its own choice at once; the route tells the commands.
        page.state.run = next.map(RunId);
        ctx.go(Route::Runs { run: page.state.run.clone() });
    }
    if let Some(row) = output.activated
        && rows.run(row).model.is_some()
    {
        ctx.go(Route::Models { model: rows.run(row).model.clone() });
    }
    if let Some(command) = asked {
        ctx.outbox.run(command);
    }
    if let Some(bytes) = output.export {
        ctx.outbox.pick(PickRequest::save("Export the runs", "runs.csv", bytes));
    }
    if let Some(words) = output.copied {
        ctx.outbox.toast(orrery_domain::snapshot::Severity::Ok, words);
    }
}

/// What was deleted, and the way back.
pub(super) fn deleted_menu(page: &RunsPage, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let count = page.list.deleted.len();
    if count == 0 || ctx.read_only() {
        return;
    }
    let snapshot = std::sync::Arc::clone(ctx.snapshot);
    MenuButton::new(format!("Deleted ({count})")).ui(ui, |ui| {
        ui.label(ctx.theme.caption("Restore a run"));
        let newest = page.list.deleted.iter().take(MOST_DELETED);
        for run in newest.filter_map(|place| snapshot.runs.get(*place as usize)) {
            if ui.button(run.name.as_str()).clicked() {
                ctx.send(Command::RestoreRun { run: run.id.clone() });
            }
        }
    });
}
