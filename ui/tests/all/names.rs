//! Everything a person can operate has a role and a name, on every page, dark and light: what a screen reader needs.

use std::collections::BTreeSet;

use egui::{
    Role,
    accesskit::{Action, Role as NodeRole},
};
use egui_kittest::{
    Harness,
    kittest::{NodeT as _, Queryable as _},
};
use orrery_domain::Snapshot;
use orrery_ui::{pages, route::PageId};

use crate::support::{
    fixture,
    harness::{State, settle, sized},
};

/// What can be operated and has no role or no name, in words.
fn nameless(harness: &Harness<'static, State>) -> (usize, BTreeSet<String>) {
    let mut operable = 0;
    let mut found = BTreeSet::new();
    for node in harness.query_all_by(|_| true) {
        let node = node.accesskit_node();
        let data = node.data();
        let acts = [Action::Click, Action::SetValue, Action::Increment, Action::Expand];
        // What only takes the focus (a table, a scrolled area with a name) counts where it has a role of its own.
        let works = acts.iter().any(|action| data.supports_action(*action));
        let focused = data.supports_action(Action::Focus) && data.role() != NodeRole::GenericContainer;
        if !works && !focused {
            continue;
        }
        operable += 1;
        let name = node.label().or_else(|| (data.role() == NodeRole::Label).then(|| node.value()).flatten());
        // A scroll bar is known by the area it belongs to; no toolkit names it.
        let bar = data.role() == NodeRole::ScrollBar;
        let unnamed = !bar && name.is_none_or(|name| name.trim().is_empty());
        let no_role = matches!(data.role(), NodeRole::Unknown | NodeRole::GenericContainer);
        if unnamed || no_role {
            found.insert(format!("{:?} at {:?} says {:?}", data.role(), data.bounds(), node.value()));
        }
    }
    (operable, found)
}

fn check(snapshot: Snapshot, page: PageId, what: &str) {
    let (mut harness, _) = sized(snapshot, page, egui::vec2(1440.0, 900.0));
    settle(&mut harness);
    let (operable, found) = nameless(&harness);
    assert!(operable > 8, "{what}: only {operable} widgets");
    assert!(found.is_empty(), "{what}: without a role or a name:\n{found:#?}");
    // And behind every tab of the page.
    let tabs: BTreeSet<String> = harness
        .query_all_by(|node| node.role() == NodeRole::Tab)
        .filter_map(|node| node.accesskit_node().label())
        .filter(|label| {
            !PageId::ALL.iter().any(|page| page.title() == label) && !label.contains("the navigation")
        })
        .collect();
    for tab in tabs {
        crate::support::harness::click_role(&mut harness, Role::Tab, &tab);
        let (_, found) = nameless(&harness);
        assert!(found.is_empty(), "{what}, {tab}: without a role or a name:\n{found:#?}");
    }
}

#[test]
fn every_operable_widget_of_every_page_has_a_role_and_a_name() {
    for page in pages::all() {
        for theme in ["dark", "light"] {
            for (mut snapshot, words) in [(fixture::busy(), "busy"), (fixture::empty(), "empty")] {
                snapshot.window_state = Some(format!(r#"{{"theme":"{theme}"}}"#).into());
                let what = format!("{} ({theme}, {words})", page.id().title());
                check(snapshot, page.id(), &what);
            }
        }
    }
}
