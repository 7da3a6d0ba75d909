//! Draws page Settings.

use egui::{Align, Label, Layout, ScrollArea, Ui, vec2};
use orrery_domain::Command;

use super::data::{self, DeviceLine, SettingsView};
use crate::{
    command::UiCommand,
    context::{PageContext, Preference, ThemeChoice},
    theme::space,
    widgets::{
        badge,
        button::{Weight, command_button, copy_button, icon_button, keys},
        card, choice, icon, row,
    },
};

/// Draws the page.
pub fn show(view: &SettingsView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let gap = space::M;
        if ui.available_width() < 860.0 {
            devices(view, ctx, ui);
            ui.add_space(gap);
            others(view, ctx, ui);
            ui.add_space(gap);
            shortcuts(ctx, ui);
            return;
        }
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            let width = ((ui.available_width() - gap) * 0.58).floor();
            ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::LEFT), |ui| {
                devices(view, ctx, ui);
                ui.add_space(gap);
                others(view, ctx, ui);
            });
            let rest = ui.available_width();
            ui.allocate_ui_with_layout(vec2(rest, 0.0), Layout::top_down(Align::LEFT), |ui| {
                shortcuts(ctx, ui);
            });
        });
    });
}

fn devices(view: &SettingsView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::card(
        ui,
        theme,
        "Devices",
        |_| {},
        |ui| {
            ui.horizontal(|ui| {
                ui.label(theme.weak("New trainings begin with"));
                row::right(ui, |ui| {
                    if view.probing {
                        badge::badge(ui, theme, crate::theme::State::Running, "Measuring");
                    } else {
                        command_button(ctx, ui, UiCommand::MeasureDevices, Weight::Normal);
                    }
                });
            });
            for option in &view.choices {
                ui.horizontal(|ui| {
                    let enabled = !ctx.snapshot.workspace.read_only;
                    let radio = ui
                        .add_enabled_ui(enabled, |ui| choice::radio(ui, theme, option.chosen, &option.name));
                    if radio.inner.clicked() && !option.chosen {
                        ctx.outbox.send(Command::SetDefaultDevice { device: option.device });
                    }
                    ui.add(Label::new(theme.weak(&option.detail)).truncate()).on_hover_text(&option.detail);
                });
            }
            if view.devices.is_empty() {
                ui.label(theme.weak("No device was looked for yet"));
            }
            for device in &view.devices {
                ui.add_space(space::XS);
                ui.separator();
                device_line(device, ctx, ui);
            }
        },
    );
}

fn device_line(device: &DeviceLine, ctx: &PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    ui.horizontal(|ui| {
        ui.label(icon::DEVICE.small().color(theme.text.weak));
        ui.label(theme.strong(&device.name));
        row::right(ui, |ui| {
            badge::badge(ui, theme, device.state, device.word);
            ui.label(theme.caption(&device.age));
        });
    });
    ui.label(theme.weak(&device.about));
    ui.add(Label::new(theme.number(&device.figure)).wrap().selectable(true));
}

fn others(view: &SettingsView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    appearance(ctx, ui);
    ui.add_space(space::M);
    workspace(view, ctx, ui);
    ui.add_space(space::M);
    connections(ctx, ui);
    ui.add_space(space::M);
    about(ctx, ui);
}

fn appearance(ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    let facts = ctx.window.clone();
    card::card(
        ui,
        theme,
        "Appearance",
        |_| {},
        |ui| {
            labelled(ui, ctx, "Theme", |ui, ctx| {
                let choices = [
                    (ThemeChoice::System, "As the desktop"),
                    (ThemeChoice::Dark, "Dark"),
                    (ThemeChoice::Light, "Light"),
                ];
                for (wanted, words) in choices {
                    if choice::radio(ui, theme, facts.theme == wanted, words).clicked() {
                        ctx.outbox.set(Preference::Theme(wanted));
                    }
                }
            });
            labelled(ui, ctx, "Text and interface", |ui, ctx| {
                if icon_button(ui, theme, icon::SMALLER, "Smaller", facts.scale > 0.7).clicked() {
                    ctx.outbox.set(Preference::Scale(facts.scale - 0.1));
                }
                ui.label(theme.number(format!("{:.0}%", facts.scale * 100.0)));
                if icon_button(ui, theme, icon::LARGER, "Larger", facts.scale < 2.0).clicked() {
                    ctx.outbox.set(Preference::Scale(facts.scale + 0.1));
                }
            });
            labelled(ui, ctx, "File dialogs", |ui, ctx| {
                for (own, words) in [(false, "The desktop's"), (true, "Orrery's own")] {
                    if choice::radio(ui, theme, facts.own_file_dialog == own, words).clicked() {
                        ctx.outbox.set(Preference::OwnFileDialog(own));
                    }
                }
            });
        },
    );
}

fn workspace(view: &SettingsView, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::card(
        ui,
        theme,
        "Workspace",
        |_| {},
        |ui| {
            labelled(ui, ctx, "Folder", |ui, ctx| {
                ui.add(Label::new(theme.mono(&view.home)).truncate().selectable(true));
                copy_button(ctx, ui, "Copy the workspace's path", &view.home);
            });
            card::fact(ui, theme, "Disk used", &view.disk);
            card::fact(ui, theme, "Disk free", &view.free);
            ui.label(theme.weak("Another folder: start with orrery --home DIR, or set ORRERY_HOME"));
        },
    );
}

fn connections(ctx: &PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::card(
        ui,
        theme,
        "Outbound connections",
        |_| {},
        |ui| {
            ui.horizontal(|ui| {
                ui.label(icon::NETWORK.small().color(theme.text.weak));
                ui.label(theme.strong("None"));
            });
            let words = "Orrery contacts nothing: no update check, no telemetry, no account, no download. Data, models and logs stay in \
                     the workspace folder. A connection would appear here only after you set one up.";
            ui.add(Label::new(theme.weak(words)).wrap());
        },
    );
}

fn about(ctx: &PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::card(
        ui,
        theme,
        "About",
        |_| {},
        |ui| {
            card::fact(ui, theme, "Version", &format!("Orrery {}", env!("CARGO_PKG_VERSION")));
            card::fact(ui, theme, "Drawn with", &ctx.window.renderer);
            card::fact(ui, theme, "Why", &ctx.window.renderer_reason);
            card::fact(ui, theme, "Fonts", "Inter and JetBrains Mono (SIL Open Font License 1.1)");
            card::fact(ui, theme, "Icons", "Material Symbols (Apache License 2.0)");
        },
    );
}

fn shortcuts(ctx: &PageContext<'_>, ui: &mut Ui) {
    let theme = ctx.theme;
    card::card(
        ui,
        theme,
        "Keyboard",
        |_| {},
        |ui| {
            for (group, commands) in data::shortcuts() {
                ui.add_space(space::XS);
                ui.label(theme.caption(group.title()));
                for command in commands {
                    let Some(shortcut) = command.shortcut() else { continue };
                    ui.horizontal(|ui| {
                        ui.spacing_mut().interact_size.y = 20.0;
                        ui.label(command.icon().small().color(theme.text.weak));
                        ui.label(theme.body(command.title())).on_hover_text(command.tooltip());
                        row::right(ui, |ui| {
                            ui.label(theme.number(keys(ui.ctx(), &shortcut)).color(theme.text.weak));
                        });
                    });
                }
            }
        },
    );
}

/// A label with controls right of it; the controls without a name of their own get the label's.
fn labelled(
    ui: &mut Ui,
    ctx: &mut PageContext<'_>,
    label: &str,
    content: impl FnOnce(&mut Ui, &mut PageContext<'_>),
) {
    ui.horizontal(|ui| {
        ui.set_min_height(space::CONTROL);
        ui.allocate_ui_with_layout(vec2(132.0, space::CONTROL), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(132.0);
            ui.label(ctx.theme.weak(label));
        });
        ui.name_inputs(label, |ui| content(ui, ctx));
    });
}
