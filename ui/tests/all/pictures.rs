//! Every registered page, dark and light, as a picture: something is drawn, in the theme's own colours.
//!
//! The pictures land in cargo's temporary folder of this test, for a person to look at. They are not compared byte by byte,
//! because software rasterizers of two versions differ in single pixels.

use egui_kittest::Harness;
use orrery_ui::{pages, route::PageId, theme::Theme};

use crate::support::{
    fixture,
    harness::{State, sized},
};

/// Keeps a picture of the window as it stands.
pub fn picture(harness: &mut Harness<'static, State>, name: &str) -> image::RgbaImage {
    let image = harness.render().expect("a Vulkan or OpenGL driver draws (Debian: mesa-vulkan-drivers)");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).expect("cargo's folder is writable");
    image.save(folder.join(format!("{name}.png"))).expect("the picture is written");
    image
}

fn all_pages(theme: egui::Theme) {
    let tokens = if theme == egui::Theme::Dark { Theme::dark() } else { Theme::light() };
    let word = if theme == egui::Theme::Dark { "dark" } else { "light" };
    for page in pages::all() {
        for (busy, state) in [(true, "busy"), (false, "empty")] {
            let mut snapshot = if busy { fixture::busy() } else { fixture::empty() };
            snapshot.window_state = Some(format!(r#"{{"theme":"{word}"}}"#).into());
            let (mut harness, _) = sized(snapshot, page.id(), egui::vec2(1280.0, 720.0));
            let name = format!("{}_{word}_{state}", page.id().title().to_lowercase());
            let image = picture(&mut harness, &name);
            // The edge of the page (the harness leaves 8 points around it) has the page's colour, and many pixels are something else.
            let ground = tokens.surface.base.to_array();
            let corner = image.get_pixel(image.width() - 14, image.height() / 2).0;
            assert_eq!(corner, ground, "{name}: the page has the theme's ground");
            let drawn = image.pixels().filter(|pixel| pixel.0 != ground).count();
            assert!(drawn > 40_000, "{name}: only {drawn} pixels are drawn");
        }
    }
}

#[test]
fn every_page_draws_in_the_dark() {
    all_pages(egui::Theme::Dark);
}

#[test]
fn every_page_draws_in_the_light() {
    all_pages(egui::Theme::Light);
}

#[test]
fn every_page_fits_the_smallest_window() {
    for page in PageId::ALL {
        let (harness, _) = sized(fixture::busy(), page, egui::vec2(880.0, 560.0));
        assert!(harness.ctx.content_rect().width() <= 880.0);
    }
}

#[test]
fn the_pages_of_the_fleet_fill_a_usual_window() {
    let pages = [PageId::Deployments, PageId::Fleet, PageId::Traffic, PageId::Drills];
    for word in ["dark", "light"] {
        for page in pages {
            let mut snapshot = fixture::busy();
            snapshot.window_state = Some(format!(r#"{{"theme":"{word}"}}"#).into());
            let (mut harness, _) = sized(snapshot, page, egui::vec2(1440.0, 900.0));
            let name = format!("{}_{word}_1440", page.title().to_lowercase());
            let image = picture(&mut harness, &name);
            assert_eq!((image.width(), image.height()), (1440, 900), "{name}");
            let shades: std::collections::BTreeSet<[u8; 4]> = image.pixels().map(|pixel| pixel.0).collect();
            assert!(shades.len() > 50, "{name}: only {} colours are drawn", shades.len());
        }
    }
}
