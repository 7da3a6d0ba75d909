//! Pictures of the real window: what `ORRERY_SCREENSHOTS=DIR` keeps.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use egui::{Key, Modifiers};

use super::window::Window;

/// Where pictures go: `ORRERY_SCREENSHOTS`, else the test's own folder.
pub fn folder(home: &Path) -> PathBuf {
    let folder = std::env::var_os("ORRERY_SCREENSHOTS").map_or_else(|| home.join("pictures"), PathBuf::from);
    fs::create_dir_all(&folder).expect("a folder for pictures");
    folder
}

/// Takes a picture of the page in dark and in light, and checks that each shows something of its own.
pub fn take(window: &mut Window, folder: &Path, page: &str) {
    let mut means = Vec::new();
    for theme in ["dark", "light"] {
        let path = folder.join(format!("{page}-{theme}.png"));
        let image = window.screenshot(&path);
        let colours: HashSet<_> = image.pixels().map(|pixel| pixel.0).collect();
        assert!(colours.len() > 50, "{} shows {} colours only", path.display(), colours.len());
        let sum: u64 = image.pixels().map(|pixel| u64::from(pixel.0[1])).sum();
        means.push(sum / (u64::from(image.width()) * u64::from(image.height())));
        window.key(Key::L, Modifiers::COMMAND | Modifiers::SHIFT);
    }
    assert!(means[0] < 100 && means[1] > 150, "dark is dark and light is light: {means:?}");
}
