//! Where a model came from: file, dataset, run, model; each a click away.

use egui::{Align, Label, Layout, Sense, Ui, UiBuilder, vec2};
use orrery_domain::{model::ModelCard, snapshot::ModelEntry};

use crate::{
    command::FindInSnapshot,
    context::PageContext,
    format,
    route::Route,
    theme::{Theme, space},
    widgets::{
        card,
        icon::{self, Icon},
    },
};

/// Least and largest width of a node, points.
const NODE: (f32, f32) = (120.0, 240.0);
/// Height of a node, points.
const HEIGHT: f32 = 124.0;
/// Space between two nodes, with the arrow in it, points.
const BETWEEN: f32 = 28.0;

struct Node {
    icon: Icon,
    kind: &'static str,
    title: String,
    lines: Vec<String>,
    route: Option<Route>,
}

fn nodes(entry: &ModelEntry, model: &ModelCard, ctx: &PageContext<'_>) -> [Node; 4] {
    let lineage = &model.lineage;
    let source = &lineage.source;
    let file = std::path::Path::new(&source.path);
    let file_name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let short = |hash: &str| format!("{}…", hash.chars().take(12).collect::<String>());
    let dataset =
        ctx.snapshot.datasets.iter().find(|entry| entry.dataset.id == lineage.dataset && !entry.deleted);
    let run = ctx.snapshot.find_run(&lineage.run).filter(|run| !run.deleted);
    let gone = || vec!["No longer in the list".to_owned()];
    [
        Node {
            icon: icon::FILE,
            kind: "File",
            title: file_name,
            lines: vec![source.path.clone(), format::bytes(source.bytes), short(&source.hash)],
            route: None,
        },
        Node {
            icon: icon::DATA,
            kind: "Dataset",
            title: entry.dataset_name.clone(),
            lines: dataset.map_or_else(gone, |entry| {
                let dataset = &entry.dataset;
                vec![
                    format::plural(dataset.rows, "row"),
                    format::plural(dataset.columns.len() as u64, "column"),
                    short(&dataset.id.0),
                ]
            }),
            route: dataset.map(|entry| Route::Data { dataset: Some(entry.dataset.id.clone()) }),
        },
        Node {
            icon: icon::RUNS,
            kind: "Run",
            title: run.map_or_else(|| lineage.run.to_string(), |run| run.name.clone()),
            lines: {
                let mut lines = vec![
                    model.kind.title().to_owned(),
                    format!("{} on {}", format::duration(model.train_secs), model.device),
                    format!("seed {}", model.seed),
                ];
                if run.is_none() {
                    lines.extend(gone());
                }
                lines
            },
            route: run.map(|run| Route::Runs { run: Some(run.id.clone()) }),
        },
        Node {
            icon: icon::MODELS,
            kind: "Model",
            title: entry.model.to_string(),
            lines: vec![
                format!(
                    "{} {}",
                    entry.primary.0.title(),
                    format::metric(entry.primary.0, entry.primary.1.value)
                ),
                format::bytes(entry.bytes),
                format!("{} UTC", format::moment(entry.created_at)),
            ],
            route: None,
        },
    ]
}

/// Draws the tab.
pub(super) fn show(entry: &ModelEntry, model: &ModelCard, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let nodes = nodes(entry, model, ctx);
    let count = nodes.len() as f32;
    let width = ((ui.available_width() - BETWEEN * (count - 1.0)) / count).floor().clamp(NODE.0, NODE.1);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let last = nodes.len() - 1;
        for (index, node) in nodes.iter().enumerate() {
            if let Some(route) = draw(ui, theme, node, width) {
                ctx.go(route);
            }
            if index < last {
                let (rect, _) = ui.allocate_exact_size(vec2(BETWEEN, HEIGHT), Sense::hover());
                let font = egui::FontId::new(
                    crate::theme::size::ICON,
                    egui::FontFamily::Name(crate::theme::ICONS.into()),
                );
                let arrow = icon::FORWARD.glyph();
                ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, arrow, font, theme.text.weak);
            }
        }
    });
    ui.add_space(space::S);
    ui.label(theme.weak("Every record holds the hash of its parent and never changes once finished"));
}

/// Draws a node; returns where a click on it leads.
fn draw(ui: &mut Ui, theme: &Theme, node: &Node, width: f32) -> Option<Route> {
    let size = vec2(width, HEIGHT);
    let sense = if node.route.is_some() { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(size, sense);
    let mut frame = card::frame(theme);
    if response.hovered() && node.route.is_some() {
        frame = frame.fill(theme.surface.hover);
    }
    if response.has_focus() {
        frame = frame.stroke(egui::Stroke::new(space::FOCUS, theme.accent.text));
    }
    let inner = rect.shrink(space::M);
    ui.painter().add(frame.paint(inner));
    let layout = Layout::top_down(Align::LEFT);
    lines(&mut ui.new_child(UiBuilder::new().max_rect(inner).layout(layout)), theme, node);
    let name = format!("{}: {}", node.kind, node.title);
    let role = if node.route.is_some() { egui::Role::Link } else { egui::Role::Group };
    response.widget_info(|| egui::WidgetInfo::labeled(role, true, &name));
    response.clicked().then(|| node.route.clone()).flatten()
}

fn lines(ui: &mut Ui, theme: &Theme, node: &Node) {
    ui.spacing_mut().item_spacing.y = 3.0;
    ui.horizontal(|ui| {
        ui.label(node.icon.small().color(theme.text.weak));
        ui.label(theme.caption(node.kind));
    });
    let colour = if node.route.is_some() { theme.accent.text } else { theme.text.strong };
    ui.add(Label::new(theme.strong(&node.title).color(colour)).truncate());
    for line in &node.lines {
        let line = theme.number(line).size(crate::theme::size::LABEL).color(theme.text.weak);
        ui.add(Label::new(line).truncate());
    }
}
