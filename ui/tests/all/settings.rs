//! Page Settings: devices, appearance, shortcuts.

use egui::Role;
use egui_kittest::kittest::Queryable;
use orrery_domain::{Command, device::DeviceChoice};
use orrery_ui::{command::UiCommand, route::PageId};

use crate::support::{
    fixture,
    harness::{click_role, window},
};

#[test]
fn devices_are_measured_and_chosen() {
    let (mut window, engine) = window(fixture::busy(), PageId::Settings);
    click_role(&mut window, Role::Button, "Measure again");
    click_role(&mut window, Role::RadioButton, "AMD EPYC 9B45");
    assert_eq!(
        engine.asked(),
        [Command::ProbeDevices, Command::SetDefaultDevice { device: DeviceChoice::Cpu }]
    );
    assert!(window.query_by_label_contains("118k rows/s measured").is_some());
    assert!(window.query_by_label_contains("ended by signal 11").is_some(), "an unusable device says why");
}

#[test]
fn every_shortcut_is_on_the_page() {
    let (window, _) = window(fixture::busy(), PageId::Settings);
    for command in UiCommand::ALL {
        let Some(shortcut) = command.shortcut() else { continue };
        let words = orrery_ui::widgets::button::keys(&window.ctx, &shortcut);
        assert!(window.query_all_by_label(&words).next().is_some(), "{command:?} ({words}) is not listed");
    }
}

#[test]
fn there_are_no_outbound_connections() {
    let (window, _) = window(fixture::busy(), PageId::Settings);
    assert!(window.query_by_label("Outbound connections").is_some());
    assert!(window.query_by_label("None").is_some());
}
