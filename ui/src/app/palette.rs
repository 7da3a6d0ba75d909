//! The palette: every command, page, dataset, run and model by a few letters of its name.

use std::path::PathBuf;

use egui::{Align2, Area, Context, Id, Key, Modal, Modifiers, Order, Role, ScrollArea, Ui, WidgetInfo, vec2};
use orrery_domain::{Command, dataset::ImportOptions};

use super::{App, shell::overlay_frame};
use crate::{
    command::{CommandContext, UiCommand},
    route::Route,
    theme::{Theme, size, space},
    widgets::{
        badge, button,
        icon::{self, Icon},
        input::input,
    },
};

/// Entries shown at most.
const SHOWN: usize = 60;
/// Runs, models and datasets offered of each kind before anything is typed.
const RECENT: usize = 4;
/// Width, points.
const WIDTH: f32 = 600.0;

/// The palette's state.
#[derive(Default)]
pub(super) struct Palette {
    query: Option<String>,
    chosen: usize,
}

impl Palette {
    pub(super) fn open(&mut self) {
        *self = Self { query: Some(String::new()), chosen: 0 };
    }

    pub(super) fn is_open(&self) -> bool {
        self.query.is_some()
    }
}

/// What an entry does.
#[derive(Clone)]
enum Act {
    Run(UiCommand),
    Go(Route),
    Import(PathBuf),
}

/// A line of the palette.
struct Entry {
    group: &'static str,
    icon: Icon,
    title: String,
    detail: String,
    /// Why it cannot be done, if so.
    blocked: Option<&'static str>,
    act: Act,
}

/// How well `query` fits `text`: `None` when its letters are not in it, in order. Smaller is better.
fn fit(query: &str, text: &str) -> Option<usize> {
    let text = text.to_lowercase();
    if let Some(at) = text.find(query) {
        let word_start = at == 0 || text[..at].ends_with(|c: char| !c.is_alphanumeric());
        return Some(if word_start { at } else { at + 50 });
    }
    let mut cost = 200;
    let mut rest = text.char_indices();
    let mut last = 0;
    for wanted in query.chars().filter(|c| !c.is_whitespace()) {
        let (at, _) = rest.by_ref().find(|(_, c)| *c == wanted)?;
        cost += at - last;
        last = at;
    }
    Some(cost)
}

impl App {
    pub(super) fn palette_dialog(&mut self, ctx: &Context) {
        let Some(mut query) = self.shell.palette.query.take() else { return };
        let theme = self.theme(ctx);
        let entries = self.entries(query.trim());
        let mut chosen = self.shell.palette.chosen.min(entries.len().saturating_sub(1));
        let area = Area::new(Id::unique("palette"))
            .kind(egui::UiKind::Modal)
            .anchor(Align2::CENTER_TOP, vec2(0.0, 96.0))
            .order(Order::Foreground);
        let moved = move_choice(ctx, &mut chosen, entries.len());
        let modal =
            Modal::new(Id::unique("palette")).area(area).frame(overlay_frame(ctx, &theme)).show(ctx, |ui| {
                ui.set_width(WIDTH.min(ctx.content_rect().width() - 80.0));
                let before = query.clone();
                let edit = input(&mut query)
                    .hint_text("Search commands, pages, datasets, runs and models")
                    .desired_width(f32::INFINITY)
                    .font(egui::FontId::proportional(size::HEADING))
                    .margin(egui::Margin::symmetric(8, 6));
                let field = ui.add(edit).accessible_name("Search");
                field.request_focus();
                if query != before {
                    chosen = 0;
                }
                ui.add_space(space::XS);
                list(ui, &theme, &entries, &mut chosen, moved)
            });
        let entered = ctx.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        let picked = modal.inner.or_else(|| entered.then_some(chosen));
        if let Some(entry) = picked.and_then(|index| entries.get(index)) {
            match entry.act.clone() {
                Act::Run(command) => self.outbox.run(command),
                Act::Go(route) => self.outbox.go(route),
                Act::Import(file) => {
                    self.outbox.send(Command::ImportFile { file, options: ImportOptions::default() });
                }
            }
            ctx.request_repaint();
        } else if !modal.should_close() {
            self.shell.palette.query = Some(query);
            self.shell.palette.chosen = chosen;
        }
    }

    /// What fits the query, best first; with an empty query everything, in groups.
    fn entries(&self, query: &str) -> Vec<Entry> {
        let mut entries = self.every_entry(query.is_empty());
        if query.is_empty() {
            return entries;
        }
        let needle = query.to_lowercase();
        let mut scored: Vec<(usize, usize, Entry)> = entries
            .drain(..)
            .enumerate()
            .filter_map(|(index, entry)| {
                let title = fit(&needle, &entry.title);
                let group = fit(&needle, &format!("{} {}", entry.group, entry.title)).map(|cost| cost + 30);
                let cost = title.into_iter().chain(group).min()?;
                Some((cost + usize::from(entry.blocked.is_some()) * 100, index, entry))
            })
            .collect();
        scored.sort_by_key(|(cost, index, _)| (*cost, *index));
        let mut found: Vec<Entry> = scored.into_iter().take(SHOWN).map(|(_, _, entry)| entry).collect();
        if query.contains(['/', '\\']) {
            found.insert(0, import_entry(query));
        }
        found
    }

    fn every_entry(&self, recent_only: bool) -> Vec<Entry> {
        let at = CommandContext { snapshot: &self.snapshot, route: &self.route };
        let most = if recent_only { RECENT } else { usize::MAX };
        let mut entries: Vec<Entry> = UiCommand::ALL
            .into_iter()
            .filter(|command| *command != UiCommand::OpenPalette)
            .map(|command| command_entry(command, at))
            .filter(|entry| !recent_only || entry.blocked.is_none())
            .collect();
        entries.sort_by_key(|entry| match entry.act {
            Act::Run(command) => Some(command.group()),
            _ => None,
        });
        let datasets =
            self.snapshot.datasets.iter().filter(|entry| !entry.deleted).take(most).map(|entry| Entry {
                group: "Datasets",
                icon: icon::DATA,
                title: entry.dataset.name.clone(),
                detail: crate::format::plural(entry.dataset.rows, "row"),
                blocked: None,
                act: Act::Go(Route::Data { dataset: Some(entry.dataset.id.clone()) }),
            });
        let runs = self.snapshot.runs.iter().filter(|run| !run.deleted).take(most).map(|run| Entry {
            group: "Runs",
            icon: icon::RUNS,
            title: run.name.clone(),
            detail: badge::run_word(run.state).to_owned(),
            blocked: None,
            act: Act::Go(Route::Runs { run: Some(run.id.clone()) }),
        });
        let models =
            self.snapshot.models.iter().filter(|entry| !entry.deleted).take(most).map(|entry| Entry {
                group: "Models",
                icon: icon::MODELS,
                title: entry.model.to_string(),
                detail: entry.kind.title().to_owned(),
                blocked: None,
                act: Act::Go(Route::Models { model: Some(entry.model.clone()) }),
            });
        entries.extend(datasets.chain(runs).chain(models));
        entries
    }
}

fn command_entry(command: UiCommand, at: CommandContext<'_>) -> Entry {
    Entry {
        group: command.group().title(),
        icon: command.icon(),
        title: command.title().to_owned(),
        detail: String::new(),
        blocked: command.enabled(at).err(),
        act: Act::Run(command),
    }
}

fn import_entry(path: &str) -> Entry {
    Entry {
        group: "Data",
        icon: icon::OPEN,
        title: format!("Import {path}"),
        detail: String::new(),
        blocked: None,
        act: Act::Import(PathBuf::from(path)),
    }
}

/// Moves the choice by the arrow keys, before the text field sees them. Returns whether it moved.
fn move_choice(ctx: &Context, chosen: &mut usize, entries: usize) -> bool {
    let (down, up) = ctx.input_mut(|input| {
        (input.consume_key(Modifiers::NONE, Key::ArrowDown), input.consume_key(Modifiers::NONE, Key::ArrowUp))
    });
    if down && *chosen + 1 < entries {
        *chosen += 1;
    }
    if up {
        *chosen = chosen.saturating_sub(1);
    }
    down || up
}

/// Draws the entries; returns the one that was clicked.
fn list(ui: &mut Ui, theme: &Theme, entries: &[Entry], chosen: &mut usize, moved: bool) -> Option<usize> {
    let mut clicked = None;
    if entries.is_empty() {
        ui.add_space(space::S);
        ui.label(theme.weak("Nothing is called that. A path with a slash imports that file."));
    }
    let height = (ui.ctx().content_rect().height() - 260.0).clamp(120.0, 440.0);
    ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut group = "";
        for (index, entry) in entries.iter().enumerate() {
            if entry.group != group {
                group = entry.group;
                ui.add_space(space::S);
                ui.label(theme.caption(group));
                ui.add_space(2.0);
            }
            let response = row(ui, theme, entry, index == *chosen);
            if index == *chosen && moved {
                response.scroll_to_me(None);
            }
            if response.clicked() {
                clicked = Some(index);
            }
        }
    });
    clicked
}

fn row(ui: &mut Ui, theme: &Theme, entry: &Entry, chosen: bool) -> egui::Response {
    let keys = match entry.act {
        Act::Run(command) => command.shortcut().map(|keys| button::keys(ui.ctx(), &keys)).unwrap_or_default(),
        _ => String::new(),
    };
    let right = match entry.blocked {
        Some(reason) => reason.to_owned(),
        None if keys.is_empty() => entry.detail.clone(),
        None => keys,
    };
    let colour = if entry.blocked.is_some() { theme.text.weak } else { theme.text.body };
    let fill = if chosen { theme.accent.soft } else { theme.surface.overlay };
    let button =
        egui::Button::new((entry.icon.small().color(colour), theme.body(&entry.title).color(colour)))
            .right_text(theme.caption(right))
            .fill(fill)
            .stroke(egui::Stroke::NONE)
            .truncate()
            .min_size(vec2(ui.available_width(), space::ROW_COMFORTABLE));
    let response = ui.add(button);
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, chosen, &entry.title));
    response
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn the_beginning_of_a_word_fits_better_than_its_middle_and_letters_in_order_still_fit() {
        let open = fit("open", "Open a file…").expect("fits");
        let inside = fit("pen", "Open a file…").expect("fits");
        let spread = fit("oaf", "Open a file…").expect("fits");
        assert!(open < inside && inside < spread);
        assert_eq!(fit("xyz", "Open a file…"), None);
    }
}
